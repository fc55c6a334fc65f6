"""Why, not only how much: the per-request counters that moved with a difference, and their shares.

A counter moved when its difference survives step-down maxT over all counters of the run. The share
of the effect that it carries is told in three ways, and not told where none of them holds:

- one_for_one: it is in the metric's own unit (CPU time, waiting for a CPU, a part of the latency;
  a rate is taken as its inverse, time per request): its difference over the metric's.
- known_cost: a count whose cost is recorded beside it (delayed ACKs x ACK timeout).
- estimated_cost: a count; what one costs is the slope, through the origin, of the metric's
  difference on the counter's over the *other* pairs of cells of the run that differ in one factor.
  The pair in question stays out: within it any counter that moved would carry everything.

Costs are taken as positive and equal in both cells, so a counter carries at most `most`. Counters
that moved in step wherever either moved carry their share together. What moved with a difference
need not be its cause: nothing here was switched on its own. Shares overlap and need not add up.
Pure; knows no presentation. `shares` says what may carry what, `costs` what one of a count costs.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from zyphos_lab.stats.contrasts import Comparison, differs
from zyphos_lab.stats.costs import Slope, in_step, slopes
from zyphos_lab.stats.moves import Floats, Move, Quantities, quantities
from zyphos_lab.stats.shares import (
    KNOWN_COSTS,
    PER_REQUEST,
    TIMES,
    Effect,
    may_carry,
    part_of,
    unit_of,
)
from zyphos_lab.stats.signflip import ALPHA, Flips, interval, step_down

if TYPE_CHECKING:
    import pandas as pd

SHARE_MIN = 0.05  # what carries less is not told
EXACT_BLOCKS_MAX = 12
SAMPLED_PAIRS = 5_000


@dataclass(frozen=True)
class Carrier:
    """A counter beside a difference: medians of both cells, how it moved, what it carries.

    `ratio` with its 95 % interval is arm / baseline, None where a block has a 0. `p` is adjusted
    over all counters. `share` of the metric's difference (1.0: all of it) with `basis`
    (one_for_one, known_cost, estimated_cost); None with the `reason`. `most` is the largest share
    that any cost could give it, 0 for what moved the other way. `part`: it is a piece of the metric
    itself, which says where the time went and not why. `together`: counters from which it could not
    be told apart.
    """

    name: str
    unit: str
    baseline: float
    value: float
    ratio: float | None
    low: float | None
    high: float | None
    p: float
    share: float | None
    most: float
    basis: str = ""
    reason: str = ""
    part: bool = False
    together: tuple[str, ...] = ()

    @property
    def carries(self) -> bool:
        """False for what moved against the difference."""
        return self.most > 0


def explain(frame: pd.DataFrame, comparison: Comparison) -> list[Carrier]:
    """The carriers of one difference, the largest share first; [] where there is none.

    Then parts of the metric, then what has no share, the largest possible share first, at last what
    moved the other way. For several comparisons `explain_all` is faster.
    """
    return explain_all(frame, [comparison])[0]


def explain_all(frame: pd.DataFrame, comparisons: Sequence[Comparison]) -> list[list[Carrier]]:
    """`explain` for each comparison; reads the frame once. Cost: O(columns x pairs of cells)."""
    if not any(differs(c) for c in comparisons):
        return [[] for _ in comparisons]
    metrics = [c.metric for c in comparisons]
    wanted = dict.fromkeys([*candidates(frame), *KNOWN_COSTS.values(), *metrics])
    table = quantities(frame, list(wanted))
    moves = {pair: table.move(*pair) for pair in table.neighbours()}
    return [_explain(table, moves, c) if differs(c) else [] for c in comparisons]


def explained(carriers: Sequence[Carrier]) -> bool:
    """Whether anything but a part of the metric itself moved with the difference."""
    return any(carrier.carries and not carrier.part for carrier in carriers)


def candidates(frame: pd.DataFrame) -> list[str]:
    """The frame's per-request counters, and the times that latency is made of."""
    names = [str(column) for column in frame.columns]
    return [name for name in names if name.endswith(PER_REQUEST) or name.startswith(TIMES)]


