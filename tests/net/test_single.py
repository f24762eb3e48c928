# SPDX-License-Identifier: GPL-2.0-or-later
"""Two servers on one host behind one VIP: who answers, from which port, and what a crash or a move costs."""

import json
import os
import time

import jsonschema
import pytest

import traffic
from controller import Batond
from lab import BUILD, PORT, VIP, VIP6, _write, wait_until

OWN = {"a": 5061, "b": 5062}
QUEUED = 300	# at 1 kHz: what a server had not read yet dies with it, on a busy machine a while's worth; `make bench` says what it is


class Single:
    """batond on host a, and two answerers there, `a` and `b`, each at a port of its own or both at the VIP's."""

    def __init__(self, lab, ports=None, addresses=(VIP,), settings=None, serve=None):
        self.serve_by = serve
        self.lab, self.ports, self.addresses, self.servers = lab, ports or OWN, addresses, {}
        group = {"mode": "single-host", "prefer": None, "server": [f"{n} {p} pidfile={self.pidfile(n)}" for n, p in self.ports.items()]}
        group["sip-address"] = [f"{a}/{64 if ':' in a else 24}" for a in addresses if a]
        self.batond = Batond(lab, "a", {"peer": None, "group sip": {**group, **(settings or {})}})
        for name in self.ports:
            self.serve(name)

    def pidfile(self, name):
        return os.path.join(self.lab.a.dir, f"{name}.pid")

    def serve(self, name):
        """Two at one port: the answerer sets SO_REUSEADDR, which is enough for UDP."""
        if self.serve_by:
            self.servers[name] = self.serve_by(self, name, self.addresses[0])
            _write(self.pidfile(name), f"{self.servers[name].pid}\n")
            return
        made = self.lab.a.start(f"server-{name}", f"{BUILD}/tools/answerer", "-t", name, "-p", str(self.ports[name]), *self.addresses)
        wait_until(lambda: "serves port" in made.text(), 5, f"server {name}: {made.text()}")
        _write(self.pidfile(name), f"{made.pid}\n")
        self.servers[name] = made

    def start(self):
        self.batond.start()
        wait_until(lambda: all(s["service"] == "running" for s in self.told()), 10, f"both servers to be ready: {self.told()}")
        return self

    def told(self):
        return self.batond.group()["servers"]

    def active(self):
        return next((s["name"] for s in self.told() if s["role"] == "active"), None)

    def wait_active(self, name):
        wait_until(lambda: self.active() == name, 10, f"{name} to be active: {self.told()}")

    def crash(self, name):
        self.servers[name].kill()

    def changes(self):
        return [c for c in self.batond.json("explain")["changes"] if c["from"] == "primary"]


def lost(seen):
    return seen["sent"] - seen["answered"]


def test_a_crash_is_answered_by_the_other_server(lab, probe):
    """kill -9 under 1 kHz, each way, then without a controller: the kernel has the other server's socket at once."""
    single = Single(lab).start()
    asked = probe()
    asked.wait_answered_by("a")
    term = single.batond.term
    with asked.event("crash"):
        single.crash("a")
        asked.wait_answered_by("b")
    single.wait_active("b")
    wait_until(lambda: single.batond.term == term + 1, 10, "the move to be a term")
    change = single.changes()[0]
    assert (change["cause"], change["owner"]) == ("process-gone", "b"), change
    assert change["outage"]["measured"], change
    single.serve("a")
    wait_until(lambda: all(s["service"] == "running" for s in single.told()), 10, f"a to be back: {single.told()}")
    assert single.active() == "b", "nobody is preempted"
    single.batond.kill()
    single.crash("b")
    asked.wait_answered_by("a")
    single.batond.start()
    single.wait_active("a")
    seen = asked.stop()
    assert lost(seen) < QUEUED, f"two crashes: {seen}"
    assert seen["answered_by_two"] == 0, seen


TCP = """
import socket, sys
server = socket.socket()
server.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
server.bind((sys.argv[1], int(sys.argv[2])))
server.listen()
kept = []
while True:
    one, _ = server.accept()
    one.sendall(sys.argv[3].encode())
    kept.append(one)
"""

