"""What the laws of the reference server say of latencies: their quantiles, with chance's part.

Pure functions. A band is what a sample's quantile may be by chance alone (99.9 %): for a quantile q
of n draws the law's quantiles at q -+ 3.29 sqrt(q (1 - q) / n).
"""

from __future__ import annotations

import math
from collections.abc import Callable

from zyphos_lab.spec.target_models import Delay

Quantile = Callable[[float], float]
Band = tuple[float, float]
Z = 3.29


def delay_quantile(delay: Delay) -> Quantile:
    """Quantile function of a delay's law, in nanoseconds."""
    if delay.law == "constant":
        return lambda q: float(delay.delay_ns)
    if delay.law == "bimodal":
        return lambda q: float(delay.delay_ns if q <= 1 - delay.share else delay.slow_ns)
    return lambda q: _pareto(delay, q)


def _pareto(delay: Delay, q: float) -> float:
    if q >= 1:
        return float(delay.most_ns)
    drawn: float = delay.scale_ns / (1 - q) ** (1 / delay.shape)
    return min(drawn, float(delay.most_ns))


def stall_quantile(rate_per_second: float, window_ns: int, at_ns: int, for_ns: int) -> Quantile:
    """Quantile function of the wait where nothing is answered for a while within the window.

    Requests arrive at equal distances from the window's start on, whatever the server does; each
    that arrives in the stall waits for its end, the others do not wait.
    """
    step = 1e9 / rate_per_second
    count = round(window_ns / step)
    times = [k * step for k in range(count)]
    waits = sorted(at_ns + for_ns - t if at_ns <= t < at_ns + for_ns else 0.0 for t in times)
    return lambda q: waits[min(count, max(1, math.ceil(q * count))) - 1]


def band(quantile: Quantile, q: float, count: int) -> Band:
    """What the quantile q of `count` draws may be by chance."""
    off = Z * math.sqrt(q * (1 - q) / count)
    return quantile(max(0.0, q - off)), quantile(min(1.0, q + off))


def exact_band(quantile: Quantile, q: float, count: int) -> Band:
    """Of a schedule, in which nothing is left to chance but where it begins: one arrival."""
    return quantile(max(0.0, q - 1 / count)), quantile(min(1.0, q + 1 / count))


def binomial_band(share: float, count: int) -> Band:
    """What share of `count` may be lost by chance."""
    off = Z * math.sqrt(share * (1 - share) / count)
    return max(0.0, share - off), min(1.0, share + off)
