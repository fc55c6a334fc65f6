"""A table of comparisons as plain data: what every format of `zyphos-lab compare` shows.

Knows nothing of how it is made or shown. Numbers are in the units of their metrics; None means "not
there", and a reason stands beside it.
"""

from __future__ import annotations

import dataclasses
import math
from dataclasses import dataclass
from typing import Any

from zyphos_lab.report.model import Remark, plain
from zyphos_lab.stats import Comparison, Estimate

SCHEMA_VERSION = 1
PASS, FAIL, UNDECIDED = "PASS", "FAIL", "CANNOT TELL"


@dataclass(frozen=True)
class Side:
    """One side: a run or a saved baseline. `kind` is "run" or "baseline"."""

    kind: str
    name: str
    path: str
    experiment: str
    created: str
    verdict: str
    reasons: tuple[Remark, ...]
    evidence: bool


@dataclass(frozen=True)
class Line:
    """One cell of `a` against one of `b` in one metric. `n`: "8" pairs, or "8+8" starts.

    `ratio_min`, where the comparison has no interval: what the ratio is at least (95 %), known
    when only b's values are lower bounds.
    """

    label: str
    cell_a: str
    cell_b: str
    metric: str
    a: Estimate
    b: Estimate
    comparison: Comparison
    n: str
    ratio_min: float | None = None

    @property
    def ratio_range(self) -> tuple[float, float] | None:
        """The 95 % range of the ratio b / a; None where nothing is known of it."""
        c = self.comparison
        if c.low is not None and c.high is not None:
            return c.low, c.high
        if self.ratio_min is not None:
            return self.ratio_min, math.inf
        # 0 on both sides in every start: nothing changed.
        return (1.0, 1.0) if c.verdict == "same" else None


@dataclass(frozen=True)
class Geomean:
    """The geometric means of a block's medians and ratios over `lines` lines; not tested."""

    a: float
    b: float
    ratio: float
    lines: int


@dataclass(frozen=True)
class Block:
    """One metric: a table with a line per cell."""

    metric: str
    unit: str
    better: str
    text: str
    a: str
    b: str
    lines: tuple[Line, ...]
    geomean: Geomean | None


@dataclass(frozen=True)
class Refusal:
    """Two cells that must not be compared, or a cell that only one side has."""

    cell: str
    reason: str


@dataclass(frozen=True)
class Difference:
    """What is not the same on both sides: a setting of the machine, the build, the experiment."""

    subject: str
    name: str
    a: Any
    b: Any


@dataclass(frozen=True)
class GateCell:
    """A gate in one line of the table: its outcome, the values that decided it, or why not."""

    cell: str
    outcome: str
    measured: str
    reason: str = ""


@dataclass(frozen=True)
class Gate:
    """A gate over all cells: PASS where it holds in each, FAIL where it does not hold in one."""

    text: str
    outcome: str
    cells: tuple[GateCell, ...]


@dataclass(frozen=True)
class Table:
    """Everything that is shown. `paired`: the starts of both sides ran in the same blocks."""

    what: str
    paired: bool
    a: Side
    b: Side
    warnings: tuple[Remark, ...]
    differences: tuple[Difference, ...]
    refused: tuple[Refusal, ...]
    blocks: tuple[Block, ...]
    gates: tuple[Gate, ...] = ()
    schema_version: int = SCHEMA_VERSION

    @property
    def lines(self) -> list[Line]:
        return [line for block in self.blocks for line in block.lines]

    def as_dict(self) -> dict[str, Any]:
        """Safe for JSON (no NaN or infinity)."""
        return dict(plain(dataclasses.asdict(self)))
