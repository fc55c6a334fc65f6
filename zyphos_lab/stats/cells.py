"""What one cell says about one metric: the median over its starts and how far that can be trusted.

The interval of the median comes from order statistics (no assumption on the distribution, and the
coverage is at least what is asked for). Does not know contrasts.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from zyphos_lab.stats.readings import Reading, by_block
from zyphos_lab.stats.signflip import ALPHA

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True)
class Estimate:
    """A median over starts, in the metric's own unit.

    `low`/`high` bound it at 95 % or better where `n` >= 6, else they are None. `smallest` and
    `largest` are always the range of what was seen. `at_least`: the median fell on a lower bound
    and prints as `>= value`. `value` is None where there is nothing to show; `reason` says why, or
    what else has to be known.
    """

    value: float | None
    low: float | None
    high: float | None
    smallest: float | None
    largest: float | None
    n: int
    at_least: bool = False
    reason: str = ""


def estimate(frame: pd.DataFrame, cell: str, metric: str) -> Estimate:
    """The cell's metric over its starts. Never raises on missing, zero or censored values."""
    return summarise(by_block(frame, cell, metric).values())


def summarise(readings: Collection[Reading]) -> Estimate:
    """The same for readings at hand, one per start."""
    values = sorted((r.value, r.at_least) for r in readings if r.value is not None)
    reason = _losses(readings)
    if not values:
        return Estimate(None, None, None, None, None, 0, reason=reason or "no trial")
    numbers = [value for value, _ in values]
    bounds = [at_least for _, at_least in values]
    n = len(values)
    rank = None if any(bounds) else order_rank(n)
    return Estimate(
        value=float(np.median(numbers)),
        low=None if rank is None else numbers[rank],
        high=None if rank is None else numbers[-1 - rank],
        smallest=numbers[0],
        largest=numbers[-1],
        n=n,
        at_least=any(bounds[(n - 1) // 2 : n // 2 + 1]),
        reason=reason,
    )


def order_rank(n: int, alpha: float = ALPHA) -> int | None:
    """Largest r such that [x(r), x(n-1-r)] of n sorted values holds the median with 1 - alpha.

    None where even the whole range does not (n <= 5 at 5 %). Coverage: 1 - 2 P(Bin(n, 1/2) <= r).
    """
    found, below = None, 0.0
    for r in range((n + 1) // 2):
        below += math.comb(n, r) * 0.5**n
        if 2 * below > alpha:
            break
        found = r
    return found


def _losses(readings: Iterable[Reading]) -> str:
    counted: dict[str, int] = {}
    for reading in readings:
        why = reading.why or ("lower bound" if reading.at_least else "")
        if why:
            counted[why] = counted.get(why, 0) + 1
    return ", ".join(f"{count} x {why}" for why, count in counted.items())
