"""Pictures of an Answer as inline SVG: text stays text, colours follow light and dark mode.

Each function returns SVG markup made with matplotlib (no window system, no pyplot, thread-safe).
Ink and grid are CSS (`currentColor`, `var(--grid)`), so that a page decides; curves have fixed
colours that read on both. Numbers come from the Answer and the store only.
"""

from __future__ import annotations

import io
import re
import textwrap
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import matplotlib
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FixedLocator, FuncFormatter, LogLocator, MaxNLocator, NullLocator
from numpy.typing import NDArray

from zyphos_lab.report.percentiles import Curve
from zyphos_lab.report.words import ratio_text
from zyphos_lab.stats import Comparison, differs
from zyphos_lab.units import format_duration

INK, GRID, BAND = "#010203", "#040506", "#070809"  # stand-ins, replaced by CSS
CSS = {INK: "currentColor", GRID: "var(--grid)", BAND: "var(--band)"}
BASELINE = "#8a8f98"
PALETTE = ("#2f81f7", "#e8690b", "#1a9c4b", "#b04fc0", "#c9a100", "#d64545")
VERDICTS = {"faster": PALETTE[2], "slower": PALETTE[5]}
STYLE = {
    "svg.fonttype": "none",
    "font.family": "sans-serif",
    "font.size": 10,
    "text.color": INK,
    "axes.labelcolor": INK,
    "axes.edgecolor": GRID,
    "axes.titlesize": 10,
    "axes.titlelocation": "left",
    "axes.spines.top": False,
    "axes.spines.right": False,
    "xtick.color": INK,
    "ytick.color": INK,
    "grid.color": GRID,
    "grid.linewidth": 0.6,
}


@dataclass(frozen=True)
class Line:
    """One curve of a panel, with the colour that the page's legend shows."""

    label: str
    colour: str
    curve: Curve


def panel_title(cell: str) -> str:
    """A cell's factors over as many lines as a panel of 3.4 inches needs."""
    return textwrap.fill(cell.replace(",", ", "), 40)


def percentile_panel(title: str, lines: Sequence[Line], span_ns: tuple[float, float]) -> str:
    """Latency over nines for one condition; `span_ns` is common to all panels."""
    with drawing(f"percentiles {title}", 3.4, 2.5) as (figure, axes):
        for line in lines:
            _percentiles(axes, line)
        axes.set_title(panel_title(title))
        axes.set_yscale("log")
        axes.set_ylim(span_ns[0] / 1.3, span_ns[1] * 1.3)
        _nines_axis(axes, max(float(line.curve.nines[-1]) for line in lines))
        axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: short_duration(value)))
        axes.yaxis.set_major_locator(LogLocator(numticks=7))
        axes.yaxis.set_minor_locator(NullLocator())
        axes.grid(True)
        return svg(figure, f"Latency percentiles, {title}")


def _percentiles(axes: Axes, line: Line) -> None:
    """The curve; dotted from where it passes into requests that never finished, which `>=` says."""
    wide = line.colour == BASELINE  # stays visible under an arm that equals it
    x, y, first = line.curve.nines, line.curve.value_ns, line.curve.bound_from
    known = len(x) if first is None else int(np.searchsorted(x, first))
    style: Any = {"linewidth": 4.0 if wide else 1.6, "alpha": 0.75 if wide else 1.0}
    axes.plot(x[: known + 1], y[: known + 1], color=line.colour, **style)
    if first is not None:
        axes.plot(x[known:], y[known:], color=line.colour, linestyle=":", **style)
        axes.annotate(
            ">=", (x[known], y[known]), textcoords="offset points", xytext=(-3, 4), ha="right",
            fontsize=9, color=line.colour,
        )  # fmt: skip


def forest(title: str, entries: Sequence[tuple[str, Comparison]]) -> str:
    """Ratios with their intervals on a log axis; the band is the practical floor."""
    height = 0.9 + 0.27 * len(entries)
    with drawing(f"forest {title}", 7.6, height) as (figure, axes):
        floor = max(c.floor for _, c in entries)
        axes.axvspan(1 / (1 + floor), 1 + floor, color=BAND, linewidth=0)
        axes.axvline(1, color=INK, linewidth=0.8)
        axes.set_xscale("log")
        low, high = _ratio_span([c for _, c in entries], floor)
        axes.set_xlim(low, high)
        for place, (_, c) in enumerate(entries):
            _interval(axes, len(entries) - 1 - place, c)
        axes.set_ylim(-0.7, len(entries) - 0.3)
        axes.set_yticks(range(len(entries)), [label for label, _ in reversed(entries)])
        axes.tick_params(axis="y", length=0)
        axes.xaxis.set_major_locator(FixedLocator(ratio_ticks(low, high)))
        axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
        axes.xaxis.set_minor_locator(NullLocator())
        axes.grid(True, axis="x")
        axes.set_title(title)
        return svg(figure, title)


