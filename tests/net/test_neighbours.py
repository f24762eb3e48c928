# SPDX-License-Identifier: GPL-2.0-or-later
"""baton neighbours: who has not heard of the move sends to the old holder: it shows him, tells him, and says when all
have moved."""

import json

import pytest

from lab import VIP, wait_until
from test_cli import check


@pytest.fixture(name="pair")
def a_leads(pair):
    if pair.primary != "a":
        pair.switchover()
        pair.settle()
    return pair


def neighbours(batond):
    return check(batond.json("neighbours"), "neighbours")["neighbours"]


def mac(node, dev="eth0"):
    return json.loads(node.run("ip", "-j", "link", "show", dev).stdout)[0]["address"]


def known_at(lab, ip=VIP):
    """The Ethernet address that the client has for the VIP."""
    words = lab.c.run("ip", "neigh", "show", ip).stdout.split()
    return words[words.index("lladdr") + 1] if "lladdr" in words else None


def deaf_to(lab, host):
    """The client hears nothing of what this host says of the VIP by itself."""
    lab.c.run("nft", "-f", "-", stdin=(
        "add table netdev deaf\n"
        "add chain netdev deaf in { type filter hook ingress device eth0 priority 0; }\n"
        f"add rule netdev deaf in ether saddr {mac(lab.nodes[host])} ether type arp arp saddr ip {VIP} drop\n"
        f"add rule netdev deaf in ether saddr {mac(lab.nodes[host])} icmpv6 type nd-neighbor-advert drop\n"))


def test_who_missed_the_announcement_is_told_by_the_old_holder(lab, pair, probe):
    p = probe()
    p.wait_answered_by("a")
    deaf_to(lab, "b")
    pair.switchover()
    p.wait_answered_by("b")		# sent on by a
    wait_until(lambda: known_at(lab) == mac(lab.b), 5, f"the client to be told; it has {known_at(lab)}")
    wait_until(lambda: "takeover complete group=sip" in pair.a.log(), 5, "the takeover to be complete")
    step = [s for s in check(pair.a.json("explain"), "explain")["changes"][0]["steps"] if s["step"] == "complete"]
    assert len(step) == 1 and step[0]["at_us"] > 0, step
    rows = neighbours(pair.a)
    assert [(r["mac"], r["vip"], r["group"], r["interface"]) for r in rows] == [(mac(lab.c), VIP, "sip", "eth0")], rows
    assert rows[0]["packets"] > 10, rows
    assert neighbours(pair.b) == [], "the holder has guests, no strays"
    assert mac(lab.c) in pair.a.cli("neighbours").stdout
    assert "nobody sends frames" in pair.b.cli("neighbours").stdout
    assert "vip conflict" not in pair.b.log()


def test_who_will_not_move_stays_on_the_list(lab, pair, probe):
    """A fixed entry hears nobody: its frames are sent on, and the takeover is never called complete."""
    p = probe()
    p.wait_answered_by("a")
    lab.c.run("ip", "neigh", "replace", VIP, "lladdr", mac(lab.a), "dev", "eth0", "nud", "permanent")
    pair.switchover()
    p.wait_answered_by("b")
    wait_until(lambda: neighbours(pair.a) and neighbours(pair.a)[0]["packets"] > 2000, 10, "the strays to be counted")
    assert neighbours(pair.a)[0]["last_ms"] < 1000
    assert "takeover complete" not in pair.a.log()
    lab.c.run("ip", "neigh", "replace", VIP, "lladdr", mac(lab.b), "dev", "eth0", "nud", "reachable")
    wait_until(lambda: "takeover complete group=sip" in pair.a.log(), 5, "the takeover to be complete")
    result = p.stop()
    assert result["lost"] == 0, result


def test_a_quiet_takeover_is_complete_after_a_second(pair):
    pair.switchover()
    wait_until(lambda: "takeover complete group=sip" in pair.a.log(), 5, "the takeover to be complete")
    assert "takeover complete" not in pair.b.log()
    assert neighbours(pair.a) == []
