# SPDX-License-Identifier: GPL-2.0-or-later
"""Every door: no interface of a host serves what its gate does not, whoever takes away what, and nothing moves for it."""

import json
import os
import signal
import subprocess
import threading
import time

import pytest

from controller import Batond, Pair
from lab import BUILD, VIP, wait_until
from test_pause import segments
from traffic import Probe

NIC = "eth7"
LATE_S = 2	# so much later than it happens may it be seen


@pytest.fixture
def pair(lab, servers, settings):
    """As elsewhere, but a is the primary also where busy CPUs made b the first."""
    made = Pair(lab, settings).start()
    made.make_primary("a")
    return made


def doors(batond):
    return {i["name"]: i["xdp"] for i in batond.group()["interfaces"]}


def nft(node, *words, **kwargs):
    return node.run("nft", *words, **kwargs)


def elements(node, name, family="inet"):
    """Protocols that are in a set of ours now."""
    told = json.loads(nft(node, "-j", "list", "set", family, "baton", name).stdout)["nftables"]
    elem = next(row["set"] for row in told if "set" in row).get("elem", [])
    return [e["elem"]["val"] for e in elem]


def tables(node):
    return sorted(line for line in nft(node, "list", "tables").stdout.splitlines() if line.endswith(" baton"))


ALL_TABLES = ["table arp baton", "table inet baton", "table netdev baton"]


class Quiet:
    """Fifty requests in a second; how many were answered, and by whom?"""

    def __init__(self, lab):
        p = Probe(lab, rate=50, seconds=1)
        p.process.wait(10)
        self.answered, self.by = p.stop()["answered"], segments(p)


def point_client_at(lab, mac):
    """As a neighbour that has learnt this address for the VIP, and is told nothing better."""
    lab.c.ip(f"neigh replace {VIP} lladdr {mac} dev eth0 nud permanent")


def strip_xdp(batond, dev="eth0"):
    number = json.loads(batond.node.run("ip", "-j", "link", "show", "dev", dev).stdout)[0]["ifindex"]
    batond.node.run("bpftool", "link", "detach", "pinned", f"{batond.pin_dir}/link-{number}")


def strip_tc(batond, dev="eth0"):
    batond.node.run("tc", "qdisc", "del", "dev", dev, "clsact")


def gate_stands(batond, dev="eth0"):
    link = json.loads(batond.node.run("ip", "-j", "link", "show", "dev", dev).stdout)[0]
    filters = batond.node.run("tc", "filter", "show", "dev", dev, "egress").stdout
    rows = [line for line in filters.splitlines() if "handle" in line and " bpf " in line]
    return "xdp" in link and bool(rows) and "baton_tc:[" in rows[0] and "pref 1 " in rows[0]


def alarms(batond):
    return [a["id"] for a in batond.json("alarms")["alarms"]]


# -- every door -----------------------------------------------------------------------------------

def serve_by_second_nic(lab, host, requests=50):
    """So many requests at a host's second NIC; by whom were they answered?"""
    point_client_at(lab, lab.nodes[host].mac(NIC))
    p = Probe(lab, rate=requests, seconds=1)
    p.process.wait(10)
    return p.stop(), segments(p)


@pytest.mark.parametrize("how", ["gated", "off", "without address"])
def test_a_weak_host_serves_nothing_by_a_second_nic(lab, servers, how):
    """Without a gate there Linux takes in by any interface what is for an address of another: 50 of 50."""
    lab.add_nic("b", NIC, None if how == "without address" else "10.77.0.22/24")
    lab.b.sysctl(**{"net__ipv4__conf__all__rp_filter": 0, f"net__ipv4__conf__{NIC}__rp_filter": 0})
    more = {"b": {f"interface {NIC}": {"xdp-mode": "off"}}} if how == "off" else None
    pair = Pair(lab, of=more).start()
    want = {"gated": {"eth0": "native", NIC: "native"}, "off": {"eth0": "native", NIC: "off"},
            "without address": {"eth0": "native"}}[how]
    wait_until(lambda: doors(pair.b) == want, 2, f"doors {want}, there are {doors(pair.b)}")
    pair.make_primary("a")
    result, by = serve_by_second_nic(lab, "b")
    assert result["sent"] == 50 and "b" not in by, f"the backup answered by {NIC}: {result}"
    pair.make_primary("b")
    result, by = serve_by_second_nic(lab, "b")
    assert by == ["b"] and result["lost"] == 0, f"the primary does not serve by {NIC}: {result}"
    pair.stop()


