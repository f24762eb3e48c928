# SPDX-License-Identifier: GPL-2.0-or-later
"""sip-pass-check: SIP comes in no more, and the devices that are asked do not answer."""

import time

import pytest

import traffic
from controller import Pair, other
from lab import HOSTS, PORT, wait_until

# The least that the guide allows: oos-check 1 and an oos-force that counts as 5.
PERIOD_S = 6
DEVICE = {"device gateway": {"contact": f"10.77.0.9:{PORT}", "oos-check": "1", "oos-force": "1"}}


@pytest.mark.parametrize("paths", [2])
def test_a_dead_switch_port_moves_the_role_once(lab, probe):
    """No link goes down, the hosts hear each other by the other network, but no SIP reaches the holder: its port is dead."""
    for host in HOSTS:
        traffic.answerer(lab, host)
    gateway = lab.c.start("gateway", f"{traffic.BUILD}/tools/answerer", "-t", "gateway", "-p", str(PORT), lab.c.ip4)
    wait_until(lambda: "serves port" in gateway.text(), 5, "the gateway to serve")
    pair = Pair(lab, DEVICE).start()
    pair.make_primary("a")
    for host in HOSTS:
        pair[host].configure({"TServer": {"sip-pass-check": "true"}})
        pair[host].cli("reload")	# at once
    asked = probe(rate=100)
    asked.wait_answered_by("a")
    cut = time.monotonic()
    lab.port_dead("a")
    pair["b"].wait_role("primary", 4 * PERIOD_S)
    waited = time.monotonic() - cut
    asked.wait_answered_by("b", 10)
    pair["a"].wait_role("backup", 10)
    assert waited > PERIOD_S - 1.5, f"the role moved {waited:.1f} s after the last message, not {PERIOD_S}"
    with pair.nothing_moves():
        wait_until(lambda: pair["a"].group()["service"] == "running", 10, "a to be well again: it may be needed")
        time.sleep(PERIOD_S + 2)
    change = pair["a"].json("explain")["changes"][0]
    assert change["cause"] == "service-unavailable", change
    assert change["then"]["service_reason"].startswith("no-sip-traffic: no SIP message came in for 6 s"), change
    told = [line for line in pair["a"].log().splitlines() if line.startswith("no sip ")]
    assert len(told) == 1 and "no checked device answered" in told[0], told
    assert any(c["then"]["peer"]["no_sip"] for c in pair["b"].json("explain")["changes"]), pair["b"].json("explain")


def test_without_a_device_it_warns(lab, servers):
    pair = Pair(lab, {"TServer": {"sip-pass-check": "true"}}).start()
    for host in HOSTS:
        assert "no checked device group=sip" in pair[host].log(), pair[host].log()
        assert "option idle" not in pair[host].log(), pair[host].log()
