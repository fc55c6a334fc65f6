"""Columns made of a load's result: bounds of what was never finished, and each listed request."""

import base64
from typing import Any

import pytest

from zyphos_lab import _core, health, metrics, record

pytestmark = pytest.mark.native
MS = 1_000_000


def encoded(*values_ms: int) -> str:
    histogram = _core.Histogram()
    for value in values_ms:
        histogram.record(value * MS)
    return base64.b64encode(histogram.encode()).decode()


def result(**histograms: tuple[int, ...]) -> dict[str, Any]:
    names = ("latency_ns", "service_ns", "schedule_lag_ns", "censored_ns")
    empty = dict.fromkeys(names, encoded())
    given = {name: encoded(*values) for name, values in histograms.items()}
    return {"errors": {}, "histograms": empty | given, "entries": []}


def test_what_was_never_finished_bounds_each_time_from_below() -> None:
    made = result(
        latency_ns=(1,) * 90,
        service_ns=(1,) * 90,
        schedule_lag_ns=(1,) * 95,
        censored_ns=(500,) * 10,
        service_censored_ns=(400,) * 5,
        schedule_lag_censored_ns=(300,) * 5,
    )
    row, _, reasons = record.load_columns(made)
    for metric, least in (("latency_ns", 500), ("service_ns", 400), ("schedule_lag_ns", 300)):
        assert row[f"{metric}_p99"] == pytest.approx(least * MS, rel=0.001)
        assert row[f"{metric}_p99_at_least"]
        assert row[f"{metric}_p50"] == pytest.approx(MS, rel=0.001)
        assert f"{metric}_p50_at_least" not in row
    assert [reason.code for reason in reasons] == ["censored"] * 3


def test_each_listed_request_has_its_columns() -> None:
    made = result(latency_ns=(1, 2, 3))
    made["entries"] = [
        {
            "requests_done": 2,
            "requests_failed": 1,
            "requests_censored": 0,
            "latency_ns": encoded(1, 2),
        },
        {"requests_done": 0, "requests_failed": 0, "requests_censored": 4, "latency_ns": encoded()},
    ]
    row, _, _ = record.load_columns(made)
    assert (row["request_0_done"], row["request_0_failed"], row["request_1_censored"]) == (2, 1, 4)
    assert row["request_0_latency_ns_p99"] == pytest.approx(2 * MS, rel=0.001)
    assert row["request_1_latency_ns_p50"] is None
    for name in row:
        if name.startswith("request_"):
            assert metrics.lookup(name) is not None, name


@pytest.mark.parametrize(
    ("errors", "code"),
    [
        ({"error_deadline": 3}, ["late_answers"]),
        ({"error_deadline": 3, "error_wrong_status": 1}, ["wrong_answers"]),
        ({}, []),
    ],
)
def test_a_late_answer_is_not_a_wrong_one(errors: dict[str, int], code: list[str]) -> None:
    failed = sum(errors.values())
    row = record.nothing_measured() | errors
    row |= {"requests_failed": failed, "requests_done": 100, "client_threads_busy_ratio": 0.1}
    found = [reason.code for reason in health.load_reasons(row | {"window_ns": 10**9}, "closed")]
    assert found == code


def test_few_sessions_are_judged_as_few() -> None:
    row = record.nothing_measured() | {"requests_failed": 0, "requests_done": 900}
    row |= {"requests_sent": 900, "arrivals_ks": 0.08, "window_ns": 10**9, "rate_ratio": 1.0}
    assert [r.code for r in health.load_reasons(row, "partly-open")] == ["arrivals_off"]
    row["arrivals_observed"] = 170
    assert not health.load_reasons(row, "partly-open")
