# SPDX-License-Identifier: GPL-2.0-or-later
"""vip-placement = resident: addresses on both hosts all the time, and only the open gate says so."""

import signal
import sys

import pytest

import traffic
from controller import Pair
from lab import ROOT, VIP, VIP6, wait_until

RESIDENT = {"group sip": {"vip-placement": "resident", "sip-address": [f"{VIP}/24", f"{VIP6}/64"]},
            "TServer": {"sip-iptakeover-monitoring": "true"}}
BOTH = (VIP, VIP6)
UNNUMBERED = ("203.0.113.1", "2001:db8::1")	# behind an interface without an address: the kernel then looks at others, lo first


def who_has(lab, address):
    """The MACs that answer the client for it; what others asked meanwhile is heard too."""
    own = lab.c.ip6 if ":" in address else lab.c.ip4
    return lab.c.run(sys.executable, f"{ROOT}/tools/lab/who_has.py", "eth0", own, address).stdout.split()


def answers(lab, host):
    """Only that host's NIC, for both addresses."""
    want = [lab.nodes[host].mac()]
    return all(who_has(lab, address) == want for address in BOTH)


def at_home(node):
    return all(node.holds(address, "lo") and not node.holds(address, "eth0") for address in BOTH)


def vips(batond):
    return batond.group()["vips"]


def source_of(node, to):
    """Which address an outgoing connection of that host would bear."""
    code = (f"import socket; s = socket.socket(socket.{'AF_INET6' if ':' in to else 'AF_INET'}, socket.SOCK_DGRAM); "
            f"s.connect(('{to}', 9)); print(s.getsockname()[0])")
    return node.run(sys.executable, "-c", code).stdout.strip()


def watch_addresses(node):
    """What becomes of its addresses from now on, as `ip monitor` has it."""
    told = node.start("addresses", "ip", "-o", "monitor", "address")

    def listens():
        node.ip("addr replace 10.79.0.1/32 dev lo")
        return "10.79.0.1" in told.text()
    wait_until(listens, 10, "ip monitor to listen")
    return told.text


@pytest.fixture
def settings():
    return RESIDENT


@pytest.fixture
def servers(lab):
    for host in "ab":
        traffic.answerer(lab, host, BOTH)


def test_only_the_open_gate_says_who_has_it(lab, servers, settings):
    """On lo of both hosts from start to end, mended, told; no source of other traffic; ARP and NS are the holder's."""
    pair = Pair(lab, settings).start()
    pair.make_primary("a")
    for batond in (pair.a, pair.b):
        wait_until(lambda: at_home(batond.node), 5, f"the VIPs on lo of {batond.host}")
        batond.node.sysctl(net__ipv4__ip_nonlocal_bind=0, net__ipv6__ip_nonlocal_bind=0,
                           net__ipv4__conf__all__arp_ignore=0, net__ipv4__conf__eth0__arp_ignore=0)
        batond.node.ip("link add d0 type veth peer name d1", "link set d1 up", "link set d0 up", *(f"route add {to} dev d0" for to in UNNUMBERED))
        for to in (lab.c.ip4, lab.c.ip6, *UNNUMBERED):
            assert source_of(batond.node, to) not in BOTH, f"{batond.host} takes a VIP for its own traffic to {to}"
    lab.server("b").kill()
    traffic.answerer(lab, "b", BOTH)		# binds to the VIPs of a host that does not hold them
    wait_until(lambda: answers(lab, "a"), 5, f"a alone to answer: {who_has(lab, VIP)} {who_has(lab, VIP6)}")
    assert [v["present"] for v in vips(pair.a)] == [True, True] and [v["present"] for v in vips(pair.b)] == [False, False], \
        f"present is where they can be reached: {vips(pair.a)} {vips(pair.b)}"
    with pair.nothing_moves():
        for host in "ab":
            lab.nodes[host].ip(f"addr del {VIP}/32 dev lo", f"addr del {VIP6}/128 dev lo")
            wait_until(lambda: at_home(lab.nodes[host]), 10, f"the VIPs to be put back on lo of {host}")
    wait_until(lambda: "vip repaired" in pair.a.log() and "vip repaired" in pair.b.log(), 5, "it to be told")
    pair.switchover()
    wait_until(lambda: pair.settled() == "b" and answers(lab, "b"), 10, f"b alone: {who_has(lab, VIP)} {who_has(lab, VIP6)}")
    lab.b.ip("link set eth0 address 02:00:00:00:77:02")
    wait_until(lambda: answers(lab, "b"), 10, f"b by its new address: {who_has(lab, VIP)} {who_has(lab, VIP6)}")
    pair.b.stop()
    pair.a.wait_role("primary")
    assert not any(lab.b.holds(address, "lo") for address in BOTH), f"a clean stop leaves {lab.b.addresses('lo')}"
    wait_until(lambda: answers(lab, "a"), 10, f"a alone again: {who_has(lab, VIP)} {who_has(lab, VIP6)}")
    pair.a.stop()
    assert not any(lab.a.holds(address, "lo") for address in BOTH), f"a clean stop leaves {lab.a.addresses('lo')}"
    assert not who_has(lab, VIP) and not who_has(lab, VIP6), "nobody answers when nobody runs"


