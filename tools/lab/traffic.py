# SPDX-License-Identifier: GPL-2.0-or-later
"""traffic: SIP servers on the hosts, and what a client of the virtual address sees of them."""

import contextlib
import csv
import json
import os
import signal
import subprocess
import time

from lab import BUILD, PORT, ROOT, VIP, LabError, _write, wait_until

SIPP = os.path.join(ROOT, "tools/lab/sipp")


def answerer(lab, host, addresses=(VIP,), tag=None, detached=False, realtime=False, delay_us=0, core_mb=0, drops=None, keeps=False):
    """A one-process SIP server that answers everything with 200 and its name (bench/answerer.c).

    core_mb: it leaves a core of that size in the lab's directory (where core_pattern is no program and no path).
    drops: requests with that text anywhere in them are not answered.
    keeps: it knows no call that another one began, and says so (481).
    realtime: it need not wait for a CPU; both hosts and the client share those of one machine here.
    """
    server = lab.nodes[host].start("server", *(["chrt", "-f", "10"] if realtime else []),
                                   *(["prlimit", "--core=unlimited"] if core_mb else []),
                                   f"{BUILD}/tools/answerer", "-t", tag or host, "-p", str(PORT),
                                   "-d", str(delay_us), "-m", str(core_mb), *(["-x", drops] if drops else []),
                                   *(["-k"] if keeps else []), *addresses, detached=detached)
    wait_until(lambda: "serves port" in server.text(), 2 + core_mb / 100, f"answerer of {host} to serve: {server.text()}")
    return server


def write_pidfile(lab, host):
    """Of the answerer there, which writes none itself; its path."""
    path = os.path.join(lab.nodes[host].dir, "server.pid")
    _write(path, f"{lab.server(host).pid}\n")
    return path


def sipp_server(lab, host, address=VIP, scenario="uas.xml", number=None):
    """SIPp as a server that keeps its calls to itself; needs the address, or ip_nonlocal_bind. Ends after so many calls."""
    server = lab.nodes[host].start("server", "sipp", "-sf", f"{SIPP}/{scenario}", "-i", address, "-p", str(PORT),
                                   "-key", "tag", host, "-nostdin", "-nr", "-t", "u1", *(["-m", str(number)] if number else []))
    wait_until(lambda: listens(lab, host), 2, f"SIPp of {host} to listen: {server.text()}")
    return server


def listens(lab, host, port=PORT):
    """Does anything on that host listen on the UDP port?"""
    return bool(lab.nodes[host].run("ss", "-Hnul", f"sport = :{port}").stdout.strip())


def holders(changes):
    """Who answered, in order, of (tag, for how many ms) each. What an old holder had taken it still answers, perhaps after
    the new one's first: a few milliseconds of somebody between two others are no turn."""
    order = []
    for tag, lasted_ms in changes:
        if order and lasted_ms < 20:
            continue
        if order[-1:] != [tag]:
            order.append(tag)
    return order


class Probe:
    """One OPTIONS a millisecond to the VIP, and what came of it (bench/probe.c)."""

    def __init__(self, lab, address=VIP, rate=1000, seconds=600):
        lab.probes = getattr(lab, "probes", 0) + 1
        self.process = lab.c.start(f"probe{lab.probes}", f"{BUILD}/tools/probe", "-p", str(PORT), "-r", str(rate),
                                   "-s", str(seconds), address, stdin=subprocess.PIPE)

    def _lines(self):
        return [json.loads(line) for line in self.process.text().splitlines() if line.startswith("{")]

    def answered_by(self):
        """The server whose answers come now; "" while there was none."""
        changes = [line["answered_by"] for line in self._lines() if "answered_by" in line]
        return changes[-1] if changes else ""

    def all_who_answered(self):
        """Also for a moment."""
        return {line["answered_by"] for line in self._lines() if line.get("answered_by")}

    def holders(self):
        """Who answered so far, in order; silence is no answer."""
        told = [(line["answered_by"], line["at_ms"]) for line in self._lines() if "answered_by" in line]
        ends = [at for _, at in told[1:]] + [float("inf")]
        return holders([(tag, end - at) for (tag, at), end in zip(told, ends) if tag])

    def wait_answered_by(self, tag, timeout=10):
        wait_until(lambda: self.answered_by() == tag, timeout,
                   lambda: f"the VIP to be answered by '{tag}' (now '{self.answered_by()}')")

    def wait_not_answered_by(self, tag, timeout=10):
        wait_until(lambda: self.answered_by() not in ("", tag), timeout, f"the VIP to be answered by another than '{tag}'")
        return self.answered_by()

    def _tell(self, line):
        if not self.process.alive:
            raise LabError(f"{self.process.name} ended early: {self.process.text()}")
        self.process.popen.stdin.write(line + "\n")

    @contextlib.contextmanager
    def event(self, name):
        """What is done inside happens between two times that the result's mark `name` bears."""
        begin = time.monotonic_ns()
        yield
        self._tell(f"mark {name} {begin} {time.monotonic_ns()}")

    def stop(self):
        """End it; the result as a dict (see probe.c), marks by name."""
        if self.process.alive:
            self._tell("stop")
            self.process.popen.stdin.close()
        self.process.wait(10)
        lines = self._lines()
        if not lines or "sent" not in lines[-1]:
            raise LabError(f"{self.process.name} gave no result: {self.process.text()}")
        result = lines[-1]
        result["marks"] = {mark["name"]: mark for mark in result["marks"]}
        result["holders"] = self.holders()
        return result


