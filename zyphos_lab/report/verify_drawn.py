"""Sign-flips of more blocks than can be enumerated, once more: p, and ends of intervals.

There the report draws flips by a seed. Here nothing is drawn for a single comparison: the law of
the flipped sum is made block by block on a grid (a convolution), and an end of an interval is right
where as many flips lie beyond it as must. Only for a family another generator's flips are drawn.
What was drawn is right within ERRORS standard errors of its draws. Shares nothing with
zyphos_lab/stats.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from zyphos_lab.report import verify_flips as flips
from zyphos_lab.report.verify_check import Check

Floats = NDArray[np.float64]
ERRORS = 5.0
SAME = 1e-12
GRID = 1 << 16  # steps from 0 to the sum of all blocks' sizes


@dataclass(frozen=True)
class Draws:
    """How many flips the report draws (each stands for its mirror too), of what, and how many are
    drawn here for a family.
    """

    count: int
    what: str
    own: int

    @property
    def kind(self) -> str:
        """For the count of numbers that are held within an error."""
        return f"{self.what}: within {ERRORS:g} standard errors of {self.count:,} drawn flips"

    def error(self, p: float, own: int = 0) -> float:
        """What a share `p` may be off; `own` draws were made to know it."""
        least = max(p, 1 / self.count)
        variance = least * max(0.0, 1 - least) * (1 / self.count + (1 / own if own else 0.0))
        return ERRORS * math.sqrt(variance) + 1 / self.count


BLOCKS = Draws(50_000, "p and interval of more than 20 blocks", 100_000)
COUNTERS = Draws(5_000, "p and interval of counters over more than 12 blocks", 20_000)


class Law:
    """The law of sum(+-value) with fair signs. Cost: O(blocks x GRID) time, O(GRID) memory."""

    def __init__(self, values: Sequence[float] | Floats) -> None:
        sizes = np.abs(np.asarray(values, dtype=np.float64))
        self._step = float(sizes.sum()) / GRID or 1.0
        steps = np.rint(sizes / self._step).astype(np.int64)
        self._slack = len(steps) / 2  # each block is rounded by half a step at most
        self._zero = int(steps.sum())
        chances = np.zeros(2 * self._zero + 1)
        chances[self._zero] = 1.0
        for step in steps[steps > 0]:
            chances = (np.roll(chances, step) + np.roll(chances, -step)) / 2
        self._at_least = np.append(np.cumsum(chances[::-1])[::-1], 0.0)

    def at_least(self, level: float) -> tuple[float, float]:
        """Between which two the probability lies that the sum is `level` or more."""
        at = level / self._step
        return self._from(math.ceil(at + self._slack)), self._from(math.ceil(at - self._slack))

    def _from(self, step: int) -> float:
        """The same of a whole number of steps."""
        return float(self._at_least[min(max(step, -self._zero), self._zero + 1) + self._zero])


def p_between(logs: Sequence[float] | Floats) -> tuple[float, float]:
    """Between which two the two-sided p of the sign-flip test lies."""
    values = np.asarray(logs, dtype=np.float64)
    low, high = Law(values).at_least(abs(float(values.sum())))
    return min(1.0, 2 * low), min(1.0, 2 * high)


def beyond(logs: Sequence[float] | Floats, end: float) -> tuple[float, float]:
    """Between which two the share of all subsets of blocks lies whose mean is `end` or further out:
    it is alpha / 2 at both ends of the inverted test's interval.
    """
    moved = np.asarray(logs, dtype=np.float64) - end
    return Law(moved).at_least(abs(float(moved.sum())))


def hold_p(check: Check, place: str, told: float | None, logs: Floats, draws: Draws) -> None:
    """A p that the report has drawn."""
    low, high = p_between(logs)
    error = max(draws.error(low), draws.error(high))
    holds = told is not None and low - error <= told <= high + error
    check.drawn(place, told, f"{low:.4g} to {high:.4g}, within {error:.2g}", holds, draws.kind)


def hold_family(check: Check, place: str, told: float | None, p: float, draws: Draws) -> None:
    """A p adjusted over a family; `p` is of own draws."""
    error = draws.error(p, draws.own)
    holds = told is not None and abs(told - p) <= error
    check.drawn(place, told, f"{p:.4g}, within {error:.2g}", holds, draws.kind)


def hold_ends(
    check: Check, place: str, told: Sequence[float | None], logs: Floats, draws: Draws
) -> None:
    """Both ends (ratios) of an interval that the report has drawn."""
    middle, wanted = float(np.mean(logs)), flips.ALPHA / 2
    if np.ptp(logs) <= SAME * max(1.0, abs(middle)):  # a cell beside itself: nothing is drawn
        for name, end in zip(("low", "high"), told, strict=True):
            check.same(f"{place} {name}", end, math.exp(middle))
        return
    error = draws.error(wanted)
    for name, end, sign in zip(("low", "high"), told, (-1, 1), strict=True):
        if end is None or end <= 0 or sign * (math.log(end) - middle) <= 0:
            found = f"{name} is beyond the ratio {math.exp(middle):.4g}"
            check.drawn(f"{place} {name}", end, found, False, draws.kind)
            continue
        low, high = beyond(logs, math.log(end))
        holds = low - error <= wanted <= high + error
        found = f"{low:.3g} to {high:.3g} of the flips beyond it, not {wanted:g} within {error:.2g}"
        check.drawn(f"{place} {name}", end, found, holds, draws.kind)


def adjusted(family: list[dict[int, float]], draws: Draws) -> list[float]:
    """Step-down maxT of a family of contrasts (block -> log ratio), by own draws."""
    return flips.step_down(family, draws.own)
