# SPDX-License-Identifier: GPL-2.0-or-later
"""The guide's 'Network Status Monitoring' and 'Monitoring Critical Conditions': NICs, VIPs and SIP ports of two real batonds."""

import os
import time

import pytest

from controller import Pair
from lab import VIP, wait_until
from traffic import answerer


def alarm(batond, name):
    """The text of that alarm of the group, "" where it is not raised."""
    rows = batond.json("alarms")["alarms"]
    return next((row["text"] for row in rows if row["id"] == f"{name} sip"), "")


def said(batond, *words):
    """How many lines of its log have all these words."""
    return sum(all(word in line for word in words) for line in batond.log().splitlines())


def quiet(pair, seconds):
    """Whatever settles has settled: no role moves for so long."""
    with pair.nothing_moves():
        time.sleep(seconds)


VIP_WATCHED = {"TServer": {"sip-iptakeover-monitoring": "true"}}


@pytest.mark.parametrize("settings", [VIP_WATCHED])
def test_a_vip_that_somebody_else_touches(lab, pair, probe):
    """Put back, or taken away, at once; told, and no role moves. Who does it again and again is told of by one alarm."""
    asker = probe()
    asker.wait_answered_by("a")
    primary, backup = pair.a, pair.b
    wait_until(lambda: primary.node.holds(VIP), 5, "a to have the address")
    with pair.nothing_moves():
        with asker.event("removed"):
            primary.node.ip(f"addr del {VIP}/32 dev eth0")
            wait_until(lambda: primary.node.holds(VIP), 5, "the address to be put back")
        for length in (32, 24):
            backup.node.ip(f"addr add {VIP}/{length} dev eth0")
            wait_until(lambda: not backup.node.holds(VIP), 5, f"the /{length} to be taken off the backup")
        wait_until(lambda: said(primary, "vip repaired") == 1 and said(backup, "vip repaired") == 2, 5,
                   "each repair to be told once")
        assert not alarm(primary, "00-52029") and not alarm(backup, "00-52029"), "a mended VIP is no alarm"
        for _ in range(8):
            wait_until(lambda: primary.node.holds(VIP), 5, "the address to be put back once more")
            primary.node.run("ip", "addr", "del", f"{VIP}/32", "dev", "eth0", check=False)
        wait_until(lambda: "again and again" in alarm(primary, "00-52029"), 5, "an alarm that says so")
        wait_until(lambda: primary.node.holds(VIP), 5, "the address to be there at last")
        assert said(primary, "vip repaired") <= 6, "no storm of lines: the alarm says it"
    seen = asker.stop()
    assert seen["lost"] == 0, f"the local route serves while the address is away: {seen}"


@pytest.mark.parametrize("settings", [VIP_WATCHED])
def test_a_vip_that_cannot_be_kept(lab, pair):
    """Taken away faster than it can be put back, for three periods: this host is unavailable, and the peer takes over.
    While a role moves and lingers, both hosts may have the address: nothing is said of that."""
    pair.switchover()
    pair.make_primary("a")
    assert not said(pair.a, "00-52029") and not said(pair.b, "00-52029")
    thief = pair.a.node.start("thief", "sh", "-c", f"while :; do ip addr del {VIP}/32 dev eth0 2>&-; done")
    pair.b.wait_role("primary", 20)
    assert alarm(pair.a, "00-52029").startswith("vip-failed: "), alarm(pair.a, "00-52029")
    assert said(pair.a, "vip failed", "event=00-52029") == 1
    assert pair.a.group()["reason"] == "service-unavailable", pair.a.group()
    thief.kill()
    wait_until(lambda: pair.settled() == "b", 20, f"a to be well again: {pair.a.group()}")
    assert said(pair.a, "vip well", "event=00-52030") == 1 and not alarm(pair.a, "00-52029").startswith("vip-failed")
    quiet(pair, 1)


TWO_NICS = {"TServer": {"sip-nic-monitoring": "true", "tlib-nic-monitoring": "true"}}


@pytest.fixture
def watched(lab, servers):
    """Two networks, every NIC watched, each host's own address known to it."""
    of = {h: {"group sip": {"sip-nic-address": lab.nodes[h].ip4}} for h in "ab"}
    return Pair(lab, TWO_NICS, of).start()


@pytest.mark.parametrize("paths", [2])
def test_nics_that_fail_and_are_well_again(lab, watched, probe):
    pair = watched
    asker = probe()
    asker.wait_answered_by("a")
    lab.a.ip("addr del 10.77.0.1/24 dev eth0")
    pair.b.wait_role("primary")
    assert alarm(pair.a, "00-52027").startswith("nic-failed: sip-nic-address"), alarm(pair.a, "00-52027")
    asker.wait_answered_by("b")
    lab.a.ip("addr add 10.77.0.1/24 dev eth0")
    wait_until(lambda: pair.settled() == "b", 20, f"a to be ready again: {pair.a.group()}")
    assert not alarm(pair.a, "00-52027") and said(pair.a, "nic well", "event=00-52028") == 1
    lab.link_down("b", 1)			# the management path of the holder; its SIP network is well
    pair.a.wait_role("primary")
    assert alarm(pair.b, "management-nic").startswith("management-nic-failed: "), alarm(pair.b, "management-nic")
    asker.wait_answered_by("a")
    lab.link_up("b", 1)
    wait_until(lambda: pair.settled() == "a", 20, f"b to be ready again: {pair.b.group()}")
    assert not alarm(pair.b, "management-nic")


