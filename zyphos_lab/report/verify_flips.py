"""Sign-flip p, inverted interval and step-down maxT once more, by plain enumeration.

Written from METHOD.md and not from zyphos_lab/stats, so that a mistake in one of them shows: every
sign vector is a row of a matrix. Up to BLOCKS_MAX blocks; beyond that verify_drawn.py, for which
step_down draws flips of its own, by another generator than the report's.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
BLOCKS_MAX = 20
PIECE = 1 << 12
ALPHA = 0.05
SLACK = 1e-9
OWN_SEED = 20_261_121


def _bits(blocks: int) -> Iterator[Floats]:
    """Every subset of the blocks: 2^blocks rows of 0 and 1, in pieces."""
    places = np.arange(blocks)[None, :]
    for first in range(0, 2**blocks, PIECE):
        numbers = np.arange(first, min(first + PIECE, 2**blocks))
        yield ((numbers[:, None] >> places) & 1).astype(np.float64)


def _drawn(blocks: int, count: int) -> Iterator[Floats]:
    """`count` subsets by a counter-based generator, in pieces."""
    random = np.random.Generator(np.random.Philox(OWN_SEED))
    for first in range(0, count, PIECE):
        yield random.integers(0, 2, (min(PIECE, count - first), blocks)).astype(np.float64)


def p_value(log_ratios: Floats) -> float:
    """Two-sided: the share of sign vectors whose sum is at least as far from 0 as the one seen."""
    slack = SLACK * float(np.abs(log_ratios).sum())
    least = abs(log_ratios.sum()) - slack
    pieces = _bits(len(log_ratios))
    found = sum(int((np.abs((2 * rows - 1) @ log_ratios) >= least).sum()) for rows in pieces)
    return float(found / 2 ** len(log_ratios))


def interval(log_ratios: Floats) -> tuple[float, float] | None:
    """Ends of the ratio's interval: the k-th smallest and largest mean over all non-empty subsets,
    k = floor(alpha / 2 x 2^blocks). None where k is 0.
    """
    k = math.floor(ALPHA / 2 * 2 ** len(log_ratios) + SLACK)
    if k < 1:
        return None
    with np.errstate(invalid="ignore"):  # the empty one
        means = np.concatenate(
            [rows @ log_ratios / rows.sum(axis=1) for rows in _bits(len(log_ratios))]
        )
    means = np.sort(means[np.isfinite(means)])
    return math.exp(means[k - 1]), math.exp(means[-k])


def interval_of(values: Sequence[float]) -> tuple[float | None, float | None]:
    """The same of a list; two None where there is none."""
    return interval(np.array(values)) or (None, None)


def step_down(family: list[dict[int, float]], drawn: int = 0) -> list[float]:
    """Adjusted p of each contrast (block -> log ratio): one sign per block for the whole family.
    `drawn`: of so many drawn flips, not of all.
    """
    blocks = sorted({block for contrast in family for block in contrast})
    table = np.array([[one.get(block, 0.0) for block in blocks] for one in family])
    scale = np.sqrt((table**2).sum(axis=1))
    scale[scale == 0] = 1.0
    seen = np.abs(table.sum(axis=1)) / scale
    order = np.argsort(-seen, kind="stable")
    least = seen[order] * (1 - SLACK)
    beyond = np.zeros(len(family))
    for rows in _drawn(len(blocks), drawn) if drawn else _bits(len(blocks)):
        flipped = (np.abs((2 * rows - 1) @ table.T) / scale)[:, order]
        # From a contrast on, the highest of it and all that are less significant.
        highest = np.maximum.accumulate(flipped[:, ::-1], axis=1)[:, ::-1]
        beyond += (highest >= least).sum(axis=0)
    adjusted = np.empty(len(family))
    adjusted[order] = np.maximum.accumulate(beyond / (drawn or 2 ** len(blocks)))
    return [float(p) for p in adjusted]
