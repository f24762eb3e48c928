# SPDX-License-Identifier: GPL-2.0-or-later
"""A third party. etcd: never two holders, whatever is cut or stopped, and service again where the rules promise it.
router: a host that hears nobody takes nothing."""

import random
import statistics
import time

import pytest

from controller import Pair, other
from etcd import Etcd
from lab import LabError, wait_until
from test_refusals import alarm
from traffic import Gates

ROUTER = "10.77.0.254"		# a second address of the client's
# The holder asks at the first silence, the other when it has lasted: a second, for the thread that asks may have to wait for a CPU.
HEAD_START = pytest.mark.parametrize("settings", [{"peer": {"pulse-interval": "20ms", "pulse-misses": "50", "lease": "2s"}}])


@pytest.fixture
def etcd(lab):
    return Etcd(lab).start()


@pytest.fixture
def pair(lab, servers, etcd, settings):
    made = Pair(lab, settings, of=etcd.settings()).start()
    wait_until(lambda: all(state(made[h]) == "reachable" for h in "ab"), 5, "both to reach etcd")
    yield made
    for host in "ab":
        made[host].process.signal(18)


def state(batond):
    return batond.status()["arbiter"]["state"]


def never_two(gates, what=""):
    seen = gates.stop()
    assert seen["both_times"] == 0, f"both gates accepted {what}: {seen}"
    return seen


def dead(lab, etcd, host):
    """For the other host and for etcd."""
    etcd.cut(host)
    lab.death(host)


def alive(lab, etcd, host):
    lab.revive(host)
    etcd.uncut(host)


def settled_without_locks(lab, etcd, pair):
    """One serves, the other is armed, and nobody holds what nobody needs."""
    pair.settle(15)
    wait_until(lambda: not etcd.locks(), 5, f"the lock to be let go: {etcd.locks()}")
    wait_until(lambda: all(state(pair[h]) == "reachable" for h in "ab"), 5, "both to reach etcd")


# ---- etcd ------------------------------------------------------------------------------------------------

def test_a_host_dies(lab, etcd, pair, probe):
    silences, gates = [], Gates(lab, pair)
    for _ in range(3):
        holder = pair.primary
        asked = probe()
        asked.wait_answered_by(holder)
        with asked.event("death"):
            dead(lab, etcd, holder)
        asked.wait_answered_by(other(holder), 5)
        assert pair[other(holder)].group()["reason"] == "peer-lost"
        assert state(pair[other(holder)]) == "holding"
        silences.append(asked.stop()["marks"]["death"]["silence_ms"])
        alive(lab, etcd, holder)
        settled_without_locks(lab, etcd, pair)
    never_two(gates)
    print(f"witness mode, host death: silence {[round(s) for s in silences]} ms, median {statistics.median(silences):.0f} ms")
    assert statistics.median(silences) >= 275, f"served before the dead host's lease had certainly ended: {silences}"


@HEAD_START
def test_cut_from_each_other_only(lab, etcd, pair, probe):
    """The holder asks first: it keeps the role, and the other does not even claim."""
    holder, asked, gates = pair.primary, probe(), Gates(lab, pair)
    asked.wait_answered_by(holder)
    with pair.nothing_moves():
        with asked.event("cut"):
            lab.partition()
            wait_until(lambda: state(pair[holder]) == "holding", 10, "the holder to hold the lock")
            time.sleep(4)		# two of its times to live
        assert list(etcd.locks()) == ["baton/1/sip"] and etcd.locks()["baton/1/sip"].startswith(f"{holder} {pair[holder].term} ")
        assert state(pair[other(holder)]) == "reachable"
        lab.heal()
        settled_without_locks(lab, etcd, pair)
    assert asked.stop()["marks"]["cut"]["lost"] == 0
    never_two(gates)


