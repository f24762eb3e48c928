# SPDX-License-Identifier: GPL-2.0-or-later
"""baton fence: a host that an operator keeps shut hands over first, and then never serves: not after a switchover,
not when the peer dies, not after a restart, until unfence."""

import os
import time

import pytest

from lab import VIP, wait_until
from test_cli import check


@pytest.fixture(name="pair")
def a_leads(pair):
    """On a machine under load both may have claimed at the start, and the other one leads."""
    if pair.primary != "a":
        pair.switchover()
        pair.settle()
    return pair


def fenced(host):
    return host.group()["fenced"]


def state_file(batond):
    return os.path.join(batond.state_dir, "fence.sip")


def alarms(host):
    return {a["id"]: a["text"] for a in host.json("alarms")["alarms"]}


def stays_shut(host, seconds):
    """Looks for that long: a gate that opens for a moment only is open, too."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        group = host.group()
        assert group["gate"] == "shut" and group["fenced"], f"{host.host} was fenced, is {group}"


def test_the_primary_hands_over_without_loss_and_stays_shut(lab, pair, probe):
    p = probe()
    p.wait_answered_by("a")
    check(pair.a.json("fence", "sip"), "fence")
    assert pair.b.role == "primary"
    assert (pair.a.gate, fenced(pair.a), fenced(pair.b)) == ("shut", True, False)
    assert os.path.exists(state_file(pair.a)), "reported done, but nothing is on the disk"
    p.wait_answered_by("b")
    assert pair.a.role_changes()[-1].count("why=fence") or "why=fence" in "".join(pair.a.role_changes())
    time.sleep(1.5)		# longer than re-arming takes
    stays_shut(pair.a, 0.2)
    assert pair.b.group()["ready"] == {"switchover": False, "upgrade": False, "reason": "peer is fenced by hand"}
    assert pair.a.group()["ready"]["reason"] == "fenced by hand"


def test_nothing_is_switched_to_a_fenced_host(pair):
    pair.b.json("fence", "sip")
    with pair.nothing_moves():
        for host, args, why in ((pair.a, (), "peer is fenced by hand"), (pair.a, ("--force",), "peer is fenced by hand"),
                                (pair.b, (), "this host is fenced by hand"), (pair.b, ("--force",), "this host is fenced")):
            done = host.cli("switchover", *args, check=False)
            assert done.returncode == 1 and why in done.stderr, f"{host.host} {args}: {done.stderr}{done.stdout}"


def test_unfence_makes_it_a_backup_again(pair):
    pair.b.json("fence", "sip")
    assert "fenced already" in pair.b.cli("fence", "sip").stdout
    check(pair.b.json("unfence", "sip"), "unfence")
    assert not fenced(pair.b) and not os.path.exists(state_file(pair.b))
    pair.settle()
    assert pair.settled() == "a"
    assert "was not fenced" in pair.b.cli("unfence", "sip").stdout
    pair.switchover()
    assert pair.settled() in ("b", None)


def test_the_death_of_the_peer_is_an_alarm_not_a_takeover(lab, pair):
    pair.b.json("fence", "sip")
    lab.death("a")
    wait_until(lambda: "fenced sip" in alarms(pair.b), 5, "an alarm that nobody serves")
    text = alarms(pair.b)["fenced sip"]
    assert "nobody serves" in text and "fenced by hand" in text and "not heard" in text, text
    stays_shut(pair.b, 0.5)
    assert not lab.b.holds(VIP)
    pair.b.json("unfence", "sip")
    pair.b.wait_role("primary")
    wait_until(lambda: "fenced sip" not in alarms(pair.b), 5, "the alarm to be over")


@pytest.mark.parametrize("how", ["kill", "stop"])
def test_a_restart_changes_nothing(lab, pair, how):
    pair.b.json("fence", "sip")
    getattr(pair.b, how)()
    pair.b.start()
    assert fenced(pair.b), "forgotten by a restart"
    lab.death("a")
    stays_shut(pair.b, 2)
    pair.b.cli("reload")
    stays_shut(pair.b, 0.2)


def test_reboot(lab, pair):
    pair.b.json("fence", "sip")
    pair.b.kill()
    pair.b.forget_pins()	# what a reboot takes away; the disk stays
    lab.death("a")
    pair.b.start()
    stays_shut(pair.b, 2)


def test_without_a_peer_only_by_force(lab, pair):
    lab.death("b")
    wait_until(lambda: pair.a.status()["peer"]["state"] == "down", 5, "a to find b dead")
    with pair.nothing_moves():
        done = pair.a.cli("fence", "sip", check=False)
        assert done.returncode == 1 and "peer is down: nobody would serve" in done.stderr, done.stderr
        assert not fenced(pair.a) and pair.a.gate == "open" and not os.path.exists(state_file(pair.a))
    assert pair.a.cli("fence", "sip", "--force").returncode == 0
    stays_shut(pair.a, 0.2)
    wait_until(lambda: not lab.a.holds(VIP), 2, "the address to go")
    wait_until(lambda: "fenced sip" in alarms(pair.a), 5, "an alarm that nobody serves")


def test_a_disk_that_takes_nothing(lab, pair):
    """Nothing is reported that a reboot would not remember."""
    os.mkdir(os.path.join(pair.b.state_dir, "fence.sip.new"))	# in the way of the file
    done = pair.b.cli("fence", "sip", check=False)
    assert done.returncode == 1 and "state-dir" in done.stderr, done.stderr
    wait_until(lambda: not fenced(pair.b) and pair.settled() == "a", 5, "b to be armed again")