# Says who served it, again for each line on stdin: first the connection that stays, then a new one.
CLIENT = """
import socket, sys
def ask():
    c = socket.create_connection((sys.argv[1], int(sys.argv[2])), timeout=5)
    return c, c.recv(1).decode()
first, by = ask()
print(by, flush=True)
sys.stdin.readline()
print(ask()[1], flush=True)
first.setblocking(False)
try:
    print("ended" if first.recv(1) == b"" else "more", flush=True)
except BlockingIOError:
    print("stays", flush=True)
"""


def serve_tcp(single, name, address):
    """A child of the server's process is as good as itself: one parent, its number in the pidfile."""
    lab, port = single.lab, str(single.ports[name])
    parent = lab.a.start(f"parent-{name}", "sh", "-c", '"$@" & wait', "sh", "python3", "-c", TCP, address, port, name)
    wait_until(lambda: lab.a.run("ss", "-Hntl", f"sport = :{port}").stdout.strip(), 5, f"TCP server {name} to listen")
    return parent


def test_switchover_loses_nothing(lab, probe):
    """UDP over both families, TCP that stands stays; what the one that stands by asks in the VIP's name is held back."""
    lab.a.sysctl(net__ipv4__ip_nonlocal_bind=1)
    single = Single(lab, addresses=(VIP, VIP6)).start()
    see_filters(single)
    four, six = probe(VIP), probe(VIP6)
    for one in (four, six):
        one.wait_answered_by("a")
    time.sleep(0.2)
    done = single.batond.cli("switchover")
    assert done.returncode == 0, done
    for one in (four, six):
        one.wait_answered_by("b")
    change = single.changes()[0]
    assert (change["cause"], change["owner"]) == ("switchover", "b"), change
    single.batond.cli("switchover", "sip")
    for one in (four, six):
        one.wait_answered_by("a")
    said = held(lab, OWN["b"])
    assert said == [("SIP/2.0 200 OK", PORT)], f"what the server that stands by may say: {said}"
    said = held(lab, OWN["a"])
    assert ("OPTIONS sip:x SIP/2.0", PORT) in said, f"what the active server may say: {said}"
    single.crash("b")
    wait_until(lambda: single.told()[1]["service"] == "unavailable", 10, f"b to be missed: {single.told()}")
    refused = single.batond.cli("switchover", check=False)
    assert refused.returncode == 1 and "does not run" in refused.stderr, refused
    assert "server-down" in [a["event"] for a in single.batond.json("alarms")["alarms"]], single.batond.json("alarms")
    for one in (four, six):
        seen = one.stop()
        assert lost(seen) == 0 and not seen["answered_twice"] and not seen["foreign"], seen


# Says from where what came: text and port.
EAR = """
import socket, sys
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
s.bind(("", 7777))
s.settimeout(20)
print("hears", flush=True)
while True:
    text, peer = s.recvfrom(2000)
    if text == b"end": break
    print(text.decode().split("\\r")[0], peer[1], sep="|", flush=True)
"""

MOUTH = """
import socket, sys, time
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
s.bind((sys.argv[1], int(sys.argv[2])))
for text in ("OPTIONS sip:x SIP/2.0\\r\\nVia: SIP/2.0/UDP x\\r\\n\\r\\n", "SIP/2.0 200 OK\\r\\nVia: SIP/2.0/UDP x\\r\\n\\r\\n"):
    s.sendto(text.encode(), (sys.argv[3], 7777))
time.sleep(0.5)		# another socket's datagram overtakes where the sender moves to another CPU
o = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
o.sendto(b"end", (sys.argv[3], 7777))
"""


def held(lab, port):
    """What of a request and a response, sent from VIP:@port, comes to the client, and from which port."""
    ear = lab.c.start(f"ear{port}{time.monotonic_ns()}", "python3", "-c", EAR)
    wait_until(lambda: "hears" in ear.text(), 5, "the ear")
    lab.a.run("python3", "-c", MOUTH, VIP, str(port), lab.c.ip4)
    ear.wait(20)
    return [(line.split("|")[0], int(line.split("|")[1])) for line in ear.text().splitlines() if "|" in line]


