# SPDX-License-Identifier: GPL-2.0-or-later
"""The operator's scripts: what they are told, and that no role, lease or other script waits for one that hangs."""

import os

from controller import Pair
from lab import VIP, wait_until


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
    told_as = [f"sip yielding {n} switchover = sip yielding {n} switchover" for n in (term, term + 1)]	# the peer may have opened by then
    assert len(first) == 1 and first[0] in told_as, first
    until = pair.a.log().partition("script timed out")[0]
    assert "script ended" not in until and "from=yielding to=backup" in until, "a's role went on while its script hung"
    assert pair.a.log().count("script output") <= 64, "a flood in the log"
    os.kill(pair.b.pid(), 9)
    wait_until(lambda: any("peer-stalled" in line for line in lines(told)), 10, f"the other script to be told: {lines(told)}")
    stalled = [line for line in lines(told) if "peer-stalled" in line]
    assert stalled[0] == "raised peer-stalled = raised peer-stalled", lines(told)


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


# ---- control-vip-scripts ---------------------------------------------------------------------------

UP = 'echo "up $*" >> $out; exec ip addr add $2/32 dev $3'
DOWN = 'echo "down $*" >> $out; exec ip addr del $2/32 dev $3'


def scripted(lab, settings=None, up=UP, down=DOWN):
    """A pair, not started, whose VIPs are placed by these scripts; both write to vip.out."""
    pair = Pair(lab, settings)
    both(pair, "TServer", lambda b: {
        "control-vip-scripts": "true", "vip-state-change-timeout": "3",
        "sip-vip-script-up": script(b, "up", up.replace("$out", os.path.join(b.node.dir, "vip.out"))),
        "sip-vip-script-down": script(b, "down", down.replace("$out", os.path.join(b.node.dir, "vip.out")))})
    for batond in (pair.a, pair.b):
        open(os.path.join(batond.node.dir, "vip.out"), "w", encoding="ascii").close()
    return pair


def ran(batond):
    return lines(os.path.join(batond.node.dir, "vip"))


def alarms(batond):
    return {row["id"]: row["text"] for row in batond.json("alarms")["alarms"]}


def test_scripts_place_the_vip(lab, servers):
    """Up and down on a change of role, up again when somebody takes the address away, down when batond is stopped."""
    pair = scripted(lab).start()
    a, b = lab.nodes["a"], lab.nodes["b"]
    wait_until(a.holds, 10, "the up script to add the address")
    wait_until(lambda: ran(pair.a) == [f"up sip {VIP} eth0"], 5, f"it to be run once: {ran(pair.a)}")
    assert "baton" not in a.run("ip", "-o", "addr", "show", "dev", "eth0").stdout, "batond's own label: by netlink"
    assert ran(pair.b) == [], "nothing is to be changed on b"
    pair.make_primary("b")
    wait_until(lambda: b.holds() and not a.holds(), 20, "the address to move")
    assert ran(pair.a)[-1] == f"down sip {VIP} eth0" and ran(pair.b)[0] == f"up sip {VIP} eth0", (ran(pair.a), ran(pair.b))
    assert "VIP" not in str(alarms(pair.b)), alarms(pair.b)
    was = len(ran(pair.b))
    b.run("ip", "addr", "del", f"{VIP}/32", "dev", "eth0")
    wait_until(lambda: b.holds() and len(ran(pair.b)) > was, 20, f"the script to be run again: {ran(pair.b)}")
    pair.b.stop(timeout=30)
    assert not b.holds(), f"whoever stops leaves no address: {ran(pair.b)}"
    assert ran(pair.b)[-1] == f"down sip {VIP} eth0", ran(pair.b)
    pair.a.wait_role("primary", 10)
    wait_until(a.holds, 20, f"a to have it: {ran(pair.a)}")