class Gates:
    """Looks at both hosts' gates all the time (bench/gates.c): is there ever more than one that accepts?"""

    def __init__(self, lab, pair, slot=0):
        lab.watchers = getattr(lab, "watchers", 0) + 1
        self.process = lab.switch.start(f"gates{lab.watchers}", f"{BUILD}/tools/gates", "-s", str(slot),
                                        *(batond.pin_dir for batond in pair.by_host.values()))
        wait_until(lambda: "watching" in self.process.text() or not self.process.alive, 5, "gates to watch")

    def stop(self):
        """looks, late_ns, both_ns, both_longest_ns, both_times, none_ns, none_longest_ns."""
        self.process.stop()
        lines = self.process.text().splitlines()
        if not lines or not lines[-1].startswith("{"):
            raise LabError(f"gates gave no result: {self.process.text()}")
        return json.loads(lines[-1])


class Calls:
    """SIPp as a caller: INVITE ... BYE through the VIP, so many calls a second."""

    def __init__(self, lab, rate=50, talk_ms=200, number=None, address=VIP, scenario="uac.xml", give_up_ms=6000):
        lab.callers = getattr(lab, "callers", 0) + 1
        self.stats_file = os.path.join(lab.c.dir, f"calls{lab.callers}.csv")
        self.process = lab.c.start(
            f"calls{lab.callers}", "sipp", f"{address}:{PORT}", "-sf", f"{SIPP}/{scenario}", "-i", lab.c.ip4,
            "-p", str(5080 + lab.callers), "-t", "u1", "-r", str(rate), "-d", str(talk_ms), "-nostdin",
            "-recv_timeout", str(give_up_ms), "-trace_stat", "-stf", self.stats_file, "-fd", "1",
            *(["-m", str(number)] if number else []))

    def stats(self):
        """made, ok, failed, retransmissions so far (written once a second)."""
        try:
            with open(self.stats_file, newline="") as f:
                rows = list(csv.DictReader(f, delimiter=";"))
        except FileNotFoundError:
            rows = []
        if not rows or rows[-1].get("Retransmissions(C)") is None:
            return None
        row = rows[-1]
        return {"made": int(row["TotalCallCreated"]), "ok": int(row["SuccessfulCall(C)"]),
                "failed": int(row["FailedCall(C)"]), "retransmissions": int(row["Retransmissions(C)"])}

    def stop(self, timeout=30):
        """No new calls; waits for those under way. The final figures."""
        self.process.signal(signal.SIGUSR1)	# SIPp's own way to end in order
        return self.wait(timeout)

    def wait(self, timeout=60):
        code = self.process.wait(timeout)
        stats = self.stats()
        if code not in (0, 1, 97, 99) or not stats:
            raise LabError(f"SIPp ended with {code}: {self.process.text()[-2000:]}")
        return stats


def flood(lab, pps=100000, seconds=10, address=VIP):
    """So many requests a second at the address; in real time, or it would wait for those who answer."""
    return lab.c.start("flood", "chrt", "-f", "5", f"{BUILD}/tools/flood", "-p", str(PORT), "-r", str(pps), "-s", str(seconds), address)
