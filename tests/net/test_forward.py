# SPDX-License-Identifier: GPL-2.0-or-later
"""The three ways to a pool's servers over real sockets, IPv4 and IPv6: UDP that fits, UDP that nearly does, UDP in fragments,
TCP, and ICMP errors. The kernels at both ends sum up what they receive."""

import json
import os

import pytest

from controller import Steerer
from lab import HOSTS, SERVICE, SERVICE6, Lab, wait_until

SERVER_PORT = 5070	# what NAT must make of 5060

# Answers each UDP request with as many bytes as it had, and each TCP connection's 60,000 bytes with as many. Says what it heard of
# ICMP. X-Late: the answer comes when the client has gone.
SERVER = """
import re, socket, sys, threading, time, zlib
tag = sys.argv[1]
def keep(text, name):
    return re.search(rf"^{name}:.*?\\r\\n", text, re.M | re.I).group(0)
def answer(data):
    text = data.decode()
    head = "SIP/2.0 200 OK\\r\\n" + "".join(keep(text, n) for n in ("Via", "From", "To", "Call-ID", "CSeq"))
    head += f"X-Tag: {tag}\\r\\nX-Sum: {zlib.crc32(data)}\\r\\nContent-Length: 0\\r\\n\\r\\n"
    return head.encode() + b"z" * max(0, len(data) - len(head))
def late(udp, data, peer):
    time.sleep(0.3)
    udp.sendto(answer(data), peer)
def serve(udp):
    while True:
        try:
            data, peer = udp.recvfrom(65536)
            if b"X-Late" in data:
                threading.Thread(target=late, args=(udp, data, peer), daemon=True).start()
            elif len(data) > 4:
                udp.sendto(answer(data), peer)
        except OSError as e:
            print("heard", e.__class__.__name__, udp.family.name, flush=True)
def talk(tcp):
    data = b""
    while len(data) < 60000:
        more = tcp.recv(65536)
        if not more:
            return
        data += more
    tcp.sendall(tag.encode() + b"%010d" % zlib.crc32(data) + data[11:])
    tcp.recv(1)
def listen(server):
    while True:
        threading.Thread(target=talk, args=(server.accept()[0],), daemon=True).start()
for at in sys.argv[2:]:
    ip, _, port = at.rpartition(":")
    family = socket.AF_INET6 if ":" in ip else socket.AF_INET
    udp = socket.socket(family, socket.SOCK_DGRAM)
    udp.setsockopt(*((socket.IPPROTO_IPV6, 25) if ":" in ip else (socket.IPPROTO_IP, 11)), 1)	# RECVERR
    udp.bind((ip, int(port)))
    threading.Thread(target=serve, args=(udp,), daemon=True).start()
    threading.Thread(target=listen, args=(socket.create_server((ip, int(port)), family=family),), daemon=True).start()
print("serves", flush=True)
threading.Event().wait()
"""

