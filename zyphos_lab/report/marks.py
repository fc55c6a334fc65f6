"""Numbers on the page, each with its source and its full value beside it in the HTML.

`<span data-source='{"kind": "estimate", "cell": ..., "metric": ...}' data-value="[v, low, high]">`:
what `report --verify` reads (verify_page.py). Text without such a mark is not verified.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from markupsafe import Markup

from zyphos_lab.report.counters import carrier_text, shown
from zyphos_lab.report.model import Delta, ExpectationResult
from zyphos_lab.report.words import (
    aa_text,
    beside_text,
    change_text,
    estimate_text,
    measured_unit,
    ratio_text,
)
from zyphos_lab.stats import Comparison, Estimate


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
    """What an expectation measured in its first cell."""
    if not expectation.cells:
        return Markup("")
    first = expectation.cells[0]
    return Markup(", ").join(
        marked(
            estimate_text(found, measured_unit(name)), (found.value, found.low, found.high),
            kind="measured", expectation=expectation.id, cell=first.cell, metric=name,
        )
        for name, found in first.measured.items()
    )  # fmt: skip


def count_mark(count: int, what: str, cell: str = "") -> Markup:
    """A number of trials: `what` is done, planned, cell or invalid."""
    return marked(str(count), (count,), kind="trials", what=what, cell=cell)


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
        change_mark,
        count_mark,
        estimate_mark,
        measured_mark,
        prose_mark,
        ratio_mark,
    )
}
