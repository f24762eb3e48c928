# SPDX-License-Identifier: GPL-2.0-or-later
"""mode = cluster: both hosts hear every frame, one takes it. The workflows of takeover mode for each form of the address, with
UDP and TCP over IPv4 and IPv6 at once.
"""

import ipaddress
import json
import signal
import sys
import time

import pytest

import traffic
from controller import Pair
from lab import BUILD, HOSTS, PORT, ROOT, VIP, VIP6, wait_until
from test_fence import alarms, gate_stands, strip_tc, strip_xdp

BOTH = (VIP, VIP6)


def fnv(ip):
    h = 2166136261
    for byte in ip.packed:
        h = (h ^ byte) * 16777619 & 0xffffffff
    return h


def shared_mac(form, text):
    """As the guide has it for IPv4, and the manual for IPv6; written down here once more."""
    ip = ipaddress.ip_address(text)
    number = int(ip) if ip.version == 4 else fnv(ip)
    if form == "igmp":
        mac = 0x01005e7f0000 | number & 0xffff if ip.version == 4 else 0x333300000000 | number | 1 << 31
    else:
        mac = (0x02bf if form == "unicast" else 0x03bf) << 32 | number
    return ":".join(f"{mac >> shift & 255:02x}" for shift in range(40, -8, -8))


def who_has(lab, address):
    own = lab.c.ip6 if ":" in address else lab.c.ip4
    return lab.c.run(sys.executable, f"{ROOT}/tools/lab/who_has.py", "eth0", own, address).stdout.split()


def settings_of(form, **more):
    return {"group sip": {"mode": "cluster", "cluster-mac": form, "sip-address": [f"{VIP}/24", f"{VIP6}/64"], **more}}


def learnt(lab, mac):
    """Has the switch learnt where that address is? A frame that bore it as its source would have told."""
    return mac in lab.switch.run("bridge", "fdb", "show", "br", "br0").stdout


class Tcp:
    """A client that asks over TCP, again and again, each time by a new connection."""

    CODE = """
import socket, sys, time
asks = ("OPTIONS sip:x SIP/2.0\\r\\nVia: SIP/2.0/TCP c;branch=z9hG4bK1\\r\\nCall-ID: t\\r\\nCSeq: 1 OPTIONS\\r\\nFrom: <sip:c>;tag=1\\r\\n"
        "To: <sip:x>\\r\\nContent-Length: 0\\r\\n\\r\\n").encode()
while True:
    try:
        with socket.create_connection((sys.argv[1], int(sys.argv[2])), timeout=0.5) as c:
            c.settimeout(0.5)
            c.sendall(asks)
            print(c.recv(100).decode().split()[0], flush=True)
    except OSError as e:
        print("-", e.__class__.__name__, flush=True)
    time.sleep(0.02)
"""
    SERVER = """
import socket, sys, threading
def serve(c):
    try:
        while c.recv(1000):
            c.sendall(sys.argv[1].encode() + b" ")
    except OSError:
        pass
server = socket.create_server(("::", int(sys.argv[2])), family=socket.AF_INET6, dualstack_ipv6=True)
while True:
    threading.Thread(target=serve, args=(server.accept()[0],), daemon=True).start()
"""

    def __init__(self, lab, address, number):
        self.process = lab.c.start(f"tcp{number}", sys.executable, "-c", self.CODE, address, str(PORT))

    def answered_by(self):
        lines = self.process.text().splitlines()
        return lines[-1].split()[0] if lines else ""


class Clients:
    """All four: UDP and TCP, over IPv4 and IPv6."""

    def __init__(self, lab, probe):
        self.lab = lab
        self.udp = [probe(address, rate=200) for address in BOTH]
        self.tcp = [Tcp(lab, address, i) for i, address in enumerate(BOTH)]

    def all_answered_by(self, tag):
        def now():
            return [p.answered_by() for p in self.udp + self.tcp]
        wait_until(lambda: now() == [tag] * 4, 15, lambda: f"UDP and TCP over IPv4 and IPv6 to be answered by {tag}, not by {now()}")


def start(lab, form, **more):
    lab.tcp_servers = {host: lab.nodes[host].start("tcp-server", sys.executable, "-c", Tcp.SERVER, host, str(PORT)) for host in HOSTS}
    for host in HOSTS:
        traffic.answerer(lab, host, BOTH)
    pair = Pair(lab, settings_of(form, **more)).start()
    pair.make_primary("a")
    return pair


def nothing_twice_and_one_each(result, *holders):
    """A hand-over: no request was lost, none was answered twice."""
    assert result["lost"] == 0 and result["answered_twice"] == 0, result
    assert result["holders"] == list(holders), result