def test_tcp_that_stands_stays(lab):
    lab.a.sysctl(net__ipv4__ip_nonlocal_bind=1)
    single = Single(lab, addresses=(VIP,), settings={"sip-port": f"{PORT}/tcp"}, serve=serve_tcp).start()
    client = lab.c.start("tcp-client", "python3", "-c", CLIENT, VIP, str(PORT), stdin=-1)
    wait_until(lambda: client.text().splitlines()[:1] == ["a"], 10, f"a to serve: {client.text()}")
    single.batond.cli("switchover")
    client.popen.stdin.write("\n")
    wait_until(lambda: len(client.text().splitlines()) >= 3, 10, f"the client to end: {client.text()}")
    assert client.text().splitlines() == ["a", "b", "stays"], client.text()


def test_a_hung_server_is_left(lab, probe):
    """It is asked at its own port and so is the other, by the time that a reload gave; when it goes on, nothing moves."""
    single = Single(lab, settings={"sip-hang-timeout": "0"}).start()
    single.batond.configure({"group sip": {"sip-hang-timeout": "400ms"}})
    single.batond.cli("reload")
    assert "option=sip-hang-timeout" in single.batond.log(), "the reload has not seen it"
    wait_until(lambda: all(s["answers"] == "in-service" for s in single.told()), 15, f"both to answer OPTIONS: {single.told()}")
    asked = probe()
    asked.wait_answered_by("a")
    lab.process("a-server-a").signal(19)
    asked.wait_answered_by("b", 20)
    wait_until(lambda: single.changes(), 10, "the move to be on record")
    assert single.changes()[0]["cause"] == "server-hung", single.changes()[0]
    lab.process("a-server-a").signal(18)
    wait_until(lambda: single.told()[0]["service"] == "running", 20, f"a to be well again: {single.told()}")
    assert single.active() == "b", single.told()


def test_two_servers_at_the_port_of_the_vip(lab, probe):
    """Both on 5060: whoever is active gets all, by its sockets alone; no datagram reaches the other."""
    single = Single(lab, ports={"a": PORT, "b": PORT}).start()
    text = single.batond.cli("status").stdout
    assert "Peer" not in text.splitlines()[0] and [line.split()[:4] for line in text.splitlines() if f" {PORT} " in line] == [
        ["a", "sip", "active", "running"], ["b", "sip", "standby", "running"]], text
    assert not single.batond.doctor("takeover"), single.batond.doctor("takeover")
    asked = probe()
    asked.wait_answered_by("a")
    single.batond.cli("switchover")
    asked.wait_answered_by("b")
    time.sleep(0.5)		# a turn shorter than 20 ms is none to holders()
    single.crash("b")
    asked.wait_answered_by("a")
    single.wait_active("a")
    seen = asked.stop()
    assert seen["holders"] == ["a", "b", "a"], seen["segments"]
    assert lost(seen) < QUEUED and not seen["answered_by_two"], seen
    single.batond.stop()
    assert "baton" not in lab.a.run("tc", "filter", "show", "dev", "lo", "egress").stdout
    assert not os.path.isdir(single.batond.pin_dir) or not os.listdir(single.batond.pin_dir), os.listdir(single.batond.pin_dir)


SCHEMA = os.path.join(os.path.dirname(__file__), "../schema/calls.json")
RATE, TALK_MS = 20, 2500


def serve_calls(single, name, address):
    """SIPp keeps its calls to itself: one that meets the other server is lost."""
    port = single.ports[name]
    made = single.lab.a.start(f"calls-{name}", "sipp", "-sf", f"{traffic.SIPP}/uas.xml", "-i", address, "-p", str(port),
                              "-key", "tag", name, "-nostdin", "-nr", "-t", "u1")
    wait_until(lambda: traffic.listens(single.lab, "a", port), 5, f"SIPp {name} to listen: {made.text()}")
    return made


def calls_of(batond):
    doc = batond.json("calls")
    with open(SCHEMA, encoding="ascii") as f:
        jsonschema.validate(doc, json.load(f))
    return doc


def drain_of(single):
    return calls_of(single.batond)["groups"][0]


def wait_drain(single, state):
    wait_until(lambda: drain_of(single)["drain"] == state, 40, f"the drain to be {state}: {drain_of(single)}")
    return drain_of(single)


def local(batond, name):
    return next(row["packets"] for row in batond.json("counters")["local"] if row["name"] == name)


