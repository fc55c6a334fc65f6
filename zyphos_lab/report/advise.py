"""What would decide a comparison that cannot be told: more starts, or longer windows.

Reads the intervals of the run's trials (slices of the window) for the noise within a start; the
arithmetic is stats' (`advice`, `variance_levels`). Levels are known for latencies and rates.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING

from zyphos_lab.record import PROBABILITIES
from zyphos_lab.stats import (
    CANNOT_TELL,
    Advice,
    Comparison,
    Levels,
    advice,
    pair,
    useful_width,
    variance_levels,
)

if TYPE_CHECKING:
    import pandas as pd

    from zyphos_lab.store import Store

RATE = "requests_per_second"


def advise(
    store: Store, frame: pd.DataFrame, comparisons: Sequence[Comparison]
) -> list[Advice | None]:
    """One entry per comparison; None where it is decided, has no interval, or one that is as narrow
    as is useful.
    """
    open_ = [c for c in comparisons if c.verdict == CANNOT_TELL and c.low is not None]
    cells = {cell for c in open_ for cell in (c.cell, c.baseline_cell)}
    part = frame[frame["cell"].isin(cells)]
    values = {metric: _intervals(store, part, metric) for metric in {c.metric for c in open_}}
    return [_advice(frame, c, values[c.metric]) if c in open_ else None for c in comparisons]


def _advice(
    frame: pd.DataFrame, c: Comparison, values: dict[str, list[list[float]]]
) -> Advice | None:
    log_ratios = list(pair(frame, c.cell, c.baseline_cell, c.metric).log_ratios.values())
    if c.ratio is None or c.low is None or c.high is None:
        return None
    width = math.tanh(math.log(c.high / c.low) / 2)  # of the interval that is told
    cells = [values[cell] for cell in (c.cell, c.baseline_cell) if cell in values]
    levels: Levels | None = variance_levels(*cells) if len(cells) == 2 else None
    return advice(log_ratios, useful_width(c.ratio, width, c.floor), levels, now=width)


def _intervals(store: Store, frame: pd.DataFrame, metric: str) -> dict[str, list[list[float]]]:
    """Cell -> starts -> the metric in each slice of the window; {} where slices do not have it."""
    times, _, quantile = metric.rpartition("_ns_")
    if metric != RATE and quantile not in PROBABILITIES:
        return {}
    slices = store.intervals("latency_ns" if metric == RATE else f"{times}_ns")
    usable = set(frame.loc[frame["verdict"] != "INVALID", "trial"])
    found: dict[str, list[list[float]]] = {}
    for (cell, trial), part in slices.groupby(["cell", "trial"], sort=False):
        if trial in usable:
            found.setdefault(str(cell), []).append(_values(part, metric, quantile))
    return found


def _values(part: pd.DataFrame, metric: str, quantile: str) -> list[float]:
    if metric == RATE:
        return [float(done) for done in part["requests_done"]]
    from zyphos_lab.probes.native import core

    histograms = [core().Histogram.decode(encoded) for encoded in part["encoded"]]
    return [float(h.quantile(PROBABILITIES[quantile])) for h in histograms if h.count]
