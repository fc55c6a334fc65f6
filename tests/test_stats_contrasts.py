"""Contrasts and cells: pairing by block, verdicts, and everything that is not a plain number."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pandas as pd
import pytest

from zyphos_lab.stats import Contrast, compare, compare_arms, contrast, estimate
from zyphos_lab.stats.cells import order_rank

NODELAY = Contrast("nodelay", False, ("latency_ns_p50",))


def frame_of(
    off: list[Any], on: list[Any], metric: str = "latency_ns_p50", verdict: str = "VALID"
) -> pd.DataFrame:
    """One contrast: `off` and `on` hold the metric per block."""
    rows = []
    for value, readings in ((False, off), (True, on)):
        for block, reading in enumerate(readings):
            cell = f"nodelay={str(value).lower()}"
            rows.append(
                {"cell": cell, "block": block, "factor_nodelay": value, "verdict": verdict}
                | {metric: reading}
            )
    return pd.DataFrame(rows)


def noisy(centre: float, n: int = 8, spread: float = 0.002, seed: int = 1) -> list[float]:
    return list(centre * np.exp(np.random.default_rng(seed).normal(0, spread, n)))


def only(frame: pd.DataFrame, wanted: Contrast = NODELAY) -> Any:
    [comparison] = contrast(frame, wanted)
    return comparison


def test_faster_slower_same() -> None:
    faster = only(frame_of(noisy(44e6), noisy(50e3, seed=2)))
    assert (faster.verdict, faster.n, faster.dropped) == ("faster", 8, 0)
    assert faster.ratio == pytest.approx(50e3 / 44e6, rel=0.01)
    assert faster.low <= faster.ratio <= faster.high
    assert faster.p_adjusted <= 0.05
    assert only(frame_of(noisy(1e6), noisy(2e6, seed=2))).verdict == "slower"
    assert only(frame_of(noisy(1e6), noisy(1.001e6, seed=2))).verdict == "same"


def test_direction_words_follow_the_metric() -> None:
    metric = "requests_per_second"
    frame = frame_of(noisy(1e5), noisy(2e5, seed=2), metric)
    assert only(frame, Contrast("nodelay", False, (metric,))).verdict == "higher"
    assert only(frame, Contrast("nodelay", True, (metric,))).verdict == "lower"


def test_practical_floor_widens_same() -> None:
    frame = frame_of(noisy(1e6), noisy(1.03e6, seed=2))
    assert only(frame).verdict == "slower"
    wide = Contrast("nodelay", False, ("latency_ns_p50",), floor=0.05)
    assert only(frame, wide).verdict == "same"


def test_wide_interval_cannot_tell() -> None:
    found = only(frame_of(noisy(1e6, spread=0.3), noisy(1e6, spread=0.3, seed=2)))
    assert found.verdict == "cannot tell"
    assert "floor" in found.reason


def test_five_blocks_cannot_tell() -> None:
    found = only(frame_of(noisy(44e6, 5), noisy(50e3, 5)))
    assert found.verdict == "cannot tell"
    assert "5 blocks, 6 are needed" in found.reason
    assert found.low is None and found.ratio is not None


def test_an_invalid_trial_drops_its_whole_block() -> None:
    frame = frame_of(noisy(44e6), noisy(50e3))
    frame.loc[(frame["block"] == 3) & frame["factor_nodelay"], "verdict"] = "INVALID"
    found = only(frame)
    assert (found.n, found.dropped, found.verdict) == (7, 1, "faster")


def test_a_missing_trial_drops_its_block() -> None:
    frame = frame_of(noisy(44e6), noisy(50e3))
    found = only(frame.drop(index=[0, 1, 2]).reset_index(drop=True))
    assert (found.n, found.dropped) == (5, 3)


@pytest.mark.parametrize(
    ("off", "on", "verdict", "reason"),
    [
        ([0.0] * 8, [0.0] * 8, "same", "0 on both sides"),
        ([0.0] * 8, [5.0] * 8, "cannot tell", "no ratio: 0 in 8 of 8 blocks"),
        ([5.0] * 7 + [0.0], [5.0] * 8, "cannot tell", "no ratio: 0 in 1 of 8 blocks"),
        ([None] * 8, [5.0] * 8, "cannot tell", "the baseline: not recorded"),
        ([5.0] * 8, [math.nan] * 8, "cannot tell", "this cell: not recorded"),
        ([5.0] * 8, [">= 7"] * 2 + [9.0] * 6, "cannot tell", "lower bound (>=) in 2 of 8"),
    ],
)
def test_what_is_no_plain_number(off: Any, on: Any, verdict: str, reason: str) -> None:
    found = only(frame_of(off, on))
    assert found.verdict == verdict
    assert reason in found.reason


def test_identical_values_are_the_same() -> None:
    found = only(frame_of([5.0] * 8, [5.0] * 8))
    assert (found.verdict, found.ratio, found.low, found.high) == ("same", 1.0, 1.0, 1.0)


def test_arms_pair_within_equal_conditions_and_a_family_is_adjusted_together() -> None:
    rows = []
    random = np.random.default_rng(4)
    for block in range(8):
        for nodelay in (False, True):
            for write in ("one", "two", "cork"):
                stall = not nodelay and write == "two"
                value = (44e6 if stall else 50e3) * math.exp(random.normal(0, 0.003))
                cell = f"nodelay={str(nodelay).lower()},write={write}"
                rows.append({"cell": cell, "block": block, "factor_nodelay": nodelay,
                             "factor_write": write, "latency_ns_p50": value})  # fmt: skip
    found = compare(pd.DataFrame(rows), [NODELAY])
    assert [dict(c.conditions)["write"] for c in found] == ["one", "two", "cork"]
    assert [c.verdict for c in found] == ["same", "faster", "same"]
    assert all(c.p_adjusted >= c.p_raw for c in found)
    assert found[1].cell == "nodelay=true,write=two"
    assert found[1].baseline_cell == "nodelay=false,write=two"


def test_a_difference_has_to_survive_its_family() -> None:
    """Alone p = 2/64; two more flips of the second column reach higher: 4/64 in the family."""
    frame = frame_of([1.0] * 6, [1.1, 1.2, 1.3, 1.1, 1.2, 1.3])
    frame["latency_ns_p90"] = [1.0] * 6 + [1 / 1.3, 1.3, 1.3, 1.3, 1.3, 1.3]
    alone = only(frame)
    assert (alone.verdict, alone.p_adjusted) == ("slower", 2 / 64)
    both = Contrast("nodelay", False, ("latency_ns_p50", "latency_ns_p90"))
    in_family = contrast(frame, both)[0]
    assert (in_family.verdict, in_family.p_raw, in_family.p_adjusted) == (
        "cannot tell",
        2 / 64,
        4 / 64,
    )
    assert "family" in in_family.reason


def test_arm_b_of_an_aa_cell_stays_out_of_contrasts() -> None:
    frame = frame_of(noisy(1e6), noisy(1e6, seed=2)).assign(arm="A")
    extra = frame[frame["factor_nodelay"]].assign(arm="B", latency_ns_p50=noisy(2e6, seed=3))
    frame = pd.concat([frame, extra], ignore_index=True)
    assert only(frame).verdict == "same"
    aa = compare_arms(frame, "nodelay=true", "latency_ns_p50")
    assert (aa.verdict, aa.family) == ("slower", "aa")


def test_estimate_of_a_cell() -> None:
    values = [5.0, 1.0, 3.0, 2.0, 4.0, 6.0, 8.0, 7.0, 9.0]
    found = estimate(frame_of(values, []), "nodelay=false", "latency_ns_p50")
    assert (found.value, found.low, found.high, found.n) == (5.0, 2.0, 8.0, 9)
    few = estimate(frame_of(values[:3], []), "nodelay=false", "latency_ns_p50")
    assert (few.value, few.low, few.smallest, few.largest) == (3.0, None, 1.0, 5.0)


def test_estimate_of_nothing_and_of_lower_bounds() -> None:
    nothing = estimate(frame_of([None] * 3, []), "nodelay=false", "latency_ns_p50")
    assert (nothing.value, nothing.n, nothing.reason) == (None, 0, "3 x not recorded")
    bounded = estimate(frame_of([1.0, ">= 5", ">= 5"], []), "nodelay=false", "latency_ns_p50")
    assert (bounded.value, bounded.at_least, bounded.low) == (5.0, True, None)
    no_cell = estimate(frame_of([1.0], []), "nowhere", "latency_ns_p50")
    assert (no_cell.value, no_cell.reason) == (None, "no trial")


@pytest.mark.parametrize(("n", "rank"), [(5, None), (6, 0), (8, 0), (9, 1), (12, 2), (20, 5)])
def test_order_ranks_are_those_of_the_tables(n: int, rank: int | None) -> None:
    assert order_rank(n) == rank
