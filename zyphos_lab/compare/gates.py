"""Gates: statements over a comparison that a CI may fail by.

A gate is decided by 95 % intervals, not by point estimates: it passes in a cell where it holds for
every value of the intervals that it speaks of, and fails where it holds for none, if the difference
survives its family too; else it cannot be told. It speaks of b: `p99` is b's median over starts,
`ratio(p99)` b over a, `regression(p99)` how much worse b is, `ci(p99)` how well b's is known.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from zyphos_lab.compare.model import FAIL, PASS, UNDECIDED, Gate, GateCell, Line, Table
from zyphos_lab.errors import StatementError, UsageError
from zyphos_lab.metrics import lookup
from zyphos_lab.report.words import value_text
from zyphos_lab.spec.statement import Range, Statement
from zyphos_lab.spec.statement_functions import CI, FUNCTIONS, RATIO, REGRESSION
from zyphos_lab.spec.statement_parser import parse
from zyphos_lab.stats import Estimate
from zyphos_lab.stats.signflip import ALPHA
from zyphos_lab.units import format_fraction, format_quantity


def read(text: str) -> Statement:
    """A gate from the command line; UsageError with the column of what is wrong."""
    try:
        return parse(text, FUNCTIONS)
    except StatementError as error:
        raise UsageError(f"--gate:{error.offset + 1}: {error.message}", error.hint) from None


def metrics_of(gates: Sequence[Statement]) -> list[str]:
    """Every metric that the gates speak of."""
    return list(dict.fromkeys(metric for gate in gates for _, metric in gate.calls))


def judged(table: Table, gates: Sequence[Statement]) -> Table:
    """The table with its gates."""
    return replace(table, gates=tuple(_gate(table, gate) for gate in gates))


def _gate(table: Table, gate: Statement) -> Gate:
    cells: dict[tuple[str, str], dict[str, Line]] = {}
    for line in table.lines:
        cells.setdefault((line.cell_a, line.cell_b), {})[line.metric] = line
    found = [_cell(gate, lines) for lines in cells.values()]
    found += [GateCell(one.cell, UNDECIDED, "", one.reason) for one in table.refused]
    outcomes = {cell.outcome for cell in found}
    outcome = FAIL if FAIL in outcomes else PASS if outcomes == {PASS} else UNDECIDED
    return Gate(gate.text, outcome, tuple(found))


def _cell(gate: Statement, lines: Mapping[str, Line]) -> GateCell:
    values = _Values(lines)
    holds = gate.holds_within(values.range_of)
    reason = ""
    if holds is None:
        reason = "; ".join(_reasons(gate, values)) or "the interval holds values on both sides"
    elif not holds and not values.significant(gate):
        holds, reason = None, "the difference does not survive the family of all comparisons"
    outcome = UNDECIDED if holds is None else PASS if holds else FAIL
    label = next(iter(lines.values())).label
    shown = ", ".join(values.text(function, metric) for function, metric in gate.calls)
    return GateCell(label, outcome, shown, reason)


def _reasons(gate: Statement, values: _Values) -> Iterator[str]:
    """Why what the gate asks for has no range."""
    for function, metric in gate.calls:
        if values.range_of(function, metric) is not None:
            continue
        line = values.lines.get(metric)
        if line is None:
            yield f"{metric} was not compared"
        elif function in (RATIO, REGRESSION):
            yield f"{metric}: {line.comparison.reason}"
        else:
            yield f"{metric}: {line.b.reason or f'{line.b.n} starts do not bound it'}"


@dataclass(frozen=True)
class _Values:
    """The lines of one cell by metric, as a gate asks for them."""

    lines: Mapping[str, Line]

    def range_of(self, function: str, metric: str) -> Range | None:
        line = self.lines.get(metric)
        if line is None:
            return None
        if function == "":
            return _median(line.b)
        if function == CI:
            return _half_width(line.b)
        ratio = line.ratio_range
        if ratio is None or function == RATIO:
            return ratio
        return _regression(ratio, metric)

    def significant(self, gate: Statement) -> bool:
        """Whether the differences that the gate speaks of survive their family."""
        compared = [m for function, m in gate.calls if function in (RATIO, REGRESSION)]
        found = [self.lines[metric].comparison.p_adjusted for metric in compared]
        return not found or any(p is not None and p <= ALPHA for p in found)

    def text(self, function: str, metric: str) -> str:
        """`regression(latency_ns_p99) 4.10 % [2.90 %, 5.30 %]`."""
        line, name = self.lines.get(metric), f"{function}({metric})" if function else metric
        found = self.range_of(function, metric)
        if line is None or found is None:
            return f"{name} unknown"
        centre = _centre(function, line)
        if centre is None or found[0] == found[1]:
            return f"{name} {_shown(found[0], function, metric)}"
        ends = [_shown(end, function, metric) for end in found]
        suffix = f" {centre.rpartition(' ')[2]}"
        if all(end.endswith(suffix) for end in ends):  # the unit is told once
            ends = [end.removesuffix(suffix) for end in ends]
        return f"{name} {centre} [{', '.join(ends)}]"


def _centre(function: str, line: Line) -> str | None:
    """What the range is around; None where that is not known."""
    if function == "":
        metric = lookup(line.metric)
        return value_text(line.b, metric.unit if metric else "")
    ratio = line.comparison.ratio
    if ratio is None:
        return ">=" if line.ratio_min is not None else None
    value = _regression((ratio, ratio), line.metric)[0] if function == REGRESSION else ratio
    return _shown(value, function, line.metric)


def _shown(value: float, function: str, metric: str) -> str:
    if value in (float("inf"), float("-inf")):
        return "..."
    if function in (CI, REGRESSION):
        return ("-" if value < 0 else "") + format_fraction(abs(value))
    known = lookup(metric)
    return format_quantity(value, known.unit if known and not function else "ratio")


def _regression(ratio: Range, metric: str) -> Range:
    """How much worse: the rise of what should be low, the fall of what should be high."""
    known = lookup(metric)
    if known is not None and known.better == "higher":
        return 1 - ratio[1], 1 - ratio[0]
    return ratio[0] - 1, ratio[1] - 1


def _median(side: Estimate) -> Range | None:
    """95 % range of the median over starts; open upwards where it fell on a lower bound."""
    if side.at_least and side.value is not None:
        return side.value, float("inf")
    if side.low is None or side.high is None:
        return None
    return side.low, side.high


def _half_width(side: Estimate) -> Range | None:
    if side.low is None or side.high is None or not side.value:
        return None
    share = (side.high - side.low) / 2 / side.value
    return share, share
