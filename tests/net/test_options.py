# SPDX-License-Identifier: GPL-2.0-or-later
"""Where does each option's value come from, what does a reload change, and what acts?"""

import json
import os
import subprocess

import controller
import pytest

from lab import PORT, VIP, wait_until

SETTINGS = {
    "TServer": {"sip-error-codes-overflow": "487,50X", "network-monitoring-timeout": "2"},
    "site": {"dr-forward": "oos", "dr-peer-trunk": "gw"},
    "device gw": {"contact": "10.77.0.50:5060", "service-type": "trunk"},
    "dn 7001": {"hg-preferred-site": "East Coast"},
    "group sip": {"linger": "5s"},
}


@pytest.fixture
def settings():
    return SETTINGS


def rows(batond):
    return {(row["section"], row["name"]): row for row in batond.json("options")["options"]}


def line_of(batond, source):
    file, number = source.rsplit(":", 1)
    assert file == batond.conf, source
    with open(file) as f:
        return f.read().splitlines()[int(number) - 1]


def sources_are_true(batond):
    """Every line that is named says what the option is."""
    named = {key: row for key, row in rows(batond).items() if ":" in row["source"]}
    for (section, name), row in named.items():
        line = line_of(batond, row["source"])
        assert line.startswith(f"{name} = ") and row["value"].split(" dev ")[0] in line, f"{section} {name}: {row}: {line}"
    return named


def expect(batond, section, name, value, **more):
    row = rows(batond)[section, name]
    assert row["value"] == value, row
    for key, want in more.items():
        assert row[key] == want, f"{section} {name} {key}: {row[key]}, want {want}"
    return row


def test_lines_defaults_and_what_does_not_act(pair):
    a = pair.a
    named = sources_are_true(a)
    for key in [("node", "name"), ("group sip", "linger"), ("group sip", "sip-address"), ("TServer", "sip-error-codes-overflow"),
                ("group sip", "sip-error-codes-overflow"), ("site", "dr-forward"), ("dn 7001", "hg-preferred-site"),
                ("group sip", "network-monitoring-timeout")]:
        assert key in named, f"{key} has no line: {rows(a)[key]}"
    expect(a, "node", "pin-dir", a.pin_dir, source="arguments")
    expect(a, "peer", "lease", "250ms", source="default", acts=True, wanted=None)
    expect(a, "site", "dr-forward", "oos", acts=False)
    told = [line for line in a.log().splitlines() if line.startswith("option idle ")]
    for section, name in [("site", "dr-forward"), ("site", "dr-peer-trunk"), ("dn 7001", "hg-preferred-site")]:
        source = rows(a)[section, name]["source"]
        assert any(f'section="{section}" option={name} source={source} ' in line for line in told), (section, name, told)

    a.configure({"node": {"log-level": "debug"}, "peer": {"pulse-misses": "20"}, "interface eth0": {"xdp-mode": "generic"},
                 "TServer": {"network-monitoring-timeout": "3", "backup-init-check-timeout": "90"}, "group sip": {"linger": "7s"},
                 "dn 7001": None, "dn 7002": {"dr-forward": "no-agent"}})
    with pair.nothing_moves():
        a.cli("reload")
    expect(a, "group sip", "linger", "7s", wanted=None)
    expect(a, "group sip", "network-monitoring-timeout", "3", wanted=None)
    expect(a, "dn 7002", "dr-forward", "no-agent", wanted=None)
    assert ("dn 7001", "dr-forward") not in rows(a)
    for section, name, now, wanted in [("peer", "pulse-misses", "10", "20"), ("interface eth0", "xdp-mode", "", "generic"),
                                       ("TServer", "backup-init-check-timeout", "60", "90"),
                                       ("group sip", "backup-init-check-timeout", "60", "90")]:
        row = expect(a, section, name, now)
        assert row["wanted"] and row["wanted"]["value"] == wanted, row
        assert line_of(a, row["wanted"]["source"]) == f"{name} = {wanted}", row
    unpending = {key: row for key, row in sources_are_true(a).items() if not row["wanted"]}
    assert ("group sip", "linger") in unpending
    text = a.cli("options").stdout
    assert "wanted: 20" in text and "needs restart" in text, text
    assert 'section added: needs restart section="interface eth0"' in a.log(), "the new [interface] is not told"

    a.configure({"peer": {"pulse-misses": None}, "interface eth0": None,
                 "TServer": {"backup-init-check-timeout": None}})
    a.cli("reload")
    left = [key for key, row in rows(a).items() if row["wanted"]]
    assert not left, f"still wanted after the file went back: {left}"


