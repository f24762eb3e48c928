# SPDX-License-Identifier: GPL-2.0-or-later
"""A host dies in mode cluster: are the requests that it left unanswered answered by the other, and nothing is replayed that need not be?"""

import json

import pytest

import traffic
from controller import other
from lab import VIP, VIP6, _run, wait_until

RATE = 300
MISSES = {"pulse-misses": "30"}		# a silence in which requests come for certain, however late their sender is


def cluster(**more):
    return {"peer": MISSES, "group sip": {"mode": "cluster", "sip-address": [f"{VIP}/24", f"{VIP6}/64"], **more}}


@pytest.fixture
def servers(lab):
    for host in "ab":
        traffic.answerer(lab, host, (VIP, VIP6))


def replay_of(batond):
    """Of its newest role change: what was replayed; None: nothing belonged to it."""
    changes = batond.json("explain")["changes"]
    return changes[0]["replay"] if changes else None


def ask(pair, probe, seen):
    """A steady stream of requests, each asked once, of which the backup hears as many as it wants (the counter `seen`)."""
    asked = probe(rate=RATE)
    asked.wait_answered_by(pair.primary)
    backup = pair[pair.backup]
    before = backup.counter(seen)
    wait_until(lambda: backup.counter(seen) > before + RATE // 3, 10, f"{backup.host} to count {seen}")
    return asked


def death(lab, pair, asked):
    """Of the holder. The survivor, when it serves and has answered."""
    old = pair.primary
    new = pair[other(old)]
    lab.death(old)
    asked.wait_answered_by(new.host)
    new.wait_role("primary")
    return new


@pytest.mark.parametrize("settings", [cluster(**{"replay-memory": "1MiB"})])
def test_requests_of_the_silence_are_answered(lab, pair, probe):
    """Over IPv4 and IPv6 at once."""
    six = probe(VIP6, rate=RATE)
    six.wait_answered_by(pair.primary)
    asked = ask(pair, probe, "receipt")
    new = death(lab, pair, asked)
    told = wait_until(lambda: replay_of(new), 10, lambda: f"{new.host} to explain what it replayed: {new.log()[-1000:]}")
    six.wait_answered_by(new.host)
    for seen in (asked.stop(), six.stop()):
        assert told["replayed"] > 0 and not told["late"], f"{told}; {seen}"
        assert seen["lost"] <= told["replayed"] // 8, f"the dead host's requests stay without an answer: {seen}; {told}"
    assert told["answered"] > 0, f"receipts were shown, and no request is known to be answered: {told}"
    assert told["lost"] == 0 and told["missing_us"] == 0, f"{told}"
    assert f"Replayed {told['replayed']} requests" in new.cli("explain").stdout
    kept = new.json("counters")["replay"]
    assert kept["requests"] >= told["replayed"] and kept["receipts"] >= told["answered"] and not kept["too_long"], f"{kept}; {told}"


def kernel_goes_by(batond):
    return json.loads(_run(["bpftool", "-j", "map", "dump", "pinned", f"{batond.pin_dir}/cfg_replay"]).stdout)[0]["formatted"]["value"]


@pytest.mark.parametrize("settings", [cluster(**{"replay-memory": "64KiB"})])
def test_no_replay(lab, pair, probe):
    asked = ask(pair, probe, "vip-copied")
    new = pair[pair.backup]
    wait_until(lambda: new.json("counters")["replay"]["overrun"], 10, "32 entries not to be enough for a window")
    assert "replay-memory is too small" in new.cli("counters").stdout, new.cli("counters").stdout
    new.configure({"group sip": {"replay-window": "7s"}})
    new.cli("reload")
    assert kernel_goes_by(new)["window_ns"] == 7_000_000_000, kernel_goes_by(new)
    new.configure({"group sip": {"replay": "no"}})
    new.cli("reload")
    copied, heard = new.counter("vip-copied"), new.counter("vip-heard")
    wait_until(lambda: new.counter("vip-heard") > heard + RATE // 3, 10, f"{new.host} to hear requests and keep none")
    assert new.counter("vip-copied") <= copied + 1, "a request is kept after the reload"	# one may have been under way
    death(lab, pair, asked)
    seen = asked.stop()
    assert seen["lost"] > 0, f"{seen}: who answered those of the silence?"
    assert replay_of(new) is None, f"{replay_of(new)}"


@pytest.mark.parametrize("settings", [cluster(**{"replay-window": "10s"})])
def test_a_planned_switchover_replays_nothing(pair, probe):
    asked = ask(pair, probe, "receipt")
    old = pair.primary
    pair.switchover()
    asked.wait_answered_by(other(old))
    asked.stop()
    assert all(replay_of(batond) is None for batond in pair.by_host.values()), f"{[replay_of(b) for b in pair.by_host.values()]}"
