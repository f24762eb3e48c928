# SPDX-License-Identifier: GPL-2.0-or-later
"""steer_flood: 100,000 INVITEs of new dialogs a second from random addresses, beside known dialogs whose server drains.

Server 1 drains, 2 is active: what of the known dialogs arrives at 2 was forgotten, what arrives nowhere was lost. The cost of a frame
of a known dialog is taken before, while it floods (on another CPU) and after it, when the tables are full.
"""

import threading

from throughput import Rig

KNOWN, KNOWN_PPS, PPS = 1000, 5000, 100000
BRAKE = 10000		# what batond lets a CPU begin in a second; the tick here stands still, so: of all that comes


def flood(seconds=5, brake=None, say=lambda text: None):
    """brake None: every INVITE of the flood is noted, the worst for the tables."""
    with Rig() as rig:
        rig.node("steer")
        rig.gen(f"warm {KNOWN}")
        before = rig.node("counts")
        costs = [rig.node("cost")["ns"]]
        rig.node("aim 2 1")
        if brake is not None:
            rig.node(f"brake {brake}")
        got = {}
        thread = threading.Thread(target=lambda: got.update(rig.gen(f"flood {PPS} {1000 * seconds} {KNOWN} {KNOWN_PPS}")))
        thread.start()
        during = []
        while thread.is_alive():
            during.append(rig.node("cost")["ns"])
        thread.join()
        costs += [min(during), rig.node("cost")["ns"]]
        after = rig.node("counts")
        own_1, strange_1, own_2, strange_2 = got["counts"][:4]
        told = {"known": KNOWN, "seconds": got["seconds"], "pps": got["sent"] / got["seconds"], "own_sent": got["own"], "own_kept": own_1,
                "own_moved": own_2, "strangers_sent": got["sent"], "strangers_steered": strange_1 + strange_2,
                "young": after["young"], "dialogs": after["dialogs"], "dialogs_before": before["dialogs"], "cost_ns": costs}
        say(f"  {told}")
        return told


def lines(told):
    b, d, a = told["cost_ns"]
    return [("INVITEs from strangers, offered", f"{told['pps'] / 1000:.0f} k/s for {told['seconds']:.0f} s, each a dialog of its own"),
            ("of the known dialogs' messages", f"{told['own_kept']} of {told['own_sent']} to the server that has them, "
                                               f"{told['own_moved']} elsewhere"),
            ("known dialogs in the table", f"{told['dialogs_before']} before, {told['dialogs']} after; beside them {told['young']} begun ones"),
            ("cost of a known dialog's message", f"{b} ns before, {d} ns meanwhile, {a} ns after ({a / b if b > 0 else 0:.2f} x; at most 2 x)")]
