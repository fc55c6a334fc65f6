"""Sign-flip p, inverted interval and step-down maxT once more, by plain enumeration.

Written from METHOD.md and not from zyphos_lab/stats, so that a mistake in one of them shows: every
sign vector is a row of a matrix. Up to BLOCKS_MAX blocks; beyond that the report samples, which
cannot be recomputed.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
BLOCKS_MAX = 16
ALPHA = 0.05
SLACK = 1e-9


def _bits(blocks: int) -> NDArray[np.int64]:
    """Every subset of the blocks: 2^blocks rows of 0 and 1."""
    return (np.arange(2**blocks)[:, None] >> np.arange(blocks)[None, :]) & 1


def p_value(log_ratios: Floats) -> float:
    """Two-sided: the share of sign vectors whose sum is at least as far from 0 as the one seen."""
    sums = np.abs((2 * _bits(len(log_ratios)) - 1) @ log_ratios)
    slack = SLACK * float(np.abs(log_ratios).sum())
    return float(np.mean(sums >= abs(log_ratios.sum()) - slack))


def interval(log_ratios: Floats) -> tuple[float, float] | None:
    """Ends of the ratio's interval: the k-th smallest and largest mean over all non-empty subsets,
    k = floor(alpha / 2 x 2^blocks). None where k is 0.
    """
    k = math.floor(ALPHA / 2 * 2 ** len(log_ratios) + SLACK)
    if k < 1:
        return None
    subsets = _bits(len(log_ratios))[1:]
    means = np.sort(subsets @ log_ratios / subsets.sum(axis=1))
    return math.exp(means[k - 1]), math.exp(means[-k])


def step_down(family: list[dict[int, float]]) -> list[float]:
    """Adjusted p of each contrast (block -> log ratio): one sign per block for the whole family."""
    blocks = sorted({block for contrast in family for block in contrast})
    signs = 2 * _bits(len(blocks)) - 1
    table = np.array([[one.get(block, 0.0) for block in blocks] for one in family])
    scale = np.sqrt((table**2).sum(axis=1))
    scale[scale == 0] = 1.0
    flipped = np.abs(signs @ table.T) / scale
    seen = np.abs(table.sum(axis=1)) / scale
    order = np.argsort(-seen, kind="stable")
    adjusted = [1.0] * len(family)
    least = 0.0
    for position, contrast in enumerate(order):
        highest = flipped[:, order[position:]].max(axis=1)
        p = float(np.mean(highest >= seen[contrast] * (1 - SLACK)))
        least = max(least, p)
        adjusted[int(contrast)] = least
    return adjusted
