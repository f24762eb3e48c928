# SPDX-License-Identifier: GPL-2.0-or-later
"""moves: the role goes to and fro many times in one lab, under a steady stream; what did the client see of it?

Each move is marked in the probe; between two moves the pair settles (the old holder stands by again).
Silence of a move is compared with the longest of a stretch in which nothing happened, of the same run.
Where both hosts are one machine their kernels share a clock: `late` counts moves in which the old holder's gate
let a frame in after the new one's had; `gates` looks at both words and leases all the while.
"""

import json
import os
import random
import signal
import time

from controller import other
from lab import HOSTS, ROOT, VIP, Lab, LabError
from traffic import Calls, Gates, Probe, answerer

IDLE_S = 3
LAG_NS = 100000		# BT_ACCEPT_LAG_NS: st_seen.accept_ns may be older than the last frame by that


def hand_over(lab, pair, holder):
    pair.switchover()


def signal_all(pair, host, number):
    """keepalived is two processes, and the one that was started holds nothing."""
    for pid in pair.by_host[host].pids():
        os.kill(pid, number)


def kill_controller(lab, pair, holder):
    signal_all(pair, holder, signal.SIGKILL)


def stop_controller(lab, pair, holder):
    signal_all(pair, holder, signal.SIGSTOP)


def bring_back(lab, pair, holder):
    """Whatever was done to it: it runs again."""
    one = pair.by_host[holder]
    if one.process.alive:
        signal_all(pair, holder, signal.SIGCONT)
    else:
        one.start()


def claimed_by(lab):
    """How many hosts tell the client that the address is theirs."""
    said = lab.c.run("/usr/bin/python3", os.path.join(ROOT, "tools/lab/who_has.py"), "eth0", lab.c.ip4, VIP).stdout
    return len(said.split())


def gate_times(pair, host):
    """st_seen of the first group: (last frame let in, first since the gate opened); None for who has no gate."""
    pin_dir = getattr(pair.by_host[host], "pin_dir", None)
    if not pin_dir:
        return None
    dump = json.loads(pair.lab.nodes[host].run("bpftool", "-j", "map", "dump", "pinned", f"{pin_dir}/st_seen").stdout)
    seen = dump[0]["formatted"]["value"]
    return seen["accept_ns"], seen["first_ns"]


def one_move(lab, pair, probe, i, act):
    """Returns what only the hosts can tell: did both claim the address, was the old gate late?"""
    holder = pair.primary
    new = other(holder)
    probe.wait_answered_by(holder)
    time.sleep(0.05 + 0.1 * random.random())
    with probe.event(f"move{i}"):
        act(lab, pair, holder)
    probe.wait_answered_by(new, timeout=20)
    time.sleep(0.3)
    seen = {"two_claim": claimed_by(lab) > 1}
    old_times, new_times = gate_times(pair, holder), gate_times(pair, new)
    if old_times:
        seen["late"] = old_times[0] > new_times[1] + LAG_NS
        seen["gap_us"] = (new_times[1] - old_times[0]) / 1000
    bring_back(lab, pair, holder)
    pair.settle(20)
    return seen


def moves_run(stand, act, n, rate=1000, calls=False, watch=False):
    with Lab() as lab:
        try:
            for host in HOSTS:
                answerer(lab, host, realtime=True)
            pair = stand.make(lab).start()
            gates = Gates(lab, pair) if watch and hasattr(pair.by_host["a"], "pin_dir") else None
            probe = Probe(lab, rate=rate, seconds=600)
            caller = Calls(lab, rate=50) if calls else None
            probe.wait_answered_by(pair.primary)
            time.sleep(1)
            with probe.event("idle"):
                time.sleep(IDLE_S)
            moves = [one_move(lab, pair, probe, i, act) for i in range(n)]
            return told(probe.stop(), moves, caller, gates)
        except LabError as e:
            return {"failed": str(e), "logs": lab.logs()[-6000:]}


def told(seen, moves, caller, gates):
    marks = seen["marks"]
    idle = marks.pop("idle")
    return {"lost": seen["lost"], "sent": seen["sent"], "answered_by_two": seen["answered_by_two"],
            "answered_twice": seen["answered_twice"], "moves": len(moves),
            "idle_silence_ms": idle["silence_ms"], "late_ms": seen["late_ms"],
            "silences_ms": [m["silence_ms"] for m in marks.values()],
            "lost_by_move": [m["lost"] for m in marks.values()],
            "gaps_us": [m["gap_us"] for m in moves if "gap_us" in m],
            "late": sum(m.get("late", False) for m in moves),
            "two_claim": sum(m["two_claim"] for m in moves),
            **({"calls": caller.stop()} if caller else {}), **({"gates": gates.stop()} if gates else {})}
