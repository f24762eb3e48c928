# SPDX-License-Identifier: GPL-2.0-or-later
"""etcd in the lab: Debian's, on a node of its own that each host reaches by a link of its own."""

import os
import signal

from lab import HOSTS, Node, _run, wait_until

PORT = 2379


class Etcd:
    """Faults: cut and uncut a host's link, kill and start, pause and resume."""

    def __init__(self, lab):
        self.lab, self.node = lab, Node(lab, "e")
        self.cuts = set()
        self.data = os.path.join(lab.dir, "etcd")
        lines = [f"netns add {self.node.netns}"]
        lines += [f"link add name to_{h} netns {self.node.netns} type veth peer name arb0 netns {lab.nodes[h].netns}"
                  for h in HOSTS]
        _run(["ip", "-batch", "-"], "\n".join(lines) + "\n")
        self.node.ip("link set lo up", *(line for h in HOSTS for line in (
            f"addr add {self.address(h)}/24 dev to_{h}", f"link set to_{h} up")))
        for i, host in enumerate(HOSTS):
            lab.nodes[host].ip(f"addr add 10.79.{i}.2/24 dev arb0", "link set arb0 up")
        self.process = None

    @staticmethod
    def address(host):
        return f"10.79.{HOSTS.index(host)}.1"

    def url(self, host):
        return f"http://{self.address(host)}:{PORT}"

    def settings(self, **peer):
        """For Pair(of=...): each host asks by its own link."""
        return {h: {"arbiter": {"type": "etcd", "url": self.url(h)}, "peer": peer} for h in HOSTS}

    def start(self):
        own = "http://127.0.0.1:2380"
        self.process = self.node.start(
            "etcd", "etcd", "--data-dir", self.data, "--listen-client-urls", f"http://0.0.0.0:{PORT}",
            "--advertise-client-urls", self.url("a"), "--listen-peer-urls", own,
            "--initial-advertise-peer-urls", own, "--initial-cluster", f"default={own}")
        wait_until(lambda: self.ctl("endpoint", "health", check=False).returncode == 0, 15, "etcd to answer")
        return self

    def ctl(self, *verb, check=True):
        return self.node.run("env", "ETCDCTL_API=3", "etcdctl", "--dial-timeout=500ms", "--command-timeout=1s",
                             *verb, check=check)

    def locks(self):
        """{key: value} of what is held."""
        lines = self.ctl("get", "--prefix", "baton/").stdout.splitlines()
        return dict(zip(lines[::2], lines[1::2]))

    def kill(self):
        self.process.kill()

    def pause(self):
        self.process.signal(signal.SIGSTOP)

    def resume(self):
        self.process.signal(signal.SIGCONT)

    def cut(self, host):
        """Neither hears the other any more; no carrier goes."""
        self.cuts.add(host)
        self._load()

    def uncut(self, host):
        self.cuts.discard(host)
        self._load()

    def heal(self):
        self.cuts.clear()
        self._load()

    def _load(self):
        rules = "".join(f'    iifname "to_{h}" drop\n' for h in sorted(self.cuts))
        out = "".join(f'    oifname "to_{h}" drop\n' for h in sorted(self.cuts))
        self.node.run("nft", "-f", "-", stdin=(
            "table inet cut {}\ndelete table inet cut\ntable inet cut {\n"
            f"  chain in {{\n    type filter hook input priority 0;\n{rules}  }}\n"
            f"  chain out {{\n    type filter hook output priority 0;\n{out}  }}\n}}\n"))
