"""How many starts and requests a question needs, and what a given number of them can show.

Pure arithmetic on numbers at hand: the plan says these things before a run, the pilot's result
decides them. Does not know frames, metrics or how a run is staged.

Sources: Stein 1945 (two-step sample size: an interval of a width that was asked for, whatever the
variance turns out to be); Hahn and Meeker 1991 (order statistics that bound a quantile).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import cache

import numpy as np

from zyphos_lab.stats.signflip import ALPHA, interval

BLOCKS_MIN = 6  # fewer cannot reach 5 % in a sign-flip test: 2 / 2**5 is 0.0625
PILOT_STARTS = 8
POWER = 0.8
TAIL_REQUESTS = 10  # requests that must lie beyond a quantile, in every start

_SIMULATED_BLOCKS_MAX = 10  # beyond these Student's t is as good, and the flips get many
_SIMULATIONS = 4_000
_EXACT = 1e-9  # slack against 1 - q not being a binary fraction


def sample_size(pilot_log_ratios: Sequence[float], half_width: float, alpha: float = ALPHA) -> int:
    """Blocks (the pilot's included) for an interval of centre times 1 -+ `half_width`.

    Stein: n = ceil((t x s / d)^2), with s and t (n0 - 1 degrees of freedom) of the pilot alone; the
    mean of exactly n blocks then lies within the width with 1 - alpha. No look at the difference
    itself. Never less than the pilot, nor than a sign-flip test needs. `half_width` is a fraction
    (0.03: 3 %). The sign-flip interval of all n covers 93.5 to 95.5 % then (simulated, normal
    noise, pilot of 8) and is as narrow as asked for in 84 % of runs and more.
    """
    values = np.asarray(pilot_log_ratios, dtype=np.float64)
    if len(values) < 2 or not np.isfinite(values).all():
        raise ValueError("a pilot needs at least two finite values")
    if not 0 < half_width < 1:
        raise ValueError(f"half_width is a fraction between 0 and 1, not {half_width}")
    sd = float(values.std(ddof=1))
    wanted = (_student(len(values) - 1, alpha) * sd / math.atanh(half_width)) ** 2
    return max(len(values), BLOCKS_MIN, math.ceil(wanted - _EXACT))


def half_width(log_ratios: Sequence[float], alpha: float = ALPHA, seed: int = 0) -> float | None:
    """The inverted sign-flip interval's half-width over its centre; None where it is unbounded."""
    bounds = interval(np.asarray(log_ratios, dtype=np.float64), alpha, seed)
    return None if bounds is None else math.tanh((bounds[1] - bounds[0]) / 2)


def detectable_ratio(n: int, sd: float, power: float = POWER, alpha: float = ALPHA) -> float:
    """The ratio (above 1) that the sign-flip test of `n` blocks finds with probability `power`.

    `sd` is that of the blocks' log ratios, taken as normal. Infinity where no difference can be
    found (5 blocks and fewer at 5 %). Its inverse is the same for a ratio below 1.
    """
    if sd < 0 or not math.isfinite(sd):
        raise ValueError(f"sd is a standard deviation, not {sd}")
    if math.floor(alpha * 2 ** max(0, n - 1) + _EXACT) < 1:
        return math.inf
    return math.exp(min(_effect(n, power, alpha) * sd, 700.0))


def requests_needed(quantile: float) -> int:
    """Requests in every start for starts to be compared: 10 beyond the quantile (p99: 1,000)."""
    return math.ceil(TAIL_REQUESTS / (1 - _checked(quantile)) - 1e-6)


def requests_to_bound(quantile: float, alpha: float = ALPHA) -> int:
    """Requests of one start for its largest to bound the quantile from above at 1 - alpha / 2.

    The smallest n with quantile^n <= alpha / 2: 368 for p99, 3,688 for p99.9. With fewer the
    two-sided interval of the quantile within one start has no upper end.
    """
    return math.ceil(math.log(alpha / 2) / math.log(_checked(quantile)) - _EXACT)


def _checked(quantile: float) -> float:
    if not 0 < quantile < 1:
        raise ValueError(f"a quantile lies between 0 and 1, not {quantile}")
    return quantile


def _student(degrees: int, alpha: float) -> float:
    from scipy import stats  # slow to import: the command line starts without it

    return float(stats.t.ppf(1 - alpha / 2, degrees))


@cache
def _effect(n: int, power: float, alpha: float) -> float:
    """The shift, in standard deviations of a block, that is found with probability `power`.

    Data shifted by more than minus its lower bound have an interval above 0: the share `power` of
    simulated bounds (seeded) is the answer. For many blocks: the noncentral t at the level that the
    flips attain.
    """
    if n > _SIMULATED_BLOCKS_MAX:
        return _student_effect(n, power, alpha)
    random = np.random.default_rng(1945)
    bounds = (interval(sample, alpha) for sample in random.normal(size=(_SIMULATIONS, n)))
    return float(np.quantile([-low for low, _ in filter(None, bounds)], power))


def _student_effect(n: int, power: float, alpha: float) -> float:
    from scipy import optimize, stats

    limit = _student(n - 1, alpha)

    def missing(effect: float) -> float:
        found = float(stats.nct.sf(limit, n - 1, effect * math.sqrt(n)))
        return (1.0 if math.isnan(found) else found) - power

    return float(optimize.brentq(missing, 0.0, 2 * (limit + 2.0) / math.sqrt(n)))
