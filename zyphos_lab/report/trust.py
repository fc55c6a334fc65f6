"""Can the run be trusted: the verdict of the whole, its reasons, and what could not be measured.

INVALID: a cell has no usable trial (one whose load generator is not on this machine was skipped,
and counts as DEGRADED), or nothing was measured. DEGRADED: a compared block was lost, more than 1
trial in 20 has a reason against it, the run is not complete, the environment changed, or an A/A
contrast shows a difference that cannot be there. Reasons seen in fewer trials stand as remarks.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import pandas as pd

from zyphos_lab.record import NOT_HERE
from zyphos_lab.report import course
from zyphos_lab.report.course import lost_by_arm
from zyphos_lab.report.model import Remark
from zyphos_lab.report.words import floor_text, ratio_text
from zyphos_lab.stats import Comparison, differs

VALID, DEGRADED, INVALID = "VALID", "DEGRADED", "INVALID"
SHARE_MAX = 0.05
FULL = {"server": "the server's", "both": "the server's and the load's", "generator": "the load's"}


def judge(
    frame: pd.DataFrame,
    manifest: Mapping[str, Any],
    comparisons: Sequence[Comparison],
    aa: Sequence[Comparison],
    changed: Sequence[Remark] = (),
) -> tuple[str, list[Remark], list[Remark]]:
    """The run's verdict, the reasons for it, and remarks that do not lower it."""
    fatal = _unusable(frame, manifest)
    grave = [*changed, *_incomplete(frame, manifest), *_dropped(comparisons, frame), *_aa(aa)]
    grave += course.grave(manifest)
    remarks: list[Remark] = []
    for remark in _trial_reasons(frame):
        often = remark.trials > SHARE_MAX * len(frame)
        (grave if often else remarks).append(remark)
    remarks += [*course.remarks(manifest), *_limits(frame)]
    verdict = INVALID if fatal else DEGRADED if grave else VALID
    reasons = [*_severe(fatal, INVALID), *_severe(grave, DEGRADED)]
    return verdict, reasons, remarks


def _severe(remarks: Sequence[Remark], severity: str) -> list[Remark]:
    """Those about the run as a whole are as severe as what they make of it."""
    return [one if one.severity else replace(one, severity=severity) for one in remarks]


def skipped(frame: pd.DataFrame) -> dict[str, str]:
    """Column group -> why it was not measured, with the number of trials where not in all."""
    counts: dict[tuple[str, str], int] = {}
    for text in frame.get("skipped", ()):
        for group, reason in _decoded(text, {}).items():
            counts[(str(group), str(reason))] = counts.get((str(group), str(reason)), 0) + 1
    found: dict[str, str] = {}
    for (group, reason), count in counts.items():
        part = reason if count == len(frame) else f"{reason} (in {count} of {len(frame)} trials)"
        found[group] = f"{found[group]}; {part}" if group in found else part
    return found


def _unusable(frame: pd.DataFrame, manifest: Mapping[str, Any]) -> list[Remark]:
    if frame.empty:
        return [Remark("no_trials", "no trial was finished")]
    here = ~_not_here(frame)
    bad = (frame["verdict"] == INVALID) & (here | (not here.any()))  # unless there is nothing else
    lost = [str(cell) for cell, part in bad.groupby(frame["cell"]) if part.all()]
    if not lost:
        return []
    message = f"every trial is INVALID in {len(lost)} cells: {'; '.join(lost[:3])}"
    return [Remark("cell_without_valid_trial", message + (" ..." if len(lost) > 3 else ""))]


def _not_here(frame: pd.DataFrame) -> pd.Series[bool]:
    """Trials whose generator, link or program this machine has not: skipped, and said to be."""
    codes = frame.get("reasons", pd.Series("", index=frame.index)).map(
        lambda text: {reason.get("code") for reason in _decoded(text, [])}
    )
    return codes.map(lambda found: not found.isdisjoint(NOT_HERE)).astype(bool)


def _incomplete(frame: pd.DataFrame, manifest: Mapping[str, Any]) -> list[Remark]:
    planned, status = len(manifest.get("plan", ())), str(manifest.get("status", ""))
    if len(frame) >= planned and status in ("", "complete"):
        return []
    message = f"{status or 'stopped'}: {len(frame)} of {planned} trials were run"
    return [Remark("incomplete", message)]


def _dropped(comparisons: Sequence[Comparison], frame: pd.DataFrame) -> list[Remark]:
    hit = [c for c in comparisons if c.dropped]
    if not hit:
        return []
    most = max(hit, key=lambda c: c.dropped)
    message = (
        f"{len(hit)} comparisons lost blocks to INVALID or missing trials, "
        f"at most {most.dropped} of {most.dropped + most.n} ({most.cell})"
    )
    lost = lost_by_arm(frame)
    message += f"; INVALID by arm: {lost}" if lost else ""
    return [Remark("blocks_dropped", message)]


def _aa(aa: Sequence[Comparison]) -> list[Remark]:
    return [
        Remark(
            "aa_differs",
            f"A/A: {c.cell} against itself differs in {c.metric}, ratio {ratio_text(c)}, "
            f"beyond {floor_text(c.floor)}",
        )
        for c in aa
        if differs(c)
    ]


def _trial_reasons(frame: pd.DataFrame) -> list[Remark]:
    """One remark per code over all trials, with the worst as the example; the worst come first."""
    found: dict[str, list[Remark]] = {}
    for trial, text in zip(frame["trial"], frame.get("reasons", ()), strict=False):
        entries = {str(r.get("code", "")): r for r in _decoded(text, [])}
        for code, r in entries.items():
            evidence = {"trial": int(trial), **(r.get("evidence") or {})}
            severity = str(r.get("severity", DEGRADED))
            one = Remark(code, str(r.get("message", "")), 0, severity, evidence)
            found.setdefault(code, []).append(one)
    worst = [_worst(remarks, len(frame)) for remarks in found.values()]
    return sorted(worst, key=lambda one: (one.severity != INVALID, -one.trials))


def _worst(remarks: Sequence[Remark], trials: int) -> Remark:
    """The first of the most severe, with how often there was one."""
    example = next((one for one in remarks if one.severity == INVALID), remarks[0])
    message = f"{example.message} (in {len(remarks)} of {trials} trials)"
    return replace(example, message=message, trials=len(remarks))


def _limits(frame: pd.DataFrame) -> list[Remark]:
    """Whose cores were full, by cell: what a rate says, and of whom."""
    cells: dict[str, list[str]] = {}
    if "limited_by" in frame:
        for cell, part in frame.groupby("cell", sort=False)["limited_by"]:
            known = part.dropna()
            if len(known):
                cells.setdefault(str(known.mode()[0]), []).append(str(cell))
    return [
        Remark("limited_by", f"full cores: {FULL[limit]} in {'; '.join(cells[limit])}")
        for limit in FULL
        if limit in cells
    ]


def _decoded(text: Any, empty: Any) -> Any:
    """JSON text of the trials table; a null is nothing."""
    if not isinstance(text, str):
        return empty
    return json.loads(text) or empty
