# SPDX-License-Identifier: GPL-2.0-or-later
"""Does a pair do its work in every mode and shape: XDP generic or off, IPv6, two paths, many addresses, a link that
goes and comes back, an address that somebody removed or added by hand?"""

import contextlib
import json
import os
import time

import pytest

import lab as room
import traffic
from controller import Pair, other
from lab import VIP, VIP6, wait_until


SILENCE_MS = 3000		# far above what `make bench` measures: here it is about who answers, not when


def xdp(mode):
    return {"interface eth0": {"xdp-mode": mode}}


def group_of(*addresses):
    return {"group sip": {"sip-address": [f"{a}/{64 if ':' in a else 24}" for a in addresses]}}


def xdp_in_status(batond):
    return [i["xdp"] for i in batond.group()["interfaces"]]


def serves_through_switchover_and_death(lab, pair, addresses=(VIP,), probe=None):
    """The address is answered by whom it must be, before and after both; returns the last holder."""
    first = pair.primary
    asked = [probe(address) for address in addresses]
    expect_answers(asked, first)
    with marked(asked, "switchover"):
        pair.switchover()
        expect_answers(asked, other(first))
    pair.settle()
    with marked(asked, "death"):
        lab.death(other(first))
        expect_answers(asked, first)
    assert pair[first].group()["reason"] == "peer-lost"
    for one in asked:
        seen = one.stop()
        tags = seen["holders"]
        assert tags == [first, other(first), first] and seen["answered_by_two"] == 0, seen["segments"]
        assert all(mark["silence_ms"] < SILENCE_MS for mark in seen["marks"].values()), seen["marks"]
    return first


@contextlib.contextmanager
def marked(asked, name):
    with contextlib.ExitStack() as events:
        for one in asked:
            events.enter_context(one.event(name))
        yield


def expect_answers(asked, tag):
    for one in asked:
        one.wait_answered_by(tag, 3)


# ---- how the data path is attached -----------------------------------------------------------------

@pytest.mark.parametrize("settings", [xdp("generic")])
def test_generic_xdp(lab, pair, probe):
    assert xdp_in_status(pair.a) == xdp_in_status(pair.b) == ["generic"]
    serves_through_switchover_and_death(lab, pair, probe=probe)


@pytest.mark.parametrize("settings", [xdp("off")])
def test_without_xdp_the_controllers_answer_pulses(lab, pair, probe):
    assert xdp_in_status(pair.a) == xdp_in_status(pair.b) == ["off"]
    assert "xdp" not in lab.a.run("ip", "-d", "link", "show", "eth0").stdout
    wait_until(lambda: pair.a.counter("pulse-answered") > 0, 2, "a's controller to count the probes it answered")
    holder = pair.primary
    asked = probe()
    asked.wait_answered_by(holder)
    lab.death(holder)
    asked.wait_answered_by(other(holder), 3)
    assert pair[other(holder)].group()["reason"] == "peer-lost"


@pytest.mark.parametrize("settings", [xdp("off")])
def test_doctor_warns_of_missing_xdp(pair):
    told = json.loads(pair.a.cli("-j", "doctor", check=False).stdout)["checks"]
    rows = [row for row in told if row["check"] == "xdp"]
    assert [row["level"] for row in rows] == ["warn"], rows
    assert "off" in rows[0]["text"] and "xdp-mode" in rows[0]["fix"], rows


@pytest.mark.parametrize("of", [{"a": xdp("off")}, {"b": xdp("off")}], ids=["a-off", "b-off"])
def test_one_host_without_xdp(lab, servers, probe, of):
    pair = Pair(lab, of=of).start()
    asked = probe()
    asked.wait_answered_by(pair.primary)
    lab.death(pair.primary)
    asked.wait_not_answered_by("a", 3)
    pair.stop()


# ---- IPv6 ------------------------------------------------------------------------------------------

def neighbour(lab, address):
    """The hardware address the client sends frames for @address to."""
    told = json.loads(lab.c.run("ip", "-j", "neigh", "show", address).stdout)
    return told[0].get("lladdr") if told else None


def mac(lab, host):
    return json.loads(lab.nodes[host].run("ip", "-j", "link", "show", "eth0").stdout)[0]["address"]


@pytest.mark.parametrize("settings", [group_of(VIP, VIP6)])
def test_ipv6_and_its_neighbours(lab, probe, settings):
    for host in room.HOSTS:
        traffic.answerer(lab, host, (VIP, VIP6))
    pair = Pair(lab, settings).start()
    first = pair.primary
    asked = [probe(VIP), probe(VIP6)]
    expect_answers(asked, first)
    assert neighbour(lab, VIP6) == mac(lab, first)
    pair.switchover()
    expect_answers(asked, other(first))
    assert neighbour(lab, VIP6) == mac(lab, other(first)), "an unsolicited NA must have told the client"
    pair.settle()
    lab.death(other(first))
    expect_answers(asked, first)
    assert neighbour(lab, VIP6) == mac(lab, first), "an unsolicited NA must have told the client"
    pair.stop()