def test_a_drain_leaves_calls_where_they_are(lab):
    """Calls end at the server that began them, new ones begin at the other; then each way a drain ends but by that."""
    lab.a.sysctl(net__ipv4__ip_nonlocal_bind=1)
    single = Single(lab, settings={}, serve=serve_calls)
    single.batond.configure({"TServer": {"graceful-shutdown-sip-timeout": "1"}})
    single.start()
    calls = traffic.Calls(lab, rate=RATE, talk_ms=TALK_MS)
    wait_until(lambda: drain_of(single)["calls"] >= RATE, 20, f"calls to be known: {drain_of(single)}")
    told = single.batond.cli("drain", "sip")
    assert "server b serves" in told.stdout and "left on a" in told.stdout, told
    assert [s["role"] for s in single.told()] == ["draining", "active"], single.told()
    assert wait_drain(single, "off")["reason"] == "none-left"
    made = calls.stop()
    assert made["failed"] == 0 and made["ok"] == made["made"] > 4 * RATE, made


# Begins a call and a connection, says who answers each; ends the call, asks on the connection and begins another call for each line on stdin.
PHONE = """
import socket, sys
vip, port, ip = sys.argv[1], int(sys.argv[2]), sys.argv[3]
def say(s, method, n, tag):
    to = ";tag=x" if tag else ""
    text = (f"{method} sip:b@{vip} SIP/2.0\\r\\nVia: SIP/2.0/UDP {ip}:{s.getsockname()[1]};branch=z9hG4bK{n}{method}{tag}\\r\\n"
            f"From: <sip:a@c>;tag=1\\r\\nTo: <sip:b@d>{to}\\r\\nCall-ID: {n}@{ip}:{s.getsockname()[1]}\\r\\nCSeq: 1 {method}\\r\\nContent-Length: 0\\r\\n\\r\\n")
    s.sendto(text.encode(), (vip, port))
    answer, peer = s.recvfrom(4000)
    who = [line.split(":")[1].strip() for line in answer.decode().split("\\r\\n") if line.startswith("Server:")]
    return (who or ["?"])[0] if peer[1] == port else f"from port {peer[1]}"
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
s.bind((ip, 0))
s.settimeout(10)
print("begun", say(s, "INVITE", 0, False), flush=True)
n = 0
for line in sys.stdin:
    n += 1
    print(f"goes on {say(s, 'INFO', 0, True)} new {say(s, 'INVITE', n, False)} and goes on {say(s, 'INFO', n, True)}", flush=True)
"""


class Phone:
    """A caller on a host: who answers what goes on in its first call, and what is new?"""

    def __init__(self, lab, node):
        self.process = node.start(f"phone{time.monotonic_ns()}", "python3", "-c", PHONE, VIP, str(PORT), node.ip4, stdin=-1)
        self.node, self.said = node, 0
        self.begun = self.next()

    def next(self):
        self.said += 1
        wait_until(lambda: self.process.text().count("\n") >= self.said, 20, f"the phone's answer {self.said}: {self.process.text()}")
        return self.process.text().splitlines()[self.said - 1]

    def ask(self):
        self.process.popen.stdin.write("\n")
        self.process.popen.stdin.flush()
        return self.next()


def wait_well(single):
    wait_until(lambda: all(s["service"] == "running" for s in single.told()), 20, f"both servers to be well: {single.told()}")


def both_say(phones, first, second):
    for phone in phones:
        said = phone.ask()
        assert said == f"goes on {first} new {second} and goes on {second}", f"on {phone.node.name}: {said}"


FILTER = """
table inet f {
	chain input {
		type filter hook input priority 0; policy drop;
		iif lo accept
		ct state established accept
		ct state invalid drop
		meta l4proto { icmp, icmpv6 } accept
		%s
	}
}
"""


def doctors_filter(single):
    """Level and text of the rows, by address."""
    rows = [r for r in json.loads(single.batond.cli("-j", "doctor", check=False).stdout)["checks"] if r["check"] == "filter"]
    return [(r["level"], r["text"], r["fix"]) for r in rows]


