"""The pilot: how long each arm takes to settle after a start, for `repeat.warmup: auto`.

Every cell is started once and watched from its first request on, in slices of a long window; its
warm-up ends where rate and median latency per slice have settled. A cell that did not settle is
started again with a window twice as long, three times in all. The longest warm-up found serves all
arms; a cell that never settled is measured but not compared (`not_settled`). It does not know how
a trial is run.
"""

from __future__ import annotations

import base64
import random
import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from zyphos_lab.record import INVALID, Reason, Row
from zyphos_lab.stage import PILOT, Note, Outlook, Planned, of_stage
from zyphos_lab.units import format_duration

if TYPE_CHECKING:
    from zyphos_lab.spec import Experiment

SLICES = 80  # of the pilot's window: enough for the test of a change to keep its level
TRIES_MAX = 3
FLOOR = 0.02  # a level that moves by less has settled
DRIFT_MAX = 0.1  # between the thirds of what has settled
ALPHA = 0.01  # two series in every cell are looked at: few may alarm by chance
WARMUP_MIN_NS = 100_000_000
ROUND_NS = 10_000_000
LATENCY = "latency_ns"


@dataclass(frozen=True, slots=True)
class Found:
    """What the pilot says: the warm-up for all arms, the cell that needed it, and the cells that
    never settled, each with the reason that stands against its trials.
    """

    warmup_ns: int
    slowest: str
    window_ns: int
    unsettled: Mapping[str, Reason]


class Pilot:
    """The stage; see stage.Stage."""

    name = PILOT

    def __init__(self, experiment: Experiment, seed: int) -> None:
        self._cells = experiment.cells
        self._repeat = experiment.repeat
        self._seed = seed

    def outlook(self) -> Outlook:
        each_s = self._repeat.pilot_ns / 1e9 + 0.3
        text = f"one start of each arm, {format_duration(self._repeat.pilot_ns)}: the warm-up"
        return Outlook(len(self._cells), len(self._cells) * each_s, text)

    def next(self, rows: Sequence[Row]) -> list[Planned] | None:
        """The cells that have not settled yet, with a window twice as long as before."""
        mine = of_stage(rows, PILOT)
        turn = 1 + max((int(row["block"]) for row in mine), default=-1)
        settled = {row["cell"] for row in mine if row.get("settled_after_ns") is not None}
        left = [cell for cell in self._cells if cell.id not in settled]
        if not left or turn == TRIES_MAX:
            return None
        randomness = random.Random(f"{self._seed}/pilot/{turn}")
        randomness.shuffle(left)
        window_ns = self._repeat.pilot_ns << turn
        times = {"warmup_ns": 0, "window_ns": window_ns, "interval_ns": -(-window_ns // SLICES)}
        repeat = self._repeat.model_copy(update=times)
        seed = randomness.getrandbits(32)
        left = [replace(cell, disturb=()) for cell in left]  # what is done on purpose comes later
        return [Planned(0, turn, cell, turn, "", seed, PILOT, repeat) for cell in left]

    def tell(self, rows: Sequence[Row]) -> list[Note]:
        result = found(rows)
        text = (
            f"warm-up {format_duration(result.warmup_ns)} for all arms: the longest that a pilot "
            f"(one start of each, {format_duration(result.window_ns)} in {SLICES} slices) found"
        )
        notes = [Note("warmup", f"{text}, in {result.slowest}" if result.slowest else text)]
        notes += [
            Note("not_settled", f"{cell} {reason.message}: it is not compared")
            for cell, reason in result.unsettled.items()
        ]
        return notes


def found(rows: Sequence[Row]) -> Found:
    """What the pilot's rows say."""
    last = {row["cell"]: row for row in of_stage(rows, PILOT)}
    settled = {
        cell: int(row["settled_after_ns"])
        for cell, row in last.items()
        if row.get("settled_after_ns") is not None
    }
    window_ns = max((row["window_ns"] or 0 for row in last.values()), default=0)
    slowest = max(settled, key=lambda cell: settled[cell], default="")
    warmup_ns = settled[slowest] if slowest else window_ns // 2
    against = {cell: _unsettled(row) for cell, row in sorted(last.items()) if cell not in settled}
    known = slowest if settled.get(slowest, 0) > WARMUP_MIN_NS else ""
    whole_ns = -(-warmup_ns // ROUND_NS) * ROUND_NS
    return Found(max(whole_ns, WARMUP_MIN_NS), known, window_ns, against)


def _unsettled(row: Row) -> Reason:
    window_ns = row["window_ns"]
    if window_ns is None:
        message = "could not be started in the pilot"
    else:
        message = f"did not settle within {format_duration(window_ns)} of the pilot"
    return Reason(INVALID, "not_settled", message, {"trial": row["trial"], "window_ns": window_ns})


def settled_after_ns(intervals: Sequence[Mapping[str, Any]], slice_ns: int) -> int | None:
    """When rate and median latency per slice had both settled; None where one did not."""
    from zyphos_lab.stats import warmup_end

    series = _series(intervals)
    ends = [warmup_end(values, ALPHA, FLOOR) for values in series]
    known = [end for end in ends if end is not None]
    if len(known) < len(ends) or any(_drifts(values[max(known) :]) for values in series):
        return None
    return max(known) * slice_ns


def _series(intervals: Sequence[Mapping[str, Any]]) -> list[list[float]]:
    """Requests per slice and, where every slice has one, the median latency."""
    rates = [float(part["requests_done"]) for part in intervals]
    medians = [_median(part.get(LATENCY)) for part in intervals]
    known = [value for value in medians if value is not None]
    return [rates, known] if len(known) == len(medians) else [rates]


def _drifts(values: Sequence[float]) -> bool:
    """Whether the last third lies elsewhere than the first: a slow trend has no change point."""
    third = len(values) // 3
    first, last = statistics.median(values[:third]), statistics.median(values[-third:])
    return abs(last - first) > DRIFT_MAX * max(first, last)


def _median(text: str | None) -> float | None:
    from zyphos_lab.probes.native import core

    if not text:
        return None
    histogram = core().Histogram.decode(base64.b64decode(text))
    return float(histogram.quantile(0.5)) if histogram.count else None
