"""A metric over the baseline's as one number with its interval, for what is stated about it.

The same ratio and interval as a comparison's (contrasts.py): the geometric mean over blocks and the
inverted sign-flip interval. Knows no floors and no verdicts.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from zyphos_lab.stats.cells import Estimate
from zyphos_lab.stats.contrasts import pair
from zyphos_lab.stats.signflip import ALPHA, interval
from zyphos_lab.stats.sizes import BLOCKS_MIN

if TYPE_CHECKING:
    import pandas as pd


def ratio(
    frame: pd.DataFrame, cell: str, baseline_cell: str, metric: str, seed: int = 0
) -> Estimate:
    """Cell over baseline. `smallest` and `largest` are those of single blocks, `n` counts them.

    `value` is None where there is no ratio, `low` and `high` where there is no interval (fewer than
    BLOCKS_MIN blocks); `reason` then says why. Never raises on missing, zero or censored values.
    """
    pairs = pair(frame, cell, baseline_cell, metric)
    logs = np.array([pairs.log_ratios[block] for block in sorted(pairs.log_ratios)])
    n = len(logs)
    if n == 0:
        return Estimate(None, None, None, None, None, 0, reason=pairs.reason or "no ratio")
    few = f"{n} blocks, {BLOCKS_MIN} are needed"
    bounds = interval(logs, ALPHA, seed) if n >= BLOCKS_MIN else None
    low, high = (None, None) if bounds is None else (math.exp(bounds[0]), math.exp(bounds[1]))
    return Estimate(
        value=math.exp(float(logs.mean())),
        low=low,
        high=high,
        smallest=math.exp(float(logs.min())),
        largest=math.exp(float(logs.max())),
        n=n,
        reason=few if bounds is None else "",
    )
