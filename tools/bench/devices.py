# SPDX-License-Identifier: GPL-2.0-or-later
"""devices: a thousand [device]s asked every 5 s; the CPU time of the thread that asks them, answered and unanswered."""

import os
import time

from lab import BUILD, HOSTS, Lab, LabError, wait_until
from traffic import answerer

DEVICES, CHECK_S, PORT = 1000, 5, 5061


def configured(lab):
    return {f"device gw{i}": {"contact": f"{lab.c.ip4}:{PORT}", "service-type": "trunk", "oos-check": str(CHECK_S),
                              "oos-force": str(CHECK_S)} for i in range(DEVICES)}


def states(batond, state):
    return sum(d["state"] == state for d in batond.json("devices")["devices"])


def cpu_ns(batond):
    """Of the thread `pinger`, by the scheduler's own account."""
    tasks = f"/proc/{batond.pid()}/task"
    for tid in os.listdir(tasks):
        with open(f"{tasks}/{tid}/comm") as f:
            name = f.read().strip()
        if name == "pinger":
            with open(f"{tasks}/{tid}/schedstat") as f:
                return int(f.read().split()[0])
    raise LabError("batond has no thread called pinger")


def percent(pair, seconds):
    before, began = {h: cpu_ns(pair.by_host[h]) for h in HOSTS}, time.monotonic_ns()
    time.sleep(seconds)
    took = time.monotonic_ns() - began
    return sum(100 * (cpu_ns(pair.by_host[h]) - before[h]) / took for h in HOSTS) / len(HOSTS)


def settle(pair, state):
    wait_until(lambda: all(states(b, state) == DEVICES for b in pair.by_host.values()), 60,
               f"{DEVICES} devices to be {state}: " + str({h: states(b, state) for h, b in pair.by_host.items()}))


def devices_run(stand, seconds):
    with Lab() as lab:
        try:
            for host in HOSTS:
                answerer(lab, host)
            server = lab.c.start("devices", f"{BUILD}/tools/answerer", "-t", "devices", "-p", str(PORT), lab.c.ip4)
            pair = stand.make(lab)
            for one in pair.by_host.values():
                one.configure(configured(lab))
            pair.start()
            settle(pair, "in-service")
            answered = percent(pair, seconds)
            server.stop()
            settle(pair, "out-of-service")
            return {"answered_percent": answered, "silent_percent": percent(pair, seconds)}
        except LabError as e:
            return {"failed": str(e), "logs": lab.logs()[-4000:]}


def devices_lines(title, done, stands):
    def row(key):
        return [("failed" if "failed" in done[s.key][0] else f"{done[s.key][0][key]:.2f}") if s.key in done else "" for s in stands]
    return [(title, "% of a core", row("answered_percent")), ("... all silent", "% of a core", row("silent_percent"))]
