"""Where the noise comes from, by level, and what would narrow an interval.

Two levels: between starts of the server (memory layout, scheduling, the machine's mood) and between
the intervals of one start. More starts narrow both, longer windows only the second. All variances
are of natural logarithms: 0.0001 is a standard deviation of 1 %. Does not know frames or words.

Sources: Searle, Casella and McCulloch 1992 (one-way random effects, by moments); Kalibera and Jones
2013 (which level to repeat); the intervals' dependence as an AR(1).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from zyphos_lab.stats.signflip import ALPHA
from zyphos_lab.stats.sizes import half_width, sample_size

Floats = NDArray[np.float64]

INTERVALS_MIN = 4  # per start; fewer say nothing of their own noise
_PHI_MAX = 0.9


@dataclass(frozen=True)
class Levels:
    """The variance of one start's logarithm, in parts: `start` + `interval`.

    `interval` is what the noise within a start adds to the start's value over its whole window; it
    falls with the window's length, `start` does not. `autocorrelation` is that of neighbouring
    intervals. `starts` and `intervals` (per start, the fewest) are what this was estimated from.
    """

    start: float
    interval: float
    autocorrelation: float
    starts: int
    intervals: int

    @property
    def start_share(self) -> float | None:
        """Share of the variance that lies between starts; None where nothing varies."""
        total = self.start + self.interval
        return self.start / total if total > 0 else None


@dataclass(frozen=True)
class Advice:
    """What would bring a contrast's interval to `target` (half-widths are fractions of the centre).

    `blocks_more` starts of each arm, or windows `window_factor` times as long. That is None where
    no window is long enough or nothing is known of levels. `start_share` is that of the blocks' log
    ratios.
    """

    blocks: int
    half_width: float
    target: float
    blocks_more: int
    start_share: float | None = None
    window_factor: float | None = None


def variance_levels(*cells: Sequence[Sequence[float]]) -> Levels | None:
    """Levels pooled over cells; each cell is a sequence of starts, each of interval values.

    Values must be positive to have a logarithm: starts with another, or with fewer than
    INTERVALS_MIN values, are left out. None with fewer than two starts in every cell.
    """
    logs = [[np.log(start) for start in map(np.asarray, cell) if _usable(start)] for cell in cells]
    usable = [cell for cell in logs if len(cell) >= 2]
    if not usable:
        return None
    starts = [start for cell in usable for start in cell]
    phi = _autocorrelation(starts)
    within = float(np.mean([_variance_of_mean(start, phi) for start in starts]))
    return Levels(
        start=max(0.0, _between(usable) - within),
        interval=within,
        autocorrelation=phi,
        starts=len(starts),
        intervals=min(map(len, starts)),
    )


def _between(cells: Sequence[Sequence[Floats]]) -> float:
    """Variance of the starts' means, pooled over cells."""
    means = [np.array([start.mean() for start in cell]) for cell in cells]
    squares = sum(float(np.sum((cell - cell.mean()) ** 2)) for cell in means)
    return squares / sum(len(cell) - 1 for cell in means)


def advice(
    log_ratios: Sequence[float],
    target: float,
    levels: Levels | None = None,
    alpha: float = ALPHA,
    now: float | None = None,
) -> Advice | None:
    """What would bring the interval of these blocks' ratio to a half-width of `target`.

    `levels` are those of both cells pooled: a block's log ratio has the noise of two starts. `now`
    is the half-width of the interval where one is told already. None where there is no interval to
    begin with, where it is as narrow as `target` already, or where nothing varies.
    """
    values = np.asarray(log_ratios, dtype=np.float64)
    if now is None and len(values) >= 2:
        now = half_width(values.tolist(), alpha)
    variance = float(values.var(ddof=1)) if now else 0.0
    if now is None or now <= target or variance <= 0:
        return None
    more = max(1, sample_size(values.tolist(), target, alpha) - len(values))
    if levels is None:
        return Advice(len(values), now, target, more)
    within = min(1.0, 2 * levels.interval / variance)
    factor = _window_factor(within, (math.atanh(target) / math.atanh(now)) ** 2)
    return Advice(len(values), now, target, more, 1 - within, factor)


def useful_width(ratio: float, now: float, floor: float) -> float:
    """The half-width at which an interval around `ratio` can decide; `now` is what it has.

    As narrow as the floor, or as the distance of a large difference to it; where that is reached
    and the interval still lies across the floor's edge: the distance to the edge, half of `now` at
    least (what lies on the edge cannot be decided by any number of starts).
    """
    size = math.exp(abs(math.log(ratio))) - 1
    wide = max(floor, size - floor)
    return min(0.99, wide if now > wide else max(abs(size - floor), now / 2))


def _window_factor(within: float, wanted: float) -> float | None:
    """How much longer windows must be for the variance to fall to `wanted` (below 1) of what it
    is.
    """
    left = wanted - (1 - within)
    return within / left if left > 0 else None


def _usable(start: Floats) -> bool:
    return (
        len(start) >= INTERVALS_MIN and bool(np.isfinite(start).all()) and bool((start > 0).all())
    )


def _autocorrelation(starts: Sequence[Floats]) -> float:
    """Of neighbouring intervals, pooled over starts and corrected for their estimated means."""
    residuals = [start - start.mean() for start in starts]
    total = sum(float(r @ r) for r in residuals)
    if total == 0:
        return 0.0
    phi = sum(float(r[1:] @ r[:-1]) for r in residuals) / total
    n = float(np.mean([len(r) for r in residuals]))
    return float(np.clip(phi + (1 + 3 * phi) / n, 0.0, _PHI_MAX))


def _variance_of_mean(start: Floats, phi: float) -> float:
    """Of the mean of an AR(1) series, from its own sample variance (too small by dependence)."""
    n = len(start)
    lags = np.arange(1, n)
    inflation = 1 + 2 * float(np.sum((1 - lags / n) * phi**lags))
    shrunk = max(0.1, (n - inflation) / (n - 1))
    return float(start.var(ddof=1)) / shrunk * inflation / n
