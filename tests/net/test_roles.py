# SPDX-License-Identifier: GPL-2.0-or-later
"""Who leads, and why: starts, restarts and returns of two real batonds."""

import contextlib
import json
import time

import pytest

from controller import Pair
from lab import VIP, wait_until


@contextlib.contextmanager
def stays(batond):
    """Fails when the role changed on this one host while the block ran."""
    before = batond.role_changes()
    yield
    assert batond.role_changes() == before, f"{batond.host} moved: {batond.role_changes()[len(before):]}"


def holders(lab):
    """The hosts with the address, once there is one: it goes and comes a moment after the role."""
    def now():
        return [h for h in ("a", "b") if lab.nodes[h].holds(VIP)]
    wait_until(lambda: len(now()) == 1, 2, f"one host to have the address; now {now()}")
    return now()


def test_both_started_at_once(lab, servers):
    pair = Pair(lab).start_at_once().settle()
    assert pair.settled() == "a", f"a is preferred and both were new: {pair.role_changes()}"
    assert holders(lab) == ["a"]
    assert pair.a.term == pair.b.term == 1, "one claim is enough"
    pair.stop()


def test_started_alone_then_the_other_late(lab, servers):
    pair = Pair(lab)
    pair.b.start()
    pair.b.wait_role("primary")
    assert pair.b.group()["reason"] == "alone"
    term = pair.b.term
    with stays(pair.b):
        pair.a.start()
        pair.settle()
        time.sleep(0.5)
    assert pair.settled() == "b", "nobody is preempted, preferred or not"
    assert pair.b.term == term
    assert holders(lab) == ["b"]
    pair.stop()


def test_death_of_the_primary_and_its_return(lab, pair):
    term = pair.a.term
    lab.death("a")
    pair.b.wait_role("primary")
    assert pair.b.group()["reason"] == "peer-lost"
    assert pair.b.term == term + 1
    lab.revive("a")
    wait_until(lambda: pair.settled() == "b", 5, "a to come back as the armed backup of b")
    assert holders(lab) == ["b"]
    assert pair.a.term == pair.b.term
    assert pair.a.cli("switchover").returncode == 0, "the returned host can take the role"
    assert pair.settled() in ("a", None)
    pair.a.wait_role("primary")


@pytest.mark.parametrize("settings", [{"peer": {"lease": "10s"}}])	# a start takes longer than half of 2 s now and then
@pytest.mark.parametrize("host", ["a", "b"])
def test_restart_of_a_killed_controller_moves_nothing(lab, pair, host):
    before = {h: pair[h].group() for h in "ab"}
    pair[host].kill()
    pair[host].start()
    pair.settle()
    after = {h: pair[h].group() for h in "ab"}
    for h in "ab":
        assert (after[h]["role"], after[h]["term"]) == (before[h]["role"], before[h]["term"]), \
            f"{h} was {before[h]}, is {after[h]}"
    assert "pins=found" in pair[host].log()
    assert holders(lab) == ["a"]


def test_killed_controller_is_claimed_from(lab, pair, probe):
    p = probe()
    p.wait_answered_by("a")
    term = pair.a.term
    pair.a.kill()
    pair.b.wait_role("primary", 3)
    assert pair.b.group()["reason"] == "peer-stalled"
    assert pair.b.term == term + 1
    p.wait_answered_by("b")
    pair.a.start()
    pair.settle()
    assert pair.settled() == "b"
    assert holders(lab) == ["b"], "the restarted controller removed what it no longer holds"


def test_orderly_stop_hands_over_and_leaves_nothing(lab, pair):
    assert pair.a.stop() == 0
    pair.b.wait_role("primary")
    assert pair.b.group()["reason"] == "peer-let-go"
    assert holders(lab) == ["b"]
    for what in (("ip", "link", "show", "eth0"), ("ip", "route", "show", "table", "local"),
                 ("tc", "filter", "show", "dev", "eth0", "egress")):
        said = lab.a.run(*what).stdout
        assert "xdp" not in said and "baton" not in said and VIP not in said, f"left behind: {said}"


