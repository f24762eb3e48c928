# SPDX-License-Identifier: GPL-2.0-or-later
"""The SIP server crashes and leaves a big core: its socket stands until that is written; does the role wait for it?"""

import pytest

import traffic
from controller import Pair, other
from lab import HOSTS, wait_until

CORE_MB = 256


@pytest.fixture
def cores():
    with open("/proc/sys/kernel/core_pattern") as f:
        pattern = f.read().strip()
    if not pattern or pattern[0] in "|/":
        pytest.skip(f"core_pattern is '{pattern}': a core would not be written into the lab's directory")


def first(lines, *words):
    """Index of the first line with all the words; fails with the lines."""
    for i, line in enumerate(lines):
        if all(word in line for word in words):
            return i
    raise AssertionError(f"no line with {words} in:\n" + "\n".join(lines))


def test_the_role_moves_while_the_core_is_written(lab, cores, probe):
    pair = Pair(lab)
    for host in HOSTS:
        traffic.answerer(lab, host, core_mb=CORE_MB)
        pair[host].configure({"group sip": {"server-pidfile": traffic.write_pidfile(lab, host)}})
    pair.start()
    asked, holder = probe(), pair.primary
    asked.wait_answered_by(holder)
    with asked.event("dump"):
        lab.dump(holder)
    asked.wait_answered_by(other(holder), 10)
    wait_until(lambda: not traffic.listens(lab, holder), 60, "the core to be written")
    wait_until(lambda: "reason=process-gone" in pair[holder].log(), 10, f"{holder} to see the end of its server")
    told = pair[holder].log().splitlines()
    dump, moved = first(told, "service ", "reason=core-dump"), first(told, "role change ", "from=primary")
    assert dump < moved < first(told, "service ", "reason=process-gone"), told
    seen = asked.stop()
    assert seen["answered_by_two"] == 0, f"{seen['answered_by_two']} requests answered by both hosts"
    assert [s["tag"] for s in seen["segments"]] == [holder, other(holder)], seen["segments"]
    print(f"silence {seen['marks']['dump']['silence_ms']:.1f} ms, {seen['lost']} lost")