def test_moves(lab, servers, settings, probe):
    """By hand, by a server's crash, kill -9, restart in place, reload, and death of the host: as in takeover."""
    pair = Pair(lab, settings).start()
    pair.make_primary("a")
    asked = {address: probe(address=address) for address in BOTH}

    def answered_by(host):
        for one in asked.values():
            one.wait_answered_by(host)

    answered_by("a")
    pair.switchover()
    answered_by("b")
    wait_until(lambda: pair.settled() == "b", 20, f"a whole pair: {pair.a.group()} {pair.b.group()}")
    lab.crash("b")
    pair.a.wait_role("primary")
    answered_by("a")
    traffic.answerer(lab, "b", BOTH)
    wait_until(lambda: pair.settled() == "a", 20, f"b to be ready again: {pair.b.group()}")
    moved, term = [watch_addresses(lab.nodes[host]) for host in "ab"], pair.a.term
    for batond in (pair.a, pair.b):
        starts = batond.log().count("started node=")
        batond.signal(signal.SIGUSR1)
        wait_until(lambda: batond.log().count("started node=") > starts, 30, f"a new start in place of {batond.host}")
        batond.wait_ready()
        batond.signal(signal.SIGHUP)
        wait_until(lambda: pair.settled() == "a", 20, lambda: f"a whole pair: {pair.a.group()} {pair.b.group()}")
    answered_by("a")
    assert pair.a.term == term and at_home(lab.a) and at_home(lab.b), f"a restart and a reload move nothing: {pair.role_changes()}"
    gone = [line for text in moved for line in text().splitlines() if line.startswith("Deleted") and any(vip in line for vip in BOTH)]
    assert not gone, f"for a moment the VIPs were not there: {gone}"
    pair.b.kill()				# the backup's controller: its gate stays, and so do its addresses
    assert at_home(lab.b)
    wait_until(lambda: answers(lab, "a"), 5, f"a alone, while b has no controller: {who_has(lab, VIP)} {who_has(lab, VIP6)}")
    pair.b.start()
    wait_until(lambda: pair.settled() == "a", 20, f"b to be ready again: {pair.b.group()}")
    pair.a.kill()				# the holder's: its lease ends, and the peer takes over
    pair.b.wait_role("primary", 20)
    answered_by("b")
    wait_until(lambda: answers(lab, "b"), 5, f"b alone, while a has no controller: {who_has(lab, VIP)} {who_has(lab, VIP6)}")
    pair.a.start()
    wait_until(lambda: pair.settled() == "b", 20, f"a to be ready again: {pair.a.group()}")
    lab.death("b")
    pair.a.wait_role("primary", 20)
    answered_by("a")
    for address, one in asked.items():
        seen = one.stop()
        assert seen["holders"][0] == "a" and seen["holders"][-1] == "a", f"{address}: {seen['holders']}"


def test_refused_where_nothing_would_answer(lab):
    """XDP off: nobody but the stack would answer ARP, and that on both hosts."""
    code, text = Pair(lab, RESIDENT | {"interface eth0": {"xdp-mode": "off"}}).a.check()
    assert code and "xdp-mode = off" in text and "vip-placement = resident" in text, (code, text)
