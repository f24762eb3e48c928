# SPDX-License-Identifier: GPL-2.0-or-later
"""Does the lab do what its faults promise? Every other net test stands on this."""

import json
import os
import signal
import subprocess
import sys
import time

import pytest

import conftest
import lab as room
import traffic
from lab import BPFFS, BUILD, ROOT, VIP, VIP6, Lab, LabError, wait_until


def give_vip(host, *addresses):
    host.ip(*(f"addr add {a} dev eth0 {'nodad' if ':' in a else ''}" for a in addresses or (f"{VIP}/32",)))


def test_everyone_reaches_everyone_over_both_families(lab):
    for frm in (lab.a, lab.b, lab.c):
        for to in (lab.a, lab.b, lab.c):
            assert frm.reaches(to.ip4, 2), f"{frm.name} does not reach {to.name} over IPv4"
            assert frm.reaches(to.ip6, 2), f"{frm.name} does not reach {to.name} over IPv6"


def test_nothing_shows_in_the_namespace_it_was_made_from(lab):
    links = json.loads(subprocess.run(["ip", "-j", "link"], capture_output=True, text=True).stdout)
    ours = {"br0", "a0", "b0", "c0", "eth0"} & {link["ifname"] for link in links if "link_netnsid" in link}
    assert not ours, f"interfaces of the lab in the root namespace: {ours}"


def test_a_dead_host_keeps_its_own_carrier_and_comes_back(lab):
    assert lab.c.reaches(lab.a.ip4, 2)
    lab.death("a")
    assert lab.a.carrier(), "the dead host saw its carrier go"
    assert not lab.c.reaches(lab.a.ip4), "the dead host still answers"
    assert not lab.a.reaches(lab.b.ip4), "the dead host still reaches the other"
    assert lab.c.reaches(lab.b.ip4, 2), "the other host is gone too"
    lab.revive("a")
    wait_until(lambda: lab.c.reaches(lab.a.ip4, 1), 5, "the revived host to answer")


def test_a_link_down_takes_the_carrier(lab):
    lab.link_down("b")
    wait_until(lambda: not lab.b.carrier(), 1, "the carrier of b to go")
    lab.link_up("b")
    wait_until(lab.b.carrier, 1, "the carrier of b to return")


def test_a_cut_is_one_way(lab, servers, probe):
    give_vip(lab.a)
    asked = probe()
    asked.wait_answered_by("a")
    received = received_by(lab.a)
    lab.cut("a", "c")
    wait_until(lambda: received_by(lab.a) > received + 200, 5, "the open direction to carry requests")
    lab.heal()
    result = asked.stop()
    assert result["lost"] > 100, f"the cut direction lost {result['lost']} answers to 200 requests"


def received_by(node):
    return json.loads(node.run("ip", "-s", "-j", "link", "show", "dev", "eth0").stdout)[0]["stats64"]["rx"]["packets"]


def test_loss_is_about_as_much_as_asked(lab, servers, probe):
    give_vip(lab.a)
    asked = probe()
    asked.wait_answered_by("a")
    before = time.monotonic()
    lab.loss(20, frm="c", to="a")
    begun = time.monotonic()
    time.sleep(1)
    ended = time.monotonic()
    lab.heal()
    after = time.monotonic()
    seen = asked.stop()
    rate = seen["sent"] / seen["seconds"]
    least, most = rate * (ended - begun), rate * (after - before)
    assert 0.12 * least < seen["lost"] < 0.28 * most, f"20 % of {least:.0f} requests at least, {most:.0f} at most: {seen['lost']} lost"


@pytest.mark.parametrize("paths", [2])
def test_a_second_path_is_cut_alone(lab):
    assert lab.a.reaches("10.78.0.2", 2) and lab.a.reaches("10.77.0.2", 2)
    lab.partition(path=1)
    assert not lab.a.reaches("10.78.0.2"), "the cut path still carries"
    assert lab.a.reaches("10.77.0.2", 2), "the other path is cut too"


def test_loss_out_of_range_is_refused(lab):
    for percent in (0, -1, 101):
        with pytest.raises(LabError, match="must be above 0"):
            lab.loss(percent)