def _explain(
    table: Quantities, moves: dict[tuple[str, str], Move], comparison: Comparison
) -> list[Carrier]:
    pair = (comparison.cell, comparison.baseline_cell)
    move = table.move(*pair)
    if comparison.metric not in table.names or not len(move.base):
        return []
    effect = Effect(table, move, comparison.metric)
    moved = _moved(effect)
    others = [found for cells, found in moves.items() if set(cells) != set(pair)]
    metric = table.names.index(comparison.metric)
    costs = slopes(others, list(moved), metric, effect.inverse)
    found = [_carrier(effect, j, p, costs[j]) for j, p in moved.items()]
    told = [carrier for carrier in found if _told(carrier)]
    return sorted(_together(told, table, list(moves.values())), key=_rank)


def _moved(effect: Effect) -> dict[int, float]:
    """Columns that may carry something and moved, with their adjusted p."""
    steps = effect.move.differences
    columns = [
        j
        for j, name in enumerate(effect.table.names)
        if may_carry(name, effect.metric)
        and bool(np.nan_to_num(steps[:, j]).any())
        and not effect.rare(j)
    ]
    if not columns:
        return {}
    adjusted = step_down(steps[:, columns], flips=_flips(len(steps)))
    return {j: float(p) for j, p in zip(columns, adjusted, strict=True) if p <= ALPHA}


def _flips(blocks: int) -> Flips:
    """Fewer than a comparison has: here are hundreds of columns for each of them."""
    return Flips.over(blocks, 0, EXACT_BLOCKS_MAX, SAMPLED_PAIRS)


def _carrier(effect: Effect, j: int, p: float, slope: Slope) -> Carrier:
    name = effect.table.names[j]
    base, arm = effect.move.base[:, j], effect.move.arm[:, j]
    share = effect.share(j, slope)
    ratio, low, high = _ratio(base, arm)
    return Carrier(
        name=name,
        unit=unit_of(name),
        baseline=float(np.nanmedian(base)),
        value=float(np.nanmedian(arm)),
        ratio=ratio,
        low=low,
        high=high,
        p=p,
        share=share.share,
        most=effect.most(j),
        basis=share.basis,
        reason=share.reason,
        part=part_of(name, effect.metric),
    )


def _ratio(base: Floats, arm: Floats) -> tuple[float | None, float | None, float | None]:
    whole = np.isfinite(base) & np.isfinite(arm)
    base, arm = base[whole], arm[whole]
    if not len(base) or (base <= 0).any() or (arm <= 0).any():
        return None, None, None
    logs = np.log(arm / base)
    bounds = interval(logs, flips=_flips(len(logs)))
    ratio = math.exp(float(logs.mean()))
    if bounds is None:
        return ratio, None, None
    return ratio, math.exp(bounds[0]), math.exp(bounds[1])


def _told(carrier: Carrier) -> bool:
    """Enough to be shown: it carries something, or might, or moved well the other way."""
    if carrier.share is not None:
        return carrier.share >= SHARE_MIN
    if carrier.carries:
        return carrier.most >= SHARE_MIN
    return abs(carrier.value - carrier.baseline) >= SHARE_MIN * max(carrier.value, carrier.baseline)


def _together(carriers: list[Carrier], table: Quantities, moves: list[Move]) -> list[Carrier]:
    """Marks counters whose estimated costs rest on differences that were in step throughout."""
    named = [carrier for carrier in carriers if carrier.basis == "estimated_cost"]
    groups = in_step(moves, [table.names.index(carrier.name) for carrier in named])
    of = {
        carrier.name: tuple(table.names[j] for j in group)
        for carrier, group in zip(named, groups, strict=True)
    }
    return [replace(carrier, together=of.get(carrier.name, ())) for carrier in carriers]


def _rank(carrier: Carrier) -> tuple[bool | float | str, ...]:
    share = carrier.share
    size = abs(math.log(carrier.ratio)) if carrier.ratio else math.inf
    key = (not carrier.carries, share is None, carrier.part)
    tenths = round(10 * min(share or 0.0, 1.0))  # what is measured goes before what is estimated
    estimated = carrier.basis == "estimated_cost"
    return (*key, -tenths, estimated, -(share or 0.0), -carrier.most, -size, carrier.name)