# One thing asked of the service, again until it is answered: SERVICE udp BYTES, SERVICE tcp, SERVICE gone.
CLIENT = """
import json, re, socket, sys, time, zlib
service, what = sys.argv[1:3]
family = socket.AF_INET6 if ":" in service else socket.AF_INET
end = time.monotonic() + 30
def request(n, extra=""):
    text = ("MESSAGE sip:x@example.com SIP/2.0\\r\\nVia: SIP/2.0/UDP 10.77.0.9;branch=z9hG4bK%d\\r\\nFrom: <sip:a@b>;tag=1\\r\\n"
            "To: <sip:c@d>\\r\\nCall-ID: %d\\r\\nCSeq: 1 MESSAGE\\r\\n%s\\r\\n" % (time.monotonic_ns(), time.monotonic_ns(), extra))
    return text.encode().ljust(n, b"y")
def udp(n):
    asked = 0
    while time.monotonic() < end:
        s = socket.socket(family, socket.SOCK_DGRAM)
        s.settimeout(0.5)
        data = request(n)
        try:
            asked += 1
            s.sendto(data, (service, 5060))
            got, peer = s.recvfrom(65536)
        except OSError:
            continue
        ok = int(re.search(rb"X-Sum: (\\d+)", got).group(1)) == zlib.crc32(data)
        return {"by": re.search(rb"X-Tag: (\\w+)", got).group(1).decode(), "whole": ok and len(got) >= len(data),
                "peer": list(peer[:2]), "asked": asked}
def tcp():
    data = bytes(i * 7 & 0xff for i in range(60000))
    while time.monotonic() < end:
        try:
            s = socket.create_connection((service, 5060), timeout=10)
            s.sendall(data)
            got = b""
            while len(got) < 60000:
                more = s.recv(65536)
                if not more: break
                got += more
        except OSError:
            continue
        return {"by": got[:1].decode(), "whole": len(got) == 60000 and got[11:] == data[11:] and int(got[1:11]) == zlib.crc32(data),
                "peer": list(s.getpeername()[:2])}
def gone():
    s = socket.socket(family, socket.SOCK_DGRAM)
    s.sendto(request(0, "X-Late: 1\\r\\n"), (service, 5060))
    return {}
print(json.dumps({"udp": lambda: udp(int(sys.argv[3])), "tcp": tcp, "gone": gone}[what]()))
"""

# Takes the outer header off whatever comes in IPIP or IP6IP6 and gives the rest to the kernel. The kernel's own tunnels do
# the same, where it has them.
DECAPSULATOR = """
import fcntl, os, select, socket, struct, sys
tun = os.open("/dev/net/tun", os.O_RDWR)
fcntl.ioctl(tun, 0x400454ca, struct.pack("16sH22x", b"inner", 0x1001))
os.system("ip link set inner up mtu 1500")
raw = [socket.socket(f, socket.SOCK_RAW, p) for f in (socket.AF_INET, socket.AF_INET6) for p in (4, 41)]
print("serves", flush=True)
while True:
    for s in select.select(raw, [], [])[0]:
        data = s.recv(65536)
        outer = (data[0] & 15) * 4 if s.family == socket.AF_INET else 0
        print(len(data) - outer, "bytes within", s.family.name, flush=True)
        os.write(tun, data[outer:])
"""


@pytest.fixture
def lab():
    with Lab(steering=1) as made:
        yield made


def at(ip, port):
    return f"[{ip}]:{port}" if ":" in ip else f"{ip}:{port}"


def serve(lab, forward):
    """Servers on both hosts, as that form wants them."""
    for h in HOSTS:
        node = lab.nodes[h]
        places = [f"{ip}:{SERVER_PORT if forward == 'nat' else 5060}" for ip in (node.ip4, node.ip6)]
        if forward != "nat":
            places += [f"{ip}:5060" for ip in (SERVICE, SERVICE6)]
        if forward == "ipip":
            inner = node.start("decapsulator", "/usr/bin/python3", "-c", DECAPSULATOR)
            wait_until(lambda p=inner: "serves" in p.text(), 10, "the decapsulator to be there")
        server = node.start("server", "/usr/bin/python3", "-c", SERVER, h, *places)
        wait_until(lambda p=server: "serves" in p.text(), 10, f"the server of {h}: {server.text()}")


def steering_node(lab, forward):
    port = SERVER_PORT if forward == "nat" else 5060
    pools = {name: {"service": at(service, 5060), "forward": forward,
                    "server": [f"{h} {at(lab.nodes[h].ip6 if ':' in service else lab.nodes[h].ip4, port)}" for h in HOSTS]}
             for name, service in (("sales", SERVICE), ("six", SERVICE6))}
    lab.nodes["n"].ip(f"addr add {SERVICE6}/128 dev eth0 nodad")
    node = Steerer(lab, settings={f"pool {name}": pool for name, pool in pools.items()}).start().wait_reaches()
    wait_until(lambda: all(node.pool(name)["active"] == "a" and all(s["reachable"] for s in node.pool(name)["servers"])
                           for name in pools), 20, "both pools to be led to a")
    return node


