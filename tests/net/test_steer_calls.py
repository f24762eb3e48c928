# SPDX-License-Identifier: GPL-2.0-or-later
"""Calls in progress through a pool: a drain loses and moves none, a death only the dead server's (lab/pool_calls.py)."""

import pytest

import pool_calls

CALLS, PER_S, TALK_S = 60, 15, 8


@pytest.fixture
def lab():
    with pool_calls.steering_lab() as steering:
        yield steering


def test_a_drain_loses_no_call_and_moves_none(lab):
    told = pool_calls.drained(lab, "l2", CALLS, PER_S, TALK_S)
    assert told["a"]["begun"] >= CALLS and told["b"]["begun"], f"the drain did not fall among the calls: {told}"
    assert all(told[h]["kept"] == told[h]["begun"] for h in "ab"), f"a drain lost or moved calls: {told}"


def test_a_death_takes_its_own_calls_alone(lab):
    """Of two servers that both have calls one dies; what begins afterwards goes to the other, which keeps what it had."""
    told = pool_calls.died(lab, "nat", CALLS, PER_S, TALK_S)
    begun = told["a"]["begun"] + told["b"]["begun"]
    assert told["a"]["begun"] > CALLS // 2 and told["b"]["begun"], f"not both servers had calls, or nobody took the new ones: {told}"
    assert begun == CALLS + CALLS // 4, f"{CALLS + CALLS // 4} calls were asked for, {begun} begun: {told}"
    assert told["a"]["kept"] == told["a"]["begun"], f"calls of the server that lived were lost or moved: {told}"
    assert told["b"]["kept"] < told["b"]["begun"], f"b's host died, and b answered all the same: {told}"
