# SPDX-License-Identifier: GPL-2.0-or-later
"""lab: two hosts, a client and the switch between them, and everything that can go wrong there.

Each node is a network namespace; the switch is a fourth one with a bridge, so nothing touches the
root namespace. Faults are verbs of Lab. What runs in the lab (SIP servers, controllers, traffic)
is in traffic.py, controller.py and keepalived.py.

    with Lab() as lab:
        lab.a.run("ip", "addr")
        lab.death("a")

Ends only what it started: a lab owns its namespaces, and whatever runs inside them is its own.
Leftovers of a lab whose maker is dead are cleared by sweep(), known by their file in /run/baton-lab.
"""

import atexit
import ctypes
import fcntl
import json
import os
import select
import shutil
import signal
import socket
import subprocess
import sys
import time

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
BUILD = os.environ.get("BATON_BUILD", os.path.join(ROOT, "build"))
LABS = "/run/baton-lab"
BPFFS = "/sys/fs/bpf"

PORT = 5060
VIP, VIP6 = "10.77.0.100", "fd77::100"
NUMBER = {"a": 1, "b": 2, "n": 5, "m": 6, "c": 9}		# last part of every address
HOSTS = ("a", "b")
STEERING = ("n", "m")		# nodes between a client and the hosts
SERVICE, SERVICE6 = "10.77.0.200", "fd77::200"

PR_SET_PDEATHSIG = 1
_libc = ctypes.CDLL(None, use_errno=True)


class LabError(Exception):
    """The lab itself failed; the text says which command and what it said."""


def patience():
    """Bounds are for a machine that has nothing else to do: how many times as long this one is given."""
    return 2 * max(1, os.getloadavg()[0] / os.cpu_count())


def wait_until(true, timeout=5.0, what="condition", every=0.01):
    """Poll true() until it gives something; LabError names what was waited for. A function is asked for that then: it tells what is
    there instead, not what was there at first."""
    begun = time.monotonic()
    while True:
        got = true()
        if got:
            return got
        waited = time.monotonic() - begun
        if waited > timeout and waited > timeout * patience():
            raise LabError(f"waited {waited:.1f} s for {what() if callable(what) else what}")
        time.sleep(every)


def start_time(pid):
    """When a process began, in ticks since boot: tells a process from a later one of its pid."""
    try:
        with open(f"/proc/{pid}/stat") as f:
            fields = f.read().rpartition(")")[2].split()
    except OSError:
        return None
    return None if fields[0] == "Z" else int(fields[19])


def _run(argv, stdin=None, check=True, timeout=60):
    done = subprocess.run(argv, input=stdin, capture_output=True, text=True, timeout=timeout)
    if check and done.returncode:
        raise LabError(f"{' '.join(argv)}: exit {done.returncode}: {done.stderr.strip() or done.stdout.strip()}")
    return done


def _write(path, text, mode=0o600):
    """Whole or not at all; never readable by others for a moment."""
    part = f"{path}.part"
    fd = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, mode)
    with os.fdopen(fd, "w") as f:
        f.write(text)
    os.rename(part, path)


class Process:
    """One process of the lab: its pid, its log, and the signals it gets."""

    def __init__(self, name, pid, log, popen=None):
        self.name, self.pid, self.log, self.popen = name, pid, log, popen
        self.started = start_time(pid)

    @property
    def alive(self):
        if self.popen:
            return self.popen.poll() is None
        return self.started is not None and start_time(self.pid) == self.started

    def signal(self, number):
        if self.alive:
            os.kill(self.pid, number)

    def kill(self):
        self.signal(signal.SIGKILL)
        self.wait()

    def wait(self, timeout=10.0):
        """Its exit code; None for a process that another lab program started."""
        if self.popen:
            patient = timeout * patience()
            if self.popen.poll() is None and not _ends(self.pid, patient):
                raise LabError(f"{self.name} (pid {self.pid}) did not end within {patient:.1f} s")
            return self.popen.wait()
        wait_until(lambda: not self.alive, timeout, f"{self.name} to end")
        return None

    def stop(self, timeout=10.0):
        """SIGTERM, then SIGKILL when it does not listen."""
        self.signal(signal.SIGTERM)
        try:
            return self.wait(timeout)
        except LabError:
            self.kill()
            raise

    def text(self):
        with open(self.log, errors="replace") as f:
            return f.read()

    def cpu_ticks(self):
        with open(f"/proc/{self.pid}/stat") as f:
            fields = f.read().rpartition(")")[2].split()
        return int(fields[11]) + int(fields[12])


