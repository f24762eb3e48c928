# SPDX-License-Identifier: GPL-2.0-or-later
"""Fixtures of the net tests: a lab, what runs in it, and its logs when a test fails.

A test that failed behind a moment in which this machine provably stood still (Stalls) is no verdict: it is run once
more, and the end of the run says which and why. One that fails without that, or twice, has failed; and so have all behind
the first few of a run. What the product keeps a CPU busy with is no such moment.
"""

import os
import signal
import subprocess
import sys
import tempfile
import time

import pytest
from _pytest.runner import runtestprotocol

sys.path.insert(0, os.path.join(os.path.dirname(__file__), "../../tools/lab"))

import controller	# noqa: E402
import lab as lab_room	# noqa: E402
import traffic		# noqa: E402


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item, call):
    """A failed test shows what every process of its lab said."""
    report = (yield).get_result()
    if report.failed:
        item.failed_ns = getattr(item, "failed_ns", None) or time.monotonic_ns()
    lab = getattr(item, "funcargs", {}).get("lab")
    if report.failed and call.when in ("setup", "call") and lab and os.path.isdir(lab.dir):
        report.sections.append((f"logs of lab {lab.id}", lab.logs()))


RUN_AGAIN_MAX = 5	# tests of one run: a machine that stands still more often than that is not fit to judge by


class Stall:
    """A CPU of ours did not run before end_ns (CLOCK_MONOTONIC), for late_ns; meanwhile the hypervisor had taken it for stolen_ns."""

    def __init__(self, line):
        self.cpu, self.end_ns, self.late_ns, stolen_ms = (int(word) for word in line.split())
        self.stolen_ns = stolen_ms * 1000000

    def together_ns(self, other):
        """How long both stood still at once."""
        begin = max(self.end_ns - self.late_ns, other.end_ns - other.late_ns)
        return min(self.end_ns, other.end_ns) - begin


def proven_ns(stalls, cpus, bound_ns):
    """The longest that nothing of ours can have caused: a CPU was stolen, or all stood still at once; 0: there was none."""
    stolen = [s.late_ns for s in stalls if s.stolen_ns >= s.late_ns / 2]
    for one in stalls:
        shared = [max((one.together_ns(s) for s in stalls if s.cpu == cpu), default=0) for cpu in cpus]
        stolen += [min(shared)] if min(shared) >= bound_ns else []
    return max(stolen, default=0)


class Stalls:
    """When this machine stood still, as a program that goes before all others saw it (tools/bench/stalls.c)."""

    BOUND_MS = 15

    def __init__(self):
        self.told = tempfile.NamedTemporaryFile("a", suffix=".stalls")	# appended: who reads does not move the end
        self.process = subprocess.Popen([f"{lab_room.BUILD}/tools/stalls", "-m", str(self.BOUND_MS)], stdin=subprocess.PIPE,
                                        stdout=self.told)

    def worst_ms(self, since_ns, until_ns):
        """The longest that ended in that time, and is proven; 0: there was none."""
        with open(self.told.name) as f:
            lines = f.read().split("\n")[:-1]
        seen = [s for s in map(Stall, lines) if since_ns <= s.end_ns <= until_ns]
        return proven_ns(seen, os.sched_getaffinity(0), self.BOUND_MS * 1000000) // 1000000

    def stop(self):
        self.process.stdin.close()
        self.process.wait(60)


def pytest_configure(config):
    config.stalls, config.run_again = Stalls(), []
    # Else it would end a test, by an exception of its own, and the run would go on.
    signal.signal(signal.SIGTERM, lambda *_: pytest.exit("SIGTERM", 143))


def pytest_unconfigure(config):
    if hasattr(config, "stalls"):
        config.stalls.stop()


def stood_still_ms(item, since_ns):
    """Before it failed; what came while it was cleared up explains nothing."""
    time.sleep(0.05)	# stalls tells of it a little later
    return item.config.stalls.worst_ms(since_ns, item.failed_ns)


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_protocol(item, nextitem):
    since_ns, item.failed_ns = time.monotonic_ns(), None
    item.ihook.pytest_runtest_logstart(nodeid=item.nodeid, location=item.location)
    reports = runtestprotocol(item, nextitem=nextitem, log=False)
    stood_ms = stood_still_ms(item, since_ns) if item.failed_ns and len(item.config.run_again) < RUN_AGAIN_MAX else 0
    if stood_ms:
        item.config.run_again.append((item.nodeid, stood_ms, [r for r in reports if r.failed]))
        reports = runtestprotocol(item, nextitem=nextitem, log=False)
    for report in reports:
        item.ihook.pytest_runtest_logreport(report=report)
    item.ihook.pytest_runtest_logfinish(nodeid=item.nodeid, location=item.location)
    return True


def pytest_terminal_summary(terminalreporter, config):
    for name, stood_ms, reports in config.run_again:
        terminalreporter.section(f"run again: {name}: before it failed the machine had stood still for {stood_ms} ms")
        for report in reports:
            terminalreporter.write_line(report.longreprtext[-2000:])
    if len(config.run_again) == RUN_AGAIN_MAX:
        terminalreporter.section(f"run again: {RUN_AGAIN_MAX} tests, no more: this machine is not fit to judge by")


@pytest.fixture
def paths():
    """How many networks join the hosts; a test sets it by @pytest.mark.parametrize("paths", [2])."""
    return 1


@pytest.fixture
def lab(paths):
    """Two hosts, a client and a switch, nothing running in them."""
    with lab_room.Lab(paths=paths) as made:
        yield made


@pytest.fixture
def cores():
    """Cores are written into the directory of the process: that of the lab, which goes with it."""
    with open("/proc/sys/kernel/core_pattern") as f:
        pattern = f.read().strip()
    if not pattern or pattern[0] in "|/":
        pytest.skip(f"core_pattern is '{pattern}': a core would not be written into the lab's directory")


@pytest.fixture
def servers(lab):
    """A SIP server on each host that names itself in every answer."""
    return {host: traffic.answerer(lab, host) for host in lab_room.HOSTS}


@pytest.fixture
def settings():
    """Laid over the lab's configuration of both hosts; a test parametrizes it."""
    return {}


@pytest.fixture
def pair(lab, servers, settings):
    """batond on both hosts, settled: one primary, the other an armed backup. They end with the lab."""
    return controller.Pair(lab, settings).start()


@pytest.fixture
def probe(lab):
    """Makes probes that ask the VIP once a millisecond; those still running are ended."""
    made = []

    def make(*args, **kwargs):
        made.append(traffic.Probe(lab, *args, **kwargs))
        return made[-1]
    yield make
    for one in made:
        one.process.kill()
