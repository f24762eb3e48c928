#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""many_vips: a host with 1,000 VIPs dies; when is each answered again? Resident, placed by netlink, and keepalived.

The client asks the first, the middle and the last VIP once a millisecond each, as the configuration lists them; its
ARP entries are the dead host's until the new holder's announcement overwrites them; in mode cluster they are of both. `beyond detection` is the silence less what the
contender's own settings make of a death: pulse-interval times pulse-misses, or three adverts of keepalived. What the client finds out
no sooner than it asks: a run in which a probe was kept off the CPU for 3 ms of its silence, and for more than a twentieth of it, is made
again, twice at most; the column `probe late` says for how long one still was, and a row with such runs says of how many it is.

    tools/bench/many_vips.py                     5 runs each
    tools/bench/many_vips.py --quick             2 runs
    RUNS=20 tools/bench/many_vips.py
    tools/bench/many_vips.py --stands resident   only that, of: resident, resident6, cluster, netlink, keepalived

All figures also go to build/bench-many-vips.json.
"""

import argparse
import contextlib
import json
import os
import platform
import random
import sys
import time

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, HERE)
sys.path.insert(0, os.path.join(HERE, "../lab"))

from controller import Pair			# noqa: E402
from figures import print_table, say, spread	# noqa: E402
from keepalived import KeepalivedPair		# noqa: E402
from lab import BUILD, Lab, LabError		# noqa: E402
from traffic import Probe, answerer		# noqa: E402

VIPS = 1000
DETECTION_MS = 30		# of both: 3 ms x 10, and 3 x 10 ms
GOAL_MS = {"resident": 5, "cluster": 5, "netlink": 60}
LATE_MS, LATE_PART, TRIES = 3, 1 / 20, 3
NET4, NET6 = "10.80.0.0/20", "fd80::/64"


def vip4(i):
    return f"10.80.{i // 250}.{1 + i % 250}"


def vip6(i):
    """The last 24 bits of all are one: one group to ask them by (kernel-notes/vip-addresses.md)."""
    return f"fd80::{1 + i:x}:0:64"


def baton(placement, vip, length):
    def make(lab):
        vips = [f"{vip(i)}/{length}" for i in range(VIPS)]
        return Pair(lab, {"group sip": {"sip-address": vips, "vip-placement": placement}})
    return make


def cluster(lab):
    return Pair(lab, {"group sip": {"sip-address": [f"{vip4(i)}/20" for i in range(VIPS)], "mode": "cluster", "replay": "no"}})


def keepalived(lab):
    return KeepalivedPair(lab, vips=[vip4(i) for i in range(VIPS)])


STANDS = {
    "resident": ("Baton, resident", baton("resident", vip4, 20), vip4),
    "resident6": ("Baton, resident, IPv6", baton("resident", vip6, 64), vip6),
    "cluster": ("Baton, resident, mode cluster", cluster, vip4),
    "netlink": ("Baton, netlink", baton("netlink", vip4, 20), vip4),
    "keepalived": ("keepalived 10ms", keepalived, vip4),
}
ASKED = {"first": 0, "middle": VIPS // 2, "last": VIPS - 1}


def one_run(key):
    _, make, vip = STANDS[key]
    with Lab() as lab:
        for host in "ab":
            answerer(lab, host, (), realtime=True)
        lab.c.ip(f"route add {NET4} dev eth0", f"route add {NET6} dev eth0")
        pair = make(lab).start()
        holder = pair.primary
        probes = {name: Probe(lab, address=vip(i)) for name, i in ASKED.items()}
        for one in probes.values():
            one.wait_answered_by(holder, 30)
        time.sleep(2 + random.random() / 10)
        with contextlib.ExitStack() as death:
            for one in probes.values():
                death.enter_context(one.event("death"))
            lab.death(holder)
        time.sleep(3)
        seen = {name: one.stop() for name, one in probes.items()}
        pair.stop()
        marks = {name: one["marks"]["death"] for name, one in seen.items()}
        return {name: mark["silence_ms"] for name, mark in marks.items()} | {
            "late_ms": max(mark["late_ms"] for mark in marks.values()), "late": any(was_late(mark) for mark in marks.values())}


def was_late(mark):
    return mark["late_ms"] >= max(LATE_MS, LATE_PART * mark["silence_ms"])


def punctual_run(key):
    """One run; again when this machine kept a probe off the CPU during the silence that it measured."""
    for again in range(TRIES):
        run = one_run(key) | {"held_up": again}
        if not run["late"]:
            break
        say(f"  {key}: a probe was held up for {run['late_ms']:.1f} ms: {run}")
    return run


def runs_of(key, n):
    for i in range(n):
        try:
            run = punctual_run(key)
        except (LabError, AssertionError) as e:
            run = {"failed": str(e)}
        say(f"  {key} {i + 1} of {n}: {run}")
        yield run


def lines(done):
    for key, runs in done.items():
        good = [r for r in runs if "failed" not in r]
        goal = f"{GOAL_MS[key]}" if key in GOAL_MS else "-"
        late = sum(r["late"] for r in good)
        title = STANDS[key][0] + (f" ({late} of {len(good)} by a late probe)" if late else "")
        yield [title, str(len(runs) - len(good)), *(spread([r[name] for r in good]) for name in ASKED),
               spread([r["last"] - DETECTION_MS for r in good]), goal, spread([r["late_ms"] for r in good])]


def main():
    told = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    told.add_argument("--quick", action="store_true", help="2 runs each")
    told.add_argument("--stands", default=",".join(STANDS), help="only these, of: " + ", ".join(STANDS))
    args = told.parse_args()
    n = int(os.environ.get("RUNS") or (2 if args.quick else 5))
    say("many VIPs:")
    done = {key: list(runs_of(key, n)) for key in args.stands.split(",")}
    print(f"\nHost death with {VIPS} VIPs; Linux {platform.release()}, {os.cpu_count()} CPUs; ms, median / worst of {n} runs\n")
    print_table(["", "failed", "first VIP", "middle", "last", "last, beyond detection", "goal", "probe late"], lines(done))
    with open(os.path.join(BUILD, "bench-many-vips.json"), "w") as f:
        json.dump({"schema": 1, "runs": n, "vips": VIPS, "stands": done}, f, indent=1)
    return 1 if any("failed" in run for runs in done.values() for run in runs) else 0


if __name__ == "__main__":
    sys.exit(main())
