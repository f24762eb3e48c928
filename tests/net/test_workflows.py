# SPDX-License-Identifier: GPL-2.0-or-later
"""The guide's workflows ('IP Address Takeover HA Workflows', 'Verify the HA configuration'), step by step, while calls are
established, held, retrieved, transferred and released through all of it.

SIP server 1 is host a's, the primary; SIP server 2 host b's. Both share what they know of calls, as the guide's hot standby does, so
a call outlives whatever happens: none may fail. In mode cluster the same happens, with each form of the address: it lies on both hosts
all the time, so what moves is who serves it.
"""

import contextlib
import time

import pytest

import traffic
from controller import Pair
from lab import BUILD, HOSTS, PORT, VIP, wait_until

RATE, TALK_MS = 10, 300			# a call lasts 1.2 s: about 12 are under way at any time
UNDER_WAY = 5


MODES = {"takeover": {}, **{form: {"mode": "cluster", "cluster-mac": form} for form in ("unicast", "multicast", "igmp")}}


class Site:
    """What the guide's administrator looks at: roles, the virtual address, alarms, and the calls."""

    def __init__(self, lab, pair, cluster=False):
        self.lab, self.pair, self.cluster = lab, pair, cluster
        self.calls = traffic.Calls(lab, rate=RATE, talk_ms=TALK_MS, scenario="held.xml", give_up_ms=8000)
        wait_until(lambda: self.under_way() >= UNDER_WAY, 10, "calls to be established")

    def counted(self):
        """SIPp writes once a second; a line may be half there."""
        return wait_until(self.calls.stats, 10, "SIPp to count calls")

    def under_way(self):
        seen = self.counted()
        return seen["made"] - seen["ok"] - seen["failed"]

    def roles(self, primary, backup):
        """One is primary, the other its armed backup, and the address is at the primary's host alone."""
        wait_until(lambda: self.pair.settled() == primary, 10,
                   f"{primary} to be primary and {backup} its backup: {[self.pair[h].group() for h in HOSTS]}")
        self.address_at(primary)
        if self.cluster:
            assert self.lab.nodes[backup].holds(VIP, "lo"), f"the server of {backup} cannot bind the address"

    def has_address(self, host):
        if not self.cluster:
            return self.lab.nodes[host].holds(VIP)
        assert not self.lab.nodes[host].holds(VIP), "a cluster's address lies on lo"
        return self.lab.nodes[host].holds(VIP, "lo") and self.pair[host].gate == "open"

    def address_at(self, *hosts):
        def now():
            return [h for h in HOSTS if self.has_address(h)]
        wait_until(lambda: now() == list(hosts), 10, f"the virtual address to be at {hosts}; it is at {now()}")

    def alarms(self, host):
        return [row["id"] for row in self.pair[host].json("alarms")["alarms"]]

    def raised(self, host, *ids):
        wait_until(lambda: set(ids) <= set(self.alarms(host)), 10, f"alarms {ids} at {host}; there are {self.alarms(host)}")

    def quiet(self):
        wait_until(lambda: not any(self.alarms(h) for h in HOSTS), 20,
                   f"every alarm to clear: {({h: self.alarms(h) for h in HOSTS})}")

    def logged(self, host, *words):
        """A log line of that host with all these words."""
        def there():
            return any(all(w in line for w in words) for line in self.pair[host].log().splitlines())
        wait_until(there, 10, f"the log of {host} to tell {words}")

    def calls_go_on(self):
        """Some that were made after now end well."""
        enough = self.counted()["made"] + RATE
        wait_until(lambda: self.counted()["ok"] >= enough, 15, f"calls to go on: {self.counted()}", every=0.1)

    def no_call_failed(self):
        made = self.calls.stop()
        assert made["made"] > RATE and made["ok"] == made["made"], f"calls failed: {made}"


@pytest.fixture(params=MODES)
def site(lab, servers, request):
    pair = Pair(lab, {"group sip": MODES[request.param]}).start()
    pair.make_primary("a")
    return Site(lab, pair, cluster=request.param != "takeover")


@contextlib.contextmanager
def no_role_moves(site):
    before = {h: len(changes) for h, changes in site.pair.role_changes().items()}
    yield
    moved = {h: changes[before[h]:] for h, changes in site.pair.role_changes().items()}
    assert not any(moved.values()), f"roles moved: {moved}"


# ---- one NIC -----------------------------------------------------------------------------------------

