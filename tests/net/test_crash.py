# SPDX-License-Identifier: GPL-2.0-or-later
"""The SIP server's process ends: the kernel itself hands over, because its socket is gone."""

import time

import pytest

import traffic
from controller import Pair, other
from lab import VIP, VIP6, wait_until

GENERIC = {"interface eth0": {"xdp-mode": "generic"}}
SIX = {"group sip": {"sip-address": f"{VIP6}/64"}}
LISTENER_OFF = {"group sip": {"listener": "off"}}
LEASE = {"peer": {"lease": "10s"}}	# a stopped controller is claimed from after half of it
FAR_BELOW_A_STALL_MS = 2000


def crash_without_controller(lab, host):
    """Nobody but the kernel can act: the controller stands still when the server dies."""
    lab.controller_stop(host)
    time.sleep(0.01)
    lab.crash(host)


@pytest.mark.parametrize("settings, vip", [({}, VIP), (GENERIC, VIP), (SIX, VIP6)], ids=["native", "generic", "ipv6"])
def test_the_kernel_lets_go_by_itself(lab, probe, settings, vip):
    for host in "ab":
        traffic.answerer(lab, host, [vip])
    pair = Pair(lab, {**LEASE, **settings}).start()
    asked, holder = probe(vip), pair.primary
    asked.wait_answered_by(holder)
    time.sleep(0.2)
    with asked.event("crash"):
        crash_without_controller(lab, holder)
        asked.wait_answered_by(other(holder), 5)
    time.sleep(0.3)		# the other kernel has opened; the rest of the role is its controller's
    lab.controller_cont(holder)
    pair[other(holder)].wait_role("primary")
    pair[holder].wait_role("backup")
    seen = asked.stop()
    pair.stop()
    mark = seen["marks"]["crash"]
    assert mark["silence_ms"] - mark["late_ms"] < FAR_BELOW_A_STALL_MS, mark
    assert seen["answered_by_two"] == 0, seen
    told = [line for line in pair[holder].role_changes() if "from=primary to=yielding" in line]
    assert len(told) == 1 and "why=listener-lost" in told[0], f"how {holder} tells of it: {pair.role_changes()}"


@pytest.mark.parametrize("settings", [LISTENER_OFF])
def test_listener_off_leaves_it_to_the_controllers(lab, pair, probe):
    asked, holder = probe(), pair.primary
    asked.wait_answered_by(holder)
    crash_without_controller(lab, holder)
    asked.wait_answered_by(other(holder))
    lab.controller_cont(holder)
    pair[other(holder)].wait_role("primary")
    pair[holder].wait_role("backup")
    assert not any("listener-lost" in line for h in "ab" for line in pair[h].role_changes()), pair.role_changes()
    assert pair[holder].counter("vip-unheard") == 0


def test_it_ends_there(lab, pair, probe):
    """One move, whoever was first; the server's return arms the host again, after a second of health, and moves nothing."""
    asked, holder = probe(), pair.primary
    asked.wait_answered_by(holder)
    lab.crash(holder)
    asked.wait_answered_by(other(holder), 5)
    pair[holder].wait_role("backup")
    with pair.nothing_moves():
        traffic.answerer(lab, holder)
        back = time.monotonic()
        wait_until(lambda: pair[holder].gate == "armed", 10, f"{holder} to be armed again")
        waited = time.monotonic() - back
        time.sleep(0.5)
    assert waited > 0.7, f"armed again {waited:.2f} s after its server came back"
    seen = asked.stop()
    assert seen["holders"] == [holder, other(holder)], seen["segments"]


@pytest.mark.parametrize("settings", [{"group sip": {"sip-hang-timeout": "0"}}])
def test_a_busy_server_is_not_gone(lab, pair, probe):
    """Hung, it answers nothing, but its socket is there: nothing for the kernel to judge."""
    asked, holder = probe(), pair.primary
    asked.wait_answered_by(holder)
    with pair.nothing_moves():
        lab.hang(holder)
        time.sleep(0.2)
        lab.unhang(holder)
        time.sleep(0.2)
    assert pair[holder].counter("vip-unheard") == 0
