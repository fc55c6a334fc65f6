"""Pictures of what probes saw over time: one trial of each cell, as small multiples.

Drawn from the journal's series each time, and so no part of the Answer. Panels of one kind have
common vertical axes, so that cells compare; their time is their own. Knows of each kind which of
its columns are drawn, and how; what they mean stands with the probe.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.ticker import FuncFormatter, LogLocator, MaxNLocator, NullLocator
from numpy.typing import NDArray

from zyphos_lab.report.figures import PANELS_MAX, Panels, Picture
from zyphos_lab.report.model import Answer
from zyphos_lab.report.plots import INK, PALETTE, drawing, panel_title, short_duration, svg
from zyphos_lab.report.trust import INVALID
from zyphos_lab.stage import MEASURE
from zyphos_lab.units import format_count, format_duration, format_size

if TYPE_CHECKING:
    from zyphos_lab.store import Store

SIDES = {"server": PALETTE[0], "client": PALETTE[1]}
BINS = 300  # of a curve's time, of which the first, least, greatest and last value are drawn
Array = NDArray[np.float64]
Show = Callable[[float], str]
One = Mapping[str, Any]  # a series as the journal has it


@dataclass(frozen=True)
class Quantity:
    """One pair of axes: `columns` with their line styles, `base` of its logarithm."""

    label: str
    columns: tuple[tuple[str, str], ...]
    show: Show
    base: int = 10
    marks: str = ""  # a count whose growth is marked with a cross


@dataclass(frozen=True)
class Kind:
    """What one probe's series look like: those called `server_<series>` and `client_<series>`."""

    probe: str
    series: str
    title: str
    quantities: tuple[Quantity, ...]
    note: str


@dataclass(frozen=True)
class Span:
    """Least and greatest of what there is above zero, and whether there is any zero."""

    low: float
    high: float
    zero: bool


@dataclass(frozen=True)
class OverTime:
    """The panels of one kind."""

    title: str
    panels: Panels


def _bytes(value: float) -> str:
    number, _, unit = format_size(value).partition(" ")
    return f"{float(number):g} {unit}"


KINDS = (
    Kind(
        "tcp_events",
        "tcp",
        "TCP over time",
        (
            Quantity("window, segments", (("cwnd", "-"), ("ssthresh", ":")), format_count, 2,
                     "retransmits"),
            Quantity("smoothed RTT", (("srtt_ns", "-"),), short_duration),
        ),
        "The first two connections of each side in one trial of each cell, up to where the side has"
        " closed its own. Congestion window (cwnd; logarithmic: a doubling is the same step"
        " everywhere), dotted its threshold ssthresh (none while infinite), a cross where a segment"
        " was sent again. The upright line: the window begins.",
    ),
    Kind(
        "sockets",
        "sockets",
        "Sockets over time",
        (
            Quantity("queued", (("receive_queue_bytes", "-"), ("send_queue_bytes", ":")), _bytes,
                     2),
            Quantity("memory", (("memory_bytes", "-"),), _bytes, 2),
            Quantity("sockets", (("sockets", "-"), ("listen_queue", ":")), format_count, 2),
        ),
        "All sockets on the port in one trial of each cell, every 10 ms. Queued: received and not"
        " read, dotted sent and not acknowledged; memory of their buffers; how many they are,"
        " dotted those that wait to be accepted.",
    ),
    Kind(
        "memory",
        "memory",
        "Memory over time",
        (Quantity("resident", (("rss_bytes", "-"),), _bytes, 2),),
        "Resident memory of each side's processes in one trial of each cell, every 10 ms.",
    ),
    Kind(
        "descriptors",
        "descriptors",
        "Descriptors over time",
        (
            Quantity("open", (("descriptors", "-"), ("highest", ":")), format_count, 2),
            Quantity("table", (("table_slots", "-"),), format_count, 2),
        ),
        "Open descriptors of each side's processes in one trial of each cell, every 10 ms; dotted"
        " the highest number that one has; below, the size of the kernel's table of them. The"
        " upright line: the window begins.",
    ),
)  # fmt: skip


def series_pictures(store: Store, answer: Answer) -> list[OverTime]:
    """One per kind of which the run has any; nothing where no such probe was asked for."""
    asked = store.manifest["experiment"].get("probes") or ()
    kinds = [kind for kind in KINDS if kind.probe in asked]
    if not kinds:
        return []
    cells = _chosen(store, [row.cell for row in answer.rows])
    return [OverTime(kind.title, panels) for kind in kinds
            if (panels := _panels(kind, cells)).pictures]  # fmt: skip


def _chosen(store: Store, order: Sequence[str]) -> dict[str, list[One]]:
    """The series of the first trial of each cell that is not INVALID."""
    found: dict[str, list[One]] = {}
    for event in store.trial_events(MEASURE):
        row = event["row"]
        if row["verdict"] != INVALID and event.get("series"):
            found.setdefault(str(row["cell"]), event["series"])
    return {cell: found[cell] for cell in order if cell in found}


def _panels(kind: Kind, cells: Mapping[str, Sequence[One]]) -> Panels:
    own = {cell: [one for one in every if one["name"].endswith(f"_{kind.series}")]
           for cell, every in cells.items()}  # fmt: skip
    shown = {cell: series for cell, series in own.items() if any(map(_drawable, series))}
    chosen = dict(list(shown.items())[:PANELS_MAX])
    spans = [_span(quantity, chosen) for quantity in kind.quantities]
    pictures = tuple(
        Picture(cell, _panel(kind, cell, series, spans)) for cell, series in chosen.items()
    )
    left = len(shown) - len(chosen)
    more = f" {left} more cells are not drawn." if left else ""
    return Panels(pictures, tuple(SIDES.items()), kind.note + more)


