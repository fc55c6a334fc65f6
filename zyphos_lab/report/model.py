"""The Answer: everything that terminal, page, notebook and answer.json show, as plain data.

Numbers are in the units of their metrics (see zyphos_lab/metrics.py); None means "not there", and a
reason stands beside it. Knows nothing of how it is made or shown.
"""

from __future__ import annotations

import dataclasses
import math
from dataclasses import dataclass, field
from typing import Any

from zyphos_lab.stats import Advice, Carrier, Comparison, Estimate
from zyphos_lab.stats.line import Line

SCHEMA_VERSION = 1


@dataclass(frozen=True)
class Remark:
    """Something that has to be known about the run: `code` for machines, `message` for people.

    `trials` counts the trials that it was seen in (0: it is about the run as a whole). `severity`
    is the best verdict left where it was worst, `evidence` the numbers there; '' and empty for what
    lowers nothing.
    """

    code: str
    message: str
    trials: int = 0
    severity: str = ""
    evidence: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Column:
    """A metric that is shown: its one name, its unit and what it says."""

    name: str
    unit: str
    better: str
    text: str


@dataclass(frozen=True)
class Delta:
    """A comparison with the medians of both cells and what moved with it.

    `carries`: the counters that moved, by the share of the difference that they carry. `explained`
    is None where there is no difference to explain. `advice` is what would decide it where it
    cannot be told.
    """

    comparison: Comparison
    unit: str
    baseline_value: float | None
    value: float | None
    carries: tuple[Carrier, ...] = ()
    explained: bool | None = None
    advice: Advice | None = None


@dataclass(frozen=True)
class Row:
    """One cell: its estimates by metric and its comparisons to baseline cells."""

    cell: str
    target: str
    factors: dict[str, str]
    trials: int
    invalid: int
    estimates: dict[str, Estimate]
    deltas: tuple[Delta, ...]


@dataclass(frozen=True)
class CellCheck:
    """An expectation's statement in one cell: in how many starts it held, failed, was undecided.

    `measured` has what it speaks of, ratios with the interval that decides; `reason` says why it is
    undecided.
    """

    cell: str
    outcome: str
    held: int
    failed: int
    undecided: int
    measured: dict[str, Estimate]
    reason: str = ""


@dataclass(frozen=True)
class ExpectationResult:
    """PASS, FAIL or INCONCLUSIVE. `control_failed`: it failed in the control, as it must.

    `decides`, `control_decides`: the cell that says most against it, of each; '' where none ran.
    """

    id: str
    that: str
    where: dict[str, str]
    control: dict[str, str]
    outcome: str
    reason: str
    cells: tuple[CellCheck, ...]
    controls: tuple[CellCheck, ...]
    control_failed: bool | None
    decides: str = ""
    control_decides: str = ""

    @property
    def deciding(self) -> CellCheck | None:
        return next((check for check in self.cells if check.cell == self.decides), None)

    @property
    def control_deciding(self) -> CellCheck | None:
        return next((check for check in self.controls if check.cell == self.control_decides), None)


@dataclass(frozen=True)
class CapacityTry:
    """One trial of a search: the load it was asked for and what it says (held, broken, ...)."""

    trial: int
    rate_per_second: float
    outcome: str
    latency_ns_p50: float | None
    latency_ns_p99: float | None


@dataclass(frozen=True)
class CapacityResult:
    """The bounds of the highest load at which `slo` holds in one cell, per second.

    None where no such load was found; `reason` says why a bound is missing or not the server's.
    `baseline_cell` is the one whose capacity this cell is offered shares of.
    `closed_per_second`: what the server did when it was kept busy.
    """

    cell: str
    baseline_cell: str
    factors: dict[str, str]
    slo: str
    lower_per_second: float | None
    upper_per_second: float | None
    closed_per_second: float | None
    finished: bool
    reason: str
    tries: tuple[CapacityTry, ...]


