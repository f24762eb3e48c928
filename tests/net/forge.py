# SPDX-License-Identifier: GPL-2.0-or-later
"""forge: what an attacker on the same network does to the heartbeat. Runs inside one namespace of the lab.

    forge.py record IF FROM_IP COUNT FILE          payloads of FROM_IP's pulses, one a line in hex
    forge.py send IF FROM_IP TO_IP TO_MAC RATE SECONDS KIND [FILE]

Frames bear the sender's own hardware address, so that the switch is not fooled, only the receiver. KIND: random,
mac (all is right but the key), flipped (recorded ones with one bit turned over), replay. `send` ends with the
number of frames sent on stdout.
"""

import random
import socket
import struct
import sys
import time

PORT = 4270


def checksum(data):
    total = sum(struct.unpack(f"!{len(data) // 2}H", data))
    while total >> 16:
        total = (total & 0xffff) + (total >> 16)
    return ~total & 0xffff


def frame(to_mac, own_mac, src, dst, payload):
    """UDP over IPv4, without the optional checksum."""
    udp = struct.pack("!HHHH", PORT, PORT, 8 + len(payload), 0)
    head = struct.pack("!BBHHHBBH4s4s", 0x45, 0, 28 + len(payload), 0, 0, 64, 17, 0, src, dst)
    head = head[:10] + struct.pack("!H", checksum(head)) + head[12:]
    return to_mac + own_mac + b"\x08\x00" + head + udp + payload


def pulse_of(data):
    """(source address, payload) of a plain frame with a pulse, or None."""
    if len(data) < 42 or data[12:14] != b"\x08\x00" or data[14] != 0x45 or data[23] != 17:
        return None
    if struct.unpack("!H", data[36:38])[0] != PORT:
        return None
    return data[26:30], data[42:34 + struct.unpack("!H", data[38:40])[0]]


def record(dev, src, count, file):
    sock = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(3))
    sock.bind((dev, 0))
    sock.settimeout(5)
    with open(file, "w", encoding="ascii") as out:
        while count:
            got = pulse_of(sock.recv(2048))
            if got and got[0] == src:
                out.write(got[1].hex() + "\n")
                count -= 1


def any_bytes(rng, _):
    return rng.randbytes(rng.randrange(0, 800))


def all_but_the_key(rng, old):
    """A pulse as recorded, of a time to come, with a guessed MAC."""
    seq = struct.unpack("!Q", old[16:24])[0] + rng.randrange(1, 1 << 30)
    return rng.randbytes(8) + old[8:16] + struct.pack("!Q", seq) + old[24:]


def one_bit(rng, old):
    bit = rng.randrange(len(old) * 8)
    turned = bytearray(old)
    turned[bit // 8] ^= 1 << bit % 8
    return bytes(turned)


def as_it_was(_, old):
    return old


KINDS = {"random": any_bytes, "mac": all_but_the_key, "flipped": one_bit, "replay": as_it_was}


def send(dev, src, dst, to_mac, rate, seconds, kind, file=None):
    sock = socket.socket(socket.AF_PACKET, socket.SOCK_RAW)
    sock.bind((dev, 0))
    own_mac, rng = sock.getsockname()[4], random.Random(kind)
    with open(file or "/dev/null", encoding="ascii") as lines:
        recorded = [bytes.fromhex(line) for line in lines] or [b""]
    start = time.monotonic()
    for i in range(int(rate * seconds)):
        time.sleep(max(0.0, start + i / rate - time.monotonic()))
        sock.send(frame(to_mac, own_mac, src, dst, KINDS[kind](rng, recorded[i % len(recorded)])))
    print(int(rate * seconds))


def main(verb, dev, src, *rest):
    src = socket.inet_aton(src)
    if verb == "record":
        record(dev, src, int(rest[0]), rest[1])
        return
    dst, to_mac, rate, seconds, *what = rest
    send(dev, src, socket.inet_aton(dst), bytes.fromhex(to_mac.replace(":", "")), float(rate), float(seconds), *what)


if __name__ == "__main__":
    main(*sys.argv[1:])
