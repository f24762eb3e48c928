# SPDX-License-Identifier: GPL-2.0-or-later
"""A steering node: what its configuration makes of it, what it shows, and what outlives restarts and reloads."""

import ctypes
import json
import os
import select
import signal
import socket
import subprocess
import threading

import pytest

import traffic
from controller import Steerer, pool
from lab import BUILD, HOSTS, PORT, SERVICE, Lab, wait_until
from test_alarms import texts
from test_cli import check
from test_restart import install, of_abi_99

SOON = {"oos-check": "1", "oos-force": "1"}
CLONE_NEWNET = 0x40000000
_libc = ctypes.CDLL(None, use_errno=True)


@pytest.fixture
def nodes():
    """How many steering nodes the lab has."""
    return 1


@pytest.fixture
def lab(nodes):
    with Lab(steering=nodes) as made:
        yield made


def serve(lab, service=SERVICE):
    """Both hosts behind the service by l2: it stands on their lo."""
    lab.serve_directly(service=service)
    return {h: traffic.answerer(lab, h, addresses=(service, lab.nodes[h].ip4)) for h in HOSTS}


def led(node, name="sales"):
    """Frames, by the rung of the ladder that led them."""
    return {r["name"]: r["packets"] for r in node.pool(name)["rungs"] if r["packets"]}


class Caller:
    """SIP from the client or a host, message by message: who answers?"""

    def __init__(self, lab, address=SERVICE, node=None, port=0):
        self.node, self.port, self.to, self.cseq = node or lab.c, port, (address, PORT), 0
        maker = threading.Thread(target=self._open)	# a thread's namespace is its own
        maker.start()
        maker.join()

    def _open(self):
        with open(f"/run/netns/{self.node.netns}") as ns:
            assert not _libc.setns(ns.fileno(), CLONE_NEWNET), os.strerror(ctypes.get_errno())
        self.sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.sock.bind((self.node.ip4, self.port))

    def send(self, method, call, tag="", uri=None):
        self.cseq += 1
        ip, port = self.sock.getsockname()
        self.sock.sendto((
            f"{method} {uri or f'sip:x@{self.to[0]}'} SIP/2.0\r\nVia: SIP/2.0/UDP {ip}:{port};branch=z9hG4bK{call}{self.cseq}\r\n"
            f"From: <sip:c@{ip}>;tag=1\r\nTo: <sip:x@{self.to[0]}>{tag}\r\nCall-ID: {call}\r\nCSeq: {self.cseq} {method}\r\n"
            "Max-Forwards: 70\r\nContent-Length: 0\r\n\r\n").encode(), self.to)

    def answer(self, timeout=1.0):
        """Who answered this very request, or how if nobody says who; "" when nobody did."""
        while select.select([self.sock], [], [], timeout)[0]:
            text = self.sock.recv(4096).decode(errors="replace")
            if f"CSeq: {self.cseq} " in text:
                named = text.split("Server: ")[1:] or [text]
                return named[0].split("\r\n")[0]
        return ""

    def ask(self, method, call, tag="", uri=None):
        """As SIP has it over UDP: again, when nothing comes."""
        for _ in range(8):
            self.send(method, call, tag, uri)
            who = self.answer()
            if who:
                return who
        return ""

    def begin(self, call):
        who = self.ask("INVITE", call)
        self.send("ACK", call, ";tag=2")
        return who

    def go_on(self, call):
        return self.ask("INFO", call, ";tag=2")


