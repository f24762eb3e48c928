# SPDX-License-Identifier: GPL-2.0-or-later
"""baton, the command line: against a daemon made of cardboard that misbehaves in every way, and
against a real pair, whose documents are held against tests/schema."""

import contextlib
import json
import os
import pathlib
import select
import signal
import socket
import subprocess
import threading
import time

import jsonschema
import pytest

ROOT = pathlib.Path(__file__).resolve().parents[2]
BATON = ROOT / "build" / "baton"
SCHEMAS = ROOT / "tests" / "schema"


def baton(*args, timeout=60, **kwargs):
    return subprocess.run([BATON, *map(str, args)], capture_output=True, text=True, timeout=timeout, check=False,
                          **kwargs)


def check(document, schema):
    """Holds a document against tests/schema/SCHEMA.json."""
    jsonschema.validate(document, json.loads((SCHEMAS / f"{schema}.json").read_text()))
    return document


# ---- a daemon made of cardboard ------------------------------------------------------------------

class Cardboard:
    """Listens in a run-dir; gives every client its bytes, one after the other, then hangs up, or not."""

    def __init__(self, run_dir, *chunks, hang_up=True, pause=0.0):
        self.requests, self.run_dir = [], run_dir
        self._sent, self._hang_up, self._pause = chunks, hang_up, pause
        self._listener = socket.socket(socket.AF_UNIX)
        self._listener.bind(str(run_dir / "control.sock"))
        self._listener.listen(4)
        self._clients = []
        threading.Thread(target=self._serve, daemon=True).start()

    def _serve(self):
        with contextlib.suppress(OSError):
            while True:
                client, _ = self._listener.accept()
                self._clients.append(client)
                self.requests.append(client.makefile().readline())
                self._answer(client)

    def _answer(self, client):
        for chunk in self._sent:
            client.sendall(chunk if isinstance(chunk, bytes) else json.dumps(chunk).encode() + b"\n")
            time.sleep(self._pause)
        if self._hang_up:
            client.shutdown(socket.SHUT_RDWR)

    def close(self):
        for end in [self._listener, *self._clients]:
            end.close()

    def ask(self, *args, **kwargs):
        return baton("--run-dir", self.run_dir, *args, **kwargs)


@pytest.fixture
def cardboard(tmp_path):
    made = []

    def make(*chunks, **kwargs):
        made.append(Cardboard(tmp_path, *chunks, **kwargs))
        return made[-1]
    yield make
    for one in made:
        one.close()


def test_help_and_version():
    told = baton("--help")
    assert told.returncode == 0
    for verb in ["status", "watch", "switchover", "fence", "unfence", "drain", "undrain", "port", "calls", "ready", "events", "explain", "neighbours", "counters", "options", "alarms", "doctor",
                 "reload", "pools", "trace"]:
        assert f"\n  {verb} " in told.stdout, verb
    assert baton("--version").stdout.startswith("baton ")


