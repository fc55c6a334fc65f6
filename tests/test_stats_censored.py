"""Quantiles with unfinished requests, by enumeration of everything that they might have become.

METHOD.md: each unfinished request enters at its own lower bound, and a quantile that lands on a
censored observation prints as `>= x`. Truth here: whatever the unfinished would have taken, from
their bound to for ever, the quantile is at least what is told; it is told as `>=` exactly where
some outcome would move it by more than 1 %.
"""

from __future__ import annotations

import base64
import itertools
import math
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from store_factory import encode
from zyphos_lab._core import Histogram
from zyphos_lab.record import PROBABILITIES, load_columns
from zyphos_lab.report.percentiles import curve, merge

VALUES = st.sampled_from([100, 200, 400, 800, 1600])  # further apart than a bucket and than 1 %


def columns(done: list[int], unfinished: list[int]) -> dict[str, Any]:
    """What a record says of these latencies in nanoseconds."""
    histograms = {"latency_ns": text(done), "censored_ns": text(unfinished)}
    row, _, _ = load_columns({"histograms": histograms, "window_ns": 10**9})
    return row


def text(values: list[int]) -> str:
    return base64.b64encode(encode(np.array(values, dtype=np.int64))).decode()


def quantile(values: list[float], q: float) -> float:
    """The smallest value that at least the share q does not exceed (HdrHistogram's way)."""
    return sorted(values)[max(0, math.ceil(q * len(values) - 1e-9) - 1)]


def outcomes(done: list[int], unfinished: list[int]) -> list[list[float]]:
    """All that might have been, if each unfinished request ends at its bound or never."""
    ends = [(float(bound), math.inf) for bound in unfinished]
    return [[*map(float, done), *chosen] for chosen in itertools.product(*ends)]


@given(st.lists(VALUES, min_size=1, max_size=12), st.lists(VALUES, max_size=5))
def test_told_is_the_least_that_can_be_and_marked_where_more_can_be(
    done: list[int], unfinished: list[int]
) -> None:
    row = columns(done, unfinished)
    for name, q in PROBABILITIES.items():
        possible = [quantile(values, q) for values in outcomes(done, unfinished)]
        told = row[f"latency_ns_{name}"]
        assert told == pytest.approx(min(possible), rel=0.001)
        marked = row.get(f"latency_ns_{name}_at_least", False)
        assert marked == (max(possible) > min(possible) * 1.01), name


@given(st.lists(VALUES, min_size=1, max_size=12), st.lists(VALUES, min_size=1, max_size=5))
def test_mean_and_longest_are_always_bounds_and_the_shortest_where_it_is_unfinished(
    done: list[int], unfinished: list[int]
) -> None:
    row = columns(done, unfinished)
    assert row["latency_ns_mean_at_least"] is row["latency_ns_max_at_least"] is True
    assert row["latency_ns_min"] == min(done + unfinished)
    assert row.get("latency_ns_min_at_least", False) == (min(unfinished) < min(done))


def test_only_unfinished_requests_and_none_at_all() -> None:
    row = columns([], [500, 600])
    assert row["latency_ns_p50"] == pytest.approx(500, rel=0.001)
    assert all(row[f"latency_ns_{name}_at_least"] for name in PROBABILITIES)
    assert columns([], [])["latency_ns_p50"] is None


def test_starts_are_merged_by_adding_and_not_by_averaging_percentiles() -> None:
    """One start of two has a tail: the merged p97 is that of all requests, their mean is not."""
    starts = [[100] * 1000, [100] * 950 + [100_000] * 50]
    frame = pd.DataFrame(
        [{"cell": "a", "encoded": encode(np.array(start, dtype=np.int64))} for start in starts]
    )
    [merged] = merge(frame).values()
    together = starts[0] + starts[1]
    assert merged.count == 2000
    for q in (0.5, 0.9, 0.97, 0.98, 0.99, 0.999):
        assert merged.quantile(q) == pytest.approx(quantile([*map(float, together)], q), rel=0.001)
    averaged = np.mean([Histogram.decode(e).quantile(0.97) for e in frame["encoded"]])
    assert averaged > 400 * (merged.quantile(0.97) or 0)


def test_a_curve_passes_into_the_unfinished_where_its_quantiles_do() -> None:
    """90 of 100 finished: up to p90 the values are known, from there on they are lower bounds."""
    done = Histogram.decode(encode(np.arange(1, 91) * 1_000_000))
    unfinished = Histogram.decode(encode(np.full(10, 1_000_000_000)))
    found = curve(done, unfinished)
    assert found is not None and found.count == 100 and found.bound_from is not None
    assert found.bound_from == pytest.approx(1.0, abs=0.02)
    beyond = found.value_ns[found.nines > found.bound_from + 0.02]
    assert np.all(beyond >= 1_000_000_000)
    whole = curve(done)
    assert whole is not None and whole.bound_from is None and whole.count == 90


def test_a_curve_of_nothing_finished_is_a_bound_throughout() -> None:
    found = curve(Histogram(), Histogram.decode(encode(np.full(10, 1_000_000_000))))
    assert found is not None and found.bound_from == 0
    assert curve(Histogram(), Histogram()) is None
