# SPDX-License-Identifier: GPL-2.0-or-later
"""What a person is told before it matters: the pair is not what it seems, and nobody serves less well yet."""

import json
import os
import signal

import pytest

from controller import Batond
from lab import wait_until


def texts(batond):
    return {row["id"]: row["text"] for row in batond.json("alarms")["alarms"]}


def rows(batond):
    """Of `baton doctor`, which ends with 1 where anything is bad."""
    return json.loads(batond.cli("-j", "doctor", check=False).stdout)["checks"]


def row(batond, check):
    return [r for r in rows(batond) if r["check"] == check]


def script(batond, name="told"):
    """An alarm script that writes down what it is called with; its path, and where it writes."""
    path, out = os.path.join(batond.node.dir, name), os.path.join(batond.node.dir, name + ".out")
    with open(path, "w", encoding="ascii") as f:
        f.write(f"#!/bin/sh\necho \"$1|$2\" >> {out}\n")
    os.chmod(path, 0o755)
    open(out, "w", encoding="ascii").close()
    return path, out


def lines(out):
    with open(out, encoding="ascii") as f:
        return f.read().split("\n")[:-1]


@pytest.mark.parametrize("how", ["kill", "stop"])
def test_a_backup_without_controller_is_told(pair, how):
    """Its kernel goes on answering, so nothing else would tell; and who is up may not be who can take over."""
    first = pair.primary
    primary, backup = pair[first], pair[pair.backup]
    term = primary.term
    path, out = script(primary)
    primary.configure({"group sip": {"alarm-notify": path}})
    primary.cli("reload")
    pid = backup.pid()
    os.kill(pid, signal.SIGKILL if how == "kill" else signal.SIGSTOP)
    wait_until(lambda: "peer-stalled" in texts(primary), 10, f"an alarm of {texts(primary)}")
    status = primary.status()
    assert status["peer"]["state"] == "stalled", status["peer"]
    assert status["groups"][0]["ready"]["reason"] == "peer's controller is dead or stopped", status["groups"][0]["ready"]
    assert row(primary, "peer")[0]["level"] == "bad" and row(primary, "takeover")[0]["level"] == "bad", rows(primary)
    if how == "kill":
        backup.start()
    else:
        os.kill(pid, signal.SIGCONT)
    wait_until(lambda: "peer-stalled" not in texts(primary), 5, f"the alarm to end: {texts(primary)}")
    wait_until(lambda: lines(out) == ["raised|peer-stalled", "cleared|peer-stalled"], 3,
               f"the script to be told of both, it was told {lines(out)}")
    assert pair.primary == first and primary.term == term, f"a role moved: {primary.group()}"


@pytest.mark.parametrize("settings", [{"group two": {"interface": "eth0", "sip-address": "10.77.0.101/24"}}])
def test_what_concerns_the_host_is_told_to_each_script_once(lab, pair):
    """peer-down belongs to no group: every group's script hears of it, one that two groups share only once."""
    one, told_one = script(pair.a, "one")
    two, told_two = script(pair.a, "two")
    pair.a.configure({"group sip": {"alarm-notify": one}, "group two": {"alarm-notify": one}})
    pair.a.cli("reload")
    lab.partition()
    wait_until(lambda: lines(told_one), 5, "the script to be told of peer-down")
    lab.heal()
    wait_until(lambda: "cleared|peer-down" in lines(told_one), 5, f"... and of its end, not only {lines(told_one)}")
    assert lines(told_one).count("raised|peer-down") == 1, lines(told_one)
    pair.a.configure({"group two": {"alarm-notify": two}})
    pair.a.cli("reload")
    lab.partition()
    wait_until(lambda: "raised|peer-down" in lines(told_two), 5, "the other group's script to be told as well")
    wait_until(lambda: lines(told_one).count("raised|peer-down") == 2, 5, f"both to be told: {lines(told_one)}")


def test_a_host_that_is_heard_by_nobody_is_told(lab, pair):
    """It hears the peer well, and would otherwise look like an armed backup."""
    lab.cut("a", "b")
    wait_until(lambda: "peer-deaf" in texts(pair.a), 5, f"an alarm on a, not {texts(pair.a)}")
    peer, takeover = row(pair.a, "peer")[0], row(pair.a, "takeover")[0]
    assert "does not hear this host" in peer["text"] and peer["level"] == "bad", peer
    assert takeover["level"] == "bad", f"a backup that is not answered is not ready: {takeover}"
    assert not pair.a.group()["ready"]["switchover"], pair.a.group()["ready"]
    assert "peer-down" in texts(pair.b), texts(pair.b)
    lab.heal()
    wait_until(lambda: not texts(pair.a) and not texts(pair.b), 5, f"quiet: {texts(pair.a)} {texts(pair.b)}")


