# SPDX-License-Identifier: GPL-2.0-or-later
"""The data path without the controller: plain bpftool, ip and tc load, attach, fill and read it.

The commands in LOAD, FILL, ATTACH, OPEN and UNDO are the ones that the README shows; they run as they stand, in a host of their
own (network and mount namespace with its own bpf file system) with a client at the end of a cable.
"""

import json
import os
import re
import subprocess

import pytest

ROOT = os.path.abspath(os.path.join(os.path.dirname(__file__), "../.."))
IF, CLIENT_IF = "dp-byhand", "dp-client"
HOST, CLIENT, VIP = "10.78.0.1", "10.78.0.9", "10.78.0.100"

LOAD = """
IF=dp-byhand PINS=/sys/fs/bpf/byhand
bpftool prog loadall build/bpf/baton_xdp.bpf.o $PINS pinmaps $PINS
i=0; for stage in pulse steer calls cluster answer watch; do
         bpftool map update pinned $PINS/stages key $((i++)) 0 0 0 value pinned $PINS/baton_$stage
     done
shared=$(for m in cfg_group cfg_vip4 cfg_vip6 st_word ct_lease st_linger st_live st_seen st_count_tc; do
             echo map name $m pinned $PINS/$m; done)
bpftool prog loadall build/bpf/baton_tc.bpf.o $PINS $shared
"""

# A VIP (10.78.0.100) of group 0. Its word is 0: the gate is shut.
FILL = """
PINS=/sys/fs/bpf/byhand
bpftool map update pinned $PINS/cfg_vip4 key 10 78 0 100 value 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0
"""

ATTACH = """
IF=dp-byhand PINS=/sys/fs/bpf/byhand
bpftool net attach xdp pinned $PINS/baton_xdp dev $IF
tc qdisc add dev $IF clsact
tc filter add dev $IF egress bpf da object-pinned $PINS/baton_tc
"""

# {term 1, owner 1, mode 2: open}, leased until the boot clock reaches 2^62 ns.
OPEN = """
PINS=/sys/fs/bpf/byhand
bpftool map update pinned $PINS/st_word key 0 0 0 0 value 0 0 2 1 1 0 0 0
bpftool map update pinned $PINS/ct_lease key 0 0 0 0 value 0 0 0 0 0 0 0 64
"""

UNDO = """
IF=dp-byhand PINS=/sys/fs/bpf/byhand
bpftool net detach xdp dev $IF
tc qdisc del dev $IF clsact
rm -r $PINS
"""


def enum(name):
    """The names of one table of exits, in the order of the map's keys."""
    with open(f"{ROOT}/include/baton_abi.h") as f:
        table = re.search(rf"#define {name}\(X\) (.*?)\n\n", f.read(), re.S).group(1)
    return ["TOTAL"] + re.findall(r"X\((\w+),", table)


class Space:
    """Namespaces held open by a process that sleeps in them."""

    def __init__(self, *namespaces):
        self.holder = subprocess.Popen(["unshare", *namespaces, "sleep", "300"])
        self.enter = ["nsenter", "-t", str(self.holder.pid), *namespaces]
        self.wait()

    def wait(self):
        """Until the process has left our namespaces for its own."""
        while os.readlink(f"/proc/{self.holder.pid}/ns/net") == os.readlink("/proc/self/ns/net"):
            assert self.holder.poll() is None, "unshare failed: not root?"

    def sh(self, script):
        done = subprocess.run([*self.enter, "--wd=" + ROOT, "bash", "-ec", script], text=True,
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=60)
        assert done.returncode == 0, f"{script}\n{done.stdout}"
        return done.stdout

    def close(self):
        self.holder.kill()
        self.holder.wait()


@pytest.fixture
def client():
    space = Space("--net")
    yield space
    space.close()


@pytest.fixture
def host(client):
    space = Space("--net", "--mount")
    space.sh(f"""
        mount -t bpf bpf /sys/fs/bpf
        ip link add {IF} type veth peer name {CLIENT_IF} netns {client.holder.pid}
        ip addr add {HOST}/24 dev {IF}
        ip addr add {VIP}/32 dev {IF}
        ip link set {IF} up
    """)
    mac = json.loads(space.sh(f"ip -j link show {IF}"))[0]["address"]
    client.sh(f"""
        ip addr add {CLIENT}/24 dev {CLIENT_IF}
        ip link set {CLIENT_IF} up
        ip neigh replace {VIP} lladdr {mac} dev {CLIENT_IF}
    """)
    yield space
    space.close()