def test_crash_and_hang_silence_the_server(lab, servers, probe):
    give_vip(lab.a)
    asked = probe()
    asked.wait_answered_by("a")
    with asked.event("hang"):
        lab.hang("a")
        time.sleep(0.1)
    lab.unhang("a")
    time.sleep(0.05)
    with asked.event("crash"):
        lab.crash("a")
    assert not servers["a"].alive
    time.sleep(0.1)
    traffic.answerer(lab, "a")
    time.sleep(0.05)
    result = asked.stop()
    assert result["marks"]["hang"]["silence_ms"] > 90, result["marks"]["hang"]
    assert result["marks"]["hang"]["lost"] == 0, "a hung server answers later what waited in its queue"
    assert result["marks"]["crash"]["silence_ms"] > 90 and result["marks"]["crash"]["lost"] > 50, result["marks"]["crash"]


def test_threaded_napi_has_its_kernel_threads(lab):
    lab.threaded_napi("a")
    shown = lab.a.run("unshare", "-m", "sh", "-c", "mount -t sysfs lab /sys && cat /sys/class/net/eth0/threaded").stdout
    assert shown.strip() == "1"


def test_hogs_end_by_themselves(lab):
    begun = time.monotonic()
    hogs = lab.cpu_hogs(2, 0.6)
    wait_until(lambda: not any(hog.alive for hog in hogs), 5, "the hogs to end")
    assert time.monotonic() - begun > 0.5, "the hogs ended early"


# -- probe, answerer, SIPp ----------------------------------------------------------------------

def test_probe_sees_who_answers_and_what_is_lost(lab, servers, probe):
    give_vip(lab.a)
    asked = probe()
    asked.wait_answered_by("a")
    time.sleep(0.2)
    with asked.event("move"):
        lab.a.ip(f"addr del {VIP}/32 dev eth0")
        give_vip(lab.b)
        lab.c.ip("neigh flush dev eth0")
    asked.wait_answered_by("b")
    time.sleep(0.2)
    result = asked.stop()
    assert [s["tag"] for s in result["segments"]] == ["a", "b"], result["segments"]
    move = result["marks"]["move"]
    assert (move["before"], move["after"]) == ("a", "b"), move
    assert result["sent"] == result["answered"] + result["lost"], result
    assert result["answered_by_two"] == 0 and result["realtime"], result


def test_probe_counts_an_answer_given_twice(lab, servers, probe):
    give_vip(lab.a)
    lab.switch.run("nft", "-f", "-", stdin=(
        'table netdev twice {\n chain c { type filter hook ingress device "a0" priority 0;\n'
        '  ip protocol udp dup to "c0"\n }\n}\n'))
    asked = probe(seconds=1)
    with asked.event("all"):
        pass
    result = finished(asked)
    lab.switch.run("nft", "delete", "table", "netdev", "twice")
    assert result["answered_twice"] > 300, result
    assert 0 < result["marks"]["all"]["answered_twice"] <= result["answered_twice"], result


def finished(asked):
    asked.process.wait(5)
    return asked.stop()


def test_probe_and_answerer_speak_ipv6(lab, probe):
    give_vip(lab.b, f"{VIP6}/128")
    traffic.answerer(lab, "b", (VIP6,))
    result = finished(probe(VIP6, seconds=1))
    assert result["lost"] < 200 and result["segments"][0]["tag"] == "b", result


HOSTILE = [
    b"", b"\r\n\r\n", b"\0" * 100, b"OPTIONS", b"OPTIONS sip:x SIP/2.0", b"OPTIONS sip:x SIP/2.0\r\n\r\n",
    b"SIP/2.0 200 OK\r\nVia: a\r\nFrom: a\r\nTo: a\r\nCall-ID: 1\r\nCSeq: 1 OPTIONS\r\n\r\n",
    b"ACK sip:x SIP/2.0\r\nVia: a\r\nFrom: a\r\nTo: a\r\nCall-ID: 1\r\nCSeq: 1 ACK\r\n\r\n",
    b"OPTIONS sip:x SIP/2.0\r\n" + b"Via: " + b"x" * 3900 + b"\r\n\r\n", b"A" * 65000, b":" * 1000, b"\n" * 1000,
    b"OPTIONS sip:x SIP/2.0\r\n" + b"Via:a\r\n" * 550 + b"From:a\r\nTo:a\r\nCall-ID:1\r\n\r\n",
]
SEND = """
import socket, sys
out = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
out.settimeout(1)
for text in eval(sys.stdin.read()):
    out.sendto(text, ("127.0.0.1", 5060))
out.sendto(b"OPTIONS sip:x SIP/2.0\\nv : one\\nVia: two,\\n three\\nf:a\\nt:b;tag=1\\ni:c\\nCSeq: 1 OPTIONS\\n\\n",
           ("127.0.0.1", 5060))
sys.stdout.write(out.recv(9000).decode())
"""


