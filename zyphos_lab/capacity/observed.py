"""What the recorded trials of a search say: outcomes, and the bounds that follow from them.

Reads rows of the stage "search" and the experiment's `search`; used while the search runs (what to
try next) and afterwards by the report. Pure.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from zyphos_lab.capacity.search import Bounds, Decision, Goal, Observation, Outcome, decide
from zyphos_lab.health import RATE_RATIO_MIN
from zyphos_lab.record import INVALID, Row
from zyphos_lab.spec.models import Search
from zyphos_lab.spec.statement import Statement
from zyphos_lab.stage import SEARCH

# What an overloaded server does to a trial: the objective's subject, not the machine's fault.
SUBJECT = frozenset({"wrong_answers", "nothing_done", "not_stationary", "littles_law"})
GENERATOR = frozenset({"generator_limit", "ceiling"})


@dataclass(frozen=True, slots=True)
class Capacity:
    """The capacity of one cell, per second. `closed_rate`: what it did when it was kept busy."""

    cell: str
    labels: Mapping[str, str]
    closed_rate: float
    bounds: Bounds
    tries: tuple[tuple[Row, Outcome], ...]


def goal_of(search: Search) -> Goal:
    most = search.most_per_second
    return Goal(
        width=search.width,
        trials=search.trials,
        least=search.least_per_second,
        most=math.inf if most is None else most,
    )


def of_cell(rows: Iterable[Row], cell: str) -> list[Row]:
    """The search's trials of one cell, in order."""
    return [row for row in rows if row.get("stage") == SEARCH and row["cell"] == cell]


def closed_rate(rows: Sequence[Row]) -> float | None:
    """What the server did under the closed law that every search begins with; None before it."""
    rates = [row["requests_per_second"] for row in rows if not _asked(row)]
    return next((float(rate) for rate in rates if rate), None)


def decision(rows: Sequence[Row], slo: Statement, goal: Goal) -> Decision:
    """What to try next, after these trials of a cell."""
    tried = [row for row in rows if _asked(row)]
    seen = [Observation(float(row["rate_asked_per_second"]), outcome(row, slo)) for row in tried]
    start = closed_rate(rows)
    if start is None:
        nothing = "the server did nothing when it was kept busy"
        return Decision(None, Bounds(None, None, 0, True, nothing))
    return decide(seen, start, goal)


def outcome(row: Row, slo: Statement) -> Outcome:
    """What one trial says of its load. What is only a lower bound cannot be claimed to hold."""
    fatal = {str(one["code"]) for one in row["reasons"] if one["severity"] == INVALID}
    if fatal & GENERATOR:
        return Outcome.GENERATOR
    if fatal - SUBJECT:
        return Outcome.VOID
    reached = (row.get("rate_ratio") or 0.0) >= RATE_RATIO_MIN
    return Outcome.HELD if reached and _claimed(row, slo) else Outcome.BROKEN


def _claimed(row: Row, slo: Statement) -> bool:
    """Whether the objective held for certain."""
    if any(row.get(f"{name}_at_least") for name in slo.metrics):
        return False
    return slo.holds({name: row.get(name) for name in slo.metrics}) is True


def capacity(
    rows: Sequence[Row], cell: str, labels: Mapping[str, str], slo: Statement, goal: Goal
) -> Capacity:
    """Everything known of one cell's capacity, its search finished or not."""
    own = of_cell(rows, cell)
    tries = tuple((row, outcome(row, slo)) for row in own if _asked(row))
    return Capacity(
        cell, labels, closed_rate(own) or math.nan, decision(own, slo, goal).bounds, tries
    )


def _asked(row: Row) -> bool:
    """Whether the trial had a rate; NaN (a table's null) is none."""
    asked = row.get("rate_asked_per_second")
    return asked is not None and asked == asked
