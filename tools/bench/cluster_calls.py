# SPDX-License-Identifier: GPL-2.0-or-later
"""cluster_calls: SIPp calls are in progress and new ones keep coming while a host dies: which failed, and why?

A call has failed when its BYE got no 200. What it began with decides what may be asked of it: one that began after the death
has no excuse. With servers that keep their calls to themselves a call of the dead one's is unknown to the other (481): that
is the servers' doing, and is told apart.
"""

import os
import signal
import time

from cluster_deaths import account, stands_ready
from controller import Pair, other
from figures import say, spread
from lab import HOSTS, PORT, VIP, Lab, LabError, wait_until
from traffic import SIPP, answerer

PER_S, TALK_MS = 250, 2000	# 500 in progress
AFTER_S = 1.5			# new ones so long after the death
GIVE_UP_MS = 6000
SERVERS = {"shared": ("servers share their calls", False), "own": ("each server keeps its own", True)}


class Timed:
    """SIPp as a caller whose log tells when each call was asked for, was answered, and how it ended."""

    def __init__(self, lab):
        self.lab, self.log = lab, os.path.join(lab.c.dir, "timed.log")
        self.process = lab.c.start(
            "timed", "sipp", f"{VIP}:{PORT}", "-sf", f"{SIPP}/timed.xml", "-i", lab.c.ip4, "-p", "5070", "-t", "u1",
            "-r", str(PER_S), "-d", str(TALK_MS), "-recv_timeout", str(GIVE_UP_MS), "-nostdin", "-trace_logs", "-log_file", self.log)

    def told(self):
        """{"sent": {Call-ID: seconds}, "begun": ..., "ended": ..., "unknown": ...}, times of the wall clock as SIPp has them."""
        told = {what: {} for what in ("sent", "begun", "ended", "unknown")}
        try:
            with open(self.log) as f:
                lines = [line.split() for line in f]
        except FileNotFoundError:
            lines = []
        for line in lines:
            if len(line) == 5 and line[0] in told:
                told[line[0]].setdefault(line[1], float(line[4]))
        return told

    def in_progress(self):
        told = self.told()
        return len(told["begun"]) - len(told["ended"]) - len(told["unknown"])

    def stop(self):
        self.process.signal(signal.SIGUSR1)
        self.process.wait(60)
        return self.told()


def failures(told, died):
    """Calls by when they began, and what became of those that failed."""
    out = {"before": 0, "after": 0, "failed_before": 0, "failed_after": 0, "why": {}}
    for call, at in told["sent"].items():
        when = "after" if at >= died else "before"
        out[when] += 1
        if call not in told["ended"]:
            out[f"failed_{when}"] += 1
            why = "BYE got 481" if call in told["unknown"] else "BYE unanswered" if call in told["begun"] else "INVITE unanswered"
            out["why"][why] = out["why"].get(why, 0) + 1
    waits = [told["begun"][call] - at for call, at in told["sent"].items() if call in told["begun"]]
    out["asked_again"] = sum(wait > 0.45 for wait in waits)	# SIPp sends an INVITE again after half a second
    return out


def one_run(make, keeps):
    with Lab() as lab:
        try:
            for host in HOSTS:
                answerer(lab, host, realtime=True, keeps=keeps)
            pair = make(lab).start()
            holder, calls = pair.primary, Timed(lab)
            wait_until(lambda: calls.in_progress() >= 0.95 * PER_S * TALK_MS / 1000, 20, "the calls to be in progress", every=0.1)
            stands_ready(pair, holder)
            in_progress = calls.in_progress()
            lab.death(holder)
            died = time.time()
            time.sleep(AFTER_S)
            told = calls.stop()
            return {"in_progress": in_progress, **failures(told, died), **account(pair, other(holder))}
        except LabError as e:
            return {"failed": str(e), "logs": lab.logs()[-6000:]}


def calls(stands, runs):
    """{(stand, servers): [run ...]}; stands: {key: (title, how it is made)}."""
    done = {(key, kind): [] for key in stands for kind in SERVERS}
    for i in range(runs):
        for key, kind in done:
            if kind == "own" and i >= max(1, runs // 4):
                continue
            run = one_run(stands[key][1], SERVERS[kind][1])
            done[key, kind].append(run)
            say(f"  run {i + 1}: {stands[key][0]}, {SERVERS[kind][0]}: {run.pop('logs', '')}{run}")
    return done


HEADS = ["", "runs", "in progress", "begun after it", "of them failed", "begun before", "of them failed", "why", "asked again"]


def lines(done, stands):
    for (key, kind), runs in done.items():
        good = [r for r in runs if "failed" not in r]
        why = {}
        for run in good:
            for text, n in run["why"].items():
                why[text] = why.get(text, 0) + n
        def total(what):
            return str(sum(r[what] for r in good))
        yield [f"{stands[key][0]}, {SERVERS[kind][0]}", f"{len(good)} of {len(runs)}", spread([r["in_progress"] for r in good], ".0f"),
               total("after"), total("failed_after"), total("before"), total("failed_before"),
               ", ".join(f"{n} {text}" for text, n in why.items()) or "-", total("asked_again")]
