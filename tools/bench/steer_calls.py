# SPDX-License-Identifier: GPL-2.0-or-later
"""steer_calls: a thousand SIPp calls in progress through a pool: its active server drains; its active server dies."""

import pool_calls
from lab import HOSTS, LabError

CALLS, PER_S, TALK_S = 1000, 250, 15
ACTS = {"drained": ("server a drains", pool_calls.drained), "died": ("a drains, then b's host dies", pool_calls.died)}
FORMS = ("l2", "nat")


def calls_run(act, forward, n, per_s=PER_S, talk_s=TALK_S):
    with pool_calls.steering_lab() as lab:
        try:
            return ACTS[act][1](lab, forward, n, per_s, talk_s)
        except LabError as e:
            return {"failed": str(e), "logs": lab.logs()[-6000:]}


def calls(n=CALLS, say=lambda text: None):
    done = {}
    for act in ACTS:
        for forward in FORMS:
            done[f"{act} {forward}"] = run = calls_run(act, forward, n)
            say(run.pop("logs", "") + f"  {act} {forward}: {run}")
    return done


def lines(done):
    """What became of each server's calls."""
    for key, run in done.items():
        act, forward = key.split()
        title = f"{ACTS[act][0]}, {forward}"
        if "failed" in run:
            yield [title, "failed", "", "", ""]
            continue
        for host in HOSTS:
            one = run[host]
            yield [title if host == HOSTS[0] else "", f"{host}: {one['begun']}"] + [str(one[k]) for k in ("kept", "moved", "lost")]
