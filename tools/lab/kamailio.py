# SPDX-License-Identifier: GPL-2.0-or-later
"""kamailio: Debian's Kamailio on a host of the lab, with workers, bound to the virtual address."""

import os
import signal

import traffic
from lab import PORT, ROOT, VIP, wait_until

CONFIG = os.path.join(ROOT, "tests/net/kamailio.cfg")


class Kamailio:
    """One on a host of the lab; everything it writes lies in that host's directory."""

    def __init__(self, lab, host, udp_workers=2, shm_mb=16):
        """Its shared memory is a part of each worker's core."""
        self.node = lab.nodes[host]
        self.dir = os.path.join(self.node.dir, "kamailio")
        self.pidfile = pidfile_of(lab, host)
        os.makedirs(self.dir, mode=0o700, exist_ok=True)
        bound = [word for proto in ("udp", "tcp") for word in ("-l", f"{proto}:{VIP}:{PORT}")]
        self.process = self.node.start("server", "kamailio", "-DD", "-E", "-f", CONFIG, *bound, "-P", self.pidfile,
                                       "-Y", self.dir, "-w", self.dir, "-m", str(shm_mb), "-M", "4", "-n", str(udp_workers),
                                       env={"SERVER": f"Server: {host}"})
        wait_until(self._serves, 5, f"Kamailio of {host} to listen; it says in {self.process.log}")

    def _serves(self):
        assert self.process.alive, f"Kamailio of {self.node.name} ended: {self.process.text()}"
        return os.path.exists(self.pidfile) and traffic.listens(self.node.lab, self.node.name)

    def pids(self):
        """Its main process and every worker; nothing else of that host."""
        return [pid for pid in self.node.pids() if self._is_ours(pid)]

    def _is_ours(self, pid):
        try:
            with open(f"/proc/{pid}/cmdline") as f:
                return self.pidfile in f.read()
        except OSError:
            return False

    def workers(self):
        """Those the main process has started, in that order."""
        with open(f"/proc/{self.process.pid}/task/{self.process.pid}/children") as f:
            return [int(pid) for pid in f.read().split()]

    def kill_worker(self, number=signal.SIGSEGV):
        """Of its first worker, which takes UDP requests: its pid."""
        first = self.workers()[0]
        os.kill(first, number)
        return first

    def kill_main(self):
        self.process.kill()

    def kill_all(self):
        for pid in self.pids():
            os.kill(pid, signal.SIGKILL)


def pidfile_of(lab, host):
    return os.path.join(lab.nodes[host].dir, "kamailio", "main.pid")