def test_a_door_that_comes_later_is_gated(lab, pair):
    lab.add_nic("b", NIC)
    time.sleep(0.2)
    assert NIC not in doors(pair.b)
    lab.b.ip(f"addr add 10.77.0.22/24 dev {NIC}")
    wait_until(lambda: doors(pair.b).get(NIC) == "native", 2, f"{NIC} to be gated: {doors(pair.b)}")
    assert gate_stands(pair.b, NIC)
    pins = os.listdir(pair.b.pin_dir)
    lab.b.ip(f"link del {NIC}")
    wait_until(lambda: NIC not in doors(pair.b), 2, f"{NIC} to be forgotten")
    assert len(os.listdir(pair.b.pin_dir)) == len(pins) - 1, f"the pin of a link that is gone stayed: {os.listdir(pair.b.pin_dir)}"
    lab.add_nic("b", NIC, "fd77::22/64 nodad")
    wait_until(lambda: doors(pair.b) == {"eth0": "native"}, 2, "no door by another network")
    lab.b.ip(f"addr add 10.77.0.22/24 dev {NIC}")
    wait_until(lambda: doors(pair.b).get(NIC) == "native" and gate_stands(pair.b, NIC), 2,
               f"{NIC} made anew to be gated: {doors(pair.b)}")


def test_a_named_interface_made_anew_is_gated_and_told_of(lab, servers):
    """The rest of batond knows it by its number; the gate must not."""
    for host, number in (("a", 21), ("b", 22)):
        lab.add_nic(host, NIC, f"10.77.0.{number}/24")
    pair = Pair(lab, of={"a": {"peer": {"path": ["eth0 10.77.0.2", f"{NIC} 10.77.0.22"]}},
                         "b": {"peer": {"path": ["eth0 10.77.0.1", f"{NIC} 10.77.0.21"]}}}).start()
    with pair.nothing_moves():
        lab.b.ip(f"link del {NIC}")
        wait_until(lambda: doors(pair.b)[NIC] == "off", 2, "the door to be ungated")
        lab.add_nic("b", NIC, "10.77.0.22/24")
        wait_until(lambda: doors(pair.b)[NIC] == "native", 2, "the door to be gated again")
        assert gate_stands(pair.b, NIC)
        wait_until(lambda: f"interface-moved {NIC}" in alarms(pair.b), 2, f"an alarm: {alarms(pair.b)}")
    rows = json.loads(pair.b.cli("-j", "doctor", check=False).stdout)["checks"]
    assert any(r["check"] == "fence" and r["level"] == "bad" and NIC in r["text"] for r in rows), rows
    pair.stop()


# -- what is taken away is put back ---------------------------------------------------------------

@pytest.mark.parametrize("host", ["a", "b"])
@pytest.mark.parametrize("strip", [strip_xdp, strip_tc])
def test_what_is_stripped_is_put_back(lab, pair, probe, strip, host):
    """The primary goes on serving meanwhile, by the backstop's open elements; no role moves."""
    p = probe()
    p.wait_answered_by("a")
    with pair.nothing_moves():
        for _ in range(3):
            assert gate_stands(pair[host])
            strip(pair[host])
            wait_until(lambda: gate_stands(pair[host]), 2, f"the gate of {host} to be put back")
            time.sleep(0.2)
        assert pair[host].log().count("gate repaired interface=eth0") >= 3, pair[host].log()
    result = p.stop()
    assert segments(p) == ["a"] and result["lost"] < 50, result


