# SPDX-License-Identifier: GPL-2.0-or-later
"""The watchdog in the kernel of a cluster: it opens the gate of a host whose controller stands still when the peer dies, and never else."""

import json
import os
import signal
import time

import jsonschema
import pytest

from controller import other
from lab import _run, wait_until

OPEN = 2	# baton_abi.h, enum bt_mode
SCHEMA = os.path.join(os.path.dirname(__file__), "../schema")


@pytest.fixture
def settings():
    return {"group sip": {"mode": "cluster"}}


def dump(batond, name):
    """First value of a pinned map: what the kernel says, whoever stands still."""
    return json.loads(_run(["bpftool", "-j", "map", "dump", "pinned", f"{batond.pin_dir}/{name}"]).stdout)[0]["formatted"]["value"]


def word(batond):
    """Term, owner (1 or 2) and mode of the first group's word."""
    value = dump(batond, "st_word")
    return value >> 32, value >> 24 & 255, value >> 16 & 255


def looks(batond):
    return dump(batond, "st_watch")["looks"]


def generation(batond):
    """Of which arming batond is."""
    return dump(batond, "ct_watch")["generation"]


def looks_on(batond, n=20):
    """The timer goes on: so many looks more."""
    was = looks(batond)
    wait_until(lambda: looks(batond) >= was + n, 20, f"{n} looks of {batond.host}'s watchdog after {was}: {dump(batond, 'st_watch')}")


def restart(batond):
    """SIGUSR1: the next controller goes on with the pins."""
    starts = batond.log().count("started node=")
    batond.signal(signal.SIGUSR1)
    return lambda: wait_until(lambda: batond.log().count("started node=") > starts and batond.cli("-j", "status", check=False).returncode == 0,
                              30, f"a new start: {batond.log()[-1000:]}")


def test_the_host_dies_while_the_backup_controller_stands_still(lab, pair):
    holder = pair.primary
    backup, term = other(holder), pair[holder].term
    pair[backup].pause()
    lab.death(holder)
    wait_until(lambda: word(pair[backup])[2] == OPEN, 10, f"the kernel of {backup} to open: {word(pair[backup])}, {dump(pair[backup], 'ct_watch')}")
    assert word(pair[backup])[:2] == (term + 1, "ab".index(backup) + 1), word(pair[backup])
    assert not any("to=primary" in line for line in pair[backup].role_changes()), "a stopped controller cannot have seen it"
    pair[backup].resume()
    pair[backup].wait_role("primary")
    group = pair[backup].group()
    assert (group["term"], group["owner"], group["reason"]) == (term + 1, backup, "peer-lost"), group
    wait_until(lambda: pair[backup].group()["lease_left_ms"], 5, "the found gate to be leased")
    change = pair[backup].json("explain")["changes"][0]
    opened = [step for step in change["steps"] if step["step"] == "opened"]
    assert change["cause"] == "peer-lost" and [step["by"] for step in opened] == ["watchdog"], change
    assert "watchdog found the peer dead" in pair[backup].cli("explain").stdout, pair[backup].cli("explain").stdout
    then = change["then"]
    assert then["paths"][0]["heard_us_ago"] <= then["peer"]["said_us_ago"], f"what is known is of the controller's last look, not of the flip: {then}"
    told = pair[backup].json("counters")
    with open(f"{SCHEMA}/counters.json", encoding="ascii") as f:
        jsonschema.validate(told, json.load(f))
    assert 0 < told["watchdog"]["looks"] <= looks(pair[backup]), f"{told['watchdog']}, {dump(pair[backup], 'st_watch')}"
    assert "The kernel's watchdog has looked" in pair[backup].cli("counters").stdout

    lab.revive(holder)		# all the while it held the role, cut off
    wait_until(lambda: pair.settled() == backup, 10, f"one holder after the cut: {pair.role_changes()}")
    assert pair[holder].term == term + 1, pair[holder].group()


def test_nobody_dies(lab, pair):
    holder = pair.primary
    backup, term = other(holder), pair[holder].term
    looks_on(pair[backup])
    was = generation(pair[backup])
    with pair.nothing_moves():
        pair[backup].pause()
        looks_on(pair[backup], 500)		# a second and a half, with nobody here who asks
        pair[backup].resume()
    for hosts in ([backup], [holder, backup]):
        for started in [restart(pair[host]) for host in hosts]:
            started()
        for host in "ab":
            looks_on(pair[host])
        assert (pair.primary, pair[holder].term) == (holder, term), f"restart of {hosts}: {pair.role_changes()}"
    armed = generation(pair[backup])
    assert was + 2 <= armed == dump(pair[backup], "st_watch")["generation"], f"each start arms it anew: {was}, then {armed}"


@pytest.mark.parametrize("settings", [{"group sip": {"mode": "cluster", "router": "10.77.0.9"}, "arbiter": {"type": "router"}}])
def test_a_router_is_asked(lab, pair):
    """The client of the lab answers ARP, so it may be one."""
    holder = pair.primary
    backup, term = other(holder), pair[holder].term
    lab.death(holder)
    pair[backup].wait_role("primary")
    assert (pair[backup].term, pair[backup].group()["reason"]) == (term + 1, "peer-lost"), pair[backup].group()
    lab.revive(holder)
    wait_until(lambda: pair.settled() == backup, 10, f"one holder after the cut: {pair.role_changes()}")
    pair[holder].pause()		# from now on it does not ask any router: its kernel may not judge
    lab.death(backup)
    time.sleep(1)
    assert word(pair[holder])[2] != OPEN, "it may be deaf, and nobody asked a router"
    lab.revive(backup)
    pair[holder].resume()