# ---- two paths -------------------------------------------------------------------------------------

def path_states(batond):
    return {p["interface"]: p["state"] for p in batond.status()["peer"]["paths"]}


@pytest.mark.parametrize("paths", [2])
def test_one_of_two_paths_cut_moves_nothing(lab, pair):
    assert path_states(pair.a) == {"eth0": "up", "eth1": "up"}
    for cut in (0, 1):
        with pair.nothing_moves():
            lab.partition(cut)
            for host in "ab":
                wait_until(lambda: path_states(pair[host])[f"eth{cut}"] == "down", 2, f"{host} to see eth{cut} down")
            time.sleep(0.5)
            assert pair.a.status()["peer"]["state"] == "up"
            lab.heal()
            for host in "ab":
                wait_until(lambda: path_states(pair[host])[f"eth{cut}"] == "up", 2, f"{host} to see eth{cut} up")


@pytest.mark.parametrize("paths", [2])
def test_both_paths_cut_and_healed(lab, pair):
    backup, holder = pair.backup, pair.primary
    term = pair[holder].term
    lab.partition(0)
    wait_until(lambda: path_states(pair[backup])["eth0"] == "down", 2, "the first cut to be seen")
    assert pair[backup].role == "backup"
    lab.partition(1)
    pair[backup].wait_role("primary")
    assert (pair[backup].group()["reason"], pair[backup].term) == ("peer-lost", term + 1)
    lab.heal()
    pair[holder].wait_role("backup")
    assert pair.settle().primary == backup, "the higher number stays"
    assert [h for h in "ab" if lab.nodes[h].holds()] == [backup]


# ---- many addresses --------------------------------------------------------------------------------

MANY4 = [f"10.77.0.{i}" for i in range(101, 201)]
MANY6 = [f"fd77::1:{i:x}" for i in range(1, 21)]


def held(lab, host):
    have = {a.split("/")[0] for a in lab.nodes[host].addresses()}
    return have & {*MANY4, *MANY6}


def on_one_host_only(lab, pair, holder):
    wait_until(lambda: len(held(lab, holder)) == 120, 2, f"all 120 on {holder}")
    wait_until(lambda: not held(lab, other(holder)), 2, f"none on {other(holder)}")
    for host in "ab":
        wait_until(lambda: {vip["present"] for vip in pair[host].group()["vips"]} == {host == holder}, 2,
                   f"{host} to say which it has")


@pytest.mark.parametrize("settings", [group_of(*MANY4, *MANY6)])
def test_many_addresses_move_together(lab, probe, settings):
    for host in room.HOSTS:
        traffic.answerer(lab, host, ())
    pair = Pair(lab, settings).start()
    first = pair.primary
    last = (MANY4[-1], MANY6[-1])
    serves_through_switchover_and_death(lab, pair, last, probe)
    lab.revive(other(first))
    pair.settle()
    on_one_host_only(lab, pair, first)
    pair.switchover()
    pair.settle()
    on_one_host_only(lab, pair, other(first))
    pair.stop()


# ---- links and hands -------------------------------------------------------------------------------

def local_route6(lab, host):
    """The local route that lets a server bind the address: ours, not the one of an address."""
    told = json.loads(lab.nodes[host].run("ip", "-6", "-j", "route", "show", "table", "local", VIP6).stdout or "[]")
    return [r for r in told if r["dev"] == "eth0"]


@pytest.mark.parametrize("settings", [group_of(VIP, VIP6)])
def test_link_down_on_the_primary_and_up_again(lab, pair, probe):
    holder = pair.primary
    asked = probe()
    asked.wait_answered_by(holder)
    lab.nodes[holder].ip("link set eth0 down")
    asked.wait_answered_by(other(holder), 3)
    assert not local_route6(lab, holder), "the kernel takes IPv6 routes along: else this test shows nothing"
    lab.nodes[holder].ip("link set eth0 up")
    assert pair.settle().primary == other(holder), "nobody is preempted"
    wait_until(lambda: local_route6(lab, holder), 2, f"the local IPv6 route to be on {holder} again")
    assert not lab.nodes[holder].holds(VIP) and not lab.nodes[holder].holds(VIP6)


