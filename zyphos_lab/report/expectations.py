"""Expectations: does the statement hold in its cells, and fail in the control as it must?

About one cell: the statement is evaluated start by start. It holds when so few starts contradict it
that the median over starts cannot (the order-statistic rule of stats/cells.py: with 8 starts none
may); it fails when so few starts support it; else it is undecided.

About a ratio (`compare`): it holds when it does so for every value in the 95 % intervals of what it
speaks of (of a ratio the inverted sign-flip, of a metric its median's), it fails when it does so
for none, else it is undecided.

A control in which the statement holds too shows that it proves nothing: FAIL.

What is shown of several cells is the one that decides: of those with the worst outcome the one in
which the fewest starts agree.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd

from zyphos_lab.report.model import CellCheck, ExpectationResult
from zyphos_lab.spec.statement import Range, Statement
from zyphos_lab.spec.statement_functions import RATIO
from zyphos_lab.spec.statement_parser import parse
from zyphos_lab.stats import Estimate, Reading, by_block, estimate, factor_columns, label, ratio
from zyphos_lab.stats.cells import order_rank
from zyphos_lab.stats.readings import INVALID

PASS, FAIL, INCONCLUSIVE = "PASS", "FAIL", "INCONCLUSIVE"
NAMED_MAX = 3


def check(frame: pd.DataFrame, wanted: Mapping[str, Any], seed: int = 0) -> ExpectationResult:
    """One entry of the experiment's `expect`, judged on the trials there are; `seed` as of
    `compare`.
    """
    where = _labels(wanted.get("where"))
    control = _labels(wanted["control"])
    compared = wanted.get("compare")
    against: dict[str, str] = {}
    meant = dict(where)
    if compared is not None:
        meant[str(compared["factor"])] = label(compared["value"])
        against = {str(compared["factor"]): label(compared["baseline"])}
    statement = parse(wanted["that"], () if compared is None else (RATIO,))
    cells = _checks(frame, statement, meant, against, seed)
    controls = _checks(frame, statement, {**meant, **control}, against, seed)
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
        decides=_worst(cells, PASS, FAIL),
        control_decides=_worst(controls, FAIL, PASS),
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
    """Why the cells do not settle it."""
    reasons = dict.fromkeys(check.reason for check in checks if check.reason)
    if reasons:
        return "; ".join(reasons)
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


def _worst(checks: Sequence[CellCheck], wanted: str, feared: str) -> str:
    """The cell that settles it against, or leaves it open: where the fewest starts say `wanted`, of
    those with the worst outcome; the first of several. '' without any.
    """
    order = (feared, INCONCLUSIVE, wanted)

    def rank(check: CellCheck) -> tuple[int, float]:
        agree = check.held if wanted == PASS else check.failed
        return order.index(check.outcome), agree / max(1, check.held + check.failed)

    return min(checks, key=rank).cell if checks else ""


def _labels(where: Mapping[str, Any] | None) -> dict[str, str]:
    return {name: label(value) for name, value in (where or {}).items()}


def _checks(
    frame: pd.DataFrame,
    statement: Statement,
    where: Mapping[str, str],
    against: Mapping[str, str],
    seed: int,
) -> list[CellCheck]:
    """One check per cell of `where`; `against` turns a cell into the one that ratios divide by."""
    cells = _cells(frame)
    found = []
    for cell, labels in cells.items():
        if not where.items() <= labels.items():
            continue
        if not against:
            found.append(_check(frame, statement, cell))
            continue
        partner = {**labels, **against}
        base = next((other for other, have in cells.items() if have == partner), None)
        if base is not None:
            found.append(_check_ratio(frame, statement, cell, base, seed))
    return found


def _check(frame: pd.DataFrame, statement: Statement, cell: str) -> CellCheck:
    """By the starts."""
    verdicts = _verdicts(frame, statement, cell, None)
    held, failed = verdicts.count(True), verdicts.count(False)
    spare = order_rank(len(verdicts)) or 0
    outcome = INCONCLUSIVE
    if held and len(verdicts) - held <= spare:
        outcome = PASS
    elif failed and len(verdicts) - failed <= spare:
        outcome = FAIL
    measured = {name: estimate(frame, cell, name) for name in statement.metrics}
    undecided = len(verdicts) - held - failed
    return CellCheck(cell, outcome, held, failed, undecided, measured)


def _check_ratio(
    frame: pd.DataFrame, statement: Statement, cell: str, baseline: str, seed: int
) -> CellCheck:
    """By intervals; how the starts say it is told beside."""
    metrics = {name: estimate(frame, cell, name) for name in statement.metrics}
    ratios = {name: ratio(frame, cell, baseline, name, seed) for name in statement.ratios}
    tables = {"": metrics, RATIO: ratios}
    holds = statement.holds_within(lambda function, name: _range(tables[function][name]))
    measured = {**metrics, **{f"{RATIO}({name})": found for name, found in ratios.items()}}
    verdicts = _verdicts(frame, statement, cell, baseline)
    return CellCheck(
        cell,
        {True: PASS, False: FAIL, None: INCONCLUSIVE}[holds],
        verdicts.count(True),
        verdicts.count(False),
        verdicts.count(None),
        measured,
        _why_open(measured) if holds is None else "",
    )


def _range(found: Estimate) -> Range | None:
    """The interval; None where there is none, or where it is of lower bounds."""
    if found.low is None or found.high is None or found.at_least:
        return None
    return found.low, found.high


def _why_open(measured: Mapping[str, Estimate]) -> str:
    """Why intervals do not decide."""
    without = {name: found.reason for name, found in measured.items() if _range(found) is None}
    if without:
        told = (f"{name} ({why})" if why else name for name, why in without.items())
        return f"no interval of {', '.join(told)}"
    spans = (
        "s of what it states reach" if len(measured) > 1 else f" of {next(iter(measured))} reaches"
    )
    return f"the interval{spans} over a bound"


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


def _usable_blocks(frame: pd.DataFrame, cell: str) -> list[int]:
    """Where there is a reading that counts: of a cell beside itself (A/A) that is A's alone."""
    usable = frame[(frame["cell"] == cell) & (frame["verdict"] != INVALID)]
    if "arm" in usable:
        usable = usable[usable["arm"] != "B"]
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


def told_alone(found: Sequence[ExpectationResult]) -> str:
    """The answer of an experiment that compares nothing and expects something.

    `1 of 2 expectations held: numbers are used again. Refuted: a descriptor each.`
    """
    if not found:
        return ""
    held, failed, open_ = (
        [one for one in found if one.outcome == outcome] for outcome in (PASS, FAIL, INCONCLUSIVE)
    )
    many = f"{len(held)} of {len(found)} expectation{'s' if len(found) > 1 else ''} held"
    parts = [(many, held), ("Refuted", failed), ("Undecided", open_)]
    told = [f"{head}: {_listed(some)}." for head, some in parts if some]
    return " ".join(told if held else [f"{many}.", *told])


def _listed(found: Sequence[ExpectationResult]) -> str:
    names = [one.id.replace("_", " ") for one in found[:NAMED_MAX]]
    left = len(found) - len(names)
    return "; ".join([*names, *([f"{left} more"] if left else [])])