def test_ip_link_cannot_take_our_program(lab, pair):
    done = lab.b.run("ip", "link", "set", "dev", "eth0", "xdp", "off", check=False)
    assert done.returncode and gate_stands(pair.b), done


def test_a_filter_before_ours(lab, pair):
    """At the same preference the newest is asked first, and what it accepts ours never sees."""
    lab.b.run("tc", "filter", "add", "dev", "eth0", "egress", "protocol", "all", "pref", "1", "handle", "2", "bpf", "da",
              "obj", f"{BUILD}/bpf/baton_tc.bpf.o", "sec", "tc")
    rows = lab.b.run("tc", "filter", "show", "dev", "eth0", "egress").stdout
    wait_until(lambda: gate_stands(pair.b), 2, f"ours to be the first again; it was:\n{rows}")


def test_a_filter_in_our_place(lab, pair):
    """A stranger's is left alone, and told of; nftables holds the door."""
    with pair.nothing_moves():
        pair.b.pause()				# or batond would be quicker
        lab.b.run("tc", "-batch", "-", stdin="qdisc del dev eth0 clsact\nqdisc add dev eth0 clsact\n"
                  "filter add dev eth0 egress protocol all pref 1 u32 match u32 0 0 flowid 1:1\n")
        pair.b.resume()
        wait_until(lambda: "gate-missing eth0" in alarms(pair.b), 3, f"an alarm: {alarms(pair.b)}")
        assert doors(pair.b)["eth0"] == "off"
        rows = json.loads(pair.b.cli("-j", "doctor", check=False).stdout)["checks"]
        assert any(r["check"] == "fence" and r["level"] == "bad" and "tc filter" in r["fix"] for r in rows), rows
        lab.b.run("tc", "filter", "del", "dev", "eth0", "egress", "pref", "1")
        wait_until(lambda: gate_stands(pair.b) and "gate-missing eth0" not in alarms(pair.b), 4,
                   f"ours to be there again: {alarms(pair.b)}")


# -- the backstop ---------------------------------------------------------------------------------

def test_elements_follow_the_word(lab, pair):
    protocols = {"inet": ["ip"], "arp": ["arp"], "netdev": ["arp", "ip"]}
    for family, want in protocols.items():
        assert sorted(elements(lab.a, "open_sip", family)) == want
        assert sorted(elements(lab.b, "ready_sip", family)) == want, "the kernel must not wait for us when it opens"
        assert elements(lab.b, "open_sip", family) == []
    pair.make_primary("b")
    wait_until(lambda: elements(lab.a, "open_sip") == [] and elements(lab.b, "open_sip") == ["ip"], 1, "elements to follow")
    assert tables(lab.a) == tables(lab.b) == ALL_TABLES
    pair.stop()
    assert tables(lab.a) == tables(lab.b) == [], "an orderly stop leaves no tables"


def test_a_dead_controller_without_a_peer(lab, servers, probe):
    """Elements end by themselves; then neither XDP nor tc are needed to keep this host quiet."""
    a = Batond(lab, "a").start()
    a.wait_role("primary")
    p = probe()
    p.wait_answered_by("a")
    assert elements(lab.a, "open_sip") == ["ip"]
    died = time.monotonic()
    a.kill()
    wait_until(lambda: elements(lab.a, "open_sip") == [], 3, "open to end")
    assert time.monotonic() - died < 3 + LATE_S, f"open ended {time.monotonic() - died:.3f} s after the controller"
    wait_until(lambda: elements(lab.a, "ready_sip") == [], 3, "ready to end")
    assert time.monotonic() - died < 6 + LATE_S, f"ready ended {time.monotonic() - died:.3f} s after the controller"
    assert tables(lab.a) == ALL_TABLES, "tables outlive a kill -9"
    strip_xdp(a)
    strip_tc(a)
    lab.c.ip(f"neigh flush to {VIP}")
    assert Quiet(lab).answered == 0, "served without a controller"
    told = lab.c.run("ip", "-j", "neigh", "show", "to", VIP).stdout
    assert "lladdr" not in told, f"ARP for the VIP was answered: {told}"
    a.start()
    p.wait_answered_by("a")


