"""Sign-flip test, its inverted interval and step-down maxT against answers known otherwise."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from scipy import stats as scipy_stats

from zyphos_lab.stats import interval, sign_flip, step_down
from zyphos_lab.stats.signflip import EXACT_BLOCKS_MAX, SAMPLED_PAIRS, Flips


def by_hand(values: np.ndarray) -> float:
    """Two-sided p by listing every sign vector."""
    observed = abs(values.sum())
    flips = itertools.product([1, -1], repeat=len(values))
    sums = [abs(float(np.dot(signs, values))) for signs in flips]
    return sum(s >= observed - 1e-12 for s in sums) / len(sums)


@pytest.mark.parametrize("n", [1, 2, 6, 8, 11])
def test_p_equals_the_enumeration_and_scipy(n: int) -> None:
    values = np.random.default_rng(n).normal(0.4, 1.0, n)
    p = sign_flip(values)
    assert p == pytest.approx(by_hand(values))
    if n > 1:
        known = scipy_stats.permutation_test(
            (values,), np.sum, permutation_type="samples", n_resamples=np.inf
        )
        assert p == pytest.approx(known.pvalue)


def test_all_on_one_side_gives_the_smallest_p_and_zeros_give_one() -> None:
    assert sign_flip(np.full(8, 0.3)) == 2 / 2**8
    assert sign_flip(np.zeros(8)) == 1.0


def test_interval_is_where_the_test_does_not_reject() -> None:
    values = np.random.default_rng(3).normal(1.0, 2.0, 9)
    bounds = interval(values)
    assert bounds is not None
    low, high = bounds
    tiny = 1e-6
    assert sign_flip(values - (low - tiny)) <= 0.05 < sign_flip(values - (low + tiny))
    assert sign_flip(values - (high + tiny)) <= 0.05 < sign_flip(values - (high - tiny))


def test_interval_of_six_blocks_is_their_range_and_of_five_is_unbounded() -> None:
    values = np.array([0.5, -1.0, 2.0, 0.1, 0.7, 1.1])
    assert interval(values) == pytest.approx((-1.0, 2.0))
    assert interval(values[:5]) is None
    assert interval(np.array([])) is None


def test_beyond_the_exact_limit_flips_are_sampled_from_the_seed() -> None:
    values = np.random.default_rng(5).normal(0.35, 1.0, EXACT_BLOCKS_MAX + 10)
    assert not Flips.over(len(values)).exact
    assert sign_flip(values, seed=1) == sign_flip(values, seed=1)
    exact_here = scipy_stats.ttest_1samp(values, 0.0).pvalue  # close for normal data
    assert sign_flip(values, seed=1) == pytest.approx(exact_here, abs=0.01)
    bounds = interval(values, seed=1)
    assert bounds is not None
    assert sign_flip(values - (bounds[0] - 1e-6), 1) <= 0.05 < sign_flip(values - bounds[0], 1)


def test_step_down_equals_a_naive_one() -> None:
    matrix = np.random.default_rng(7).normal([0.9, 0.5, 0.0], 1.0, (8, 3))
    scale = np.sqrt((matrix**2).sum(axis=0))
    flips = np.array(list(itertools.product([1, -1], repeat=8)))
    statistics = np.abs(flips @ matrix) / scale
    observed = np.abs(matrix.sum(axis=0)) / scale
    order = np.argsort(-observed)
    wanted, highest_p = np.zeros(3), 0.0
    for k, j in enumerate(order):
        p = float(np.mean(statistics[:, order[k:]].max(axis=1) >= observed[j] - 1e-12))
        highest_p = max(highest_p, p)
        wanted[j] = highest_p
    assert step_down(matrix) == pytest.approx(wanted)


def test_step_down_of_one_is_the_plain_test_and_missing_columns_stay_missing() -> None:
    values = np.random.default_rng(9).normal(0.5, 1.0, 8)
    assert step_down(values[:, None])[0] == pytest.approx(sign_flip(values))
    both = step_down(np.column_stack([values, np.full(8, np.nan), np.zeros(8)]))
    assert np.isnan(both[1])
    assert both[2] == 1.0
    assert both[0] >= sign_flip(values)


def test_max_t_keeps_its_power_over_a_family_of_24() -> None:
    """METHOD.md: with 24 contrasts and 8 blocks Holm can never reject (24 x 2/256 > 5 %)."""
    seed = 20261120
    print("seed", seed)
    random = np.random.default_rng(seed)
    matrix = random.normal(0.0, 0.02, (8, 24))
    matrix[:, 0] += 0.2
    assert step_down(matrix)[0] <= 0.05
    assert 24 * sign_flip(matrix[:, 0]) > 0.05


def test_coverage_and_false_alarms_in_simulation() -> None:
    seed, runs, n = 42, 600, 8
    print("seed", seed)
    random = np.random.default_rng(seed)
    covered = alarms = 0
    for _ in range(runs):
        values = random.standard_t(4, n) * 0.03
        bounds = interval(values)
        assert bounds is not None
        inside = bounds[0] <= 0.0 <= bounds[1]
        covered += inside
        alarms += sign_flip(values) <= 0.05
        assert inside == (sign_flip(values) > 0.05)
    assert 0.92 <= covered / runs <= 0.98
    assert alarms / runs == pytest.approx(1 - covered / runs)


def test_family_wise_error_in_simulation() -> None:
    seed, runs = 43, 300
    print("seed", seed)
    random = np.random.default_rng(seed)
    alarms = sum(
        bool((step_down(random.normal(0, 1, (8, 6)) + random.normal(0, 1, (8, 1))) <= 0.05).any())
        for _ in range(runs)
    )
    assert alarms / runs <= 0.085  # 5 % and three standard errors


def test_sampled_flips_agree_with_all_of_them() -> None:
    """14 blocks both ways: p, family-wise p, and the interval within what sampling leaves."""
    seed = 20
    print("seed", seed)
    random = np.random.default_rng(seed)
    matrix = random.normal([0.5, 0.25, 0.0], 1.0, (14, 3))
    all_of_them, sampled = Flips.over(14), Flips.over(14, seed=1, exact_max=10)
    assert all_of_them.exact and not sampled.exact
    exact_p, sampled_p = step_down(matrix, flips=all_of_them), step_down(matrix, flips=sampled)
    error = np.sqrt(exact_p * (1 - exact_p) / len(sampled.sums(matrix[:, 0])))
    assert (np.abs(exact_p - sampled_p) <= 4 * error + 1e-4).all()
    quantiles = [np.quantile(np.abs(f.sums(matrix[:, 0])), 0.95) for f in (all_of_them, sampled)]
    assert quantiles[1] == pytest.approx(quantiles[0], rel=0.01)


def test_24_blocks_are_close_to_their_own_enumeration() -> None:
    """2^23 flips are still countable: the sampled p lies within its standard error of the truth."""
    values = np.random.default_rng(24).normal(0.45, 1.0, 24)
    sums = np.abs(Flips.over(24, exact_max=24).sums(values))
    exact_p = float(np.mean(sums >= abs(values.sum()) - 1e-9))
    sampled_p = sign_flip(values, seed=3)
    error = np.sqrt(exact_p * (1 - exact_p) / SAMPLED_PAIRS)
    print("exact", exact_p, "sampled", sampled_p)
    assert 0.005 < exact_p < 0.2
    assert abs(exact_p - sampled_p) <= 4 * error
