# SPDX-License-Identifier: GPL-2.0-or-later
"""A network that carries only frames with their sender's own address: found out, told, and lived with."""

import contextlib
import json

import pytest

from controller import other
from lab import wait_until


def mac(node):
    return json.loads(node.run("ip", "-j", "link", "show", "dev", "eth0").stdout)[0]["address"]


@contextlib.contextmanager
def port_security(lab):
    """The switch takes from each host's port what bears the host's address, and nothing else."""
    rules = "".join(f'    iifname "{h}0" ether saddr != {mac(lab.nodes[h])} drop\n' for h in "ab")
    lab.switch.run("nft", "-f", "-", stdin=(
        f"table bridge ports {{\n  chain in {{\n    type filter hook prerouting priority 0;\n{rules}  }}\n}}\n"))
    yield
    lab.switch.run("nft", "delete", "table", "bridge", "ports")


def marks(batond):
    """Level and text of doctor's row; None while nothing is known."""
    rows = json.loads(batond.cli("-j", "doctor", check=False).stdout)["checks"]
    told = [(row["level"], row["text"]) for row in rows if row["check"] == "marks"]
    return told[0] if told else None


def wait_marks(pair, level, timeout):
    for host in "ab":
        wait_until(lambda: (marks(pair[host]) or [""])[0] == level, timeout, f"{host} to say '{level}'; it says {marks(pair[host])}",
                   every=0.2)


def test_an_open_network_is_known_for_one(pair):
    wait_marks(pair, "ok", 10)
    assert "carries" in marks(pair.a)[1]
    assert not any("path filtered" in pair[h].log() for h in "ab")


def test_a_filtering_network_is_found_out_and_a_switchover_works(lab, pair, probe):
    wait_marks(pair, "ok", 10)
    with port_security(lab):
        wait_marks(pair, "warn", 40)
        assert "drops frames with foreign source addresses" in marks(pair.a)[1]
        assert all(pair[h].log().count("path filtered ") == 1 for h in "ab"), "one line in each log"
        asked, first = probe(), pair.primary
        asked.wait_answered_by(first)
        with asked.event("switchover"):
            pair.switchover()
            asked.wait_answered_by(other(first))
        seen = asked.stop()
        assert seen["marks"]["switchover"]["lost"] < 300, seen["marks"]["switchover"]
        assert seen["holders"] == [first, other(first)], seen["segments"]
    wait_marks(pair, "ok", 20)
    assert all("path not filtered" in pair[h].log() for h in "ab")


@pytest.mark.parametrize("settings", [{"interface eth0": {"xdp-mode": "off"}}])
def test_without_xdp_nothing_is_said_of_marks(pair):
    wait_until(lambda: pair.a.status()["uptime_s"] >= 7, 15, "seven seconds of life", every=0.3)
    assert marks(pair.a) is None and marks(pair.b) is None
