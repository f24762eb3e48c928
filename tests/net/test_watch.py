# SPDX-License-Identifier: GPL-2.0-or-later
"""A steering node and its pairs: who is active, by OPTIONS as the guide has it, and by the pulses of hosts that run batond."""

import os

import pytest

import traffic
from controller import Pair, Steerer, other
from lab import HOSTS, SERVICE, VIP, Lab, wait_until

SOON = 30  # seconds within which a noisy machine must have done what takes milliseconds


@pytest.fixture
def lab():
    with Lab(steering=1) as made:
        yield made


def serve(lab):
    """Each answers at the service, at its own address, and at the pair's VIP."""
    lab.serve_directly()
    return {h: traffic.answerer(lab, h, addresses=(VIP, SERVICE, lab.nodes[h].ip4)) for h in HOSTS}


def server(node, name):
    return next(s for s in node.pool()["servers"] if s["name"] == name)


def wait_pool(node, **want):
    def is_so():
        pool = node.pool()
        return all(pool[key] == value for key, value in want.items())
    wait_until(is_so, SOON, f"pool to show {want}; it is {node.pool()}")


def wait_server(node, name, **want):
    def is_so():
        one = server(node, name)
        return all(one[key] == value for key, value in want.items())
    wait_until(is_so, SOON, f"server {name} to show {want}; it is {server(node, name)}")


def test_pulses_tell_who_is_active(lab):
    """A planned switchover flips and buries nobody; a host's death flips and does; another secret tells nothing."""
    serve(lab)
    pair = Pair(lab, settings={"peer": {"pulse-port": 4280}}).start()
    first = pair.settled()
    second = other(first)
    observing = {"pair-id": 1, "secret-file": pair[first].secret_file, "pulse-port": 4280, "group": "sip", "oos-check": 300}
    node = Steerer(lab, settings={"pool sales": observing}).start().wait_reaches()
    wait_pool(node, active=first)
    wait_server(node, first, role="primary", term=pair[first].term)
    wait_server(node, second, role="backup", state="answers")

    pair[first].cli("switchover")
    wait_pool(node, active=second, cause="pulse")
    wait_server(node, second, role="primary", deaths=0)
    wait_server(node, first, role="backup", deaths=0)

    lab.death(second)
    wait_pool(node, active=first, cause="pulse")
    wait_server(node, second, role="unknown", deaths=1)
    wait_server(node, first, role="primary", deaths=0)
    assert "pool server lost" in node.log(), node.log()

    counted = pair[first].counter("pulse-observed")
    assert counted > 0, counted
    wrong = lab.nodes["n"].dir + "/other-secret"
    with open(wrong, "w") as f:
        f.write("another secret, of thirty-two bytes or more\n")
    os.chmod(wrong, 0o600)
    node.configure({"pool sales": {**observing, "secret-file": wrong}})
    node.cli("reload")
    wait_server(node, first, role="unknown")
    wait_pool(node, active=first)


def test_options_tell_who_is_active(lab):
    """The guide's: the configured primary, its silence, the other, and no way back of itself."""
    servers = serve(lab)
    node = Steerer(lab, settings={"pool sales": {"oos-check": 1, "oos-force": 1}}).start().wait_reaches()
    wait_pool(node, active="a", cause="options")
    wait_server(node, "a", state="answers", role="unknown")
    servers["a"].kill()
    wait_pool(node, active="b", cause="silent")
    wait_server(node, "a", state="silent", deaths=1)
    wait_server(node, "b", deaths=0)
    traffic.answerer(lab, "a", addresses=(VIP, SERVICE, lab.nodes["a"].ip4))
    wait_server(node, "a", state="answers")
    wait_pool(node, active="b", cause="silent")