@pytest.mark.parametrize("what", ["peer dead", "server dead", "fenced", "well"])
def test_whatever_is_not_well_says_what_to_do(lab, pair, what):
    if what == "peer dead":
        lab.death("b")
        wait_until(lambda: "peer-down" in texts(pair.a), 5, "the peer to be found dead")
    elif what == "server dead":
        lab.crash("a")
        pair.b.wait_role("primary")
        wait_until(lambda: pair.a.role == "backup" and "00-04200 sip" in texts(pair.a), 5, "a to let go, and to say so")
        assert texts(pair.a)["00-04200 sip"].startswith("listener-lost: "), texts(pair.a)
    elif what == "fenced":
        assert pair.a.cli("fence", "sip").returncode == 0
    for host in (pair.a,) if what == "peer dead" else (pair.a, pair.b):
        dumb = [r for r in rows(host) if r["level"] != "ok" and not r["fix"]]
        assert not dumb, f"rows of {host.host} that say no more than that it is bad: {dumb}"


def test_what_the_doctor_says_when_no_router_answers_helps(lab, pair):
    """`switchover --force` does not override the arbiter: who knows that the peer is dead must be told what does."""
    for batond in (pair.a, pair.b):
        batond.stop()
        batond.configure({"arbiter": {"type": "router"}, "group sip": {"router": "10.77.0.77"}})
    pair.start()
    holder = pair.settled()
    left = pair.b if holder == "a" else pair.a
    lab.death(holder)
    wait_until(lambda: "stuck sip" in texts(left), 5, f"{left.host} to say that it is stuck: {texts(left)}")
    fix = row(left, "arbiter")[0]["fix"]
    assert "[arbiter] type = none" in fix and "restart batond" in fix, fix
    left.configure({"arbiter": {"type": "none"}})
    left.stop()
    left.start()
    left.wait_role("primary")


def test_a_peer_never_heard_has_no_age(lab, servers):
    alone = Batond(lab, "a").start()
    alone.wait_role("primary")
    wait_until(lambda: "to=down" in alone.log(), 5, "the peer to be found down")
    assert "heard_ago_ms=never" in alone.log(), alone.log()
    assert "peer_heard_us_ago=never" in alone.log(), alone.log()


def test_alarms_survive_a_restart(lab, servers):
    """Kept with their age and told to nobody a second time; what a person cleared stays away; what is over ends."""
    a = Batond(lab, "a")
    path, out = script(a)
    a.configure({"group sip": {"alarm-notify": path}})
    a.start()

    def told():		# a machine that stands still raises others
        return [line for line in lines(out) if "peer-down" in line]
    wait_until(lambda: told() == ["raised|peer-down"], 10, f"the script to be told: {told()}")
    age = [row for row in a.json("alarms")["alarms"] if row["id"] == "peer-down"][0]["since_s"]
    wait_until(lambda: os.path.exists(os.path.join(a.state_dir, "alarms")), 5, "it to be on disk")

    def again():
        found = "peer change peer=b from=unknown to=down"
        before = a.log().count(found)
        a.kill()
        a.start()
        wait_until(lambda: a.log().count(found) > before, 10, "the peer to be found down again")
    again()
    alarm = [row for row in a.json("alarms")["alarms"] if row["id"] == "peer-down"][0]
    assert alarm["since_s"] >= age and not alarm["before_boot"], alarm
    assert a.log().count('alarm raised id="peer-down"') == 1 and told() == ["raised|peer-down"], told()

    assert a.cli("alarms", "clear", "peer-down").returncode == 0
    wait_until(lambda: told() == ["raised|peer-down", "cleared|peer-down"], 10, f"it to be told: {told()}")
    wait_until(lambda: b"cleared " in open(os.path.join(a.state_dir, "alarms"), "rb").read(), 5, "that to be on disk")
    again()
    assert "peer-down" not in texts(a) and len(told()) == 2, (texts(a), told())

    b = Batond(lab, "b").start()		# its cause goes, and comes again
    wait_until(lambda: a.status()["peer"]["state"] == "up", 10, "the peer to be heard")
    b.stop()
    wait_until(lambda: told()[2:] and told()[-1] == "raised|peer-down", 10, f"it to be raised again: {told()}")
    wait_until(lambda: b"raised " in open(os.path.join(a.state_dir, "alarms"), "rb").read(), 5, "that to be on disk")
    before = len(told())
    a.kill()
    b.start()
    a.start()
    wait_until(lambda: told()[before:][:1] == ["cleared|peer-down"], 20, f"what does not stand any more to end: {told()}")
    assert "alarm cleared id=\"peer-down\" event=peer-down" in a.log()

    a.stop()
    with open(os.path.join(a.state_dir, "alarms"), "w", encoding="ascii") as f:
        f.write("baton-alarms 1\nboot x\nraised 1 fire\tthe house burns\ncheck 0123456789abcdef\n")
    a.start()
    assert "alarms refused file=" in a.log() and "fire" not in texts(a), a.log()