def test_manual_switchover_and_switchback(site):
    """Test 1 and 2 of the guide's verification."""
    for primary, backup, asked_on, why in (("b", "a", "a", "peer-let-go"), ("a", "b", "a", "switchover")):
        # 1. The switchover is initiated manually, on the primary's host, then back from the backup's.
        assert site.pair[asked_on].cli("switchover").returncode == 0
        # 2.-3. The primary goes into backup mode, the backup into primary mode. 4.-5. The address moves.
        site.roles(primary=primary, backup=backup)
        assert site.pair[primary].group()["reason"] == why, site.pair[primary].group()
        site.calls_go_on()
    assert not site.alarms("a") and not site.alarms("b"), "what was asked for is no alarm"
    site.no_call_failed()


def test_primary_server_failure(site):
    # 1. The primary SIP server fails. 2. It is detected and reported, by the guide's event number.
    site.lab.crash("a")
    site.raised("a", "00-04200 sip")
    # 3. The backup goes into primary mode. 4.-5. The address is disabled on host 1, enabled on host 2.
    wait_until(lambda: site.pair.b.role == "primary", 10, f"b to be primary: {site.pair.b.group()}")
    site.address_at("b")
    assert site.pair.a.group()["service"] == "unavailable", site.pair.a.group()
    site.calls_go_on()
    # The server is started again: its host becomes the backup, the alarm clears, nobody is preempted.
    with no_role_moves(site):
        traffic.answerer(site.lab, "a")
        site.roles(primary="b", backup="a")
    site.quiet()
    site.logged("a", "alarm cleared", "00-04200")
    site.no_call_failed()


def test_primary_server_hangs(site):
    """The guide does not know it: the process lives, its port is open, and nothing is answered."""
    site.lab.hang("a")
    site.raised("a", "service-unavailable sip")
    wait_until(lambda: site.pair.b.role == "primary", 10, f"b to be primary: {site.pair.b.group()}")
    site.address_at("b")
    site.calls_go_on()
    with no_role_moves(site):
        site.lab.unhang("a")
        site.roles(primary="b", backup="a")
    site.quiet()
    site.no_call_failed()


def test_primary_disconnected_and_restored(site):
    # 1. The connection to host 1 is lost. 2. The backup goes into primary mode. 3. The address is enabled on host 2.
    site.lab.death("a")
    wait_until(lambda: site.pair.b.role == "primary", 10, f"b to be primary: {site.pair.b.group()}")
    assert site.pair.b.group()["reason"] == "peer-lost", site.pair.b.group()
    site.raised("b", "peer-down")
    # Host 1 could not be told to disable the address: it still has it, for nobody.
    site.address_at("a", "b")
    site.calls_go_on()
    # 1.-2. The connection is restored; both run as primary. 3. The one that was away goes into backup mode.
    # 4.-5. The address is disabled on host 1.
    site.lab.revive("a")
    site.roles(primary="b", backup="a")
    site.quiet()
    site.no_call_failed()


def test_stop_of_the_primary_and_of_the_backup(site):
    """Test 3 of the verification; and the guide's rule, that who is to be stopped must first be made the backup."""
    # The primary is stopped in order: it hands over before it goes.
    assert site.pair.a.stop() == 0
    wait_until(lambda: site.pair.b.role == "primary", 10, f"b to be primary: {site.pair.b.group()}")
    site.address_at("b")
    site.raised("b", "peer-down")
    site.calls_go_on()
    site.pair.a.start()
    site.roles(primary="b", backup="a")
    site.quiet()
    # Now it is the backup that stops: nothing moves, but somebody is told that nobody would take over.
    before = len(site.pair.b.role_changes())
    assert site.pair.a.stop() == 0
    site.raised("b", "peer-down")
    assert site.pair.b.role == "primary" and len(site.pair.b.role_changes()) == before, site.pair.b.role_changes()
    site.pair.a.start()
    site.roles(primary="b", backup="a")
    site.no_call_failed()


# ---- two NICs: eth0 for SIP and the virtual address, eth1 for management --------------------------------

def path(batond, dev):
    return next(p["state"] for p in batond.status()["peer"]["paths"] if p["interface"] == dev)


@pytest.mark.parametrize("paths", [2])
def test_sip_cable_pulled_while_management_lives(site):
    """The guide's disconnected workflow 2; there it takes sip-pass-check, here the carrier tells."""
    # 1. The Ethernet cord is unplugged from the SIP NIC of host 1. 2. Its server is reported as unavailable.
    site.lab.link_down("a", 0)
    site.raised("a", "00-52027 sip")
    # 3. The primary goes into backup mode, the backup into primary mode. 4. The address moves.
    wait_until(lambda: site.pair.b.role == "primary" and site.pair.a.role == "backup", 10,
               f"the roles to move: {[site.pair[h].group() for h in HOSTS]}")
    site.address_at("b")
    assert path(site.pair.b, "eth1") == "up", "management lives"
    site.calls_go_on()
    # The cord is put back: host 1 is the backup, the alarm clears, nothing moves.
    with no_role_moves(site):
        site.lab.link_up("a", 0)
        site.roles(primary="b", backup="a")
    site.quiet()
    site.logged("a", "alarm cleared", "00-52027")
    site.no_call_failed()


