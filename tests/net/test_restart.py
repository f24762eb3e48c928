# SPDX-License-Identifier: GPL-2.0-or-later
"""batond killed, started again, upgraded, reloaded under 10 kHz of requests: nothing lost, nothing moves."""

import json
import os
import re
import signal
import time

import pytest

import traffic
from controller import Pair, other
from lab import BUILD, wait_until

RATE = 10000


@pytest.fixture
def pair(lab, settings):
    """Supervised: whatever a signal has ended is started again at once."""
    for host in "ab":
        traffic.answerer(lab, host, realtime=True)
    made = Pair(lab, settings)
    for host in "ab":
        made[host].start(wait=False, supervised=True)
    for host in "ab":
        made[host].wait_ready()
    yield made.settle()
    made.stop()


def kill(batond):
    """kill -9; returns when the next one answers."""
    was = batond.pid()
    batond.signal(signal.SIGKILL)
    wait_until(lambda: batond.pid() != was, 30, "the supervisor to start another")
    batond.wait_ready()


def restart(batond):
    """SIGUSR1; returns when the program started in place answers. The process is the same."""
    starts, pid = batond.log().count("started node="), batond.pid()
    batond.signal(signal.SIGUSR1)
    wait_until(lambda: batond.log().count("started node=") > starts, 30, f"a new start: {batond.log()[-1000:]}")
    batond.wait_ready()
    assert batond.pid() == pid and "pins=found" in batond.log().rsplit("started node=", 1)[1]


def again_and_again(pair, probe, who, once, pause_s):
    """Twenty times on one host, under traffic: nothing is lost, nobody's role or term moves."""
    holder = pair.primary
    host = holder if who == "primary" else other(holder)
    term, told = pair[holder].term, pair[other(host)].role_changes()
    asked = probe(rate=RATE)
    asked.wait_answered_by(holder)
    for i in range(20):
        once(pair[host])
        time.sleep(pause_s)
        assert pair[other(host)].role_changes() == told, f"the peer moved at {i + 1}: {pair[other(host)].log()[-600:]}"
    seen = asked.stop()
    assert (pair.settled(), pair[holder].term) == (holder, term), pair.role_changes()
    assert seen["lost"] == 0 and len(seen["segments"]) == 1, seen


@pytest.mark.parametrize("settings", [{"peer": {"lease": "10s"}}])	# 20 times in time, also on a busy machine
@pytest.mark.parametrize("who", ["primary", "backup"])
def test_killed_and_started_again(pair, probe, who):
    """At once, by kill -9."""
    again_and_again(pair, probe, who, kill, 0.3)


@pytest.mark.parametrize("who", ["primary", "backup"])
def test_restarted_in_place(pair, probe, who):
    """SIGUSR1, with the default lease."""
    again_and_again(pair, probe, who, restart, 0.1)


def link_of(batond):
    """Link and program that XDP has on eth0, and the mode."""
    told = json.loads(batond.node.run("ip", "-j", "-d", "link", "show", "eth0").stdout)[0]
    pin = os.path.join(batond.pin_dir, f"link-{told['ifindex']}")
    link = json.loads(batond.node.run("bpftool", "-j", "link", "show", "pinned", pin).stdout)
    return link["id"], link["prog_id"], told["xdp"]["mode"]


def install(lab, edit=lambda data: data):
    """batond and its objects, each put in the place of what lies there in one step, as install(1) does."""
    into = os.path.join(lab.dir, "installed")
    os.makedirs(os.path.join(into, "bpf"), exist_ok=True)
    for file in ("batond", "bpf/baton_tc.bpf.o", "bpf/baton_xdp.bpf.o"):
        with open(os.path.join(BUILD, file), "rb") as f:
            data = f.read()
        part = os.path.join(into, file + ".part")
        with open(part, "wb") as f:
            f.write(edit(data) if file.endswith("xdp.bpf.o") else data)
        os.chmod(part, 0o755)
        os.rename(part, os.path.join(into, file))
    return into


def of_abi_99(data):
    at = data.index(b"BATONABI") + 8
    return data[:at] + b"\x63" + data[at + 1:]