class Node:
    """One namespace. Commands go in by nsenter: `ip netns exec` would hide the bpf file system."""

    def __init__(self, lab, name):
        self.lab, self.name = lab, name
        self.netns = f"{lab.id}-{name}"
        self.ip4 = f"10.77.0.{NUMBER.get(name, 0)}"
        self.ip6 = f"fd77::{NUMBER.get(name, 0)}"
        self.dir = os.path.join(lab.dir, name)
        self.pin_dir = os.path.join(BPFFS, lab.id, name)

    def argv(self, *argv):
        return ["nsenter", f"--net=/run/netns/{self.netns}", *argv]

    def run(self, *argv, stdin=None, check=True, timeout=60):
        return _run(self.argv(*argv), stdin, check, timeout)

    def ip(self, *lines):
        """Several `ip` commands in one go."""
        return _run(["ip", "-n", self.netns, "-batch", "-"], "\n".join(lines) + "\n")

    def start(self, name, *argv, detached=False, stdin=None, env=None):
        """Start a process here; its output goes to the log file of that name."""
        name = f"{self.name}-{name}"
        log = os.path.join(self.lab.dir, f"{name}.log")
        with open(log, "ab", buffering=0) as out:
            popen = subprocess.Popen(
                self.argv(*argv), stdin=stdin or subprocess.DEVNULL, stdout=out, stderr=out, cwd=self.lab.dir,
                start_new_session=True, preexec_fn=None if detached else _die_with_parent,
                env={**os.environ, **(env or {})}, text=True, bufsize=1)
        process = Process(name, popen.pid, log, popen)
        self.lab.remember(process)
        return process

    def pids(self):
        """Everything that runs in this namespace."""
        return [int(p) for p in _run(["ip", "netns", "pids", self.netns], check=False).stdout.split()]

    def sysctl(self, **values):
        """sysctl(net__ipv4__ip_nonlocal_bind=1): `__` stands for the dot."""
        self.run("sysctl", "-q", "-w", *(f"{k.replace('__', '.')}={v}" for k, v in values.items()))

    def addresses(self, dev="eth0"):
        """Addresses on an interface, with their prefix length; none of one that is not there."""
        told = json.loads(self.run("ip", "-j", "addr", "show", "dev", dev, check=False).stdout or "[]")
        return [f"{i['local']}/{i['prefixlen']}" for one in told for i in one["addr_info"]]

    def holds(self, address=VIP, dev="eth0"):
        return any(a.split("/")[0] == address for a in self.addresses(dev))

    def reaches(self, address, timeout=0.3):
        """Does that host answer? A refused TCP connection is an answer too, and no one limits its rate."""
        done = self.run("timeout", str(timeout), "bash", "-c", f"exec 3<>/dev/tcp/{address}/9", check=False)
        return "Connection refused" in done.stderr

    def mac(self, dev="eth0"):
        return json.loads(self.run("ip", "-j", "link", "show", "dev", dev).stdout)[0]["address"]

    def carrier(self, dev="eth0"):
        return "LOWER_UP" in json.loads(self.run("ip", "-j", "link", "show", "dev", dev).stdout)[0]["flags"]


def _ends(pid, timeout):
    """Told at once: Popen.wait(timeout) looks only now and then, up to 50 ms late."""
    fd = os.pidfd_open(pid)
    try:
        return bool(select.select([fd], [], [], timeout)[0])
    finally:
        os.close(fd)


def _die_with_parent():
    _libc.prctl(PR_SET_PDEATHSIG, signal.SIGKILL)


