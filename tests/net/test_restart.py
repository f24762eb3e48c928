# SPDX-License-Identifier: GPL-2.0-or-later
"""batond killed, started again, upgraded, reloaded under 10 kHz of requests: nothing lost, nothing moves."""

import signal
import time

import pytest

import traffic
from controller import Pair, other
from lab import wait_until

RATE = 10000


@pytest.fixture
def pair(lab, settings):
    """Supervised: whatever a signal has ended is started again at once."""
    for host in "ab":
        traffic.answerer(lab, host, realtime=True)
    made = Pair(lab, settings)
    for host in "ab":
        made[host].start(wait=False, supervised=True)
    for host in "ab":
        made[host].wait_ready()
    yield made.settle()
    made.stop()


def kill(batond):
    """kill -9; returns when the next one answers."""
    was = batond.pid()
    batond.signal(signal.SIGKILL)
    wait_until(lambda: batond.pid() != was, 5, "the supervisor to start another")
    batond.wait_ready()


@pytest.mark.parametrize("settings", [{"peer": {"lease": "1s"}}])	# 20 times in time, also on a busy machine
@pytest.mark.parametrize("who", ["primary", "backup"])
def test_killed_and_started_again(pair, probe, who):
    """Twenty times, at once, by kill -9."""
    holder = pair.primary
    host = holder if who == "primary" else other(holder)
    term, told = pair[holder].term, pair[other(host)].role_changes()
    asked = probe(rate=RATE)
    asked.wait_answered_by(holder)
    for i in range(20):
        kill(pair[host])
        time.sleep(0.3)
        assert pair[other(host)].role_changes() == told, f"the peer moved at kill {i + 1}: {pair[other(host)].log()[-600:]}"
    seen = asked.stop()
    assert (pair.settled(), pair[holder].term) == (holder, term), pair.role_changes()
    assert seen["lost"] == 0 and len(seen["segments"]) == 1, seen
