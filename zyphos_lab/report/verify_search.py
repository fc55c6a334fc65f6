"""Capacities once more: what each trial of the search says, and the bounds that follow.

Outcomes from the recorded reasons and the objective (own reading of it), bounds by counting; shares
nothing with zyphos_lab/capacity.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from zyphos_lab.report.verify_check import Check
from zyphos_lab.report.verify_statement import Range, decide, number

Row = Mapping[str, Any]
REACHED_MIN = 0.98
TRIES_MAX, VOIDS_MAX = 60, 3
NOT_SERVER = {"generator_limit", "ceiling"}
OF_OVERLOAD = {"wrong_answers", "nothing_done", "not_stationary", "littles_law"}
TRIED = ("trial", "rate_per_second", "outcome", "latency_ns_p50", "latency_ns_p99")
BOUNDS = ("closed_per_second", "lower_per_second", "upper_per_second", "finished")


def hold(check: Check, told: Row, rows: Sequence[Row], settings: Row) -> None:
    """One capacity of an answer; `rows` are the search's trials of its cell, in order."""
    found = capacity(rows, settings)
    for name in BOUNDS:
        check.same(f"capacity {told['cell']} {name}", told[name], found[name])
    check.same(f"capacity {told['cell']} tries", len(told["tries"]), len(found["tries"]))
    for one, other in zip(told["tries"], found["tries"], strict=False):
        for name in TRIED:
            place = f"capacity {told['cell']} trial {other['trial']} {name}"
            check.same(place, one[name], other[name])


def capacity(rows: Sequence[Row], settings: Row) -> dict[str, Any]:
    """BOUNDS and `tries` (TRIED each) of a cell; `settings` are the experiment's `search`."""
    closed = [row["requests_per_second"] for row in rows if row["rate_asked_per_second"] is None]
    tries = [
        {
            "trial": row["trial"],
            "rate_per_second": row["rate_asked_per_second"],
            "outcome": _outcome(row, settings["slo"]),
            "latency_ns_p50": row["latency_ns_p50"],
            "latency_ns_p99": row["latency_ns_p99"],
        }
        for row in rows
        if row["rate_asked_per_second"] is not None
    ]
    lower, upper = _bounds(tries, int(settings.get("trials", 3)))
    known = next((rate for rate in closed if rate), None)
    return {
        "closed_per_second": known,
        "lower_per_second": lower,
        "upper_per_second": upper,
        "finished": known is None or _finished(tries, lower, upper, settings),
        "tries": tries,
    }


def _outcome(row: Row, slo: str) -> str:
    """What one trial says of its load."""
    fatal = {one["code"] for one in row["reasons"] if one["severity"] == "INVALID"}
    if fatal & NOT_SERVER:
        return "generator"
    if fatal - OF_OVERLOAD:
        return "void"

    def value(function: str, metric: str) -> Range | None:
        number = row.get(metric)
        if number is None or row.get(f"{metric}_at_least"):
            return None
        return float(number), float(number)

    reached = (row.get("rate_ratio") or 0) >= REACHED_MIN
    return "held" if reached and decide(slo, value) else "broken"


def _verdicts(tries: Sequence[Row], trials: int) -> Iterator[tuple[float, bool | None]]:
    """(load, whether the majority of its trials holds), ascending; None while it is open."""
    for rate in sorted({one["rate_per_second"] for one in tries}):
        said = [one["outcome"] for one in tries if one["rate_per_second"] == rate]
        held, broken = said.count("held"), said.count("broken") + said.count("generator")
        yield rate, False if 2 * broken > trials else True if 2 * held >= trials else None


def _bounds(tries: Sequence[Row], trials: int) -> tuple[float | None, float | None]:
    """The highest load that holds below the lowest that does not."""
    lower = None
    for rate, holds in _verdicts(tries, trials):
        if holds is False:
            return lower, rate
        lower = rate if holds else lower
    return lower, None


def _finished(
    tries: Sequence[Row], lower: float | None, upper: float | None, settings: Row
) -> bool:
    """Whether there is nothing left to try: near enough, out of range, or given up."""
    voids = Counter(one["rate_per_second"] for one in tries if one["outcome"] == "void")
    if len(tries) >= TRIES_MAX or max(voids.values(), default=0) > VOIDS_MAX:
        return True
    verdicts = dict(_verdicts(tries, int(settings.get("trials", 3))))
    if tries and verdicts[tries[-1]["rate_per_second"]] is None:
        return False
    if lower is not None and upper is not None:
        near = (upper - lower) / upper <= number(settings.get("width", "5%"))
        return near or float(f"{math.sqrt(lower * upper):.4g}") in (lower, upper)
    return _out_of_range(lower, upper, settings)


def _out_of_range(lower: float | None, upper: float | None, settings: Row) -> bool:
    """Not even the least load holds, or the most still does."""
    if upper is not None:
        return upper <= number(settings.get("least", "10/s"))
    most = settings.get("most")
    return most is not None and lower is not None and lower >= number(most)