@pytest.mark.parametrize("form", ["unicast", "multicast", "igmp"])
def test_the_three_forms_serve_and_move(lab, probe, form):
    """cluster-mac: who answers for the VIP with which address; manual switchover there and back, death of the host, and its return."""
    pair = start(lab, form)
    clients = Clients(lab, probe)
    clients.all_answered_by("a")
    macs = [shared_mac(form, address) for address in BOTH]
    assert [who_has(lab, address) for address in BOTH] == [[mac] for mac in macs], "the address that is answered"
    for host, other in (("a", "b"), ("b", "a")):
        assert pair[host].cli("switchover").returncode == 0
        clients.all_answered_by(other)
        wait_until(lambda: pair.settled() == other, 10, f"{other} and its backup")
    for udp in clients.udp:
        nothing_twice_and_one_each(udp.stop(), "a", "b", "a")
    clients.udp = [probe(address, rate=200) for address in BOTH]
    clients.all_answered_by("a")
    lab.death("a")
    clients.all_answered_by("b")
    lab.revive("a")
    one_holder(pair, "b")
    clients.all_answered_by("b")
    assert not [mac for mac in macs if learnt(lab, mac)], "the switch has learnt where the shared address is"


# ---- what fails ---------------------------------------------------------------------------------------

def serve_again(lab, host):
    lab.tcp_servers[host] = lab.nodes[host].start("tcp-server", sys.executable, "-c", Tcp.SERVER, host, str(PORT))
    traffic.answerer(lab, host, BOTH)


def one_holder(pair, host):
    wait_until(lambda: pair.settled() == host, 20, lambda: f"{host} alone to hold: {[pair[h].group() for h in HOSTS]}")


@pytest.mark.parametrize("paths", [2])
@pytest.mark.parametrize("form", ["unicast", "multicast", "igmp"])
def test_a_dead_server_and_a_pulled_cable(lab, probe, form):
    """The primary's server fails; then the guide's two NICs, where the cable of the primary's SIP NIC is pulled, and restored."""
    pair = start(lab, form)
    clients = Clients(lab, probe)
    clients.all_answered_by("a")
    # The server of host 1 is killed. Served by host 2; back again host 1 is the backup, and nobody is preempted.
    lab.tcp_servers["a"].kill()
    lab.crash("a")
    clients.all_answered_by("b")
    serve_again(lab, "a")
    one_holder(pair, "b")
    clients.all_answered_by("b")
    # The cable of host 2's SIP NIC is pulled, the management NIC lives. In the guide both are primary once it is restored.
    lab.link_down("b", 0)
    clients.all_answered_by("a")
    wait_until(lambda: (pair.a.role, pair.b.role) == ("primary", "backup"), 10,
               lambda: f"the roles to move: {[pair[h].group() for h in HOSTS]}")
    with pair.nothing_moves():
        lab.link_up("b", 0)
        one_holder(pair, "a")
        clients.all_answered_by("a")
    # Does the host whose cable was out still hear? It is asked to serve.
    assert pair.a.cli("switchover").returncode == 0
    clients.all_answered_by("b")
    one_holder(pair, "b")
    for udp in clients.udp:
        twice = udp.stop()["answered_twice"]
        assert not twice, f"{twice} requests were answered twice, with {form}"


def restart(batond):
    """In place: the next life goes on with what is in the kernel."""
    starts = batond.log().count("started node=")
    batond.signal(signal.SIGUSR1)
    wait_until(lambda: batond.log().count("started node=") > starts, 30, f"a new start of {batond.host}")
    batond.wait_ready()


def put_another_in(pair, host):
    """Our gate is taken off, and a program that lets all in is put there. False: batond was quicker."""
    strip_xdp(pair[host])
    lab = pair[host].lab
    lab.nodes[host].run("ip", "link", "set", "dev", "eth0", "xdpgeneric", "obj", f"{BUILD}/lab/pass.o", "sec", "xdp", check=False)
    return '"baton_xdp"' not in lab.nodes[host].run("ip", "-j", "link", "show", "dev", "eth0").stdout


def test_controllers_end_and_gates_are_taken_away(lab, probe):
    """Both hosts hear every frame and have the addresses, and a multicast frame is let in by any stack: yet one answers."""
    pair = start(lab, "multicast")
    macs = [shared_mac("multicast", address) for address in BOTH]
    asked = [probe(address, rate=300) for address in BOTH]

    def answered_by(host):
        for one in asked:
            one.wait_answered_by(host)
    answered_by("a")
    term = pair.a.term
    for host in HOSTS:
        restart(pair[host])
        one_holder(pair, "a")
    assert pair.a.term == term, f"a restart in place moved the role: {pair.role_changes()}"
    with pair.nothing_moves():
        strip_tc(pair.b)
        wait_until(lambda: gate_stands(pair.b), 10, "the gate of b to be put back")
        heard = pair.b.counter("vip-heard") + pair.b.counter("vip-copied")
        if put_another_in(pair, "b"):
            wait_until(lambda: "gate-missing eth0" in alarms(pair.b), 10, lambda: f"an alarm: {alarms(pair.b)}")
            for _ in range(20):		# and nothing holds back what its server says, until batond looks
                lab.b.run("tc", "qdisc", "del", "dev", "eth0", "clsact", check=False)
                time.sleep(0.02)
            assert [who_has(lab, address) for address in BOTH] == [[mac] for mac in macs], "who says that he has the VIPs, while b has no gate"
            lab.b.run("ip", "link", "set", "dev", "eth0", "xdpgeneric", "off")
            wait_until(lambda: gate_stands(pair.b), 10, "our gate to be put back")
        wait_until(lambda: pair.b.counter("vip-heard") + pair.b.counter("vip-copied") > heard + 100, 10, "b to hear again")
    for one in asked:
        assert one.all_who_answered() == {"a"}, f"{one.all_who_answered()} have answered, while b had no gate"
    one_holder(pair, "a")
    pair.b.kill()				# the backup's: nothing is lost by that
    answered_by("a")
    pair.b.start()
    one_holder(pair, "a")
    pair.a.kill()				# the holder's: the other claims, and its kernel obeys
    answered_by("b")
    pair.a.start()
    one_holder(pair, "b")
    pair.b.stop()
    answered_by("a")
    for one in asked:
        result = one.stop()
        assert result["lost"] < 300 and result["answered_by_two"] == 0, result	# a second's: with two moves and four controllers' ends
        assert result["holders"] == ["a", "b", "a"], result["segments"]
    assert not any(lab.b.holds(address, "lo") for address in BOTH), f"a clean stop leaves {lab.b.addresses('lo')}"
    assert not [mac for mac in macs if mac in lab.b.run("ip", "maddr", "show", "dev", "eth0").stdout], "a clean stop leaves its filters"