def test_answerer_drops_what_is_hostile_and_copies_what_is_not(lab):
    server = traffic.answerer(lab, "a", ())
    text = lab.a.run(sys.executable, "-c", SEND, stdin=repr(HOSTILE)).stdout.replace("\r", "")
    assert server.alive, server.text()
    assert text.startswith("SIP/2.0 200 OK\nv : one\nVia: two,\n three\nf:a\nt:b;tag=1\ni:c\nCSeq"), text
    assert "\nServer: a\n" in text, text


def test_an_answerer_that_keeps_its_calls_knows_no_other_ones(lab):
    server = traffic.answerer(lab, "a", (), keeps=True)
    text = lab.a.run(sys.executable, "-c", SEND, stdin="[]").stdout
    assert text.startswith("SIP/2.0 481 ") and "t:b;tag=1\n" in text.replace("\r", ""), f"in a dialog of another: {text}"
    text = lab.a.run(sys.executable, "-c", SEND.replace("tag=1", "tag=1a"), stdin="[]").stdout
    assert text.startswith("SIP/2.0 200 OK"), f"in one of its own, as far as it can tell: {text} {server.text()}"


def test_sipp_calls_run_through_both_kinds_of_server(lab):
    give_vip(lab.a)
    for serve in (traffic.answerer, traffic.sipp_server):
        serve(lab, "a")
        stats = traffic.Calls(lab, rate=200, number=100, talk_ms=50).wait(20)
        assert stats["ok"] == 100 and stats["failed"] == 0, f"{serve.__name__}: {stats}"
        lab.crash("a")


def test_flood_reaches_its_rate_roughly(lab, servers):
    give_vip(lab.a)
    process = traffic.flood(lab, pps=20000, seconds=1)
    assert process.wait(5) == 0
    told = json.loads(process.text())
    assert told["pps"] > 5000, told


# -- cleaning up --------------------------------------------------------------------------------

def leftovers(id):
    found = [n for n in os.listdir("/run/netns") if n.startswith(f"{id}-")]
    found += [p for p in (f"{BPFFS}/{id}", f"{room.LABS}/{id}", f"/tmp/baton-lab-{id}") if os.path.exists(p)]
    return found