def ask(lab, *argv):
    return json.loads(lab.c.run("/usr/bin/python3", "-c", CLIENT, *map(str, argv), timeout=60).stdout)


def steered(node):
    return {e["name"]: e["packets"] for e in node.json("counters")["steering"]}


def exercise(lab, service, sizes):
    """All that comes back comes from the service, whole, and by its active server."""
    for n in sizes:
        got = ask(lab, service, "udp", n)
        assert got and (got["by"], got["whole"], got["peer"]) == ("a", True, [service, 5060]), (service, n, got)
    got = ask(lab, service, "tcp")
    assert got and (got["by"], got["whole"], got["peer"]) == ("a", True, [service, 5060]), (service, got)


def icmp_is_heard(lab, service):
    """The client has closed its port when the answer comes: the server's socket learns it."""
    family = "AF_INET6" if ":" in service else "AF_INET"

    def heard():
        ask(lab, service, "gone")
        return f"heard ConnectionRefusedError {family}\n" in lab.server("a").text()
    wait_until(heard, 20, f"the server to hear of the closed port: {lab.server('a').text()}", every=0.5)


def test_l2(lab):
    for service in (SERVICE, SERVICE6):
        lab.serve_directly(service=service)
    serve(lab, "l2")
    node = steering_node(lab, "l2")
    for service in (SERVICE, SERVICE6):
        exercise(lab, service, (400, 1400, 5001))
        icmp_is_heard(lab, service)
    assert steered(node)["sent"] > 100 and not steered(node)["told"], steered(node)
    rungs = {r["name"]: r["packets"] for r in node.pool()["rungs"]}
    assert rungs["icmp"] and rungs["fragment"] and rungs["connection"], rungs


@pytest.mark.skipif(not os.path.exists("/dev/net/tun"), reason="no /dev/net/tun to take packets out of IPIP with")
def test_ipip(lab):
    """What nearly fits is told to its sender, and comes shorter; the servers see nothing longer than the wire carries."""
    for service in (SERVICE, SERVICE6):
        lab.serve_directly(service=service)
    serve(lab, "ipip")
    node = steering_node(lab, "ipip")
    for service in (SERVICE, SERVICE6):
        before = steered(node)
        exercise(lab, service, (400, 5001, 1450 if ":" in service else 1470))
        after = steered(node)
        assert after["told"] > before["told"], after
        if ":" not in service:	# fragments as long as the wire carries: cut once more
            assert after["handed-big"] > before["handed-big"], after
    text = lab.process("a-decapsulator").text()
    assert "within AF_INET\n" in text and "within AF_INET6\n" in text, text[-500:]
    assert not steered(node)["broken"], steered(node)


def test_nat(lab):
    lab.serve_translated()
    serve(lab, "nat")
    node = steering_node(lab, "nat")
    for on in (0, 1):
        node.node.sysctl(net__ipv4__conf__eth0__accept_local=on)
        rows = json.loads(node.cli("-j", "doctor", check=False).stdout)["checks"]
        bad = [r["text"] for r in rows if r["check"] == "forwarding" and r["level"] == "bad"]
        assert any("accept_local" in text for text in bad) is not bool(on), rows
    for service in (SERVICE, SERVICE6):
        exercise(lab, service, (400, 1400, 5001))
        icmp_is_heard(lab, service)
    passed = steered(node)["back-passed"]
    for service, client in ((SERVICE, lab.c.ip4), (SERVICE6, lab.c.ip6)):
        lab.c.ip(f"neigh replace {service} lladdr {node.node.mac()} dev eth0 nud permanent")	# it does not ask, nobody is told of it
        node.node.ip(f"neigh flush to {client} dev eth0")	# so the kernel there asks, and sends the first answer itself
        exercise(lab, service, (400,))
    counted = steered(node)
    assert counted["back-passed"] > passed, counted
    assert counted["back"] > 50 and counted["sent"] > 50 and not counted["broken"], counted