@pytest.mark.parametrize("paths", [2])
def test_management_cable_pulled_while_sip_lives(site):
    """Without tlib-nic-monitoring it is no reason to move."""
    with no_role_moves(site):
        site.lab.link_down("a", 1)
        wait_until(lambda: path(site.pair.a, "eth1") == "link-down" and path(site.pair.b, "eth1") == "down", 10,
                   f"both to see the path gone: {[site.pair[h].status()['peer'] for h in HOSTS]}")
        site.calls_go_on()
        site.lab.link_up("a", 1)
        wait_until(lambda: path(site.pair.a, "eth1") == path(site.pair.b, "eth1") == "up", 10, "the path to come back")
        site.roles(primary="a", backup="b")
    site.quiet()
    site.no_call_failed()


# What the guide has its administrator switch on for two NICs ('Configure the primary SIP Server', step 4.a).
WATCHED = {"TServer": {"sip-iptakeover-monitoring": "true", "tlib-nic-monitoring": "true", "sip-nic-monitoring": "true"}}


@pytest.mark.parametrize("paths", [2])
def test_network_status_monitoring(lab, servers):
    pair = Pair(lab, WATCHED, {h: {"group sip": {"sip-nic-address": lab.nodes[h].ip4}} for h in HOSTS}).start()
    pair.make_primary("a")
    site = Site(lab, pair)
    # Virtual IP address monitoring: somebody takes the address away; it is put back, and nothing moves.
    with no_role_moves(site):
        lab.a.ip(f"addr del {VIP}/32 dev eth0")
        site.address_at("a")
    # NIC status monitoring: the cable of the management NIC is pulled, and the role is given up, SIP NIC or not.
    lab.link_down("a", 1)
    site.raised("a", "management-nic sip")
    wait_until(lambda: pair.b.role == "primary" and pair.a.role == "backup", 10,
               f"the roles to move: {[pair[h].group() for h in HOSTS]}")
    site.address_at("b")
    site.calls_go_on()
    with no_role_moves(site):
        lab.link_up("a", 1)
        site.roles(primary="b", backup="a")
    site.quiet()
    # SIP NIC status monitoring: so it goes back when that of the SIP NIC is pulled on the other host.
    lab.link_down("b", 0)
    site.raised("b", "00-52027 sip")
    wait_until(lambda: pair.a.role == "primary", 10, f"a to be primary: {pair.a.group()}")
    site.address_at("a")
    site.calls_go_on()
    lab.link_up("b", 0)
    site.roles(primary="a", backup="b")
    site.quiet()
    site.no_call_failed()


# ---- SIP traffic monitoring ------------------------------------------------------------------------------

# The shortest that the guide allows: oos-check of 1 s, and an oos-force that counts as 5.
PASS_S = 6
PASS_CHECKED = {"TServer": {"sip-pass-check": "true"},
                "device gateway": {"contact": f"10.77.0.9:{PORT}", "oos-check": "1", "oos-force": "1"}}


@pytest.mark.parametrize("settings", [PASS_CHECKED])
def test_sip_traffic_lost_on_both(lab, servers, settings):
    """'Double switchover': the role is tried on the other host, and not to and fro all the time."""
    gateway = lab.c.start("gateway", f"{BUILD}/tools/answerer", "-t", "gateway", "-p", str(PORT), lab.c.ip4)
    wait_until(lambda: "serves port" in gateway.text(), 5, "the gateway to serve")
    pair = Pair(lab, settings).start()
    pair.make_primary("a")
    site = Site(lab, pair)
    site.calls_go_on()
    # 1. No SIP message comes in any more, and the checked device does not answer: seen from either host.
    site.no_call_failed()
    gateway.kill()
    # 2.-3. After the out-of-service time the primary reports its service as unavailable, and the roles change once.
    wait_until(lambda: pair.b.role == "primary" and pair.a.role == "backup", 5 * PASS_S,
               f"the roles to move: {[pair[h].group() for h in HOSTS]}")
    site.logged("a", "alarm raised", "no-sip-traffic sip")
    site.address_at("b")
    # 4. The new primary hears nothing either, but now it takes twice that time. Half of it is quiet enough to see.
    with no_role_moves(site):
        site.roles(primary="b", backup="a")
        time.sleep(PASS_S / 2)
        # 5. Traffic is back: whoever hears it goes on as the primary, and every alarm clears.
        again = Site(lab, pair)
        again.calls_go_on()
    again.quiet()
    again.no_call_failed()
