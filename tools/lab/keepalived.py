# SPDX-License-Identifier: GPL-2.0-or-later
"""keepalived: Debian's keepalived on both hosts of a lab, set up as well as it can be for the same task.

VRRPv3, multicast, nopreempt, the server watched by a script once a second (its shortest interval).
fast: adverts every 10 ms, real-time priority, locked memory. Otherwise its defaults: 1 s.
vips: more than one; all but the first are not in the adverts, which have room for few.
vmac: the address comes with the Ethernet address of RFC 5798, on a macvlan, so that nobody has to learn another.
"""

import os
import signal

from lab import HOSTS, PORT, VIP, LabError, _run, _write, wait_until

CONF = """
global_defs {{
    router_id {host}
    vrrp_version 3
    script_user root
    enable_script_security
    {realtime}
}}
vrrp_script server {{
    script "{script}"
    interval 1
    fall 1
    rise 1
}}
vrrp_instance sip {{
    state BACKUP
    nopreempt
    interface eth0
    virtual_router_id 77
    priority {priority}
    advert_int {advert_int}
    {vmac}
    virtual_ipaddress {{
        {vip}/32{dev}
    }}
    {more}
    track_script {{
        server
    }}
}}
"""
# One OPTIONS to the host's own server; half a second without an answer, and it counts as dead.
ASK = """#!/usr/bin/python3 -SE
import os, socket, sys
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
s.settimeout(0.5)
s.connect(("{address}", {port}))
me = "%s:%d" % s.getsockname()
s.send(("OPTIONS sip:{address} SIP/2.0\\r\\nVia: SIP/2.0/UDP " + me + ";branch=z9hG4bK%d\\r\\nFrom: <sip:check@" + me + ">;tag=1\\r\\n"
        "To: <sip:{address}>\\r\\nCall-ID: %d@" + me + "\\r\\nCSeq: 1 OPTIONS\\r\\nContent-Length: 0\\r\\n\\r\\n")
       .replace("%d", str(os.getpid())).encode())
try:
    s.recv(4096)
except OSError:
    sys.exit(1)
"""
VMAC = "vrrp77"
REALTIME = "vrrp_rt_priority 50\n    vrrp_no_swap\n    vrrp_rlimit_rttime 2000000"	# by default a thousand addresses kill it


def excluded(vips, dev):
    lines = "".join(f"        {vip}/32{dev}\n" for vip in vips)
    return f"virtual_ipaddress_excluded {{\n{lines}    }}" if lines else ""


class Keepalived:
    def __init__(self, lab, host, fast=True, vmac=False, vips=(VIP,)):
        self.lab, self.host, self.node = lab, host, lab.nodes[host]
        self.process = None
        self.conf = os.path.join(self.node.dir, "keepalived.conf")
        self.script = script = os.path.join(self.node.dir, "server-listens")
        _write(script, f"#!/bin/sh\nss -Hnul 'sport = :{PORT}' | grep -q .\n", 0o700)
        _write(self.conf, CONF.format(
            host=host, script=script, vip=vips[0], more=excluded(vips[1:], "" if vmac else " dev eth0"), priority=101 - HOSTS.index(host),
            realtime=REALTIME if fast else "", advert_int="0.01" if fast else "1",
            dev="" if vmac else " dev eth0", vmac=f"use_vmac {VMAC}\n    vmac_xmit_base" if vmac else ""))

    def ask_by_options(self):
        """Before the start: its script asks the server, at the host's own address, instead of looking for its socket."""
        _write(self.script, ASK.format(address=self.node.ip4, port=PORT), 0o700)

    def start(self):
        for left in ("keepalived.pid", "vrrp.pid"):	# by one that was killed
            if os.path.exists(os.path.join(self.node.dir, left)):
                os.remove(os.path.join(self.node.dir, left))
        self.process = self.node.start(
            "controller", "keepalived", "-n", "-l", "-P", "-f", self.conf,
            "-p", f"{self.node.dir}/keepalived.pid", "-r", f"{self.node.dir}/vrrp.pid")

    def pids(self):
        """Itself and its VRRP child."""
        children = _run(["ps", "-o", "pid=", "--ppid", str(self.process.pid)], check=False).stdout.split()
        return [self.process.pid, *map(int, children)]

    def role_changes(self):
        return [line for line in self.process.text().splitlines() if "Entering" in line and "STATE" in line]


class KeepalivedPair:
    """The same verbs as controller.Pair, so that bench/run treats both alike."""

    def __init__(self, lab, fast=True, vmac=False, vips=(VIP,)):
        self.lab, self.dev, self.vip = lab, VMAC if vmac else "eth0", vips[0]
        self.by_host = {h: Keepalived(lab, h, fast, vmac, vips) for h in HOSTS}

    def start(self):
        for host in HOSTS:
            self.lab.nodes[host].sysctl(net__ipv4__ip_nonlocal_bind=1, net__ipv4__conf__all__arp_ignore=1,
                                        net__ipv4__conf__all__arp_announce=2)
            self.by_host[host].start()
            self.settle()		# the first is master before the second is there: none gives way to the other later
        return self

    def ask_by_options(self):
        for keepalived in self.by_host.values():
            keepalived.ask_by_options()

    def settled(self):
        holders = [h for h in HOSTS if self.lab.nodes[h].holds(self.vip, dev=self.dev)]
        return holders[0] if len(holders) == 1 else None

    def settle(self, timeout=15):
        wait_until(self.settled, timeout, "one keepalived that holds the VIP", every=0.05)
        return self

    @property
    def primary(self):
        return wait_until(self.settled, 15, "one keepalived that holds the VIP", every=0.05)

    def switchover(self):
        """What its users do: stop it on the holder, which says so to the other (priority 0)."""
        self.by_host[self.primary].process.stop()

    def role_changes(self):
        return {h: k.role_changes() for h, k in self.by_host.items()}

    def stop(self):
        for k in self.by_host.values():
            if k.process:
                k.process.signal(signal.SIGTERM)
        for k in self.by_host.values():
            if k.process:
                try:
                    k.process.stop()
                except LabError:
                    pass		# it was killed then
