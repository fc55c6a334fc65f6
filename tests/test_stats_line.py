"""A line over a numeric factor: known answers, and what is said where there is none."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from zyphos_lab.stats.line import fit_line

SIZES = {"size=1": 1.0, "size=64": 64.0, "size=4096": 4096.0, "size=65536": 65536.0}


def frame_of(cost_ns: dict[tuple[str, int], float]) -> pd.DataFrame:
    rows = [
        {"cell": cell, "block": block, "verdict": "VALID", "call_ns": value}
        for (cell, block), value in cost_ns.items()
    ]
    return pd.DataFrame(rows)


def noisy(fixed: float, per_byte: float, blocks: int, noise: float, seed: int) -> pd.DataFrame:
    print(f"seed {seed}")
    random = np.random.default_rng(seed)
    return frame_of(
        {
            (cell, block): (fixed + per_byte * x) * float(np.exp(random.normal(0, noise)))
            for cell, x in SIZES.items()
            for block in range(blocks)
        }
    )


def test_an_exact_line_is_found_exactly() -> None:
    line = fit_line(noisy(250.0, 0.05, 8, 0.0, 1), SIZES, "call_ns")
    assert line.fixed.value == pytest.approx(250.0)
    assert line.per_unit.value == pytest.approx(0.05)
    assert line.error_max == pytest.approx(0.0, abs=1e-9)
    assert [point.predicted for point in line.points] == pytest.approx(
        [250.05, 253.2, 454.8, 3526.8]
    )


def test_the_intervals_over_starts_hold_the_truth_as_often_as_they_say() -> None:
    # 8 starts: the order-statistics interval of a median covers 99.2 %.
    held = {"fixed": 0, "per_unit": 0}
    for seed in range(200):
        line = fit_line(noisy(250.0, 0.05, 8, 0.03, seed), SIZES, "call_ns")
        for name, truth in (("fixed", 250.0), ("per_unit", 0.05)):
            found = getattr(line, name)
            held[name] += bool(found.low <= truth <= found.high)
    assert min(held.values()) >= 190, held


def test_small_values_weigh_as_much_as_large_ones() -> None:
    # A bend of 40 % at one byte is 3 % of the largest value: it must be seen all the same.
    values = {(cell, 0): 250 + 0.05 * x for cell, x in SIZES.items()}
    values["size=1", 0] *= 1.4
    line = fit_line(frame_of(values), SIZES, "call_ns")
    assert line.error_max is not None
    assert line.error_max > 0.1


def test_what_is_proportional_has_nothing_fixed() -> None:
    values = {(cell, b): (1234.7 + b / 7) * x for cell, x in SIZES.items() for b in range(8)}
    line = fit_line(frame_of(values), SIZES, "call_ns")
    assert (line.fixed.value, line.fixed.low, line.fixed.high) == (0.0, 0.0, 0.0)
    flat = fit_line(frame_of(dict.fromkeys(values, 0.3)), SIZES, "call_ns")
    assert flat.per_unit.value == 0.0 and flat.fixed.value == pytest.approx(0.3)


def test_what_makes_no_line_is_said() -> None:
    two = dict(list(SIZES.items())[:2])
    assert fit_line(noisy(1, 1, 8, 0, 1), two, "call_ns").reason.startswith("2 points")
    gone = noisy(1, 1, 1, 0, 1).query("cell != 'size=64'")
    line = fit_line(gone, SIZES, "call_ns")
    assert line.reason == "no block has a number in every cell"
    assert line.fixed.value is None
    assert [point.predicted for point in line.points] == [None] * 4


def test_bounds_and_invalid_trials_do_not_enter() -> None:
    frame = noisy(100.0, 1.0, 3, 0.0, 1)
    frame["call_ns"] = frame["call_ns"].astype(object)
    frame.loc[frame["block"] == 0, "call_ns"] = ">= 5"
    frame.loc[(frame["block"] == 1) & (frame["cell"] == "size=1"), "verdict"] = "INVALID"
    line = fit_line(frame, SIZES, "call_ns")
    assert line.fixed.n == 1
    assert line.fixed.value == pytest.approx(100.0)
