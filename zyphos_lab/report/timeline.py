"""Pictures of disturbed trials: latency through the window with the stops marked, and what each
cell reported beside the truth that follows from the stops."""

from __future__ import annotations

import base64
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.ticker import FuncFormatter, LogLocator, NullLocator
from numpy.typing import NDArray

from zyphos_lab.report.figures import HISTOGRAM, PANELS_MAX, Panels, Picture
from zyphos_lab.report.model import Answer, Stalled
from zyphos_lab.report.plots import BAND, BASELINE, INK, PALETTE, drawing, short_duration, svg
from zyphos_lab.report.stall import SHOWN, tells
from zyphos_lab.report.trust import INVALID
from zyphos_lab.units import format_duration

if TYPE_CHECKING:
    from zyphos_lab.store import Store

MARKS = {"longest": PALETTE[1], "p99": PALETTE[0], "the truth: waits until it goes on": BASELINE}
RIGHT, WRONG = PALETTE[2], PALETTE[5]
Array = NDArray[np.float64]


@dataclass(frozen=True)
class Timeline:
    """One cell's window, its starts merged: seconds, latency per interval, stops (from, to)."""

    label: str
    seconds: Array
    p99_ns: Array
    max_ns: Array
    stops: tuple[tuple[float, float], ...]


def stall_pictures(answer: Answer) -> list[Picture]:
    """What each stopped cell reported, quantile by quantile, with the truth as a line."""
    if not any(one.truth_ns["max"] for one in answer.stalls):
        return []
    caption = (
        "Bars: what each reported (medians over starts); line: the truth. "
        "Green: within 10 % of it, red: not."
    )
    return [Picture(caption, _bars(answer.stalls))]


def window_timelines(store: Store, answer: Answer) -> Panels:
    """Latency through the window of every stopped cell that gives single requests."""
    known = [line for one in answer.stalls if (line := _timeline(store, one)) is not None]
    if not known:
        return Panels((), (), "")
    every = np.concatenate([np.concatenate((line.p99_ns, line.max_ns)) for line in known])
    span = (float(np.nanmin(every)), float(np.nanmax(every)))
    pictures = tuple(Picture(line.label, _panel(line, span)) for line in known[:PANELS_MAX])
    drawn = {line.label for line in known}
    silent = [one.label for one in answer.stalls if one.label not in drawn]
    note = f"No single requests are known of: {', '.join(silent)}." if silent else ""
    return Panels(pictures, tuple(MARKS.items()), note)


def _timeline(store: Store, one: Stalled) -> Timeline | None:
    events = [event for event in store.trial_events() if _counts(event["row"], one.cell)]
    slices = _merged([event["intervals"] for event in events])
    if not any(slice_.count for slice_ in slices):
        return None
    step_s = next(filter(None, (_step_s(event["intervals"]) for event in events)), 0.0)
    return Timeline(
        one.label,
        (np.arange(len(slices), dtype=np.float64) + 0.5) * step_s,
        _values(slice_.quantile(0.99) for slice_ in slices),
        _values(slice_.max for slice_ in slices),
        _stops(events),
    )


def _counts(row: Mapping[str, Any], cell: str) -> bool:
    return bool(row["cell"] == cell and row["verdict"] != INVALID)


def _stops(events: Sequence[Mapping[str, Any]]) -> tuple[tuple[float, float], ...]:
    """Every stop of these trials, in seconds from the window's start."""
    done = [mark for event in events for mark in event.get("events", ())]
    stops = [mark for mark in done if mark["kind"] == "stop"]
    return tuple((mark["stopped_ns"] / 1e9, mark["continued_ns"] / 1e9) for mark in stops)


def _merged(starts: Sequence[Sequence[Mapping[str, Any]]]) -> list[Any]:
    """One histogram per slice of the window, of all starts."""
    from zyphos_lab._core import Histogram

    merged = [Histogram() for _ in range(max(map(len, starts), default=0))]
    for intervals in starts:
        for into, part in zip(merged, intervals, strict=False):
            if part.get(HISTOGRAM):
                into.add(Histogram.decode(base64.b64decode(part[HISTOGRAM])))
    return merged