def test_the_holder_is_cut_from_everything(lab, etcd, pair, probe):
    """It lives, and its clients reach it: its gate must shut before the other's opens."""
    holder, asked, gates = pair.primary, probe(), Gates(lab, pair)
    asked.wait_answered_by(holder)
    with asked.event("cut"):
        etcd.cut(holder)
        lab.partition()
        asked.wait_answered_by(other(holder), 5)
    wait_until(lambda: alarm(pair[holder], "stuck sip"), 3, "the cut-off holder to say why it does not serve")
    assert "the arbiter does not answer" in alarm(pair[holder], "stuck sip")
    assert pair[holder].group()["lease_left_ms"] == 0
    lab.heal()
    etcd.heal()
    settled_without_locks(lab, etcd, pair)
    assert pair.primary == other(holder)
    result = asked.stop()
    assert result["answered_by_two"] == 0 and result["marks"]["cut"]["silence_ms"] < 1000, result
    never_two(gates)


def test_the_backup_is_cut_from_everything(lab, etcd, pair, probe):
    holder, asked, gates = pair.primary, probe(), Gates(lab, pair)
    asked.wait_answered_by(holder)
    with pair.nothing_moves():
        etcd.cut(other(holder))
        lab.partition()
        time.sleep(3)
        lab.heal()
        etcd.heal()
        settled_without_locks(lab, etcd, pair)
    assert asked.stop()["lost"] == 0
    never_two(gates)


def test_no_lock_for_anybody(lab, etcd, pair, probe):
    """Both cut off from everything: nobody serves, and says so; whoever reaches etcd first serves."""
    holder, asked, gates = pair.primary, probe(), Gates(lab, pair)
    asked.wait_answered_by(holder)
    for host in "ab":
        etcd.cut(host)
    lab.partition()
    wait_until(lambda: all(alarm(pair[h], "stuck sip") and alarm(pair[h], "arbiter-unreachable") for h in "ab"), 5,
               "both to say that nobody can serve")
    assert [pair[h].group()["lease_left_ms"] for h in "ab"] == [0, 0]
    etcd.uncut(other(holder))
    asked.wait_answered_by(other(holder), 5)
    etcd.uncut(holder)
    time.sleep(1)
    assert asked.answered_by() == other(holder)
    lab.heal()
    settled_without_locks(lab, etcd, pair)
    wait_until(lambda: not any(alarm(pair[h], "stuck sip") or alarm(pair[h], "arbiter-unreachable") for h in "ab"), 5,
               "the alarms to clear")
    never_two(gates)


def test_etcd_dies_in_peace(lab, etcd, pair, probe):
    asked = probe()
    asked.wait_answered_by(pair.primary)
    with pair.nothing_moves():
        etcd.kill()
        wait_until(lambda: all(state(pair[h]) == "unreachable" and alarm(pair[h], "arbiter-unreachable") for h in "ab"),
                   6, "both to miss etcd")
        assert any(row["check"] == "arbiter" and row["level"] == "warn" for row in pair.a.json("doctor")["checks"])
        pair.settle()
        time.sleep(1)
        etcd.start()
        wait_until(lambda: not any(alarm(pair[h], "arbiter-unreachable") for h in "ab"), 6, "the alarms to clear")
    pair.switchover()			# an acknowledged move needs no lock either
    pair.settle()
    assert asked.stop()["lost"] <= 2


@HEAD_START
def test_etcd_stands_still_while_it_is_needed(lab, etcd, pair, probe):
    holder, asked, gates = pair.primary, probe(), Gates(lab, pair)
    asked.wait_answered_by(holder)
    lab.partition()
    wait_until(lambda: state(pair[holder]) == "holding", 10, "the holder to hold the lock")
    etcd.pause()
    wait_until(lambda: pair[holder].group()["lease_left_ms"] == 0, 4, "the gate to shut with its lock")
    assert pair[holder].status()["uptime_s"] >= 0, "a hanging etcd hangs the controller"
    time.sleep(3)
    etcd.resume()
    wait_until(lambda: any(pair[h].group()["lease_left_ms"] and pair[h].gate == "open" for h in "ab"), 6, "one to serve")
    lab.heal()
    settled_without_locks(lab, etcd, pair)
    never_two(gates)