@pytest.mark.parametrize("args, text", [
    (["statsu"], "unknown verb 'statsu', did you mean 'status'?"),
    (["swithcover"], "did you mean 'switchover'?"),
    (["xyzzy"], "unknown verb 'xyzzy'; see"),
    (["x" * 5000], "unknown verb"),
    ([], "which verb?"),
    (["--forse", "status"], "unknown option '--forse'"),
    (["--run-dir"], "a value is missing after '--run-dir'"),
    (["status", "--force"], "status does not take '--force'"),
    (["status", "sip"], "status does not take 'sip'"),
    (["watch", "-f"], "watch does not take '-f'"),
    (["switchover", "a", "b"], "switchover does not take 'b'"),
    (["switchover", "--timeout", "soon"], "not 'soon'"),
    (["switchover", "--timeout", "-1"], "not '-1'"),
    (["switchover", "--timeout", "nan"], "not 'nan'"),
    (["fence"], "a group's name is missing after 'fence'"),
    (["unfence"], "a group's name is missing after 'unfence'"),
    (["unfence", "sip", "--force"], "unfence does not take '--force'"),
    (["fence", "sip", "--timeout", "3"], "fence does not take '--timeout'"),
    (["fence", "a", "b"], "fence does not take 'b'"),
    (["explain", "x"], "explain takes a term, a number from 1 to 4294967295, not 'x'"),
    (["explain", "0"], "not '0'"),
    (["explain", "-1"], "-1"),
    (["explain", "4294967296"], "not '4294967296'"),
    (["explain", "7x"], "not '7x'"),
    (["explain", "7", "8"], "explain does not take '8'"),
    (["explain", "--force"], "explain does not take '--force'"),
    (["neighbours", "sip"], "neighbours does not take 'sip'"),
    (["ready", "reload"], "ready does not take 'reload'"),
    (["ready", "upgrade", "b"], "ready does not take 'b'"),
    (["ready", "--force"], "ready does not take '--force'"),
    (["alarms", "show"], "alarms does not take 'show'"),
    (["alarms", "clear"], "id is missing"),
    (["port"], "enable, disable or drain is missing after 'port'"),
    (["port", "open", "5060"], "port does not take 'open'"),
    (["port", "drain"], "a port, or all, is missing after port 'drain'"),
    (["port", "drain", "70000"], "not '70000'"),
    (["port", "drain", "0"], "not '0'"),
    (["port", "drain", "5060x"], "not '5060x'"),
    (["port", "drain", "5060", "sip", "x"], "port does not take 'x'"),
    (["port", "drain", "5060", "--force"], "port does not take '--force'"),
    (["drain", "--every", "3"], "drain does not take '--every'"),
    (["trace", "--reject"], "trace does not take '--reject'"),
])
def test_usage(args, text, tmp_path):
    done = baton("--run-dir", tmp_path, *args) if args != ["--run-dir"] else baton(*args)
    assert (done.returncode, done.stdout) == (2, "")
    assert text in done.stderr


def test_no_daemon(tmp_path):
    done = baton("--run-dir", tmp_path, "-j", "status")
    assert (done.returncode, done.stdout) == (3, "")
    assert f"no batond at {tmp_path}/control.sock" in done.stderr and "--run-dir" in done.stderr
    assert baton("--run-dir", tmp_path / ("x" * 200), "status").returncode == 3


def test_socket_of_a_dead_daemon(tmp_path):
    with socket.socket(socket.AF_UNIX) as dead:
        dead.bind(str(tmp_path / "control.sock"))
    assert baton("--run-dir", tmp_path, "status").returncode == 3


def test_socket_may_not_be_opened(tmp_path):
    tmp_path.chmod(0o700)
    done = baton("--run-dir", tmp_path, "status", user="nobody")
    assert done.returncode == 1
    assert "only root and members of group baton" in done.stderr


@pytest.mark.parametrize("args, request_", [
    (["status"], {"verb": "status"}),
    (["switchover"], {"verb": "switchover"}),
    (["switchover", "sip", "--force", "--timeout", "2.5"],
     {"verb": "switchover", "group": "sip", "force": True, "timeout_s": 2.5}),
    (["events", "-f"], {"verb": "events", "follow": True}),
    (["alarms", "clear", "00-52029", "sip"], {"verb": "alarms", "clear": "00-52029 sip"}),
    (["fence", "sip", "--force"], {"verb": "fence", "group": "sip", "force": True}),
    (["unfence", "sip"], {"verb": "unfence", "group": "sip"}),
    (["explain"], {"verb": "explain"}),
    (["explain", "7"], {"verb": "explain", "term": 7}),
    (["ready"], {"verb": "ready"}),
    (["ready", "upgrade"], {"verb": "ready", "what": "upgrade"}),
    (["drain", "sip", "--reject"], {"verb": "drain", "group": "sip", "reject": True}),
    (["drain", "--timeout", "3"], {"verb": "drain", "timeout_s": 3.0}),
    (["undrain", "sip"], {"verb": "undrain", "group": "sip"}),
    (["port", "drain", "5060"], {"verb": "port", "do": "drain", "port": 5060}),
    (["port", "enable", "all", "sip"], {"verb": "port", "do": "enable", "port": "all", "group": "sip"}),
    (["calls"], {"verb": "calls"}),
])
def test_request(args, request_, cardboard):
    daemon = cardboard({"exit": 1, "error": "no"})
    daemon.ask(*args)
    assert [json.loads(r) for r in daemon.requests] == [request_]


