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
from zyphos_lab.spec.statement_functions import RATIO
from zyphos_lab.spec.statement_parser import parse
from zyphos_lab.stats import Estimate, Reading, by_block, estimate, factor_columns, label, summarise
from zyphos_lab.stats.cells import order_rank
from zyphos_lab.stats.readings import INVALID

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
    statement = parse(wanted["that"], () if compared is None else (RATIO,))
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
    outcome = _together(cells, PASS, FAIL)
    control_failed = _together(controls, FAIL, PASS)
    if outcome is False:
        return FAIL, f"it does not hold in {_named(cells, FAIL)}", control_failed
    if control_failed is False:
        return FAIL, f"it holds in the control too ({_named(controls, PASS)})", False
    if not cells or not controls:
        return INCONCLUSIVE, f"no trial of {'the control' if cells else 'its cells'}", None
    if outcome is None:
        return INCONCLUSIVE, _undecided(cells), control_failed
    if control_failed is None:
        return INCONCLUSIVE, f"in the control, {_undecided(controls)}", None
    return PASS, "", True


def _named(checks: Sequence[CellCheck], outcome: str) -> str:
    return ", ".join(check.cell for check in checks if check.outcome == outcome)


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


def _together(checks: Sequence[CellCheck], yes: str, no: str) -> bool | None:
    """True when every cell says `yes`, False when any says `no`, else None."""
    outcomes = {check.outcome for check in checks}
    if no in outcomes:
        return False
    return True if outcomes == {yes} else None


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
    measured = {name: estimate(frame, cell, name) for name in statement.metrics}
    if baseline is not None:
        ratios = {name: _ratios(frame, name, cell, baseline) for name in statement.ratios}
        measured |= {f"ratio({name})": found for name, found in ratios.items()}
    return CellCheck(cell, outcome, held, failed, undecided, measured)


def _verdicts(
    frame: pd.DataFrame, statement: Statement, cell: str, baseline: str | None
) -> list[bool | None]:
    """One per start that has a usable trial."""
    names = list(dict.fromkeys([*statement.metrics, *statement.ratios]))
    arm = {name: by_block(frame, cell, name) for name in names}
    base = {name: by_block(frame, baseline, name) for name in statement.ratios if baseline}
    verdicts = []
    for block in _usable_blocks(frame, cell):
        columns = {name: _plain(arm[name].get(block)) for name in names}
        ratios = {name: _ratio(columns[name], _plain(base[name].get(block))) for name in base}
        verdicts.append(statement.holds(columns, ratios))
    return verdicts


def _ratios(frame: pd.DataFrame, name: str, cell: str, baseline: str) -> Estimate:
    """The metric over the baseline's, block by block."""
    arm, base = by_block(frame, cell, name), by_block(frame, baseline, name)
    found = [_ratio(_plain(arm[block]), _plain(base.get(block))) for block in arm]
    return summarise([Reading(value, why="" if value else "no ratio") for value in found])


def _usable_blocks(frame: pd.DataFrame, cell: str) -> list[int]:
    usable = frame[(frame["cell"] == cell) & (frame["verdict"] != INVALID)]
    return sorted({int(block) for block in usable["block"]})


def _plain(reading: Reading | None) -> float | None:
    """The number of a reading; a lower bound is none."""
    return reading.value if reading is not None and reading.plain else None


def _ratio(value: float | None, baseline: float | None) -> float | None:
    return value / baseline if value is not None and baseline else None


def _cells(frame: pd.DataFrame) -> dict[str, dict[str, str]]:
    """Every cell that ran, with its factors' labels, in order of execution."""
    names = factor_columns(frame)
    firsts = frame.drop_duplicates("cell").to_dict("records")
    return {str(row["cell"]): {n: label(row[f"factor_{n}"]) for n in names} for row in firsts}
