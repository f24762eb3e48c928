# SPDX-License-Identifier: GPL-2.0-or-later
"""Port rules: what is let in to the VIPs, and `baton port` drains, disables and enables it, on the host where it is asked."""

import json
import os
import signal

import jsonschema
import pytest

import controller
import lab as room
import test_tcp
import traffic
from controller import other
from lab import VIP, wait_until

SCHEMA = os.path.join(os.path.dirname(__file__), "../schema")
RULES = ["5060-5080 udp", "5060 tcp", "20000-20100 both"]


def shown(batond):
    """{first port and transport: (what holds, what is wanted)}, as status has it."""
    doc = batond.status()
    with open(f"{SCHEMA}/status.json", encoding="ascii") as f:
        jsonschema.validate(doc, json.load(f))
    return {f"{p['from']} {p['transport']}": (p["state"], p["wanted"]) for p in doc["groups"][0]["ports"]}


def port(batond, *words):
    told = batond.json("port", *words)
    with open(f"{SCHEMA}/port.json", encoding="ascii") as f:
        jsonschema.validate(told, json.load(f))
    return told["text"]


def port_changes(batond):
    told = batond.json("explain")
    with open(f"{SCHEMA}/explain.json", encoding="ascii") as f:
        jsonschema.validate(told, json.load(f))
    return told.get("port_changes", [])


def invite(lab, name, patience_ms):
    """One new call: what SIPp says of its failure; "": it was made."""
    errors = f"{lab.c.dir}/{name}.err"
    done = lab.c.run("sipp", f"{VIP}:5060", "-sf", f"{traffic.SIPP}/uac.xml", "-i", lab.c.ip4, "-p", "5099", "-t", "u1", "-m", "1", "-d", "10",
                     "-nostdin", "-recv_timeout", str(patience_ms), "-trace_err", "-error_file", errors, check=False, timeout=60)
    if done.returncode == 0:
        return ""
    with open(errors, encoding="utf-8") as f:
        return f.read()


def alarms(batond):
    return [alarm["id"] for alarm in batond.json("alarms")["alarms"]]


def taken(node):
    """Bytes that its TCP server has been sent."""
    told = node.run("ss", "-Htni", "state", "established", f"sport = :{test_tcp.PORT}").stdout
    return sum(int(word.split(":")[1]) for word in told.split() if word.startswith("bytes_received:"))


def restart_in_place(batond):
    starts = batond.log().count("started node=")
    batond.signal(signal.SIGUSR1)
    wait_until(lambda: batond.log().count("started node=") > starts, 30, f"a new start: {batond.log()[-1000:]}")
    batond.wait_ready()


def test_a_port_is_drained_disabled_and_enabled_again(lab):
    pair = controller.Pair(lab, {"group sip": {"port-rule": RULES}, "TServer": {"shutdown-sip-reject-code": "486"}})
    pair.start(settle=False)
    for host in room.HOSTS:
        traffic.sipp_server(lab, host)
    holder = pair[pair.settle().primary]
    peer = pair[other(holder.host)]
    assert set(shown(holder).values()) == set(shown(peer).values()) == {("enabled", "enabled")}, (shown(holder), shown(peer))
    calls = traffic.Calls(lab, rate=5, talk_ms=6000, number=5)
    wait_until(lambda: holder.json("calls")["groups"][0]["calls"] == 5, 20, "five calls to be known on the holder")

    told = port(holder, "drain", "5060", "sip")
    assert "2 port rules are draining on " + holder.host in told, told
    assert shown(holder) == {"5060 udp": ("draining", "draining"), "5060 tcp": ("draining", "draining"),
                             "20000 both": ("enabled", "enabled")}
    assert set(shown(peer).values()) == {("enabled", "enabled")}, "the other host's rules have changed, too"
    refused = invite(lab, "drained", 20000)
    assert "SIP/2.0 486" in refused, refused[-800:]
    assert calls.wait()["ok"] == 5, f"calls that were under way have failed: {calls.stats()}"
    assert holder.counter("vip-refused") >= 1

    port(holder, "disable", "5060")
    assert shown(holder)["5060 udp"] == ("stopped", "stopped") and shown(holder)["20000 both"][0] == "enabled"
    before = holder.counter("vip-ruled-out")
    assert "timeout" in invite(lab, "disabled", 1500).lower(), "a call through a port that is disabled had an answer"
    assert holder.counter("vip-ruled-out") > before
    wait_until(lambda: "ports sip" in alarms(holder), 10, f"an alarm: {alarms(holder)}")
    row = holder.doctor("ports")[0]
    assert row["level"] == "bad" and "baton port enable all sip" in row["fix"], row
    told = [(c["rule"], c["from"], c["to"], c["uid"]) for c in port_changes(holder)]
    assert told == [("5060 tcp", "draining", "stopped", 0), ("5060-5080 udp", "draining", "stopped", 0),
                    ("5060 tcp", "enabled", "draining", 0), ("5060-5080 udp", "enabled", "draining", 0)], told
    assert not port_changes(peer), port_changes(peer)
    for table, words in (("status", ("5060-5080", "disabled", "20000-20100")), ("events", ("port rule", "to=stopped")),
                         ("explain", ("Port rules changed by hand", "rule 5060 tcp: draining -> disabled, by root (uid 0)"))):
        text = holder.cli(table).stdout
        assert all(word in text for word in words), text

    restart_in_place(holder)
    assert shown(holder)["5060 udp"] == ("stopped", "stopped"), "a restart in place has forgotten what operators wanted"
    assert len(port_changes(holder)) == 4, "a restart in place has forgotten who changed port rules"
    assert "timeout" in invite(lab, "restarted", 1500).lower()
    assert "3 port rules are enabled" in port(holder, "enable", "all")
    wait_until(lambda: "ports sip" not in alarms(holder), 10, f"the alarm to end: {alarms(holder)}")
    assert invite(lab, "enabled", 20000) == ""
    assert holder.doctor("ports")[0]["level"] == "ok"
    assert (pair.settle().primary, peer.role) == (holder.host, "backup")


