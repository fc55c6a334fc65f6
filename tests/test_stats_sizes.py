"""Sample sizes and detectable effects against closed forms and against simulation."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy import stats

from zyphos_lab.stats import (
    detectable_ratio,
    half_width,
    interval,
    requests_needed,
    requests_to_bound,
    sample_size,
    sign_flip,
)


def test_stein_by_hand() -> None:
    """s = 0.02 exactly: n = ceil((2.3646 x 0.02 / atanh(0.01))^2) = ceil(22.36) = 23."""
    pilot = np.array([-1, -1, -1, -1, 1, 1, 1, 1]) * 0.02 * math.sqrt(7 / 8)
    assert float(pilot.std(ddof=1)) == pytest.approx(0.02)
    assert sample_size((pilot + 0.3).tolist(), 0.01) == 23
    by_t = stats.t.ppf(0.995, 7) * 0.02 / math.atanh(0.01)
    assert sample_size(pilot.tolist(), 0.01, alpha=0.01) == math.ceil(by_t**2)


def test_never_less_than_the_pilot_nor_than_a_test_needs() -> None:
    assert sample_size([0.0] * 8, 0.01) == 8
    assert sample_size([0.001, -0.001] * 10, 0.5) == 20
    assert sample_size([0.0, 0.0], 0.01) == 6


@pytest.mark.parametrize(
    ("pilot", "width"), [([0.1], 0.01), ([0.1, math.nan], 0.01), ([0.1, 0.2], 0.0), ([0.1] * 3, 1)]
)
def test_nonsense_is_refused(pilot: list[float], width: float) -> None:
    with pytest.raises(ValueError, match=r"pilot|half_width"):
        sample_size(pilot, width)


def test_two_steps_reach_what_was_asked_for() -> None:
    """Stein promises that the mean lies within the width asked for; that holds with room.

    The run reports the sign-flip interval of all blocks, whose length the pilot has picked: it
    covers 93.5 to 95.5 % (docs of `sample_size`), and mostly is as narrow as was asked for.
    """
    seed, runs, sd, wanted = 1945, 500, 0.035, 0.03
    print("seed", seed)
    random = np.random.default_rng(seed)
    promised = covered = reached = 0
    for _ in range(runs):
        pilot = random.normal(0.0, sd, 8)
        n = min(sample_size(pilot.tolist(), wanted), 16)
        values = np.concatenate([pilot, random.normal(0.0, sd, n - 8)])
        bounds = interval(values)
        width = half_width(values.tolist())
        assert bounds is not None and width is not None
        promised += abs(values.mean()) <= math.atanh(wanted)
        covered += bounds[0] <= 0.0 <= bounds[1]
        reached += width <= wanted
    assert promised / runs >= 0.95
    assert covered / runs >= 0.935 - 2 * math.sqrt(0.065 * 0.935 / runs)
    assert reached / runs >= 0.75


@pytest.mark.parametrize("n", [6, 8, 12])
def test_what_is_called_detectable_is_found_with_power_of_80_percent(n: int) -> None:
    seed, runs, sd = 80 + n, 500, 0.02
    print("seed", seed)
    random = np.random.default_rng(seed)
    shift = math.log(detectable_ratio(n, sd))
    found = sum(sign_flip(random.normal(shift, sd, n)) <= 0.05 for _ in range(runs))
    assert abs(found / runs - 0.8) <= 3 * math.sqrt(0.8 * 0.2 / runs)


def test_detectable_ratio_at_its_ends() -> None:
    assert detectable_ratio(5, 0.02) == math.inf
    assert detectable_ratio(8, 0.0) == 1.0
    ratios = [detectable_ratio(n, 0.02) for n in (6, 7, 8, 10, 11, 20, 40)]
    assert ratios == sorted(ratios, reverse=True)
    with pytest.raises(ValueError, match="standard deviation"):
        detectable_ratio(8, math.nan)


def test_requests_of_a_quantile() -> None:
    """METHOD.md: 368 and 3,688 to bound it at all; 10 beyond it between starts."""
    assert [requests_to_bound(q) for q in (0.5, 0.9, 0.99, 0.999)] == [6, 36, 368, 3688]
    assert [requests_needed(q) for q in (0.5, 0.9, 0.99, 0.999)] == [20, 100, 1000, 10000]
    for q in (0.5, 0.99, 0.999):
        n = requests_to_bound(q)
        assert stats.binom.cdf(n - 1, n, q) >= 0.975 > stats.binom.cdf(n - 2, n - 1, q)
    with pytest.raises(ValueError, match="between 0 and 1"):
        requests_needed(1.0)


def test_half_width_is_that_of_the_reported_interval() -> None:
    values = [0.01, 0.03, -0.02, 0.05, 0.02, 0.0, 0.04, 0.01]
    bounds = interval(np.array(values))
    assert bounds is not None
    low, high = math.exp(bounds[0]), math.exp(bounds[1])
    assert half_width(values) == pytest.approx((high - low) / (high + low))
    assert half_width(values[:5]) is None
