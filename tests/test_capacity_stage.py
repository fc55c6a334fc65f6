"""The stage that searches capacities: which trials it plans, and the loads that follow from it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import pytest

from test_spec_search import SEARCH
from zyphos_lab import spec
from zyphos_lab.capacity import observed
from zyphos_lab.capacity.search import Outcome
from zyphos_lab.capacity.stage import Offered, SearchStage
from zyphos_lab.errors import MeasurementError
from zyphos_lab.stage import Outlook, Planned

CAPACITY = {"engine=epoll": 40_000.0, "engine=uring": 50_000.0, "engine=thread": 20_000.0}
Row = dict[str, Any]


def row(planned: Planned, capacities: Mapping[str, float]) -> Row:
    """What a trial of a server with a sharp knee would record."""
    asked, capacity = planned.cell.load.arrival.rate_per_second, capacities[planned.cell.id]
    return {
        "stage": planned.stage,
        "cell": planned.cell.id,
        "block": planned.block,
        "reasons": [],
        "rate_asked_per_second": asked,
        "requests_per_second": min(asked or 1e9, capacity * 1.1),
        "rate_ratio": None if asked is None else 1.0,
        "latency_ns_p99": 1e6 if asked is None or asked <= capacity else 5e6,
    }


def run(stage: SearchStage, capacities: Mapping[str, float]) -> list[Row]:
    rows: list[Row] = []
    while (added := stage.next(rows)) is not None:
        rows += [row(planned, capacities) for planned in added]
        assert len(rows) < 1000
    return rows


@pytest.fixture
def searched() -> Any:
    return spec.loads(SEARCH).searched


def stage_of(searched: Any, seed: int = 1) -> SearchStage:
    return SearchStage(searched, seed, spec.loads(SEARCH).repeat)


def test_every_search_begins_by_keeping_the_server_busy(searched: Any) -> None:
    first = stage_of(searched).next([])
    assert first is not None
    assert {planned.cell.id for planned in first} == set(CAPACITY)
    assert {planned.cell.load.arrival.law for planned in first} == {"closed"}


def test_the_bounds_of_every_cell_hold_its_capacity(searched: Any) -> None:
    rows = run(stage_of(searched), CAPACITY)
    goal = observed.goal_of(searched.settings)
    for cell in searched.cells:
        found = observed.capacity(rows, cell.id, cell.labels, searched.slo, goal)
        assert found.bounds.finished and not found.bounds.reason
        assert found.bounds.lower is not None and found.bounds.upper is not None
        assert found.bounds.lower <= CAPACITY[cell.id] < found.bounds.upper
        assert found.closed_rate == pytest.approx(1.1 * CAPACITY[cell.id])


def test_cells_take_turns_in_random_order_that_the_seed_fixes(searched: Any) -> None:
    rows = run(stage_of(searched), CAPACITY)
    again = run(stage_of(searched), CAPACITY)
    other = run(stage_of(searched, seed=2), CAPACITY)
    assert rows == again and [r["cell"] for r in rows] != [r["cell"] for r in other]
    for turn in range(4):
        assert len({r["cell"] for r in rows if r["block"] == turn}) == 3


def test_trials_have_the_searchs_own_length(searched: Any) -> None:
    first = stage_of(searched).next([])
    assert first is not None and first[0].repeat is not None
    assert first[0].repeat.window_ns == searched.settings.window_ns


class Inner:
    """A stage that gives one trial of each cell."""

    name = "measure"

    def outlook(self) -> Outlook:
        return Outlook(6, 6.0)

    def next(self, rows: Sequence[Row]) -> list[Planned] | None:
        cells = spec.loads(SEARCH).cells
        return [Planned(0, 0, cell, 0, "", 1) for cell in cells]


def test_all_arms_are_offered_the_same_load(searched: Any) -> None:
    rows = run(stage_of(searched), CAPACITY)
    found = Offered(Inner(), searched).next(rows)
    assert found is not None
    rates = {one.cell.id: one.cell.load.arrival.rate_per_second for one in found}
    goal = observed.goal_of(searched.settings)
    own = observed.of_cell(rows, "engine=uring")
    lower = observed.decision(own, searched.slo, goal).bounds.lower
    assert lower is not None
    for engine in ("epoll", "uring", "thread"):
        assert rates[f"engine={engine},offered=10%"] == pytest.approx(0.1 * lower, rel=1e-3)
        assert rates[f"engine={engine},offered=90%"] == pytest.approx(0.9 * lower, rel=1e-3)


def test_without_a_capacity_nothing_can_be_offered(searched: Any) -> None:
    rows = run(stage_of(searched), dict.fromkeys(CAPACITY, 0.0))
    with pytest.raises(MeasurementError, match="nothing can be offered"):
        Offered(Inner(), searched).next(rows)


@pytest.mark.parametrize(
    ("change", "outcome"),
    [
        ({}, Outcome.HELD),
        ({"latency_ns_p99": 3e6}, Outcome.BROKEN),
        ({"latency_ns_p99": None}, Outcome.BROKEN),
        ({"latency_ns_p99_at_least": True}, Outcome.BROKEN),
        ({"rate_ratio": 0.9}, Outcome.BROKEN),
        ({"reasons": [{"code": "steal", "severity": "DEGRADED"}]}, Outcome.HELD),
        ({"reasons": [{"code": "steal", "severity": "INVALID"}]}, Outcome.VOID),
        ({"reasons": [{"code": "wrong_answers", "severity": "INVALID"}]}, Outcome.HELD),
        ({"reasons": [{"code": "generator_limit", "severity": "INVALID"}]}, Outcome.GENERATOR),
    ],
)
def test_what_a_trial_says(searched: Any, change: Row, outcome: Outcome) -> None:
    tried = {"latency_ns_p99": 1e6, "rate_ratio": 1.0, "reasons": [], **change}
    assert observed.outcome(tried, searched.slo) is outcome
