# SPDX-License-Identifier: GPL-2.0-or-later
"""cluster_deaths: a host dies under a steady stream of requests, each asked once and never again: which were lost, which answered twice?

The detection that was in force is the taker's own word for it (`baton explain`); what silence is longer than that is the
flip's. The window is what replay looks at, twice that detection. A run is made again when the probe itself was kept off the CPU.
"""

import json
import random
import statistics
import time

from controller import Pair, other
from figures import say, spread
from keepalived import KeepalivedPair
from lab import HOSTS, VIP, Lab, LabError, wait_until
from moves import gate_times
from traffic import Probe, answerer

LATE_MS, TRIES = 3, 3		# as in bench/run, but what is promised here is 3 ms
HOGS, HOG_S = 16, 8
STALE_S = 0.6			# a lease and more: the stopped controller's gate has none left
PAUSE_S = 0.1			# it goes on so long after the gate was seen open
WINDOW = 2			# x detection: `replay-window` where it is not set


def cluster(lab, **more):
    return Pair(lab, {"group sip": {"mode": "cluster", **more}})


STANDS = {	# key: title, how it is made, most runs of a row, at which rates
    "cluster": ("cluster, replay", cluster, None, None),
    "no-replay": ("cluster, no replay", lambda lab: cluster(lab, replay="no"), 3, None),
    "takeover": ("takeover", Pair, 3, None),
    "keepalived": ("keepalived 10 ms, use_vmac", lambda lab: KeepalivedPair(lab, vmac=True), 5, (1000,)),
}


# -- one death ----------------------------------------------------------------------------------------

def changes(pair, host):
    """What its controller has to explain, newest first; nothing of one that is no batond."""
    one = pair.by_host[host]
    return one.json("explain")["changes"] if hasattr(one, "json") else []


def account(pair, host):
    """Of the last change there: which detection was in force, by whom the gate was opened, what replay did."""
    told = changes(pair, host)
    if not told:
        return {}
    last = told[0]
    detect = [p["detect_us"] for p in last["then"]["paths"] if p["link"] == "up"]
    opened = [s["by"] for s in last["steps"] if s["step"] == "opened"]
    return {"cause": last["cause"], "opened_by": opened[0] if opened else None,
            "detect_ms": max(detect) / 1000 if detect else None, "replay": last.get("replay")}


def stands_ready(pair, holder):
    """Long enough in order that nothing of the beginning is measured."""
    time.sleep(1.2 + random.random())
    now = pair.primary
    if now != holder:
        raise LabError(f"before anything was done the role went from {holder} to {now}")


def hurt(lab, pair, probe, holder):
    with probe.event("death"):
        lab.death(holder)
    probe.wait_not_answered_by(holder, timeout=20)
    time.sleep(0.3)


def measured(pair, probe, holder, rate):
    seen = probe.stop()
    mark, told = seen["marks"]["death"], account(pair, other(holder))
    detect = told.get("detect_ms")
    return {"lost": seen["lost"], "sent": seen["sent"], "silence_ms": mark["silence_ms"], "late_ms": mark["late_ms"],
            "over_ms": mark["silence_ms"] - detect if detect else None, "twice": seen["answered_twice"],
            "window": round(rate * WINDOW * detect / 1000) if detect else None, "waited_ms": mark["waited_ms"],
            "by_two": seen["answered_by_two"], **told}


def one_death(make, rate, hogs=0):
    with Lab() as lab:
        try:
            for host in HOSTS:
                answerer(lab, host, realtime=True)
            pair = make(lab).start()
            holder = pair.primary
            probe = Probe(lab, rate=rate, seconds=40)
            probe.wait_answered_by(holder)
            if hogs:
                lab.cpu_hogs(hogs, HOG_S)
            stands_ready(pair, holder)
            hurt(lab, pair, probe, holder)
            return measured(pair, probe, holder, rate)
        except LabError as e:
            return {"failed": str(e), "logs": lab.logs()[-6000:]}


def death(make, rate, hogs=0):
    """One run; again when this machine kept the probe off the CPU during the silence that it measured."""
    for again in range(TRIES):
        run = {**one_death(make, rate, hogs), "held_up": again}
        if hogs or run.get("late_ms", 0) < LATE_MS:
            break
        say(f"  the probe was held up for {run['late_ms']:.1f} ms: {describe(run)}")
    return run


