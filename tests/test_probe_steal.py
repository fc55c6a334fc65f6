"""The probe `steal`: p99.9 over the intervals that the hypervisor left alone."""

from __future__ import annotations

import base64
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from machine import assert_usable
from test_links_runs import run
from zyphos_lab import _core
from zyphos_lab.probes import steal
from zyphos_lab.probes.steal import CENSORED, MARGIN_NS, OF_INTERVALS, PERIOD_NS, Reading, told

pytestmark = pytest.mark.core
MS = 1_000_000
WINDOW_NS, INTERVAL_NS = 1_000 * MS, 100 * MS
P99_9 = OF_INTERVALS[0]
EXPERIMENT = """
schema: 1
name: demo
question: What is the tail without the hypervisor's?
targets: {echo: {engine: epoll, protocol: echo}}
load: {protocol: echo, connections: 5, arrival: {law: constant, rate: 10000/s}, deadline: 20s}
repeat: {starts: 1, warmup: 0s, window: 2s, interval: 100ms}
probes: [steal]
"""


def load(slow: Sequence[int] = (), each: int = 1000, **changes: Any) -> dict[str, Any]:
    """Ten intervals of 100 us an answer; those of `slow` took 5 ms."""
    parts = []
    for index in range(10):
        histogram = _core.Histogram()
        histogram.record(5 * MS if index in slow else MS // 10, each)
        text = base64.b64encode(histogram.encode()).decode()
        parts.append({"start_ns": index * INTERVAL_NS, "requests_done": each, "latency_ns": text})
    return {"window_ns": WINDOW_NS, "intervals": parts, "requests_censored": 0, **changes}


def readings(stolen: Sequence[int] = (), cpu: int = 0) -> list[Reading]:
    """From before the window to behind it; a tick more of `cpu` at each of these times (ns)."""
    times = range(-2 * PERIOD_NS, WINDOW_NS + 3 * PERIOD_NS, PERIOD_NS)
    return [
        Reading(at, 0, {n: 7 + sum(t <= at for t in stolen) * (n == cpu) for n in (0, 1)})
        for at in times
    ]


def judged(result: dict[str, Any], seen: Sequence[Reading], guest: bool = True) -> Any:
    return told(seen, frozenset({0}), result, guest)


def test_without_steal_it_is_that_of_the_whole_window() -> None:
    columns, reason = judged(load(slow=[4]), readings())
    assert reason == "" and columns["intervals_without_steal_ratio"] == 1
    assert 4.9 * MS < columns[P99_9] < 5.1 * MS


def test_an_interval_in_which_some_was_stolen_is_left_out_whatever_it_measured() -> None:
    columns, reason = judged(load(slow=[4]), readings([450 * MS]))
    # The one before it too: the reading that tells lies within the margin of both.
    assert reason == "" and columns["intervals_without_steal"] == 8
    assert columns["requests_done_without_steal"] == 8000
    assert columns[P99_9] < MS
    columns, _ = judged(load(slow=[4]), readings([750 * MS]))
    assert columns["intervals_without_steal"] == 8 and columns[P99_9] > 4.9 * MS


@pytest.mark.parametrize("at_ns", [200 * MS - MARGIN_NS, 300 * MS + MARGIN_NS])
def test_its_neighbours_count_where_a_request_may_reach_them(at_ns: int) -> None:
    columns, _ = judged(load(), readings([at_ns]))
    assert columns["intervals_without_steal"] == 8


def test_another_cpu_s_steal_is_another_s() -> None:
    columns, _ = judged(load(), readings([450 * MS], cpu=1))
    assert columns["intervals_without_steal"] == 10


def test_what_is_not_known_is_missing_and_never_zero() -> None:
    for result, seen, why in (
        (load(each=400), readings([450 * MS]), "only 3200 requests in 8 intervals"),
        (load(requests_censored=1), readings(), CENSORED),
        (load(intervals=[]), readings(), steal.NO_INTERVALS),
        (load(), [Reading(0, 0, {})], steal.NO_COLUMN),
        (load(), [Reading(at, 0, {0: 0, 1: 0}) for at in (-MS, 2 * WINDOW_NS)], steal.UNTOLD),
    ):
        columns, reason = judged(result, seen)
        assert columns[P99_9] is None and reason.startswith(why)
    # Where no reading is before an interval, nothing is known of it.
    columns, _ = judged(load(), readings()[5:])
    assert columns["intervals_without_steal"] == 8


def test_without_a_hypervisor_there_is_nothing_to_steal() -> None:
    bare = [Reading(at, 0, {0: 0, 1: 0}) for at in (-MARGIN_NS, WINDOW_NS + MARGIN_NS)]
    columns, reason = judged(load(), bare, guest=False)
    assert reason == "" and columns["intervals_without_steal"] == 10


@pytest.mark.native
def test_a_trial_has_it_or_says_why_not(tmp_path: Path) -> None:
    _, store = run(tmp_path, EXPERIMENT)
    [row] = store.rows()
    assert_usable(row)
    assert row["steal_samples"] > 20 and row["observer_steal_ns"] < 200 * MS
    if row[P99_9] is None:
        said = row["skipped"]
        assert P99_9 in said or "steal" in said
    else:
        assert 0 < row[P99_9] <= row["latency_ns_max"] * 1.01
        assert row["requests_done_without_steal"] >= 3688
