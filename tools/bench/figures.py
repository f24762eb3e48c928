# SPDX-License-Identifier: GPL-2.0-or-later
"""figures: how the benches print what they found."""

import statistics
import sys


def say(text):
    print(text, file=sys.stderr, flush=True)


def spread(values, form=".1f"):
    """Median / worst."""
    return f"{statistics.median(values):{form}} / {max(values):{form}}" if values else "-"


def print_table(heads, lines):
    table = [heads] + list(lines)
    widths = [max(len(row[i]) for row in table) for i in range(len(heads))]
    for row in table:
        print("  ".join([row[0].ljust(widths[0])] + [cell.rjust(w) for cell, w in zip(row[1:], widths[1:])]).rstrip())
