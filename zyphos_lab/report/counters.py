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
# Per request, by unit; what is rarer than this on both sides explains nothing.
TINY = {"bytes": 1.0}
TINY_ELSE = 0.05


def candidates(frame: pd.DataFrame) -> list[str]:
    """The frame's per-request counters that are no times."""
    names = [str(column) for column in frame.columns if str(column).endswith(PER_REQUEST)]
    return [name for name in names if "_ns" not in name]


def moved(frame: pd.DataFrame, names: list[str], cell: str, baseline: str) -> list[CounterMove]:
    """At most SHOWN_MAX counters, the largest relative change first."""
    steady = [name for name in names if _one_sided(frame, name, cell, baseline)]
    moves = [_move(frame, name, cell, baseline) for name in steady]
    told = [move for move in moves if move is not None and _matters(move)]
    ordered = sorted(told, key=lambda move: (-_size(move), move.name))
    distinct = {(move.baseline, move.value): move for move in reversed(ordered)}  # one per tale
    return [move for move in ordered if distinct[(move.baseline, move.value)] is move][:SHOWN_MAX]


def _one_sided(frame: pd.DataFrame, name: str, cell: str, baseline: str) -> bool:
    """Whether the difference has one sign in every block that has both."""
    arm, base = by_block(frame, cell, name), by_block(frame, baseline, name)
    pairs = [(arm[b].value, base[b].value) for b in arm if b in base]
    steps = [x - y for x, y in pairs if x is not None and y is not None]
    return bool(steps) and (min(steps) > 0 or max(steps) < 0)


def _move(frame: pd.DataFrame, name: str, cell: str, baseline: str) -> CounterMove | None:
    value = estimate(frame, cell, name).value
    before = estimate(frame, baseline, name).value
    if value is None or before is None:
        return None
    metric = lookup(name)
    return CounterMove(name, metric.unit if metric else "ratio", before, value)


def _matters(move: CounterMove) -> bool:
    return _size(move) >= math.log1p(LEAST_CHANGE) and max(move.value, move.baseline) >= _tiny(move)


def _size(move: CounterMove) -> float:
    tiny = _tiny(move)
    return abs(math.log((move.value + tiny) / (move.baseline + tiny)))


def _tiny(move: CounterMove) -> float:
    return TINY.get(move.unit, TINY_ELSE)
