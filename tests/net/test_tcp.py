# SPDX-License-Identifier: GPL-2.0-or-later
"""TCP clients of a VIP: their connections end with the role, and they learn it: at once by a reset when the role is handed
over, with their next segment when the old host has died."""

import json
import time

import pytest

from lab import VIP, wait_until

PORT = 5070

SERVER = """
import socket, sys, threading
family = socket.AF_INET
server = socket.create_server(("0.0.0.0", %d), family=family)
while True:
    one, _ = server.accept()
    one.sendall(sys.argv[1].encode())
    threading.Thread(target=one.recv, args=(1,), daemon=True).start()
    globals().setdefault("kept", []).append(one)
""" % PORT

# Says who served it, waits for more (sends "x" for each line on stdin), says how the connection ended, connects again.
CLIENT = """
import json, select, socket, sys, time
def say(**what): print(json.dumps({"at": time.monotonic(), **what}), flush=True)
def wait(c):
    while True:
        for ready in select.select([c, sys.stdin], [], [])[0]:
            if ready is sys.stdin:
                if not sys.stdin.readline(): sys.exit()
                c.send(b"x")
            elif not c.recv(100):
                return "end"
while True:
    try:
        c = socket.create_connection((sys.argv[1], int(sys.argv[2])), timeout=1)
        c.settimeout(5)
        say(served_by=c.recv(1).decode())
        say(ended=wait(c))
    except OSError as e:
        say(ended=e.__class__.__name__)
        time.sleep(0.02)
"""


@pytest.fixture(name="pair")
def a_leads(pair):
    if pair.primary != "a":
        pair.switchover()
        pair.settle()
    return pair


class Client:
    def __init__(self, lab):
        import subprocess
        for h in "ab":
            lab.nodes[h].start("tcp-server", "/usr/bin/python3", "-c", SERVER, h)
        self.process = lab.c.start("tcp-client", "/usr/bin/python3", "-c", CLIENT, VIP, str(PORT), stdin=subprocess.PIPE)

    def said(self):
        return [json.loads(line) for line in self.process.text().splitlines() if line.startswith("{")]

    def served_by(self):
        last = [s["served_by"] for s in self.said() if "served_by" in s]
        return last[-1] if last else ""

    def wait_served_by(self, host, timeout=10):
        wait_until(lambda: self.served_by() == host, timeout, f"the client to be served by {host}: {self.said()[-3:]}")

    def send(self):
        self.process.popen.stdin.write("\n")
        self.process.popen.stdin.flush()


@pytest.fixture(name="client")
def tcp_client(lab, pair):
    client = Client(lab)
    client.wait_served_by("a")
    yield client
    client.process.kill()


def test_an_idle_client_is_told_at_a_switchover(pair, client):
    time.sleep(0.3)
    begin = time.monotonic()
    pair.switchover()
    client.wait_served_by("b")
    ended = [s for s in client.said() if "ended" in s]
    again = [s for s in client.said() if s.get("served_by") == "b"][0]
    assert ended[0]["ended"] == "ConnectionResetError", ended
    assert again["at"] - begin < 10, f"served again {again['at'] - begin:.3f} s after the switchover was asked for"
    assert "tcp ended group=sip connections=1" in pair.a.log()
    assert pair.a.counter("vip-reset", "tc") == 1


def test_after_a_death_the_next_segment_is_reset(lab, pair, client):
    lab.death("a")
    pair.b.wait_role("primary")
    time.sleep(0.5)
    assert client.served_by() == "a" and "ended" not in client.said()[-1], "nobody could have told an idle client"
    begin = time.monotonic()
    client.send()
    client.wait_served_by("b")
    ended = [s for s in client.said() if "ended" in s][0]
    assert ended["ended"] == "ConnectionResetError" and ended["at"] - begin < 10, ended