def test_a_node_of_pools_alone(lab, probe):
    serve(lab)
    node = Steerer(lab, settings={"pool sales": SOON}).start().wait_reaches()
    asking = probe(SERVICE, rate=100)
    asking.wait_answered_by("a")
    told = check(node.json("pools"), "pools")["pools"][0]
    assert (told["active"], told["forward"], told["group"]) == ("a", "l2", "")
    assert [s["name"] for s in told["servers"]] == ["a", "b"]
    assert told["servers"][0]["mac"] == lab.a.mac() and told["servers"][0]["mtu"] == 1500
    wait_until(lambda: led(node).get("outside", 0) > 100, 20, "requests outside of dialogs to be led")
    sent = {e["name"]: e["packets"] for e in check(node.json("counters"), "counters")["steering"]}["sent"]
    assert sent > 100
    status = check(node.json("status"), "status")
    assert (status["peer"]["state"], status["groups"], status["alarms"]) == ("none", [], 0), status
    assert "sales" in node.cli("pools").stdout
    assert any(line.startswith("sent ") for line in node.cli("counters").stdout.splitlines()), node.cli("counters").stdout
    assert "n only steers" in node.cli("status").stdout
    for verb in ("switchover", "ready"):	# no role to move, none to be ready
        said = node.cli(verb, check=False)
        assert said.returncode == 1 and "no [group] on this node" in said.stderr, f"baton {verb}: exit {said.returncode}, {said.stderr!r}"
    assert [r["level"] for c in ("way", "service") for r in node.doctor(c)] == ["ok"] * 3, node.doctor("way") + node.doctor("service")

    lines = [check(json.loads(line), "trace") for line in node.cli("-j", "trace", "-n", "20", "--every", "1").stdout.splitlines()]
    assert len(lines) == 20 and {line["pool"] for line in lines} == {"sales"}, lines
    sent = [line for line in lines if line["exit"] == "sent" and line["rung"] == "outside"]
    assert sent and {(line["protocol"], line["to"], line["message"], line["server"]) for line in sent} == {
        ("udp", f"{SERVICE}:{PORT}", "OPTIONS", "a")}, sent
    watcher = lab.nodes["n"].start("trace", f"{BUILD}/baton", "--run-dir", node.run_dir, "trace", "--every", "1")
    wait_until(lambda: "sales" in watcher.text(), 10, f"decisions to be traced: {watcher.text()}")
    assert sampling(node) == 1
    watcher.signal(signal.SIGKILL)
    wait_until(lambda: sampling(node) == 0, 10, "sampling to end with whoever asked for it")

    lab.crash("a")
    asking.wait_answered_by("b", timeout=30)
    told = node.pool()
    assert (told["active"], told["servers"][0]["state"]) == ("b", "silent"), told
    assert "pool active pool=sales server=b from=a" in node.log()


def sampling(node):
    """cfg_steer's trace_every, as the kernel has it."""
    dump = subprocess.run(["bpftool", "-j", "map", "dump", "pinned", f"{node.pin_dir}/cfg_steer"], capture_output=True, text=True, check=True)
    return json.loads(dump.stdout)[0]["formatted"]["value"]["trace_every"]


def test_dialogs_outlive_restart_and_reload(lab):
    serve(lab)
    node = Steerer(lab, settings={"pool sales": SOON}).start().wait_reaches()
    caller = Caller(lab)
    assert caller.begin("one") == "a"

    node.signal(signal.SIGUSR1)			# started again in place
    wait_until(lambda: "pins=found" in node.log(), 20, "the next batond")
    node.wait_ready()
    node.wait_reaches()
    before = led(node).get("dialog", 0)
    assert caller.go_on("one") == "a" and led(node)["dialog"] > before, led(node)

    other = pool(lab, "10.77.0.201")
    lab.nodes["n"].ip("addr add 10.77.0.201/32 dev eth0")
    node.configure({"pool more": {**other, "server": ["a 10.77.0.1:5060", "b 10.77.0.2:5060"][::-1], **SOON}})
    refused = node.cli("reload", check=False)
    assert refused.returncode == 1 and "is already a server of [pool sales]" in refused.stderr, refused
    assert caller.go_on("one") == "a"
    lab.serve_directly(service="10.77.0.201")
    for host in HOSTS:
        lab.nodes[host].ip(f"addr add 10.77.0.{10 + HOSTS.index(host)}/32 dev eth0")
    node.configure({"pool more": {"server": ["b 10.77.0.11:5060", "a 10.77.0.10:5060"]}})
    for host in HOSTS:
        lab.server(host).kill()
        traffic.answerer(lab, host, addresses=(SERVICE, "10.77.0.201", lab.nodes[host].ip4, f"10.77.0.{10 + HOSTS.index(host)}"))
    node.cli("reload")
    wait_until(lambda: all(s["reachable"] for s in node.pool("more")["servers"]), 10, "the new pool's servers to be reached")
    assert Caller(lab, "10.77.0.201").begin("else") == "b"
    before = led(node).get("dialog", 0)
    assert caller.go_on("one") == "a" and led(node)["dialog"] > before, led(node)
    node.configure({"pool more": None})
    node.cli("reload")
    assert [p["name"] for p in node.json("pools")["pools"]] == ["sales"]
    assert caller.go_on("one") == "a"


