"""Lines in the answer: what `fit` asks for, one for each combination of the other factors."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from zyphos_lab.metrics import lookup
from zyphos_lab.report.model import LineResult
from zyphos_lab.report.words import metric_words
from zyphos_lab.stats import Estimate, factor_columns, label
from zyphos_lab.stats.contrasts import FACTOR_PREFIX
from zyphos_lab.stats.line import Line, fit_line
from zyphos_lab.units import format_quantity, parse_quantity

if TYPE_CHECKING:
    import pandas as pd

DELAY = "link.delay"
DELAYS_PER_TRIP = 2
LINES_MAX = 8  # told in a sentence


def results(experiment: Mapping[str, Any], frame: pd.DataFrame) -> tuple[LineResult, ...]:
    """Every line that the experiment's `fit` asks for."""
    factors = experiment.get("factors") or {}
    delays = {name for name, one in factors.items() if one.get("set") in (DELAY, [DELAY])}
    return tuple(one for entry in experiment.get("fit", ()) for one in _of(entry, frame, delays))


def _of(
    entry: Mapping[str, Any], frame: pd.DataFrame, delays: Collection[str]
) -> Iterator[LineResult]:
    """`delays`: factors that are the link's one-way delay, in both directions."""
    factor, metric = str(entry["factor"]), str(entry["metric"])
    found = lookup(metric)
    for conditions, cells in _groups(entry, frame):
        yield LineResult(
            id=str(entry["id"]),
            factor=factor,
            metric=metric,
            unit="" if found is None else found.unit,
            conditions=dict(conditions),
            line=fit_line(frame, cells, metric),
            round_trips=found is not None and found.unit == "ns" and factor in delays,
        )


def _groups(
    entry: Mapping[str, Any], frame: pd.DataFrame
) -> list[tuple[tuple[tuple[str, str], ...], dict[str, float]]]:
    """(the other factors' values, cell -> x) of each line."""
    factor = str(entry["factor"])
    where = {name: label(value) for name, value in (entry.get("where") or {}).items()}
    columns = [f"{FACTOR_PREFIX}{name}" for name in factor_columns(frame)]
    groups: dict[tuple[tuple[str, str], ...], dict[str, float]] = {}
    for row in frame[["cell", *columns]].drop_duplicates("cell").to_dict("records"):
        labels = {name.removeprefix(FACTOR_PREFIX): label(row[name]) for name in columns}
        x = parse_quantity(labels.pop(factor, ""))
        if x is not None and all(labels.get(name) == value for name, value in where.items()):
            groups.setdefault(tuple(labels.items()), {})[str(row["cell"])] = x
    return [(key, dict(sorted(cells.items(), key=lambda at: at[1])))
            for key, cells in groups.items()]  # fmt: skip


def sentence(found: Sequence[LineResult]) -> str:
    """`server CPU per request is 11.1 us + 1.32 ns x size (line off by 3.1 %)`; of several lines
    `... is 1.02 with warm, 5.03 with tls12, in round trips, ...`; '' without any.
    """
    groups: dict[tuple[str, str], list[LineResult]] = {}
    for one in found:
        if one.line.error_rms is not None:
            groups.setdefault((one.metric, one.factor), []).append(one)
    text = "; ".join(_told(every) for every in groups.values())
    named = text.split(" ", 1)[0] in {metric for metric, _ in groups}  # a column stays as it is
    return f"{text if named else text[:1].upper() + text[1:]}." if groups else ""


def _told(every: Sequence[LineResult]) -> str:
    """The lines of one metric over one factor."""
    words = metric_words(every[0].metric)
    if len(every) == 1:
        one = every[0]
        where = f" where {place(one)}" if one.conditions else ""
        return f"{words} is {formula(one)}{where} (the line is off by {error_text(one.line)})"
    told = _told_trips(every) if every[0].round_trips else _told_formulas(every)
    return f"{words}{told} (the lines are off by at most {100 * max(map(_error_max, every)):.1f} %)"


def _told_formulas(every: Sequence[LineResult]) -> str:
    parts = [f"{formula(one)} with {_arm(one)}" for one in every[:LINES_MAX]]
    return f" is {', '.join([*parts, *_more(every)])}"


def _told_trips(every: Sequence[LineResult]) -> str:
    """The fewest first; what lies beside them is told as its range."""
    arms: dict[str, list[str]] = {}
    for one in sorted(every, key=lambda one: trips(one).value or 0.0)[:LINES_MAX]:
        arms.setdefault(format_quantity(trips(one).value, "ratio"), []).append(_arm(one))
    parts = [f"{count} with {' and '.join(names)}" for count, names in arms.items()]
    fixed = sorted(one.line.fixed.value or 0.0 for one in every)
    ends = dict.fromkeys(format_quantity(fixed[at], every[0].unit) for at in (0, -1))
    beside = " to ".join(ends)
    return f", in round trips, is {', '.join([*parts, *_more(every)])}, and {beside} beside them"


def _more(every: Sequence[LineResult]) -> list[str]:
    left = len(every) - LINES_MAX
    return [f"{left} more {'line' if left == 1 else 'lines'} in the table"] * (left > 0)


def _error_max(one: LineResult) -> float:
    return one.line.error_max or 0.0


def _arm(one: LineResult) -> str:
    """Its value where there is but one factor beside; else all of them with their names."""
    return next(iter(one.conditions.values())) if len(one.conditions) == 1 else place(one)


def formula(one: LineResult) -> str:
    """`250 ns + 0.0500 ns x size`, `5.05 round trips + 3.62 ms`; '-' without a line."""
    fixed, per_unit = one.line.fixed.value, one.line.per_unit.value
    if fixed is None or per_unit is None:
        return "-"
    if one.round_trips:
        trips = format_quantity(per_unit / DELAYS_PER_TRIP, "ratio")
        sign = "-" if fixed < 0 else "+"
        return f"{trips} round trips {sign} {format_quantity(abs(fixed), one.unit)}"
    sign = "-" if per_unit < 0 else "+"
    slope = format_quantity(abs(per_unit), one.unit)
    return f"{format_quantity(fixed, one.unit)} {sign} {slope} x {one.factor}"


def trips(one: LineResult) -> Estimate:
    """`per_unit` of a line over the one-way delay, in round trips."""
    found = one.line.per_unit

    def halved(value: float | None) -> float | None:
        return None if value is None else value / DELAYS_PER_TRIP

    return replace(
        found,
        value=halved(found.value),
        low=halved(found.low),
        high=halved(found.high),
        smallest=halved(found.smallest),
        largest=halved(found.largest),
    )


def error_text(line: Line) -> str:
    """`3.1 %, at most 5.2 %`, or why there is no line."""
    if line.error_rms is None or line.error_max is None:
        return line.reason
    return f"{100 * line.error_rms:.1f} %, at most {100 * line.error_max:.1f} %"


def place(one: LineResult) -> str:
    """The other factors' values: `engine=epoll`; '' where there are none."""
    return " ".join(f"{name}={value}" for name, value in one.conditions.items())
