"""Pictures of latency against load: the trials of a capacity search, and the loads measured.

Loads are those of an open law: what a closed one offers is the server's own doing.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, LogLocator, NullLocator

from zyphos_lab.report.figures import Picture
from zyphos_lab.report.model import Answer, CapacityResult
from zyphos_lab.report.plots import PALETTE, drawing, short_duration, svg
from zyphos_lab.stage import MEASURE
from zyphos_lab.stats import Estimate, label, read, summarise

if TYPE_CHECKING:
    from zyphos_lab.store import Store

COLUMNS_MAX = 4  # of a legend: so many fit above a picture
Rows = Sequence[Mapping[str, Any]]


@dataclass(frozen=True)
class Curve:
    """One arm at its offered loads, ascending: (rate, estimate of p50, of p99)."""

    arm: str
    points: tuple[tuple[float, Estimate, Estimate], ...]


def load_pictures(store: Store, answer: Answer) -> list[Picture]:
    """Latency against load, of a run that has offered some arm more than one; and its search."""
    found, rows = answer.capacities, store.rows(MEASURE)
    names = list(found[0].factors) if found else _apart(store.manifest["experiment"], rows)
    pictures = []
    if found:
        caption = (
            "Every trial of the search: full where the objective held. Stripes: between bounds."
        )
        pictures.append(Picture(caption, search_picture(found)))
    curves = measured_curves(rows, names)
    if any(len(curve.points) > 1 for curve in curves):
        caption = "Measured at the same offered loads: medians over starts, shaded 95 % intervals."
        pictures.append(Picture(caption, measured_picture(curves)))
    return pictures


def _apart(experiment: Mapping[str, Any], rows: Rows) -> list[str]:
    """The factors that tell arms apart: all but those that set nothing but what is offered."""
    factors: Mapping[str, Any] = experiment.get("factors") or {}
    columns = dict.fromkeys(name for row in rows for name in row if name.startswith("factor_"))
    names = [column.removeprefix("factor_") for column in columns]
    return [name for name in names if not _offers(factors.get(name, {}).get("set", ()))]


def _offers(paths: str | Sequence[str]) -> bool:
    every = [paths] if isinstance(paths, str) else list(paths)
    return bool(every) and all(path.startswith("load.arrival") for path in every)


def search_picture(found: Sequence[CapacityResult]) -> str:
    """p99 of every trial of the search over its load: full where the objective held.

    The shaded stripe of a cell lies between its bounds.
    """
    with drawing("capacity search", 7.6, 3.4) as (figure, axes):
        for place, one in enumerate(found):
            colour = PALETTE[place % len(PALETTE)]
            if one.lower_per_second is not None and one.upper_per_second is not None:
                axes.axvspan(
                    one.lower_per_second, one.upper_per_second, color=colour, alpha=0.18, lw=0
                )
            _tries(axes, one, colour)
        axes.set_ylabel("p99 latency")
        _axes(figure, axes, len(found))
        return svg(figure, "p99 latency of every trial of the search against its load")


def measured_picture(curves: Sequence[Curve]) -> str:
    """p50 and p99 with their intervals over the offered load, all arms at the same loads."""
    with drawing("latency against load", 7.6, 3.4) as (figure, axes):
        for place, curve in enumerate(curves):
            colour = PALETTE[place % len(PALETTE)]
            rates = [rate for rate, _, _ in curve.points]
            medians, tails = [p50 for _, p50, _ in curve.points], [p99 for *_, p99 in curve.points]
            _line(axes, rates, medians, colour, "-", f"{curve.arm} p50")
            _line(axes, rates, tails, colour, "--", f"{curve.arm} p99")
        axes.set_ylabel("latency")
        _axes(figure, axes, len(curves))
        return svg(figure, "latency against offered load")


def measured_curves(rows: Rows, factors: Sequence[str]) -> list[Curve]:
    """Curves of the measured, valid trials; `factors` are those that tell the arms apart."""
    gathered: dict[str, dict[float, list[Mapping[str, Any]]]] = {}
    for row in rows:
        rate = row.get("rate_asked_per_second")
        if rate and row["verdict"] != "INVALID":
            arm = ",".join(f"{name}={label(row.get(f'factor_{name}'))}" for name in factors)
            gathered.setdefault(arm or "latency", {}).setdefault(float(rate), []).append(row)
    return [
        Curve(arm, tuple((rate, *_quantiles(found)) for rate, found in sorted(rates.items())))
        for arm, rates in sorted(
            gathered.items()
        )  # in the order, and so the colours, of the search
    ]


def _quantiles(rows: Rows) -> tuple[Estimate, Estimate]:
    return _estimate(rows, "latency_ns_p50"), _estimate(rows, "latency_ns_p99")


def _estimate(rows: Rows, name: str) -> Estimate:
    return summarise([read(row, name) for row in rows])


def _tries(axes: Axes, one: CapacityResult, colour: str) -> None:
    known = [found for found in one.tries if found.latency_ns_p99]
    for held, fill, name in ((True, colour, f"{one.cell}: held"), (False, "none", "broken")):
        chosen = [found for found in known if (found.outcome == "held") is held]
        axes.scatter(
            [found.rate_per_second for found in chosen],
            [float(found.latency_ns_p99 or 0) for found in chosen],
            s=26, facecolors=fill, edgecolors=colour, linewidths=1.3,
            label=name if held else f"{one.cell}: broken",
        )  # fmt: skip


def _line(
    axes: Axes,
    rates: Sequence[float],
    estimates: Sequence[Estimate],
    colour: str,
    style: str,
    name: str,
) -> None:
    known = [(rate, _span(e)) for rate, e in zip(rates, estimates, strict=True) if e.value]
    if not known:
        return
    x, spans = zip(*known, strict=True)
    low, middle, high = zip(*spans, strict=True)
    axes.plot(x, middle, style, marker="o", markersize=4, color=colour, linewidth=1.6, label=name)
    axes.fill_between(x, low, high, color=colour, alpha=0.15, linewidth=0)


def _span(estimate: Estimate) -> tuple[float, float, float]:
    """Interval and median; the range of what was seen where there is no interval."""
    low = estimate.smallest if estimate.low is None else estimate.low
    high = estimate.largest if estimate.high is None else estimate.high
    return float(low or 0), float(estimate.value or 0), float(high or 0)


def _axes(figure: Figure, axes: Axes, arms: int) -> None:
    """Scales, and a legend above with a column for each arm, for which the picture leaves room."""
    axes.set_xlabel("offered load, requests per second")
    axes.set_yscale("log")
    axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: short_duration(value)))
    axes.yaxis.set_major_locator(LogLocator(numticks=7))
    axes.yaxis.set_minor_locator(NullLocator())
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:,.0f}"))
    axes.grid(True)
    handles, labels = axes.get_legend_handles_labels()
    if handles:
        figure.legend(
            handles, labels, frameon=False, fontsize=9, loc="outside upper left",
            ncols=min(arms, COLUMNS_MAX),
        )  # fmt: skip
