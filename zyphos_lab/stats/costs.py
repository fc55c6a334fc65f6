"""What one unit of a counter costs the metric, from all pairs of cells of a run that can tell.

Slopes through the origin of the metric's differences on the counters', one point per pair of cells,
and which counters moved in step. Does not know names or what is compared.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from zyphos_lab.stats.moves import Floats, Move

PAIRS_MIN = 3  # pairs of cells in which the counter moved, at least
ERROR_MAX = 0.25  # standard error of a cost, as a share of it: beyond, it is not identified
IN_STEP = 0.99  # cosine of two counters' differences over all pairs


@dataclass(frozen=True)
class Slope:
    """Metric per unit of the counter, or the `reason` why it is not identified."""

    cost: float = math.nan
    reason: str = ""


def slopes(
    moves: Sequence[Move], columns: Sequence[int], metric: int, inverse: bool
) -> dict[int, Slope]:
    """The cost of each column; `inverse`: the metric is a rate, its cost time per request in ns."""
    if not moves:
        return {j: Slope(reason="no other pair of cells tells what one costs") for j in columns}
    effects = np.array([_effect(move, metric, inverse) for move in moves])
    steps = np.array([move.mean for move in moves])
    return {j: _slope(steps[:, j], effects) for j in columns}


def _effect(move: Move, metric: int, inverse: bool) -> float:
    base, arm = move.base[:, metric], move.arm[:, metric]
    steps = 1e9 / arm - 1e9 / base if inverse else arm - base
    return float(np.nanmean(steps)) if np.isfinite(steps).any() else math.nan


def _slope(steps: Floats, effects: Floats) -> Slope:
    """Least squares through the origin; its error robust to pairs that scatter differently."""
    known = np.isfinite(steps) & np.isfinite(effects)
    x, y = steps[known], effects[known]
    squares = float(x @ x)
    if squares == 0:
        return Slope(reason="it moved in no other pair of cells: what one costs is not known")
    pairs = squares**2 / float((x**2) @ (x**2))  # how many count, weighted by their size
    if pairs < PAIRS_MIN - 0.5:
        return Slope(reason="it moved in too few other pairs of cells to tell what one costs")
    cost = float(x @ y) / squares
    lever = np.minimum(x**2 / squares, 0.999)
    error = math.sqrt(float(np.sum((x * (y - cost * x) / (1 - lever)) ** 2))) / squares
    if cost <= 0 or error > ERROR_MAX * cost:
        return Slope(reason="where it moves elsewhere, the metric does not follow it")
    return Slope(cost)


def in_step(moves: Sequence[Move], columns: Sequence[int]) -> list[tuple[int, ...]]:
    """For each column the others that moved as it did, in every pair of cells."""
    if not moves:
        return [() for _ in columns]
    steps = np.nan_to_num(np.array([move.mean[list(columns)] for move in moves]))
    norms = np.sqrt((steps**2).sum(axis=0))
    cosines = (steps.T @ steps) / np.maximum(np.outer(norms, norms), 1e-300)
    return [
        tuple(j for k, j in enumerate(columns) if k != i and cosines[i, k] >= IN_STEP)
        for i in range(len(columns))
    ]
