"""Numbers on the page, each with its source and its full value beside it in the HTML.

`<span data-source='{"kind": "estimate", "cell": ..., "metric": ...}' data-value="[v, low, high]">`:
what `report --verify` reads (verify_page.py). Text without such a mark is not verified.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from markupsafe import Markup

from zyphos_lab.report.capacity import rate_text
from zyphos_lab.report.counters import carrier_text, shown
from zyphos_lab.report.lines import trips
from zyphos_lab.report.model import (
    Answer,
    CapacityResult,
    Delta,
    ExpectationResult,
    LineResult,
    Observed,
)
from zyphos_lab.report.observed import mark_text, metrics_measured, parts, percent_text
from zyphos_lab.report.words import (
    aa_text,
    beside_text,
    change_text,
    estimate_text,
    measured_unit,
    of_several,
    ratio_text,
)
from zyphos_lab.stats import Comparison, Estimate
from zyphos_lab.units import format_quantity


def marked(text: str, values: Sequence[float | None], **source: Any) -> Markup:
    """`text` with its source; an interval in brackets is told softly."""
    value, bracket, interval = text.partition(" [")
    soft = Markup('<span class="interval">[{}</span>').format(interval) if bracket else Markup("")
    return Markup("<span data-source='{}' data-value='{}'>{}{}</span>").format(
        json.dumps(source), json.dumps(list(values)), value, soft
    )


def estimate_mark(cell: str, metric: str, found: Estimate, unit: str) -> Markup:
    values = (found.value, found.low, found.high)
    return marked(estimate_text(found, unit), values, kind="estimate", cell=cell, metric=metric)


def line_mark(one: LineResult, part: str) -> Markup:
    """`fixed`, `per_unit` or `round_trips` of a line, with its interval."""
    found: Estimate = trips(one) if part == "round_trips" else getattr(one.line, part)
    values = (found.value, found.low, found.high)
    cells = [[point.cell, point.x] for point in one.line.points]
    text = estimate_text(found, "ratio" if part == "round_trips" else one.unit)
    return marked(text, values, kind="line", part=part, metric=one.metric, cells=cells)


def _comparison(kind: str, text: str, c: Comparison, values: Sequence[float | None]) -> Markup:
    return marked(
        text, values, kind=kind, cell=c.cell, baseline_cell=c.baseline_cell, metric=c.metric,
        family=c.family,
    )  # fmt: skip


def ratio_mark(c: Comparison) -> Markup:
    return _comparison("ratio", ratio_text(c), c, (c.ratio, c.low, c.high))


def change_mark(c: Comparison) -> Markup:
    return _comparison("change", change_text(c), c, (c.ratio,))


def aa_mark(c: Comparison) -> Markup:
    return _comparison("aa", aa_text(c), c, (c.ratio, c.low, c.high))


def beside_mark(delta: Delta) -> Markup:
    """What moved with a difference, each counter with its two medians."""
    if not delta.explained:
        return Markup("{}").format(beside_text(delta))
    c = delta.comparison
    return Markup(", ").join(
        marked(
            carrier_text(one), (one.baseline, one.value), kind="counter", metric=one.name,
            cell=c.cell, baseline_cell=c.baseline_cell,
        )
        for one in shown(delta.carries)
    )  # fmt: skip


def measured_mark(expectation: ExpectationResult) -> Markup:
    """What an expectation measured in the cell that decides."""
    one = expectation.deciding
    if one is None:
        return Markup("")
    marks = Markup(" ").join(  # an interval ends its line
        marked(
            estimate_text(found, measured_unit(name)), (found.value, found.low, found.high),
            kind="measured", expectation=expectation.id, cell=one.cell, metric=name,
        )
        for name, found in one.measured.items()
    )  # fmt: skip
    several = of_several(expectation).strip()
    return marks + Markup('<span class="soft">{}</span>').format(several) if several else marks


def count_mark(count: int, what: str, cell: str = "") -> Markup:
    """A number of trials: `what` is done, planned, cell or invalid."""
    return marked(str(count), (count,), kind="trials", what=what, cell=cell)


def capacity_mark(one: CapacityResult, what: str) -> Markup:
    """A bound of a cell's capacity, or its rate under the closed law, per second."""
    rate = getattr(one, what)
    return marked(rate_text(rate), (rate,), kind="capacity", what=what, cell=one.cell)


def observer_mark(one: Observed | None, whole: bool = False) -> Markup:
    """What the costly probes changed of a metric: `+1.3 % observer`; `whole`: a cell of the table
    that is about nothing else. Where it is not known the reason is told by pointing at it.
    """
    if one is None:
        return Markup("")
    if one.change is None:
        words = "not measured" if whole else mark_text(one)
        return Markup('<span class="observer" title="{}">{}</span>').format(one.reason, words)
    text = percent_text(one) if whole else mark_text(one)
    shown = marked(
        text, (one.change, one.low, one.high), kind="observer", metric=one.metric, cell=one.cell
    )
    return Markup('<span class="observer">{}</span>').format(shown)


def observer_headline(answer: Answer) -> Markup:
    """Which probes were on, and what that changed."""
    before, told, after = parts(answer)
    changes = (Markup("{} {}").format(one.metric, observer_mark(one, True)) for one in told)
    return Markup("{}{}{}").format(before, Markup(", ").join(changes), after)


def observer_marks(answer: Answer, expectation: ExpectationResult) -> list[Markup]:
    """One for each metric that an expectation measured."""
    told = (answer.observer(name) for name in metrics_measured(expectation))
    return [observer_mark(one) for one in told if one is not None]


def paired_mark(one: Observed, what: str) -> Markup:
    """The median of `plain` or `instrumented` trials over the pairs of one cell."""
    value: float | None = getattr(one, what)
    if value is None:
        return Markup("-")
    text = format_quantity(value, one.unit)
    return marked(text, (value,), kind="paired", what=what, metric=one.metric, cell=one.cell)


def prose_mark(text: str) -> Markup:
    """A sentence whose numbers all stand in the tables."""
    return Markup("<span data-source='{}' data-value='[]'>{}</span>").format(
        json.dumps({"kind": "prose"}), text
    )


MARKS = {
    mark.__name__: mark
    for mark in (
        aa_mark,
        beside_mark,
        capacity_mark,
        change_mark,
        count_mark,
        line_mark,
        estimate_mark,
        measured_mark,
        observer_headline,
        observer_mark,
        observer_marks,
        paired_mark,
        prose_mark,
        ratio_mark,
    )
}
