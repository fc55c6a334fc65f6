"""What the load's own columns say against a trial: the generator's limit, Little's law."""

from __future__ import annotations

from typing import Any

import pytest

from zyphos_lab import health, record

SECOND_NS = 1_000_000_000
QUIET: dict[str, Any] = {
    "window_ns": SECOND_NS,
    "requests_scheduled": 10_000,
    "requests_sent": 10_000,
    "requests_done": 10_000,
    "requests_failed": 0,
    "requests_censored": 0,
    "rate_ratio": 1.0,
    "arrivals_ks": 0.001,
    "client_threads": 1,
    "client_threads_busy_ratio": 0.3,
    "client_threads_run_delay_ns": 10_000_000,
    "limited_by": "neither",
    "schedule_lag_ns_p99": 20_000,
    "latency_ns_p99": 200_000,
    "latency_ns_mean": 100_000,
    "little_ratio": 1.01,
}
STARVED = {"client_threads_run_delay_ns": SECOND_NS // 3}
LATE = {"schedule_lag_ns_p99": 8_000_000, "latency_ns_p99": 9_000_000}


def reasons(law: str, apart: bool = True, **changes: Any) -> list[tuple[str, str]]:
    found = health.load_reasons(QUIET | changes, law, apart)
    assert all(reason.message and reason.evidence for reason in found)
    return [(reason.severity, reason.code) for reason in found]


@pytest.mark.parametrize("law", ["closed", "poisson"])
def test_a_healthy_load_gives_no_reason(law: str) -> None:
    assert reasons(law) == []


INVALID, DEGRADED = ("INVALID", "generator_limit"), ("DEGRADED", "generator_limit")


@pytest.mark.parametrize(
    ("changes", "found"),
    [
        ({"rate_ratio": 0.9}, [DEGRADED]),
        ({"rate_ratio": 0.9, **STARVED}, [INVALID]),
        (STARVED | LATE, [INVALID]),
        (STARVED, []),  # it waited, and was still in time
        (LATE, []),  # late because all connections waited for the server
        ({"rate_ratio": 0.9, **STARVED, "limited_by": "server"}, []),
        ({"rate_ratio": 0.9, "client_threads_run_delay_ns": None}, [DEGRADED]),
        ({"schedule_lag_ns_p99": None, **STARVED}, []),
    ],
)
def test_a_scheduled_load_at_its_limit(changes: dict[str, Any], found: list[Any]) -> None:
    assert reasons("constant", **changes) == found


@pytest.mark.parametrize(
    ("changes", "apart", "found"),
    [
        (STARVED, True, [INVALID]),
        (STARVED, False, [DEGRADED]),  # perhaps it was the target that it waited for
        (STARVED | {"limited_by": "server"}, True, []),
        ({"client_threads_run_delay_ns": SECOND_NS // 8}, True, [DEGRADED]),
        ({"client_threads_busy_ratio": 0.96}, True, [DEGRADED]),
        ({"client_threads_busy_ratio": 0.96, "limited_by": "both"}, True, []),
        ({"client_threads": 4, **STARVED}, True, []),
    ],
)
def test_a_closed_load_at_its_limit(changes: dict[str, Any], apart: bool, found: Any) -> None:
    assert reasons("closed", apart, **changes) == found


@pytest.mark.parametrize(
    ("changes", "breaks"),
    [
        ({"little_ratio": 1.06}, True),
        ({"little_ratio": 0.9}, True),
        ({"little_ratio": None}, False),
        ({"little_ratio": 1.06, "latency_ns_p99": 10_000_000}, False),  # the window's edges
        ({"little_ratio": 1.2, "requests_censored": 3000}, False),  # unfinished ones are under way
    ],
)
def test_littles_law(changes: dict[str, Any], breaks: bool) -> None:
    assert reasons("closed", **changes) == ([("DEGRADED", "littles_law")] if breaks else [])


@pytest.mark.parametrize(
    ("late_ns", "severity"),
    [((0, 20_000_000), None), ((20_000_001, 0), "DEGRADED"), ((0, SECOND_NS), "INVALID")],
)
def test_counters_that_were_read_late(late_ns: tuple[int, int], severity: str | None) -> None:
    found = record.edge_reasons(late_ns, SECOND_NS)
    assert [(one.code, one.severity) for one in found] == (
        [("edges_late", severity)] if severity else []
    )


def test_a_limited_rate_is_a_lower_bound() -> None:
    row = QUIET | STARVED
    health.mark_limits(row, health.load_reasons(row, "closed", True))
    assert row["requests_per_second_at_least"] is True
    clean = dict(QUIET)
    health.mark_limits(clean, health.load_reasons(clean, "closed", True))
    assert "requests_per_second_at_least" not in clean
