"""Contrasts: arm against baseline, cell by cell, with test, interval and verdict.

METHOD.md says what and why. Knows the columns `block`, `cell`, `verdict` and `factor_*` of a trials
frame and the words of a verdict. Does not know the store, the experiment file or how anything is
shown. Deterministic: the only randomness (more than 20 blocks) is seeded.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from zyphos_lab.metrics import lookup
from zyphos_lab.stats.readings import Reading, by_block
from zyphos_lab.stats.signflip import ALPHA, Floats, interval, sign_flip, step_down
from zyphos_lab.stats.sizes import BLOCKS_MIN

if TYPE_CHECKING:
    import pandas as pd

FLOOR_MIN = 0.01
FACTOR_PREFIX = "factor_"
CANNOT_TELL = "cannot tell"
SAME = "same"


@dataclass(frozen=True)
class Contrast:
    """What is compared: every value of `factor` with `baseline`, all other factors held equal.

    `floor` is the practical floor as a fraction; differences within max(1 %, floor) count as none.
    Contrasts with the same `family` are adjusted together. `where` limits them to cells in which
    these factors have these labels.
    """

    factor: str
    baseline: Any
    metrics: tuple[str, ...]
    family: str = "primary"
    floor: float = FLOOR_MIN
    where: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True)
class Comparison:
    """One cell against its baseline cell in one metric.

    `ratio` (geometric mean over blocks of arm / baseline) and its 95 % interval `low`..`high` are
    None where they do not exist; `reason` then says why. `n` blocks were used, `dropped` were lost
    to INVALID or missing trials. `conditions` are the other factors' values.
    """

    cell: str
    baseline_cell: str
    factor: str
    value: str
    baseline: str
    conditions: tuple[tuple[str, str], ...]
    metric: str
    family: str
    floor: float
    n: int
    dropped: int
    ratio: float | None = None
    low: float | None = None
    high: float | None = None
    p_raw: float | None = None
    p_adjusted: float | None = None
    verdict: str = CANNOT_TELL
    reason: str = ""


@dataclass(frozen=True)
class Pairs:
    """The log ratios of the blocks that both cells have, and why others are not there."""

    log_ratios: dict[int, float]
    dropped: int
    reason: str = ""
    both_zero: bool = False


def compare(frame: pd.DataFrame, contrasts: Sequence[Contrast], seed: int = 0) -> list[Comparison]:
    """All comparisons of all contrasts, adjusted within each family, in the order given."""
    found: list[tuple[Comparison, Pairs]] = []
    for wanted in contrasts:
        for arm, base in _cell_pairs(frame, wanted):
            found += [_measure(frame, wanted, arm, base, metric, seed) for metric in wanted.metrics]
    adjusted = _adjust(found, seed)
    return [judge(comparison) for comparison in adjusted]


def contrast(frame: pd.DataFrame, wanted: Contrast, seed: int = 0) -> list[Comparison]:
    """The comparisons of one contrast; its metrics and cells are one family."""
    return compare(frame, [wanted], seed)


def pair(frame: pd.DataFrame, cell: str, baseline_cell: str, metric: str) -> Pairs:
    """Log ratios cell / baseline per block. INVALID and missing trials drop their whole block."""
    return _pairs(by_block(frame, cell, metric), by_block(frame, baseline_cell, metric))


def _pairs(arm: dict[int, Reading], base: dict[int, Reading]) -> Pairs:
    blocks = sorted({*arm, *base})
    whole = [b for b in blocks if _known(arm.get(b)) and _known(base.get(b))]
    pairs = [(arm[b], base[b]) for b in whole]
    dropped = len(blocks) - len(whole)
    both_zero = bool(pairs) and all(x.value == 0 == y.value for x, y in pairs)
    reason = _why_nothing(arm, base) if not pairs else _no_ratio(pairs, both_zero)
    if reason:
        return Pairs({}, dropped, reason, both_zero)
    logs = [_log_ratio(x, y) for x, y in pairs]
    return Pairs(dict(zip(whole, logs, strict=True)), dropped)


def _no_ratio(pairs: Sequence[tuple[Reading, Reading]], both_zero: bool) -> str:
    """Why pairs of known values have no log ratios; '' when they have."""
    bounds = sum(not (x.plain and y.plain) for x, y in pairs)
    if bounds:
        return f"only a lower bound (>=) in {bounds} of {len(pairs)} blocks"
    if both_zero:
        return "0 on both sides in every block"
    lost = sum(not math.isfinite(_log_ratio(x, y)) for x, y in pairs)
    return f"no ratio: 0 in {lost} of {len(pairs)} blocks" if lost else ""


def compare_self(
    frame: pd.DataFrame,
    cells: Sequence[str],
    metrics: Sequence[str],
    floor: float = FLOOR_MIN,
    seed: int = 0,
) -> list[Comparison]:
    """A/A: arm B of each cell against its arm A in each metric, adjusted as one family.

    Anything but `same` says that the floor is not held.
    """
    found = [_self(frame, cell, metric, floor, seed) for cell in cells for metric in metrics]
    return [judge(comparison) for comparison in _adjust(found, seed)]


def compare_arms(
    frame: pd.DataFrame, cell: str, metric: str, floor: float = FLOOR_MIN, seed: int = 0
) -> Comparison:
    """The same for one cell and metric by themselves."""
    return compare_self(frame, [cell], [metric], floor, seed)[0]


def _self(
    frame: pd.DataFrame, cell: str, metric: str, floor: float, seed: int
) -> tuple[Comparison, Pairs]:
    pairs = _pairs(by_block(frame, cell, metric, "B"), by_block(frame, cell, metric, "A"))
    comparison = Comparison(
        cell=cell,
        baseline_cell=cell,
        factor="arm",
        value="B",
        baseline="A",
        conditions=(),
        metric=metric,
        family="aa",
        floor=max(FLOOR_MIN, floor),
        n=len(pairs.log_ratios),
        dropped=pairs.dropped,
        reason=pairs.reason,
        verdict=SAME if pairs.both_zero else CANNOT_TELL,
    )
    return _with_numbers(comparison, _values(pairs), seed), pairs


def differs(comparison: Comparison) -> bool:
    """True for faster, slower, higher and lower."""
    return comparison.verdict not in (CANNOT_TELL, SAME)


def factor_columns(frame: pd.DataFrame) -> list[str]:
    """The frame's factors by name, in column order."""
    prefix = FACTOR_PREFIX
    return [str(c).removeprefix(prefix) for c in frame.columns if str(c).startswith(prefix)]