def pings(client, address):
    """How many of five were answered."""
    said = client.sh(f"ping -n -c 5 -i 0.05 -w 2 {address} || true")
    return int(re.search(r"(\d+) received", said).group(1))


def counts(host, which, names):
    """Packets by name of the exit, summed over CPUs, from a dump with named fields."""
    dump = json.loads(host.sh(f"bpftool -j map dump pinned /sys/fs/bpf/byhand/{which}"))
    assert len(dump) == len(names), f"{which}: {len(dump)} entries, {len(names)} names in the header"
    return {names[e["formatted"]["key"]]:
            sum(cpu["value"]["packets"] for cpu in e["formatted"]["values"]) for e in dump}


def xdp_counts(host):
    return counts(host, "st_count", enum("BT_XDP_EXITS"))


def tc_counts(host):
    return counts(host, "st_count_tc", enum("BT_TC_EXITS"))


def test_host_is_reached_as_before(host, client):
    host.sh(LOAD + FILL + ATTACH)
    assert pings(client, HOST) == 5
    after = xdp_counts(host)
    assert after["NOT_OURS"] >= 5, after
    assert after["TOTAL"] == sum(after.values()) - after["TOTAL"], after


def test_shut_gate_drops_and_says_so(host, client):
    assert pings(client, VIP) == 5, "the VIP is not reachable even without a gate"
    host.sh(LOAD + FILL + ATTACH)
    assert pings(client, VIP) == 0
    after = xdp_counts(host)
    assert after["VIP_SHUT"] >= 5 and after["VIP_ACCEPTED"] == 0, after


def test_open_and_leased_gate_lets_in_and_out(host, client):
    host.sh(LOAD + FILL + ATTACH + OPEN)
    assert pings(client, VIP) == 5
    assert xdp_counts(host)["VIP_ACCEPTED"] >= 5, xdp_counts(host)
    assert tc_counts(host)["VIP_SENT"] >= 5, tc_counts(host)


def test_host_may_not_send_from_a_vip_it_does_not_hold(host, client):
    mac = json.loads(client.sh(f"ip -j link show {CLIENT_IF}"))[0]["address"]
    host.sh(f"ip neigh replace {CLIENT} lladdr {mac} dev {IF}")
    host.sh(LOAD + FILL + ATTACH)
    host.sh(f"ping -n -c 5 -i 0.05 -w 2 -I {VIP} {CLIENT} || true")
    after = tc_counts(host)
    assert after["VIP_HELD"] >= 5 and after["VIP_SENT"] == 0, after


def test_every_map_shows_named_fields(host):
    host.sh(LOAD)
    fields = {"meta": "magic", "cfg_node": "my_id", "cfg_path": "ifindex", "cfg_group": "name_hash",
              "st_heard": "lease_left_us", "st_pair": "peer_boot", "st_live": "request_ns"}
    for name, field in fields.items():
        first = json.loads(host.sh(f"bpftool -j map dump pinned /sys/fs/bpf/byhand/{name}"))[0]["formatted"]
        value = first["value"] if "value" in first else first["values"][0]["value"]
        assert field in value, f"{name}: {value}"


def test_both_programs_share_their_maps(host):
    host.sh(LOAD)
    word = json.loads(host.sh("bpftool -j map show pinned /sys/fs/bpf/byhand/st_word"))["id"]
    for name in ("baton_xdp", "baton_tc"):
        maps = json.loads(host.sh(f"bpftool -j prog show pinned /sys/fs/bpf/byhand/{name}"))["map_ids"]
        assert word in maps, f"{name} has a st_word of its own"


def test_undo_leaves_nothing(host):
    host.sh(LOAD + ATTACH + UNDO)
    assert "byhand" not in host.sh("ls /sys/fs/bpf")
    link = json.loads(host.sh(f"ip -j -d link show {IF}"))[0]
    assert "xdp" not in link, link
    assert "clsact" not in host.sh(f"tc qdisc show dev {IF}")
