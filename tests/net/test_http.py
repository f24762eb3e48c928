# SPDX-License-Identifier: GPL-2.0-or-later
"""HTTP: the guide's readiness, metrics and the page of a real pair; and that nobody who abuses it moves a role."""

import contextlib
import ctypes
import http.client
import json
import pathlib
import re
import signal
import threading

import jsonschema
import pytest

from controller import Batond
from lab import LabError, wait_until

SCHEMA = pathlib.Path(__file__).resolve().parents[1] / "schema" / "server.json"
PORT = 8099
HTTP = {"node": {"http-port": str(PORT)}}
SAMPLE = re.compile(r'^baton_[a-z_]+(\{[a-z]+="[^"\n]*"(,[a-z]+="[^"\n]*")*\})? -?[0-9.e+-]+$')


def inside(node, work):
    """Runs work() in the node's network, in a thread: setns() is one thread's."""
    told = []

    def run():
        with open(f"/run/netns/{node.netns}", encoding="ascii") as ns:
            if ctypes.CDLL(None, use_errno=True).setns(ns.fileno(), 0x40000000):
                told.append(LabError("setns"))
                return
        try:
            told.append(work())
        except Exception as e:  # noqa: BLE001  shown by who asked
            told.append(e)
    thread = threading.Thread(target=run)
    thread.start()
    thread.join()
    if isinstance(told[0], Exception):
        raise told[0]
    return told[0]


def get(node, path, method="GET"):
    """Status and text."""
    def ask():
        link = http.client.HTTPConnection("127.0.0.1", PORT, timeout=20)
        link.request(method, path)
        answer = link.getresponse()
        text = answer.read().decode()
        link.close()
        return answer.status, text
    return inside(node, ask)


def server(node):
    status, text = get(node, "/server?sipServer")
    assert status == 200, (status, text)
    doc = json.loads(text)
    jsonschema.validate(doc, json.loads(SCHEMA.read_text()))
    return doc["sipServer"]


def answers(node):
    """Refused or ended: not now."""
    with contextlib.suppress(OSError, http.client.HTTPException):
        return get(node, "/server?sipServer")[0] == 200
    return False


def metric(node, name, **labels):
    """Of the one sample with these labels."""
    status, text = get(node, "/metrics")
    assert status == 200, (status, text)
    bad = [line for line in text.splitlines() if not line.startswith("# ") and not SAMPLE.match(line)]
    assert not bad, f"not Prometheus' format: {bad[:3]}"
    want = f"baton_{name}" + ("{" + ",".join(f'{k}="{v}"' for k, v in labels.items()) + "}" if labels else "")
    found = [line.split()[-1] for line in text.splitlines() if line.startswith(want + " ")]
    assert len(found) == 1, f"{want} is there {len(found)} times"
    return float(found[0])


CROWD = """
import os, random, socket, sys, time
ends, held = time.monotonic() + 6, []
while time.monotonic() < ends:
    try:
        s = socket.create_connection(("127.0.0.1", %d), 1)
        s.setblocking(False)
        s.send(os.urandom(300) if random.random() < 0.3 else b"GET /metrics HTTP/1.1\\r\\nHost: x\\r\\n" + b"x" * 20)
        held.append(s)
        for slow in held[-100:]:
            slow.send(b"x")
    except OSError:
        pass
    if len(held) > 400:
        held.pop(0).close()
print("done", flush=True)
""" % PORT


@pytest.mark.parametrize("settings", [HTTP])
def test_a_pair_over_http(lab, pair, settings):
    primary, backup = pair[pair.primary], pair[pair.backup]
    def why():
        return server(primary.node)["groups"][0]["switchoverReason"]
    wait_until(lambda: why().startswith("the pair is whole for "), 10, f"the copy that HTTP shows to be of a whole pair: {why()}")
    lead, stand = server(primary.node), server(backup.node)
    assert (lead["switchover"], lead["upgrade"], lead["groups"][0]["role"]) == (0, 0, "primary"), lead
    wait_until(lambda: server(backup.node)["switchover"] == 1, 10, f"the backup to be ready: {stand}")
    assert (server(backup.node)["upgrade"], stand["groups"][0]["service"]) == (1, "SERVICE_RUNNING"), stand
    assert metric(primary.node, "role", group="sip", role="primary") == 1
    assert metric(backup.node, "role", group="sip", role="primary") == 0
    assert metric(primary.node, "term", group="sip") == primary.term
    assert metric(primary.node, "peer_state", peer=backup.host, state="up") == 1
    status, page = get(primary.node, "/")
    assert status == 200 and "<td>primary</td>" in page and "10.77.0.100" in page, page[:500]
    assert get(primary.node, "/secret")[0] == 404 and get(primary.node, "/", "POST")[0] == 405
    primary.cli("switchover")
    wait_until(lambda: metric(backup.node, "role", group="sip", role="primary") == 1, 5, "the move to be seen over HTTP")
    pair.settle()
    with pair.nothing_moves():
        crowd = [pair.a.node.start(f"crowd{i}", "/usr/bin/python3", "-c", CROWD) for i in range(2)]
        answered = asked = 0
        while any(c.alive for c in crowd):
            asked += 1
            answered += answers(pair.a.node)	# in such a crowd one may be ended for the next
        assert answered, f"of {asked} questions beside the crowd none was answered"
    pair.a.signal(signal.SIGUSR1)	# a restart in place finds its port free again
    wait_until(lambda: pair.a.log().count("\nstarted node=a ") == 2, 20, f"the second start: {pair.a.log()[-1500:]}")
    wait_until(lambda: answers(pair.a.node), 10, "HTTP when the crowd has gone and batond has started again")


def test_a_port_that_somebody_has(lab, servers):
    taken = lab.a.start("taker", "/usr/bin/python3", "-m", "http.server", "--bind", "127.0.0.1", str(PORT))
    wait_until(lambda: lab.a.run("ss", "-Hntl", f"sport = :{PORT}").stdout.strip(), 5, "the port to be taken")
    batond = Batond(lab, "a", HTTP)
    batond.start(wait=False)
    assert batond.process.wait(10) == 1
    line = 1 + batond.text().splitlines().index(f"http-port = {PORT}")
    assert f"{batond.conf}:{line}: http-port: cannot listen on 127.0.0.1:{PORT}: Address already in use" in batond.log(), batond.log()
    batond.configure({"node": {"http-port": "0"}})
    batond.start()
    batond.configure(HTTP)
    batond.cli("reload")		# wants a restart: the port is no reason to refuse the rest
    taken.kill()
