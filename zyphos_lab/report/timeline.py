"""Pictures of disturbed trials: latency through the window with what was done marked, and what each
cell reported beside the truth that follows from the stops.
"""

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
from zyphos_lab.stage import MEASURE
from zyphos_lab.units import format_duration

if TYPE_CHECKING:
    from zyphos_lab.store import Store

MARKS = {"longest": PALETTE[1], "p99": PALETTE[0]}
TRUTH = {"the truth: waits until it goes on": BASELINE}
RIGHT, WRONG = PALETTE[2], PALETTE[5]
Array = NDArray[np.float64]


@dataclass(frozen=True)
class Kind:
    """One kind of event: what it is called, and its columns in the journal. `end` "": a moment."""

    text: str
    begin: str
    end: str = ""


KINDS = {
    "stop": Kind("the server stands still", "stopped_ns", "continued_ns"),
    "kill": Kind("a process of the server is killed", "killed_ns"),
    "blackhole": Kind("the path is dark", "dark_ns", "light_ns"),
    "attack": Kind("the attack", "begun_ns", "ended_ns"),
    "rebind": Kind("the NAT gives away its ports", "rebound_ns"),
}


@dataclass(frozen=True)
class Event:
    """What was done to one trial, in seconds from its window's start."""

    kind: str
    start_s: float
    end_s: float


@dataclass(frozen=True)
class Timeline:
    """One cell's window, its starts merged: seconds, latency per interval, events of one start."""

    label: str
    seconds: Array
    p99_ns: Array
    max_ns: Array
    events: tuple[Event, ...]


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
    """Latency through the window of every disturbed cell that gives single requests."""
    made = _timelines(store, answer)
    known = [line for line in made.values() if line is not None]
    if not known:
        return Panels((), (), "")
    every = np.concatenate([np.concatenate((line.p99_ns, line.max_ns)) for line in known])
    span = (float(np.nanmin(every)), float(np.nanmax(every)))
    pictures = tuple(Picture(line.label, _panel(line, span)) for line in known[:PANELS_MAX])
    kinds = dict.fromkeys(event.kind for line in known for event in line.events)
    silent = sorted(made.keys() - {line.label for line in known}, key=list(made).index)
    legend = {**MARKS, **(TRUTH if "stop" in kinds else {})}
    return Panels(pictures, tuple(legend.items()), _note(list(kinds), silent))


def _timelines(store: Store, answer: Answer) -> dict[str, Timeline | None]:
    """By the label of each disturbed cell; None where no single requests are known."""
    labels = {one.cell: one.label for one in answer.stalls}
    trials = _disturbed(store)
    cells = [row.cell for row in answer.rows if row.cell in trials]
    names = {cell: labels.get(cell, cell) for cell in cells}
    return {name: _timeline(name, trials[cell]) for cell, name in names.items()}


def _note(kinds: Sequence[str], silent: Sequence[str]) -> str:
    """What is marked, and of whom there is nothing to draw."""
    marked = [
        f"{'shaded' if KINDS[kind].end else 'the upright line'}: {KINDS[kind].text}"
        for kind in kinds
    ]
    nothing = f" No single requests are known of: {', '.join(silent)}." if silent else ""
    return f"{'; '.join(marked)}.{nothing}"


def _disturbed(store: Store) -> dict[str, list[Mapping[str, Any]]]:
    """The trials to which something was done, by cell; without those that are INVALID."""
    found: dict[str, list[Mapping[str, Any]]] = {}
    if not any("server_stopped_ns" in row for row in store.rows(MEASURE)):
        return found
    for event in store.trial_events(MEASURE):
        if event.get("events") and event["row"]["verdict"] != INVALID:
            found.setdefault(str(event["row"]["cell"]), []).append(event)
    return found


def _timeline(label: str, trials: Sequence[Mapping[str, Any]]) -> Timeline | None:
    slices = _merged([trial["intervals"] for trial in trials])
    if not any(slice_.count for slice_ in slices):
        return None
    step_s = next(filter(None, (_step_s(trial["intervals"]) for trial in trials)), 0.0)
    return Timeline(
        label,
        (np.arange(len(slices), dtype=np.float64) + 0.5) * step_s,
        _values(slice_.quantile(0.99) for slice_ in slices),
        _values(slice_.max for slice_ in slices),
        tuple(map(_event, trials[0]["events"])),
    )


def _event(done: Mapping[str, Any]) -> Event:
    kind = KINDS[done["kind"]]
    start_ns = done[kind.begin]
    return Event(done["kind"], start_ns / 1e9, done[kind.end or kind.begin] / 1e9)


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
        for event in line.events:
            _mark(axes, event)
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


def _mark(axes: Axes, event: Event) -> None:
    """A band, or for a moment a line; of a stop also the waits that it alone makes."""
    if event.end_s == event.start_s:
        axes.axvline(event.start_s, color=INK, linewidth=1.2)
        return
    axes.axvspan(event.start_s, event.end_s, color=BAND, linewidth=0)
    if event.kind == "stop":
        due = np.linspace(event.start_s, event.end_s, 100)[:-1]
        axes.plot(due, (event.end_s - due) * 1e9, color=BASELINE, linewidth=4, alpha=0.6)


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
