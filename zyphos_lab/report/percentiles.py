"""Percentile curves from stored histograms: merged by adding, never averaged.

The one place of the report that touches the native histogram.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    import pandas as pd

    from zyphos_lab._core import Histogram

NINES_MAX = 6.0
POINTS = 121


@dataclass(frozen=True)
class Curve:
    """Value in nanoseconds at each point of an axis of nines: x = 1 is p90, 2 is p99, 0 is p0.

    It ends where fewer than one observation lies beyond; `count` observations were merged.
    """

    nines: NDArray[np.float64]
    value_ns: NDArray[np.float64]
    count: int


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


def curve(histogram: Histogram) -> Curve | None:
    """The histogram as a curve; None when it is empty."""
    count = int(histogram.count)
    if count == 0:
        return None
    last = min(NINES_MAX, float(np.log10(count)))
    nines = np.linspace(0.0, last, POINTS)
    found = [histogram.quantile(1 - 10.0**-x) for x in nines]
    values = [value for value in found if value is not None]  # all: it is not empty
    return Curve(nines, np.array(values, dtype=np.float64), count)
