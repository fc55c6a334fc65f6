"""The shift between arms, quantile by quantile, on histograms whose shift is known."""

from __future__ import annotations

import pytest

from zyphos_lab._core import Histogram
from zyphos_lab.report.percentiles import Start
from zyphos_lab.report.shift import Starts, _shift
from zyphos_lab.stats import Comparison

C = Comparison("arm", "base", "f", "b", "a", (), "latency_ns_p50", "primary", 0.01, 8, 0)
REQUESTS = 2000


def arms(blocks: int, tail_factor: float, requests: int = REQUESTS) -> Starts:
    """Baseline 1 ms to 2 ms; the arm the same but for its slowest twentieth."""
    found: Starts = {}
    for block in range(blocks):
        for cell, factor in (("base", 1.0), ("arm", tail_factor)):
            histogram = Histogram()
            for i in range(requests):
                value = 1_000_000 * (1 + i / requests)
                histogram.record(int(value * (factor if i >= 0.95 * requests else 1)))
            found[cell, block] = Start(histogram, histogram)
    return found


def test_a_tail_that_moves_alone_shows_in_the_tail_alone() -> None:
    found = _shift(arms(8, 3.0), C, "#000000")
    assert found is not None
    ratios = dict(zip(found.quantiles, found.ratio, strict=True))
    assert ratios[0.5] == pytest.approx(1.0) and ratios[0.9] == pytest.approx(1.0)
    assert ratios[0.99] == pytest.approx(3.0, rel=0.01)


def test_quantiles_that_too_few_requests_lie_beyond_are_left_out() -> None:
    found = _shift(arms(8, 1.0), C, "#000000")
    assert found is not None
    assert 0.995 in found.quantiles and 0.999 not in found.quantiles


def test_too_few_blocks_show_nothing() -> None:
    assert _shift(arms(5, 3.0, 200), C, "#000000") is None


def test_a_block_that_one_arm_lost_is_left_out_of_both() -> None:
    whole = arms(8, 3.0)
    del whole["base", 3]
    found = _shift(whole, C, "#000000")
    assert found is not None and found.low[0] == pytest.approx(1.0)


def test_a_tail_of_unfinished_requests_is_no_ratio() -> None:
    starts = arms(8, 1.0)
    for block in range(8):
        done = starts["arm", block].done
        every = done.copy()
        for _ in range(REQUESTS // 10):  # never finished: p95 and above are bounds
            every.record(2_000_000)
        starts["arm", block] = Start(done, every)
    found = _shift(starts, C, "#000000")
    assert found is not None
    assert found.quantiles[-1] == 0.9
