# SPDX-License-Identifier: GPL-2.0-or-later
"""Does a hand-over lose anything, also where nobody hears of it; and does anything open a gate that should not?"""

import json
import os
import sys
import threading
import time

import pytest

import traffic
from controller import Pair, other
from lab import VIP, VIP6, wait_until


INJECT = os.path.join(os.path.dirname(__file__), "inject.py")


def generic():
    return {"interface eth0": {"xdp-mode": "generic"}}


def both_families():
    return {"group sip": {"sip-address": [f"{VIP}/24", f"{VIP6}/64"]}}


def word_of(batond):
    """The group's word in the kernel: number and mode."""
    dump = json.loads(batond.node.run("bpftool", "-j", "map", "dump", "pinned", f"{batond.pin_dir}/st_word").stdout)
    return dump[0]["formatted"]["value"]


def neighbours(batond):
    """{MAC: frames} of those who send VIP frames to a host that does not hold the VIP."""
    dump = json.loads(batond.node.run("bpftool", "-j", "map", "dump", "pinned", f"{batond.pin_dir}/st_neigh").stdout)
    rows = [row["formatted"] for row in dump if "formatted" in row]
    return {":".join(f"{int(b):02x}" for b in row["key"]["mac"]): row["value"]["packets"] for row in rows}


def believe_for_ever(lab, vip, host):
    """The client goes on sending the VIP's frames to that host, whatever it hears."""
    lab.c.ip(f"neigh replace {vip} lladdr {lab.nodes[host].mac()} dev eth0 nud permanent")


def switchover_loses_nothing(lab, pair, probe, vip=VIP):
    """One switchover under 1 kHz, nobody told; the client goes on asking the old holder."""
    old = pair.primary
    asked = probe(vip)
    asked.wait_answered_by(old)
    lab.hush(VIP, VIP6)
    with asked.event("switchover"):
        pair.switchover()
        asked.wait_answered_by(other(old), 3)
    # The old holder arms again after a second; from then on it is help.
    wait_until(lambda: pair[old].gate == "armed", 10, lambda: f"{old} to be armed; it is {pair[old].group()}")
    wait_until(lambda: pair[old].counter("vip-helped") > 700, 20, "it to have helped")
    seen = asked.stop()
    told = {h: {n: pair[h].counter(n) for n in ("vip-relay", "vip-helped", "vip-relay-lost", "vip-sent-on", "vip-taken")}
            for h in "ab"}
    assert seen["lost"] == 0 and seen["answered_by_two"] == 0, f"{seen}; {told}"
    assert seen["holders"] == [old, other(old)], seen["segments"]
    assert lab.hushed() > 0, "nobody was hushed: this shows nothing"
    assert told[old]["vip-relay"] > 500, f"relayed too little: {told}"
    assert told[old]["vip-helped"] > 500, f"helped too little: {told}"
    assert neighbours(pair[old]).get(lab.c.mac(), 0) > 1000, neighbours(pair[old])


def test_a_switchover_that_nobody_hears_of_loses_nothing(lab, pair, probe):
    switchover_loses_nothing(lab, pair, probe)


@pytest.mark.parametrize("settings", [generic()])
def test_the_same_with_generic_xdp(lab, pair, probe):
    switchover_loses_nothing(lab, pair, probe)


def test_the_same_over_ipv6(lab, probe):
    """The new holder knows the client's address: else it asks for it, and its question tells the client too."""
    for host in "ab":
        traffic.answerer(lab, host, (VIP, VIP6))
        assert lab.nodes[host].reaches(lab.c.ip6, 2)
    switchover_loses_nothing(lab, Pair(lab, both_families()).start(), probe, VIP6)


@pytest.mark.parametrize("settings", [{"peer": {"lease": "5s"}}])	# which must not end while both are stopped, however long that takes
def test_a_silence_between_the_hosts_ends_no_help(lab, pair, probe):
    """Where a whole machine stands still nobody is heard for a while, and the first frame after it is a client's."""
    old = pair.primary
    believe_for_ever(lab, VIP, other(old))
    asked = probe()
    asked.wait_answered_by(old)
    for _ in range(10):
        for host in "ab":
            pair[host].pause()
        time.sleep(0.05)
        for host in "ab":
            pair[host].resume()
        time.sleep(0.1)
    seen = asked.stop()
    assert seen["lost"] == 0, f"{seen}; vip-armed {pair[other(old)].counter('vip-armed')}"
    assert pair.primary == old, pair.role_changes()


def test_an_orderly_stop_loses_nothing(lab, pair, probe):
    """Nobody hears of the move for a while: the one that stops sends on as long."""
    old = pair.primary
    asked = probe()
    asked.wait_answered_by(old)
    lab.hush(VIP, VIP6)
    stop = threading.Thread(target=pair[old].stop)
    with asked.event("stop"):
        stop.start()
        asked.wait_answered_by(other(old), 3)
    time.sleep(0.1)
    believe_for_ever(lab, VIP, other(old))
    stop.join()
    seen = asked.stop()
    assert seen["lost"] == 0 and seen["answered_by_two"] == 0, seen
    assert seen["holders"] == [old, other(old)], seen["segments"]
    assert lab.hushed() > 0, "nobody was hushed: this shows nothing"


@pytest.mark.parametrize("fault", ["controller_kill", "controller_stop"])
def test_a_dead_controller_loses_nothing(lab, pair, probe, fault):
    """Its kernel obeys the claim and sends on what comes; nobody hears of the move."""
    old = pair.primary
    asked = probe()
    asked.wait_answered_by(old)
    lab.hush()
    getattr(lab, fault)(old)
    asked.wait_answered_by(other(old), 3)
    time.sleep(0.5)
    seen = asked.stop()
    assert seen["lost"] == 0 and seen["answered_by_two"] == 0, seen
    assert seen["holders"] == [old, other(old)], seen["segments"]
    lab.controller_cont(old)


