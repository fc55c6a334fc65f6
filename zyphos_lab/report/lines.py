"""Lines in the answer: what `fit` asks for, one for each combination of the other factors."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from zyphos_lab.metrics import lookup
from zyphos_lab.report.model import LineResult
from zyphos_lab.report.words import metric_words
from zyphos_lab.stats import factor_columns, label
from zyphos_lab.stats.contrasts import FACTOR_PREFIX
from zyphos_lab.stats.line import Line, fit_line
from zyphos_lab.units import format_quantity, parse_quantity

if TYPE_CHECKING:
    import pandas as pd


def results(experiment: Mapping[str, Any], frame: pd.DataFrame) -> tuple[LineResult, ...]:
    """Every line that the experiment's `fit` asks for."""
    return tuple(one for entry in experiment.get("fit", ()) for one in _of(entry, frame))


def _of(entry: Mapping[str, Any], frame: pd.DataFrame) -> Iterator[LineResult]:
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
    """`server CPU per request is 11.1 us + 1.32 ns x size (line off by 3.1 %)`; '' without any."""
    told = [one for one in found if one.line.error_rms is not None]
    parts = [
        f"{metric_words(one.metric)} is {formula(one)}"
        + (f" where {place(one)}" if one.conditions else "")
        + f" (the line is off by {error_text(one.line)})"
        for one in told
    ]
    text = "; ".join(parts)
    named = text.split(" ", 1)[0] in {one.metric for one in told}  # a column stays as it is
    return f"{text if named else text[:1].upper() + text[1:]}." if parts else ""


def formula(one: LineResult) -> str:
    """`250 ns + 0.0500 ns x size`; '-' without a line."""
    fixed, per_unit = one.line.fixed.value, one.line.per_unit.value
    if fixed is None or per_unit is None:
        return "-"
    sign = "-" if per_unit < 0 else "+"
    slope = format_quantity(abs(per_unit), one.unit)
    return f"{format_quantity(fixed, one.unit)} {sign} {slope} x {one.factor}"


def error_text(line: Line) -> str:
    """`3.1 %, at most 5.2 %`, or why there is no line."""
    if line.error_rms is None or line.error_max is None:
        return line.reason
    return f"{100 * line.error_rms:.1f} %, at most {100 * line.error_max:.1f} %"


def place(one: LineResult) -> str:
    """The other factors' values: `engine=epoll`; '' where there are none."""
    return " ".join(f"{name}={value}" for name, value in one.conditions.items())
