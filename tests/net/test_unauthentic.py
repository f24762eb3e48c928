# SPDX-License-Identifier: GPL-2.0-or-later
"""A peer of whom only wrong MACs are heard: another key, or somebody who forges it. Who holds the VIP answers
for it, whatever its key; so silence there, and nothing else, lets the role move."""

import contextlib
import time

import pytest

import lab as room
import traffic
from controller import SECRET, Pair, other
from lab import VIP, wait_until
from test_refusals import alarm, claims_of, forge, peer_state, record, refusals

VIP6 = "fd77::100"


@contextlib.contextmanager
def forged_pulses(lab, batond, seconds=30):
    """A thousand a second, to @batond, as if from its peer, all right but for the key."""
    forger = forge(lab, batond.host, "mac", record(lab, other(batond.host)), seconds)
    try:
        wait_until(lambda: refusals(batond)["mac"] > 0, 5, "forged pulses to arrive")
        yield
        assert forger.alive, "the forging ended too early: this shows nothing"
    finally:
        forger.kill()


def test_forged_pulses_do_not_keep_a_dead_host_alive(lab, pair, probe):
    holder, backup = pair.primary, pair.backup
    asked = probe()
    asked.wait_answered_by(holder)
    with forged_pulses(lab, pair[backup]):
        with pair.nothing_moves():
            time.sleep(0.5)		# the true peer is heard between them
            assert peer_state(pair[backup]) == "up" and "vip asked for" not in pair[backup].log()
        with asked.event("death"):
            lab.death(holder)
        asked.wait_answered_by(backup, 4)
        assert pair[backup].group()["reason"] == "vip-silent"
        assert peer_state(pair[backup]) == "unauthentic" and alarm(pair[backup], "peer-unauthentic")
        moved = pair[backup].role_changes()
        time.sleep(1.2)			# two leases
        assert asked.answered_by() == backup and pair[backup].role_changes() == moved
    assert asked.stop()["marks"]["death"]["silence_ms"] < 2000


def test_a_lease_that_ended_is_renewed_though_the_peer_is_forged(lab, pair, probe):
    """Whoever slept may have been replaced; of that the VIP tells too."""
    holder, backup = pair.primary, pair.backup
    with forged_pulses(lab, pair[backup]):
        lab.death(holder)
        asked = probe()
        asked.wait_answered_by(backup, 4)
        moved, said = len(pair[backup].role_changes()), len(pair[backup].log())
        pair[backup].pause()
        time.sleep(0.8)			# longer than a lease
        asked = probe()
        time.sleep(0.3)
        assert asked.answered_by() == "", "the gate did not shut with its lease: this shows nothing"
        pair[backup].resume()
        asked.wait_answered_by(backup, 4)
        assert len(pair[backup].role_changes()) == moved and peer_state(pair[backup]) == "unauthentic"
        assert "to=down" not in pair[backup].log()[said:], "who slept took forged pulses for silence"


@pytest.mark.parametrize("address, prefer", [(f"{VIP}/24", "a"), (f"{VIP}/24", "b"), (f"{VIP6}/64", "a")],
                         ids=["v4", "v4-prefers-b", "v6"])
def test_two_keys_and_nobody_serves(lab, address, prefer):
    """The preferred host finds silence and opens; the other, asking on, hears it answer, and stays."""
    for host in "ab":
        traffic.answerer(lab, host, addresses=(address.split("/")[0],))
    pair = Pair(lab, {"group sip": {"sip-address": address, "prefer": prefer}})
    room._write(pair.b.secret_file, SECRET[::-1])
    pair.start_at_once()
    pair[prefer].wait_role("primary", 10)
    with pair.nothing_moves():
        time.sleep(3)
        assert [host for host in "ab" if pair[host].gate == "open"] == [prefer]
        for host in "ab":
            assert peer_state(pair[host]) == "unauthentic" and alarm(pair[host], "peer-unauthentic")
    assert not claims_of(pair[other(prefer)])
    assert pair[prefer].group()["reason"] == "vip-silent" and "vip asked for" in pair[other(prefer)].log()
    pair.stop()