@pytest.mark.parametrize("way", [restart, kill])
@pytest.mark.parametrize("settings", [{"peer": {"lease": "10s"}}])
def test_upgraded(lab, pair, probe, way):
    """Another build with the same ABI takes over pins and links: the same link and mode, another program."""
    host = pair.primary
    pair[host].stop()
    pair[host].start(build=install(lab), supervised=True)
    pair.settle()
    if pair.primary != host:
        pair.switchover()
        wait_until(lambda: pair.settled() == host, 20, f"{host} to lead")
    was, told = link_of(pair[host]), pair.role_changes()[other(host)]
    asked = probe(rate=RATE)
    asked.wait_answered_by(host)
    install(lab, lambda data: data + b"another build")
    way(pair[host])
    wait_until(lambda: "programs result=" in pair[host].log(), 60, "the new programs")
    assert "programs result=renewed" in pair[host].log().splitlines()[-1]
    time.sleep(0.2)
    seen, now = asked.stop(), link_of(pair[host])
    assert (now[0], now[2]) == (was[0], was[2]) and now[1] != was[1], f"link, program, mode: {was}, then {now}"
    assert seen["lost"] == 0 and len(seen["segments"]) == 1, seen
    assert pair.role_changes()[other(host)] == told


def test_objects_of_another_abi(lab, pair, probe):
    """The doctor warns before it is too late, and a restart in place is refused."""
    host = pair.primary
    pair[host].stop()
    pair[host].start(build=install(lab), supervised=True)
    pair.settle()
    rows = {row["check"]: row for row in pair[host].json("doctor")["checks"]}
    assert rows["upgrade"]["level"] == "ok", rows["upgrade"]
    install(lab, of_abi_99)
    rows = {row["check"]: row for row in json.loads(pair[host].cli("-j", "doctor", check=False).stdout)["checks"]}
    assert rows["upgrade"]["level"] == "bad" and "ABI 99" in rows["upgrade"]["text"], rows["upgrade"]
    assert "systemctl restart" in rows["upgrade"]["fix"]
    with pair.nothing_moves():
        pair[host].signal(signal.SIGUSR1)
        wait_until(lambda: "restart refused" in pair[host].log(), 2, "the refusal")
    assert "ABI 99" in pair[host].log() and pair[host].status()


def test_a_file_that_the_pins_are_not_made_for(lab):
    """A restart in place is refused, whatever moves stays; killed, and started with it, nothing of the earlier mode is left."""
    pair = Pair(lab, {"group sip": {"mode": "cluster"}}).start()
    heard = "02:bf:0a:4d:00:64"
    host = pair[pair.backup]
    filters = lambda: host.node.run("bridge", "fdb", "show", "dev", "eth0").stdout
    wait_until(lambda: heard in filters(), 10, f"{host.host} to hear the cluster's address")
    good = host.text()
    with pair.nothing_moves():
        for text, why in ((good.replace("mode = cluster", "mode = takeover"), "other VIPs, ports, mode"),
                          (good.replace("mode = cluster", "mode = clustr"), "'clustr', valid is"),
                          (good.replace("path = eth0", "path = eth55"), "there is no interface eth55"),
                          (good.replace("interface = eth0", "interface = eth56"), "there is no interface eth56"),
                          (re.sub("secret-file = .*", "secret-file = /nowhere/secret", good), "secret-file /nowhere/secret cannot be")):
            host.write(text)
            host.signal(signal.SIGUSR1)
            wait_until(lambda: any(line.startswith("restart refused") and why in line for line in host.log().splitlines()), 5,
                       f"the refusal for {why}: {host.log()[-1500:]}")
            assert host.status()["groups"][0]["mode"] == "cluster"
    host.kill()
    host.configure({"group sip": {"mode": "takeover"}})
    host.start()
    assert "pins discarded" in host.log() and heard not in filters(), filters()


def test_reloaded(pair, probe):
    """Twenty times, by the command and by SIGHUP in turns, with another setting each time."""
    holder = pair.primary
    asked = probe(rate=RATE)
    asked.wait_answered_by(holder)
    with pair.nothing_moves():
        for i in range(20):
            for host in "ab":
                pair[host].configure({"peer": {"pulse-misses": str(10 + i % 3)}})
                if i % 2:
                    pair[host].cli("reload")
                else:
                    pair[host].signal(signal.SIGHUP)
            time.sleep(0.05)
    seen = asked.stop()
    assert seen["lost"] == 0 and len(seen["segments"]) == 1, seen
    assert "option=pulse-misses" in pair.a.log()
