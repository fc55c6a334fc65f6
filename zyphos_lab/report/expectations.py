"""Expectations: does the statement hold in its cells, and fail in the control as it must?

The statement is evaluated start by start. It holds in a cell when so few starts contradict it that
the median over starts cannot (the order-statistic rule of stats/cells.py: with 8 starts none may);
it fails when so few starts support it; else it is undecided. A control in which it holds too shows
that the statement proves nothing: FAIL.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd

from zyphos_lab.report.model import CellCheck, ExpectationResult
from zyphos_lab.spec.statement import Statement
from zyphos_lab.spec.statement_parser import parse
from zyphos_lab.stats import by_block, estimate, factor_columns, label
from zyphos_lab.stats.cells import order_rank

PASS, FAIL, INCONCLUSIVE = "PASS", "FAIL", "INCONCLUSIVE"


def check(frame: pd.DataFrame, wanted: Mapping[str, Any]) -> ExpectationResult:
    """One entry of the experiment's `expect`, judged on the trials there are."""
    where = _labels(wanted.get("where"))
    control = _labels(wanted["control"])
    compared = wanted.get("compare")
    against: dict[str, str] = {}
    meant = dict(where)
    if compared is not None:
        meant[str(compared["factor"])] = label(compared["value"])
        against = {str(compared["factor"]): label(compared["baseline"])}
    statement = parse(wanted["that"], ratios_allowed=compared is not None)
    cells = _checks(frame, statement, meant, against)
    controls = _checks(frame, statement, {**meant, **control}, against)
    outcome, reason, control_failed = _judge(cells, controls)
    return ExpectationResult(
        id=str(wanted["id"]),
        that=str(wanted["that"]),
        where=where,
        control=control,
        outcome=outcome,
        reason=reason,
        cells=tuple(cells),
        controls=tuple(controls),
        control_failed=control_failed,
    )


def _judge(
    cells: Sequence[CellCheck], controls: Sequence[CellCheck]
) -> tuple[str, str, bool | None]:
    """Outcome, reason, and whether the control failed as it must."""
    control_failed = _together([check.outcome for check in controls], FAIL, PASS)
    failing = [check.cell for check in cells if check.outcome == FAIL]
    if failing:
        return FAIL, f"it does not hold in {', '.join(failing)}", control_failed
    if control_failed is False:
        holding = [check.cell for check in controls if check.outcome == PASS]
        return FAIL, f"it holds in the control too ({', '.join(holding)})", False
    if not cells or not controls:
        return INCONCLUSIVE, f"no trial of {'the control' if cells else 'its cells'}", None
    if any(check.outcome == INCONCLUSIVE for check in cells):
        return INCONCLUSIVE, _undecided(cells), control_failed
    if control_failed is None:
        return INCONCLUSIVE, f"in the control, {_undecided(controls)}", None
    return PASS, "", True


def _undecided(checks: Sequence[CellCheck]) -> str:
    """Why the cells' starts do not settle it."""
    missing = sum(check.undecided for check in checks)
    starts = missing + sum(check.held + check.failed for check in checks)
    if starts == 0:
        return "no usable trial"
    return (
        f"a value is missing in {missing} of {starts} starts"
        if missing
        else ("the starts do not agree")
    )


def _together(outcomes: list[str], yes: str, no: str) -> bool | None:
    if no in outcomes:
        return False
    return True if outcomes and set(outcomes) == {yes} else None


def _labels(where: Mapping[str, Any] | None) -> dict[str, str]:
    return {name: label(value) for name, value in (where or {}).items()}


def _checks(
    frame: pd.DataFrame,
    statement: Statement,
    where: Mapping[str, str],
    against: Mapping[str, str],
) -> list[CellCheck]:
    """One check per cell of `where`; `against` turns a cell into the one that ratios divide by."""
    cells = _cells(frame)
    found = []
    for cell, labels in cells.items():
        if not where.items() <= labels.items():
            continue
        base = None
        if against:
            partner = {**labels, **against}
            base = next((other for other, have in cells.items() if have == partner), None)
            if base is None:
                continue
        found.append(_check(frame, statement, cell, base))
    return found


def _check(frame: pd.DataFrame, statement: Statement, cell: str, baseline: str | None) -> CellCheck:
    verdicts = _verdicts(frame, statement, cell, baseline)
    held, failed = verdicts.count(True), verdicts.count(False)
    undecided = len(verdicts) - held - failed
    spare = order_rank(len(verdicts)) or 0
    outcome = INCONCLUSIVE
    if held and len(verdicts) - held <= spare:
        outcome = PASS
    elif failed and len(verdicts) - failed <= spare:
        outcome = FAIL
    names = dict.fromkeys([*statement.metrics, *statement.ratios])
    measured = {name: estimate(frame, cell, name) for name in names}
    return CellCheck(cell, outcome, held, failed, undecided, measured)


def _verdicts(
    frame: pd.DataFrame, statement: Statement, cell: str, baseline: str | None
) -> list[bool | None]:
    """One per start that has a usable trial."""
    names = list(dict.fromkeys([*statement.metrics, *statement.ratios]))
    arm = {name: by_block(frame, cell, name) for name in names}
    base = {name: by_block(frame, baseline, name) for name in statement.ratios if baseline}
    blocks = sorted({block for found in arm.values() for block in found})
    verdicts = []
    for block in blocks:
        readings = {name: arm[name].get(block) for name in names}
        if all(reading is not None and reading.why == INVALID_WHY for reading in readings.values()):
            continue
        columns = {name: r.value if r and r.plain else None for name, r in readings.items()}
        ratios = {name: _ratio(columns[name], base[name].get(block)) for name in base}
        verdicts.append(statement.holds(columns, ratios))
    return verdicts


INVALID_WHY = "trial INVALID"


def _ratio(value: float | None, baseline: Any) -> float | None:
    if value is None or baseline is None or not baseline.plain or not baseline.value:
        return None
    return float(value / baseline.value)


def _cells(frame: pd.DataFrame) -> dict[str, dict[str, str]]:
    """Every cell that ran, with its factors' labels, in order of execution."""
    names = factor_columns(frame)
    firsts = frame.drop_duplicates("cell").to_dict("records")
    return {str(row["cell"]): {n: label(row[f"factor_{n}"]) for n in names} for row in firsts}
