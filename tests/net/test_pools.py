# SPDX-License-Identifier: GPL-2.0-or-later
"""A steering node: what its configuration makes of it, what it shows, and what outlives restarts and reloads."""

import pytest

import traffic
from controller import Steerer
from lab import HOSTS, PORT, SERVICE, Lab, wait_until
from test_cli import check


@pytest.fixture
def lab():
    with Lab(steering=1) as made:
        yield made


@pytest.fixture
def servers(lab):
    """Both behind the service by l2: it stands on their lo."""
    lab.serve_directly()
    return {h: traffic.answerer(lab, h, addresses=(SERVICE, lab.nodes[h].ip4)) for h in HOSTS}


def led(node, pool="sales"):
    """Frames, by the rung of the ladder that led them."""
    return {r["name"]: r["packets"] for r in node.pool(pool)["rungs"] if r["packets"]}


def test_a_node_of_pools_alone(lab, servers, probe):
    node = Steerer(lab).start().wait_reaches()
    asking = probe(SERVICE, rate=100)
    asking.wait_answered_by("a")
    pool = check(node.json("pools"), "pools")["pools"][0]
    assert (pool["active"], pool["forward"], pool["group"]) == ("a", "l2", "")
    assert [s["name"] for s in pool["servers"]] == ["a", "b"]
    assert pool["servers"][0]["mac"] == lab.a.mac() and pool["servers"][0]["mtu"] == 1500
    wait_until(lambda: sum(led(node).values()) > 100, 10, "requests to be led")
    counters = check(node.json("counters"), "counters")
    sent = {e["name"]: e["packets"] for e in counters["steering"]}["sent"]
    assert sent > 100, counters["steering"]
    status = check(node.json("status"), "status")
    assert (status["peer"]["state"], status["groups"], status["alarms"]) == ("none", [], 0), status
    assert "sales" in node.cli("pools").stdout