def test_switchover_from_either_host(lab, pair):
    for host in ("a", "a", "b", "b"):		# push, pull back, push from the other ...
        was = pair.primary
        done = pair[host].cli("switchover", check=False)
        assert done.returncode == 0, f"asked on {host} while {was} led: {done.stdout}{done.stderr}"
        wait_until(lambda: pair.settled() not in (None, was), 5, f"the role to leave {was}")
        assert holders(lab) == [pair.primary]


def test_switchover_is_refused_when_the_peer_is_not_ready(lab, pair):
    lab.crash("b")
    wait_until(lambda: pair.b.group()["service"] == "unavailable", 2, "b to see its server gone")
    wait_until(lambda: pair.a.group()["peer"]["gate"] == "shut", 5, "b to disarm, and a to hear it")
    with pair.nothing_moves():
        done = pair.a.cli("switchover", check=False)
        assert done.returncode == 1
        assert "unavailable" in done.stderr or "not armed" in done.stderr, done.stderr


def test_crash_of_the_server_moves_the_role_at_once(lab, pair, probe):
    p = probe()
    p.wait_answered_by("a")
    lab.crash("a")
    p.wait_answered_by("b", 2)
    assert pair.b.group()["reason"] == "peer-let-go"
    pair.a.wait_role("backup")
    assert pair.a.gate == "shut", "no server, not armed"
    assert holders(lab) == ["b"]


def test_both_servers_gone_moves_nothing(lab, pair):
    lab.crash("b")
    wait_until(lambda: pair.a.group()["peer"]["gate"] == "shut", 5, "b to disarm, and a to hear it")
    with pair.nothing_moves():
        lab.crash("a")
        wait_until(lambda: pair.a.group()["service"] == "unavailable", 2, "a to see its server gone")
        time.sleep(0.5)
    ids = [alarm["id"] for alarm in pair.a.json("alarms")["alarms"]]
    assert "stuck sip" in ids, f"an alarm must say why nothing moves: {ids}"


def test_a_number_survives_reboots_of_both(lab, servers):
    pair = Pair(lab).start()
    pair.switchover()
    pair.settle()
    term = pair.a.term
    pair.stop()
    for host in "ab":
        pair[host].forget_pins()
    pair.start()
    assert pair.a.term > term, f"term {pair.a.term} was used before the reboot ({term})"
    pair.stop()


def test_both_lost_their_disks_start_anew(lab, servers):
    pair = Pair(lab).start()
    pair.stop()
    for host in "ab":
        pair[host].forget_state()
    pair.start()
    assert pair.settled() == "a"
    pair.stop()


def test_one_lost_its_disk_and_learns_the_number(lab, pair):
    pair.switchover()
    pair.settle()
    term = pair.b.term
    pair.a.stop()
    pair.a.forget_state()
    with stays(pair.b):
        pair.a.start()
        pair.settle()
    assert pair.a.term == term and pair.settled() == "b"


@pytest.mark.parametrize("text, word", [("rubbish\n", "corrupt"), ("", "corrupt")])
def test_corrupt_state_file_is_refused_and_the_number_learnt(lab, pair, text, word):
    pair.switchover()
    pair.settle()
    term = pair.b.term
    pair.a.stop()
    with open(f"{pair.a.state_dir}/term.sip", "w") as f:
        f.write(text)
    with stays(pair.b):
        pair.a.start()
        pair.settle()
    assert word in str(pair.a.json("alarms")), pair.a.json("alarms")
    assert pair.a.term == term


def test_pulses_tell_of_the_peers_traffic(lab, pair, probe):
    """What the holder's programs see of SIP, XDP in and tc out, the other host hears in pulses."""
    probe().wait_answered_by("a")

    def heard():
        dump = json.loads(lab.b.run("bpftool", "-j", "map", "dump", "pinned", f"{pair.b.pin_dir}/st_heard").stdout)
        return dump[0]["formatted"]["value"]
    wait_until(lambda: heard()["resp_age_ms"] < 1000 and heard()["requests"] > 100, 3,
               f"b to hear of requests and responses at a: {heard()}")
