# SPDX-License-Identifier: GPL-2.0-or-later
"""Do calls and connections stay with the server they began with, while what is new goes to the other host?"""

import json
import os
import subprocess

import jsonschema
import pytest

import controller
import lab as room
import test_tcp
import traffic
from controller import other
from lab import VIP, wait_until

SCHEMA = os.path.join(os.path.dirname(__file__), "../schema/calls.json")
RATE, TALK_MS = 20, 2500
SOON = {"TServer": {"graceful-shutdown-sip-timeout": "1"}}


def shy_pair(lab, settings):
    """Servers that keep their calls to themselves: a call that meets the other one is lost."""
    made = controller.Pair(lab, settings).start(settle=False)
    for host in room.HOSTS:
        traffic.sipp_server(lab, host)
    return made.settle()


def calls_of(batond):
    doc = batond.json("calls")
    with open(SCHEMA, encoding="ascii") as f:
        jsonschema.validate(doc, json.load(f))
    assert batond.cli("calls").stdout
    return doc


def drain_of(batond):
    return calls_of(batond)["groups"][0]


def wait_drain(batond, state, timeout=30):
    wait_until(lambda: drain_of(batond)["drain"] == state, timeout, f"the drain to be {state}: {drain_of(batond)}")
    return drain_of(batond)


def test_no_call_is_lost_and_none_changes_its_server(lab):
    pair = shy_pair(lab, SOON)
    old, new = pair.primary, other(pair.primary)
    calls = traffic.Calls(lab, rate=RATE, talk_ms=TALK_MS)
    wait_until(lambda: drain_of(pair[old])["calls"] >= RATE, 20, "calls to be known on the holder")
    assert "not hold the role" in pair[new].cli("drain", "sip", check=False).stderr
    told = pair[old].cli("drain", "sip")
    assert "the peer serves" in told.stdout, told
    assert pair[new].group()["reason"] == "drain" and pair[old].group()["reason"] == "drain"
    assert drain_of(pair[old])["drain"] == "draining" and drain_of(pair[new])["drain"] == "sending-back"
    assert lab.nodes[old].holds(VIP), "the old holder has lost the address that its calls need"
    assert wait_drain(pair[old], "off")["reason"] == "none-left"
    kept, back = pair[old].counter("vip-kept"), pair[new].counter("vip-back")
    assert kept >= RATE and back >= RATE, f"kept {kept}, sent back {back}"
    wait_until(lambda: not lab.nodes[old].holds(VIP), 10, "the old holder to give the address away")
    made = calls.stop()
    assert made["failed"] == 0 and made["ok"] == made["made"] > 5 * RATE, f"{made}; kept {kept}, sent back {back}"
    assert {row["server"] for row in calls_of(pair[new])["calls"]} <= {new}


def test_a_connection_stays_until_the_deadline_and_undrain_ends_it_at_once(lab, servers):
    pair = controller.Pair(lab, {"group sip": {"drain-deadline": "4s"}}).start()
    pair.make_primary("a")
    pair.settle()
    client = test_tcp.Client(lab)
    client.wait_served_by("a")
    pair.a.cli("drain", "sip")
    for _ in range(3):
        client.send()
    wait_until(lambda: drain_of(pair.a)["connections"] == 1, 5, "the connection to be seen on the old holder")
    assert not [said for said in client.said() if "ended" in said], client.said()
    assert wait_drain(pair.a, "off")["reason"] == "deadline"
    client.wait_served_by("b")
    pair.settle()
    pair.b.cli("drain", "sip")
    client.send()
    assert client.served_by() == "b" and drain_of(pair.b)["drain"] == "draining"
    pair.a.cli("undrain", "sip")
    wait_drain(pair.b, "off")
    client.wait_served_by("a")
    assert "no drain is under way" in pair.b.cli("undrain", check=False).stderr
    client.process.kill()


