"""A picture of what a fetch is spent on: each cell's phases as one bar, in round trips of the link.

Drawn from the records each time, and so no part of the Answer. It does not know what the cells
vary: each is one bar, in the order of the answer's rows.
"""

from __future__ import annotations

import statistics
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from matplotlib.axes import Axes
from matplotlib.ticker import FuncFormatter, MaxNLocator

from zyphos_lab.report.figures import Picture
from zyphos_lab.report.model import Answer
from zyphos_lab.report.plots import PALETTE, drawing, short_duration, svg
from zyphos_lab.report.trust import INVALID
from zyphos_lab.stage import MEASURE

if TYPE_CHECKING:
    from zyphos_lab.store import Store

# In their order; what `first_byte_ns` and `latency_ns` are sums of.
PHASES = {
    "dns_ns": "name",
    "connect_ns": "TCP",
    "tls_ns": "TLS",
    "request_ns": "request",
    "wait_ns": "wait",
    "transfer_ns": "transfer",
}
CAPTION = "Each phase's median, of a start and then over starts, laid end to end"


@dataclass(frozen=True)
class Bar:
    """One cell: its phases (ns, in the order of PHASES) and the link's round trip, 0 without."""

    cell: str
    phases_ns: tuple[float, ...]
    rtt_ns: float


def phase_pictures(store: Store, answer: Answer) -> list[Picture]:
    """One, where the run fetched anything; else none."""
    found = bars(store.rows(MEASURE), [row.cell for row in answer.rows])
    return [_picture(found)] if found else []


def bars(rows: Iterable[Mapping[str, Any]], order: Sequence[str]) -> list[Bar]:
    """Of the measured rows that are not INVALID, in the order of the cells."""
    cells: dict[str, list[Mapping[str, Any]]] = {}
    for row in rows:
        if row["verdict"] != INVALID and row.get("dns_ns_p50") is not None:
            cells.setdefault(str(row["cell"]), []).append(row)
    return [_bar(cell, cells[cell]) for cell in order if cell in cells]


def _bar(cell: str, rows: Sequence[Mapping[str, Any]]) -> Bar:
    spent = tuple(statistics.median(row[f"{name}_p50"] for row in rows) for name in PHASES)
    ways = ("link_forward_delay_ns", "link_backward_delay_ns")
    return Bar(cell, spent, float(sum(rows[0].get(way) or 0 for way in ways)))


def _picture(found: Sequence[Bar]) -> Picture:
    """In round trips where every link has one to count in, else in time."""
    in_trips = all(bar.rtt_ns > 0 for bar in found)
    with drawing("phases", 7.6, 1.1 + 0.24 * len(found)) as (figure, axes):
        for at, bar in enumerate(found):
            _draw(axes, at, bar, bar.rtt_ns if in_trips else 1.0)
        axes.set_yticks(range(len(found)), [bar.cell for bar in found])
        axes.set_ylim(len(found) - 0.4, -0.6)
        axes.tick_params(axis="y", length=0, labelsize=9)
        axes.grid(True, axis="x")
        axes.set_axisbelow(True)
        if in_trips:
            axes.set_xlabel("round trips of the link")
            axes.xaxis.set_major_locator(MaxNLocator(integer=True))
        else:
            axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: short_duration(value)))
        handles, labels = axes.get_legend_handles_labels()
        figure.legend(
            handles, labels, frameon=False, fontsize=9, loc="outside upper left", ncols=len(PHASES)
        )
        unit = ", in round trips of the link (its delay, there and back)." if in_trips else "."
        return Picture(CAPTION + unit, svg(figure, "what a fetch is spent on, phase by phase"))


def _draw(axes: Axes, at: int, bar: Bar, unit_ns: float) -> None:
    left = 0.0
    for name, colour, spent_ns in zip(PHASES.values(), PALETTE, bar.phases_ns, strict=True):
        width = spent_ns / unit_ns
        label = name if at == 0 else None
        axes.barh(at, width, left=left, height=0.72, color=colour, linewidth=0, label=label)
        left += width