def test_a_drain_outlives_its_batond_and_the_other_server(lab):
    """Whoever is told of nothing left stops his server; who drains a pool and loses the other wants his calls back."""
    serve(lab)
    node = Steerer(lab, settings={"pool sales": {**SOON, "shutdown-sip-reject-code": "486"}}).start().wait_reaches()
    old, new = Caller(lab), Caller(lab)
    assert old.begin("old") == "a"
    said = node.cli("drain").stdout
    assert "1 dialogs" in said, f"one call is in progress, baton drain said: {said}"
    assert new.begin("new") == "b"
    node.kill()
    node.start().wait_reaches()
    assert (old.go_on("old"), new.go_on("new")) == ("a", "b")
    assert check(node.json("pools"), "pools")["pools"][0]["drain"]["server"] == "a"

    lab.hang("b")
    node.wait_active("a")
    assert Caller(lab).begin("newer") == "a", "a is drained, but it alone lives"
    wait_until(lambda: alarms(node) == ["pool-server-silent sales"], 10, f"the alarm of b: {alarms(node)}")
    lab.unhang("b")
    node.wait_active("b")
    wait_until(lambda: not alarms(node), 10, f"the alarm to end: {alarms(node)}")
    assert node.log().count("alarm raised") == node.log().count("alarm cleared")
    assert old.go_on("old") == "a"
    node.cli("undrain")
    assert node.cli("undrain", check=False).returncode == 1

    node.cli("drain", "--reject")
    refused = Caller(lab)
    refused.send("INVITE", "refused")
    assert select.select([refused.sock], [], [], 10)[0], "no answer to an INVITE that is to be refused"
    assert refused.sock.recv(4096).startswith(b"SIP/2.0 486 ")
    assert old.go_on("old") == "a"


def alarms(node):
    return [a["id"] for a in check(node.json("alarms"), "alarms")["alarms"]]


@pytest.mark.parametrize("nodes", [2])
def test_two_nodes_are_a_pair_themselves(lab, probe):
    serve(lab)
    n, m = (Steerer(lab, host, {"pool sales": SOON}, peer=peer).start() for host, peer in (("n", "m"), ("m", "n")))
    wait_until(lambda: n.group("front")["gate"] == "open" and m.group("front")["gate"] == "armed", 20, "n to lead, m to stand by")
    for node in (n, m):
        node.wait_reaches()
    group = check(n.json("status"), "status")["groups"][0]
    assert (group["mode"], group["service"], group["listener"]) == ("proxy", "running", "off"), group
    asking = probe(SERVICE, rate=100)
    asking.wait_answered_by("a")
    assert n.pool()["group"] == "front" and n.pool()["servers"][0]["packets"] > 0
    assert m.pool()["servers"][0]["packets"] == 0, "m's gate is closed: it leads nothing"
    n.cli("switchover")
    before = n.pool()["servers"][0]["packets"]
    wait_until(lambda: m.pool()["servers"][0]["packets"] > 100, 20, "m to lead requests")
    asking.wait_answered_by("a")
    m.kill()
    lab.death("m")
    wait_until(lambda: n.pool()["servers"][0]["packets"] > before + 100, 20, "n to lead again, after m's death")
    asking.wait_answered_by("a")


