"""A/A: cells that were compared with themselves, as a sentence and as an expectation.

What is found where nothing can be found tells how far the lab itself can be believed. Knows the
comparisons and `design.aa`; no files.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from zyphos_lab.report.model import ExpectationResult
from zyphos_lab.stats import Comparison, differs
from zyphos_lab.stats.signflip import ALPHA

ID = "aa"


def settings(experiment: Mapping[str, Any]) -> Mapping[str, Any]:
    """`design.aa` of the experiment file."""
    found: Mapping[str, Any] = (experiment.get("design") or {}).get("aa") or {}
    return found


def sentence(aa: Sequence[Comparison], experiment: Mapping[str, Any]) -> str:
    """The answer of an experiment that compares nothing else."""
    tested = [c for c in aa if c.p_adjusted is not None]
    if not tested:
        return f"Nothing can be told: none of {_times(aa)} has blocks enough for a test."
    different, alarms = _counts(tested)
    allowed = settings(experiment).get("alarms")
    limit = "" if allowed is None else f", at most {allowed} are allowed"
    head = (
        "No difference is found where there is none"
        if not different
        else "Differences are found where there are none"
    )
    lost = len(aa) - len(tested)
    return (
        f"{head}: of {_times(tested)} {different or 'none'} {_are(different)} told to differ, and "
        f"{alarms or 'none'} {_have(alarms)} a raw p below {ALPHA:g} "
        f"({ALPHA * len(tested):.2g} are what chance gives{limit})"
        + (f"; {lost} more have no test." if lost else ".")
    )


def expectation(aa: Sequence[Comparison], experiment: Mapping[str, Any]) -> list[ExpectationResult]:
    """What `design.aa.alarms` expects; nothing where it does not say."""
    allowed = settings(experiment).get("alarms")
    if allowed is None:
        return []
    tested = [c for c in aa if c.p_adjusted is not None]
    different, alarms = _counts(tested)
    outcome = "FAIL" if different or alarms > allowed else "PASS"
    if outcome == "PASS" and (len(tested) < len(aa) or not aa):
        outcome = "INCONCLUSIVE"
    counted = (
        f"{different} differ, {alarms} raw p below {ALPHA:g}, {len(tested)} of {len(aa)} tested"
    )
    return [
        ExpectationResult(
            id=ID,
            that=f"no A/A difference, and at most {allowed} of {len(aa)} raw p below {ALPHA:g}",
            where={},
            control={},
            outcome=outcome,
            reason=counted,
            cells=(),
            controls=(),
            control_failed=None,
        )
    ]


def _counts(tested: Sequence[Comparison]) -> tuple[int, int]:
    """How many are told to differ, and how many raw p lie below 5 %."""
    alarms = sum(c.p_raw is not None and c.p_raw < ALPHA for c in tested)
    return sum(differs(c) for c in tested), alarms


def _times(aa: Sequence[Comparison]) -> str:
    cells = len({c.cell for c in aa})
    return f"{len(aa)} comparisons of a server with itself ({cells} cells)"


def _are(count: int) -> str:
    return "are" if count > 1 else "is"


def _have(count: int) -> str:
    return "have" if count > 1 else "has"
