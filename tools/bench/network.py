# SPDX-License-Identifier: GPL-2.0-or-later
"""network: the primary's cable is pulled, and a third party removes its VIP, many times in one lab under a steady stream.

The clock starts with the kernel's own event on that host (lab/told.py), not with the command that made it. A takeover
ends with the first frame that the new holder's gate lets in, a repair with the event of the address put back.
"""

import json
import os
import random
import statistics
import time

from controller import other
from lab import HOSTS, ROOT, VIP, Lab, LabError, wait_until
from moves import gate_times
from traffic import Probe, answerer

GONE_S = 3		# a VIP that is not back by then is put back by hand
REST_S = 4		# after a cable is plugged in: detection that the outage has stretched is what it was
WATCHED = {"TServer": {"sip-nic-monitoring": "true", "sip-iptakeover-monitoring": "true"}}


class Told:
    """What the kernels of both hosts tell."""

    def __init__(self, lab):
        self.process = {h: lab.nodes[h].start("told", "chrt", "-f", "20", "/usr/bin/python3",
                                              os.path.join(ROOT, "tools/lab/told.py"), VIP) for h in HOSTS}
        for host in HOSTS:
            wait_until(lambda h=host: "ready" in self.process[h].text(), 5, "told.py to listen")

    def since(self, host, at_ns, **match):
        """The first of such news after that moment, as a time of the boot clock; None."""
        for line in self.process[host].text().splitlines():
            news = json.loads(line)
            if news.get("boot_ns", 0) >= at_ns and all(news.get(k) == v for k, v in match.items()):
                return news["boot_ns"]
        return None


def now_ns():
    return time.clock_gettime_ns(time.CLOCK_BOOTTIME)


def start(stand, lab):
    for host in HOSTS:
        answerer(lab, host, realtime=True)
    pair = stand.make(lab)
    for one in pair.by_host.values():
        if hasattr(one, "configure"):
            one.configure(WATCHED)
    return pair.start()


def pull(lab, pair, probe, told, i):
    """How long from the event to the first frame let in elsewhere, where there is a gate to tell; None."""
    holder = pair.primary
    new, begun = other(holder), now_ns()
    probe.wait_answered_by(holder)
    time.sleep(0.05 + 0.1 * random.random())
    with probe.event(f"pull{i}"):
        lab.link_down(holder)
    probe.wait_answered_by(new, timeout=20)
    time.sleep(0.3)
    seen = gate_times(pair, new)
    event = told.since(holder, begun, what="link", carrier=False)
    lab.link_up(holder)
    pair.settle(60)
    time.sleep(REST_S)
    return (seen[1] - event) / 1e6 if seen and event else None


def take(lab, pair, probe, told, i):
    """How long the VIP was away; None: for good."""
    holder, begun = pair.primary, now_ns()
    time.sleep(1 + 0.5 * random.random())
    with probe.event(f"take{i}"):
        lab.nodes[holder].run("ip", "addr", "del", f"{VIP}/32", "dev", "eth0")
        gone = wait_until(lambda: told.since(holder, begun, what="address", there=False), 5, "the VIP to go")
        end = time.monotonic() + GONE_S
        while not told.since(holder, gone, what="address", there=True) and time.monotonic() < end:
            time.sleep(0.01)
    back = told.since(holder, gone, what="address", there=True)
    if not back:
        lab.nodes[pair.primary].run("ip", "addr", "add", f"{VIP}/32", "dev", "eth0", check=False)
    pair.settle(60)
    return (back - gone) / 1e6 if back else None


def network_run(stand, act, n, paths=1):
    with Lab(paths=paths) as lab:
        try:
            pair = start(stand, lab)
            told, probe = Told(lab), Probe(lab, seconds=600)
            probe.wait_answered_by(pair.primary)
            time.sleep(1)
            before = sum(len(c) for c in pair.role_changes().values())
            took = [act(lab, pair, probe, told, i) for i in range(n)]
            changes = sum(len(c) for c in pair.role_changes().values()) - before
            seen = probe.stop()
            return {"took_ms": took, "silences_ms": [m["silence_ms"] for m in seen["marks"].values()],
                    "lost": seen["lost"], "sent": seen["sent"], "late_ms": seen["late_ms"], "role_changes": changes}
        except LabError as e:
            return {"failed": str(e), "logs": lab.logs()[-6000:]}


def spread(values):
    return f"{statistics.median(values):.1f} / {max(values):.1f}" if values else "-"


def network_lines(title, done, stands, what):
    """@what took how long; what the client saw of it."""
    def row(tell):
        runs = [done[s.key][0] if s.key in done else None for s in stands]
        return ["" if run is None else "failed" if "failed" in run else tell(run) for run in runs]

    def took(run):
        known = [t for t in run["took_ms"] if t is not None]
        missed = len(run["took_ms"]) - len(known)
        return spread(known) + (f" {missed} never" if what == "back" and missed else "")
    return [(title, f"{what} ms", row(took)),
            ("", "silence ms", row(lambda r: spread(r["silences_ms"]))),
            ("", "requests lost", row(lambda r: f"{r['lost']} of {r['sent']}")),
            ("", "role changes", row(lambda r: str(r["role_changes"])))]
