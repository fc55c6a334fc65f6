"""A change within the window lowers the verdict; noise does not, nor does a law that changes."""

from __future__ import annotations

import base64
from typing import Any

import numpy as np
import pytest

from store_factory import encode
from zyphos_lab import stationarity


def intervals(latencies_ns: list[float], done: int = 100) -> list[dict[str, Any]]:
    return [
        {
            "start_ns": n * 100_000_000,
            "requests_done": done + n % 3,
            "latency_ns": base64.b64encode(encode(np.full(100, latency, dtype=np.int64))).decode(),
        }
        for n, latency in enumerate(latencies_ns)
    ]


NOISE = [100e3 + 1e3 * x for x in np.random.default_rng(3).normal(size=20)]
STEP = NOISE[:12] + [2 * x for x in NOISE[12:]]


def test_noise_is_stationary() -> None:
    assert stationarity.reasons(intervals(NOISE), "closed") == []


def test_a_step_is_not() -> None:
    [reason] = stationarity.reasons(intervals(STEP), "poisson")
    assert (reason.code, reason.severity) == ("not_stationary", "DEGRADED")
    assert reason.evidence["interval"] == 12
    assert reason.evidence["after"] == pytest.approx(2 * reason.evidence["before"], rel=0.05)


def test_a_rate_that_falls_is_not_either() -> None:
    parts = intervals(NOISE)
    for part in parts[8:]:
        part["requests_done"] //= 2
    [reason] = stationarity.reasons(parts, "closed")
    assert reason.evidence["metric"] == "requests_done"
    assert stationarity.reasons(parts, "constant") == []  # its rate is the schedule's


@pytest.mark.parametrize("law", stationarity.CHANGING)
def test_laws_that_change_by_themselves_are_left_out(law: str) -> None:
    assert stationarity.reasons(intervals(STEP), law) == []


def test_too_few_or_empty_intervals_tell_nothing() -> None:
    assert stationarity.reasons(intervals(STEP[9:15]), "closed") == []
    parts = intervals(STEP)
    parts[3]["latency_ns"] = None
    assert stationarity.reasons(parts, "poisson") == []
    assert stationarity.reasons([], "closed") == []