def describe(run):
    if "failed" in run:
        return run.pop("logs", "") + f"failed: {run['failed']}"
    over = "" if run["over_ms"] is None else f" (detection {run['detect_ms']:.1f} {run['over_ms']:+.1f})"
    return (f"{run['lost']} lost of {run['sent']}, silence {run['silence_ms']:.1f} ms{over}, {run['twice']} answered twice, "
            f"longest wait {run['waited_ms']:.1f} ms, replay {json.dumps(run.get('replay'))}, opened by {run.get('opened_by')}")


def deaths(stands, rates, runs, hogs=0):
    """{(stand, rate): [run ...]}, in turns."""
    chosen = [(key, rate) for key in stands for rate in rates if rate in (STANDS[key][3] or rates)]
    done = {one: [] for one in chosen}
    for i in range(runs):
        for key, rate in chosen:
            if i < (STANDS[key][2] or runs):
                done[key, rate].append(death(STANDS[key][1], rate, hogs))
                say(f"  run {i + 1}: {STANDS[key][0]}, {rate / 1000:g} kHz: {describe(done[key, rate][-1])}")
    return done


HEADS = ["", "runs with 0 lost", "lost", "silence ms", "minus detection", "answered twice", "of the window", "replayed", "longest wait ms"]


def replayed(run):
    return (run.get("replay") or {}).get("replayed", 0)


def lines(done):
    for (key, rate), runs in done.items():
        good = [r for r in runs if "failed" not in r]
        over = [r["over_ms"] for r in good if r["over_ms"] is not None]
        window, twice = sum(r["window"] or 0 for r in good), sum(r["twice"] for r in good)
        yield [f"{STANDS[key][0]}, {rate / 1000:g} kHz", f"{sum(not r['lost'] for r in good)} of {len(runs)}",
               spread([r["lost"] for r in good], ".0f"), spread([r["silence_ms"] for r in good]), spread(over), str(twice),
               f"{100 * twice / window:.2f} %" if window else "", spread([replayed(r) for r in good], ".0f"),
               spread([r["waited_ms"] for r in good])]


# -- the backup's controller stands still ---------------------------------------------------------------

def word_mode(pair, host):
    """Of the first group, from the map: its controller may be unable to tell."""
    pinned = f"{pair[host].pin_dir}/st_word"
    dump = json.loads(pair.lab.nodes[host].run("bpftool", "-j", "map", "dump", "pinned", pinned).stdout)
    return ("shut", "armed", "open", "relay")[dump[0]["formatted"]["value"] >> 16 & 0xff]


def flip(lab, pair, probe, holder):
    """The host dies while the other's controller is stopped; from death to the first frame that the open gate let in."""
    taker = other(holder)
    pair[taker].pause()
    time.sleep(STALE_S)
    began = time.clock_gettime_ns(time.CLOCK_BOOTTIME)
    with probe.event("death"):
        lab.death(holder)
    try:
        wait_until(lambda: word_mode(pair, taker) == "open", 3, f"the gate of {taker} to open while its controller is stopped")
        time.sleep(PAUSE_S)
        first_ns = gate_times(pair, taker)[1]
    finally:
        pair[taker].resume()
    pair[taker].wait_role("primary")
    probe.wait_not_answered_by(holder)
    time.sleep(0.3)
    return (first_ns - began) / 1e6


def one_stopped(rate=1000):
    with Lab() as lab:
        try:
            for host in HOSTS:
                answerer(lab, host, realtime=True)
            pair = cluster(lab).start()
            holder = pair.primary
            probe = Probe(lab, rate=rate, seconds=40)
            probe.wait_answered_by(holder)
            stands_ready(pair, holder)
            first_ms = flip(lab, pair, probe, holder)
            return {"first_ms": first_ms, **measured(pair, probe, holder, rate)}
        except LabError as e:
            return {"failed": str(e), "logs": lab.logs()[-6000:]}


def stopped(runs):
    done = []
    for i in range(runs):
        done.append(one_stopped())
        run = done[-1]
        first = "" if "failed" in run else f"first frame let in after {run['first_ms']:.1f} ms, cause {run['cause']}, "
        say(f"  run {i + 1}: {first}{describe(run)}")
    return done


STOPPED_HEADS = ["", "gate opened", "death to first frame ms", "silence ms", "opened by", "lost"]


def stopped_lines(runs):
    good = [r for r in runs if "failed" not in r]
    yield ["backup's controller stopped, 1 kHz", f"{len(good)} of {len(runs)}", spread([r["first_ms"] for r in good]),
           spread([r["silence_ms"] for r in good]), ", ".join(sorted({str(r["opened_by"]) for r in good})),
           spread([r["lost"] for r in good], ".0f")]