def test_a_script_that_fails_lets_nobody_serve(lab, servers, probe):
    """a's down script fails three times: an alarm, the address stays, and is of no use. b's server well, a's gone: b asks
    for one more try (control-remote-vip-scripts), and by then the script works."""
    pair = scripted(lab, down='echo "down $*" >> $out; echo cannot; exit 7').start()
    wait_until(lab.nodes["a"].holds, 10, "the address on a")
    pair.make_primary("b")
    wait_until(lambda: "00-52029 sip" in alarms(pair.a), 30, f"an alarm on a, that has run {ran(pair.a)}")
    text = alarms(pair.a)["00-52029 sip"]
    assert "sip-vip-script-down failed" in text and f"{VIP} is still on eth0 after 3 runs" in text and "(exit 7)" in text, text
    assert ran(pair.a).count(f"down sip {VIP} eth0") == 3, ran(pair.a)
    assert 'what=vip-script group="sip"' in pair.a.log() and 'line="cannot"' in pair.a.log()
    assert lab.nodes["a"].holds()
    lab.c.run("ip", "neigh", "replace", VIP, "lladdr", lab.nodes["a"].mac(), "dev", "eth0", "nud", "permanent")
    asked = probe()		# every request goes to a
    asked.wait_answered_by("b")
    asked.stop()
    assert [line["answered_by"] for line in asked._lines() if "answered_by" in line] == ["b"], asked._lines()
    script(pair.a, "down", DOWN.replace("$out", os.path.join(pair.a.node.dir, "vip.out")))
    assert ran(pair.a).count(f"down sip {VIP} eth0") == 3, "it had failed: it is not started again by itself"
    lab.crash("a")
    wait_until(lambda: not lab.nodes["a"].holds(), 20, f"b to have it run once more: {ran(pair.a)}")
    assert "vip script asked group=sip by=b" in pair.a.log()
    wait_until(lambda: "00-52029 sip" not in alarms(pair.a), 5, f"the alarm to end: {alarms(pair.a)}")


def test_a_role_lost_to_a_script_names_the_script(lab, servers):
    """With sip-iptakeover-monitoring a VIP that its script cannot place costs the role: whoever asks why is told the script's
    name, also when nothing is wrong with the addresses any more, for the backup wants none."""
    pair = scripted(lab, {"TServer": {"sip-iptakeover-monitoring": "true"}})
    script(pair.a, "up", "exit 3")
    pair.start(settle=False)
    pair.b.wait_role("primary", 30)
    pair.a.wait_role("backup", 10)
    change = [c for c in pair.a.json("explain")["changes"] if c["from"] == "primary"][0]
    assert change["then"]["service_reason"].startswith("vip-failed: sip-vip-script-up failed: "), change
    assert "because the VIPs are not as the role wants them" in pair.a.cli("explain").stdout
    told = [line for line in pair.a.log().splitlines() if 'alarm raised id="00-52029 sip"' in line]
    text = alarms(pair.a).get("00-52029 sip", "sip-vip-script-up: cleared since")
    assert "sip-vip-script-up" in told[0] and "sip-vip-script-up" in text, (told, text)


def test_a_hanging_vip_script_stops_no_other_group(lab, servers):
    """Group two's script hangs: sip has its address, the role is taken and served, and what hangs is ended in time."""
    a = scripted(lab, {"group two": {"interface": "eth0", "sip-address": "10.77.0.101/24", "prefer": "a"}},
                 up='echo "up $*" >> $out; [ $1 = two ] && { trap "" TERM; while :; do sleep 1; done; }; '
                    'exec ip addr add $2/32 dev $3').a.start()
    for group in ("sip", "two"):
        a.wait_role("primary", 10, group)
    wait_until(lab.nodes["a"].holds, 10, "group sip to have its address")
    assert "00-52029 two" not in alarms(a) and not lab.nodes["a"].holds("10.77.0.101")
    wait_until(lambda: "00-52029 two" in alarms(a), 60, f"its failure to be told: {ran(a)}")
    assert "what=vip-script group=\"two\"" in a.log() and "timeout_s=3 signal=TERM" in a.log(), "vip-state-change-timeout is 3 s"
    assert "after 3 runs" in alarms(a)["00-52029 two"] and "(exit 137)" in alarms(a)["00-52029 two"], alarms(a)
    lab.nodes["a"].run("ip", "addr", "add", "10.77.0.101/32", "dev", "eth0")
    wait_until(lambda: "00-52029 two" not in alarms(a), 10, f"what is well by hand to be well: {alarms(a)}")


def test_scripts_that_are_asked_for_must_be_named(lab):
    pair = Pair(lab, {"TServer": {"control-vip-scripts": "true", "sip-vip-script-down": "/bin/true"}})
    line = 1 + pair.a.text().splitlines().index("control-vip-scripts = true")
    code, said = pair.a.check()
    assert code == 1 and said == f"{pair.a.conf}:{line}: control-vip-scripts: [group sip] has no 'sip-vip-script-up'\n", said
