# SPDX-License-Identifier: GPL-2.0-or-later
"""pool_calls: SIPp calls in progress through a pool while its active server drains, and while it dies: which server had which call?

A call is its server's that answered the INVITE. It is kept when that one answers the BYE, moved when the other does (a
server that keeps calls would know nothing of it), lost when nobody does.
"""

import os
import threading

from controller import Steerer
from lab import HOSTS, PORT, SERVICE, Lab, wait_until
from traffic import SIPP, answerer

GIVE_UP_MS = 20000		# a call whose request is not answered by then is lost
QUICK = {"pool sales": {"oos-check": "1", "oos-force": "1"}}


class Whose:
    """SIPp as the caller of so many calls, @per_s of them a second, each @talk_s long."""

    def __init__(self, lab, number, per_s, talk_s):
        self.log = os.path.join(lab.c.dir, "whose.log")
        self.process = lab.c.start(
            "whose", "sipp", f"{SERVICE}:{PORT}", "-sf", f"{SIPP}/whose.xml", "-i", lab.c.ip4, "-p", "5070", "-t", "u1",
            "-r", str(per_s), "-m", str(number), "-l", str(number), "-d", str(1000 * talk_s), "-recv_timeout", str(GIVE_UP_MS),
            "-nostdin", "-trace_logs", "-log_file", self.log)

    def _told(self, what):
        """Call-ID -> server."""
        try:
            with open(self.log) as f:
                lines = [line.split() for line in f]
        except FileNotFoundError:
            return {}
        return {line[1]: line[2] for line in lines if len(line) == 3 and line[0] == what}

    def begun(self):
        return self._told("begun")

    def wait_begun(self, n, server=None, timeout=30):
        def are():
            return sum(server in (None, one) for one in self.begun().values()) >= n
        wait_until(are, timeout, f"{n} calls to have begun{f' with {server}' if server else ''}; {len(self.begun())} have", every=0.05)

    def end(self, timeout=90):
        """{server: {"begun", "kept", "moved", "lost"}}, by the server that began them."""
        self.process.wait(timeout)
        begun, ended = self.begun(), self._told("ended")
        told = {h: {"begun": 0, "kept": 0, "moved": 0, "lost": 0} for h in HOSTS}
        for call, server in begun.items():
            one = told[server]
            one["begun"] += 1
            one["lost" if call not in ended else "kept" if ended[call] == server else "moved"] += 1
        return told


def steering_lab():
    return Lab(steering=1)


def start(lab, forward):
    """The node, and servers that answer everything with their name."""
    (lab.serve_translated if forward == "nat" else lab.serve_directly)()
    for host in HOSTS:
        own = lab.nodes[host].ip4
        answerer(lab, host, [own] if forward == "nat" else [SERVICE, own])
    node = Steerer(lab, forward=forward, settings=QUICK).start()
    node.wait_reaches()
    node.wait_active("a")
    return node


def drained(lab, forward, n, per_s, talk_s):
    """All @n calls are in progress with a when it is drained; a quarter as many begin afterwards."""
    node = start(lab, forward)
    calls = Whose(lab, n + n // 4, per_s, talk_s)
    calls.wait_begun(n)
    node.cli("drain", "sales")
    return {"in_progress": n, **calls.end()}


def died(lab, forward, n, per_s, talk_s):
    """Half of @n calls are with a, which drains, the other half with b when b's host dies; a quarter as many begin afterwards."""
    node = start(lab, forward)
    calls = Whose(lab, n + n // 4, per_s, talk_s)
    calls.wait_begun(n // 2)
    drain = threading.Thread(target=node.cli, args=("drain", "sales"))	# at work at once, but it answers when it has counted
    drain.start()
    calls.wait_begun(n // 4, server="b")
    calls.wait_begun(n)
    lab.death("b")
    drain.join()
    node.wait_active("a")
    return {"in_progress": n, **calls.end()}
