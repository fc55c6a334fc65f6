"""Why, not only how much: the per-request counters that moved together with a difference.

A counter counts as moved when its difference has one sign in every block (the strictest thing that
a sign-flip can see), and is large against its own size. Times are results, not reasons: left out.
"""

from __future__ import annotations

import math

import pandas as pd

from zyphos_lab.metrics import lookup
from zyphos_lab.report.model import CounterMove
from zyphos_lab.stats import by_block, estimate

PER_REQUEST = "_per_request"
SHOWN_MAX = 3
LEAST_CHANGE = 0.05  # of its own size
TINY = 0.01  # per request; what is rarer than this on both sides explains nothing


def candidates(frame: pd.DataFrame) -> list[str]:
    """The frame's per-request counters that are no times."""
    names = [str(column) for column in frame.columns if str(column).endswith(PER_REQUEST)]
    return [name for name in names if "_ns" not in name]


def moved(frame: pd.DataFrame, names: list[str], cell: str, baseline: str) -> list[CounterMove]:
    """At most SHOWN_MAX counters, the largest relative change first."""
    found: list[tuple[float, CounterMove]] = []
    for name in names:
        arm, base = by_block(frame, cell, name), by_block(frame, baseline, name)
        pairs = [(arm[b].value, base[b].value) for b in arm if b in base]
        steps = [x - y for x, y in pairs if x is not None and y is not None]
        if not steps or not (all(step > 0 for step in steps) or all(step < 0 for step in steps)):
            continue
        value = estimate(frame, cell, name).value
        before = estimate(frame, baseline, name).value
        if value is None or before is None:
            continue
        size = abs(math.log((value + TINY) / (before + TINY)))
        if size >= math.log1p(LEAST_CHANGE) and max(value, before) >= TINY:
            metric = lookup(name)
            unit = metric.unit if metric else "ratio"
            found.append((size, CounterMove(name, unit, before, value)))
    ordered = sorted(found, key=lambda entry: (-entry[0], entry[1].name))
    return [move for _, move in ordered[:SHOWN_MAX]]
