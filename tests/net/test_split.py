# SPDX-License-Identifier: GPL-2.0-or-later
"""Split brain: two holders only while no path works, and not for long after one works again."""

import time

import pytest

from controller import Pair, other
from lab import VIP, wait_until
from traffic import Gates

OVERLAP_NS = 300_000_000	# design G1


def holds(lab):
    return [h for h in "ab" if lab.nodes[h].holds(VIP)]


def both_primary(pair):
    return all(pair[h].role == "primary" for h in "ab")


def split(lab, pair):
    """Neither hears the other, until each thinks that it is alone."""
    lab.partition()
    wait_until(lambda: both_primary(pair), 3, "both to serve: as long as no path works that is allowed")


def one_again(lab, pair, gates, healed_ns):
    """Settled; how long both gates were open after the heal (when the command that heals had ended: it may be slow itself)."""
    pair.settle()
    holder = pair.settled()
    wait_until(lambda: holds(lab) == [holder], 2, f"only {holder} to have the address, has it now: {holds(lab)}")
    seen = gates.stop()
    ended = seen["both_from_ns"] + seen["both_longest_ns"]
    assert seen["both_times"] >= 1, f"the partition made no two holders: {seen}"
    return holder, max(0, ended - healed_ns)


def boot_ns():
    return time.clock_gettime_ns(time.CLOCK_BOOTTIME)


def test_the_lower_number_yields_at_the_first_pulse(lab, pair):
    gates = Gates(lab, pair)
    split(lab, pair)
    numbers = {h: pair[h].term for h in "ab"}
    lab.heal()
    healed = boot_ns()
    holder, overlap = one_again(lab, pair, gates, healed)
    assert numbers[holder] == max(numbers.values()), f"{holder} stayed with term {numbers[holder]} of {numbers}"
    assert overlap < OVERLAP_NS, f"both held for {overlap / 1e6:.1f} ms after the heal"


@pytest.mark.parametrize("deaf", ["a", "b"])
def test_healed_in_one_direction_only(lab, pair, deaf):
    """Who hears but is not heard is the only one that knows of both: it steps down."""
    gates = Gates(lab, pair)
    split(lab, pair)
    speaks = deaf
    lab.uncut(speaks, other(speaks))		# `deaf` is heard now, and hears nothing
    healed = boot_ns()
    wait_until(lambda: not both_primary(pair), 2, f"one of both to step down: {pair.role_changes()}")
    wait_until(lambda: pair[other(deaf)].gate != "open", 2, f"{other(deaf)}, which hears, to yield")
    time.sleep(0.3)
    assert pair[deaf].role == "primary", f"{deaf} hears nobody and serves: {pair.role_changes()}"
    lab.heal()
    holder, overlap = one_again(lab, pair, gates, healed)
    assert holder == deaf
    assert overlap < OVERLAP_NS, f"both held for {overlap / 1e6:.1f} ms after one direction worked"


def test_one_way_loss_from_the_start_makes_no_two(lab, pair):
    """One direction of the only path dies: who is heard is not dead, and obeys the claim of who hears nothing, once it has come to him."""
    gates = Gates(lab, pair)
    for frm, to in (("a", "b"), ("b", "a")):
        lab.cut(frm, to)
        time.sleep(1)
        assert not both_primary(pair), f"{frm} -> {to} cut: {pair.role_changes()}"
        lab.uncut(frm, to)
        pair.settle()
    seen = gates.stop()
    assert seen["both_longest_ns"] < OVERLAP_NS, f"two accepting gates although one direction worked all the time: {seen}"


@pytest.mark.parametrize("settings", [{"peer": {"pulse-interval": "20ms", "pulse-misses": "50"}}])
def test_a_flapping_path_moves_nothing(lab, pair):
    """Gone for less than the detection time of 1 s, twenty times; cutting takes some time itself, on a busy machine a good part of it."""
    gates = Gates(lab, pair)
    with pair.nothing_moves():
        for _ in range(20):
            lab.partition()
            time.sleep(0.004)
            lab.heal()
            time.sleep(0.05)
    assert gates.stop()["both_times"] == 0


def test_a_path_that_flaps_slowly_ends_with_one(lab, pair):
    """Gone for longer than the detection time, again and again: each heal ends with one holder, soon."""
    gates = Gates(lab, pair)
    for _ in range(5):
        lab.partition()
        time.sleep(0.15)
        lab.heal()
        healed = boot_ns()
        wait_until(pair.settled, 5, f"one holder after the heal: {pair.role_changes()}")
    holder, overlap = one_again(lab, pair, gates, healed)
    assert overlap < OVERLAP_NS, f"both held for {overlap / 1e6:.1f} ms after a heal"


