"""What the views hold: columns with types, units and meaning, those of trials from metrics.py."""

from __future__ import annotations

from zyphos_lab import metrics
from zyphos_lab.errors import UsageError
from zyphos_lab.query.session import HISTOGRAM_COLUMNS, VIEWS, Session
from zyphos_lab.query.views import RUN, SMALL
from zyphos_lab.tables import HISTOGRAMS, TRIALS


def describe(session: Session, view: str | None) -> list[tuple[str, str, str, str, str]]:
    """(view, column, type, unit, text) of one view, or of all."""
    if view is not None and view not in VIEWS:
        raise UsageError(f"no view `{view}`", f"one of {', '.join(VIEWS)}")
    return [row for name in ([view] if view else VIEWS) for row in _columns(session, name)]


def _columns(session: Session, view: str) -> list[tuple[str, str, str, str, str]]:
    if view == TRIALS:
        return [(view, name, kind, *_said(name)) for name, kind in session.columns(view)]
    columns = HISTOGRAM_COLUMNS if view == HISTOGRAMS else SMALL[view][0]
    return [(view, *column) for column in columns]


def _said(name: str) -> tuple[str, str]:
    """Unit and text of a column of `trials`."""
    metric = metrics.lookup(name)
    if metric is not None:
        return ("" if metric.unit == "text" else metric.unit), metric.text
    for column, _, unit, text in RUN:
        if column == name:
            return unit, text
    if name.startswith("factor_"):
        return "", f"value of the factor {name.removeprefix('factor_')}"
    if name.endswith("_at_least"):
        return "", f"{name.removesuffix('_at_least')} is a lower bound"
    return "", ""
