"""A line through a cell's metric over a numeric factor: y = fixed + per_unit * x, and its error.

A cost that has a part per call and a part per byte is told by these two numbers. One line per
block, so that their intervals are over starts; residuals are relative, since y spans decades:
least squares of (y - prediction) / y. Does not know how an experiment asks for it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from zyphos_lab.stats.cells import Estimate, estimate, summarise
from zyphos_lab.stats.readings import Reading, by_block

if TYPE_CHECKING:
    import pandas as pd

POINTS_MIN = 3
ROUNDING = 1e-9  # of the largest value: what floating point leaves of a zero


@dataclass(frozen=True)
class Point:
    """One cell: its x, its measured y, and what the line says there (None without a line)."""

    cell: str
    x: float
    measured: Estimate
    predicted: float | None


@dataclass(frozen=True)
class Line:
    """`fixed` (unit of y) and `per_unit` (unit of y per unit of x), medians over blocks.

    `error_rms` and `error_max`: relative deviation of the line from the medians of its points,
    as fractions. All None where there is no line; `reason` says why.
    """

    fixed: Estimate
    per_unit: Estimate
    points: tuple[Point, ...]
    error_rms: float | None
    error_max: float | None
    reason: str = ""


def fit_line(frame: pd.DataFrame, cells: Mapping[str, float], metric: str) -> Line:
    """The line of `metric` through `cells` (id to x), from blocks that have every one of them.

    Bounds (`>=`) and values that are not positive are no numbers for it. Cost: one 2 x 2 solve per
    block.
    """
    x = np.array(list(cells.values()))
    reason = _why_none(x)
    blocks = [] if reason else _whole([by_block(frame, cell, metric) for cell in cells])
    fixed, per_unit = _both([_solve(x, y) for y in blocks])
    measured = [estimate(frame, cell, metric) for cell in cells]
    if fixed.value is None or per_unit.value is None:
        reason = reason or "no block has a number in every cell"
        return Line(fixed, per_unit, _points(cells, measured, [None] * len(x)), None, None, reason)
    predicted = fixed.value + per_unit.value * x
    off = np.abs(predicted / np.array([one.value for one in measured]) - 1)
    rms, most = float(np.sqrt(np.mean(np.square(off)))), float(off.max())
    return Line(fixed, per_unit, _points(cells, measured, predicted.tolist()), rms, most)


def _both(solved: Sequence[tuple[float, float]]) -> tuple[Estimate, Estimate]:
    """Both parts over the blocks."""
    return (
        summarise([Reading(fixed) for fixed, _ in solved]),
        summarise([Reading(per_unit) for _, per_unit in solved]),
    )


def _points(
    cells: Mapping[str, float], measured: Sequence[Estimate], predicted: Sequence[float | None]
) -> tuple[Point, ...]:
    three = zip(cells.items(), measured, predicted, strict=True)
    return tuple(Point(cell, x, one, y) for (cell, x), one, y in three)


def _why_none(x: np.ndarray) -> str:
    different = len(set(x.tolist()))
    return "" if different >= POINTS_MIN else f"{different} points make no line that could be wrong"


def _whole(blocks: list[dict[int, Reading]]) -> list[np.ndarray]:
    """y of each block in which every cell has a plain, positive number."""
    shared = set.intersection(*(set(found) for found in blocks))
    rows = ([found[block] for found in blocks] for block in sorted(shared))
    return [np.array([one.value for one in row]) for row in rows if all(map(_usable, row))]


def _usable(reading: Reading) -> bool:
    return reading.plain and (reading.value or 0) > 0


def _solve(x: np.ndarray, y: np.ndarray) -> tuple[float, float]:
    """Relative least squares: both sides divided by y, so that every point weighs the same. What is
    below the last digits of the points is no part of theirs."""
    design = np.column_stack([1 / y, x / y])
    found, *_ = np.linalg.lstsq(design, np.ones_like(y), rcond=None)
    shares = np.abs(found) * (1.0, np.abs(x).max()) / np.abs(y).max()
    fixed, per_unit = np.where(shares < ROUNDING, 0.0, found)
    return float(fixed), float(per_unit)
