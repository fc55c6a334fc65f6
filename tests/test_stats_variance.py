"""Variance by level against simulated truth, and the advice that follows from it."""

from __future__ import annotations

import math

import numpy as np
import pytest

from zyphos_lab.stats import advice, half_width, sample_size, useful_width, variance_levels

Cell = list[list[float]]


def cell(random: np.random.Generator, start: float, interval: float, phi: float = 0.0) -> Cell:
    """8 starts of 20 intervals; `start` and `interval` are standard deviations of logarithms."""
    starts = []
    for _ in range(8):
        noise = random.normal(0, interval * math.sqrt(1 - phi**2), 70)
        for t in range(1, 70):
            noise[t] += phi * noise[t - 1]
        starts.append(np.exp(10 + random.normal(0, start) + noise[50:]).tolist())
    return starts


def test_balanced_and_independent_it_is_the_textbook_analysis_of_variance() -> None:
    """Without dependence: between = var(means) - MSW / n, to within the correction of phi."""
    random = np.random.default_rng(1)
    one = cell(random, 0.05, 0.02)
    levels = variance_levels(one)
    assert levels is not None
    logs = np.log(np.array(one))
    between = logs.mean(axis=1).var(ddof=1)
    assert levels.start + levels.interval == pytest.approx(between)
    assert levels.interval == pytest.approx(logs.var(axis=1, ddof=1).mean() / 20, rel=0.5)
    assert (levels.starts, levels.intervals) == (8, 20)


@pytest.mark.parametrize("phi", [0.0, 0.5])
def test_levels_are_recovered_from_dependent_intervals(phi: float) -> None:
    seed = 2
    print("seed", seed)
    random = np.random.default_rng(seed)
    found = [
        variance_levels(cell(random, 0.03, 0.08, phi), cell(random, 0.03, 0.08, phi))
        for _ in range(150)
    ]
    lags = np.arange(1, 20)
    within = 0.08**2 / 20 * (1 + 2 * float(np.sum((1 - lags / 20) * phi**lags)))
    assert np.mean([f.interval for f in found if f]) == pytest.approx(within, rel=0.2)
    assert np.mean([f.start for f in found if f]) == pytest.approx(0.03**2, rel=0.3)


def test_one_level_alone() -> None:
    random = np.random.default_rng(3)
    only_starts = variance_levels(cell(random, 0.05, 1e-6))
    only_intervals = variance_levels(cell(random, 0.0, 0.1), cell(random, 0.0, 0.1))
    assert only_starts is not None and only_intervals is not None
    assert only_starts.start_share == pytest.approx(1.0, abs=1e-3)
    assert only_intervals.start_share is not None and only_intervals.start_share < 0.6


@pytest.mark.parametrize(
    "starts", [[], [[1.0] * 10], [[1.0] * 3] * 8, [[0.0] * 10] * 8, [[math.nan] * 10] * 8]
)
def test_too_little_to_tell_levels_apart(starts: Cell) -> None:
    assert variance_levels(starts) is None


def test_nothing_varies() -> None:
    levels = variance_levels([[2.0] * 10] * 4)
    assert levels is not None
    assert levels.start_share is None
    assert advice([0.1] * 8, 0.01, levels) is None


def test_advice_is_steins_size_and_says_what_windows_would_do() -> None:
    random = np.random.default_rng(4)
    values = random.normal(0, 0.04, 8).tolist()
    now = half_width(values)
    assert now is not None
    plain = advice(values, now / 2)
    assert plain is not None
    assert plain.blocks_more == sample_size(values, now / 2) - 8 > 8
    assert (plain.start_share, plain.window_factor) == (None, None)
    levels = variance_levels(cell(random, 0.03, 0.001))
    between = advice(values, now / 2, levels)
    assert between is not None and between.start_share is not None
    assert between.start_share > 0.99 and between.window_factor is None


def test_longer_windows_help_where_the_noise_is_within_the_starts() -> None:
    random = np.random.default_rng(5)
    levels = variance_levels(cell(random, 0.0, 0.1), cell(random, 0.0, 0.1))
    assert levels is not None
    sd = math.sqrt(2 * levels.interval / 0.9)  # nine tenths within starts
    values = np.array([1, -1, 1, -1, 1, -1, 1, -1]) * sd * math.sqrt(7 / 8)
    now = half_width(values.tolist())
    assert now is not None
    found = advice(values.tolist(), now / math.sqrt(2), levels)
    assert found is not None and found.window_factor is not None
    assert found.start_share == pytest.approx(0.1)
    assert found.window_factor == pytest.approx(0.9 / 0.4, rel=0.01)


@pytest.mark.parametrize("target", [1.0, 1.13, 1.5])
def test_an_interval_that_is_narrow_enough_needs_no_advice(target: float) -> None:
    values = np.random.default_rng(6).normal(0, 0.04, 8).tolist()
    now = half_width(values)
    assert now is not None and advice(values, now * 0.99) is not None
    assert advice(values, now * target) is None
    assert advice(values, 0.08, now=0.08) is None  # of the interval that is told
    assert advice(values, 0.08, now=0.081) is not None


def test_no_interval_no_advice() -> None:
    assert advice([0.1, 0.2, 0.3], 0.01) is None


@pytest.mark.parametrize(
    ("ratio", "now", "wanted"),
    [
        (1.0, 0.05, 0.01),  # nothing there: as narrow as the floor
        (1.10, 0.12, 0.09),  # a large one: its distance to the floor
        (1 / 1.10, 0.12, 0.09),  # the same downwards
        (1.013, 0.008, 0.004),  # on the floor's edge: half of what it is
        (1.018, 0.0095, 0.008),
    ],
)
def test_the_width_that_can_decide(ratio: float, now: float, wanted: float) -> None:
    assert useful_width(ratio, now, 0.01) == pytest.approx(wanted)