def timeline(
    title: str, trials: NDArray[np.float64], deviation: NDArray[np.float64], verdicts: list[str]
) -> str:
    """Each trial's distance from the median of its cell (in %), in the order of execution."""
    with drawing(f"timeline {title}", 7.6, 2.2) as (figure, axes):
        axes.axhline(0, color=INK, linewidth=0.8)
        for verdict, colour, marker in (
            ("VALID", PALETTE[0], "o"),
            ("DEGRADED", PALETTE[1], "s"),
            ("INVALID", PALETTE[5], "x"),
        ):
            chosen = np.array([found == verdict for found in verdicts], dtype=bool)
            edge = {"linewidths": 1.5} if marker == "x" else {"linewidths": 0}
            if chosen.any():
                axes.scatter(
                    trials[chosen], 100 * deviation[chosen], s=16, c=colour, marker=marker,
                    label=verdict, **edge,
                )  # fmt: skip
        axes.set_xlabel("trial, in order of execution")
        axes.xaxis.set_major_locator(MaxNLocator(integer=True))
        axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:+.3g} %"))
        axes.grid(True, axis="y")
        axes.set_title(title)
        if len(set(verdicts)) > 1:
            axes.legend(
                frameon=False, fontsize=9, loc="lower right", bbox_to_anchor=(1, 1), ncols=3
            )
        return svg(figure, title)


def short_duration(ns: float) -> str:
    """A duration for an axis: `50 us`, `1 ms`."""
    number, _, unit = format_duration(ns).partition(" ")
    return f"{float(number):g} {unit}"


def _interval(axes: Axes, y: int, c: Comparison) -> None:
    """One line of a forest; its number stands outward, where _ratio_span leaves room."""
    ratio = 1.0 if c.ratio is None else c.ratio
    low, high = c.low or ratio, c.high or ratio
    if c.ratio is not None:
        colour = VERDICTS.get(c.verdict, PALETTE[0] if differs(c) else BASELINE)
        axes.plot([low, high], [y, y], color=colour, linewidth=2.4, solid_capstyle="butt")
        fill = "full" if differs(c) else "none"
        axes.plot([ratio], [y], "o", markersize=6, color=colour, fillstyle=fill)
    side = 1 if ratio >= 1 else -1
    axes.annotate(
        ratio_text(c).partition(" ")[0],
        (high if side > 0 else low, y),
        textcoords="offset points",
        xytext=(8 * side, -3.5),
        ha="left" if side > 0 else "right",
        fontsize=9,
    )


def _ratio_span(comparisons: Sequence[Comparison], floor: float) -> tuple[float, float]:
    """Limits that hold every interval, with room for the numbers beside them."""
    ends = [1 / (1 + floor), 1 + floor]
    for c in comparisons:
        ends += [end for end in (c.ratio, c.low, c.high) if end is not None]
    room = (max(ends) / min(ends)) ** 0.14
    return min(ends) / room, max(ends) * room


def ratio_ticks(low: float, high: float) -> list[float]:
    """Round ratios within the limits: decades where they span some, else a few round steps."""
    decades = np.log10(high / low)
    if decades >= 2:
        ticks = 10.0 ** np.arange(-9, 10)
    elif decades >= 0.4:
        ticks = np.outer(10.0 ** np.arange(-2, 3), [1, 1.5, 2, 3, 5, 7]).ravel()
    else:
        steps = np.array([0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5])
        ticks = 1 + np.arange(-40, 41) * steps[np.searchsorted(7 * steps, high - low)]
    return [float(tick) for tick in ticks[(ticks >= low) & (ticks <= high)]]


def _nines_axis(axes: Axes, last: float) -> None:
    """A tick per nine up to `last`. p99.99 and beyond are wide: of those only p99.999 is named."""
    marks = [x for x in range(7) if x <= last + 1e-9]
    axes.set_xticks(marks, ["" if x in (4, 6) else _nines_text(x) for x in marks])


def _nines_text(nines: int) -> str:
    """0 -> `min`, 1 -> `p90`, 3 -> `p99.9`."""
    if nines == 0:
        return "min"
    return f"p{100 - 10.0 ** (2 - nines):.{max(0, nines - 2)}f}"


@contextmanager
def drawing(salt: str, width: float, height: float) -> Iterator[tuple[Figure, Axes]]:
    """An empty picture of so many inches; `salt` makes the ids of its markup its own."""
    style: Any = {**STYLE, "svg.hashsalt": salt}
    with matplotlib.rc_context(style):
        figure = Figure(figsize=(width, height), layout="constrained")
        yield figure, figure.add_subplot()


def svg(figure: Figure, label: str) -> str:
    """The figure's markup, fit to stand in a page: scales with its column, named for readers."""
    buffer = io.StringIO()
    figure.savefig(buffer, format="svg", transparent=True, metadata={"Date": None})
    text = buffer.getvalue()
    text = text[text.index("<svg") :]
    text = re.sub(r"<metadata>.*?</metadata>", "", text, flags=re.DOTALL)
    for stand_in, css in CSS.items():
        text = text.replace(stand_in, css)
    text = re.sub(r"font: [^\"]*?(\d+)px [^;\"]*", r"font: \1px var(--font)", text)
    width = re.search(r'<svg [^>]*?width="([\d.]+)pt"', text)
    text = re.sub(r' (width|height)="[\d.]+pt"', "", text, count=2)
    style = f' style="max-width:{float(width[1]) * 4 / 3:.0f}px"' if width else ""
    escaped = label.replace("&", "&amp;").replace('"', "&quot;").replace("<", "&lt;")
    return text.replace("<svg", f'<svg role="img" aria-label="{escaped}"{style}', 1)