def _step_s(intervals: Sequence[Mapping[str, Any]]) -> float:
    """Length of a slice; 0 where there are not two."""
    if len(intervals) < 2:
        return 0.0
    return float(intervals[1]["start_ns"] - intervals[0]["start_ns"]) / 1e9


def _values(found: Iterable[int | None]) -> Array:
    """NaN where a slice has no request."""
    return np.array(list(found), dtype=np.float64)


def _panel(line: Timeline, span_ns: tuple[float, float]) -> str:
    with drawing(f"window {line.label}", 3.4, 2.5) as (figure, axes):
        for start, end in line.stops[:1]:
            axes.axvspan(start, end, color=BAND, linewidth=0)
            due = np.linspace(start, end, 100)[:-1]
            axes.plot(due, (end - due) * 1e9, color=BASELINE, linewidth=4, alpha=0.6)
        dots: Any = {"marker": "o", "markersize": 2}  # a slice between two gaps shows too
        axes.plot(line.seconds, line.max_ns, color=MARKS["longest"], linewidth=1.2, **dots)
        axes.plot(line.seconds, line.p99_ns, color=MARKS["p99"], linewidth=1.6, **dots)
        axes.set_yscale("log")
        axes.set_ylim(span_ns[0] / 1.5, span_ns[1] * 2)
        axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: short_duration(value)))
        axes.yaxis.set_major_locator(LogLocator(numticks=7))
        axes.yaxis.set_minor_locator(NullLocator())
        axes.set_xlabel("s into the window")
        axes.grid(True)
        axes.set_title(line.label)
        return svg(figure, f"Latency through the window, {line.label}")


def _bars(found: Sequence[Stalled]) -> str:
    shown = [name for name in SHOWN if any(one.truth_ns[name] for one in found)]
    with drawing("stalls", 7.6, 1.0 + 0.3 * len(found)) as (figure, axes):
        axes.remove()
        places = figure.subplots(1, len(shown), sharey=True)
        for place, name in zip(np.atleast_1d(places), shown, strict=True):
            _quantile(place, name, found)
        first = np.atleast_1d(places)[0]
        first.set_yticks(range(len(found)), [one.label for one in reversed(found)])
        return svg(figure, "What each load generator reported of the stop, beside the truth")


def _quantile(axes: Axes, name: str, found: Sequence[Stalled]) -> None:
    """One quantile: a bar per cell on a linear axis, the truth as a vertical line."""
    truth = found[0].truth_ns[name]
    for place, one in enumerate(reversed(found)):
        _bar(axes, place, one.reported_ns[name], tells(one, name), truth)
    axes.axvline(truth, color=INK, linewidth=1.4)
    axes.set_title(f"{name.replace('_', '.')} is {_short(truth)}")
    axes.set_xlim(0, truth * 1.12)
    axes.set_ylim(-0.6, len(found) - 0.4)
    axes.set_xticks([])
    axes.tick_params(axis="y", length=0)
    axes.spines["bottom"].set_visible(False)


def _bar(axes: Axes, place: int, reported: float | None, right: bool | None, truth: float) -> None:
    """One bar with its number: within it where there is room."""
    colour = RIGHT if right else WRONG
    at, ink, text = 0.0, INK, "no figure"
    if reported is not None:
        axes.barh(place, reported, 0.62, color=colour)
        text = _short(reported)
        at, ink = (0.0, "white") if reported > 0.6 * truth else (reported, colour)
    axes.annotate(text, (at, place), (4, -3.5), textcoords="offset points", fontsize=8, color=ink)


def _short(ns: float) -> str:
    number, _, unit = format_duration(ns).partition(" ")
    return f"{float(number):.3g} {unit}"