def _mount_bpffs():
    os.makedirs(LABS, mode=0o700, exist_ok=True)
    with open(os.path.join(LABS, ".lock"), "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        with open("/proc/mounts") as mounts:
            if not any(line.split()[1:3] == [BPFFS, "bpf"] for line in mounts):
                _run(["mount", "-t", "bpf", "bpf", BPFFS])


def _pass_object():
    """The XDP_PASS program of the switch, compiled when it is missing or older than its source."""
    source, obj = os.path.join(ROOT, "tools/lab/pass.bpf.c"), os.path.join(BUILD, "lab/pass.o")
    if not os.path.exists(obj) or os.path.getmtime(obj) < os.path.getmtime(source):
        os.makedirs(os.path.dirname(obj), exist_ok=True)
        part = f"{obj}.{os.getpid()}"
        headers = "/usr/include/" + _run(["gcc", "-print-multiarch"]).stdout.strip()
        _run(["clang", "-target", "bpf", "-O2", "-g", "-idirafter", headers, "-c", source, "-o", part])
        os.rename(part, obj)
    return obj


class Lab:
    """The nodes a, b (hosts), c (client) and sw (switch); faults are its verbs."""

    def __init__(self, id=None, paths=1, steering=0):
        """paths=2 adds a second network, eth1, 10.78.0.0/24, between the hosts; steering=1 a node n, 2 also m."""
        self.id = id or f"bl{os.getpid()}{Lab._letter()}"
        self.paths, self.steering = paths, steering
        self.dir = f"/tmp/baton-lab-{self.id}"
        self.file = os.path.join(LABS, self.id)
        self.nodes = {n: Node(self, n) for n in (*HOSTS, "c", "sw", *STEERING[:steering])}
        self.a, self.b, self.c, self.switch, *self.steerers = self.nodes.values()
        self.processes = {}
        self.owner = os.getpid()
        self._losses = []
        self._hogs = 0

    _made = 0

    @classmethod
    def _letter(cls):
        cls._made += 1
        return "" if cls._made == 1 else f"n{cls._made}"

    # -- life ---------------------------------------------------------------------------------

    def up(self, detached=False):
        """Make it. detached: it outlives this program, until `lab down`."""
        _mount_bpffs()
        sweep()
        self.owner = 0 if detached else os.getpid()
        shutil.rmtree(self.dir, ignore_errors=True)	# logs kept of an earlier lab of this name
        os.makedirs(self.dir, mode=0o700)
        self._save()
        if not detached:
            self._guard()
        try:
            self._wire()
        except Exception:
            self.down()
            raise
        return self

    def _guard(self):
        """Come down whatever ends the program; only SIGKILL is left to the next sweep()."""
        atexit.register(self.down)
        if signal.getsignal(signal.SIGTERM) == signal.SIG_DFL:
            signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))

    def down(self, keep_logs=False):
        """Take it down; safe to call twice, and on a half-built lab."""
        atexit.unregister(self.down)
        if os.path.exists(self.file):
            _tear_down(self.id)
        for process in self.processes.values():
            if process.popen:
                process.popen.wait(60)
        end = time.monotonic() + 2
        while not keep_logs and os.path.exists(self.dir) and time.monotonic() < end:
            shutil.rmtree(self.dir, ignore_errors=True)	# who is just being killed may still write there

    def __enter__(self):
        return self.up()

    def __exit__(self, *_):
        self.down()

    @classmethod
    def attach(cls, id):
        """The lab that another program made with up(detached=True)."""
        with open(os.path.join(LABS, id)) as f:
            told = json.load(f)
        lab = cls(id, told["paths"], told["steering"])
        lab.owner = told["owner"]
        lab._losses = [tuple(loss) for loss in told["losses"]]
        for name, (pid, log) in told["processes"].items():
            lab.processes[name] = Process(name, pid, log)
        return lab

    def _save(self):
        known = {n: (p.pid, p.log) for n, p in self.processes.items()}
        _write(self.file, json.dumps({
            "owner": self.owner, "started": start_time(self.owner), "paths": self.paths, "steering": self.steering,
            "losses": self._losses, "processes": known}))

    def remember(self, process):
        self.processes[process.name] = process
        self._save()

    def process(self, name):
        if name not in self.processes:
            raise LabError(f"no process '{name}' in lab {self.id}; there are: {', '.join(self.processes) or 'none'}")
        return self.processes[name]

    def logs(self):
        """Every log, for a failed test to print."""
        out = []
        for name in sorted(os.listdir(self.dir)):
            path = os.path.join(self.dir, name)
            if name.endswith(".log") and os.path.getsize(path):
                with open(path, errors="replace") as f:
                    out.append(f"--- {name} ---\n{f.read()[-20000:]}")
        return "\n".join(out)

    # -- wiring -------------------------------------------------------------------------------

    def ports(self, node):
        """Its ports at the switch; whoever is no host has one."""
        return [f"{node}{i}" for i in range(self.paths if node in HOSTS else 1)]

    def plugged(self):
        """Who is at the switch."""
        return [n for n in self.nodes if n != "sw"]

    def _wire(self):
        ends = [(n, i) for n in self.plugged() for i in range(len(self.ports(n)))]
        _run(["ip", "-batch", "-"], "".join(
            [f"netns add {node.netns}\n" for node in self.nodes.values()] +
            [f"link add name {n}{i} netns {self.switch.netns} type veth"
             f" peer name eth{i} netns {self.nodes[n].netns}\n" for n, i in ends]))
        os.makedirs(os.path.join(BPFFS, self.id), mode=0o700)
        for node in map(self.nodes.get, self.plugged()):
            self._wire_node(node, len(self.ports(node.name)))
        self._wire_switch(ends)
        for node in map(self.nodes.get, self.plugged()):
            wait_until(node.carrier, 2, f"carrier of {node.name}")

    def _wire_node(self, node, n_paths):
        os.makedirs(node.dir, mode=0o700)
        node.sysctl(net__ipv6__conf__all__accept_dad=0, net__ipv6__conf__default__accept_dad=0,
                    net__ipv6__conf__eth0__accept_dad=0, net__ipv6__conf__eth0__accept_ra=0)
        number = NUMBER[node.name]
        lines = ["link set lo up"]
        for i in range(n_paths):
            # A frame sent on by XDP_TX keeps the checksum it came with: it must be a whole one.
            node.run("ethtool", "-K", f"eth{i}", "tx", "off", "rx", "off", "tso", "off", "gso", "off", "gro", "off")
            lines += [f"addr add 10.7{7 + i}.0.{number}/24 dev eth{i}",
                      f"addr add fd7{7 + i}::{number}/64 dev eth{i} nodad", f"link set eth{i} up"]
        node.ip(*lines)

    def _wire_switch(self, ends):
        obj = _pass_object()
        lines = [f"link add br{i} type bridge stp_state 0 mcast_snooping 0" for i in range(self.paths)]
        lines += [f"link set br{i} up" for i in range(self.paths)]
        for n, i in ends:
            lines += [f"link set {n}{i} master br{i}", f"link set {n}{i} up",
                      f"link set dev {n}{i} xdpdrv obj {obj} sec xdp"]
        self.switch.sysctl(net__ipv6__conf__default__disable_ipv6=1)
        self.switch.ip(*lines)
        self._no_firewall_on_the_bridge()

    def _no_firewall_on_the_bridge(self):
        """A switch costs its hosts nothing: without this every frame also walks iptables' hooks."""
        bridge = "/proc/sys/net/bridge"
        self.switch.run("sh", "-c", f"for f in {bridge}/bridge-nf-call-*; do [ ! -e $f ] || echo 0 > $f; done")

    # -- servers behind a steering node ---------------------------------------------------------

    def serve_directly(self, *hosts, service=SERVICE):
        """Behind l2 or ipip: the service's address is on lo, answers go past the node; nobody hears of it by ARP."""
        for host in hosts or HOSTS:
            node = self.nodes[host]
            node.sysctl(net__ipv4__conf__all__arp_ignore=1, net__ipv4__conf__all__arp_announce=2)
            node.ip(f"addr add {service}/{128 if ':' in service else 32} dev lo")

    def serve_translated(self, *hosts, node="n"):
        """Behind nat: answers to the client go back by the node, which forwards what it translated (kernel-notes/xdp-forward)."""
        self.nodes[node].sysctl(net__ipv4__ip_forward=1, net__ipv6__conf__all__forwarding=1, net__ipv4__conf__all__send_redirects=0,
                                net__ipv4__conf__eth0__send_redirects=0, net__ipv4__conf__eth0__accept_local=1)
        for host in hosts or HOSTS:
            self.nodes[host].ip(f"route add {self.c.ip4}/32 via {self.nodes[node].ip4} dev eth0",
                                f"route add {self.c.ip6}/128 via {self.nodes[node].ip6} dev eth0")

    def add_nic(self, host, dev="eth7", address=None):
        """One more interface of a host, on the same switch as its eth0."""
        node, port = self.nodes[host], f"{host}-{dev}"
        _run(["ip", "link", "add", "name", port, "netns", self.switch.netns, "type", "veth",
              "peer", "name", dev, "netns", node.netns])
        node.run("ethtool", "-K", dev, "tx", "off", "rx", "off", "tso", "off", "gso", "off", "gro", "off")
        node.ip(f"link set {dev} up", *([f"addr add {address} dev {dev}"] if address else []))
        self.switch.ip(f"link set {port} master br0", f"link set {port} up",
                       f"link set dev {port} xdpdrv obj {_pass_object()} sec xdp")
        wait_until(lambda: node.carrier(dev), 2, f"carrier of {host} {dev}")

    # -- faults -------------------------------------------------------------------------------

    def server(self, host):
        return self.process(f"{host}-server")

    def controller(self, host):
        return self.process(f"{host}-controller")

    def crash(self, host):
        """The SIP server dies at once (kill -9)."""
        self.server(host).kill()

    def dump(self, host):
        """The SIP server crashes and writes its core, if it may; its socket stays until that is done."""
        self.server(host).signal(signal.SIGSEGV)

    def hang(self, host):
        """The SIP server stands still, its socket stays."""
        self.server(host).signal(signal.SIGSTOP)

    def unhang(self, host):
        self.server(host).signal(signal.SIGCONT)

    def death(self, host):
        """The host is gone for everybody else, at once; it notices nothing, its own carrier stays."""
        self._port_states(host, 0)

    def revive(self, host):
        self._port_states(host, 3)

    def port_dead(self, host, path=0):
        """One port of the switch forwards nothing, and the host at it sees its carrier all the same."""
        self._port_states(host, 0, [f"{host}{path}"])

    def port_revive(self, host, path=0):
        self._port_states(host, 3, [f"{host}{path}"])

    def _port_states(self, host, state, ports=None):
        _run(["bridge", "-n", self.switch.netns, "-batch", "-"],
             "".join(f"link set dev {port} state {state}\n" for port in ports or self.ports(host)))

    def controller_kill(self, host):
        self.controller(host).kill()

    def controller_stop(self, host):
        """SIGSTOP: the controller stands still, the kernel goes on."""
        self.controller(host).signal(signal.SIGSTOP)

    def controller_cont(self, host):
        self.controller(host).signal(signal.SIGCONT)

    def link_down(self, host, path=0):
        """The cable is out: the host sees its carrier go."""
        self.switch.ip(f"link set {host}{path} down")

    def link_up(self, host, path=0):
        self.switch.ip(f"link set {host}{path} up")

    def loss(self, percent, frm=None, to=None, path=None):
        """Drop that share of the frames from one node to another (None: any), one direction; adds up.

        100 is a cut. path limits it to one network.
        """
        if not 0 < percent <= 100:
            raise LabError(f"loss of {percent} %: must be above 0, at most 100")
        self._losses.append((percent, frm, to, path))
        self._load_losses()

    def cut(self, frm, to, path=None):
        """One way only: `to` hears nothing of `frm` any more, `frm` still hears `to`."""
        self.loss(100, frm, to, path)

    def uncut(self, frm, to, path=None):
        """That one cut is mended; other losses stay."""
        self._losses.remove((100, frm, to, path))
        self._load_losses()

    def partition(self, path=None):
        """The hosts do not hear each other, from one moment on; the client hears both."""
        self._losses += [(100, "a", "b", path), (100, "b", "a", path)]
        self._load_losses()

    def heal(self):
        """No more loss, no more cuts."""
        self._losses.clear()
        self._load_losses()

    def _load_losses(self):
        rules = "".join(f"    {_loss_rule(*loss)}\n" for loss in self._losses)
        self.switch.run("nft", "-f", "-", stdin=(
            "table bridge lab {}\ndelete table bridge lab\n"
            "table bridge lab {\n  chain forward {\n    type filter hook forward priority 0;\n"
            f"{rules}  }}\n}}\n"))
        self._save()

    def hush(self, *vips):
        """The switch drops what tells whose a VIP is: every ARP frame, NA and NS in its name, asked for or not."""
        rules = "".join(f"    {rule} counter drop\n" for vip in vips or (VIP,) for rule in _claim_rules(vip))
        self.switch.run("nft", "-f", "-", stdin=(
            "table bridge hush {\n  chain forward {\n    type filter hook forward priority -1;\n"
            f"{rules}  }}\n}}\n"))

    def hushed(self):
        """How many frames hush() has dropped."""
        told = json.loads(self.switch.run("nft", "-j", "list", "table", "bridge", "hush").stdout)["nftables"]
        return sum(e["counter"]["packets"] for r in told if "rule" in r for e in r["rule"]["expr"] if "counter" in e)

    def steady_ports(self):
        """The switch no longer believes that a host has moved to another port, whoever uses its address."""
        _run(["bridge", "-n", self.switch.netns, "-batch", "-"], "".join(
            f"fdb replace {self.nodes[n].mac()} dev {n}0 master static sticky\n" for n in self.plugged()))

    def cpu_hogs(self, n, seconds):
        """n ordinary processes that want a whole core each, for so long."""
        hogs = []
        for _ in range(n):
            self._hogs += 1
            hogs.append(self.c.start(f"hog{self._hogs}", "timeout", "-s", "KILL", str(seconds),
                                     "sh", "-c", "while :; do :; done"))
        return hogs

    def threaded_napi(self, host, on=True, dev="eth0"):
        """Packets are taken in by a kernel thread of SCHED_OTHER instead of in whoever is interrupted."""
        self.nodes[host].run("ethtool", "-K", dev, "gro", "on")	# a veth has NAPI only with GRO or XDP
        self.nodes[host].run("unshare", "-m", "sh", "-c",	# sysfs shows the namespace it was mounted in
                             f"mount -t sysfs lab /sys && echo {int(on)} > /sys/class/net/{dev}/threaded")


