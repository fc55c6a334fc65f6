"""How many starts a question needs: two steps (Stein), within a budget of time.

The first 8 starts say how much starts differ, never how much arms do; from that n follows for the
interval that was asked for, and exactly n are run. `ci(m)` is the interval of the contrasts that
compare m; where none does, that of every cell. Pure: the same rows, the same n.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from zyphos_lab.record import Row
from zyphos_lab.stage import MEASURE, of_stage

if TYPE_CHECKING:
    import pandas

    from zyphos_lab.spec import Experiment
    from zyphos_lab.spec.until import Precision

BLOCKS_MAX = 200  # a start more gains nothing that a longer window does not


@dataclass(frozen=True, slots=True)
class Series:
    """The blocks' logarithms that one wanted interval is made of; empty where there are none."""

    wanted: Precision
    subject: str
    logs: tuple[float, ...]

    def blocks(self) -> int | None:
        """Blocks in all for the width that is wanted; None where two values are missing."""
        from zyphos_lab.stats import sample_size

        if len(self.logs) < 2:
            return None
        return sample_size(self.logs, self.wanted.half_width)

    def half_width(self) -> float | None:
        """Half of the interval's width over its centre now."""
        from zyphos_lab.stats import BLOCKS_MIN, half_width

        return half_width(self.logs) if len(self.logs) >= BLOCKS_MIN else None


def series(experiment: Experiment, rows: Sequence[Row]) -> list[Series]:
    """Every interval that `repeat.until` speaks of, from the rows of stage `measure`."""
    frame = _frame(rows, [wanted.metric for wanted in experiment.until])
    found: list[Series] = []
    for wanted in experiment.until:
        found += _contrasts(experiment, frame, wanted) or _cells(experiment, frame, wanted)
    return found


def _frame(rows: Sequence[Row], metrics: Sequence[str]) -> pandas.DataFrame:
    import pandas

    names = ["block", "cell", "arm", "verdict", *metrics, *(f"{m}_at_least" for m in metrics)]
    mine = of_stage(rows, MEASURE)
    return pandas.DataFrame([{name: row.get(name) for name in names} for row in mine])


def _contrasts(experiment: Experiment, frame: pandas.DataFrame, wanted: Precision) -> list[Series]:
    from zyphos_lab.stats import pair

    return [
        Series(
            wanted,
            f"{one.cell} against {one.baseline_cell}",
            tuple(pair(frame, one.cell, one.baseline_cell, wanted.metric).log_ratios.values()),
        )
        for one in experiment.contrasts
        if wanted.metric in one.metrics
    ]


def _cells(experiment: Experiment, frame: pandas.DataFrame, wanted: Precision) -> list[Series]:
    from zyphos_lab.stats import by_block

    found = []
    for cell in experiment.cells:
        readings = by_block(frame, cell.id, wanted.metric).values()
        values = [one.value for one in readings if one.plain and one.value and one.value > 0]
        found.append(Series(wanted, cell.id, tuple(math.log(value) for value in values)))
    return found


def widest(found: Sequence[Series]) -> tuple[Series, int] | None:
    """The interval that needs most blocks, and how many; None where no one can say."""
    sized = [(one, blocks) for one in found if (blocks := one.blocks()) is not None]
    return max(sized, key=lambda pair: pair[1], default=None)


def affordable(budget_ns: int | None, rows: Sequence[Row], block_s: float) -> int:
    """Blocks in all that a budget allows, those that were run included.

    What was run counts with the time that it took, what follows like it (before anything was
    measured: like `block_s`).
    """
    if budget_ns is None:
        return BLOCKS_MAX
    mine = of_stage(rows, MEASURE)
    blocks = len({row["block"] for row in mine})
    if blocks:
        block_s = sum(row["duration_ns"] for row in mine) / blocks / 1e9
    spent_ns: int = sum(row["duration_ns"] for row in rows)
    left_s = (budget_ns - spent_ns) / 1e9
    return min(BLOCKS_MAX, blocks + max(0, math.floor(left_s / block_s)))


def unreached(found: Sequence[Series]) -> Iterator[tuple[Series, float | None]]:
    """The intervals that are wider than was asked, with their widths (None: no interval)."""
    for one in found:
        width = one.half_width()
        if width is None or width > one.wanted.half_width:
            yield one, width
