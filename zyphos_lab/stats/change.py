"""Where a series of interval values settles, and whether it changed later.

Interval values of one start (rate or median latency per slice) depend on each other, so a test that
shuffles them sees changes everywhere. Here: the largest two-sample t over all splits (CUSUM,
weighted so that a short warm-up counts), on robust scores (no outlier decides), against seeded
series of the same length with the autocorrelation that the values show. False alarms stay at the
nominal level for a first autocorrelation up to 0.6 from 50 values on (up to 0.3 from 20).

Does not know trials or histograms. Sources: Robbins et al. 2011 (maximum of CUSUM under
autocorrelation); Kendall 1954 (bias of phi); White 1997 (MSER, the truncation point).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from zyphos_lab.stats.signflip import ALPHA

Floats = NDArray[np.float64]

VALUES_MIN = 10  # fewer cannot tell a change from noise that depends on itself
FLOOR = 0.01  # a change by less is none, however sure
_SIMULATIONS = 1_000
_NORMAL_MAD = 0.6745  # median absolute deviation of a normal, in standard deviations
_CLIP = 4.0
_EDGE = 2  # values on each side of a change, at least
_PHI_MAX = 0.9
_FADINGS = (1.5, 3.0, 6.0, 12.0)  # slices in which a warm-up falls to 37 %
_PHI_STEP = 0.1


@dataclass(frozen=True)
class ChangePoint:
    """The series is around `before` up to value `index` - 1, around `after` from `index` on.

    Both are medians, `ratio` is after / before (None where before is 0), `p` that of a series
    without a change and with the same autocorrelation.
    """

    index: int
    before: float
    after: float
    ratio: float | None
    p: float


def change_point(
    values: Sequence[float], alpha: float = ALPHA, floor: float = FLOOR
) -> ChangePoint | None:
    """The one clearest change of level; None where there is none at `alpha`, or below `floor`.

    `floor` is a fraction of the level. None too for fewer than VALUES_MIN values: too few to say.
    Cost: O(values), and once per length and autocorrelation 1,000 simulated series.
    """
    series = _finite(values)
    if len(series) < VALUES_MIN or np.ptp(series) == 0:
        return None
    scores = _scores(series[None, :])
    statistics = _statistics(scores)[0]
    split = int(np.argmax(statistics)) + _EDGE
    known = _null(len(series), _autocorrelation(scores[0], split))
    p = (1 + int(np.sum(known >= statistics.max()))) / (1 + len(known))
    before, after = (float(np.median(part)) for part in (series[:split], series[split:]))
    if p > alpha or abs(after - before) <= floor * max(abs(before), abs(after)):
        return None
    return ChangePoint(split, before, after, after / before if before else None, p)


def warmup_end(values: Sequence[float], alpha: float = ALPHA, floor: float = FLOOR) -> int | None:
    """How many values at the beginning belong to the warm-up; 0 where there is none.

    None where the series does not settle within its first half, or is too short to say: it needs
    2 x VALUES_MIN values. A value is dropped only where a change point is shown; then as many go
    as leave the mean of the rest most certain (MSER), and the rest is looked at again.
    """
    series = _finite(values)
    if len(series) < 2 * VALUES_MIN:
        return None
    start = 0
    while (found := change_point(series[start:].tolist(), alpha, floor)) is not None:
        start += max(found.index, _mser(series[start:]))
        if 2 * start >= len(series):
            return None
    return start


def _finite(values: Sequence[float]) -> Floats:
    series = np.asarray(values, dtype=np.float64)
    if not np.isfinite(series).all():
        raise ValueError("a series of interval values holds only finite numbers")
    return series


def _scores(rows: Floats) -> Floats:
    """Each row's distances from its median in robust standard deviations, cut at CLIP."""
    centred = rows - np.median(rows, axis=1, keepdims=True)
    size = np.abs(centred)
    scale = np.median(size, axis=1, keepdims=True) / _NORMAL_MAD
    scale = np.where(scale > 0, scale, size.mean(axis=1, keepdims=True))
    return np.asarray(np.clip(centred / scale, -_CLIP, _CLIP), dtype=np.float64)


def _statistics(rows: Floats) -> Floats:
    """Of each row of scores at each split: difference of the sides' means in its standard errors.

    The variance is that about the two means. Cost: O(rows x n).
    """
    n = rows.shape[1]
    left = np.arange(_EDGE, n - _EDGE + 1, dtype=np.float64)
    sums = np.cumsum(rows, axis=1)
    head, total = sums[:, _EDGE - 1 : n - _EDGE], sums[:, -1:]
    between = (head - left / n * total) ** 2 * n / (left * (n - left))
    within = (rows**2).sum(axis=1, keepdims=True) - total**2 / n - between
    return np.asarray(between / np.maximum(within / (n - 2), 1e-12), dtype=np.float64)


def _autocorrelation(scores: Floats, split: int) -> float:
    """Of neighbours, about the best of a step, a line and fading ones (a change is none)."""
    time = np.arange(len(scores), dtype=np.float64)
    shapes = [time < split, time, *(np.exp(-time / fading) for fading in _FADINGS)]
    rest = min((_residual(scores, shape) for shape in shapes), key=lambda r: float(r @ r))
    total = float(rest @ rest)
    if total == 0:
        return 0.0
    phi = float(rest[1:] @ rest[:-1]) / total
    n = len(scores)
    phi += (2 + 4 * phi) / n  # Kendall's bias, two means
    phi += (1 + 10 / n) * math.sqrt(max(0.0, 1 - phi**2) / n)  # and a standard error to be sure
    return float(np.clip(phi, 0.0, _PHI_MAX))


def _residual(scores: Floats, shape: NDArray[Any]) -> Floats:
    """What is left of the scores beside a level and a multiple of `shape`."""
    centred, flat = shape - shape.mean(), scores - scores.mean()
    return np.asarray(flat - centred * (centred @ flat) / (centred @ centred))


def _null(n: int, phi: float) -> Floats:
    """The statistic's distribution without a change; phi rounded up to a step, to be kept."""
    return _simulated(n, math.ceil(round(phi / _PHI_STEP, 6)) * _PHI_STEP)


@lru_cache(maxsize=256)
def _simulated(n: int, phi: float) -> Floats:
    random = np.random.default_rng(2010)
    rows = random.normal(size=(_SIMULATIONS, n))
    rows[:, 0] /= math.sqrt(1 - phi**2)
    for t in range(1, n):
        rows[:, t] += phi * rows[:, t - 1]
    return np.asarray(_statistics(_scores(rows)).max(axis=1), dtype=np.float64)


def _mser(series: Floats) -> int:
    """The truncation in the first half that makes the standard error of the rest smallest."""
    cuts = range(len(series) // 2 + 1)
    errors = [float(series[cut:].var()) / (len(series) - cut) for cut in cuts]
    return int(np.argmin(errors))
