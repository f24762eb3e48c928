# SPDX-License-Identifier: GPL-2.0-or-later
"""Fixtures of the net tests: a lab, what runs in it, and its logs when a test fails.

A test that failed while the whole machine stood still (tools/bench/stalls.c) is no verdict: it is run once
more, and the end of the run says which and why. One that fails without that, or twice, has failed.
"""

import os
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
    lab = getattr(item, "funcargs", {}).get("lab")
    if report.failed and call.when in ("setup", "call") and lab and os.path.isdir(lab.dir):
        report.sections.append((f"logs of lab {lab.id}", lab.logs()))


class Stalls:
    """When this machine stood still, as a program that goes before all others saw it."""

    def __init__(self):
        self.told = tempfile.TemporaryFile("w+")
        self.process = subprocess.Popen([f"{lab_room.BUILD}/tools/stalls"], stdin=subprocess.PIPE, stdout=self.told)

    def worst_ms(self, since_ns):
        """The longest that ended since; 0: it never did."""
        self.told.seek(0)
        lines = [line.split() for line in self.told.read().splitlines()]
        return max((int(late) // 1000000 for end, late in lines if int(end) >= since_ns), default=0)

    def stop(self):
        self.process.stdin.close()
        self.process.wait(5)


def pytest_configure(config):
    config.stalls, config.run_again = Stalls(), []


def pytest_unconfigure(config):
    if hasattr(config, "stalls"):
        config.stalls.stop()


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_protocol(item, nextitem):
    since_ns = time.monotonic_ns()
    item.ihook.pytest_runtest_logstart(nodeid=item.nodeid, location=item.location)
    reports = runtestprotocol(item, nextitem=nextitem, log=False)
    stood_ms = item.config.stalls.worst_ms(since_ns)
    if stood_ms and any(report.failed for report in reports):
        item.config.run_again.append((item.nodeid, stood_ms, [r for r in reports if r.failed]))
        reports = runtestprotocol(item, nextitem=nextitem, log=False)
    for report in reports:
        item.ihook.pytest_runtest_logreport(report=report)
    item.ihook.pytest_runtest_logfinish(nodeid=item.nodeid, location=item.location)
    return True


def pytest_terminal_summary(terminalreporter, config):
    for name, stood_ms, reports in config.run_again:
        terminalreporter.section(f"run again: {name}: the machine had stood still for {stood_ms} ms")
        for report in reports:
            terminalreporter.write_line(report.longreprtext[-2000:])


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