def see_filters(single):
    """Each address is asked for with its own sender: what it is told is what the filter does, whatever its rules look like."""
    own = sorted({0 if port == PORT else port for port in single.ports.values()})
    text = ", ".join(map(str, own))
    nft = lambda rule: single.lab.a.run("nft", "-f", "-", stdin=FILTER % rule)
    cases = [
        ("udp dport 5060 accept", "warn", f"but not to {text}", f"at port {text} too"),
        (f"udp dport {{ 5060, {text} }} accept", "ok", "and to the servers' own", ""),
        ("udp dport 5060 ip saddr 192.0.2.1 accept", "ok", "not found out", ""),
    ]
    assert all(level == "ok" and "and to the servers' own" in says for level, says, _ in doctors_filter(single)), doctors_filter(single)
    for rule, *wanted in cases:
        nft(rule)
        rows = doctors_filter(single)
        assert len(rows) == len(single.addresses), rows
        for level, says, fix in rows:
            assert (level, wanted[1] in says, wanted[2] in fix) == (wanted[0], True, True), f"{rule}: {level}: {says}; {fix}"
        single.lab.a.run("nft", "delete", "table", "inet", "f")


def asks_in_vain(single):
    """As if batond had been killed while the doctor's trial datagram was on its way."""
    zero, value = ["0"] * 4, ["1"] * 24
    single.lab.a.run("bpftool", "map", "update", "pinned", f"{single.batond.pin_dir}/local-probe", "key", *zero, "value", *value)


def trial_of(single):
    dump = json.loads(single.lab.a.run("bpftool", "-j", "map", "dump", "pinned", f"{single.batond.pin_dir}/local-probe").stdout)
    return [int(byte, 16) for byte in dump[0]["value"]]


@pytest.mark.parametrize("ports", [OWN, {"a": PORT, "b": PORT}], ids=["own", "shared"])
def test_a_drain_ends(lab, ports):
    """Clients of the network and of this host; undrain, a switchover by force, a controller that dies, a server that dies."""
    lab.a.sysctl(net__ipv4__ip_nonlocal_bind=1)
    single = Single(lab, ports=ports).start()
    see_filters(single)
    phones = [Phone(lab, lab.c), Phone(lab, lab.a)]
    assert [p.begun for p in phones] == ["begun a", "begun a"], [p.begun for p in phones]
    refused = single.batond.cli("undrain", check=False)
    assert refused.returncode == 1 and "no drain is under way" in refused.stderr, refused
    single.batond.cli("drain")
    wait_until(lambda: single.changes() and single.changes()[0]["cause"] == "drain", 10, f"the move on record: {single.changes()}")
    both_say(phones, "a", "b")
    for verb in ("drain", "switchover"):
        refused = single.batond.cli(verb, check=False)
        assert refused.returncode == 1 and "a drain is under way" in refused.stderr, refused
    single.batond.kill()
    asks_in_vain(single)
    both_say(phones, "a", "b")
    single.batond.start()
    assert not any(trial_of(single)), f"a dead batond's trial waits for ever: {trial_of(single)}"
    wait_until(lambda: drain_of(single)["drain"] == "draining", 20, f"the drain to be found: {drain_of(single)}")
    both_say(phones, "a", "b")
    single.batond.kill()
    single.batond.start()
    single.batond.cli("undrain")	# nobody has judged the servers yet
    assert wait_drain(single, "off")["reason"] == "undrain"
    both_say(phones, "b", "b")
    single.batond.cli("drain")
    single.batond.cli("switchover", "--force")
    assert wait_drain(single, "off")["reason"] == "role-moved"
    both_say(phones, "b", "b")
    single.batond.cli("drain")
    single.crash("b")
    both_say(phones, "a", "a")
    assert wait_drain(single, "off")["reason"] == "service-unavailable"
    assert single.active() == "a", single.told()
    single.serve("b")
    wait_well(single)
    single.batond.cli("drain")
    single.batond.kill()
    single.crash("a")
    single.serve("a")
    single.batond.start()
    wait_until(lambda: drain_of(single)["reason"] == "service-unavailable", 20,
               f"the drain to end, for another process has a's port and pidfile: {drain_of(single)}")
    assert drain_of(single)["drain"] == "off", drain_of(single)
    wait_well(single)
    both_say(phones, "b", "b")
