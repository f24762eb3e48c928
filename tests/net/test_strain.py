# SPDX-License-Identifier: GPL-2.0-or-later
"""Does nothing move while both hosts are well, however busy or lossy the world is? `make bench` does it for longer."""

import time

import pytest

import traffic

SECONDS = 5


@pytest.mark.parametrize("threaded", [False, True], ids=["napi", "threaded-napi"])
def test_sixteen_hogs_on_two_cores(lab, pair, threaded):
    if threaded:		# else the peer's XDP runs in the prober's own real-time task
        for host in ("a", "b"):
            lab.threaded_napi(host)
    with pair.nothing_moves():
        lab.cpu_hogs(16, SECONDS)
        time.sleep(SECONDS + 0.5)


def test_a_tenth_of_all_frames_lost(lab, pair):
    with pair.nothing_moves():
        lab.loss(10)
        time.sleep(SECONDS)


def test_a_flood_on_the_address(lab, pair):
    with pair.nothing_moves():
        assert traffic.flood(lab, pps=100000, seconds=SECONDS).wait(SECONDS + 10) == 0


def test_a_cut_in_one_direction_is_no_death(lab, pair):
    """The backup is not heard, but hears: probes of one are the answers' proof for the other."""
    with pair.nothing_moves():
        lab.cut(pair.backup, pair.primary)
        time.sleep(2)
        lab.heal()
        time.sleep(1)
