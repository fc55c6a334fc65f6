"""Statistics of a run: contrasts with verdicts, and what single cells say.

Reads trials frames (`Store.trials()`); knows no files and no presentation.
"""

from zyphos_lab.stats.cells import Estimate, estimate, summarise
from zyphos_lab.stats.change import ChangePoint, change_point, warmup_end
from zyphos_lab.stats.contrasts import (
    CANNOT_TELL,
    SAME,
    Comparison,
    Contrast,
    compare,
    compare_arms,
    compare_self,
    contrast,
    differs,
    direction,
    factor_columns,
    judge,
    label,
    pair,
)
from zyphos_lab.stats.explain import Carrier, explain, explain_all, explained
from zyphos_lab.stats.ratios import ratio
from zyphos_lab.stats.readings import Reading, by_block, read
from zyphos_lab.stats.signflip import interval, sign_flip, step_down
from zyphos_lab.stats.sizes import (
    BLOCKS_MIN,
    PILOT_STARTS,
    detectable_ratio,
    half_width,
    requests_needed,
    requests_to_bound,
    sample_size,
)
from zyphos_lab.stats.two_sample import TwoSample, step_down_two, two_sample
from zyphos_lab.stats.variance import Advice, Levels, advice, useful_width, variance_levels

__all__ = [
    "BLOCKS_MIN",
    "CANNOT_TELL",
    "PILOT_STARTS",
    "SAME",
    "Advice",
    "Carrier",
    "ChangePoint",
    "Comparison",
    "Contrast",
    "Estimate",
    "Levels",
    "Reading",
    "TwoSample",
    "advice",
    "by_block",
    "change_point",
    "compare",
    "compare_arms",
    "compare_self",
    "contrast",
    "detectable_ratio",
    "differs",
    "direction",
    "estimate",
    "explain",
    "explain_all",
    "explained",
    "factor_columns",
    "half_width",
    "interval",
    "judge",
    "label",
    "pair",
    "ratio",
    "read",
    "requests_needed",
    "requests_to_bound",
    "sample_size",
    "sign_flip",
    "step_down",
    "step_down_two",
    "summarise",
    "two_sample",
    "useful_width",
    "variance_levels",
    "warmup_end",
]
