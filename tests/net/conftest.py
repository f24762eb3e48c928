# SPDX-License-Identifier: GPL-2.0-or-later
"""Fixtures of the net tests: a lab, what runs in it, and its logs when a test fails."""

import os
import sys

import pytest

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
