# SPDX-License-Identifier: GPL-2.0-or-later
"""throughput: how many INVITEs a second does a node send on to a server, and how many do others there?

Two namespaces and one veth: a generator that also counts what comes back for the servers (XDP, then dropped), and a node.
What the node does is changed between runs of a fraction of a second, in turns, so that what else the machine does falls on
all alike: XDP_TX after two MAC addresses were written (`reflect`), Baton's program with a pool (L2 form; every dialog is known),
nftables DNAT and forwarding, Kamailio's dispatcher, stateless, one worker.
"""

import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../lab"))

from lab import BUILD, LabError, _die_with_parent, _run, wait_until	# noqa: E402

GEN_MAC, NODE_MAC, SERVER_MAC = "02:42:10:00:00:09", "02:42:10:00:00:01", "02:42:10:00:00:0b"	# as in steering.h
GEN, NODE, SERVICE, SERVER = "10.79.0.9", "10.79.0.1", "10.79.0.100", "10.79.0.11"
FLOWS, PAIRS, SLICE_MS = (1, 20000), 9, 300
SEND_CPU, NODE_CPU = 0, 1
KAMAILIO = """#!KAMAILIO
children = 1
disable_tcp = yes
log_stderror = yes
debug = 0
auto_aliases = no
dns = no
rev_dns = no
loadmodule "dispatcher.so"
modparam("dispatcher", "list_file", "%(list)s")
request_route {
	ds_select_dst("1", "0");
	forward();
}
"""
NFT = f"""table ip bench {{
	chain in {{
		type nat hook prerouting priority dstnat
		ip daddr {SERVICE} udp dport 5060 dnat to {SERVER}:5060
	}}
}}
"""


class Tool:
    """steer_gen or steer_node: a command in, a line of JSON out."""

    def __init__(self, netns, cpu, name, *args, log):
        self.name = name
        self.popen = subprocess.Popen(
            ["nsenter", f"--net=/run/netns/{netns}", "taskset", "-c", str(cpu), f"{BUILD}/tools/{name}", *args],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=log, text=True, bufsize=1, preexec_fn=_die_with_parent)
        self._answer("start")

    def _answer(self, command):
        line = self.popen.stdout.readline()
        if not line or "error" in json.loads(line):
            raise LabError(f"{self.name}: '{command}' gave {line!r}; its log tells more")
        return json.loads(line)

    def __call__(self, command):
        self.popen.stdin.write(command + "\n")
        return self._answer(command)

    def stop(self):
        self.popen.stdin.close()
        self.popen.wait(10)


