# SPDX-License-Identifier: GPL-2.0-or-later
"""The SIP server hangs: its sockets are there, it takes requests and answers none (sip-hang-timeout)."""

import contextlib
import time

import pytest

import traffic
from controller import Pair, other
from lab import HOSTS, PORT, VIP, wait_until

DEBUG = {"node": {"log-level": "debug"}}
SCANNER = "friendly-scanner"
# So many requests of a scanner, one each 20 ms; whether somebody answers is not looked at.
SCAN = f"""
import socket, sys, time
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
for i in range(int(sys.argv[1])):
    s.sendto((f"REGISTER sip:{VIP} SIP/2.0\\r\\nVia: SIP/2.0/UDP 10.77.0.9:5099;branch=z9hG4bK{{i}}\\r\\nFrom: <sip:1@x>;tag=1\\r\\n"
              f"To: <sip:1@x>\\r\\nCall-ID: {{i}}@x\\r\\nCSeq: {{i}} REGISTER\\r\\nUser-Agent: {SCANNER}\\r\\n"
              "Content-Length: 0\\r\\n\\r\\n").encode(), ("{VIP}", {PORT}))
    time.sleep(0.02)
"""


def lines(batond, event):
    return [line for line in batond.log().splitlines() if line.startswith(event + " ")]


def test_a_hung_server_moves_once(lab, pair, probe):
    """The peer takes over; back among the living the server moves nothing, but counts as well again."""
    asked, holder = probe(rate=100), pair.primary
    asked.wait_answered_by(holder)
    wait_until(lambda: traffic_is_counted(pair[holder]), 5, "requests to be counted")
    lab.hang(holder)
    asked.wait_answered_by(other(holder), 20)
    pair[other(holder)].wait_role("primary")
    pair[holder].wait_role("backup", 10)
    group = pair[holder].group()
    assert group["service"] == "unavailable" and group["service_reason"].startswith("server-hung: "), group
    alarms = {a["id"]: a["text"] for a in pair[holder].json("alarms")["alarms"]}
    assert "server-hung" in alarms.get("service-unavailable sip", ""), alarms
    change = pair[holder].json("explain")["changes"][0]
    assert change["cause"] == "service-unavailable" and change["then"]["peer"]["answers"], change
    assert "OPTIONS of this host unanswered, the peer's server answers" in change["then"]["service_reason"], change
    with pair.nothing_moves():
        lab.unhang(holder)
        wait_until(lambda: pair[holder].group()["service"] == "running", 10, f"the server of {holder} to be well again")
        wait_until(lambda: pair[holder].gate == "armed", 10, f"{holder} to be armed again")
    seen = asked.stop()
    assert seen["segments"][-1]["tag"] == other(holder), seen["segments"]	# before, what it had in its socket
    assert seen["answered_by_two"] == 0, seen


def traffic_is_counted(batond):
    return batond.counter("vip-accepted") > 10


@pytest.mark.parametrize("settings", [DEBUG])
def test_what_both_share_or_nobody_misses_moves_nothing(lab, settings):
    """A scanner that is dropped in silence; then both servers stand still, as before a database that does not answer."""
    for host in HOSTS:
        traffic.answerer(lab, host, drops=SCANNER)
    pair = Pair(lab, settings).start()
    holder = pair.primary
    with pair.nothing_moves():
        scan = lab.c.start("scan", "/usr/bin/python3", "-c", SCAN, "100")
        wait_until(lambda: len(lines(pair[holder], "server asked")) > 1, 20, "the server to be asked why it is silent")
        scan.wait(20)
        assert not lines(pair[holder], "server silent"), lines(pair[holder], "server silent")
        asked = traffic.Probe(lab, rate=100)
        asked.wait_answered_by(holder)
        with hanging(lab, other(holder), holder):
            wait_until(lambda: lines(pair[holder], "server silent"), 20, "the silence of both servers to be told")
            time.sleep(1.5)		# it is asked once more meanwhile, and so is the peer's
        asked.wait_answered_by(holder)
    assert pair[holder].group()["service"] == "running", pair[holder].group()
    assert not lines(pair[holder], "server hung"), lines(pair[holder], "server hung")


@contextlib.contextmanager
def hanging(lab, *hosts):
    for host in hosts:
        lab.hang(host)
    yield
    for host in reversed(hosts):
        lab.unhang(host)
