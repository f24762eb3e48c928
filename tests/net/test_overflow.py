# SPDX-License-Identifier: GPL-2.0-or-later
"""sip-error-codes-overflow: calls that the active server refuses are made by the other, and their callers do not know."""

import traffic
from controller import Steerer
from lab import HOSTS, Lab
from test_cli import check

CALLS = 20


def steered(node):
    return {e["name"]: e["packets"] for e in node.json("counters")["steering"]}


def test_a_refused_call_goes_to_the_other_server():
    with Lab(steering=1) as lab:
        lab.serve_translated(*HOSTS)
        refusing = traffic.sipp_server(lab, "a", lab.a.ip4, "refuse.xml", number=CALLS)
        traffic.sipp_server(lab, "b", lab.b.ip4)
        node = Steerer(lab, settings={"pool sales": {"oos-check": 0}}, forward="nat").start().wait_reaches()
        made = traffic.Calls(lab, rate=20, talk_ms=200, number=CALLS, address=node.service, give_up_ms=30000).wait()
        assert (made["ok"], made["failed"]) == (CALLS, 0), f"{made}, {steered(node)}, {node.json('pools')}"
        assert steered(node)["handed-overflow"] >= CALLS, steered(node)
        counters = check(node.json("counters"), "counters")
        done = {r["name"]: r["times"] for r in counters["userspace"]}
        assert (done["overflowed"], done["not-kept"], done["failed"]) == (CALLS, 0, 0), done
        assert "overflowed" in node.cli("counters").stdout
        # It refuses each call until it has the ACK.
        assert refusing.wait(40) == 0, f"not every refusal got its ACK: {refusing.text()[-2000:]}"
        # Both refuse: the callers are told, once each.
        lab.server("b").stop()
        for host in HOSTS:
            traffic.sipp_server(lab, host, lab.nodes[host].ip4, "refuse.xml")
        made = traffic.Calls(lab, rate=20, number=CALLS, address=node.service, give_up_ms=30000).wait()
        assert (made["ok"], made["failed"]) == (0, CALLS), f"{made}, {steered(node)}"
