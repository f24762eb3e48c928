# SPDX-License-Identifier: GPL-2.0-or-later
"""Two servers on one host behind one VIP: who answers, from which port, and what a crash or a move costs."""

import os
import time

import pytest

import traffic
from controller import Batond
from lab import BUILD, PORT, VIP, VIP6, _write, wait_until

OWN = {"a": 5061, "b": 5062}


class Single:
    """batond on host a, and two answerers there, `a` and `b`, each at a port of its own or both at the VIP's."""

    def __init__(self, lab, ports=None, addresses=(VIP,), settings=None):
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
    assert lost(seen) <= 4, f"two crashes: {seen}"
    assert seen["answered_by_two"] == 0, seen