@pytest.mark.parametrize("code", [0, 1, 2, 4])
def test_exit_code_and_reason(code, cardboard):
    done = cardboard({"exit": code, "error": "the reason"}).ask("-j", "switchover")
    assert (done.returncode, done.stdout, done.stderr) == (code, "", "baton: the reason\n")


def test_document_beside_a_reason(cardboard):
    answer = {"exit": 1, "error": "1 check is bad", "doc": {"schema": 1, "bad": 1, "checks": []}}
    done = cardboard(answer).ask("-j", "doctor")
    assert done.returncode == 1 and json.loads(done.stdout) == answer["doc"] and "1 check" in done.stderr


@pytest.mark.parametrize("chunks", [[b""], [b'{"exit":0,"doc":{"schema'], [b'{"exit":0}'], [b"{", b'"exit":0']])
def test_daemon_dies_midway(chunks, cardboard):
    done = cardboard(*chunks, pause=0.05).ask("status")
    assert (done.returncode, done.stdout) == (3, "")
    assert "went away" in done.stderr


@pytest.mark.parametrize("line", [b"\n", b"hello\n", b"[]\n", b"\0\0\n", b"\xff\xfe\n"])
def test_daemon_talks_rubbish(line, cardboard):
    done = cardboard(line).ask("status")
    assert (done.returncode, done.stdout) == (3, "")
    assert "cannot be read" in done.stderr


def test_answer_in_single_bytes(cardboard):
    line = b'{"exit":0,"doc":{"schema":1,"text":"moved"}}\n'
    done = cardboard(*[line[i:i + 1] for i in range(len(line))], pause=0.002).ask("switchover")
    assert (done.returncode, done.stdout) == (0, "moved\n")


def test_daemon_does_not_answer(cardboard):
    done = cardboard(hang_up=False).ask("status")
    assert done.returncode == 3 and "does not answer" in done.stderr


def test_switchover_without_an_end(cardboard):
    done = cardboard(hang_up=False).ask("switchover", "--timeout", "0.1")
    assert done.returncode == 4 and "does not answer" in done.stderr


def test_stream_ends_with_the_daemon(cardboard):
    line = {"seq": 1, "boot_ms": 1, "time": "t", "level": "info", "text": "role change"}
    done = cardboard({"exit": 0, "doc": line}, {"exit": 0, "doc": line}).ask("events", "-f")
    assert done.returncode == 3
    assert done.stdout.splitlines() == ["t info  role change"] * 2


def test_reader_goes_away(cardboard):
    daemon = cardboard(*[{"exit": 0, "doc": {"schema": 1, "text": "x" * 1000}}] * 2000)
    with subprocess.Popen([BATON, "--run-dir", daemon.run_dir, "events", "-f"], stdout=subprocess.PIPE,
                          stderr=subprocess.PIPE, text=True) as reader:
        reader.stdout.readline()
        reader.stdout.close()
        assert reader.wait(60) in (-signal.SIGPIPE, 1)


def test_output_cannot_be_written(cardboard):
    with open("/dev/full", "w", encoding="utf-8") as full:
        done = subprocess.run([BATON, "--run-dir", cardboard({"exit": 0, "doc": {"schema": 1}}).run_dir, "-j", "status"],
                              stdout=full, stderr=subprocess.PIPE, text=True, timeout=60, check=False)
    assert done.returncode == 1 and "cannot write" in done.stderr


def test_terminal_is_not_commanded(cardboard):
    line = {"seq": 1, "boot_ms": 1, "time": "t", "level": "info", "text": "a\x1b]0;b\x07\nc"}
    done = cardboard({"exit": 0, "doc": {"schema": 1, "events": [line]}}).ask("events")
    assert done.stdout == "t info  a?]0;b??c\n"


# ---- status as people read it --------------------------------------------------------------------

