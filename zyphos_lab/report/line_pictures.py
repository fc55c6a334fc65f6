"""Pictures of lines: every cell's median with its interval, and the line through them."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.ticker import FuncFormatter, LogLocator, NullLocator

from zyphos_lab.report.figures import Picture
from zyphos_lab.report.lines import formula, place
from zyphos_lab.report.model import LineResult
from zyphos_lab.report.plots import PALETTE, drawing, svg
from zyphos_lab.units import format_quantity

STEPS = 60  # of a line's drawing
LINEAR_MAX = 100  # the greatest ratio of places on a linear axis


def line_pictures(found: Sequence[LineResult]) -> list[Picture]:
    """One per `fit`: every line with its points."""
    pictures = []
    for name in dict.fromkeys(one.id for one in found):
        shown = [one for one in found if one.id == name and one.line.fixed.value is not None]
        if shown:
            told = "; ".join(f"{place(one)} {formula(one)}".strip() for one in shown)
            pictures.append(Picture(told, _picture(shown)))
    return pictures


def _picture(shown: Sequence[LineResult]) -> str:
    first = shown[0]
    with drawing(f"line {first.id}", 7.6, 3.4) as (figure, axes):
        for at, one in enumerate(shown):
            _draw(axes, one, PALETTE[at % len(PALETTE)])
        axes.set_xlabel(first.factor)
        axes.set_ylabel(first.metric)
        xs = [point.x for point in first.line.points]
        if _wide(xs):
            axes.set_xscale("log")
            axes.set_yscale("log")
            axes.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
        axes.set_xticks(xs, [f"{x:g}" for x in xs])
        axes.xaxis.set_minor_locator(NullLocator())
        axes.yaxis.set_minor_locator(NullLocator())
        axes.yaxis.set_major_formatter(
            FuncFormatter(lambda value, _: format_quantity(value, first.unit))
        )
        axes.grid(True)
        if len(shown) > 1:
            axes.legend(frameon=False)
        return svg(figure, f"{first.metric} against {first.factor}, and the line through it")


def _wide(xs: Sequence[float]) -> bool:
    """Whether they want logarithmic axes; on linear ones, which can show 0, a line is straight."""
    return min(xs) > 0 and max(xs) / min(xs) > LINEAR_MAX


def _draw(axes: Axes, one: LineResult, colour: str) -> None:
    points = one.line.points
    for point in points:
        x_of, found = point.x, point.measured
        axes.plot(x_of, float(found.value or 0), "o", color=colour, markersize=4)
        if found.low is not None and found.high is not None:
            axes.plot([x_of, x_of], [found.low, found.high], color=colour, linewidth=1.2)
    ends = (points[0].x, points[-1].x)
    x = np.geomspace(*ends, STEPS) if _wide(ends) else np.linspace(*ends, STEPS)
    y = float(one.line.fixed.value or 0) + float(one.line.per_unit.value or 0) * x
    axes.plot(x[y > 0], y[y > 0], color=colour, linewidth=1.2, label=place(one))
