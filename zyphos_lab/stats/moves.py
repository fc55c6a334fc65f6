"""All numeric columns of a run as arrays by cell and block, and their differences between cells.

What `explain` calculates with: hundreds of columns at once. Keeps the rules of readings.py: INVALID
trials and arms B of A/A cells stay out, several trials of a block are their median. Does not know
what a counter means.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from zyphos_lab.stats.readings import INVALID

if TYPE_CHECKING:
    import pandas as pd

Floats = NDArray[np.float64]
FACTOR_PREFIX = "factor_"


@dataclass(frozen=True)
class Move:
    """Two cells over the blocks that both have: one row per block, one column per quantity."""

    base: Floats
    arm: Floats

    @property
    def differences(self) -> Floats:
        return self.arm - self.base

    @property
    def mean(self) -> Floats:
        """Of the differences, over the blocks that have the quantity on both sides; else NaN."""
        steps = self.differences
        known = np.isfinite(steps)
        sums = np.where(known, steps, 0.0).sum(axis=0)
        counts = known.sum(axis=0)
        return np.asarray(np.where(counts > 0, sums / np.maximum(counts, 1), np.nan))


@dataclass(frozen=True)
class Quantities:
    """`names` of the columns; `cells` maps a cell to {block: its row}; `factors` to its labels."""

    names: tuple[str, ...]
    cells: dict[str, dict[int, Floats]]
    factors: dict[str, tuple[str, ...]]

    def move(self, cell: str, baseline: str) -> Move:
        """No rows where no block has both, or one of the cells is not there."""
        arm, base = self.cells.get(cell, {}), self.cells.get(baseline, {})
        blocks = [block for block in arm if block in base]
        empty = np.empty((0, len(self.names)))
        if not blocks:
            return Move(empty, empty)
        return Move(np.array([base[b] for b in blocks]), np.array([arm[b] for b in blocks]))

    def neighbours(self) -> list[tuple[str, str]]:
        """Pairs of cells that differ in one factor, each once, in the order of the frame."""
        cells = list(self.factors)
        return [
            (b, a)
            for i, a in enumerate(cells)
            for b in cells[i + 1 :]
            if sum(x != y for x, y in zip(self.factors[a], self.factors[b], strict=True)) == 1
        ]


def quantities(frame: pd.DataFrame, names: list[str]) -> Quantities:
    """The columns `names` that are numbers, of all trials that count."""
    kept = frame[frame["verdict"] != INVALID]
    if "arm" in kept:
        kept = kept[kept["arm"] != "B"]
    kept = kept[kept["cell"].notna() & kept["block"].notna()]
    chosen = [name for name in names if name in kept and _numeric(kept[name])]
    values = kept[chosen].to_numpy(dtype=np.float64, na_value=np.nan)
    cells: dict[str, dict[int, list[Floats]]] = {}
    for cell, block, row in zip(kept["cell"], kept["block"], values, strict=True):
        cells.setdefault(str(cell), {}).setdefault(int(block), []).append(row)
    return Quantities(
        names=tuple(chosen),
        cells={cell: {b: _median(rows) for b, rows in of.items()} for cell, of in cells.items()},
        factors=_factors(kept),
    )


def _median(rows: list[Floats]) -> Floats:
    return rows[0] if len(rows) == 1 else np.asarray(np.median(np.array(rows), axis=0))


def _numeric(column: pd.Series) -> bool:
    return column.dtype.kind in "iuf"


def _factors(frame: pd.DataFrame) -> dict[str, tuple[str, ...]]:
    names = [str(name) for name in frame.columns if str(name).startswith(FACTOR_PREFIX)]
    first = frame.drop_duplicates("cell")
    return {
        str(row["cell"]): tuple(str(row[name]) for name in names)
        for row in first[["cell", *names]].to_dict("records")
    }