def label(value: Any) -> str:
    """A factor's value as it is written in cell names: `true`, `two`, `64`."""
    if isinstance(value, bool | np.bool_):
        return "true" if value else "false"
    if isinstance(value, float | np.floating) and float(value).is_integer():
        return str(int(value))
    return str(value)


def _cell_pairs(
    frame: pd.DataFrame, wanted: Contrast
) -> list[tuple[dict[str, str], dict[str, str]]]:
    """(arm, baseline) cells that differ in the contrast's factor alone."""
    cells = _labelled_cells(frame)
    baseline = label(wanted.baseline)
    bases = {_others(c, wanted.factor): c for c in cells if c.get(wanted.factor) == baseline}
    arms = [c for c in cells if c.get(wanted.factor) not in (None, baseline)]
    arms = [c for c in arms if set(wanted.where) <= set(c.items())]
    others = [bases.get(_others(arm, wanted.factor)) for arm in arms]
    return [(arm, base) for arm, base in zip(arms, others, strict=True) if base is not None]


def _labelled_cells(frame: pd.DataFrame) -> list[dict[str, str]]:
    """Each cell once: its factors' labels, and its id under the empty name."""
    names = factor_columns(frame)
    return [
        {name: label(row[FACTOR_PREFIX + name]) for name in names} | {"": str(row["cell"])}
        for row in frame.drop_duplicates("cell").to_dict("records")
    ]


def _others(cell: dict[str, str], factor: str) -> tuple[tuple[str, str], ...]:
    return tuple(sorted((k, v) for k, v in cell.items() if k not in (factor, "")))


