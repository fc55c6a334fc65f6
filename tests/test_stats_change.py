"""Warm-up and change points of series that depend on themselves: false alarms, power, place."""

from __future__ import annotations

import math

import numpy as np
import pytest
from numpy.typing import NDArray

from zyphos_lab.stats import change_point, warmup_end


def series(
    random: np.random.Generator, n: int, phi: float, heavy: bool = False
) -> NDArray[np.float64]:
    """Around 1 with a standard deviation of about 2 % and autocorrelation `phi`."""
    noise = random.standard_t(3, n + 50) if heavy else random.normal(size=n + 50)
    for t in range(1, n + 50):
        noise[t] += phi * noise[t - 1]
    return np.asarray(np.exp(0.02 * math.sqrt(1 - phi**2) * noise[50:]))


@pytest.mark.parametrize(
    ("n", "phi", "heavy"),
    [(10, 0.0, False), (20, 0.3, False), (50, 0.6, False), (50, 0.6, True), (100, 0.6, False)],
)
def test_false_alarms_are_at_most_nominal(n: int, phi: float, heavy: bool) -> None:
    seed, runs = 11, 400
    print("seed", seed)
    random = np.random.default_rng(seed)
    alarms = sum(
        change_point(series(random, n, phi, heavy).tolist(), floor=0.0) is not None
        for _ in range(runs)
    )
    assert alarms / runs <= 0.05 + 2 * math.sqrt(0.05 * 0.95 / runs)


def test_a_test_that_takes_the_values_as_independent_would_cry_wolf() -> None:
    """The reason for all of it: shuffling the same series rejects several times too often."""
    random = np.random.default_rng(12)
    alarms = 0
    for _ in range(60):
        values = series(random, 50, 0.6)
        observed = _pettitt(values)
        shuffled = [_pettitt(random.permutation(values)) for _ in range(99)]
        alarms += (1 + sum(s >= observed for s in shuffled)) / 100 <= 0.05
    assert alarms / 60 > 0.2


def _pettitt(values: NDArray[np.float64]) -> float:
    return float(np.abs(np.cumsum(values - values.mean())).max())


def test_a_change_is_found_where_it_is() -> None:
    random = np.random.default_rng(13)
    found = []
    for _ in range(100):
        values = series(random, 60, 0.3)
        values[40:] *= 1.08
        found.append(change_point(values.tolist()))
    there = [point for point in found if point is not None]
    assert len(there) >= 95
    assert np.mean([abs(point.index - 40) <= 1 for point in there]) >= 0.9
    assert np.median([point.ratio for point in there if point.ratio]) == pytest.approx(
        1.08, abs=0.01
    )
    assert all(point.p <= 0.05 and point.before < point.after for point in there)


def test_a_warm_up_is_cut_off_and_no_more() -> None:
    seed = 14
    print("seed", seed)
    random = np.random.default_rng(seed)
    ends = []
    for _ in range(100):
        values = series(random, 60, 0.3)
        values *= 1 + 0.4 * np.exp(-np.arange(60) / 3)
        ends.append(warmup_end(values.tolist()))
    known = [end for end in ends if end is not None]
    assert len(known) >= 95
    assert all(4 <= end <= 30 for end in known)
    assert 6 <= float(np.median(known)) <= 14  # 40 % x exp(-8 / 3) is under 3 %


def test_no_warm_up_is_zero_and_never_settling_is_none() -> None:
    random = np.random.default_rng(15)
    ends = [warmup_end(series(random, 50, 0.3).tolist()) for _ in range(200)]
    assert sum(end != 0 for end in ends) / 200 <= 0.05 + 2 * math.sqrt(0.05 * 0.95 / 200)
    drifting = series(random, 50, 0.0) * np.linspace(1.0, 2.0, 50)
    assert warmup_end(drifting.tolist()) is None
    assert warmup_end([1.0] * 19) is None
    assert warmup_end([1.0] * 20) == 0


def test_one_outlier_is_no_change_and_a_small_change_is_none() -> None:
    random = np.random.default_rng(16)
    values = series(random, 50, 0.0)
    values[0] *= 50
    assert change_point(values.tolist()) is None
    step = np.ones(50) + random.normal(0, 1e-5, 50)
    step[25:] *= 1.005
    assert change_point(step.tolist()) is None
    tiny = change_point(step.tolist(), floor=0.0)
    assert tiny is not None and tiny.index == 25


@pytest.mark.parametrize("values", [[], [1.0] * 9, [5.0] * 30, [0.0] * 30])
def test_nothing_to_say(values: list[float]) -> None:
    assert change_point(values) is None


def test_a_change_from_zero_has_no_ratio_and_infinity_is_refused() -> None:
    found = change_point([0.0, 0.1] * 10 + [9.0, 9.1] * 10)
    assert found is not None and found.index == 20
    assert change_point([0.0] * 20 + [9.0] * 20) is not None
    with pytest.raises(ValueError, match="finite"):
        change_point([1.0] * 20 + [math.inf])
