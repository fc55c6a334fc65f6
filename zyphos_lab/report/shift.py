"""The shift between arms, quantile by quantile: where in its distribution an arm differs.

A ratio of medians hides a tail, and a ratio of means mixes them. Here every quantile of every start
is held against the baseline's in the same block, with the interval that the tables use. Quantiles
that fewer than TAIL_REQUESTS requests of a start lie beyond are left out, and those that fell on
requests which never finished.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from matplotlib.axes import Axes
from matplotlib.ticker import FixedLocator, FuncFormatter, NullLocator

from zyphos_lab.report.figures import HISTOGRAM, PANELS_MAX, Panels, Picture
from zyphos_lab.report.percentiles import Start, starts
from zyphos_lab.report.plots import BAND, INK, PALETTE, drawing, ratio_ticks, svg
from zyphos_lab.report.views import Group, groups
from zyphos_lab.stats import BLOCKS_MIN, Comparison, interval
from zyphos_lab.stats.sizes import TAIL_REQUESTS

if TYPE_CHECKING:
    from zyphos_lab.report.model import Answer
    from zyphos_lab.store import Store

QUANTILES = (0.1, 0.25, 0.5, 0.75, 0.9, 0.95, 0.99, 0.995, 0.999, 0.9999)
NAMED = (0.5, 0.9, 0.99, 0.999, 0.9999)

Pair = tuple[Start, Start]  # arm, baseline
Starts = dict[tuple[str, int], Start]  # by cell and block


@dataclass(frozen=True)
class Shift:
    """Ratio arm / baseline at each quantile, with its interval where the blocks give one."""

    label: str
    colour: str
    quantiles: tuple[float, ...]
    ratio: tuple[float, ...]
    low: tuple[float, ...]
    high: tuple[float, ...]


def shift_panels(store: Store, answer: Answer) -> Panels:
    """One panel per condition of the first compared latency, with a line per arm."""
    wanted = [group for group in groups(answer) if group.metric.startswith(HISTOGRAM)]
    if not wanted:
        return Panels((), (), "")
    group = wanted[0]
    shown = list(_shifts(store, group).items())[:PANELS_MAX]
    floor = max(delta.comparison.floor for delta in group.deltas)
    pictures = tuple(Picture(title, _panel(title, lines, floor)) for title, lines in shown)
    legend = {line.label: line.colour for _, lines in shown for line in lines}
    return Panels(pictures, tuple(legend.items()), f"against {group.factor}={group.baseline}")


def _shifts(store: Store, group: Group) -> dict[str, list[Shift]]:
    """The lines of each condition that has any."""
    histograms = _histograms(store, {c for d in group.deltas for c in _cells(d.comparison)})
    panels: dict[str, list[Shift]] = {}
    for delta in group.deltas:
        found = _shift(histograms, delta.comparison, _colour(group, delta.comparison))
        if found is not None:
            panels.setdefault(group.condition(delta), []).append(found)
    return panels


def _cells(c: Comparison) -> tuple[str, str]:
    return c.cell, c.baseline_cell


def _colour(group: Group, c: Comparison) -> str:
    return PALETTE[group.values.index(c.value) % len(PALETTE)]


def _histograms(store: Store, cells: set[str]) -> Starts:
    """Of each measured start that is not INVALID; arm A where a cell runs twice."""
    trials = store.trials()
    good = trials[(trials["verdict"] != "INVALID") & trials["cell"].isin(cells)]
    if "arm" in good:
        good = good[good["arm"] != "B"]
    found = starts(store, HISTOGRAM, set(good["trial"]))
    rows = zip(good["trial"], good["cell"], good["block"], strict=True)
    return {(str(cell), int(at)): found[trial] for trial, cell, at in rows if trial in found}


def _shift(histograms: Starts, c: Comparison, colour: str) -> Shift | None:
    """The comparison at every quantile that all its starts can give; None without enough blocks."""
    pairs = _pairs(histograms, c)
    if len(pairs) < BLOCKS_MIN:
        return None
    points = {q: _at(q, pairs) for q in _known(pairs)}
    kept = {q: point for q, point in points.items() if point is not None}
    if not kept:
        return None
    ratio, low, high = zip(*kept.values(), strict=True)
    return Shift(f"{c.factor}={c.value}", colour, tuple(kept), ratio, low, high)


def _pairs(histograms: Starts, c: Comparison) -> list[Pair]:
    """(arm, baseline) of each block that has both."""
    blocks = sorted(block for cell, block in histograms if cell == c.cell)
    base = c.baseline_cell
    return [(histograms[c.cell, b], histograms[base, b]) for b in blocks if (base, b) in histograms]


def _known(pairs: Sequence[Pair]) -> list[float]:
    """The quantiles beyond which enough requests of every start lie."""
    least = min(start.every.count for pair in pairs for start in pair)
    return [q for q in QUANTILES if least * min(q, 1 - q) >= TAIL_REQUESTS]


def _at(q: float, pairs: Sequence[Pair]) -> tuple[float, float, float] | None:
    """(ratio, low, high) at one quantile; None where a value is 0 or a lower bound, or there
    is no interval."""
    values = [(arm.quantile(q) or 0, base.quantile(q) or 0) for arm, base in pairs]
    if not all(arm and base for arm, base in values):
        return None
    logs = np.array([math.log(arm / base) for arm, base in values])
    bounds = interval(logs)
    if bounds is None:
        return None
    return math.exp(float(logs.mean())), math.exp(bounds[0]), math.exp(bounds[1])


def _nines(q: float) -> float:
    return -math.log10(1 - q)


def _panel(title: str, lines: Sequence[Shift], floor: float) -> str:
    with drawing(f"shift {title}", 3.4, 2.5) as (figure, axes):
        axes.axhspan(1 / (1 + floor), 1 + floor, color=BAND, linewidth=0)
        axes.axhline(1, color=INK, linewidth=0.8)
        for line in lines:
            x = [_nines(q) for q in line.quantiles]
            axes.fill_between(x, line.low, line.high, color=line.colour, alpha=0.2, linewidth=0)
            axes.plot(x, line.ratio, marker="o", markersize=3, color=line.colour, linewidth=1.6)
        axes.set_title(title)
        _axes(axes, lines, floor)
        return svg(figure, f"Ratio of latency at each quantile, {title}")


def _axes(axes: Axes, lines: Sequence[Shift], floor: float) -> None:
    ends = [end for line in lines for end in (*line.low, *line.high)]
    low, high = min(1 / (1 + floor), *ends) / 1.03, max(1 + floor, *ends) * 1.03
    axes.set_yscale("log")
    axes.set_ylim(low, high)
    axes.yaxis.set_major_locator(FixedLocator(ratio_ticks(low, high)))
    axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}x"))
    axes.yaxis.set_minor_locator(NullLocator())
    last = max(line.quantiles[-1] for line in lines)
    named = [q for q in NAMED if q <= last]
    axes.set_xticks([_nines(q) for q in named], [f"p{100 * q:g}" for q in named])
    axes.grid(True)