def _measure(
    frame: pd.DataFrame,
    wanted: Contrast,
    arm: dict[str, str],
    base: dict[str, str],
    metric: str,
    seed: int,
) -> tuple[Comparison, Pairs]:
    pairs = pair(frame, arm[""], base[""], metric)
    comparison = Comparison(
        cell=arm[""],
        baseline_cell=base[""],
        factor=wanted.factor,
        value=arm[wanted.factor],
        baseline=base[wanted.factor],
        conditions=tuple((k, v) for k, v in arm.items() if k not in (wanted.factor, "")),
        metric=metric,
        family=wanted.family,
        floor=max(FLOOR_MIN, wanted.floor),
        n=len(pairs.log_ratios),
        dropped=pairs.dropped,
        reason=pairs.reason,
    )
    if pairs.both_zero:
        return replace(comparison, verdict=SAME), pairs
    return _with_numbers(comparison, _values(pairs), seed), pairs


def _with_numbers(comparison: Comparison, values: Floats, seed: int) -> Comparison:
    """Ratio, interval and raw p where the blocks allow them."""
    if not len(values):
        return comparison
    ratio = math.exp(float(values.mean()))
    if len(values) < BLOCKS_MIN:
        few = f"{len(values)} blocks, {BLOCKS_MIN} are needed"
        return replace(comparison, ratio=ratio, reason=few)
    p_raw = sign_flip(values, seed)
    bounds = interval(values, ALPHA, seed)
    if bounds is None:
        return replace(comparison, ratio=ratio, p_raw=p_raw, reason="the interval is unbounded")
    low, high = (math.exp(bound) for bound in bounds)
    return replace(comparison, ratio=ratio, p_raw=p_raw, low=low, high=high)


def _adjust(found: list[tuple[Comparison, Pairs]], seed: int) -> list[Comparison]:
    """Step-down maxT within each family, over the comparisons that have a test at all."""
    comparisons = [comparison for comparison, _ in found]
    families: dict[str, list[int]] = {}
    for i, comparison in enumerate(comparisons):
        if comparison.p_raw is not None:
            families.setdefault(comparison.family, []).append(i)
    for members in families.values():
        adjusted = step_down(_matrix([found[i][1] for i in members]), seed)
        for i, p in zip(members, adjusted, strict=True):
            comparisons[i] = replace(comparisons[i], p_adjusted=float(p))
    return comparisons


def _matrix(family: Sequence[Pairs]) -> Floats:
    """Blocks x contrasts; NaN where a contrast does not have the block."""
    blocks = sorted({block for pairs in family for block in pairs.log_ratios})
    columns = [[pairs.log_ratios.get(block, math.nan) for block in blocks] for pairs in family]
    return np.array(columns, dtype=np.float64).T


def judge(comparison: Comparison) -> Comparison:
    """The interval against [1 / (1 + f), 1 + f]; a difference has to survive its family too."""
    low, high, f = comparison.low, comparison.high, comparison.floor
    if low is None or high is None:
        return comparison
    if low >= 1 / (1 + f) and high <= 1 + f:
        return replace(comparison, verdict=SAME)
    if low <= 1 + f and high >= 1 / (1 + f):
        wide = f"the interval reaches into and out of the floor of {100 * f:.3g} %"
        return replace(comparison, reason=wide)
    if comparison.p_adjusted is None or comparison.p_adjusted > ALPHA:
        return replace(comparison, reason=f"does not survive its family {comparison.family!r}")
    return replace(comparison, verdict=direction(comparison.metric, high < 1))


def direction(metric: str, falls: bool) -> str:
    """`faster`/`slower` for times where less is better, else `lower`/`higher`."""
    known = lookup(metric)
    if known is not None and known.unit == "ns" and known.better == "lower":
        return "faster" if falls else "slower"
    return "lower" if falls else "higher"


def _known(reading: Reading | None) -> bool:
    return reading is not None and reading.value is not None


def _values(pairs: Pairs) -> Floats:
    return np.array([pairs.log_ratios[b] for b in sorted(pairs.log_ratios)], dtype=np.float64)


def _log_ratio(arm: Reading, base: Reading) -> float:
    if arm.value is None or base.value is None or arm.value <= 0 or base.value <= 0:
        return math.nan
    return math.log(arm.value / base.value)


def _why_nothing(arm: dict[int, Reading], base: dict[int, Reading]) -> str:
    for side, name in ((arm, "this cell"), (base, "the baseline")):
        whys = {reading.why for reading in side.values() if reading.why}
        if not side or (whys and all(reading.why for reading in side.values())):
            return f"{name}: {', '.join(sorted(whys)) or 'no trial'}"
    return "no block has both sides"