@pytest.mark.parametrize("paths", [2])
@pytest.mark.parametrize("path", [0, 1])
def test_of_two_paths_one_dies(lab, pair, path):
    with pair.nothing_moves():
        lab.partition(path=path)
        time.sleep(1)
    states = [p["state"] for p in pair.a.status()["peer"]["paths"]]
    assert states[path] == "down" and states[1 - path] == "up", states
    lab.heal()
    wait_until(lambda: {p["state"] for p in pair.a.status()["peer"]["paths"]} == {"up"}, 3, "both paths up again")


@pytest.mark.parametrize("paths", [2])
def test_no_planned_move_where_frames_cannot_be_sent_on(lab, pair):
    """The hosts hear each other by the second network only; the clients are on the first."""
    lab.partition(path=0)
    wait_until(lambda: "own interface" in pair.a.group()["ready"]["reason"], 2, "status to say why it is not ready")
    with pair.nothing_moves():
        done = pair.a.cli("switchover", check=False)
        assert done.returncode == 1 and "own interface" in done.stderr, done.stderr
    assert pair.a.cli("switchover", "--force", check=False).returncode == 0
    pair.b.wait_role("primary")


@pytest.mark.parametrize("paths", [2])
def test_a_host_at_the_end_of_the_only_cable_dies(lab, servers):
    """A heartbeat by a cable from host to host: with the other one's power the link is gone, too."""
    pair = Pair(lab)
    for host, number in (("a", 2), ("b", 1)):
        pair[host].configure({"peer": {"path": [f"eth1 10.78.0.{number}"]}})
    pair.start()
    old = pair.primary
    lab.link_down(other(old), path=1)
    lab.death(old)
    pair[other(old)].wait_role("primary", 3)
    assert pair[other(old)].group()["reason"] == "peer-lost"


@pytest.mark.parametrize("paths", [2])
def test_of_two_paths_both_die_one_after_the_other(lab, pair):
    lab.partition(path=0)
    time.sleep(0.5)
    gates = Gates(lab, pair)
    lab.partition(path=1)
    wait_until(lambda: both_primary(pair), 3, "both to be alone")
    lab._losses.clear()
    lab.partition(path=0)			# only path 1 comes back
    healed = boot_ns()
    holder, overlap = one_again(lab, pair, gates, healed)
    assert overlap < OVERLAP_NS, f"{overlap / 1e6:.1f} ms"


def test_both_groups_have_a_leader_of_their_own(lab, servers):
    """Active/active: each host leads one; a switchover of one leaves the other alone."""
    second = "10.77.0.101"
    group = {"mode": "takeover", "interface": "eth0", "sip-address": f"{second}/24", "sip-port": "5070", "prefer": "b"}
    pair = Pair(lab, {"group two": group}).start(settle=False, together=True)

    def roles():
        return {name: {h: pair[h].group(name)["role"] for h in "ab"} for name in ("sip", "two")}
    want = {"sip": {"a": "primary", "b": "backup"}, "two": {"a": "backup", "b": "primary"}}

    def each_leads_its_own():
        for name, late in (("sip", "a"), ("two", "b")):		# whose host came late, when the other had claimed both
            if roles()[name] == {late: "backup", other(late): "primary"}:
                pair[late].cli("switchover", name, check=False)
        return roles() == want
    wait_until(each_leads_its_own, 10, lambda: f"each host to lead its group: {roles()}", every=0.2)
    wait_until(lambda: lab.a.holds(VIP) and lab.b.holds(second), 2, "the addresses where their groups lead")
    assert not lab.a.holds(second) and not lab.b.holds(VIP)
    wait_until(lambda: all(pair[h].group(n)["gate"] in ("open", "armed") for h in "ab" for n in want), 3, "all armed")
    terms = {name: pair.a.group(name)["term"] for name in want}
    done = pair.a.cli("switchover", "sip", check=False)
    assert done.returncode == 0, done.stderr
    wait_until(lambda: roles()["sip"] == {"a": "backup", "b": "primary"}, 5, f"sip to move: {roles()}")
    assert roles()["two"] == want["two"], f"two moved too: {roles()}"
    assert pair.a.group("two")["term"] == terms["two"] and pair.a.group("sip")["term"] == terms["sip"] + 1
    lab.death("b")
    wait_until(lambda: roles()["two"]["a"] == "primary" and roles()["sip"]["a"] == "primary", 3,
               f"the survivor to lead both: {pair.a.role_changes()}")