class Rig:
    """The two namespaces and what runs in them."""

    made = 0

    def __init__(self):
        Rig.made += 1
        self.id = f"bs{os.getpid()}n{Rig.made}"
        self.g, self.n = f"{self.id}-g", f"{self.id}-n"
        self.dir = tempfile.mkdtemp(prefix=f"baton-{self.id}-")
        self.log = open(os.path.join(self.dir, "log"), "w+")
        self.kamailio = None

    def __enter__(self):
        try:
            return self._up()
        except LabError as e:
            raise LabError(f"{e}\n{self.said()}") from None
        finally:
            if not hasattr(self, "node"):
                self.down()

    def __exit__(self, *_):
        self.down()

    def _up(self):
        _run(["ip", "-batch", "-"], f"netns add {self.g}\nnetns add {self.n}\n"
             f"link add name n0 netns {self.n} type veth peer name g0 netns {self.g}\n")
        self._ip(self.g, f"link set g0 address {GEN_MAC} up", "link set lo up")
        self._ip(self.n, f"link set n0 address {NODE_MAC} up", "link set lo up", f"addr add {NODE}/24 dev n0",
                 f"addr add {SERVICE}/32 dev n0", f"neigh add {SERVER} lladdr {SERVER_MAC} dev n0 nud permanent",
                 f"neigh add {GEN} lladdr {GEN_MAC} dev n0 nud permanent")
        for netns, dev in ((self.g, "g0"), (self.n, "n0")):
            self._in(netns, "ethtool", "-K", dev, "tx", "off", "rx", "off", "tso", "off", "gso", "off", "gro", "off")
        self._in(self.n, "sysctl", "-q", "-w", "net.ipv4.ip_forward=1", "net.ipv4.conf.all.rp_filter=0", "net.ipv4.conf.n0.rp_filter=0",
                 "net.ipv4.conf.all.send_redirects=0", "net.ipv4.conf.n0.send_redirects=0")
        bench = f"{BUILD}/bench/steering.bpf.o"
        self.gen = Tool(self.g, SEND_CPU, "steer_gen", "g0", bench, log=self.log)
        self.node = Tool(self.n, NODE_CPU, "steer_node", "n0", f"{BUILD}/bpf/baton_xdp.bpf.o", bench, log=self.log)
        return self

    def down(self):
        self.kamailio_stop()
        for tool in (getattr(self, "gen", None), getattr(self, "node", None)):
            if tool:
                tool.stop()
        for netns in (self.g, self.n):
            _run(["ip", "netns", "del", netns], check=False)
        self.log.close()
        shutil.rmtree(self.dir, ignore_errors=True)

    def said(self):
        self.log.flush()
        with open(self.log.name) as f:
            return f.read()[-4000:]

    def _ip(self, netns, *lines):
        _run(["ip", "-n", netns, "-batch", "-"], "\n".join(lines) + "\n")

    def _in(self, netns, *argv, stdin=None, check=True):
        return _run(["nsenter", f"--net=/run/netns/{netns}", *argv], stdin, check)

    # -- what the node does ----------------------------------------------------------------------

    def nft(self, on):
        self._in(self.n, "nft", "-f", "-", stdin=NFT if on else "delete table ip bench\n")

    def kamailio_start(self):
        conf, sets = os.path.join(self.dir, "kamailio.cfg"), os.path.join(self.dir, "dispatcher.list")
        with open(conf, "w") as f:
            f.write(KAMAILIO % {"list": sets})
        with open(sets, "w") as f:
            f.write(f"1 sip:{SERVER}:5060\n")
        self.kamailio = subprocess.Popen(
            ["nsenter", f"--net=/run/netns/{self.n}", "taskset", "-c", str(NODE_CPU), "kamailio", "-DD", "-E", "-f", conf, "-l", f"udp:{SERVICE}:5060",
             "-P", os.path.join(self.dir, "pid"), "-Y", self.dir, "-w", self.dir, "-m", "64", "-M", "8", "-n", "1"],
            stdin=subprocess.DEVNULL, stdout=self.log, stderr=self.log, preexec_fn=_die_with_parent)
        wait_until(lambda: self._in(self.n, "ss", "-Hnul", "sport = :5060").stdout.strip(), 10, f"Kamailio to listen: {self.said()}")

    def kamailio_stop(self):
        if self.kamailio:
            self.kamailio.terminate()
            self.kamailio.wait(10)
            self.kamailio = None

    def threaded(self, on):
        """The node's interface is polled by a kernel thread on the other CPU; else where the sender runs."""
        self._in(self.n, "unshare", "-m", "sh", "-c", f"mount -t sysfs lab /sys && echo {int(on)} > /sys/class/net/n0/threaded")
        if not on:
            return
        threads = [pid for pid in _run(["pgrep", "^napi/n0-"], check=False).stdout.split()]
        if not threads:
            raise LabError("the node's interface has no NAPI thread")
        for pid in threads:
            _run(["taskset", "-c", "-p", str(NODE_CPU), pid], check=False)


class Contender:
    def __init__(self, key, title, senders, begin, end=lambda rig: None):
        self.key, self.title, self.senders, self.begin, self.end = key, title, senders, begin, end


def nft_begin(rig, sender):
    rig.nft(True)
    rig.node("pass" if sender == "live" else "none")	# live frames need an XDP program at the other end of a veth


def kamailio_begin(rig, _):
    rig.node("none")
    rig.kamailio_start()


CONTENDERS = [
    Contender("reflect", "XDP_TX reflector", ("socket", "live"), lambda rig, _: rig.node("reflect")),
    Contender("steer", "Baton, L2", ("socket", "live"), lambda rig, _: rig.node("steer")),
    Contender("nft", "nftables DNAT", ("socket", "live"), nft_begin, lambda rig: rig.nft(False)),
    Contender("kamailio", "Kamailio dispatcher", ("socket",), kamailio_begin, lambda rig: rig.kamailio_stop()),
]


def one(rig, contender, sender, flows, ms):
    contender.begin(rig, sender)
    try:
        got = rig.gen(f"run {sender} {flows} {ms}")
    finally:
        contender.end(rig)
    return sum(got["counts"][:4]) / got["seconds"]


def warmed(rig, flows):
    """Every dialog is known, else what follows would measure something else."""
    rig.node("steer")
    rig.node("clear")
    rig.gen(f"warm {flows}")
    rig.gen(f"warm {flows}")


def round_of(rig, sender, flows, ms, row):
    for contender in CONTENDERS:
        if sender in contender.senders:
            row.setdefault(contender.key, []).append(one(rig, contender, sender, flows, ms))


def throughput(pairs=PAIRS, ms=SLICE_MS, threaded=False, say=lambda text: None):
    rows = {}
    with Rig() as rig:
        for flows in FLOWS:
            warmed(rig, flows)
            rig.threaded(threaded)
            for sender in ("socket", "live"):
                row = rows[f"{sender} {flows}"] = {}
                for _ in range(pairs):
                    round_of(rig, sender, flows, ms, row)
                say(f"  {sender}, {flows} flows: " + ", ".join(f"{k} {statistics.median(v) / 1000:.0f}k" for k, v in row.items()))
            rows[f"rungs {flows}"] = rig.node("counts")
            say(f"  {({k: v for k, v in rows[f'rungs {flows}']['rungs'].items() if v})}")
    return rows