def make_elsewhere(then):
    """A lab in another program, which then does `then`; its id and the pid of a process in it."""
    program = subprocess.Popen(
        [sys.executable, "-c", "import os, sys, time; sys.path.insert(0, sys.argv[1])\nfrom lab import Lab\n"
         "lab = Lab().up(); hog = lab.a.start('sleeper', 'sleep', '60'); print(lab.id, hog.pid, flush=True)\n" + then,
         os.path.join(ROOT, "tools/lab")], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
    id, pid = program.stdout.readline().split()
    return program, id, int(pid)


@pytest.mark.parametrize("then", ["raise SystemExit(1)", "1 / 0", "os.kill(os.getpid(), 15); time.sleep(9)",
                                  "os.kill(os.getpid(), 2); time.sleep(9)"])
def test_a_lab_is_gone_however_its_program_ends(then):
    program, id, pid = make_elsewhere(then)
    program.wait(60)
    assert not leftovers(id), f"left behind: {leftovers(id)}"
    assert room.start_time(pid) is None, "a process of the lab still runs"


def test_what_a_killed_program_left_is_swept():
    program, id, pid = make_elsewhere("os.kill(os.getpid(), 9)")
    program.wait(60)
    wait_until(lambda: room.start_time(pid) is None, 2, "its process to die with it")
    room.sweep()		# or another test's lab already did
    assert not leftovers(id), f"left behind: {leftovers(id)}"


def test_a_lab_made_to_stay_is_not_swept_and_can_be_joined():
    made = Lab(f"blstay{os.getpid()}").up(detached=True)
    try:
        sleeper = made.a.start("server", "sleep", "60", detached=True)
        room.sweep()
        joined = Lab.attach(made.id)
        joined.crash("a")
        assert sleeper.wait(2) == -signal.SIGKILL
    finally:
        made.down()
    assert not leftovers(made.id)


def test_the_tools_are_built():
    for tool in ("probe", "answerer", "flood"):
        assert os.access(f"{BUILD}/tools/{tool}", os.X_OK), f"{tool} is missing: run make"


def test_a_machine_that_stood_still_is_known(request):
    """Else a failure of that moment would count; and one at any other time must."""
    stalls, since = request.config.stalls, time.monotonic_ns()
    stalls.process.send_signal(signal.SIGSTOP)
    time.sleep(0.1)
    stalls.process.send_signal(signal.SIGCONT)
    wait_until(lambda: stalls.worst_ms(since, time.monotonic_ns()) >= 50, 5, "a stall of 0.1 s to be told")
    assert stalls.worst_ms(time.monotonic_ns() + 10**9, time.monotonic_ns() + 2 * 10**9) == 0, "nothing can have been yet"
    assert stalls.worst_ms(since, since + 1) == 0, "a stall behind the failure explains nothing"


@pytest.mark.parametrize("told, proven_ms", [
    ("0 100000000 40000000 0", 0),					# one CPU was busy in the kernel: whoever's work that is
    ("0 100000000 40000000 10", 0),					# a quarter of it the hypervisor's doing
    ("0 100000000 40000000 20", 40),
    ("0 100000000 40000000 0\n1 110000000 40000000 0", 30),	# both at once
    ("0 100000000 40000000 0\n1 130000000 40000000 0", 0),		# for less than counts
    ("0 100000000 40000000 0\n0 110000000 40000000 0", 0),		# the same CPU twice
])
def test_a_stall_is_proven(told, proven_ms):
    """What the product keeps one CPU busy with must not excuse its failures."""
    assert conftest.proven_ns([conftest.Stall(line) for line in told.split("\n")], (0, 1), 15000000) == proven_ms * 1000000


FAILS = """
import conftest, json, os, time
TRIES = []
def test_it():
    TRIES.append(1)
    print("try", len(TRIES))
    assert len(TRIES) > 1, "the first fails"
"""


def pytest_run(path, test, *plugins):
    """A run of its own, with our conftest.py."""
    with open(f"{path}/test_inner.py", "w") as f:
        f.write(test)
    env = {**os.environ, "PYTHONPATH": os.path.dirname(__file__)}
    return subprocess.Popen([sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-p", "conftest", f"{path}/test_inner.py"],
                            env=env, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, cwd=path)


@pytest.mark.parametrize("stood_ms, code", [(0, 1), (40, 0)])
def test_what_failed_is_run_again_behind_a_stall_alone(tmp_path, stood_ms, code):
    """And the end of the run tells it."""
    run = pytest_run(tmp_path, FAILS + f"\nconftest.Stalls.worst_ms = lambda *_: {stood_ms}\n")
    text = run.communicate(timeout=60)[0]
    assert run.returncode == code, text
    assert ("run again: test_inner.py::test_it: before it failed the machine had stood still for 40 ms" in text) == (stood_ms > 0), text
    assert "the first fails" in text, "it is not told why it had failed"


ENDLESS = """
import time
def test_it(lab):
    with open("id", "w") as f:
        f.write(lab.id)
    time.sleep(600)

def test_next():
    open("next", "w").close()
"""


def test_a_run_that_is_asked_to_end_takes_its_lab_along(tmp_path):
    run = pytest_run(tmp_path, ENDLESS)
    made = wait_until(lambda: os.path.exists(tmp_path / "id") and (tmp_path / "id").read_text(), 20, "the lab of a run")
    run.terminate()
    text = run.communicate(timeout=60)[0]
    assert run.returncode == 143 and "SIGTERM" in text, (run.returncode, text)
    assert not os.path.exists(tmp_path / "next"), "the run went on to its next test"
    assert not leftovers(made), f"namespaces stay of {made}"