CONNECTS = "import socket, sys; socket.create_connection((sys.argv[1], int(sys.argv[2])), timeout=float(sys.argv[3]))"


def connects(lab, number, patience_s=10):
    return not lab.c.run("/usr/bin/python3", "-c", CONNECTS, VIP, str(number), str(patience_s), check=False).returncode


@pytest.mark.parametrize("settings", [{"group sip": {"mode": "cluster", "sip-port": f"5060 {test_tcp.PORT}/tcp"}}])
def test_a_cluster_lets_in_what_it_serves_and_each_host_has_its_own_rules(lab, pair, probe):
    """Without a port-rule the SIP ports are all that is let in; what is asked of one host is not asked of the other."""
    pair.make_primary("a")
    for host in room.HOSTS:
        for number in (test_tcp.PORT, 5071):
            lab.nodes[host].start(f"tcp-{number}", "/usr/bin/python3", "-c", test_tcp.SERVER.replace(str(test_tcp.PORT), str(number)), host)
    assert shown(pair.a) == shown(pair.b) == {"5060 both": ("enabled", "enabled"), "5070 tcp": ("enabled", "enabled")}
    asked = probe(rate=200)
    asked.wait_answered_by("a")
    wait_until(lambda: connects(lab, test_tcp.PORT), 10, "a connection to a SIP port")
    before = pair.a.counter("vip-ruled-out")
    assert not connects(lab, 5071, 1.5), "a connection to a port of no rule"
    assert pair.a.counter("vip-ruled-out") > before

    port(pair.a, "disable", str(test_tcp.PORT))
    assert not connects(lab, test_tcp.PORT, 1.5), "a connection to a port that is disabled"
    assert (shown(pair.a)["5070 tcp"], shown(pair.b)["5070 tcp"]) == (("stopped", "stopped"), ("enabled", "enabled"))
    port(pair.b, "disable", "5060")
    asked.wait_answered_by("a")
    lab.death("a")
    pair.b.wait_role("primary")
    wait_until(lambda: connects(lab, test_tcp.PORT), 10, "a connection by the host whose rule is enabled")
    kept_out = pair.b.counter("vip-ruled-out")
    wait_until(lambda: pair.b.counter("vip-ruled-out") > kept_out + 50, 10, "b to keep out what comes to its disabled port")
    assert asked.answered_by() != "b", "b answers, and its port is disabled there"
    assert "3 port rules" not in port(pair.b, "enable", "all")
    asked.wait_answered_by("b")
    lab.revive("a")
    wait_until(lambda: pair.settled() == "b", 20, lambda: f"one holder: {pair.a.group()} {pair.b.group()}")
    assert shown(pair.a)["5070 tcp"] == ("stopped", "stopped"), "a lost role has forgotten what operators wanted"


@pytest.mark.parametrize("settings", [{"group sip": {"port-rule": ["5060 both", "5070 tcp"]}}])
def test_connections_of_a_drained_port_stay_and_no_role_means_stopped(lab, pair):
    pair.make_primary("a")
    pair.settle()
    client = test_tcp.Client(lab)
    client.wait_served_by("a")
    port(pair.a, "drain", "5070")
    client.send()
    wait_until(lambda: taken(lab.a) == 1, 10, lambda: f"what the connection that stands sends to be taken in: {taken(lab.a)} bytes were")
    late = lab.c.run("/usr/bin/python3", "-c",
                     f"import socket; socket.create_connection(('{VIP}', {test_tcp.PORT}), timeout=1.5)", check=False)
    assert late.returncode != 0 and "timed out" in late.stderr, f"a new connection to a drained port: {late.stderr}"
    assert pair.a.counter("vip-rule-drains") >= 1
    client.send()
    wait_until(lambda: taken(lab.a) == 2, 10, lambda: f"what it sends then to be taken in: {taken(lab.a)} bytes were")
    assert not [said for said in client.said() if "ended" in said], f"the connection that was there has ended: {client.said()}"
    pair.a.cli("switchover", "sip")
    client.wait_served_by("b")
    pair.settle()
    pair.a.cli("fence", "sip")
    assert shown(pair.a) == {"5060 both": ("stopped", "enabled"), "5070 tcp": ("stopped", "draining")}
    pair.a.cli("unfence", "sip")
    pair.settle()
    assert shown(pair.a) == {"5060 both": ("enabled", "enabled"), "5070 tcp": ("draining", "draining")}
    client.process.kill()

    for words, said in ((("9",), "no group has a port rule that names port 9"), (("9", "sip"), "group sip has no port rule that names port 9"),
                        (("5060", "sop"), "no group 'sop'")):
        told = pair.b.cli("port", "drain", *words, check=False)
        assert told.returncode == 1 and said in told.stderr, (words, told.returncode, told.stderr)
    assert set(shown(pair.b).values()) == {("enabled", "enabled")}
