"""Capacities in the answer: bounds per cell, the sentence on them, and latency against load.

Recomputed from the recorded trials by zyphos_lab.capacity; the picture shows every one of them.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

from zyphos_lab.capacity import observed
from zyphos_lab.report.model import CapacityResult, CapacityTry
from zyphos_lab.report.words import significant
from zyphos_lab.spec.cell import id_of
from zyphos_lab.spec.models import Search
from zyphos_lab.spec.statement_parser import parse
from zyphos_lab.stage import SEARCH
from zyphos_lab.stats import label
from zyphos_lab.stats.contrasts import FACTOR_PREFIX


def capacities(
    experiment: Mapping[str, Any], rows: Sequence[Mapping[str, Any]]
) -> tuple[CapacityResult, ...]:
    """What was found for each searched cell; empty where the experiment has no search."""
    settings = experiment.get("search")
    if not settings:
        return ()
    search = Search.model_validate(settings)
    slo, goal = parse(search.slo), observed.goal_of(search)
    tried = [dict(row) for row in rows if row.get("stage") == SEARCH]
    labels = {str(row["cell"]): _labels(row) for row in tried}
    found = []
    for cell, named in labels.items():
        one = observed.capacity(tried, cell, named, slo, goal)
        tries = tuple(_try(row, str(outcome)) for row, outcome in one.tries)
        closed = None if math.isnan(one.closed_rate) else one.closed_rate
        bounds = one.bounds
        found.append(
            CapacityResult(
                cell=cell,
                baseline_cell=id_of({**named, **_baseline(experiment, named)}),
                factors=named,
                slo=search.slo,
                lower_per_second=bounds.lower,
                upper_per_second=bounds.upper,
                closed_per_second=closed,
                finished=bounds.finished,
                reason=bounds.reason,
                tries=tries,
            )
        )
    return tuple(sorted(found, key=lambda result: result.cell))


def _baseline(experiment: Mapping[str, Any], labels: Mapping[str, str]) -> dict[str, str]:
    """The factors' values of the arm whose capacity is shared out, of those that the cell has."""
    given = experiment["search"].get("baseline") or {
        entry["factor"]: entry["baseline"] for entry in list(experiment.get("compare") or ())[:1]
    }
    return {name: label(value) for name, value in given.items() if name in labels}


def sentence(found: Sequence[CapacityResult]) -> str:
    """`p99 <= 2ms` holds up to 91,000 to 95,000 requests/s (epoll), ...; '' without any."""
    if not found:
        return ""
    factors = {name for one in found for name in one.factors}
    short = len(factors) == 1  # whose name every arm would repeat
    parts = [f"{between(one)} ({_arm(one) if short else one.cell})" for one in found]
    return f"`{found[0].slo}` holds up to {', '.join(parts)} requests per second."


def _arm(one: CapacityResult) -> str:
    return ", ".join(one.factors.values())


def between(one: CapacityResult) -> str:
    """The bounds in words; what is missing is said."""
    lower, upper = one.lower_per_second, one.upper_per_second
    if not one.finished:
        return f"{_bounds(lower, upper)}, search not finished"
    if lower is None:
        return "no load" if upper is None else f"less than {_whole(upper)}"
    return f"at least {_whole(lower)}" if _open(one) else _bounds(lower, upper)


def against(one: CapacityResult, found: Sequence[CapacityResult]) -> str:
    """The range that its ratio to the baseline's capacity lies in: `1.03 to 1.11`; '-' where it is
    open, or is the baseline.
    """
    baseline = next((other for other in found if other.cell == one.baseline_cell), one)
    ends = (
        one.lower_per_second,
        one.upper_per_second,
        baseline.lower_per_second,
        baseline.upper_per_second,
    )
    if one is baseline or None in ends or _open(one) or _open(baseline):
        return "-"
    low, high, base_low, base_high = (float(end) for end in ends if end is not None)
    return f"{significant(low / base_high)} to {significant(high / base_low)}"


def _open(one: CapacityResult) -> bool:
    """Whether the upper bound is missing, or not the server's."""
    return one.upper_per_second is None or "load generator" in one.reason


def _bounds(lower: float | None, upper: float | None) -> str:
    return f"{'0' if lower is None else _whole(lower)} to {'?' if upper is None else _whole(upper)}"


def rate_text(rate: float | None) -> str:
    """Requests per second: `91,200`, `12.5`; `-` where there is none."""
    return "-" if rate is None else _whole(rate)


def _whole(rate: float) -> str:
    return f"{rate:,.0f}" if rate >= 100 else f"{rate:.3g}"


def _labels(row: Mapping[str, Any]) -> dict[str, str]:
    """The row's factors, without those that a searched cell does not have."""
    prefix = FACTOR_PREFIX
    names = [name for name in row if name.startswith(prefix) and row[name] is not None]
    return {name.removeprefix(prefix): label(row[name]) for name in names}


def _try(row: Mapping[str, Any], outcome: str) -> CapacityTry:
    return CapacityTry(
        trial=int(row["trial"]),
        rate_per_second=float(row["rate_asked_per_second"]),
        outcome=outcome,
        latency_ns_p50=row.get("latency_ns_p50"),
        latency_ns_p99=row.get("latency_ns_p99"),
    )