def _drawable(one: One) -> bool:
    return len(one["time_ns"]) > 1


def _span(quantity: Quantity, cells: Mapping[str, Sequence[One]]) -> Span:
    """Of all cells together."""
    names = [column for column, _ in quantity.columns]
    values = [_values(one, name) for every in cells.values() for one in every for name in names]
    every = np.concatenate([np.empty(0), *values])
    above = every[every > 0]
    low, high = (above.min(), above.max()) if above.size else (1.0, 1.0)
    return Span(float(low), float(high), bool((every == 0).any()))


def _values(one: One, column: str) -> Array:
    """NaN where there is none."""
    return np.array([np.nan if value is None else value for value in one[column]], dtype=np.float64)


def _panel(kind: Kind, cell: str, series: Sequence[One], spans: Sequence[Span]) -> str:
    count = len(kind.quantities)
    with drawing(f"{kind.series} over time {cell}", 3.4, 0.8 + 1.25 * count) as (figure, axes):
        axes.remove()
        places = np.atleast_1d(figure.subplots(count, 1, sharex=True))
        for place, quantity, span in zip(places, kind.quantities, spans, strict=True):
            for one in series:
                _draw(place, quantity, one)
            _scale(place, quantity, span)
        places[0].set_title(panel_title(cell), fontsize=9)
        places[-1].set_xlabel("s from the window's start")
        if any(one["time_ns"][0] < 0 < one["time_ns"][-1] for one in series if _drawable(one)):
            for place in places:
                place.axvline(0, color=INK, linewidth=0.8)
        return svg(figure, f"{kind.title}, {cell}: {_told(kind, series)}")


def _draw(axes: Axes, quantity: Quantity, one: One) -> None:
    """Steps: a value holds until the next one."""
    colour = SIDES[one["name"].partition("_")[0]]
    seconds = np.array(one["time_ns"], dtype=np.float64) / 1e9
    for column, style in quantity.columns:
        x, y = thinned(seconds, _values(one, column))
        axes.plot(x, y, style, color=colour, linewidth=1.2, alpha=0.8, drawstyle="steps-post")
    if quantity.marks:
        again = np.flatnonzero(np.diff(_values(one, quantity.marks)) > 0) + 1
        y = _values(one, quantity.columns[0][0])
        axes.plot(seconds[again][:BINS], y[again][:BINS], "x", color=PALETTE[5], markersize=5)


def thinned(x: Array, y: Array) -> tuple[Array, Array]:
    """At most 4 BINS points, those that a drawing of BINS columns shows: each column's first,
    least, greatest and last value. `x` ascends.
    """
    if len(x) <= 4 * BINS:
        return x, y
    edges = np.searchsorted(x, np.linspace(x[0], x[-1], BINS + 1)[:-1])
    kept: set[int] = set()
    for start, end in zip(edges, [*edges[1:], len(x)], strict=True):
        if start < end:
            filled = np.nan_to_num(y[start:end], nan=0.0)
            kept |= {start, start + int(filled.argmin()), start + int(filled.argmax()), end - 1}
    chosen = sorted(kept)
    return x[chosen], y[chosen]


def _scale(axes: Axes, quantity: Quantity, span: Span) -> None:
    """Logarithmic above the least value that there is, and down to zero below it."""
    low, high = span.low / 1.3, span.high * 1.3
    axes.set_yscale("symlog", base=quantity.base, linthresh=span.low, linscale=1.0)
    axes.set_ylim(-span.low / 5 if span.zero else low, high)
    axes.set_yticks(_ticks(quantity.base, span, low, high))
    axes.yaxis.set_minor_locator(NullLocator())
    axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: quantity.show(value)))
    axes.xaxis.set_major_locator(MaxNLocator(5))
    axes.set_ylabel(quantity.label, fontsize=9)
    axes.tick_params(labelsize=8)
    axes.grid(True)


def _ticks(base: int, span: Span, low: float, high: float) -> list[float]:
    """Powers of the base; where they would be too few, round steps or the ends themselves."""
    zero = [0.0] if span.zero else []
    if span.high > 4 * span.low:
        found = LogLocator(base, numticks=6).tick_values(low, high)
    elif span.zero:
        return sorted({0.0, span.low, span.high if span.high > 1.5 * span.low else span.low})
    else:
        found = MaxNLocator(4, steps=[1, 2, 5, 10]).tick_values(low, high)
    return zero + [float(tick) for tick in found if low <= tick <= high]


def _told(kind: Kind, series: Sequence[One]) -> str:
    """What the curves go through, for those who cannot see them."""
    parts = []
    for quantity in kind.quantities:
        column = quantity.columns[0][0]
        for one in series:
            values = _values(one, column)
            if values.size and np.isfinite(values).any():
                ends = (values[0], np.nanmin(values), np.nanmax(values), values[-1])
                first, least, most, last = (_plain(quantity, end) for end in ends)
                parts.append(
                    f"{one['name']} {one['of']} {column} from {first} to {last}, "
                    f"between {least} and {most}"
                )
    return "; ".join(parts)


def _plain(quantity: Quantity, value: float) -> str:
    if np.isnan(value):
        return "nothing"
    return format_duration(value) if quantity.show is short_duration else quantity.show(value)
