#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""told: what the kernel tells of links and addresses of this namespace, and when? One JSON line each, times of the boot clock.

    told.py ADDRESS

{"boot_ns": .., "what": "link", "index": 2, "carrier": false}
{"boot_ns": .., "what": "address", "there": false}         of ADDRESS (IPv4) alone
"""

import json
import socket
import struct
import sys
import time

RTMGRP_LINK, RTMGRP_IPV4_IFADDR = 1, 0x10
NEWLINK, DELLINK, NEWADDR, DELADDR = 16, 17, 20, 21
LOWER_UP = 1 << 16
IFA_LOCAL = 2


def messages(data):
    while len(data) >= 16:
        length, kind = struct.unpack_from("=IH", data)
        yield kind, data[16:length]
        data = data[(length + 3) & ~3:]


def attributes(data):
    while len(data) >= 4:
        length, kind = struct.unpack_from("=HH", data)
        if length < 4:
            return
        yield kind, data[4:length]
        data = data[(length + 3) & ~3:]


def tell(what):
    print(json.dumps({"boot_ns": time.clock_gettime_ns(time.CLOCK_BOOTTIME), **what}), flush=True)


def main():
    wanted = socket.inet_aton(sys.argv[1])
    sock = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, 0)
    sock.bind((0, RTMGRP_LINK | RTMGRP_IPV4_IFADDR))
    print(json.dumps({"what": "ready"}), flush=True)
    while True:
        for kind, body in messages(sock.recv(65536)):
            if kind in (NEWLINK, DELLINK):
                index, flags = struct.unpack_from("=iI", body, 4)
                tell({"what": "link", "index": index, "carrier": kind == NEWLINK and bool(flags & LOWER_UP)})
            elif kind in (NEWADDR, DELADDR) and (IFA_LOCAL, wanted) in attributes(body[8:]):
                tell({"what": "address", "there": kind == NEWADDR})


if __name__ == "__main__":
    main()
