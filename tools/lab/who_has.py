#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""who_has: which MAC addresses answer a question for an address, by ARP or neighbour solicitation? One a line.

The first has two seconds, and whoever else answers 0.2 s more.

    who_has.py INTERFACE OWN_ADDRESS ADDRESS
"""

import socket
import struct
import sys
import time

FIRST_S, OTHERS_S = 2, 0.2
ARP, IPV6, ALL = 0x0806, 0x86dd, 3
REQUEST, REPLY, NS, NA = 1, 2, 135, 136


def checksum(data):
    total = sum(struct.unpack(f"!{len(data) // 2}H", data))
    while total >> 16:
        total = (total & 0xffff) + (total >> 16)
    return ~total & 0xffff


def solicitation(mac, own, address):
    source, target = (socket.inet_pton(socket.AF_INET6, a) for a in (own, address))
    group = socket.inet_pton(socket.AF_INET6, "ff02::1:ff00:0")[:13] + target[13:]
    body = struct.pack("!BBHI", NS, 0, 0, 0) + target + b"\x01\x01" + mac
    check = checksum(source + group + struct.pack("!II", len(body), 58) + body)
    body = body[:2] + struct.pack("!H", check) + body[4:]
    return (b"\x33\x33" + group[12:] + mac + struct.pack("!H", IPV6) + struct.pack("!IHBB", 6 << 28, len(body), 58, 255) +
            source + group + body)


def question(mac, own, address):
    if ":" in address:
        return solicitation(mac, own, address)
    return (b"\xff" * 6 + mac + struct.pack("!H", ARP) + struct.pack("!HHBBH", 1, 0x0800, 6, 4, REQUEST) +
            mac + socket.inet_aton(own) + bytes(6) + socket.inet_aton(address))


def advertiser_of(frame, address):
    target = socket.inet_pton(socket.AF_INET6, address)
    if len(frame) < 86 or frame[12:14] != b"\x86\xdd" or frame[20] != 58 or frame[54] != NA or frame[62:78] != target:
        return None
    body, pseudo = frame[54:], frame[22:54] + struct.pack("!II", len(frame) - 54, 58)
    return frame[80:86].hex(":") if not checksum(pseudo + body) else "wrong checksum"


def sender_of(frame, address):
    """The MAC that says it has the address; None: another frame."""
    if ":" in address:
        return advertiser_of(frame, address)
    if len(frame) < 42 or frame[12:14] != b"\x08\x06" or struct.unpack("!H", frame[20:22])[0] != REPLY or \
            frame[28:32] != socket.inet_aton(address):
        return None
    return frame[22:28].hex(":")


def main():
    interface, own, address = sys.argv[1:4]
    wire = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(ALL))
    wire.bind((interface, 0))
    wire.send(question(wire.getsockname()[4], own, address))
    end, found = time.monotonic() + FIRST_S, set()
    while (left := end - time.monotonic()) > 0:
        wire.settimeout(left)
        try:
            mac = sender_of(wire.recv(2048), address)
        except TimeoutError:
            break
        if mac and not found:
            end = time.monotonic() + OTHERS_S
        found |= {mac} - {None}
    print("\n".join(sorted(found)))


if __name__ == "__main__":
    main()
