# SPDX-License-Identifier: GPL-2.0-or-later
"""baton explain: why the role moved, what was known, and what happened when, on both hosts and over restarts."""

import os

import pytest

from lab import wait_until
from test_cli import check


@pytest.fixture(name="pair")
def a_leads(pair):
    """On a machine under load both may have claimed at the start, and the other one leads."""
    if pair.primary != "a":
        pair.switchover()
        pair.settle()
    return pair


def changes(batond, *term):
    return check(batond.json("explain", *map(str, term)), "explain")["changes"]


def steps(change):
    """{step: microseconds since the first}, in the order told."""
    return {s["step"]: s["at_us"] for s in change["steps"]}


def told_in_order(change):
    at = [s["at_us"] for s in change["steps"]]
    assert at == sorted(at) and at[0] == 0, f"steps out of order: {change['steps']}"


def test_a_switchover_is_told_by_both_hosts(pair):
    term = pair.a.term
    pair.switchover()
    wait_until(lambda: "released" in steps(changes(pair.a)[0]), 5, "a to have let the addresses go")
    old, new = changes(pair.a, term + 1)[0], changes(pair.b, term + 1)[0]
    for change in (old, new):
        told_in_order(change)
        assert (change["term"], change["owner"], change["group"]) == (term + 1, "b", "sip")
    assert (old["cause"], old["from"], old["to"]) == ("switchover", "primary", "backup")
    assert {"asked", "let-go", "peer-open", "released"} <= steps(old).keys(), steps(old)
    assert steps(old)["let-go"] <= steps(old)["peer-open"] <= steps(old)["released"]
    assert old["then"]["peer"]["gate"] == "armed" and old["then"]["peer"]["service"] == "running"
    assert (new["cause"], new["from"], new["to"]) == ("peer-let-go", "backup", "primary")
    assert {"opened", "announced", "held"} <= steps(new).keys(), steps(new)
    assert [s["by"] for s in new["steps"] if s["step"] == "opened"] in (["pulse"], ["mark"])
    assert new["then"]["peer"]["gate"] == "relay"


def test_the_death_of_the_primary(lab, pair):
    term = pair.b.term
    lab.death("a")
    pair.b.wait_role("primary")
    wait_until(lambda: "held" in steps(changes(pair.b)[0]), 5, "b to have the addresses")
    change = changes(pair.b)[0]
    told_in_order(change)
    assert (change["term"], change["cause"], change["from"], change["to"]) == (term + 1, "peer-lost", "backup", "primary")
    assert {"claimed", "opened", "announced", "held"} <= steps(change).keys(), steps(change)
    path = change["then"]["paths"][0]
    assert path["heard_us_ago"] >= path["detect_us"] > 0, f"claimed before the silence was long enough: {path}"
    assert change["then"]["peer"]["gate"] == "open" and change["then"]["peer"]["state"] == "down"
    text = pair.b.cli("explain").stdout
    assert text.startswith("sip: the role came to b because nothing was heard from the peer any more.\n"), text
    assert f"Term {term + 1} of b" in text and "last heard" in text and "this host's gate opened" in text, text


def test_a_fence_is_told_by_its_name(pair):
    pair.a.json("fence", "sip")
    change = changes(pair.a)[0]
    assert (change["cause"], change["to"]) == ("fence", "backup")
    assert "because an operator fenced this host" in pair.a.cli("explain").stdout


def test_terms(pair):
    pair.switchover()
    terms = [c["term"] for c in changes(pair.b)]	# before the switchover both may have claimed
    assert terms[0] == pair.b.term and terms == sorted(terms, reverse=True), terms
    done = pair.b.cli("explain", "77", check=False)
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == "baton: no role change of term 77 is on record here; terms that are: " + \
        f"{', '.join(str(t) for t in dict.fromkeys(terms))}\n"


def test_it_outlives_the_controller_and_the_kernels_maps(pair):
    term = pair.a.term + 1
    pair.switchover()
    wait_until(lambda: os.path.exists(os.path.join(pair.b.state_dir, "history")), 5, "the record on disk")
    wait_until(lambda: "held" in steps(changes(pair.b)[0]), 5, "b to have the addresses")
    pair.b.stop()
    pair.b.forget_pins()
    pair.b.start()
    kept = changes(pair.b, term)
    assert [(c["cause"], c["to"]) for c in kept[-1:]] == [("peer-let-go", "primary")], kept
    assert "held" in steps(kept[-1])
    newest = changes(pair.b)[0]
    assert newest["cause"] != "restart", "a start that finds things as they were is no change"


def test_a_damaged_file_is_put_aside(pair):
    pair.switchover()
    pair.b.stop()
    path = os.path.join(pair.b.state_dir, "history")
    with open(path, "r+b") as history:
        history.seek(-9, os.SEEK_END)
        byte = history.read(1)[0]
        history.seek(-9, os.SEEK_END)
        history.write(bytes([byte ^ 4]))
    pair.b.start()
    assert "history refused" in pair.b.log() and os.path.exists(path + ".bad"), pair.b.log()
    assert changes(pair.b) == []
    assert pair.b.cli("explain").stdout == "no role change is on record on b yet\n"
    pair.settle()


def outage(batond):
    return changes(batond)[0]["outage"]


def test_the_outage_is_measured(lab, pair, probe):
    p = probe()
    p.wait_answered_by("a")
    pair.switchover()
    wait_until(lambda: outage(pair.b)["measured"], 5, "b to know its first frame and a's last")
    told = outage(pair.b)
    assert told["outage_us"] < 1_000_000, f"a planned hand-over: {told}"
    assert told["unanswered"] is not None, told
    pair.settle()
    p.wait_answered_by("b")
    lab.death("b")
    pair.a.wait_role("primary")
    wait_until(lambda: outage(pair.a)["measured"], 5, "a to know its first frame and b's last")
    told, path = outage(pair.a), changes(pair.a)[0]["then"]["paths"][0]
    assert path["detect_us"] - 5_000 < told["outage_us"] < 3_000_000, f"a death is noticed after {path}: {told}"
    assert "Outage: " in pair.a.cli("explain").stdout


@pytest.mark.parametrize("settings", [{"peer": {"lease": "3s"}}])
def test_a_crash_that_the_kernel_saw(lab, settings, pair, probe):
    """The controller stands still: it reads afterwards what its kernel did, and when. A long lease: else, on a busy machine, the
    peer claims before the server is killed."""
    p = probe()
    p.wait_answered_by("a")
    pair.a.pause()
    lab.crash("a")
    p.wait_answered_by("b")
    pair.a.resume()
    wait_until(lambda: changes(pair.a)[0]["owner"] == "b", 5, f"a to see b open: {changes(pair.a)[0]}")
    change = changes(pair.a)[0]
    assert (change["cause"], change["from"]) == ("listener-lost", "primary"), change
    assert [s["by"] for s in change["steps"] if s["step"] == "let-go"] == ["listener"], change["steps"]
    assert "no socket took the frame" in pair.a.cli("explain").stdout
    wait_until(lambda: outage(pair.b)["measured"], 5, "b to know its first frame and a's last")
