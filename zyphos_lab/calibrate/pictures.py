"""A calibration's pictures as inline SVG, in the report's style. Only shows what is in it."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from matplotlib.axis import Axis
from matplotlib.ticker import FuncFormatter, LogLocator, NullLocator

from zyphos_lab.calibrate.judge import CURVE, LIMITS_NS, Judged
from zyphos_lab.report.plots import BASELINE, INK, PALETTE, drawing, short_duration, svg

CASE_COLOURS = {
    "constant_50us": PALETTE[0],
    "constant_1ms": PALETTE[1],
    "constant_10ms": PALETTE[2],
    "bimodal": PALETTE[3],
    "heavy_tail": PALETTE[4],
}
SPAN_NS = (30_000, 40_000_000)
TICKS = (0.1, 0.5, 0.9, 0.99, 0.999)


@dataclass(frozen=True, slots=True)
class Picture:
    """One picture with what it shows."""

    title: str
    svg: str


def against_truth(protocol: str, judged: Sequence[Judged]) -> Picture:
    """Reported over true quantiles of all delays, on the diagonal where the ruler is right."""
    title = f"{protocol}: reported against true"
    with drawing(f"truth {protocol}", 4.2, 3.6) as (figure, axes):
        axes.plot(SPAN_NS, SPAN_NS, color=INK, linewidth=0.8)
        for one in judged:
            axes.plot(
                one.truth_ns,
                one.reported_ns,
                "o",
                markersize=3.5,
                markeredgewidth=0,
                color=CASE_COLOURS[one.case],
            )
        axes.set_xscale("log")
        axes.set_yscale("log")
        for axis in (axes.xaxis, axes.yaxis):
            _times(axis)
        axes.set_xlim(*SPAN_NS)
        axes.set_ylim(*SPAN_NS)
        axes.set_xlabel("true (kernel's timestamps)")
        axes.set_ylabel("reported")
        axes.grid(True)
        axes.set_title(title)
        return Picture(title, svg(figure, title))


def difference(protocol: str, judged: Sequence[Judged], asleep: Sequence[Judged]) -> Picture:
    """Reported minus true per quantile; the bars are what is allowed at p50 and p99.

    Dotted: the ruler asleep.
    """
    title = f"{protocol}: how much too long"
    places = [_place(q) for q in CURVE]
    with drawing(f"difference {protocol}", 4.2, 3.6) as (figure, axes):
        axes.axhline(0, color=INK, linewidth=0.8)
        for name, q in (("p50", 0.5), ("p99", 0.99)):
            limit_us = LIMITS_NS[name] / 1000
            axes.plot(
                [_place(q)] * 2, [-limit_us, limit_us], color=BASELINE, linewidth=6, alpha=0.35
            )
        for one, style in [*((one, "-") for one in judged), *((one, ":") for one in asleep)]:
            pairs = zip(one.reported_ns, one.truth_ns, strict=True)
            off_us = [(reported - truth) / 1000 for reported, truth in pairs]
            axes.plot(places, off_us, style, color=CASE_COLOURS[one.case], linewidth=1.6)
        axes.set_yscale("symlog", linthresh=100)
        axes.set_xticks([_place(q) for q in TICKS], [f"p{q * 100:g}" for q in TICKS])
        axes.yaxis.set_major_formatter(FuncFormatter(lambda us, _: f"{us:g} us"))
        axes.yaxis.set_minor_locator(NullLocator())
        axes.grid(True)
        axes.set_title(title)
        return Picture(title, svg(figure, title))


def stall(protocol: str, one: Judged) -> Picture:
    """How long requests waited where the server stood still, the luckiest first."""
    title = f"{protocol}: the server stops for 1 s"
    share = [100 * q for q in CURVE]
    with drawing(f"stall {protocol}", 5.2, 3.2) as (figure, axes):
        axes.plot(share, [ns / 1e6 for ns in one.truth_ns], color=BASELINE, linewidth=6, alpha=0.7)
        axes.plot(share, [ns / 1e6 for ns in one.reported_ns], color=PALETTE[0], linewidth=1.8)
        axes.set_xlabel("% of the requests")
        axes.set_ylabel("waited at most (ms)")
        axes.set_xlim(0, 100)
        axes.set_ylim(0, 1050)
        axes.grid(True)
        axes.set_title(title)
        return Picture(title, svg(figure, title))


def _place(q: float) -> float:
    """Where a quantile stands: by nines, as far on either side of the median."""
    return math.log10(q / (1 - q))


def _times(axis: Axis) -> None:
    axis.set_major_locator(LogLocator(numticks=6))
    axis.set_minor_locator(NullLocator())
    axis.set_major_formatter(FuncFormatter(lambda value, _: short_duration(value)))