def test_a_client_that_never_learns_is_served_to_and_fro(lab, pair, probe):
    """It sends to one host only, whoever holds the VIP."""
    old = pair.primary
    believe_for_ever(lab, VIP, old)
    asked = probe()
    asked.wait_answered_by(old)
    for holder in (other(old), old, other(old)):
        pair.switchover()
        asked.wait_answered_by(holder, 3)
        pair.settle()
        time.sleep(0.3)
    seen = asked.stop()
    assert seen["lost"] == 0 and seen["answered_by_two"] == 0, seen
    assert neighbours(pair[other(old)]) == {}, "it never sent to the other host"


ASKER = """
import re, socket, sys
sys.path.insert(0, "%s")
from inject import REQUEST
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
s.bind(("", 5999))
s.settimeout(30)
s.sendto(REQUEST, ("%s", 5060))
print("answered by", re.search(rb"Server: *(\\S+)", s.recv(4096)).group(1).decode(), flush=True)
""" % (os.path.dirname(os.path.abspath(__file__)), VIP)


@pytest.mark.parametrize("verb, gate", [(("switchover",), "armed"), (("fence", "sip"), "shut")])
def test_the_old_server_still_answers_what_it_took(lab, verb, gate):
    """It needs five seconds; after one its host is armed again, or shut by hand."""
    for host in "ab":
        traffic.answerer(lab, host, delay_us=5000000)
    pair = Pair(lab).start()
    old = pair.primary
    client = lab.c.start("asker", sys.executable, "-c", ASKER)
    time.sleep(0.5)
    assert pair[old].cli(*verb, check=False).returncode == 0
    wait_until(lambda: pair[old].gate == gate, 3, f"{old} to be {gate}")
    assert "answered by" not in client.text(), "too early: this shows nothing"
    client.wait(30)
    assert f"answered by {old}" in client.text(), f"{client.text()}; {pair[old].json('counters')['tc']}"
    assert pair[old].counter("vip-linger", "tc") > 0


def inject(node, to, from_mac, *more, rate=500, seconds=2, source=None):
    done = node.run(sys.executable, INJECT, "eth0", to.mac(), from_mac, source or node.ip4, VIP, str(rate),
                    str(seconds), *more)
    return int(done.stdout)


def count_tagged(node, tag):
    node.run("nft", "-f", "-", stdin=(
        "table netdev tagged {\n  chain in {\n    type filter hook ingress device eth0 priority 0;\n"
        f"    vlan id {tag} ip daddr {VIP} counter\n  }}\n}}\n"))


def tagged(node):
    told = json.loads(node.run("nft", "-j", "list", "table", "netdev", "tagged").stdout)["nftables"]
    return sum(e["counter"]["packets"] for r in told if "rule" in r for e in r["rule"]["expr"] if "counter" in e)


@pytest.mark.parametrize("settings", [{}, generic()])
def test_a_tagged_frame_keeps_its_tag(lab, pair, settings):
    old, new = pair.primary, other(pair.primary)
    for host in "ab":	# the tag is in the frame, not beside it, as with a NIC of which rxvlan is off
        lab.switch.run("ethtool", "-K", f"{host}0", "txvlan", "off")
    count_tagged(lab.nodes[new], 77)
    pair.switchover()
    pair.settle()
    sent = inject(lab.c, lab.nodes[old], lab.c.mac(), "77")
    helped = pair[old].counter("vip-relay") + pair[old].counter("vip-helped")
    assert helped == sent, f"{old} sent on {helped} of {sent}"
    assert tagged(lab.nodes[new]) == sent, f"{new} got {tagged(lab.nodes[new])} of {sent} with their tag"


def opens_nothing(pair, send):
    """The frames arrived, and neither word moved."""
    before = {h: word_of(pair[h]) for h in "ab"}
    with pair.nothing_moves():
        send()
    assert {h: word_of(pair[h]) for h in "ab"} == before


@pytest.mark.parametrize("from_mac", ["peer", "random", "own"])
def test_a_third_host_opens_nothing(lab, pair, from_mac):
    """H1: neither the peer's address nor one that looks like a mark is a proof."""
    backup = pair.backup
    name = {"peer": "vip-sent-on", "random": "vip-helped", "own": "vip-helped"}[from_mac]
    mac = {"peer": lab.nodes[pair.primary].mac(), "random": "random", "own": lab.c.mac()}[from_mac]
    lab.steady_ports()
    before = pair[backup].counter(name)
    opens_nothing(pair, lambda: inject(lab.c, lab.nodes[backup], mac))
    assert pair[backup].counter(name) - before > 900, f"the frames did not arrive: {pair[backup].json('counters')}"


@pytest.mark.parametrize("bypass", [False, True])
def test_a_process_of_the_primary_opens_nothing(lab, pair, bypass):
    """H1 again: the VIP is missing on its holder, which sends to it; tc stops that, and the backup what tc does not see."""
    primary, backup = pair.primary, pair.backup
    seen = (pair[backup], "vip-sent-on", "xdp") if bypass else (pair[primary], "vip-own", "tc")
    node = lab.nodes[primary]
    before = seen[0].counter(*seen[1:])
    node.ip(f"addr del {VIP}/32 dev eth0")
    opens_nothing(pair, lambda: inject(node, lab.nodes[backup], node.mac(), *(["bypass"] if bypass else [])))
    assert seen[0].counter(*seen[1:]) - before > 900, f"not seen: {seen[0].json('counters')}"
    wait_until(lambda: node.holds(VIP), 3, "the address to be put back")
