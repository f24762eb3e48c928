# SPDX-License-Identifier: GPL-2.0-or-later
"""The SIP server crashes and leaves a big core, so that its socket stands until that is written; or one of its workers
dies. Does the role wait for the socket to vanish, and does it stay where the server goes on?"""

import os
import signal

import pytest

import traffic
from controller import Pair, other
from lab import BUILD, HOSTS, PORT, VIP, wait_until

CORE_MB = 256


def first(lines, *words):
    """Index of the first line with all the words; fails with the lines."""
    for i, line in enumerate(lines):
        if all(word in line for word in words):
            return i
    raise AssertionError(f"no line with {words} in:\n" + "\n".join(lines))


def test_the_role_moves_while_the_core_is_written(lab, cores, probe):
    pair = Pair(lab)
    for host in HOSTS:
        traffic.answerer(lab, host, core_mb=CORE_MB)
        pair[host].configure({"group sip": {"server-pidfile": traffic.write_pidfile(lab, host)}})
    pair.start()
    asked, holder = probe(), pair.primary
    asked.wait_answered_by(holder)
    with asked.event("dump"):
        lab.dump(holder)
    asked.wait_answered_by(other(holder), 10)
    wait_until(lambda: not traffic.listens(lab, holder), 60, "the core to be written")
    wait_until(lambda: "reason=process-gone" in pair[holder].log(), 10, f"{holder} to see the end of its server")
    told = pair[holder].log().splitlines()
    dump, moved = first(told, "service ", "reason=core-dump"), first(told, "role change ", "from=primary")
    assert dump < moved < first(told, "service ", "reason=process-gone"), told
    seen = asked.stop()
    assert seen["answered_by_two"] == 0, f"{seen['answered_by_two']} requests answered by both hosts"
    assert seen["holders"] == [holder, other(holder)], seen["segments"]
    print(f"silence {seen['marks']['dump']['silence_ms']:.1f} ms, {seen['lost']} lost")


def forking_server(lab, host):
    """A main process that answers nothing itself, with three workers; returns their pids, that which answers last."""
    main = lab.nodes[host].start("server", "sh", "-c", 'sleep 7777 & sleep 7777 & "$@" & wait', "main",
                                 f"{BUILD}/tools/answerer", "-t", host, "-p", str(PORT), VIP)
    wait_until(lambda: "serves port" in main.text(), 5, f"the server of {host} to serve: {main.text()}")
    with open(f"/proc/{main.pid}/task/{main.pid}/children") as f:
        return [int(pid) for pid in f.read().split()]


def need_connector(batond):
    row, = batond.doctor("crash")
    if "does not tell" in row["text"]:
        pytest.skip(row["text"])
    assert row["level"] == "ok", row


def alarms(batond):
    return {alarm["id"]: alarm["text"] for alarm in batond.json("alarms")["alarms"]}


def test_a_worker_dies(lab, probe):
    """The server goes on: an alarm, nothing moves. It answers nothing any more: the role moves, the socket is still there."""
    workers = {host: forking_server(lab, host) for host in HOSTS}
    pair = Pair(lab, of={h: {"group sip": {"server-pidfile": traffic.write_pidfile(lab, h), "sip-hang-timeout": "0"}}
                         for h in HOSTS}).start()
    asked, holder = probe(), pair.primary
    first_one, second, answers = workers[holder]
    asked.wait_answered_by(holder)
    need_connector(pair[holder])
    wait_until(lambda: "server answers " in pair[holder].log(), 30, f"the server of {holder} to answer an OPTIONS")
    with pair.nothing_moves():
        os.kill(first_one, signal.SIGSEGV)
        wait_until(lambda: "worker-died sip" in alarms(pair[holder]), 10, "the alarm worker-died")
    text = alarms(pair[holder])["worker-died sip"]
    assert "sleep" in text and str(first_one) in text and "SEGV" in text, text
    os.kill(answers, signal.SIGSTOP)
    os.kill(second, signal.SIGKILL)
    asked.wait_answered_by(other(holder), 10)
    assert traffic.listens(lab, holder), "its socket was to stand all the while"
    told = pair[holder].log().splitlines()
    hung = told[first(told, "service ", "reason=server-hung")]
    assert str(second) in hung, hung
    pair[holder].wait_role("backup")
    os.kill(answers, signal.SIGCONT)
    wait_until(lambda: pair[holder].group()["service"] == "running", 20, f"{holder}'s server to be found answering again")
    assert pair.primary == other(holder), "nobody is preempted"
    asked.stop()