def test_a_stripped_backup_is_quiet(lab, pair):
    """An armed host whose gate somebody takes off and puts a program of his own there: nftables alone holds it."""
    lab.b.run("ip", "link", "set", "dev", "lo", "up")
    strip_xdp(pair.b)
    lab.b.run("ip", "link", "set", "dev", "eth0", "xdpdrv", "obj", f"{BUILD}/lab/pass.o", "sec", "xdp", check=False)
    told = lab.b.run("ip", "-j", "link", "show", "dev", "eth0").stdout
    if '"baton_xdp"' in told:
        pytest.skip("batond was quicker than the stranger")
    wait_until(lambda: "gate-missing eth0" in alarms(pair.b), 2, f"an alarm: {alarms(pair.b)}")
    lab.b.ip(f"addr add {VIP}/32 dev eth0")	# as if it were left behind: now the kernel would answer for it
    point_client_at(lab, lab.b.mac())
    assert "b" not in Quiet(lab).by
    lab.c.ip(f"neigh del {VIP} dev eth0")
    lab.partition()				# not even when nobody else answers
    lab.b.run("ip", "link", "set", "dev", "eth0", "xdpdrv", "off")
    wait_until(lambda: gate_stands(pair.b), 3, "our gate to be put back")
    lab.heal()


class Often:
    """Run something over and over, until the block ends."""

    def __init__(self, what, every=0.01):
        self.what, self.every, self.times = what, every, 0
        self.end = threading.Event()
        self.thread = threading.Thread(target=self._run)

    def _run(self):
        while not self.end.is_set():
            self.what()
            self.times += 1
            self.end.wait(self.every)

    def __enter__(self):
        self.thread.start()
        return self

    def __exit__(self, *_):
        self.end.set()
        self.thread.join()


def test_somebody_flushes_the_ruleset_over_and_over(lab, pair, probe):
    p = probe()
    p.wait_answered_by("a")
    with pair.nothing_moves(), Often(lambda: [nft(h, "flush", "ruleset") for h in (lab.a, lab.b)], 0.02) as often:
        time.sleep(4)
    assert often.times >= 5
    wait_until(lambda: tables(lab.a) == tables(lab.b) == ALL_TABLES, 2, "the tables to be put back")
    wait_until(lambda: elements(lab.a, "open_sip") == ["ip"], 1, "their elements too")
    result = p.stop()
    assert segments(p) == ["a"] and result["lost"] == 0, result
    assert "nftables put back" in pair.a.log()


@pytest.mark.parametrize("settings", [{"peer": {"lease": "2s"}}])
def test_a_large_ruleset_is_loaded_over_and_over(lab, pair, probe):
    """Whoever commits holds the lock: our thread waits, nobody else does. (A kernel without preemption keeps
    everybody off the CPU meanwhile, batond or not: hence the lease.)"""
    rules = "".join(f"    ip saddr 192.0.{i // 250 % 250}.{i % 250 + 1} udp dport {i % 60000 + 1} counter accept\n"
                    for i in range(5000))
    path = os.path.join(lab.dir, "large.nft")
    with open(path, "w") as f:
        f.write("table inet operator {}\ndelete table inet operator\ntable inet operator {\n  chain c {\n"
                f"    type filter hook forward priority 0;\n{rules}  }}\n}}\n")
    p = probe()
    p.wait_answered_by("a")
    took = []

    def load():
        begin = time.monotonic()
        nft(lab.a, "-f", path, timeout=60)
        took.append(time.monotonic() - begin)
    with pair.nothing_moves(), Often(load):
        time.sleep(5)
    result = p.stop()
    assert segments(p) == ["a"] and result["lost"] == 0, f"{result}; loads took {took}"
    assert "table inet operator" in nft(lab.a, "list", "tables").stdout
    print(f"{len(took)} loads of 5000 rules, {max(took):.2f} s at most")


