"""What would decide an open comparison, once more: starts after Stein, windows by variance levels.

From the blocks' log ratios and from the slices of the windows, whose quantiles are read by hdr.py.
"""

from __future__ import annotations

import itertools
import math
import statistics
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from zyphos_lab.report import verify_flips as flips
from zyphos_lab.report.hdr import QUANTILES, Counts
from zyphos_lab.report.verify_check import BLOCKS_MIN

RATE = "requests_per_second"
SLICES_MIN = 4
DEPENDENCE_MAX = 0.9
# Of a cell and a histogram: for each usable start its slices, as (requests done, encoded).
Slices = Callable[[str, str], Sequence[Sequence[tuple[int, bytes]]]]


def advice(
    comparison: Mapping[str, Any], logs: Sequence[float], slices: Slices
) -> dict[str, Any] | None:
    """The numbers of an advice; None where there must be none. Of many blocks the interval is the
    one that is told, which is held against the law of its flips.
    """
    if len(logs) < BLOCKS_MIN:
        return None
    many = len(logs) > flips.BLOCKS_MAX
    low, high = (comparison["low"], comparison["high"]) if many else flips.interval_of(logs)
    variance = statistics.variance(logs)
    if low is None or high is None or not variance:
        return None
    now = math.tanh(math.log(high / low) / 2)
    target = _target(math.exp(statistics.fmean(logs)), now, comparison["floor"])
    if now <= target:
        return None
    found: dict[str, Any] = {"blocks": len(logs), "half_width": now, "target": target}
    found["blocks_more"] = max(1, _needed(logs, target) - len(logs))
    within = _within(comparison, slices)
    share = None if within is None else min(1.0, 2 * within / variance)
    found["start_share"] = None if share is None else 1 - share
    wanted = (math.atanh(target) / math.atanh(now)) ** 2
    found["window_factor"] = None if share is None else _longer(share, wanted)
    return found


def _target(ratio: float, now: float, floor: float) -> float:
    """As narrow as the floor or the distance of a large difference to it; on its edge: to it."""
    size = max(ratio, 1 / ratio) - 1
    wide = max(floor, size - floor)
    return min(0.99, wide) if now > wide else min(0.99, max(abs(size - floor), now / 2))


def _needed(logs: Sequence[float], target: float) -> int:
    """Stein: ((t x s) / d)^2."""
    from scipy.special import stdtrit

    t = float(stdtrit(len(logs) - 1, 1 - flips.ALPHA / 2))
    wanted = (t * statistics.stdev(logs) / math.atanh(target)) ** 2
    return max(len(logs), math.ceil(wanted - 1e-9))


def _longer(within: float, wanted: float) -> float | None:
    left = wanted - (1 - within)
    return within / left if left > 0 else None


def _within(comparison: Mapping[str, Any], slices: Slices) -> float | None:
    """The variance of a start's value that comes from within it; None where slices do not say."""
    metric = comparison["metric"]
    times, _, quantile = metric.rpartition("_ns_")
    if metric != RATE and quantile not in QUANTILES:
        return None
    histogram = "latency_ns" if metric == RATE else f"{times}_ns"
    sides = [slices(comparison[side], histogram) for side in ("cell", "baseline_cell")]
    if not all(sides):
        return None
    starts = [start for side in sides for start in _usable(side, quantile)]
    if not starts:
        return None
    phi = _dependence(starts)
    return statistics.fmean(_of_mean(start, phi) for start in starts)


def _usable(
    starts: Sequence[Sequence[tuple[int, bytes]]], quantile: str
) -> Sequence[Sequence[float]]:
    """The logarithms of a cell's starts that have slices enough; [] where it has but one such."""
    logs = [_logs(start, quantile) for start in starts]
    found = [start for start in logs if len(start) >= SLICES_MIN]
    return found if len(found) >= 2 else []


def _logs(start: Sequence[tuple[int, bytes]], quantile: str) -> list[float]:
    """Logarithms of the slices' values; [] where one has none."""
    values: list[float] = []
    for done, encoded in start:
        if not quantile or quantile not in QUANTILES:
            values.append(float(done))
            continue
        counts = Counts(encoded)
        if counts.total:
            values.append(float(counts.at_rank(QUANTILES[quantile] * counts.total)[1]))
    return [math.log(value) for value in values] if all(value > 0 for value in values) else []


def _dependence(starts: Sequence[Sequence[float]]) -> float:
    """Lag-1 autocorrelation, pooled and corrected for the estimated means."""
    centred = [[value - statistics.fmean(start) for value in start] for start in starts]
    squares = math.fsum(value**2 for start in centred for value in start)
    if not squares:
        return 0.0
    products = math.fsum(a * b for start in centred for a, b in itertools.pairwise(start))
    phi = products / squares
    n = statistics.fmean(len(start) for start in starts)
    return min(DEPENDENCE_MAX, max(0.0, phi + (1 + 3 * phi) / n))


def _of_mean(start: Sequence[float], phi: float) -> float:
    """Variance of an AR(1) series' mean."""
    n = len(start)
    inflation = 1 + 2 * math.fsum((1 - lag / n) * phi**lag for lag in range(1, n))
    shrunk = max(0.1, (n - inflation) / (n - 1))
    return statistics.variance(start) / shrunk * inflation / n