@dataclass(frozen=True)
class Stalled:
    """A cell whose server was stopped on purpose: what it reported (medians over starts) and the
    truth that follows from the stops, by quantile, in ns. `law`: the arrival law that really ran.
    """

    cell: str
    label: str
    law: str
    stopped_ns: float
    window_ns: float
    reported_ns: dict[str, float | None]
    truth_ns: dict[str, float]


@dataclass(frozen=True)
class LineResult:
    """`metric` = fixed + per_unit * `factor` in the cells with these `conditions` (`fit`).

    `round_trips`: the factor is the link's one-way delay and the metric a time, so that half of
    `per_unit` is a number of round trips.
    """

    id: str
    factor: str
    metric: str
    unit: str
    conditions: dict[str, str]
    line: Line
    round_trips: bool = False


@dataclass(frozen=True)
class SideDifference:
    """A setting that is not the same in the networks of client and server, and in which cells."""

    name: str
    client: str
    server: str
    cells: tuple[str, ...]


@dataclass(frozen=True)
class Observed:
    """What the costly probes changed of `metric` (observed.py), in `cell` ('': all together).

    `change` is instrumented to plain, less 1, the geometric mean of `pairs` adjacent pairs; `low`
    and `high` are None where there are too few. `plain`, `instrumented`: medians over the pairs of
    one cell. Where `change` is None `reason` says why.
    """

    metric: str
    unit: str
    cell: str
    pairs: int
    change: float | None
    low: float | None
    high: float | None
    plain: float | None
    instrumented: float | None
    reason: str = ""


@dataclass(frozen=True)
class Answer:
    """The answer of one run. `verdict` is VALID, DEGRADED or INVALID; no `evidence`: rehearsal."""

    experiment: str
    question: str
    answers: tuple[str, ...]
    run: str
    path: str
    profile: str
    evidence: bool
    status: str
    sentence: str
    findings: tuple[str, ...]
    scope: str
    verdict: str
    reasons: tuple[Remark, ...]
    remarks: tuple[Remark, ...]
    skipped: dict[str, str]
    columns: tuple[Column, ...]
    factors: tuple[str, ...]
    rows: tuple[Row, ...]
    expectations: tuple[ExpectationResult, ...]
    aa: tuple[Comparison, ...]
    method: tuple[str, ...]
    threats: tuple[str, ...]
    host: dict[str, str]
    command: str
    trials_planned: int
    trials_done: int
    schema_version: int = SCHEMA_VERSION
    capacities: tuple[CapacityResult, ...] = ()
    stalls: tuple[Stalled, ...] = ()
    lines: tuple[LineResult, ...] = ()
    probes_costly: tuple[str, ...] = ()  # those that were on in every measured trial
    observed: tuple[Observed, ...] = ()
    sides: str = ""  # what is known of the networks of client and server
    side_differences: tuple[SideDifference, ...] = ()

    def observer(self, metric: str, cell: str = "") -> Observed | None:
        """What the costly probes changed of a metric; None where none was on."""
        told = (one for one in self.observed if (one.metric, one.cell) == (metric, cell))
        return next(told, None)

    @property
    def deltas(self) -> list[Delta]:
        return [delta for row in self.rows for delta in row.deltas]

    @property
    def failed(self) -> list[ExpectationResult]:
        return [e for e in self.expectations if e.outcome == "FAIL"]

    @property
    def inconclusive(self) -> list[ExpectationResult]:
        return [e for e in self.expectations if e.outcome == "INCONCLUSIVE"]

    def as_dict(self) -> dict[str, Any]:
        """Plain lists, dicts and numbers, safe for JSON (no NaN or infinity)."""
        return dict(plain(dataclasses.asdict(self)))


def plain(value: Any) -> Any:
    """`value` as JSON can hold it: names are text, sequences lists, NaN and infinity None."""
    if isinstance(value, dict):
        return {str(key): plain(inner) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [plain(inner) for inner in value]
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value
