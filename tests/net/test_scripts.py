# SPDX-License-Identifier: GPL-2.0-or-later
"""The operator's scripts: what they are told, and that no role, lease or other script waits for one that hangs."""

import os

from lab import wait_until


def script(batond, name, body):
    """An executable of root's; writes go to NAME.out beside it. Its path."""
    path = os.path.join(batond.node.dir, name)
    with open(path, "w", encoding="ascii") as f:
        f.write(f"#!/bin/sh\nout={path}.out\n{body}\n")
    os.chmod(path, 0o755)
    open(path + ".out", "w", encoding="ascii").close()
    return path


def lines(path):
    with open(path + ".out", encoding="ascii") as f:
        return f.read().splitlines()


def both(pair, section, make):
    """The same option for both hosts: make(batond) gives {key: value}."""
    for batond in (pair.a, pair.b):
        batond.configure({section: make(batond)})


def test_a_hanging_script_delays_no_role_and_no_other_script(pair):
    """notify hangs for good and floods the log; roles go back and forth meanwhile, and alarm-notify is still told."""
    both(pair, "group sip", lambda b: {
        "notify": script(b, "hangs", "echo $BATON_GROUP $BATON_ROLE $BATON_TERM $BATON_CAUSE = \"$@\" >> $out\n"
                                     "trap '' TERM; while :; do echo $(seq 100); done"),
        "alarm-notify": script(b, "told", "echo $BATON_STATE $BATON_ALARM = \"$1 $2\" >> $out")})
    for batond in (pair.a, pair.b):
        batond.cli("reload")
    hangs = {b.host: os.path.join(b.node.dir, "hangs") for b in (pair.a, pair.b)}
    told = os.path.join(pair.a.node.dir, "told")
    term = pair.a.term
    for holder in ("b", "a", "b"):
        pair.make_primary(holder)
    wait_until(lambda: lines(hangs["a"]), 5, "the first to be running")
    first = lines(hangs["a"])
    assert first == [f"sip yielding {term} switchover = sip yielding {term} switchover"], first
    until = pair.a.log().partition("script timed out")[0]
    assert "script ended" not in until and "from=yielding to=backup" in until, "a's role went on while its script hung"
    assert pair.a.log().count("script output") <= 64, "a flood in the log"
    os.kill(pair.b.pid(), 9)
    wait_until(lambda: any("peer-stalled" in line for line in lines(told)), 10, f"the other script to be told: {lines(told)}")
    assert lines(told)[0] == "raised peer-stalled = raised peer-stalled", lines(told)


def test_what_others_can_write_is_refused_with_its_line(pair):
    """At the check, at a reload, which leaves everything as it was, and again before it is run."""
    path = script(pair.a, "mine", "echo $2 >> $out")
    pair.a.configure({"group sip": {"notify": path}})
    assert pair.a.cli("reload").returncode == 0
    os.chmod(path, 0o777)
    line = 1 + pair.a.text().splitlines().index(f"notify = {path}")
    code, said = pair.a.check()
    assert code == 1 and said == f"{pair.a.conf}:{line}: notify: {path} is writable by others than root\n", said
    done = pair.a.cli("reload", check=False)
    assert done.returncode == 1 and f":{line}: notify: {path} is writable" in done.stderr, done.stderr
    pair.switchover()
    pair.settle()
    wait_until(lambda: "refused: is writable by others than root" in pair.a.log(), 5, "the runner to refuse it")
    os.chmod(path, 0o755)
    pair.switchover()
    wait_until(lambda: lines(path)[-1:] == ["primary"], 5, f"it to be run again: {lines(path)}")
    assert "yielding" not in lines(path), f"it was run while others could write it: {lines(path)}"
