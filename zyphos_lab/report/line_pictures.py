"""Pictures of lines: every cell's median with its interval, and the line through them."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.ticker import AutoLocator, FuncFormatter, Locator, LogLocator, NullLocator

from zyphos_lab.report.figures import Picture
from zyphos_lab.report.lines import formula, place
from zyphos_lab.report.model import LineResult
from zyphos_lab.report.plots import PALETTE, drawing, svg
from zyphos_lab.report.words import metric_words
from zyphos_lab.stats.line import Point
from zyphos_lab.units import format_quantity

STEPS = 60  # of a line's drawing
LINEAR_MAX = 100  # the greatest ratio of places on a linear axis
TOLD_MAX = 3  # lines whose formulas stand under the picture; of more they stand in the table
# No other line has the same colour and stroke, of 40 at most.
COLOURS = (*PALETTE, "#0f9aa8", "#8a5a3c")
STROKES = ("-", "--", ":", "-.", (0, (5, 1, 1, 1)))
MARKS = ("o", "s", "^")


def line_pictures(found: Sequence[LineResult]) -> list[Picture]:
    """One per `fit`: every line with its points."""
    pictures = []
    for name in dict.fromkeys(one.id for one in found):
        shown = [one for one in found if one.id == name and one.line.fixed.value is not None]
        if shown:
            pictures.append(Picture(_caption(shown), _picture(shown)))
    return pictures


def _caption(shown: Sequence[LineResult]) -> str:
    if len(shown) <= TOLD_MAX:
        return "; ".join(f"{place(one)} {formula(one)}".strip() for one in shown)
    first = shown[0]
    return f"{metric_words(first.metric)} against {first.factor}; medians, and the lines of above"


def _picture(shown: Sequence[LineResult]) -> str:
    first = shown[0]
    with drawing(f"line {first.id}", 7.6, 3.4) as (figure, axes):
        for at, one in enumerate(shown):
            _draw(axes, one, at)
        axes.set_xlabel(f"{first.factor} (one way)" if first.round_trips else first.factor)
        axes.set_ylabel(first.metric)
        xs = [point.x for point in first.line.points]
        if _wide(xs):
            axes.set_xscale("log")
            axes.set_yscale("log")
        axes.yaxis.set_major_locator(_locator(first.unit, _wide(xs)))
        axes.set_xticks(xs, [_tick(first, point) for point in first.line.points])
        axes.xaxis.set_minor_locator(NullLocator())
        axes.yaxis.set_minor_locator(NullLocator())
        axes.yaxis.set_major_formatter(
            FuncFormatter(lambda value, _: format_quantity(value, first.unit))
        )
        axes.grid(True)
        if len(shown) > 1:
            _legend(axes, shown)
        return svg(figure, f"{first.metric} against {first.factor}, and the line through it")


def _locator(unit: str, wide: bool) -> Locator:
    """Where the ticks stand: bytes are told in KiB and MiB, so at multiples of a power of two."""
    if unit != "bytes":
        return LogLocator(subs=(1, 2, 5)) if wide else AutoLocator()
    return LogLocator(base=2, numticks=8) if wide else BinaryLocator()


class BinaryLocator(Locator):
    """Multiples of the least power of two that gives at most `most` steps."""

    def __init__(self, most: int = 7) -> None:
        self._most = most

    def __call__(self) -> Sequence[float]:
        assert self.axis is not None
        return self.tick_values(*self.axis.get_view_interval())

    def tick_values(self, vmin: float, vmax: float) -> Sequence[float]:
        low, high = sorted((vmin, vmax))
        step = 2.0 ** max(0, math.ceil(math.log2(max(high - low, 1) / self._most)))
        return [step * at for at in range(math.ceil(low / step), math.floor(high / step) + 1)]


def _wide(xs: Sequence[float]) -> bool:
    """Whether they want logarithmic axes; on linear ones, which can show 0, a line is straight."""
    return min(xs) > 0 and max(xs) / min(xs) > LINEAR_MAX


def _tick(one: LineResult, point: Point) -> str:
    """The place as the experiment writes it, with its unit: `1ms`."""
    values = dict(part.partition("=")[::2] for part in point.cell.split(","))
    return values.get(one.factor) or f"{point.x:g}"


def _legend(axes: Axes, shown: Sequence[LineResult]) -> None:
    """In the lines' order from above; names of the factor once where there is but one."""
    handles, labels = axes.get_legend_handles_labels()
    ends = [_at(one, one.line.points[-1].x) for one in shown]
    order = sorted(range(len(shown)), key=lambda at: -ends[at])
    names = list(shown[0].conditions)
    if len(names) == 1:
        labels = [str(next(iter(one.conditions.values()))) for one in shown]
    axes.legend(
        [handles[at] for at in order], [labels[at] for at in order],
        title=names[0] if len(names) == 1 else None, frameon=False, fontsize=9, handlelength=3,
    )  # fmt: skip


def _at(one: LineResult, x: float) -> float:
    return float(one.line.fixed.value or 0) + float(one.line.per_unit.value or 0) * x


def _draw(axes: Axes, one: LineResult, at: int) -> None:
    """Line number `at` of its picture."""
    colour, mark = COLOURS[at % len(COLOURS)], MARKS[at % len(MARKS)]
    points = one.line.points
    for point in points:
        x_of, found = point.x, point.measured
        axes.plot(x_of, float(found.value or 0), mark, color=colour, markersize=4)
        if found.low is not None and found.high is not None:
            axes.plot([x_of, x_of], [found.low, found.high], color=colour, linewidth=1.2)
    ends = (points[0].x, points[-1].x)
    x = np.geomspace(*ends, STEPS) if _wide(ends) else np.linspace(*ends, STEPS)
    y = float(one.line.fixed.value or 0) + float(one.line.per_unit.value or 0) * x
    stroke = STROKES[at % len(STROKES)]
    axes.plot(x[y > 0], y[y > 0], color=colour, linewidth=1.4, linestyle=stroke, label=place(one))
