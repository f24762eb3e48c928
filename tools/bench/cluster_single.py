# SPDX-License-Identifier: GPL-2.0-or-later
"""cluster_single: two servers on one host, mode single-host: the active one is killed, or hands over, under one stream.

Both listen at the VIP, each on a port of its own; the client knows the VIP's port 5060 alone. `foreign` counts what came to the
client from anywhere else.
"""

import os
import random
import time

from controller import Batond
from figures import say, spread
from lab import BUILD, PORT, VIP, Lab, LabError, _write, wait_until
from traffic import Probe

HOST, SERVERS = "a", {"one": 5071, "two": 5072}
ACTS = ("crash", "switchover")


class Single:
    """Host a alone: batond and two answerers that name themselves."""

    def __init__(self, lab):
        self.lab, self.node = lab, lab.nodes[HOST]
        self.servers = {}
        self.batond = Batond(lab, HOST, {
            "peer": None,
            "group sip": {"mode": "single-host", "prefer": None, "server": [f"{n} {p} pidfile={self.pidfile(n)}" for n, p in SERVERS.items()]}})

    def pidfile(self, name):
        return os.path.join(self.node.dir, f"{name}.pid")

    def serve(self, name):
        server = self.node.start(f"server-{name}", "chrt", "-f", "10", f"{BUILD}/tools/answerer", "-t", name, "-p", str(SERVERS[name]), VIP)
        wait_until(lambda: "serves port" in server.text(), 3, f"server {name} to serve: {server.text()}")
        _write(self.pidfile(name), f"{server.pid}\n")
        self.servers[name] = server

    def start(self):
        self.batond.start()
        for name in SERVERS:
            self.serve(name)
        return self

    def wait_ready(self):
        """Until a switchover would be begun: the other server is known to be well."""
        wait_until(lambda: self.batond.group()["ready"]["switchover"], 20,
                   f"the server that stands by to be ready: {self.batond.group()['ready']}", every=0.05)


def other(name):
    return next(n for n in SERVERS if n != name)


def one_move(single, probe, act, i):
    active = probe.answered_by()
    single.wait_ready()
    time.sleep(0.2 + 0.2 * random.random())
    with probe.event(f"move{i}"):
        if act == "crash":
            single.servers[active].kill()
        else:
            single.batond.cli("switchover")
    probe.wait_answered_by(other(active))
    time.sleep(0.2)
    if act == "crash":
        single.serve(active)


def single_run(act, n, rate=1000):
    """@n moves in one lab."""
    with Lab() as lab:
        try:
            single = Single(lab).start()
            single.wait_ready()
            probe = Probe(lab, rate=rate, seconds=200)
            wait_until(lambda: probe.answered_by() in SERVERS, 20, "one of the servers to answer")
            time.sleep(1)
            for i in range(n):
                one_move(single, probe, act, i)
            seen = probe.stop()
            marks = seen["marks"].values()
            return {"moves": n, "sent": seen["sent"], "lost": [m["lost"] for m in marks], "silences_ms": [m["silence_ms"] for m in marks],
                    "foreign": seen["foreign"], "twice": seen["answered_twice"], "lost_in_all": seen["lost"]}
        except LabError as e:
            return {"failed": str(e), "logs": lab.logs()[-6000:]}


def single(n):
    done = {}
    for act in ACTS:
        run = single_run(act, n)
        done[act] = [run]
        say(f"  {act}: {run.pop('logs', '')}{run}")
    return done


HEADS = ["", "moves", "lost of a move", "lost in all", "silence ms", "answers from elsewhere", "answered twice"]


def lines(done):
    titles = {"crash": "active server killed (-9), 1 kHz", "switchover": "switchover, 1 kHz"}
    for act, (run,) in done.items():
        if "failed" in run:
            yield [titles[act], "failed", "", "", "", "", ""]
            continue
        yield [titles[act], str(run["moves"]), spread(run["lost"], ".0f"), f"{run['lost_in_all']} of {run['sent']}",
               spread(run["silences_ms"]), str(run["foreign"]), str(run["twice"])]