def _claim_rules(vip):
    if ":" not in vip:
        return [f"arp saddr ip {vip}"]
    target = int.from_bytes(socket.inet_pton(socket.AF_INET6, vip), "big")
    return [f"icmpv6 type nd-neighbor-advert @nh,384,128 {target:#x}",	# behind the IPv6 header and 8 bytes of NA
            f"ip6 saddr {vip} icmpv6 type nd-neighbor-solicit"]


def _loss_rule(percent, frm, to, path):
    port = "*" if path is None else str(path)
    match = "".join(f'{key} "{node}{port}" ' for key, node in (("iifname", frm), ("oifname", to)) if node)
    if not match and path is not None:
        match = f'oifname {{ {", ".join(f"{chr(34)}{n}{path}{chr(34)}" for n in NUMBER)} }} '
    chance = "" if percent == 100 else f"numgen random mod 10000 < {int(percent * 100)} "
    return f"{match}{chance}drop"


def _tear_down(id):
    names = {n.removeprefix(f"{id}-") for n in os.listdir("/run/netns") if n.startswith(f"{id}-")}
    nodes = [Node(Lab(id), n) for n in sorted(names)]	# also those a test has added
    for node in nodes:
        for pid in node.pids():
            try:
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                pass
    for node in nodes:
        if os.path.exists(f"/run/netns/{node.netns}"):
            _run(["ip", "netns", "del", node.netns], check=False)
    shutil.rmtree(os.path.join(BPFFS, id), ignore_errors=True)
    os.unlink(os.path.join(LABS, id))


def labs():
    """{id: is its maker alive or was it made to stay?}"""
    found = {}
    for id in os.listdir(LABS) if os.path.isdir(LABS) else []:
        try:
            with open(os.path.join(LABS, id)) as f:
                told = json.load(f)
        except (OSError, ValueError):
            continue
        found[id] = told["owner"] == 0 or start_time(told["owner"]) == told["started"]
    return found


def sweep():
    """Clear what labs left behind whose maker was killed; returns their ids."""
    dead = [id for id, alive in labs().items() if not alive]
    for id in dead:
        try:
            _tear_down(id)
            shutil.rmtree(f"/tmp/baton-lab-{id}", ignore_errors=True)
        except FileNotFoundError:
            pass			# another sweep was faster
    return dead