def status(gate="open", lease=238, peer_gate="armed", peer="up", alarms=0, vips=1):
    group = {"name": "sip", "mode": "takeover", "role": "primary", "reason": "peer-lost", "service": "running",
             "service_reason": "", "gate": gate, "term": 7, "owner": "a", "lease_left_ms": lease, "fenced": False,
             "listener": "auto", "peer": {"role": "backup", "term": 7, "gate": peer_gate},
             "interfaces": [{"name": "eth0", "xdp": "native"}],
             "vips": [{"address": f"10.77.{i // 250}.{i % 250}/16", "present": i != 20} for i in range(vips)],
             "ports": [{"from": 5060, "to": 5080, "transport": "udp", "state": "stopped", "wanted": "draining"}],
             "ready": {"switchover": False, "upgrade": False, "reason": "peer fenced"}}
    return check({"schema": 1, "node": "a", "version": "0.1.0", "pid": 711, "uptime_s": 90061,
                  "peer": {"name": "b", "state": peer, "rtt_us": 31,
                           "paths": [{"interface": "eth0", "address": "10.77.0.2", "state": "up"}]},
                  "arbiter": {"type": "none", "state": "none"}, "realtime": True, "groups": [group],
                  "alarms": alarms}, "status")


@pytest.mark.parametrize("doc, first", [
    (status(), "sip: held here (a). Peer b is up. No alarms."),
    (status(lease=0), "sip: HELD BY NOBODY that a knows of. Peer b is up. No alarms."),
    (status(gate="armed", peer_gate="open"), "sip: held by the peer (b). Peer b is up. No alarms."),
    (status(gate="shut", peer="down", alarms=2),
     "sip: HELD BY NOBODY that a knows of. Peer b is down. 2 alarms: see `baton alarms`."),
    (status(gate="shut", peer="down", peer_gate="open", alarms=2),
     "sip: HELD BY NOBODY that a hears of; by the peer (b) when last heard. Peer b is down. 2 alarms: see `baton alarms`."),
])
def test_status_says_the_most_important_first(doc, first, cardboard):
    text = cardboard({"exit": 0, "doc": doc}).ask("status").stdout
    assert text.splitlines()[0] == first
    assert "\033" not in text and "no: peer fenced" in text and "up 1 d 01:01:01" in text


@pytest.mark.parametrize("peer, old", [("down", True), ("up", False), ("stalled", False)])
def test_status_does_not_pass_old_news_of_the_peer_for_new(peer, old, cardboard):
    text = cardboard({"exit": 0, "doc": status(peer=peer, peer_gate="open")}).ask("status").stdout
    assert ("last heard: backup, open" in text) == old, text


def explained(cause, to, reason="", **peer):
    said = {"state": "up", "said_us_ago": 12, "gate": "relay", "term": 8, "lease_left_us": 231000, "service": "running",
            "fenced": False, "stopping": False, "last_response_ms": 2}
    change = {"group": "sip", "term": 8, "owner": "b", "cause": cause, "from": "primary" if to == "backup" else "backup", "to": to,
              "time": "2026-01-31T03:00:00.123Z", "boot_ms": 81234,
              "then": {"service": "unavailable" if reason else "running", "service_reason": reason, "peer": {**said, **peer}, "paths": []},
              "steps": [], "outage": {"measured": False, "outage_us": None}}
    return {"schema": 1, "node": "a", "changes": [change]}


@pytest.mark.parametrize("doc, first", [
    (explained("service-unavailable", "backup", "core-dump: pid 7"), "left a because the SIP server has crashed and writes its core."),
    (explained("service-unavailable", "backup", "management-nic-failed: no address"), "left a because the NIC of the management path has failed."),
    (explained("service-unavailable", "backup", "word-of-tomorrow"), "left a because the SIP server here was unavailable."),
    (explained("drain", "primary"), "came to a because an operator drained its holder."),
    (explained("peer-let-go", "primary"), "came to a because the peer let go: `baton explain 8` there says why."),
    (explained("peer-let-go", "primary", service="unavailable"),
     "came to a because the peer was unavailable and let go: `baton explain 8` there says why."),
    (explained("peer-let-go", "primary", stopping=True),
     "came to a because the peer was being stopped and let go: `baton explain 8` there says why."),
])
def test_explain_names_the_cause_or_where_it_is_known(doc, first, cardboard):
    text = cardboard({"exit": 0, "doc": doc}).ask("explain").stdout
    assert text.splitlines()[0] == f"sip: the role {first}", text


