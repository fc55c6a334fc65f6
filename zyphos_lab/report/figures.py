"""Which pictures a run gets, and the data that they show. plots.py draws them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from zyphos_lab.report.build import usable
from zyphos_lab.report.model import Answer, Delta
from zyphos_lab.report.percentiles import Curve, curves
from zyphos_lab.report.plots import BASELINE, PALETTE, Line, forest, percentile_panel, timeline
from zyphos_lab.report.views import groups
from zyphos_lab.stats import differs, read

if TYPE_CHECKING:
    from zyphos_lab.store import Store

HISTOGRAM = "latency_ns"
PANELS_MAX = 12
FOREST_ROWS_MAX = 40
UNFINISHED = "From >= on (dotted) a curve passes into requests that never finished: a lower bound."


@dataclass(frozen=True)
class Picture:
    """SVG markup and what it shows."""

    caption: str
    svg: str


@dataclass(frozen=True)
class Panels:
    """Small multiples with one common legend of (label, colour); `note` says what is missing."""

    pictures: tuple[Picture, ...]
    legend: tuple[tuple[str, str], ...]
    note: str


def forests(answer: Answer) -> list[Picture]:
    """One per metric: every ratio with its interval."""
    found = []
    for group in groups(answer):
        shown = group.deltas[:FOREST_ROWS_MAX]
        entries = [(group.place(delta), delta.comparison) for delta in shown]
        title = f"{group.metric}: ratio to {group.factor}={group.baseline}"
        rest = len(group.deltas) - len(shown)
        count = f"The first {len(shown)} of {len(group.deltas)}; the table has all."
        found.append(Picture(count if rest else "", forest(title, entries)))
    return found


def aa_forests(answer: Answer) -> list[Picture]:
    """One per metric in which cells were compared with themselves."""
    found = []
    for metric in dict.fromkeys(c.metric for c in answer.aa):
        entries = [(c.cell, c) for c in answer.aa if c.metric == metric and c.ratio is not None]
        if entries:
            title = f"{metric}: each cell against itself"
            found.append(Picture("", forest(title, entries[:FOREST_ROWS_MAX])))
    return found


def percentile_panels(store: Store, answer: Answer) -> Panels:
    """Latency percentile curves, one panel per condition with baseline and arms."""
    frame = store.histograms(HISTOGRAM)
    if frame.empty:
        return Panels((), (), f"no histograms of {HISTOGRAM} in this run")
    trials = usable(store.trials())
    good = set(trials.loc[trials["verdict"] != "INVALID", "trial"])
    panels = _arranged(answer, curves(store, HISTOGRAM, good))
    if not panels:
        return Panels((), (), "every histogram is empty or belongs to an INVALID trial")
    chosen = panels[:PANELS_MAX]
    lines = [line for _, members in chosen for line in members]
    values = np.concatenate([line.curve.value_ns for line in lines])
    span = (float(values.min()), float(values.max()))
    legend = {line.label: line.colour for line in lines}
    pictures = [Picture(title, percentile_panel(title, own, span)) for title, own in chosen]
    return Panels(tuple(pictures), tuple(legend.items()), _note(len(panels) - len(chosen), lines))


def _note(left: int, lines: Sequence[Line]) -> str:
    """What is missing in the panels, and what their dotted parts are."""
    notes = [f"{left} more conditions without a larger difference are not drawn."] if left else []
    if any(line.curve.bound_from is not None for line in lines):
        notes.append(UNFINISHED)
    return " ".join(notes)


def timelines(store: Store, answer: Answer) -> list[Picture]:
    """Drift: every trial against the median of its cell, per shown metric."""
    frame = usable(store.trials())
    found = []
    for column in answer.columns:
        points = []
        medians = {row.cell: row.estimates[column.name].value for row in answer.rows}
        for row in frame.to_dict("records"):
            verdict = str(row["verdict"])
            value = read({**row, "verdict": ""}, column.name).value
            median = medians.get(str(row["cell"]))
            if value is not None and median:
                points.append((float(row["trial"]), value / median - 1, verdict))
        if points:
            trials, deviations, verdicts = zip(*points, strict=True)
            title = f"{column.name}: each trial against the median of its cell"
            svg = timeline(title, np.array(trials), np.array(deviations), list(verdicts))
            found.append(Picture("", svg))
    return found


def _arranged(answer: Answer, curves: dict[str, Curve]) -> list[tuple[str, list[Line]]]:
    """(title, lines) per condition; where there are many, the largest differences first."""
    if not answer.deltas:
        return _together(curves)
    group = groups(answer)[0]
    panels: dict[str, dict[str, Line]] = {}
    strength: dict[str, float] = {}
    for delta in group.deltas:
        place = group.condition(delta)
        colour = PALETTE[group.values.index(delta.comparison.value) % len(PALETTE)]
        _add(panels.setdefault(place, {}), curves, delta, colour)
        strength[place] = max(strength.get(place, 0.0), _strength(delta))
    whole = [(place, list(lines.values())) for place, lines in panels.items() if lines]
    if len(whole) > PANELS_MAX:
        whole.sort(key=lambda panel: -strength[panel[0]])
    return whole


def _together(curves: dict[str, Curve]) -> list[tuple[str, list[Line]]]:
    """One panel with the first cells, where nothing is compared."""
    first = list(curves.items())[: len(PALETTE)]
    lines = [Line(cell, PALETTE[i], found) for i, (cell, found) in enumerate(first)]
    return [("", lines)] if lines else []


def _add(lines: dict[str, Line], curves: dict[str, Curve], delta: Delta, colour: str) -> None:
    c = delta.comparison
    ends: Sequence[tuple[str, str, str]] = (
        (c.baseline_cell, f"{c.factor}={c.baseline}", BASELINE),
        (c.cell, f"{c.factor}={c.value}", colour),
    )
    for cell, label, shade in ends:
        if cell in curves:
            lines.setdefault(label, Line(label, shade, curves[cell]))


def _strength(delta: Delta) -> float:
    ratio = delta.comparison.ratio
    return abs(float(np.log(ratio))) if ratio and differs(delta.comparison) else 0.0
