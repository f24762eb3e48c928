# SPDX-License-Identifier: GPL-2.0-or-later
"""Debian's Kamailio, bound to the virtual address, with workers: does it start on the backup, serve after a takeover,
and is the death of its main process alone told from its end?"""

import os
import time

import pytest

import controller
import lab as room
import traffic
from kamailio import Kamailio, pidfile_of


@pytest.fixture
def unserved(lab):
    """batond on both hosts, which then have what a server needs to bind the address; no server yet."""
    made = controller.Pair(lab, of={h: {"group sip": {"server-pidfile": pidfile_of(lab, h)}} for h in room.HOSTS})
    yield made.start(settle=False)
    made.stop()


@pytest.fixture
def kamailios(lab, unserved):
    return {host: Kamailio(lab, host) for host in room.HOSTS}


@pytest.fixture
def pair(unserved, kamailios):
    return unserved.settle()


def alarms(batond):
    return [alarm["id"] for alarm in batond.json("alarms")["alarms"]]


def test_it_starts_on_the_backup_too(lab, pair, kamailios):
    backup = pair.backup
    assert not lab.nodes[backup].holds(), "the backup has the address: that Kamailio binds it there shows nothing"
    assert len(kamailios[backup].pids()) >= 3, "a main process and two workers at least"
    assert pair[backup].group()["service"] == "running"


def test_calls_go_on_through_switchover_and_death(lab, pair, probe):
    first = pair.primary
    asked = probe()
    asked.wait_answered_by(first)
    calls = traffic.Calls(lab, rate=100, talk_ms=100)
    pair.switchover()
    asked.wait_answered_by(controller.other(first))
    pair.settle()
    lab.death(controller.other(first))
    asked.wait_answered_by(first)
    time.sleep(0.5)				# calls begun meanwhile end
    made, seen = calls.stop(), asked.stop()
    assert made["made"] > 50 and made["ok"] == made["made"], made
    assert seen["answered_by_two"] == 0, f"{seen['answered_by_two']} requests answered by both hosts"


def test_kill_of_the_main_process_alone_raises_an_alarm_and_moves_nothing(lab, pair, kamailios, probe):
    holder = pair.primary
    asked = probe()
    asked.wait_answered_by(holder)
    with pair.nothing_moves():
        with asked.event("kill"):
            kamailios[holder].kill_main()
        room.wait_until(lambda: "main-process-gone sip" in alarms(pair[holder]), 3, "the alarm main-process-gone")
        time.sleep(1)
    seen = asked.stop()
    assert seen["holders"] == [holder] and seen["marks"]["kill"]["lost"] == 0, seen
    assert pair[holder].group()["service"] == "running" and "stuck sip" not in alarms(pair[holder])


def test_end_of_the_workers_too_moves_the_role(pair, kamailios, probe):
    holder = pair.primary
    asked = probe()
    asked.wait_answered_by(holder)
    kamailios[holder].kill_main()
    room.wait_until(lambda: "main-process-gone sip" in alarms(pair[holder]), 3, "the alarm main-process-gone")
    kamailios[holder].kill_all()
    asked.wait_answered_by(controller.other(holder), 3)
    assert pair[controller.other(holder)].group()["reason"] == "peer-let-go"
    room.wait_until(lambda: "main-process-gone sip" not in alarms(pair[holder]), 3, "the alarm to clear: nobody serves")


def test_kill_of_all_at_once_moves_the_role(pair, kamailios, probe):
    holder = pair.primary
    asked = probe()
    asked.wait_answered_by(holder)
    kamailios[holder].kill_all()
    asked.wait_answered_by(controller.other(holder), 3)
    pair[holder].wait_role("backup")
    assert pair[holder].gate == "shut", "no server, not armed"


def test_crash_of_its_only_worker_moves_the_role_before_its_sockets_vanish(lab, unserved, cores, probe):
    """While the worker's core is written the main process knows of nothing, and nobody answers."""
    kamailios = {host: Kamailio(lab, host, udp_workers=1, shm_mb=256) for host in room.HOSTS}
    holder = unserved.settle().primary
    asked = probe()
    asked.wait_answered_by(holder)
    row, = unserved[holder].doctor("crash")
    if "does not tell" in row["text"]:
        pytest.skip(row["text"])
    room.wait_until(lambda: "server answers " in unserved[holder].log(), 30, f"Kamailio of {holder} to answer an OPTIONS")
    kamailios[holder].kill_worker()
    asked.wait_answered_by(controller.other(holder), 10)
    room.wait_until(lambda: not traffic.listens(lab, holder), 60, "Kamailio's sockets to vanish")
    batond = unserved[holder]
    room.wait_until(lambda: "reason=process-gone" in batond.log(), 10, f"{holder} to see the end of its Kamailio")
    log = batond.log()
    gone = min(log.index(reason) for reason in ("reason=listener-lost", "reason=process-gone") if reason in log)
    assert 0 < log.index("from=primary") < gone, log
    assert log.count("worker died") == 1, "an end by its own main process is none by a crash"


def test_a_new_kamailio_makes_the_host_a_backup_again(lab, pair, kamailios):
    holder = pair.primary
    kamailios[holder].kill_all()
    room.wait_until(lambda: pair[holder].gate == "shut", 3, f"{holder} to be out of it")
    os.unlink(pidfile_of(lab, holder))
    Kamailio(lab, holder)
    pair.settle()
    assert pair.primary == controller.other(holder), "nobody is preempted"
    assert "service-unavailable sip" not in alarms(pair[holder])
