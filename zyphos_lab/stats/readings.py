"""One number per trial and metric, as the statistics may use it.

Knows how a record marks what is not a plain number: null (an ability that was missing), a lower
bound (`>= x`: the quantile fell on requests that never finished) and an INVALID trial. Does not
know contrasts or verdicts.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pandas as pd


INVALID = "INVALID"


@dataclass(frozen=True)
class Reading:
    """A metric in one trial. `value` is None where the trial has no number (see `why`)."""

    value: float | None
    at_least: bool = False
    why: str = ""

    @property
    def plain(self) -> bool:
        """True for a number that enters arithmetic: present and not a lower bound."""
        return self.value is not None and not self.at_least


def read(row: Any, metric: str) -> Reading:
    """The metric of one trial's row (a mapping of column to value)."""
    if row.get("verdict") == INVALID:
        return Reading(None, why="trial INVALID")
    raw = row.get(metric)
    text = raw.strip() if isinstance(raw, str) else ""
    at_least = text.startswith(">=") or row.get(f"{metric}_at_least") is True
    value = _number(text[2:] if text.startswith(">=") else raw)
    if value is None:
        return Reading(None, why="not recorded")
    return Reading(value, at_least=at_least)


def by_block(
    frame: pd.DataFrame, cell: str, metric: str, arm: str | None = None
) -> dict[int, Reading]:
    """The cell's reading in each block it ran in. Several trials of one block: their median.

    A cell that is compared with itself (A/A) has arms "A" and "B"; without `arm` its B trials stay
    out, so that no cell weighs more than another.
    """
    found: dict[int, list[Reading]] = {}
    # Of the frame's hundreds of columns only these are read.
    names = ["block", "arm", "verdict", metric, f"{metric}_at_least"]
    part = frame.loc[frame["cell"] == cell, [name for name in names if name in frame]]
    for row in part.to_dict("records"):
        if row.get("arm") != "B" if arm is None else row.get("arm") == arm:
            found.setdefault(int(row["block"]), []).append(read(row, metric))
    return {block: _merge(readings) for block, readings in sorted(found.items())}


def _merge(readings: list[Reading]) -> Reading:
    lost = next((r for r in readings if r.value is None), None)
    if lost is not None:
        return lost
    values = sorted(r.value for r in readings if r.value is not None)
    middle = len(values) // 2
    value = values[middle] if len(values) % 2 else (values[middle - 1] + values[middle]) / 2
    return Reading(value, at_least=any(r.at_least for r in readings))


def _number(raw: Any) -> float | None:
    try:
        value = float(raw)
    except (TypeError, ValueError):  # neither None nor pandas' NA is a number
        return None
    return value if math.isfinite(value) else None