class Ports:
    """How many frames to an address the switch gives to each of its ports."""

    def __init__(self, lab, macs, ports):
        self.switch = lab.switch
        rules = "".join(f"    oifname {port} ether daddr {mac} counter comment \"{port} {mac}\"\n" for port in ports for mac in macs)
        self.switch.run("nft", "-f", "-", stdin=(
            "table bridge ports {\n  chain forward {\n    type filter hook forward priority 1;\n" f"{rules}  }}\n}}\n"))

    def given(self):
        told = json.loads(self.switch.run("nft", "-j", "list", "table", "bridge", "ports").stdout)["nftables"]
        return {tuple(r["rule"]["comment"].split()): e["counter"]["packets"] for r in told if "rule" in r
                for e in r["rule"]["expr"] if "counter" in e}


def snoop(lab):
    """The switch asks who is in which group. A Linux bridge goes by the IP address, which is no group's here: what is for the
    hosts it gives to ports of routers (kernel-notes/hear-another-address.md)."""
    lab.switch.sysctl(net__ipv6__conf__br0__disable_ipv6=0, net__ipv6__conf__br0__accept_dad=0)	# MLD is asked from an address
    wait_until(lambda: any(a.startswith("fe80") for a in lab.switch.addresses("br0")), 5, "an address of the switch's own")
    for host in HOSTS:
        lab.switch.run("bridge", "link", "set", "dev", f"{host}0", "mcast_router", "2")
    lab.switch.ip("link set br0 type bridge mcast_query_response_interval 100 mcast_startup_query_interval 100 mcast_query_interval 300",
                  "link set br0 type bridge mcast_snooping 1", "link set br0 type bridge mcast_querier 1")


def members(lab):
    """Which ports have told the switch that they are in the groups of the VIPs?"""
    groups = ("239.255.0.100", str(ipaddress.ip_address(0xff15 << 112 | fnv(ipaddress.ip_address(VIP6)) | 1 << 31)))
    told = json.loads(lab.switch.run("bridge", "-j", "mdb", "show").stdout)[0]["mdb"]
    return sorted((row["port"], row["grp"]) for row in told if row["grp"] in groups)


def test_snooping_keeps_it_from_the_other_ports(lab, probe):
    """cluster-mac = igmp: both hosts are members, so with snooping and a querier no third port is bothered."""
    lab.add_nic("c")
    macs = [shared_mac("igmp", address) for address in BOTH]
    pair = start(lab, "igmp")
    clients = Clients(lab, probe)
    clients.all_answered_by("a")
    ports = Ports(lab, macs, ("a0", "b0", "c-eth7"))
    wait_until(lambda: min(ports.given().values()) > 0, 10, lambda: f"every port to get them, without snooping: {ports.given()}")
    snoop(lab)
    wait_until(lambda: [port for port, _ in members(lab)] == ["a0"] * 2 + ["b0"] * 2, 10,
               lambda: f"both hosts to be in both groups: {members(lab)}")

    def only_the_hosts():
        """All of the hosts' ports get more, the third gets none meanwhile."""
        before = ports.given()
        wait_until(lambda: all(n >= before[key] + 20 for key, n in ports.given().items() if key[0] != "c-eth7"), 10,
                   lambda: f"both hosts to hear: {before} {ports.given()}")
        after = ports.given()
        return all(after[key] == before[key] for key in before if key[0] == "c-eth7")
    wait_until(only_the_hosts, 20, lambda: f"the third port to get none: {ports.given()}")
    clients.all_answered_by("a")
    assert pair.a.cli("switchover").returncode == 0
    clients.all_answered_by("b")
    wait_until(only_the_hosts, 20, lambda: f"the third port to get none after a move: {ports.given()}")
    one_holder(pair, "b")
