# SPDX-License-Identifier: GPL-2.0-or-later
"""Does `baton doctor` name what somebody does to a host, and is it content again when that is undone?

What belongs to the whole machine (limits of real-time tasks, a network manager's files) is laid in front of one batond alone,
in a mount namespace of its own; the rest is done for real in the lab's.
"""

import ctypes
import json
import os
import subprocess

import pytest

from controller import Batond
from lab import BUILD, VIP, VIP6, _write, wait_until

PTRACE_DETACH, PTRACE_SEIZE, PTRACE_INTERRUPT = 17, 0x4206, 0x4207


def rows(batond):
    """Of `baton doctor`, which ends with 1 where anything is bad."""
    return json.loads(batond.cli("-j", "doctor", check=False).stdout)["checks"]


def row(batond, check, about=""):
    """The worst row of that check whose text names `about`."""
    found = [r for r in rows(batond) if r["check"] == check and about in r["text"]]
    assert found, f"no row {check} about '{about}' in {rows(batond)}"
    return max(found, key=lambda r: ("ok", "warn", "bad").index(r["level"]))


def expect(batond, level, check, about="", *words):
    """That row comes to that level, names all of the words, and says what to do unless it is ok."""
    def now():
        return row(batond, check, about)
    wait_until(lambda: now()["level"] == level, 10, f"row {check} of {batond.host} to be {level}; it is {now()}", every=0.05)
    found = now()
    missing = [w for w in words if w not in found["text"] + found["fix"]]
    assert not missing, f"row {check} says nothing of {missing}: {found}"
    assert bool(found["fix"]) == (level != "ok"), f"a fix where there is something to mend, and only there: {found}"


def sees(batond, level, check, about, do, undo, *words):
    expect(batond, "ok", check, about)
    do()
    try:
        expect(batond, level, check, about, *words)
    finally:
        undo()
    expect(batond, "ok", check, about)


# ---- the host's network ----------------------------------------------------------------------------

def setting(node, name, bad, good):
    return lambda: node.run("sysctl", "-qw", f"{name}={bad}"), lambda: node.run("sysctl", "-qw", f"{name}={good}")


@pytest.mark.parametrize("paths", [2])
@pytest.mark.parametrize("settings", [{"group sip": {"sip-address": [f"{VIP}/24", f"{VIP6}/64"]}}])
def test_settings_that_somebody_changed(lab, pair):
    node, a = lab.a, pair.a
    for name, bad, good in (("arp_ignore", 0, 1), ("arp_announce", 0, 2)):
        key = f"net.ipv4.conf.eth0.{name}"
        sees(a, "bad", "setting", key, *setting(node, key, bad, good), "wanted")
    key = "net.ipv4.ip_nonlocal_bind"
    sees(a, "bad", "setting", key, *setting(node, key, 0, 1), "wanted 1")
    key = "net.ipv4.conf.eth0.rp_filter"
    sees(a, "warn", "rp-filter", "eth0", *setting(node, key, 1, 2), "strict", "rp_filter=2")
    key = "net.ipv6.conf.eth0.disable_ipv6"
    sees(pair.b, "bad", "ipv6", "eth0", *setting(lab.b, key, 1, 0), "IPv6 VIP", "disable_ipv6=0")


def test_bridges_in_front_of_a_firewall(lab, servers):
    if not os.path.exists("/proc/sys/net/bridge"):
        pytest.skip("this kernel has no br_netfilter loaded, so it cannot be misconfigured")
    a = Batond(lab, "a").start()
    lab.a.run("sysctl", "-qw", "net.bridge.bridge-nf-call-iptables=1")
    sees(a, "warn", "bridges", "", lambda: lab.a.ip("link add br7 type bridge"), lambda: lab.a.ip("link del br7"), "nftables")
    lab.a.ip("link add br7 type bridge")
    calls = [f"net.bridge.bridge-nf-call-{table}" for table in ("iptables", "ip6tables")]
    lab.a.run("sysctl", "-qw", *(f"{c}=0" for c in calls))
    expect(a, "ok", "bridges")


# ---- the way of frames -----------------------------------------------------------------------------