@HEAD_START
@pytest.mark.parametrize("seconds", [0.5, 6])
def test_the_holder_stood_still_and_wakes(lab, etcd, pair, probe, seconds):
    """Alone with its lock; it must not go on as if nothing had been."""
    holder, asked, gates = pair.primary, probe(), Gates(lab, pair)
    asked.wait_answered_by(holder)
    lab.partition()
    wait_until(lambda: state(pair[holder]) == "holding", 10, "the holder to hold the lock")
    pair[holder].pause()
    time.sleep(seconds)
    if seconds > 5:
        asked.wait_answered_by(other(holder), 5)
    pair[holder].resume()
    time.sleep(1)
    assert asked.answered_by() == (other(holder) if seconds > 5 else holder)
    lab.heal()
    settled_without_locks(lab, etcd, pair)
    never_two(gates)


def test_a_claimant_stood_still_before_it_opened(lab, etcd, pair, probe):
    """Stopped while its claim waits: it may open late, but only with what is its own then."""
    holder, gates = pair.primary, Gates(lab, pair)
    backup = other(holder)
    dead(lab, etcd, holder)
    wait_until(lambda: pair[backup].gate == "armed" and pair[backup].role == "claiming", 2, "a claim that waits")
    pair[backup].pause()
    alive(lab, etcd, holder)
    time.sleep(4)
    pair[backup].resume()
    settled_without_locks(lab, etcd, pair)
    never_two(gates)


def test_a_lone_holder_is_restarted(lab, etcd, pair, probe):
    """Its lock is its host's: the next batond goes on with it before its time is up."""
    holder = pair.primary
    backup = other(holder)
    dead(lab, etcd, holder)
    asked = probe()
    asked.wait_answered_by(backup, 5)
    pair[backup].kill()
    with asked.event("restart"):
        pair[backup].start()
        time.sleep(0.5)
        asked.wait_answered_by(backup, 5)
    assert pair[backup].role == "primary"
    assert "lock refused" not in pair[backup].log(), "it waited for its own lock to end"


@HEAD_START
def test_an_ill_holder_leaves_the_lock(lab, etcd, pair, probe):
    """Cut from each other, and the holder's server dies: the other host is well, and gets its chance."""
    holder, asked, gates = pair.primary, probe(), Gates(lab, pair)
    asked.wait_answered_by(holder)
    lab.partition()
    wait_until(lambda: state(pair[holder]) == "holding", 10, "the holder to hold the lock")
    lab.crash(holder)
    asked.wait_answered_by(other(holder), 5)
    never_two(gates)


def test_another_lease_is_another_setting(lab, servers, etcd):
    """A claim waits for the longer lease to end; hosts that do not agree on it do not arm."""
    settings = etcd.settings()
    settings["b"]["peer"] = {"lease": "2s"}
    pair = Pair(lab, of=settings).start(settle=False)
    pair.a.wait_role("primary", 5)
    wait_until(lambda: alarm(pair.b, "stuck sip"), 3, "b to say why it is not armed")
    assert "other VIPs or settings" in alarm(pair.b, "stuck sip") and pair.b.gate == "shut"


def test_whatever_happens(lab, etcd, pair, probe):
    """Half a minute of cuts, stops and deaths at random: never two, and in the end one."""
    dice, gates = random.Random(pair.a.pids()[0]), Gates(lab, pair)
    seed = pair.a.pids()[0]
    stopped = set()
    faults = {
        "partition": lab.partition, "heal": lab.heal, "cut a>b": lambda: lab.cut("a", "b"),
        "cut b>a": lambda: lab.cut("b", "a"), "etcd a": lambda: etcd.cut("a"), "etcd b": lambda: etcd.cut("b"),
        "etcd heals": etcd.heal, "etcd stops": etcd.pause, "etcd goes on": etcd.resume,
        "stop a": lambda: stopped.add("a") or pair.a.pause(), "stop b": lambda: stopped.add("b") or pair.b.pause(),
        "go on": lambda: [pair[h].resume() for h in stopped] and stopped.clear(),
        "etcd dies": lambda: (etcd.resume(), etcd.kill(), etcd.start()),
    }
    story, end = [], time.monotonic() + 30
    while time.monotonic() < end:
        name = dice.choice(list(faults))
        story.append(name)
        try:
            faults[name]()
        except LabError as e:
            story.append(str(e))
        time.sleep(dice.choice([0.01, 0.03, 0.1, 0.3, 1, 2.5]))
    for calm in ("heal", "etcd heals", "etcd goes on", "go on"):
        faults[calm]()
    settled_without_locks(lab, etcd, pair)
    asked = probe()
    asked.wait_answered_by(pair.primary)
    never_two(gates, f"with seed {seed}, after {story}")


