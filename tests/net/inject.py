# SPDX-License-Identifier: GPL-2.0-or-later
"""inject: requests to a VIP as anybody on the network can make them. Runs inside one namespace of the lab.

    inject.py IF TO_MAC FROM_MAC FROM_IP VIP RATE SECONDS [bypass] [TAG ...]

FROM_MAC `random`: another locally administered address each time. bypass: past tc, as PACKET_QDISC_BYPASS lets root
do. TAG: VLAN numbers, outermost first. Ends with the number of frames sent on stdout.
"""

import random
import socket
import struct
import sys
import time

PACKET_QDISC_BYPASS = 20
REQUEST = (b"OPTIONS sip:x@vip SIP/2.0\r\nVia: SIP/2.0/UDP 10.77.0.9:5999;branch=z9hG4bKx\r\nFrom: <sip:x>;tag=1\r\n"
           b"To: <sip:x>\r\nCall-ID: inject\r\nCSeq: 1 OPTIONS\r\nMax-Forwards: 70\r\nContent-Length: 0\r\n\r\n")


def checksum(data):
    total = sum(struct.unpack(f"!{len(data) // 2}H", data))
    while total >> 16:
        total = (total & 0xffff) + (total >> 16)
    return ~total & 0xffff


def packet(src, dst):
    """UDP over IPv4, without the optional checksum."""
    udp = struct.pack("!HHHH", 5999, 5060, 8 + len(REQUEST), 0) + REQUEST
    head = struct.pack("!BBHHHBBH4s4s", 0x45, 0, 20 + len(udp), 0, 0, 64, 17, 0,
                       socket.inet_aton(src), socket.inet_aton(dst))
    return head[:10] + struct.pack("!H", checksum(head)) + head[12:] + udp


def mac(text, rng):
    if text != "random":
        return bytes.fromhex(text.replace(":", ""))
    return bytes([rng.randrange(256) & 0xfc | 2]) + rng.randbytes(5)


def main(dev, to_mac, from_mac, src, vip, rate, seconds, *more):
    tags = b"".join(struct.pack("!HH", 0x8100, int(tag)) for tag in more if tag != "bypass")
    sock = socket.socket(socket.AF_PACKET, socket.SOCK_RAW)
    sock.bind((dev, 0))
    if "bypass" in more:
        sock.setsockopt(263, PACKET_QDISC_BYPASS, 1)	# SOL_PACKET
    rng, start, count = random.Random(7), time.monotonic(), int(float(rate) * float(seconds))
    for i in range(count):
        time.sleep(max(0.0, start + i / float(rate) - time.monotonic()))
        try:
            sock.send(mac(to_mac, rng) + mac(from_mac, rng) + tags + b"\x08\x00" + packet(src, vip))
        except OSError as e:
            if e.errno != 105:		# ENOBUFS: tc has dropped it
                raise
    print(count)


if __name__ == "__main__":
    main(*sys.argv[1:])