def test_an_mtu_too_big_for_native_xdp(lab, servers):
    """veth counts the MTU at the other end."""
    lab.switch.ip("link set a0 mtu 9000")
    a = Batond(lab, "a").start()
    expect(a, "warn", "xdp", "eth0", "generic", "MTU too big for native XDP", "3506")
    a.stop()
    lab.switch.ip("link set a0 mtu 1500")
    a.start()
    expect(a, "ok", "xdp", "eth0", "native")
    a.stop()
    a.configure({"interface eth0": {"xdp-mode": "generic"}})
    a.start()
    expect(a, "warn", "xdp", "eth0", "as configured", "xdp-mode = auto")


TCX = """
import ctypes, socket, sys, time
call, x86 = ctypes.CDLL(None, use_errno=True).syscall, __import__("platform").machine() == "x86_64"
def bpf(cmd, attr):
    got = call(321 if x86 else 280, cmd, attr, ctypes.sizeof(attr))
    return got if got >= 0 else sys.exit(f"bpf({cmd}): errno {ctypes.get_errno()}")
path = ctypes.create_string_buffer(sys.argv[1].encode())
prog = bpf(7, (ctypes.c_uint64 * 2)(ctypes.addressof(path), 0))			# BPF_OBJ_GET
link = bpf(28, (ctypes.c_uint32 * 16)(prog, socket.if_nametoindex("eth0"), 47, 0))	# BPF_LINK_CREATE, BPF_TCX_EGRESS
print("attached", flush=True)
time.sleep(600)
"""


def test_a_program_asked_before_ours(lab, servers):
    """tcx came with Linux 6.6; any program will do, also a second one of our own."""
    a = Batond(lab, "a").start()
    assert not [r for r in rows(a) if r["check"] == "tcx"], "nothing to tell where nobody stands before us"
    stranger = lab.a.start("tcx", "/usr/bin/python3", "-c", TCX, f"{a.pin_dir}/prog-tc")
    wait_until(lambda: "attached" in stranger.text() or not stranger.alive, 5, "the program to be attached")
    if not stranger.alive:
        pytest.skip(f"no tcx here: {stranger.text()}")
    expect(a, "warn", "tcx", "eth0", "1 tcx program, first baton_tc", "detach")
    stranger.kill()
    wait_until(lambda: not [r for r in rows(a) if r["check"] == "tcx"], 5, "the row to end with the program")


# ---- the secret, and batond itself ----------------------------------------------------------------

def test_the_secret_is_watched(pair):
    path = pair.a.secret_file
    with open(path, encoding="ascii") as f:
        text = f.read()
    sees(pair.a, "bad", "secret", "", lambda: os.chmod(path, 0o644), lambda: os.chmod(path, 0o600), "0644", "chmod 600")
    sees(pair.a, "bad", "secret", "", lambda: _write(path, "another secret of more than 32 bytes\n"), lambda: _write(path, text),
         "changed since", "both hosts")
    assert text not in str(rows(pair.a)), "the secret itself is nobody's business"


def test_scripts_and_options(lab, servers):
    """A script that others may change would be theirs to run as root; an option that does nothing yet is told."""
    path = os.path.join(lab.a.dir, "notify")
    _write(path, "#!/bin/sh\n", 0o755)
    a = Batond(lab, "a", {"group sip": {"notify": path}, "TServer": {"ha-max-calls-sync-at-once": "300"}}).start()
    sees(a, "bad", "scripts", "", lambda: os.chmod(path, 0o777), lambda: os.chmod(path, 0o755), "notify", "writable", path)
    told = any("ha-max-calls-sync-at-once" in r["text"] and r["level"] == "warn" for r in rows(a) if r["check"] == "option")
    acts = [o["acts"] for o in a.json("options")["options"] if o["name"] == "ha-max-calls-sync-at-once"]
    assert acts and told != acts[0], f"told of: {told}, acts: {acts}"


def test_priority_taken_away(pair):
    pid = str(pair.b.pid())
    sees(pair.b, "bad", "realtime", "", lambda: subprocess.run(["chrt", "-o", "-p", "0", pid], check=True),
         lambda: subprocess.run(["chrt", "-R", "-f", "-p", "40", pid], check=True), "main loop", "LimitRTPRIO")


def thread_of(batond, name):
    for tid in os.listdir(f"/proc/{batond.pid()}/task"):
        with open(f"/proc/{batond.pid()}/task/{tid}/comm", encoding="ascii") as f:
            if f.read().strip() == name:
                return int(tid)
    raise AssertionError(f"batond has no thread '{name}'")


