"""The columns of one trial of a code path: timed first, then counted.

Timed are `repeat.warmup` and `repeat.window` of it, as of a load. Counts need no warm-up, window or
quiet machine: two starts of one build give the same, to the unit. Where valgrind is not there they
are None, with the reason.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from zyphos_lab.child import Children
from zyphos_lab.record import DEGRADED, Reason, Row, Skipped
from zyphos_lab.simulated import callgrind, program
from zyphos_lab.spec.cell import Cell
from zyphos_lab.spec.models import Repeat
from zyphos_lab.spec.target_models import CodeTarget

SUFFIX = "_simulated_per_iteration"
COUNTS = tuple(f"{name}{SUFFIX}" for name in callgrind.EVENTS)
AUTO_WARMUP_NS = 100_000_000  # of `warmup: auto`: nothing but caches has to settle
CPU_MIN = 0.95
COUNTING_S = 600.0
NO_LOAD = {"load": "a code path has no load"}
WAITED = f"the code had a CPU for less than {CPU_MIN:.0%} of the time"
COUNTED_S = 0.9  # what callgrind takes to start and to count little, for the estimate
NOT_ASKED = "the target says `counters: none`"


def columns(
    target: CodeTarget, repeat: Repeat, children: Children
) -> tuple[Row, Skipped, list[Reason]]:
    """One start. TargetError when the code path failed; nothing is left running."""
    data = program.input_of(target)
    with program.folder(children, data) as where:
        timed = _timed(target, repeat, where, children)
    row = {"code": target.code, "code_input": program.digest(data), **_timed_columns(timed)}
    row["window_ns"] = timed["elapsed_ns"]
    skipped = dict(NO_LOAD)
    if not _had_cpu(timed):
        skipped["ns_per_iteration"] = WAITED
    row |= dict.fromkeys((*COUNTS, "code_iterations_simulated", "code_instruction_set_simulated"))
    reason = callgrind.missing()[0] if target.counters == "simulated" else NOT_ASKED
    if reason:
        return row, {**skipped, "simulated counters": reason}, []
    with program.folder(children, data) as where:
        words = [*program.words(target), "counted=true"]
        said = program.say(callgrind.command(words), target, where, children, COUNTING_S)
        counts = callgrind.per_iteration(where, target.iterations)
    row |= {f"{name}{SUFFIX}": value for name, value in counts.items()}
    row["code_iterations_simulated"] = target.iterations
    row["code_instruction_set_simulated"] = said["instruction_set"]
    return row, skipped, _disagreeing(timed, said)


def _timed(target: CodeTarget, repeat: Repeat, where: Any, children: Children) -> dict[str, Any]:
    warmup_ns = AUTO_WARMUP_NS if repeat.warmup_ns is None else repeat.warmup_ns
    own = [f"warmup_ns={warmup_ns}", f"window_ns={repeat.window_ns}", "parent_death=true"]
    patience_s = COUNTING_S + (warmup_ns + repeat.window_ns) / 1e9
    return program.say([*program.words(target), *own], target, where, children, patience_s)


def _timed_columns(said: dict[str, Any]) -> Row:
    iterations = said["iterations"]
    return {
        "code_result": str(said["result"]),
        "code_instruction_set": said["instruction_set"],
        "code_iterations": iterations,
        "code_cpu_ratio": said["cpu_ns"] / said["elapsed_ns"],
        "bytes_per_iteration": said["bytes_per_iteration"],
        "ns_per_iteration": said["elapsed_ns"] / iterations if _had_cpu(said) else None,
        "cpu_ns_per_iteration": said["cpu_ns"] / iterations,
    }


def _had_cpu(said: dict[str, Any]) -> bool:
    """Time by the clock is that of the code only while it has a CPU."""
    return bool(said["cpu_ns"] >= CPU_MIN * said["elapsed_ns"])


def _disagreeing(timed: dict[str, Any], said: dict[str, Any]) -> list[Reason]:
    """The same input must come to the same, whatever it ran on."""
    if timed["result"] == said["result"]:
        return []
    message = f"an iteration gave {timed['result']}, and {said['result']} under callgrind"
    return [Reason(DEGRADED, "code_disagrees", message)]


def seconds(cell: Cell) -> float:
    """What counting adds to a trial of this cell, about."""
    target = cell.target
    return COUNTED_S if isinstance(target, CodeTarget) and target.counters != "none" else 0.0


def notes(cells: Iterable[Cell]) -> Iterator[tuple[str, str]]:
    """(code, message) of what one should know before the run."""
    wanted = any(
        isinstance(cell.target, CodeTarget) and cell.target.counters == "simulated"
        for cell in cells
    )
    reason, cure = callgrind.missing()
    if wanted and reason:
        yield "valgrind_missing", f"{reason}: simulated counters are skipped ({cure})"