def test_explain_tells_of_each_group_its_newest_change(cardboard):
    doc = explained("peer-lost", "primary")
    newest = doc["changes"][0]
    doc["changes"] = [newest, {**newest, "group": "other"}, {**newest, "term": 7}]
    daemon = cardboard({"exit": 0, "doc": doc})
    text = daemon.ask("explain").stdout
    assert [line.split(":")[0] for line in text.splitlines() if ": the role " in line] == ["sip", "other"] and "Term 7" not in text, text


def single(one="active/running", two="standby/running", **more):
    """Two servers on one host: {name: role/service}."""
    doc = status(lease=2591999999)
    doc["peer"] = {"name": "", "state": "none", "rtt_us": 0, "paths": []}
    servers = [{"name": name, "role": told.split("/")[0], "service": told.split("/")[1], "port": 5061, "sockets": 1, "answers": "unknown",
                "reason": "" if told.endswith("/running") else f"{name}: it has ended", "pid": 7 if told.endswith("/running") else 0}
               for name, told in (("one", one), ("two", two))]
    doc["groups"][0].update(mode="single-host", servers=servers, ports=[], peer={"role": "unknown", "term": 0, "gate": "unknown"}, **more)
    return check(doc, "status")


@pytest.mark.parametrize("doc, first", [
    (single(), "sip: served here (a) by one. No alarms."),
    (single("standby/unavailable", "active/running"), "sip: served here (a) by two. No alarms."),
    (single("active/unavailable", "standby/unavailable"), "sip: SERVED BY NOBODY on a. No alarms."),
    (single("none/unavailable", "none/running"), "sip: SERVED BY NOBODY on a. No alarms."),
])
def test_status_of_two_servers_on_one_host(doc, first, cardboard):
    daemon = cardboard({"exit": 0, "doc": doc})
    text = daemon.ask("status").stdout
    assert text.splitlines()[0] == first
    assert not any(word in text for word in ("2591999999", "unknown, unknown", "round trip", "one: it has ended")), \
        f"what only a pair has, or a server's name twice: {text}"
    assert "\n\n\n" not in text, text
    assert ("unavailable: it has ended" in text) == ("unavailable" in json.dumps(doc)), text
    watched = daemon.ask("watch").stdout
    assert f" one={doc['groups'][0]['servers'][0]['role']}/" in watched, watched


@pytest.mark.parametrize("cause, why", [("process-gone", "the SIP server's process has ended"), ("switchover", "an operator asked for it"),
                                        ("drain", "an operator drained the other"),
                                        ("word-of-tomorrow", "word-of-tomorrow")])
def test_explain_of_two_servers_on_one_host(cause, why, cardboard):
    doc = explained(cause, "primary", state="none")
    change = doc["changes"][0]
    change.update({"from": "primary", "owner": "two"})
    change["steps"] = [{"step": "opened", "at_us": 0, "by": "listener", "text": "this host's gate opened"},
                       {"step": "held", "at_us": 9, "by": "controller", "text": "the addresses were on the interfaces"}]
    text = cardboard({"exit": 0, "doc": doc}).ask("explain").stdout
    assert text.splitlines()[0] == f"sip: server two on a got the traffic because {why}."
    assert "got the traffic, by the kernel" in text and "peer" not in text and "addresses" not in text, text


def test_status_counts_many_vips(cardboard):
    text = cardboard({"exit": 0, "doc": status(vips=1000)}).ask("status").stdout
    assert "and 984 more" in text and "983 yes, 1 no" in text and len(text.splitlines()) < 40