def test_an_examination_that_hangs_holds_nobody_up(pair):
    """As on a disk that hangs: the thread stands still, the role does not notice, the operator is told."""
    holder = pair[pair.primary]
    tid, ptrace = thread_of(holder, "examiner"), ctypes.CDLL(None, use_errno=True).ptrace
    with pair.nothing_moves():
        assert ptrace(PTRACE_SEIZE, tid, None, None) == 0, f"ptrace: errno {ctypes.get_errno()}"
        try:
            assert ptrace(PTRACE_INTERRUPT, tid, None, None) == 0, f"ptrace: errno {ctypes.get_errno()}"
            os.waitpid(tid, 0x40000000)		# __WALL
            found = row(holder, "examination")
        finally:
            ptrace(PTRACE_DETACH, tid, None, None)
        assert found["level"] == "bad" and found["fix"], found
        assert row(holder, "peer")["level"] == "ok", "what the main loop knows is told all the same"
        wait_until(lambda: not [r for r in rows(holder) if r["check"] == "examination"], 5, "it to come to its end")
    assert row(holder, "xdp")["level"] == "ok", rows(holder)


# ---- what is the machine's: laid in front of one batond -------------------------------------------

STAGE = """#!/bin/sh
exec unshare -m --propagation private sh -c '
    mount -t tmpfs -o size=1m stage /run && mkdir -p /run/NetworkManager/devices /run/systemd/netif/links &&
    for of in sched_rt_runtime_us core_pattern; do mount --bind {dir}/$of /proc/sys/kernel/$of || exit 1; done
    mount -t tmpfs -o size=1m,mode=555 stage /proc/$$/net && mkdir /proc/$$/net/vlan && cp {dir}/vlan /proc/$$/net/vlan/config &&
    mount -t tmpfs -o size=8m disk {state} && exec {with_} {build}/batond "$@"' stage "$@"
"""


def staged(lab, with_="", env=""):
    """batond of host a with its own /run, its own view of some settings, and a small disk as state-dir."""
    stage = os.path.join(lab.dir, "stage")
    a = Batond(lab, "a", {"peer": {"path": ["eth0 10.77.0.2"]}})
    os.makedirs(stage)
    for name, text in (("sched_rt_runtime_us", "950000\n"), ("core_pattern", "core\n"), ("vlan", "VLAN Dev name | VLAN ID\n")):
        _write(os.path.join(stage, name), text, 0o644)
    _write(os.path.join(stage, "batond"), STAGE.format(dir=stage, state=a.state_dir, build=BUILD,
                                                       with_=f"env {env} {with_}" if env else with_), 0o755)
    return a.start(build=stage), stage


def inside(batond, path):
    """A file as that batond sees it."""
    return f"/proc/{batond.pid()}/root{path}"


def put(path, text):
    """In place: a file that is mounted over another must not be replaced."""
    with open(path, "w", encoding="ascii") as f:
        f.write(text)