# ---- router ----------------------------------------------------------------------------------------------

def with_router(lab, kind="router", **settings):
    lab.c.ip(f"addr add {ROUTER}/24 dev eth0")
    return Pair(lab, {"arbiter": {"type": kind}, "group sip": {"router": ROUTER, **settings}}).start()


def test_router_a_host_dies(lab, servers, probe):
    """The router was asked at the first miss: its answer costs no time (`make bench` says how much)."""
    pair, silences = with_router(lab), []
    for _ in range(3):
        holder, asked = pair.primary, probe()
        asked.wait_answered_by(holder)
        with asked.event("death"):
            lab.death(holder)
        asked.wait_answered_by(other(holder), 3)
        silences.append(asked.stop()["marks"]["death"]["silence_ms"])
        lab.revive(holder)
        pair.settle()
    print(f"router, host death: silence {[round(s) for s in silences]} ms, median {statistics.median(silences):.0f} ms")
    assert state(pair.a) == state(pair.b) == "reachable"


def deafen(lab, host):
    """It hears nobody from one moment on; what it sends is heard."""
    lab.cut(None, host)


def test_router_a_deaf_host_takes_nothing(lab, servers, probe):
    pair = with_router(lab)
    holder, asked = pair.primary, probe()
    asked.wait_answered_by(holder)
    with pair.nothing_moves():
        deafen(lab, other(holder))
        wait_until(lambda: alarm(pair[other(holder)], "stuck sip"), 4, "the deaf host to say why it does nothing")
        assert "may be deaf" in alarm(pair[other(holder)], "stuck sip")
        pair[other(holder)].cli("switchover", "--force", "--timeout", "1", check=False)
        lab.heal()
        pair.settle()
        wait_until(lambda: not alarm(pair[other(holder)], "stuck sip"), 2, "the alarm to clear")
    assert asked.stop()["lost"] == 0


def test_without_a_router_the_hole_is_there(lab, servers, probe):
    """As the README says: what the ear test is for."""
    pair = with_router(lab, "none")
    holder = pair.primary
    deafen(lab, other(holder))
    wait_until(lambda: pair[holder].gate != "open", 2, "the deaf host to turn the healthy one away")


def test_router_and_peer_are_dead(lab, servers, probe):
    pair = with_router(lab)
    holder = pair.primary
    backup = other(holder)
    lab.c.ip(f"addr del {ROUTER}/24 dev eth0")
    wait_until(lambda: state(pair[backup]) == "unreachable", 8, "the router to be missed")
    assert alarm(pair[backup], "arbiter-unreachable")
    rows = [row for row in pair[backup].json("doctor")["checks"] if row["check"] == "arbiter"]
    assert rows[0]["level"] == "warn" and ROUTER in rows[0]["text"] and "no takeover" in rows[0]["fix"], rows
    with pair.nothing_moves():
        lab.death(holder)
        wait_until(lambda: alarm(pair[backup], "stuck sip"), 4, "the backup to say why it does not take over")
        assert "no router answers" in alarm(pair[backup], "stuck sip")
    lab.c.ip(f"addr add {ROUTER}/24 dev eth0")
    pair[backup].wait_role("primary", 3)