def test_new_calls_are_refused_while_the_pair_is_stopped(lab):
    pair = shy_pair(lab, {"TServer": {"shutdown-sip-reject-code": "486", "graceful-shutdown-sip-timeout": "1"}})
    holder = pair[pair.primary]
    calls = traffic.Calls(lab, rate=5, talk_ms=4000, number=5)
    wait_until(lambda: drain_of(holder)["calls"] == 5, 20, "five calls to be known on the holder")
    late = holder.cli("drain", "sip", "--reject", "--timeout", "1", check=False)
    assert late.returncode == 4 and "calls" in late.stderr, late
    asked = lab.c.run("sipp", f"{VIP}:5060", "-sf", f"{traffic.SIPP}/uac.xml", "-i", lab.c.ip4, "-p", "5099", "-t", "u1", "-m", "1",
                      "-d", "10", "-nostdin", "-recv_timeout", "5000", "-trace_err", "-error_file", f"{lab.c.dir}/refused.err",
                      check=False, timeout=30)
    with open(f"{lab.c.dir}/refused.err", encoding="utf-8") as f:
        said = f.read()
    assert asked.returncode == 1 and "SIP/2.0 486" in said, f"{asked.returncode}: {said[-600:]}"
    assert calls.wait()["ok"] == 5
    wait_until(lambda: drain_of(holder)["drained"], 20, f"nothing to be left: {drain_of(holder)}")
    holder.cli("undrain", "sip")
    assert traffic.Calls(lab, rate=5, talk_ms=10, number=2).wait()["ok"] == 2
    assert pair.primary == holder.host


def test_the_old_holder_dies_while_it_is_drained(lab, probe):
    pair = shy_pair(lab, SOON)
    old, new = pair.primary, other(pair.primary)
    calls = traffic.Calls(lab, rate=RATE, talk_ms=4000, number=2 * RATE)
    wait_until(lambda: drain_of(pair[old])["calls"] >= RATE, 20, "calls to be known on the holder")
    pair[old].cli("drain", "sip")
    lab.death(old)
    ended = wait_drain(pair[new], "off")
    assert ended["reason"] == "peer-lost", ended
    assert pair[new].role == "primary"
    assert traffic.Calls(lab, rate=5, talk_ms=10, number=3).wait()["ok"] == 3
    calls.process.kill()


def ended_or_moved(client):
    return [said for said in client.said() if "ended" in said]


def one_holder(pair):
    """At no time do both gates let frames in: read one after the other, twice, so that a move between the readings is none."""
    return sum(pair[h].gate == "open" for h in room.HOSTS) < 2 or sum(pair[h].gate == "open" for h in room.HOSTS) < 2


def test_the_new_holder_dies_and_what_began_with_the_old_one_goes_on(lab):
    pair = shy_pair(lab, SOON)
    pair.make_primary("a")
    pair.settle()
    client = test_tcp.Client(lab)
    client.wait_served_by("a")
    calls = traffic.Calls(lab, rate=RATE, talk_ms=6000, number=RATE)
    wait_until(lambda: drain_of(pair.a)["calls"] >= RATE, 20, "calls to be known on the holder")
    pair.a.cli("drain", "sip")
    client.send()
    wait_until(lambda: drain_of(pair.a)["connections"] == 1, 5, "the connection to be seen on the old holder")
    lab.death("b")
    pair.a.wait_role("primary", 10)
    ended = wait_drain(pair.a, "off")
    assert ended["reason"] in ("peer-lost", "role-moved"), ended
    made = calls.wait()
    assert made["ok"] == RATE and not made["failed"], f"calls of the old holder: {made}"
    client.send()
    assert not ended_or_moved(client), client.said()
    assert lab.nodes["a"].holds(VIP)
    client.process.kill()


@pytest.mark.parametrize("restarted", ["old", "new"])
def test_a_controller_killed_during_a_drain_ends_it_in_order(lab, restarted):
    pair = shy_pair(lab, SOON)
    old, new = pair.primary, other(pair.primary)
    calls = traffic.Calls(lab, rate=RATE, talk_ms=20000, number=RATE)
    wait_until(lambda: drain_of(pair[old])["calls"] >= RATE, 20, "calls to be known on the holder")
    pair[old].cli("drain", "sip")
    killed = pair[old if restarted == "old" else new]
    killed.kill()
    killed.start()
    for host in room.HOSTS:
        wait_drain(pair[host], "off")
        assert one_holder(pair), f"two gates are open: {[pair[h].gate for h in room.HOSTS]}"
    pair.settle()
    holder = pair.primary
    assert one_holder(pair), f"two gates are open: {[pair[h].gate for h in room.HOSTS]}"
    wait_until(lambda: not lab.nodes[other(holder)].holds(VIP), 10, "the backup to give the address away")
    assert traffic.Calls(lab, rate=5, talk_ms=10, number=3).wait()["ok"] == 3
    assert lab.nodes[holder].holds(VIP)
    calls.process.kill()
