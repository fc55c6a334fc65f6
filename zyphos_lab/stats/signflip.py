"""Sign-flip tests, their inverted intervals and step-down maxT on per-block log ratios.

What it is: the arithmetic on plain arrays, one row per block. It does not know metrics, cells,
frames or verdicts. Under "no difference" the sign of each block's log ratio is a coin toss, so
flipping signs gives the exact null distribution; every combination is enumerated up to
EXACT_BLOCKS_MAX blocks, beyond that a seeded sample of flips (which always holds the observed
one) takes its place. Flips come in mirrored pairs, of which one half is stored.

Studentised statistic: |sum(d)| / sqrt(sum(d^2)). The denominator does not change under flips and
the whole is a monotone function of Student's t, so for one contrast the test equals the test on
the mean; in a family it puts the contrasts on one scale.

Source: Romano and Wolf 2005 (step-down maxT); Hartigan 1969 (typical values: the interval).
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

EXACT_BLOCKS_MAX = 20
SAMPLED_PAIRS = 50_000
ALPHA = 0.05
_TIE = 1e-9  # relative slack: equal sums in another order of addition count as equal


@dataclass(frozen=True)
class Flips:
    """Half of a mirrored set of sign vectors over `blocks` blocks; the first is the observed one.

    `signs` is None where the set is complete (enumerated on the fly). Cost of `sums`: O(2^blocks)
    time and memory when complete, O(SAMPLED_PAIRS x blocks) when sampled.
    """

    blocks: int
    signs: NDArray[np.int8] | None

    @classmethod
    def over(
        cls,
        blocks: int,
        seed: int = 0,
        exact_max: int = EXACT_BLOCKS_MAX,
        pairs: int = SAMPLED_PAIRS,
    ) -> Flips:
        """Every sign vector for at most `exact_max` blocks, else a seeded sample of `pairs`."""
        if blocks <= exact_max:
            return cls(blocks, None)
        return cls(blocks, _sampled(blocks, seed, pairs))

    @property
    def exact(self) -> bool:
        return self.signs is None

    def sums(self, values: Floats) -> Floats:
        """sum(sign x value) of each stored flip; `values` has one entry per block."""
        if len(values) != self.blocks:
            raise ValueError(f"{len(values)} values for {self.blocks} blocks")
        if self.signs is not None:
            return np.asarray(self.signs @ values, dtype=np.float64)
        sums = np.array([values[0] if self.blocks else 0.0], dtype=np.float64)
        for value in values[1:]:
            sums = np.concatenate([sums + value, sums - value])
        return sums


def sign_flip(log_ratios: Floats, seed: int = 0) -> float:
    """Two-sided p that the log ratios are symmetric around 0; 1.0 where they are all 0."""
    values = np.asarray(log_ratios, dtype=np.float64)
    if len(values) == 0:
        raise ValueError("a sign-flip test needs at least one block")
    sums = np.abs(Flips.over(len(values), seed).sums(values))
    return float(np.mean(sums >= abs(values.sum()) - _slack(values)))


def interval(
    log_ratios: Floats, alpha: float = ALPHA, seed: int = 0, flips: Flips | None = None
) -> tuple[float, float] | None:
    """The centres that `sign_flip` does not reject at `alpha`: (low, high), on the log scale.

    None where no number of flips can reject (5 blocks and fewer at 5 %): the interval would be
    unbounded. Exact inversion: the k-th smallest and largest mean over the subsets of blocks.
    `flips` in place of those of the seed.
    """
    values = np.asarray(log_ratios, dtype=np.float64)
    if len(values) == 0:
        return None
    flips = flips or Flips.over(len(values), seed)
    sums = flips.sums(values)
    ones = flips.sums(np.ones_like(values))
    total, n = values.sum(), float(len(values))
    rank = math.floor(alpha * 2 * len(sums) / 2 + _TIE)
    if rank < 1:
        return None
    numerator = np.concatenate([total - sums, total + sums])
    denominator = np.concatenate([n - ones, n + ones])
    means = numerator[denominator > 0] / denominator[denominator > 0]
    if rank > len(means):
        return None
    ordered = np.partition(means, [rank - 1, len(means) - rank])
    return float(ordered[rank - 1]), float(ordered[len(means) - rank])


def step_down(log_ratios: Floats, seed: int = 0, flips: Flips | None = None) -> Floats:
    """Step-down maxT: family-wise adjusted p of each column of a blocks x contrasts array.

    NaN marks a block that a contrast does not have; a column without any value gets NaN. One sign
    per block is flipped jointly over the family, which keeps the contrasts' dependence. `flips` in
    place of those of the seed.
    """
    matrix = np.atleast_2d(np.asarray(log_ratios, dtype=np.float64))
    adjusted = np.full(matrix.shape[1], np.nan)
    present = [j for j in range(matrix.shape[1]) if np.isfinite(matrix[:, j]).any()]
    if not present:
        return adjusted
    flips = flips or Flips.over(matrix.shape[0], seed)
    filled = np.nan_to_num(matrix)
    observed = {j: float(_studentised(filled[:, j].sum(), filled[:, j])) for j in present}
    order = sorted(present, key=lambda j: observed[j])
    highest = np.zeros(1)
    for j in order:  # least significant first: the running maximum is over what is left
        highest = np.maximum(highest, _studentised(flips.sums(filled[:, j]), filled[:, j]))
        adjusted[j] = float(np.mean(highest >= observed[j] * (1 - _TIE)))
    floor = 0.0
    for j in reversed(order):
        floor = max(floor, adjusted[j])
        adjusted[j] = floor
    return adjusted


@lru_cache(maxsize=8)
def _sampled(blocks: int, seed: int, pairs: int) -> NDArray[np.int8]:
    """Rows of signs, the first without a flip; kept, as a run asks for the same ones often."""
    random = np.random.default_rng(seed)
    signs = random.integers(0, 2, size=(pairs, blocks), dtype=np.int8) * 2 - 1
    signs[0] = 1
    signs = signs.astype(np.int8)
    signs.flags.writeable = False
    return signs


def _studentised(sums: Floats | np.float64, values: Floats) -> Floats:
    scale = math.sqrt(float(np.sum(values**2)))
    return np.abs(np.asarray(sums)) / scale if scale > 0 else np.zeros_like(np.asarray(sums))


def _slack(values: Floats) -> float:
    return _TIE * float(np.abs(values).sum())
