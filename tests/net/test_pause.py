# SPDX-License-Identifier: GPL-2.0-or-later
"""A controller that stands still, dies in the middle, or wakes up late: one host serves, and no other."""

import time

import pytest

from controller import Pair, other
from lab import BUILD, VIP, wait_until


def segments(probe):
    return probe.holders()


def one_serves(lab, pair):
    """The only host whose gate is open, whose role is primary and which has the address."""
    holder = pair.primary
    wait_until(lambda: [h for h in "ab" if lab.nodes[h].holds(VIP)] == [holder], 5, f"only {holder} to have the address")
    return holder


# For less than half a lease, of which a busy machine may take a good part; then for longer than a lease.
@pytest.mark.parametrize("settings, seconds", [({"peer": {"lease": "5s"}}, 0.3), ({}, 1), ({}, 5)])
def test_a_primary_that_stood_still(lab, settings, pair, probe, seconds):
    p = probe()
    p.wait_answered_by("a")
    was = pair.a.term
    pair.a.pause()
    time.sleep(seconds)
    pair.a.resume()
    holder = one_serves(lab, pair)
    result = p.stop()
    if settings:
        assert (holder, pair.a.term) == ("a", was), f"moved: {pair.role_changes()}"
    else:
        assert (holder, pair.b.term) == ("b", was + 1), f"one claim was due, and no more: {pair.role_changes()}"
        assert pair.b.group()["reason"] == "peer-stalled"
    assert segments(p) == ["a", "b"][:1 + (holder == "b")], f"answers alternated: {segments(p)}"
    assert result["lost"] < 300, result


def test_a_backup_that_stood_still(lab, pair, probe):
    p = probe()
    p.wait_answered_by("a")
    with pair.nothing_moves():
        pair.b.pause()
        time.sleep(3)
        pair.b.resume()
        assert one_serves(lab, pair) == "a"
    p.stop()
    assert segments(p) == ["a"]


def test_both_stood_still(lab, pair, probe):
    p = probe()
    p.wait_answered_by("a")
    for host in "ab":
        pair[host].pause()
    time.sleep(1)			# every lease has ended
    for host in "ab":
        pair[host].resume()
    holder = one_serves(lab, pair)
    p.wait_answered_by(holder)
    p.stop()
    assert segments(p) in (["a"], ["a", "b"])


def test_a_primary_that_stood_still_while_its_peer_was_dark(lab, pair, probe):
    """It wakes as one of two that hold, before it has heard of the other."""
    p = probe()
    p.wait_answered_by("a")
    pair.a.pause()
    lab.death("a")
    pair.b.wait_role("primary")
    p.wait_answered_by("b")
    lab.revive("a")
    wait_until(lambda: pair.b.group()["peer"]["gate"] != "open", 2, "the kernel of a to obey, its controller stopped")
    pair.a.resume()
    assert one_serves(lab, pair) == "b"
    p.stop()
    assert segments(p) == ["a", "b"]


@pytest.mark.parametrize("host", ["a", "b"])
def test_a_controller_killed_while_the_role_moves(lab, pair, host):
    """Whatever word kill -9 leaves, the other host serves, and the restarted one finds its place."""
    for delay in (0, 0.0005, 0.001, 0.002, 0.004):
        asked = pair[pair.primary].node.start("ask", f"{BUILD}/baton", "--run-dir",
                                              pair[pair.primary].run_dir, "switchover")
        time.sleep(0.003 + delay)
        pair[host].kill()
        pair[other(host)].wait_role("primary", 3)
        asked.wait()
        pair[host].start()
        one_serves(lab, pair)


@pytest.mark.parametrize("settings", [{"peer": {"lease": "2s"}}])
def test_a_restart_over_pins_with_a_new_disk(lab, pair):
    """The word outlives the disk: what it lets the kernel do must be on the new one, and is called by its name."""
    term = pair.b.term
    pair.b.kill()
    pair.b.forget_state()
    pair.b.start()
    pair.settle()
    wait_until(lambda: f"reserved {term + 1}\n" in reserved(pair.b), 2, f"term {term + 1} on disk: {reserved(pair.b)}")
    assert "from=init to=backup why=restart" in pair.b.role_changes()[-1], pair.b.role_changes()


@pytest.mark.parametrize("longer", ["a", "b"])
def test_leases_of_two_lengths(lab, servers, longer):
    """As while one host after the other is given a new one: a short lease is not a stalled controller."""
    pair = Pair(lab, of={longer: {"peer": {"lease": "2s"}}}).start()
    first = pair.a.term
    for holder, term in (("a", first), ("b", first + 1)):
        with pair.nothing_moves():
            time.sleep(1)
        assert (pair.settled(), pair[holder].term) == (holder, term), f"the role was claimed: {pair.role_changes()}"
        if holder == "a":
            pair.switchover()
            pair.settle()
    pair[holder].pause()
    pair[other(holder)].wait_role("primary", 4)
    assert pair[other(holder)].group()["reason"] == "peer-stalled"
    pair[holder].resume()
    one_serves(lab, pair)
    pair.stop()


def test_a_start_that_fails_takes_nothing_away(lab, pair):
    """What a killed controller left in order still serves; the next one may be misconfigured."""
    pair.b.kill()
    pair.b.configure({"group sip": {"interface": "eth9"}})
    assert pair.b.start(wait=False).process.wait() == 1
    assert "no interface eth9" in pair.b.log()
    assert lab.b.run("sysctl", "-n", "net.ipv4.ip_nonlocal_bind").stdout.strip() == "1", "settings were restored"
    assert "xdp" in lab.b.run("ip", "link", "show", "eth0").stdout
    pair.b.configure({"group sip": {"interface": "eth0"}})
    pair.b.start()
    one_serves(lab, pair)


def test_whoever_let_go_says_why(lab, pair):
    """Also when the peer has opened before this host looks again."""
    for _ in range(6):
        host = pair.primary
        pair[host].cli("switchover")
        pair.settle()
        told = [line for line in pair[host].role_changes() if " to=yielding " in line]
        assert "why=switchover" in told[-1], told


def reserved(batond):
    try:
        with open(f"{batond.state_dir}/term.sip") as f:
            return f.read()
    except FileNotFoundError:
        return ""


def test_a_partition_heals_with_one_change(lab, pair):
    """Two hold while they cannot hear each other; then the lower number yields, and only that one."""
    for _ in range(12):
        high, low = pair.backup, pair.primary
        lab.partition()
        pair[high].wait_role("primary")
        time.sleep(0.5)
        before = {h: len(pair[h].role_changes()) for h in "ab"}
        lab.heal()
        assert one_serves(lab, pair) == high
        moved = {h: pair[h].role_changes()[before[h]:] for h in "ab"}
        assert not moved[high], f"the holder of the higher number moved too: {moved}"
        assert [line.split(" to=")[1].split()[0] for line in moved[low]] in (["yielding", "backup"], ["backup"]), moved


@pytest.mark.parametrize("paths", [1, 2])
def test_one_way_heal_ends_two_holders(lab, pair, paths):
    """Only the one who hears knows of both: it steps down, also when another path has long been dead."""
    for path in reversed(range(paths)):
        lab.partition(path=path)
        time.sleep(0.3)
    pair.b.wait_role("primary")
    time.sleep(0.3)
    lab.uncut("a", "b", path=0)		# b hears a, a hears nothing: the higher number has to go
    wait_until(lambda: pair.b.gate != "open", 1, "b, who alone knows of both, to step down")
    assert pair.b.group()["reason"] == "not-heard"
    assert pair.a.gate == "open"
    lab.heal()
    one_serves(lab, pair)
