# SPDX-License-Identifier: GPL-2.0-or-later
"""Do ordinary SIP calls go on through each fault, with the failed ones that the outage explains and no more?"""

import time

import pytest

import controller
import lab as room
import traffic

RATE, TALK_MS = 100, 100


def switchover(lab, pair, holder):
    pair.switchover()


def crash(lab, pair, holder):
    lab.crash(holder)


def death(lab, pair, holder):
    lab.death(holder)


def link_down(lab, pair, holder):
    lab.link_down(holder)


def controller_kill(lab, pair, holder):
    lab.controller_kill(holder)


FAULTS = [switchover, crash, death, link_down, controller_kill]


@pytest.mark.parametrize("fault", FAULTS, ids=lambda f: f.__name__)
def test_calls_go_on_when_the_servers_share_them(lab, pair, probe, fault):
    holder = pair.primary
    asked = probe()
    asked.wait_answered_by(holder)
    calls = traffic.Calls(lab, rate=RATE, talk_ms=TALK_MS)
    time.sleep(1)
    with asked.event("fault"):
        fault(lab, pair, holder)
    asked.wait_not_answered_by(holder)
    time.sleep(1)
    made, seen = calls.stop(), asked.stop()
    assert made["made"] > 1.5 * RATE and made["ok"] == made["made"], f"{fault.__name__}: {made}"
    assert seen["answered_by_two"] == 0, f"{fault.__name__}: {seen['answered_by_two']} requests answered by both hosts"
    assert seen["marks"]["fault"]["lost"] < 300, f"{fault.__name__}: {seen['marks']['fault']}"


@pytest.mark.parametrize("fault", [switchover, crash, death], ids=lambda f: f.__name__)
def test_only_calls_under_way_fail_when_servers_keep_them_to_themselves(lab, fault):
    pair = controller.Pair(lab).start(settle=False)		# batond lets both bind the address
    for host in room.HOSTS:
        traffic.sipp_server(lab, host)
    holder = pair.settle().primary
    calls = traffic.Calls(lab, rate=RATE, talk_ms=TALK_MS, give_up_ms=3000)
    time.sleep(1)
    fault(lab, pair, holder)
    time.sleep(1.5)
    made = calls.stop()
    under_way = RATE * TALK_MS // 1000
    # A caller that stood still makes up for it: some that are late are under way at once.
    assert made["made"] > 2 * RATE and made["failed"] <= RATE // 2, (
        f"{fault.__name__}: {made}, about {under_way} calls were under way")
    assert made["ok"] + made["failed"] == made["made"], made


def test_calls_over_ipv6_and_ipv4_move_together(lab, probe):
    addresses = (room.VIP, room.VIP6)
    for host in room.HOSTS:
        traffic.answerer(lab, host, addresses)
    pair = controller.Pair(lab, {"group sip": {"sip-address": [f"{room.VIP}/24", f"{room.VIP6}/64"]}}).start()
    holder = pair.primary
    both = [probe(address) for address in addresses]
    for asked in both:
        asked.wait_answered_by(holder)
    time.sleep(0.3)
    lab.death(holder)
    for asked in both:
        asked.wait_answered_by(controller.other(holder))
    time.sleep(0.2)
    for asked, address in zip(both, addresses):
        seen = asked.stop()
        assert seen["holders"] == [holder, controller.other(holder)], f"{address}: {seen['segments']}"