# Asks the VIP by UDP and TCP; prints the type of service of each frame that the VIP sends.
WITNESS = """
import select, socket, sys, time
vip, port = sys.argv[1], int(sys.argv[2])
wire = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(0x0800))
wire.bind(("eth0", 0))
udp = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
udp.sendto("\\r\\n".join([f"OPTIONS sip:{vip} SIP/2.0", "Via: SIP/2.0/UDP c;branch=z9hG4bK1;rport", "From: <sip:c@c>;tag=1",
                         f"To: <sip:{vip}>", "Call-ID: 1@c", "CSeq: 1 OPTIONS", "", ""]).encode(), (vip, port))
tcp = socket.create_connection((vip, port), 20)
tcp.sendall(b"ping")
seen, until = {}, time.monotonic() + 20
while time.monotonic() < until and set(seen) != {6, 17}:
    if select.select([wire], [], [], 0.1)[0]:
        frame = wire.recv(2000)
        data = 14 + (frame[14] & 15) * 4
        if socket.inet_ntoa(frame[26:30]) != vip or not (frame[23] == 17 or frame[23] == 6 and b"pong" in frame[data:]):
            continue
        total = sum(int.from_bytes(frame[i:i + 2], "big") for i in range(14, data, 2))
        seen[frame[23]] = frame[15] if total % 0xffff == 0 else -1
print(seen.get(17), seen.get(6))
"""

LISTENER = """
import socket
s = socket.socket()
s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
s.bind(("0.0.0.0", 5060))
s.listen()
while True:
    c, _ = s.accept()
    c.recv(100)
    c.sendall(b"pong")
    c.close()
"""


def test_sip_ip_tos(lab, pair):
    """As the server sends it, then as the option says, at once; a wrong checksum would show as -1."""
    def tos():
        return lab.c.run("/usr/bin/python3", "-c", WITNESS, VIP, str(PORT)).stdout.strip()

    holder = pair[pair.primary]
    for node in (lab.a, lab.b):
        node.start("listener", "/usr/bin/python3", "-c", LISTENER)
    wait_until(lambda: ":5060" in holder.node.run("ss", "-Hltn").stdout, 3, "the TCP listener")
    assert tos() == "0 0"
    for value, want in [("184", "184 184"), ("187", "187 184"), (None, "0 0")]:
        holder.configure({"TServer": {"sip-ip-tos": value}})
        with pair.nothing_moves():
            holder.cli("reload")
        expect(holder, "group sip", "sip-ip-tos", value or "", acts=True, wanted=None)
        assert tos() == want, f"sip-ip-tos = {value}"


def certificate(path, days, vip=None):
    """Self-signed, good for that many days from now; with the VIP's address in it or another name."""
    name = f"subjectAltName=IP:{vip}" if vip else "subjectAltName=DNS:elsewhere.example"
    subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-subj", "/CN=sip",
                    "-days", str(days), "-addext", name, "-keyout", "/dev/null", "-out", path + ".new"],
                   check=True, capture_output=True)
    os.rename(path + ".new", path)


def test_sip_tls_cert(lab, servers):
    """Each host tells of its own file; a better one is seen by itself, here sooner because a reload asks."""
    path = os.path.join(lab.dir, "sip.pem")
    pair = controller.Pair(lab, {"group sip": {"sip-tls-cert": path}})
    pair.start()
    a = pair.a

    def told(batond):
        return next((row["text"] for row in batond.json("alarms")["alarms"] if row["id"] == "tls-cert sip"), "")

    def doctor():
        return next(row for row in json.loads(a.cli("-j", "doctor", check=False).stdout)["checks"] if row["check"] == "tls-cert")

    for batond in (pair.a, pair.b):
        wait_until(lambda: "No such file" in told(batond), 5, "both hosts to miss the certificate")
    with pair.nothing_moves():
        for make, alarm, level in [(lambda: certificate(path, 3, VIP), "ends in ", "bad"),
                                   (lambda: certificate(path, 20, VIP), "", "warn"),
                                   (lambda: open(path, "w").close(), "holds no certificate", "bad"),
                                   (lambda: certificate(path, 400, VIP), "", "ok")]:
            make()
            a.cli("reload")
            wait_until(lambda: doctor()["level"] == level and (alarm in told(a) if alarm else not told(a)), 10,
                       f"level {level}, alarm '{alarm}'; doctor: {doctor()}, alarms: {told(a)}")
        assert "names the VIP's address" in doctor()["text"], doctor()
    assert 'alarm cleared id="tls-cert sip"' in a.log()
