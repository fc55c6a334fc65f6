"""Statistics of a run: contrasts with verdicts, and what single cells say.

Reads trials frames (`Store.trials()`); knows no files and no presentation.
"""

from zyphos_lab.stats.cells import Estimate, estimate, summarise
from zyphos_lab.stats.contrasts import (
    BLOCKS_MIN,
    CANNOT_TELL,
    SAME,
    Comparison,
    Contrast,
    compare,
    compare_arms,
    contrast,
    differs,
    direction,
    factor_columns,
    judge,
    label,
    pair,
)
from zyphos_lab.stats.readings import Reading, by_block, read
from zyphos_lab.stats.signflip import interval, sign_flip, step_down
from zyphos_lab.stats.two_sample import TwoSample, step_down_two, two_sample

__all__ = [
    "BLOCKS_MIN",
    "CANNOT_TELL",
    "SAME",
    "Comparison",
    "Contrast",
    "Estimate",
    "Reading",
    "TwoSample",
    "by_block",
    "compare",
    "compare_arms",
    "contrast",
    "differs",
    "direction",
    "estimate",
    "factor_columns",
    "interval",
    "judge",
    "label",
    "pair",
    "read",
    "sign_flip",
    "step_down",
    "step_down_two",
    "summarise",
    "two_sample",
]
