"""Two runs that were not interleaved: permutation tests of their starts, intervals, step-down maxT.

What it is: the arithmetic on plain arrays of log values, one entry per start. Under "no difference"
it is chance which run a start belongs to, so every way to deal the starts out gives the exact null
distribution; beyond EXACT_DEALS_MAX ways a seeded sample (which always holds the observed one)
takes its place. It does not know that runs made at different times differ for reasons of their own:
who shows the result has to say so.

Test and interval are one thing. Dealing r starts of each run to the other moves the difference of
means past `mean(those of b) - mean(those of a)`: the ordered list of these numbers is the interval
for every level, and the share of them beyond 0 the one-sided p; the p given is twice the smaller.
In a family the difference is put over the pooled deviation, which no dealing changes.

Source: Pitman 1937 (the test), Romano and Wolf 2005 (step-down maxT), Hartigan 1969 (intervals from
subsample values, here of two samples).
"""

from __future__ import annotations

import functools
import math
from dataclasses import dataclass
from itertools import combinations

import numpy as np
from numpy.typing import NDArray

from zyphos_lab.stats.signflip import ALPHA, Floats

EXACT_DEALS_MAX = 50_000
SAMPLED_DEALS = 50_000
_TIE = 1e-9  # relative slack: equal sums in another order of addition count as equal


@dataclass(frozen=True)
class Deals:
    """Ways to deal m + n starts out to runs of m and n; each row is true for run b.

    The first is the observed one. Cost: O(C(m + n, n)) time and memory when exact.
    """

    first: int
    second: int
    to_second: NDArray[np.bool_]

    @classmethod
    @functools.lru_cache(maxsize=16)
    def of(cls, first: int, second: int, seed: int = 0) -> Deals:
        """Every way, or a seeded sample where there are too many."""
        total = first + second
        count = math.comb(total, second)
        if count <= EXACT_DEALS_MAX:
            chosen = np.array(list(combinations(range(total), second)), dtype=np.intp)
            table = np.zeros((count, total), dtype=np.bool_)
            np.put_along_axis(table, chosen.reshape(count, second), True, axis=1)
            return cls(first, second, table[::-1])  # the last combination is the observed one
        random = np.random.default_rng(seed)
        ranks = random.random((SAMPLED_DEALS, total)).argsort(axis=1)
        table = ranks >= first
        table[0] = np.arange(total) >= first
        return cls(first, second, table)  # shared by the cache: never written to


@dataclass(frozen=True)
class TwoSample:
    """The difference of mean logs (b - a), its interval at 1 - alpha, and the two-sided p.

    `low`, `high` are None where no number of deals can reject (3 and 3 starts at 5 %).
    """

    difference: float
    low: float | None
    high: float | None
    p: float


def two_sample(a: Floats, b: Floats, alpha: float = ALPHA, seed: int = 0) -> TwoSample:
    """Compares two samples of log values; p and interval agree, whatever the level.

    ValueError for an empty sample.
    """
    a, b = np.asarray(a, dtype=np.float64), np.asarray(b, dtype=np.float64)
    if not len(a) or not len(b):
        raise ValueError("a comparison of two samples needs at least one value of each")
    deals = Deals.of(len(a), len(b), seed)
    moved, unmoved = _thresholds(deals, a, b)
    total = len(moved) + unmoved
    slack = _TIE * float(np.abs(np.concatenate([a, b])).max(initial=0.0))
    below = unmoved + int(np.sum(moved <= slack))
    above = unmoved + int(np.sum(moved >= -slack))
    p = min(1.0, 2 * min(below, above) / total)
    rank = math.floor(alpha / 2 * total + _TIE) - unmoved
    difference = float(b.mean() - a.mean())
    if rank < 0:
        return TwoSample(difference, None, None, p)
    ordered = np.partition(moved, [rank, len(moved) - 1 - rank])
    return TwoSample(difference, float(ordered[rank]), float(ordered[-1 - rank]), p)


def _thresholds(deals: Deals, a: Floats, b: Floats) -> tuple[Floats, int]:
    """For each deal that moves a start, the shift at which it equals the observed one; and how
    many move none.
    """
    from_first = deals.to_second[:, : deals.first]
    from_second = ~deals.to_second[:, deals.first :]
    swapped = from_first.sum(axis=1)
    moving = swapped > 0
    sums = from_second[moving] @ b - from_first[moving] @ a
    return np.asarray(sums / swapped[moving], dtype=np.float64), int(np.sum(~moving))


def step_down_two(first: Floats, second: Floats, seed: int = 0) -> Floats:
    """Step-down maxT: family-wise adjusted p of each column of two starts x contrasts arrays.

    A start is dealt out whole, with all its contrasts, which keeps their dependence. NaN marks a
    start that a contrast does not have; a column without values on either side gets NaN.
    """
    first, second = np.atleast_2d(first), np.atleast_2d(second)
    pooled = np.vstack([first, second])
    adjusted = np.full(pooled.shape[1], np.nan)
    columns = range(pooled.shape[1])
    present = [j for j in columns if _any(first[:, j]) and _any(second[:, j])]
    if not present:
        return adjusted
    deals = Deals.of(len(first), len(second), seed).to_second
    statistics = {j: _studentised(deals, pooled[:, j]) for j in present}
    order = sorted(present, key=lambda j: float(statistics[j][0]))
    highest = np.zeros(1)
    for j in order:  # least significant first: the running maximum is over what is left
        highest = np.maximum(highest, statistics[j])
        adjusted[j] = float(np.mean(highest >= statistics[j][0] * (1 - _TIE)))
    floor = 0.0
    for j in reversed(order):
        floor = max(floor, adjusted[j])
        adjusted[j] = floor
    return adjusted


def _any(values: Floats) -> bool:
    return bool(np.isfinite(values).any())


def _studentised(deals: NDArray[np.bool_], values: Floats) -> Floats:
    """|difference of means| of every deal over its standard error under the pooled deviation."""
    there = np.isfinite(values)
    centred = np.where(there, values - values[there].mean(), 0.0)
    deviation = math.sqrt(float(np.sum(centred**2)) / max(1, int(there.sum())))
    sums = deals @ centred
    counts = deals @ there.astype(np.float64)
    others = there.sum() - counts
    possible = (counts > 0) & (others > 0)
    if deviation <= _TIE * max(1.0, float(np.abs(values[there]).max())):
        return np.zeros(len(deals))
    # The centred values sum to 0: what one side has more, the other has less.
    with np.errstate(divide="ignore", invalid="ignore"):
        difference = np.abs(sums) * (1 / counts + 1 / others)
        found = difference / (deviation * np.sqrt(1 / counts + 1 / others))
    return np.where(possible, found, 0.0)
