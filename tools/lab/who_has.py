#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""who_has: which MAC addresses answer an ARP question for an IPv4 address within 0.2 s? One a line.

    who_has.py INTERFACE OWN_ADDRESS ADDRESS
"""

import socket
import struct
import sys
import time

WAIT_S = 0.2
ARP, REQUEST, REPLY = 0x0806, 1, 2


def question(mac, own, address):
    return (b"\xff" * 6 + mac + struct.pack("!H", ARP) + struct.pack("!HHBBH", 1, 0x0800, 6, 4, REQUEST) +
            mac + socket.inet_aton(own) + bytes(6) + socket.inet_aton(address))


def sender_of(frame, address):
    """The MAC that says it has the address; None: another frame."""
    if len(frame) < 42 or struct.unpack("!H", frame[20:22])[0] != REPLY or frame[28:32] != socket.inet_aton(address):
        return None
    return frame[22:28].hex(":")


def main():
    interface, own, address = sys.argv[1:4]
    wire = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(ARP))
    wire.bind((interface, 0))
    wire.send(question(wire.getsockname()[4], own, address))
    end, found = time.monotonic() + WAIT_S, set()
    while (left := end - time.monotonic()) > 0:
        wire.settimeout(left)
        try:
            found.add(sender_of(wire.recv(256), address))
        except TimeoutError:
            break
    print("\n".join(sorted(found - {None})))


if __name__ == "__main__":
    main()