def test_what_belongs_to_the_machine(lab, servers):
    a, stage = staged(lab, env="NOTIFY_SOCKET=@nobody WATCHDOG_USEC=5000000")
    ifindex = json.loads(lab.a.run("ip", "-j", "link", "show", "eth0").stdout)[0]["ifindex"]
    expect(a, "ok", "supervisor", "", "5 s")

    runtime = os.path.join(stage, "sched_rt_runtime_us")
    for level, value in (("warn", "100000\n"), ("bad", "0\n")):
        sees(a, level, "throttling", "", lambda: put(runtime, value), lambda: put(runtime, "950000\n"), "sched_rt_runtime_us=950000")

    state = inside(a, f"/run/NetworkManager/devices/{ifindex}")
    sees(a, "warn", "managed", "eth0", lambda: put(state, "[device]\nmanaged=true\nconnection-uuid=x\n"),
         lambda: put(state, "[device]\nmanaged=false\n"), "NetworkManager", "unmanaged-devices=interface-name:eth0")
    state = inside(a, f"/run/systemd/netif/links/{ifindex}")
    sees(a, "warn", "managed", "eth0", lambda: put(state, "# private\nADMIN_STATE=configured\nOPER_STATE=routable\n"),
         lambda: os.unlink(state), "systemd-networkd", "KeepConfiguration")

    put(os.path.join(stage, "core_pattern"), "|/usr/lib/systemd/systemd-coredump %P\n")
    assert "/usr/lib/systemd/systemd-coredump: a crashed" in row(a, "cores")["text"], row(a, "cores")
    expect(a, "warn", "crash", "", "no group names its server", "server-unit")

    vlans = f"/proc/{a.pid()}/net/vlan/config"
    sees(a, "warn", "vlan", "eth0", lambda: put(inside(a, vlans), "eth0.100       | 100  | eth0\n"),
         lambda: put(inside(a, vlans), "eth1.100       | 100  | eth1\n"), "eth0.100", "rxvlan off")
    put(inside(a, vlans), "eth0.100       | 100  | eth0\n")
    for on, level in (("off", "ok"), ("on", "warn")):
        lab.a.run("ethtool", "-K", "eth0", "rxvlan", on)
        expect(a, level, "vlan", "eth0", f"rx-vlan-offload is {on}")

    big = inside(a, f"{a.state_dir}/big")
    sees(a, "bad", "disk", "", lambda: put(big, "x" * (7500 << 10)), lambda: os.unlink(big), "make room")
    disk = ["nsenter", "-t", str(a.pid()), "-m", "mount", "-o"]
    sees(a, "bad", "disk", "", lambda: subprocess.run([*disk, "remount,ro", a.state_dir], check=True),
         lambda: subprocess.run([*disk, "remount,rw", a.state_dir], check=True), "read-only")
    assert row(a, "clock")["level"] == "ok" and "NTP" in row(a, "clock")["text"], row(a, "clock")


def test_without_the_rights_it_needs(lab, servers):
    """No CAP_SYS_NICE, no CAP_IPC_LOCK, tight limits, no service manager's watchdog."""
    a, _ = staged(lab, "prlimit --rtprio=0 --memlock=65536 setpriv --bounding-set=-sys_nice,-ipc_lock --inh-caps=-sys_nice,-ipc_lock",
                  env="-u WATCHDOG_USEC NOTIFY_SOCKET=@nobody")
    expect(a, "bad", "realtime", "", "CAP_SYS_NICE")
    expect(a, "warn", "memory", "", "LimitMEMLOCK")
    expect(a, "warn", "supervisor", "", "WatchdogSec")
    a.stop()
    if os.path.basename(BUILD) != "san":	# ASan does not let a process lock its memory
        expect(Batond(lab, "b").start(), "ok", "memory")


# ---- mode = cluster ----------------------------------------------------------------------------------

def test_who_hears_the_clusters_address(lab, servers):
    """veth has no filter for further unicast addresses, a macvlan gets no unicast but its own."""
    a = Batond(lab, "a", {"group sip": {"mode": "cluster", "cluster-mac": "unicast"}}).start()
    expect(a, "warn", "hearing", "eth0", "every other frame", "promiscuous")
    wait_until(lambda: "promiscuous interface=eth0" in a.log(), 10, "a log line that eth0 is promiscuous")
    lab.a.ip("link add mv0 link eth0 type macvlan mode bridge", "addr add 10.77.0.21/24 dev mv0", "link set mv0 up")

    def unheard():
        return "cluster-unheard mv0" in [row["id"] for row in a.json("alarms")["alarms"]]
    wait_until(lambda: any(row["text"].startswith("mv0") for row in a.doctor("hearing")), 10, "a row about mv0")
    expect(a, "bad", "hearing", "mv0", "does not take in", "macvlan", "cluster-mac")
    wait_until(unheard, 10, "an alarm about mv0")
    lab.a.ip("link del mv0")
    wait_until(lambda: not unheard(), 10, "the alarm about mv0 to clear")
    a.stop()
    a.configure({"group sip": {"cluster-mac": "multicast"}})
    a.start()
    expect(a, "ok", "hearing", "eth0")
    mac = "03:bf:0a:4d:00:64"
    lab.a.run("bridge", "fdb", "del", mac, "dev", "eth0", "self")
    wait_until(lambda: mac in lab.a.run("ip", "maddr", "show", "dev", "eth0").stdout, 10, "its address to be back in the filter")
    wait_until(lambda: "hearing repaired interface=eth0" in a.log(), 10, "a log line about it")
    a.stop()
    a.configure({"interface eth0": {"xdp-mode": "native"}})
    a.start(wait=False)
    assert a.process.wait(30) == 1 and "eth0] xdp-mode = native on a veth" in a.log(), a.log()[-500:]