def test_new_calls_are_refused_and_a_server_calls_by_its_service(lab):
    """Both are userspace's work in the service's name, with NAT."""
    lab.serve_translated(*HOSTS)
    for host in HOSTS:
        traffic.answerer(lab, host, addresses=(lab.nodes[host].ip4,))
    node = Steerer(lab, settings={"pool sales": {"oos-check": 0, "shutdown-sip-reject-code": 486}}, forward="nat").start().wait_reaches()
    caller = Caller(lab)
    assert caller.begin("before") == "a"
    node.cli("drain", "sales", "--reject")
    assert caller.ask("INVITE", "during") == "SIP/2.0 486 Busy Here"
    caller.send("ACK", "during", ";tag=2")
    assert caller.go_on("before") == "a", led(node)
    wait_until(lambda: led(node).get("tagged", 0) == 1, 10, f"the ACK to the refusal to be led on: {led(node)}")
    node.cli("undrain", "sales")
    assert caller.begin("after") == "a"

    lab.server("a").kill()
    partner = lab.c.start("partner", f"{BUILD}/tools/answerer", "-t", "partner", "-p", "5070", lab.c.ip4)
    wait_until(lambda: "serves port" in partner.text(), 10, f"the partner to serve: {partner.text()}")
    server = Caller(lab, node=lab.nodes["a"], port=PORT)
    assert server.ask("INVITE", "out", uri=f"sip:y@{lab.c.ip4}:5070") == "partner", node.json("counters")
    node.cli("drain", "sales")			# b is active: the partner's BYE is a's all the same
    before = led(node)["dialog"]
    caller.send("BYE", "out", ";tag=1")
    assert select.select([server.sock], [], [], 20)[0], f"the BYE came to nobody, or another: {led(node)}"
    assert server.sock.recv(4096).startswith(b"BYE "), led(node)
    wait_until(lambda: led(node)["dialog"] == before + 1, 10, f"the BYE to be led as of a known dialog: {led(node)}")


def broken(node):
    """Frames that came to a place where a program or a map is missing."""
    return {e["name"]: e["packets"] for e in node.json("counters")["xdp"]["exits"]}["broken"]


def test_the_first_pool_of_a_host_whose_programs_were_loaded_without(lab, probe):
    """By a restart in place, then by a reload: its frames are steered as soon as its program stands, and none comes too early."""
    serve(lab)
    node = Steerer(lab)
    steering = {"pool sales": {**node.settings["pool sales"], **SOON}}
    node.configure({"pool sales": None, "node": {"secret-file": node.secret_file}, "peer": {"name": "m", "path": "eth0 10.77.0.99"},
                    "group side": {"interface": "eth0", "sip-address": "10.77.0.222/24"}})
    node.start()
    asking = probe(SERVICE, rate=100)
    node.configure(steering)
    node.signal(signal.SIGUSR1)
    wait_until(lambda: "pins=found" in node.log(), 20, "the next batond")
    node.wait_ready()
    assert "pools wait" in node.log(), f"steering was loaded though nobody wanted it: {node.log()[-2000:]}"
    asking.wait_answered_by("a", timeout=30)
    assert "programs result=renewed" in node.log() and broken(node) == 0, f"{broken(node)} frames had no program"

    assert node.stop() == 0
    node.configure({"pool sales": None})
    node.start(build=install(lab))
    install(lab, of_abi_99)
    node.configure(steering)
    said = node.cli("reload").stdout
    assert "being loaded" in said, said
    wait_until(lambda: "ABI 99" in texts(node).get("programs-old", ""), 20, f"an alarm, as its program cannot be loaded: {texts(node)}")
    node.configure({"pool sales": None})
    node.cli("reload")
    wait_until(lambda: "programs-old" not in texts(node), 20, "its end, as nobody wants that program")
    install(lab)
    node.configure(steering)
    node.cli("reload")
    probe(SERVICE, rate=100).wait_answered_by("a", timeout=30)
    assert broken(node) == 0, f"{broken(node)} frames had no program"
