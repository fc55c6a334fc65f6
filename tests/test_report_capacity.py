"""Capacities in the answer, from the trials of a scripted search."""

from __future__ import annotations

from typing import Any

import pytest

from test_capacity_stage import CAPACITY, run
from test_spec_search import SEARCH
from zyphos_lab import spec
from zyphos_lab.capacity.stage import SearchStage
from zyphos_lab.report import capacity
from zyphos_lab.report.load_curves import measured_curves, measured_picture, search_picture
from zyphos_lab.report.model import CapacityResult


def found(capacities: dict[str, float]) -> tuple[CapacityResult, ...]:
    experiment = spec.loads(SEARCH)
    assert experiment.searched is not None
    rows = run(SearchStage(experiment.searched, 1, experiment.repeat), capacities)
    whole = [
        {**row, "trial": trial, "factor_engine": row["cell"].partition("=")[2]}
        for trial, row in enumerate(rows)
    ]
    return capacity.capacities(experiment.data, whole)


def test_each_cell_has_its_bounds_and_every_try() -> None:
    results = {one.cell: one for one in found(CAPACITY)}
    assert set(results) == set(CAPACITY)
    for cell, one in results.items():
        assert one.finished and one.lower_per_second and one.upper_per_second
        assert one.lower_per_second <= CAPACITY[cell] < one.upper_per_second
        assert {attempt.outcome for attempt in one.tries} == {"held", "broken"}
        assert one.baseline_cell == "engine=uring"


def test_the_ratio_of_two_capacities_is_a_range_that_holds_it() -> None:
    results = found(CAPACITY)
    epoll = next(one for one in results if one.cell == "engine=epoll")
    low, high = (float(end) for end in capacity.against(epoll, results).split(" to "))
    assert low <= CAPACITY["engine=epoll"] / CAPACITY["engine=uring"] <= high
    uring = next(one for one in results if one.cell == "engine=uring")
    assert capacity.against(uring, results) == "-"


def test_the_sentence_names_every_arm_with_both_bounds() -> None:
    text = capacity.sentence(found(CAPACITY))
    assert text.startswith("`latency_ns_p99 <= 2ms` holds up to ")
    arms = [cell.partition("=")[2] for cell in CAPACITY]
    assert all(f"({arm})" in text for arm in arms) and " to " in text
    assert "engine=" not in text, "which is the one factor of all"


def test_no_load_that_holds_is_said_and_not_zero() -> None:
    one = found(dict.fromkeys(CAPACITY, 0.5))[0]  # a closed load still gets answers
    assert one.lower_per_second is None
    assert capacity.between(one).startswith("less than ")


def test_an_experiment_without_a_search_has_none() -> None:
    assert capacity.capacities({"name": "x"}, []) == ()


def test_the_pictures_show_every_try_and_every_arm() -> None:
    results = found(CAPACITY)
    svg = search_picture(results)
    assert svg.count("held") == len(results)
    rows: list[dict[str, Any]] = [
        {
            "cell": f"engine={engine},offered={rate}",
            "factor_engine": engine,
            "rate_asked_per_second": rate,
            "verdict": "VALID",
            "latency_ns_p50": 1e5 * rate,
            "latency_ns_p99": 1e6 * rate,
        }
        for engine in ("epoll", "uring")
        for rate in (10.0, 90.0)
        for _ in range(6)
    ]
    curves = measured_curves(rows, ["engine"])
    assert [curve.arm for curve in curves] == ["engine=epoll", "engine=uring"]
    assert [rate for rate, _, _ in curves[0].points] == [10.0, 90.0]
    assert curves[0].points[1][1].value == pytest.approx(9e6)
    assert "engine=uring p99" in measured_picture(curves)