@pytest.mark.parametrize("paths", [2])
def test_a_management_switch_that_is_dead_leaves_the_clients_a_server(lab, watched, probe):
    """Both hosts are unavailable for the same reason, and whoever holds the role has to let go: the other is better than
    nobody. When the switch is back nobody moves."""
    pair = watched
    lab.switch.ip("link set a1 down", "link set b1 down")
    wait_until(lambda: all(alarm(b, "management-nic") for b in (pair.a, pair.b)), 10, "both to notice")
    holder = wait_until(lambda: next((h for h in "ab" if pair[h].group()["role"] == "primary"), None), 15,
                        f"one to serve: {pair.a.group()} {pair.b.group()}")
    other = "b" if holder == "a" else "a"
    assert pair[holder].cli("fence", "sip", "--force").returncode == 0
    pair[other].wait_role("primary", 15)
    probe().wait_answered_by(other)
    assert pair[holder].cli("unfence", "sip").returncode == 0
    quiet(pair, 2)
    lab.switch.ip("link set a1 up", "link set b1 up")
    wait_until(lambda: pair.settled() == other, 20, f"a pair again: {pair.a.group()} {pair.b.group()}")


@pytest.mark.parametrize("paths", [2])
def test_a_switch_that_dies_moves_nothing_to_and_fro(lab, watched, probe):
    """Both hosts lose the SIP network at once and see each other by the other one. Whoever notices first may hand over
    once, for he cannot know; then neither is better, and when the switch is back nobody moves either."""
    pair = watched
    before = {h: len(c) for h, c in pair.role_changes().items()}
    lab.switch.ip("link set a0 down", "link set b0 down")
    wait_until(lambda: alarm(pair.a, "00-52027") and alarm(pair.b, "00-52027"), 5, "both to notice")
    time.sleep(3)
    opened = [line for h in "ab" for line in pair.role_changes()[h][before[h]:] if "to=primary" in line]
    assert len(opened) <= 1, f"to and fro: {opened}"
    quiet(pair, 1)
    lab.switch.ip("link set a0 up", "link set b0 up")
    holder = wait_until(pair.settled, 20, f"a pair again: {pair.a.group()} {pair.b.group()}")
    quiet(pair, 3)
    probe().wait_answered_by(holder)


def test_the_period_of_the_checks_is_changed_at_once(lab, servers):
    """Nothing but the period mends here: the option that listens for events is off."""
    pair = Pair(lab, {"TServer": {"network-monitoring-timeout": "30"}}).start()
    holder = pair[pair.primary]
    wait_until(lambda: holder.node.holds(VIP), 5, "the address to be there")
    holder.node.ip(f"addr del {VIP}/32 dev eth0")
    holder.configure({"TServer": {"network-monitoring-timeout": "1"}})
    begun = time.monotonic()
    holder.cli("reload")
    wait_until(lambda: holder.node.holds(VIP), 15, "the address to be put back")
    assert time.monotonic() - begun < 15
    assert said(holder, "option changed", "network-monitoring-timeout") == 2, "of [TServer] and of the group"


def test_the_role_goes_to_the_first_that_can_open_its_port(lab, pair, probe):
    """Guide, 'Monitoring Critical Conditions': neither can bind, so the role stays; the first that can has it."""
    for host in "ba":
        lab.crash(host)
        wait_until(lambda: pair[host].group()["service"] == "unavailable", 5, f"{host} to see its server gone")
    wait_until(lambda: alarm(pair.a, "00-04200") and alarm(pair.b, "00-04200"), 5, "both to raise the guide's alarm")
    quiet(pair, 1)
    holder = [h for h in "ab" if pair[h].role == "primary"]
    assert len(holder) == 1, "one still has the role, though it can serve nobody"
    first = "b" if holder == ["a"] else "a"
    answerer(lab, first)
    pair[first].wait_role("primary", 10)
    probe().wait_answered_by(first)
    wait_until(lambda: not alarm(pair[first], "00-04200"), 5, "its alarm to end")
    assert alarm(pair[holder[0]], "00-04200")
    answerer(lab, holder[0])
    wait_until(lambda: pair.settled() == first, 10, "the other to stand by")
    assert not alarm(pair[holder[0]], "00-04200")


def test_a_port_that_only_one_host_can_open(lab, servers, probe):
    """5062 is in both configurations. While nobody listens there it may be a container's, or translated: nothing is
    said. Once the peer's server has it open, a server that runs without is one that could not open it."""
    pair = Pair(lab, {"group sip": {"sip-port": "5060 5062/udp"}}).start()
    pair.make_primary("a")
    quiet(pair, 6)
    assert not alarm(pair.a, "00-04200") and not alarm(pair.b, "00-04200")
    second = lab.b.start("second", "/usr/bin/python3", "-c", "import socket, time\ns = socket.socket(socket.AF_INET, "
                         f"socket.SOCK_DGRAM)\ns.setsockopt(0, 15, 1)\ns.bind(('{VIP}', 5062))\ntime.sleep(600)")
    pair.b.wait_role("primary", 20)
    assert alarm(pair.a, "00-04200").startswith("port-cannot-open: port 5062 "), alarm(pair.a, "00-04200")
    second.kill()				# now neither has it: b has lost what it had, a is no worse
    pair.a.wait_role("primary", 20)