def test_a_door_that_cannot_be_gated_is_told_once(lab, pair):
    """Somebody else's program stands there: it is tried again each second, and nothing else moves for it."""
    lab.add_nic("b", NIC)
    lab.b.ip(f"link set dev {NIC} xdpdrv obj {BUILD}/lab/pass.o sec xdp")
    lab.b.ip(f"addr add 10.77.0.22/24 dev {NIC}")
    wait_until(lambda: f"gate-missing {NIC}" in alarms(pair.b), 3, f"an alarm: {alarms(pair.b)}")
    handles = lambda: nft(lab.b, "-a", "list", "table", "inet", "baton").stdout.splitlines()[0]
    time.sleep(0.5)
    before = handles()
    time.sleep(2.5)
    assert handles() == before, "the tables were made anew though nothing had changed"
    lab.b.ip(f"link set dev {NIC} xdpdrv off")
    wait_until(lambda: doors(pair.b).get(NIC) == "native" and alarms(pair.b) == [], 3, f"the gate at last: {alarms(pair.b)}")


# -- when it cannot be had ------------------------------------------------------------------------

def owned_tables(node):
    """Somebody else owns tables of our name: the kernel lets nobody touch them."""
    owner = node.start("owner", "nft", "-i", stdin=subprocess.PIPE)
    owner.popen.stdin.write("add table inet baton { flags owner; }\n")
    wait_until(lambda: "table inet baton" in nft(node, "list", "tables").stdout, 2, f"an owned table: {owner.text()}")
    return owner


def test_without_nftables_it_starts_with_an_alarm(lab, servers):
    owner = owned_tables(lab.a)
    a = Batond(lab, "a").start()
    a.wait_role("primary")
    wait_until(lambda: "nftables" in alarms(a), 2, f"an alarm: {alarms(a)}")
    rows = json.loads(a.cli("-j", "doctor", check=False).stdout)["checks"]
    assert any(r["check"] == "fence" and r["level"] == "bad" for r in rows), rows
    owner.signal(signal.SIGKILL)
    wait_until(lambda: "nftables" not in alarms(a) and tables(lab.a) == ALL_TABLES, 4, "the backstop to be had at last")


def test_without_nftables_nothing_gates_an_interface_with_xdp_off(lab, servers):
    owned_tables(lab.a)
    a = Batond(lab, "a", {"interface eth0": {"xdp-mode": "off"}}).start(wait=False)
    assert a.process.wait() == 1
    assert "interface eth0 has xdp-mode = off and nftables cannot gate it" in a.log(), a.log()


@pytest.mark.parametrize("settings", [{"interface eth0": {"xdp-mode": "off"}}])
def test_with_xdp_off_nftables_gates(lab, pair, probe):
    """The backup, asked by its own MAC, serves nothing; after a switchover it serves, and the other does not."""
    point_client_at(lab, lab.b.mac())
    p = probe()
    time.sleep(0.5)
    assert segments(p) == [], "the backup served"
    pair.make_primary("b")
    p.wait_answered_by("b")
    pair.make_primary("a")
    point_client_at(lab, lab.b.mac())
    assert Quiet(lab).answered == 0, "b serves although it handed over"


def thread_ticks(batond, name):
    pid = batond.process.pid
    for task in os.listdir(f"/proc/{pid}/task"):
        with open(f"/proc/{pid}/task/{task}/comm") as f:
            if f.read().strip() != name:
                continue
        with open(f"/proc/{pid}/task/{task}/schedstat") as f:
            return int(f.read().split()[0])
    raise AssertionError(f"no thread {name}")


def test_the_thread_costs_next_to_nothing(lab, pair):
    time.sleep(1)
    before = {h: thread_ticks(pair[h], "fence") for h in "ab"}
    begin = time.monotonic()
    time.sleep(5)
    share = {h: (thread_ticks(pair[h], "fence") - before[h]) / (time.monotonic() - begin) / 1e7 for h in "ab"}
    print(f"fence: {share} % of a core")
    assert all(s < 0.5 for s in share.values()), f"fence threads take {share} % of a core"
