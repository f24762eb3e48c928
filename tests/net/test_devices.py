# SPDX-License-Identifier: GPL-2.0-or-later
"""Devices and the own SIP server are asked with OPTIONS; a host that alone has lost all trunks, or all media servers,
gives its role to the other; what both have lost moves nothing."""

import pytest

from controller import other
from lab import BUILD, HOSTS, wait_until
from test_cli import check

TRUNK, MEDIA = 5061, 5062
SOON = {"oos-check": "1", "oos-force": "2"}


def device(batond, name):
    """As `baton devices` shows it; None: it does not."""
    return {d["name"]: d for d in check(batond.json("devices"), "devices")["devices"]}.get(name)


def expect(batond, name, state, timeout=30):
    wait_until(lambda: (device(batond, name) or {}).get("state") == state, timeout,
               f"{name} to be {state} on {batond.host}: {device(batond, name)}")
    return device(batond, name)


def responder(lab, port):
    """A device in the client's namespace that answers everything."""
    server = lab.c.start(f"device{port}", f"{BUILD}/tools/answerer", "-t", f"device{port}", "-p", str(port), lab.c.ip4)
    wait_until(lambda: "serves port" in server.text(), 5, f"the device at port {port} to serve: {server.text()}")
    return server


def deaf_to(lab, *hosts):
    """The devices hear nothing from these hosts, and everything from the others."""
    lab.c.run("nft", "add table inet deaf; flush table inet deaf; delete table inet deaf; add table inet deaf; "
              "add chain inet deaf in { type filter hook input priority 0; }; " +
              "".join(f"add rule inet deaf in ip saddr {lab.nodes[h].ip4} udp dport {{ {TRUNK}, {MEDIA} }} drop; " for h in hosts))


def alarms(batond):
    return {row["id"]: row["text"] for row in batond.json("alarms")["alarms"]}


def service(batond):
    group = batond.group()
    return group["service"], group["service_reason"]


def holder(pair):
    return [h for h, b in pair.by_host.items() if b.group()["gate"] == "open"]


def configure(pair, settings):
    for batond in (pair.a, pair.b):
        batond.configure(settings)
        batond.cli("reload")


def test_who_answers_is_in_service(lab, pair):
    """... as baton shows it, with what a reload adds, changes and takes away at once."""
    gw, where = responder(lab, TRUNK), f"{lab.c.ip4}:{TRUNK}"
    configure(pair, {"device gw": {"contact": where, "service-type": "trunk", "geo-location": "east", **SOON},
                     "device dead": {"contact": f"{lab.c.ip4}:5099", "oos-check": "1"},
                     "device quiet": {"contact": where}})
    for batond in (pair.a, pair.b):
        up = expect(batond, "gw", "in-service")
        assert up["contact"] == where and up["type"] == "trunk" and up["geo_location"] == "east", up
        assert up["status"] == 200 and up["since_s"] is not None and up["unanswered"] == 0, up
        down = expect(batond, "dead", "out-of-service")
        assert down["status"] is None and down["oos_force_s"] == 1, down
        assert device(batond, "quiet")["state"] == "not-checked"
        # The server of a backup too, by the local route of its VIP: no door of the gate is in the way.
        wait_until(lambda b=batond: b.json("devices")["servers"][0]["state"] == "in-service", 30,
                   f"the own server of {batond.host} to answer: {batond.json('devices')['servers']}")
        text = batond.cli("devices").stdout
        assert "out-of-service" in text and where in text and "own server" in text, text
    gw.stop()
    expect(pair.a, "gw", "out-of-service")
    assert "name=gw" in pair.a.log() and "state=out-of-service" in pair.a.log()
    configure(pair, {"device dead": None, "device gw": {"oos-check": None, "oos-force": None},
                     "device quiet": {"contact": f"{lab.c.ip4}:{MEDIA}", **SOON}})
    assert device(pair.a, "dead") is None and device(pair.a, "gw")["state"] == "not-checked"
    responder(lab, MEDIA)
    expect(pair.a, "quiet", "in-service")
    assert pair.settled() == "a", "nothing of this moves a role"


@pytest.mark.parametrize("settings", [{
    "TServer": {"switchover-on-trunks-oos": "true"}, "group sip": {"geo-location": "east", "alternative-geo-location": "west"},
    "device gw": {"contact": f"10.77.0.9:{TRUNK}", "service-type": "trunk", "geo-location": "west", **SOON},
    "device far": {"contact": f"10.77.0.9:{MEDIA}", "service-type": "trunk", "geo-location": "moon", **SOON}}])
def test_trunks_lost_by_one_host_move_the_role_and_by_both_do_not(lab, pair):
    responder(lab, TRUNK), responder(lab, MEDIA)
    assert lab.c.ip4 == "10.77.0.9"
    old = pair.settled()
    first, second = pair.by_host[old], pair.by_host[other(old)]
    for batond in (first, second):
        expect(batond, "gw", "in-service")
    deaf_to(lab, *HOSTS)
    for batond in (first, second):
        expect(batond, "gw", "out-of-service")
    wait_until(lambda: "the peer sees the same" in first.log() and "the peer sees the same" in second.log(), 30,
               f"each to hear that the other sees it too:\n{first.log()[-2000:]}")
    deaf_to(lab)
    for batond in (first, second):
        expect(batond, "gw", "in-service")
        assert "trunks-out-of-service" not in batond.log() and service(batond)[0] == "running", batond.log()[-2000:]
    assert pair.settled() == old, "both saw the same: nobody is better off"
    deaf_to(lab, old)
    wait_until(lambda: holder(pair) == [other(old)], 40, f"the role to move to {other(old)}: {first.group()}")
    assert service(first) == ("unavailable", "trunks-out-of-service"), service(first)
    assert "every trunk is out of service, seen from this host" in alarms(first).get("trunks-out-of-service sip", ""), alarms(first)
    deaf_to(lab)
    wait_until(lambda: service(first)[0] == "running", 30, f"{old} to be well again: {service(first)}")
    assert "trunks-out-of-service sip" not in alarms(first)
    wait_until(lambda: pair.settled() == other(old), 10, f"{old} to stand by: nobody is ever preempted: {first.group()}")
    # The same for media servers, said while it runs.
    configure(pair, {"TServer": {"switchover-on-msml-oos": "true", "switchover-on-trunks-oos": "false"},
                     "device gw": {"service-type": "msml"}})
    deaf_to(lab, other(old))
    wait_until(lambda: holder(pair) == [old], 40, f"the role to move back to {old}: {second.group()}")
    assert service(second)[1] == "msml-out-of-service", service(second)
    assert "every media server is out of service, seen from this host" in alarms(second).get("msml-out-of-service sip", "")