def sleeps(pid):
    """{thread: how often it went to sleep}."""
    told = {}
    for task in os.listdir(f"/proc/{pid}/task"):
        with open(f"/proc/{pid}/task/{task}/status") as f:
            rows = dict(line.split(":", 1) for line in f)
        told[rows["Name"].strip()] = int(rows["voluntary_ctxt_switches"])
    return told


@pytest.mark.parametrize("settings", [{"TServer": {"network-monitoring-timeout": "1"}}])
def test_an_interface_that_is_gone_is_tried_again_in_peace(lab, pair):
    """What cannot be placed is tried ten times a second, and no thread of high priority is busy with it."""
    holder = pair.primary
    lab.nodes[holder].ip("link del eth0")
    pair[other(holder)].wait_role("primary")
    time.sleep(2.5)		# the time of the next periodic look is past
    pid, seconds = pair[holder].pid(), 2
    before = sleeps(pid)
    time.sleep(seconds)
    slept = {name: n - before[name] for name, n in sleeps(pid).items() if name in ("placer", "batond")}
    assert slept["placer"] < 100 * seconds and slept["batond"] < 1000 * seconds, f"in {seconds} s the threads slept so often: {slept}"


@pytest.mark.parametrize("settings", [group_of(VIP, VIP6)])
def test_link_down_on_the_backup_moves_nothing(lab, pair):
    backup = pair.backup
    with pair.nothing_moves():
        lab.nodes[backup].ip("link set eth0 down")
        wait_until(lambda: pair[backup].group()["service"] == "unavailable", 2, "the backup to see its link gone")
        lab.nodes[backup].ip("link set eth0 up")
        pair.settle()
    wait_until(lambda: local_route6(lab, backup), 2, f"the local IPv6 route to be on {backup} again")


def test_a_switch_port_may_take_its_time(lab, pair):
    """The cable is in again, but the switch does not forward yet: an old silence is no verdict."""
    backup = pair.backup
    with pair.nothing_moves():
        lab.link_down(backup)
        wait_until(lambda: pair[backup].group()["service"] == "unavailable", 2, "the backup to see its link gone")
        lab.partition()
        lab.link_up(backup)
        wait_until(lambda: pair[backup].group()["service"] == "running", 2, "the backup to see its link")
        time.sleep(0.1)
        lab.heal()
        pair.settle()


def repairs(batond):
    return batond.log().count("vip repaired")


@pytest.mark.parametrize("settings", [group_of(VIP, VIP6)])
@pytest.mark.parametrize("address", [f"{VIP}/32", f"{VIP6}/128"], ids=["ipv4", "ipv6"])
def test_an_address_removed_by_hand_is_put_back(lab, pair, address):
    node, before = lab.nodes[pair.primary], repairs(pair[pair.primary])
    with pair.nothing_moves():
        node.ip(f"addr del {address} dev eth0")
        wait_until(lambda: address in node.addresses(), 2, f"{address} to be back")
        wait_until(lambda: repairs(pair[node.name]) == before + 1, 1, "the log to tell of it")


@pytest.mark.parametrize("settings", [group_of(VIP, VIP6)])
@pytest.mark.parametrize("address", [f"{VIP}/32", f"{VIP6}/128"], ids=["ipv4", "ipv6"])
def test_an_address_added_by_hand_on_the_backup_is_removed(lab, pair, probe, address):
    node, before = lab.nodes[pair.backup], repairs(pair[pair.backup])
    asked = probe()
    asked.wait_answered_by(pair.primary)
    with pair.nothing_moves():
        with asked.event("added"):
            node.ip(f"addr add {address} dev eth0" + (" nodad" if ":" in address else ""))
        wait_until(lambda: address not in node.addresses(), 2, f"{address} to be gone")
        wait_until(lambda: repairs(pair[node.name]) == before + 1, 1, "the log to tell of it")
    seen = asked.stop()
    assert seen["marks"]["added"]["lost"] == 0 and len(seen["segments"]) == 1, seen


# ---- verdicts --------------------------------------------------------------------------------------

@pytest.mark.parametrize("settings", [{"peer": {"lease": "5s"}}])	# it is about hearing, not about a lease that ends
def test_a_late_prober_does_not_call_a_dead_host_alive(lab, pair):
    """Only hearing it ends its silence; that our own probes were late says nothing of it."""
    holder, backup = pair.primary, pair.backup
    lab.death(holder)
    pair[backup].wait_role("primary")
    at = len(pair[backup].log())
    with pair.nothing_moves():
        for _ in range(5):
            pair[backup].pause()
            time.sleep(0.03)
            pair[backup].resume()
            time.sleep(0.05)
    assert "peer change" not in pair[backup].log()[at:], pair[backup].log()[at:]
    assert pair[backup].status()["peer"]["state"] == "down"