def test_watch_tells_changes_only(cardboard):
    lines = [{"exit": 0, "doc": d} for d in (status(), status(lease=200), status(peer="down"))]
    text = cardboard(*lines).ask("watch").stdout
    assert ["Peer b is up" in line for line in text.splitlines()] == [True, False]


# ---- a real pair ---------------------------------------------------------------------------------

def lines_of(batond, *verb, until, seconds=30):
    """What a stream prints, as documents, until those that came are enough; or so long at most."""
    argv = batond.node.argv(str(BATON), "--run-dir", batond.run_dir, "-j", *verb)
    with subprocess.Popen(argv, stdout=subprocess.PIPE) as stream:
        text, docs, end = b"", [], time.monotonic() + seconds
        while not until(docs) and time.monotonic() < end:
            if select.select([stream.stdout], [], [], 0.1)[0]:
                text += os.read(stream.stdout.fileno(), 1 << 20)
            docs = [json.loads(line) for line in text.splitlines(keepends=True) if line.endswith(b"\n")]
        stream.terminate()
    return docs


def test_documents(pair):
    for verb in ("status", "counters", "options", "alarms", "events", "explain", "neighbours", "devices"):
        for host in (pair.a, pair.b):
            check(host.json(verb), verb)
            assert host.cli(verb).stdout, f"baton {verb} on {host.host}"
    doctor(pair)


def doctor(pair):
    done = pair.a.cli("-j", "doctor", check=False)
    doc = check(json.loads(done.stdout), "doctor")
    assert done.returncode == (1 if doc["bad"] else 0)
    assert doc["bad"] == sum(c["level"] == "bad" for c in doc["checks"])
    assert doc["checks"]


def test_streams(pair):
    watched = lines_of(pair.a, "watch", until=lambda docs: len(docs) >= 3)
    assert len(watched) >= 3, f"{len(watched)} looks in half a minute"
    for doc in watched:
        check(doc, "status")
    followed = lines_of(pair.a, "events", "-f", until=lambda docs: any("role change" in doc["text"] for doc in docs))
    assert any("role change" in check(doc, "event")["text"] for doc in followed), followed


def test_refusals(pair):
    with pair.nothing_moves():
        done = pair.a.cli("switchover", "nogroup", check=False)
        assert done.returncode == 1 and "groups: sip" in done.stderr
        done = pair.a.cli("alarms", "clear", "no", "such", check=False)
        assert done.returncode == 1 and "no alarm 'no such'" in done.stderr


def test_switchover_from_either_host(pair):
    for ask in ("primary", "backup"):
        old = pair.primary
        doc = json.loads(pair[getattr(pair, ask)].cli("-j", "switchover").stdout)
        check(doc, "switchover")
        pair.settle()
        assert pair.primary != old, f"asked on the {ask}"


def test_reload(pair):
    with pair.nothing_moves():
        check(pair.a.json("reload"), "reload")
        pair.a.write(pair.a.text() + "\nnmae = x\n")
        done = pair.a.cli("reload", check=False)
        assert done.returncode == 1 and "nmae" in done.stderr
        pair.a.write(pair.a.text())
        check(pair.a.json("reload"), "reload")


def test_stopped_daemon(pair):
    pair.b.pause()
    try:
        done = pair.b.cli("status", check=False)
    finally:
        pair.b.resume()
    assert done.returncode == 3 and "does not answer" in done.stderr


def test_second_batond(pair):
    second = subprocess.run(pair.a.node.argv(str(ROOT / "build" / "batond"), "-c", pair.a.conf, "--run-dir", pair.a.run_dir),
                            capture_output=True, text=True, timeout=60, check=False)
    assert second.returncode == 1 and "another batond (pid " in second.stderr
    with pair.nothing_moves():
        check(pair.a.status(), "status")


def test_only_root_and_the_group(pair):
    for path in (pair.lab.dir, pair.a.node.dir, pair.a.run_dir):
        os.chmod(path, 0o755)
    sock = os.path.join(pair.a.run_dir, "control.sock")
    os.chmod(sock, 0o666)
    done = baton("--run-dir", pair.a.run_dir, "status", user="nobody")
    assert done.returncode == 1 and "not allowed" in done.stderr
