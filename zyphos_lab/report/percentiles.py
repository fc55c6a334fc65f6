"""Percentile curves from stored histograms: merged by adding, never averaged.

Requests that never finished are in them at their lower bounds, and where a curve passes into them
is known.

The one place of the report that touches the native histogram.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from zyphos_lab.record import BOUND_TOLERANCE, CENSORED

if TYPE_CHECKING:
    import pandas as pd

    from zyphos_lab._core import Histogram
    from zyphos_lab.store import Store

NINES_MAX = 6.0
POINTS = 121


@dataclass(frozen=True)
class Curve:
    """Value in nanoseconds at each point of an axis of nines: x = 1 is p90, 2 is p99, 0 is p0.

    It ends where fewer than one observation lies beyond; `count` observations were merged. From
    `bound_from` (in nines) on all values are lower bounds: it has passed into the requests that
    never finished. None where it does not.
    """

    nines: NDArray[np.float64]
    value_ns: NDArray[np.float64]
    count: int
    bound_from: float | None = None


def merge(frame: pd.DataFrame) -> dict[str, Histogram]:
    """One histogram per cell from `Store.histograms(metric)`: all windows of the cell, added."""
    from zyphos_lab._core import Histogram

    merged: dict[str, Histogram] = {}
    for cell, encoded in zip(frame["cell"], frame["encoded"], strict=True):
        if cell in merged:
            merged[cell].add(Histogram.decode(encoded))
        else:
            merged[str(cell)] = Histogram.decode(encoded)
    return merged


def curves(store: Store, metric: str, trials: Collection[int]) -> dict[str, Curve]:
    """The curve of each cell over these trials, with the requests that never finished in it."""
    done, unfinished = (
        merge(frame[frame["trial"].isin(trials)])
        for frame in map(store.histograms, (metric, CENSORED.get(metric, "")))
    )
    found = {cell: curve(histogram, unfinished.get(cell)) for cell, histogram in done.items()}
    return {cell: known for cell, known in found.items() if known is not None}


def curve(done: Histogram, unfinished: Histogram | None = None) -> Curve | None:
    """The histogram as a curve; None when it is empty.

    `unfinished` enters at its lower bounds. Where it would matter that its requests took for ever
    (by more than record.BOUND_TOLERANCE), a value is a lower bound itself.
    """
    every = done.copy()
    if unfinished is not None:
        every.add(unfinished)
    count = int(every.count)
    if count == 0:
        return None
    nines = np.linspace(0.0, min(NINES_MAX, float(np.log10(count))), POINTS)
    found = [every.quantile(1 - 10.0**-x) for x in nines]
    values = [value for value in found if value is not None]  # all: it is not empty
    bounds = [
        _is_bound(done, count, 1 - 10.0**-x, value) for x, value in zip(nines, values, strict=True)
    ]
    last_known = max((at for at, bound in enumerate(bounds) if not bound), default=-1)
    first = float(nines[last_known + 1]) if last_known + 1 < len(nines) else None
    return Curve(nines, np.array(values, dtype=np.float64), count, first)


@dataclass(frozen=True)
class Start:
    """The latencies of one start: of what was done, and with the unfinished at lower bounds."""

    done: Histogram
    every: Histogram

    def quantile(self, q: float) -> int | None:
        """Its value in nanoseconds; None where there is none, or only a lower bound."""
        value = self.every.quantile(q)
        bound = value is None or _is_bound(self.done, self.every.count, q, value)
        return None if bound else value


def starts(store: Store, metric: str, trials: Collection[int]) -> dict[int, Start]:
    """Each of these trials by its number."""
    done, unfinished = (
        _by_trial(store.histograms(name), trials) for name in (metric, CENSORED.get(metric, ""))
    )
    found = {}
    for trial, histogram in done.items():
        every = histogram.copy()
        if trial in unfinished:
            every.add(unfinished[trial])
        found[trial] = Start(histogram, every)
    return found


def _by_trial(frame: pd.DataFrame, trials: Collection[int]) -> dict[int, Histogram]:
    from zyphos_lab._core import Histogram

    rows = zip(frame["trial"], frame["encoded"], strict=True)
    return {int(trial): Histogram.decode(text) for trial, text in rows if trial in trials}


def _is_bound(done: Histogram, count: int, q: float, value: int) -> bool:
    """Whether the unfinished requests could lift the quantile's value, had they taken for ever."""
    rank = q * count
    if rank > done.count or done.count == 0:
        return True
    most = done.quantile(rank / done.count)
    return most is None or most > value * (1 + BOUND_TOLERANCE)
