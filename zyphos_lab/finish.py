"""What follows the last trial: answer, table, page, notebook, and the exit code that they mean."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from zyphos_lab.errors import ExpectationError, InconclusiveError, LabError, MeasurementError

if TYPE_CHECKING:
    from zyphos_lab.report import Answer
    from zyphos_lab.store import Store


@dataclass(frozen=True, slots=True)
class Wanted:
    """What to make of a run besides its answer."""

    page: bool = True
    notebook: bool = True
    table: bool = True


def finish(store: Store, wanted: Wanted) -> tuple[Answer, dict[str, Path]]:
    """Writes answer.json and what is wanted; the answer and the files by what they are.

    A page or notebook that fails is said on stderr and left out: the measurement stands without.
    """
    from zyphos_lab import report

    answer = report.answer(store)
    paths = {"answer": report.write_answer(store, answer)}
    if wanted.table:
        from rich.console import Console

        report.terminal(answer, Console())
    if wanted.page:
        paths["report"] = report.html(store, answer)
    if wanted.notebook:
        try:
            paths["notebook"] = report.notebook(store)
        except LabError as error:
            print(f"zyphos-lab: no notebook: {error}", file=sys.stderr)
    return answer, paths


def gate(answer: Answer, require_conclusive: bool) -> None:
    """Raises what the answer means for the exit code; returns when all is well.

    MeasurementError (5): INVALID; ExpectationError (3); InconclusiveError (4) where it is required
    that everything that was asked has an answer.
    """
    if answer.verdict == "INVALID":
        raise MeasurementError(f"the measurement is INVALID: {_why_invalid(answer)}")
    if answer.failed:
        failed = ", ".join(f"{one.id} ({one.reason or one.that})" for one in answer.failed)
        raise ExpectationError(f"expectation failed: {failed}")
    undecided = _undecided(answer) if require_conclusive else []
    if undecided:
        more = f" and {len(undecided) - 3} more" if len(undecided) > 3 else ""
        raise InconclusiveError(f"inconclusive: {', '.join(undecided[:3])}{more}")


def _why_invalid(answer: Answer) -> str:
    """The reasons that make it so; all of them where none says that it does."""
    worst = [reason for reason in answer.reasons if reason.severity == "INVALID"]
    return "; ".join(reason.message for reason in worst or answer.reasons)


def _undecided(answer: Answer) -> list[str]:
    """What was asked and got no answer, by name."""
    comparisons = [delta.comparison for delta in answer.deltas]
    names = [f"expectation {one.id}" for one in answer.inconclusive]
    return names + [f"{c.cell} {c.metric}" for c in comparisons if c.verdict == "cannot tell"]
