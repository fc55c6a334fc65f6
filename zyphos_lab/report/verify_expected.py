"""Expectations once more: what they measured, how many starts say what, and what comes of it."""

from __future__ import annotations

import math
from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from zyphos_lab.report import verify_drawn as drawn
from zyphos_lab.report import verify_flips as flips
from zyphos_lab.report.verify_check import BLOCKS_MIN, ESTIMATE, Check, label
from zyphos_lab.report.verify_sql import Numbers
from zyphos_lab.report.verify_statement import Range, decide

Data = Mapping[str, Any]
PASS, FAIL, INCONCLUSIVE = "PASS", "FAIL", "INCONCLUSIVE"
RATIO = "ratio"
OUTCOMES = {True: PASS, False: FAIL, None: INCONCLUSIVE}


class Expected:
    """The expectations of a manifest, from `numbers`."""

    def __init__(self, manifest: Data, numbers: Numbers) -> None:
        entries = manifest["experiment"].get("expect") or ()
        self._entries: dict[str, Data] = {str(one["id"]): one for one in entries}
        self._numbers = numbers
        self._ends: dict[tuple[str, str, str], dict[str, Any]] = {}  # told of many blocks

    def hold(self, check: Check, told: Data) -> None:
        """One expectation of an answer; that on A/A has no entry and no cells."""
        for cell in (*told["cells"], *told["controls"]):
            self._cell(check, told["id"], cell)
        if told["id"] in self._entries:
            outcomes = [[one["outcome"] for one in told[name]] for name in ("cells", "controls")]
            check.same(f"{told['id']} outcome", told["outcome"], _together(*outcomes))
        for name, cells, said in (
            ("decides", "cells", "held"),
            ("control_decides", "controls", "failed"),
        ):
            if name in told:  # an answer from before says nothing of it
                check.same(f"{told['id']} {name}", told[name], _deciding(told[cells], said))

    def measured(self, expectation: str, cell: str, name: str) -> dict[str, Any]:
        """The estimate of a metric, or of `ratio(metric)`, in one of the expectation's cells."""
        if not name.startswith(f"{RATIO}("):
            return self._numbers.estimate(cell, name)
        logs = self._logs(expectation, cell, name)
        return self._ratio(list(logs)) | self._ends.get((expectation, cell, name), {})

    def _base(self, expectation: str, cell: str) -> str:
        compared = self._entries[expectation]["compare"]
        parts = dict(part.split("=", 1) for part in cell.split(","))
        parts[compared["factor"]] = label(compared["baseline"])
        return ",".join(f"{factor}={value}" for factor, value in parts.items())

    def _logs(self, expectation: str, cell: str, name: str) -> Collection[float]:
        """Log ratios of `ratio(metric)` by block."""
        metric = name.removeprefix(f"{RATIO}(").removesuffix(")")
        base = self._base(expectation, cell)
        pair = {"family": "", "cell": cell, "baseline_cell": base, "metric": metric}
        return self._numbers.log_ratios(pair)[0].values()

    def _ratio(self, logs: Sequence[float]) -> dict[str, Any]:
        found: dict[str, Any] = {**dict.fromkeys(ESTIMATE), "n": len(logs), "at_least": False}
        if not logs:
            return found
        values = sorted(logs)
        ends = {"value": math.fsum(values) / len(values), "smallest": values[0]}
        ends["largest"] = values[-1]
        found |= {name: math.exp(end) for name, end in ends.items()}
        if BLOCKS_MIN <= len(values) <= flips.BLOCKS_MAX:
            found["low"], found["high"] = flips.interval_of(values)
        return found

    def _cell(self, check: Check, expectation: str, told: Data) -> None:
        found = {}
        for name, estimate in told["measured"].items():
            self._drawn(check, expectation, told["cell"], name, estimate)
            found[name] = self.measured(expectation, told["cell"], name)
            place = f"{expectation} {told['cell']} {name}"
            held = self._ends.get((expectation, told["cell"], name), {})
            for part in (part for part in ESTIMATE if part not in held):
                check.same(f"{place} {part}", estimate[part], found[name][part])
        starts = list(self._starts(expectation, told["cell"]))
        for part, said in (("held", True), ("failed", False), ("undecided", None)):
            count = starts.count(said)
            check.same(f"{expectation} {told['cell']} starts {part}", told[part], count)
        outcome = self._by_starts(starts)
        if self._entries[expectation].get("compare"):
            outcome = self._by_intervals(expectation, found)
        check.same(f"{expectation} {told['cell']} outcome", told["outcome"], outcome)

    def _drawn(self, check: Check, expectation: str, cell: str, name: str, told: Data) -> None:
        """The interval of a ratio over many blocks, whose flips the report has drawn."""
        if not name.startswith(f"{RATIO}("):
            return
        logs = np.array(list(self._logs(expectation, cell, name)))
        if len(logs) > flips.BLOCKS_MAX:
            ends = (told["low"], told["high"])
            drawn.hold_ends(check, f"{expectation} {cell} {name}", ends, logs, drawn.BLOCKS)
            self._ends[expectation, cell, name] = {"low": ends[0], "high": ends[1]}

    def _starts(self, expectation: str, cell: str) -> Iterator[bool | None]:
        """What the statement comes to in each start with a usable trial."""
        entry = self._entries[expectation]
        base = self._base(expectation, cell) if entry.get("compare") else ""
        for block in self._numbers.usable_blocks(cell):

            def value(function: str, metric: str, at: int = block) -> Range | None:
                arm = self._numbers.plain(cell, metric).get(at)
                if function == RATIO and arm is not None:
                    low = self._numbers.plain(base, metric).get(at)
                    arm = arm / low if low else None
                return None if arm is None else (arm, arm)

            yield decide(entry["that"], value)

    def _by_starts(self, starts: Sequence[bool | None]) -> str:
        """Where so few contradict that the median cannot."""
        spare = self._numbers.rank(len(starts))
        for said in (True, False):
            if starts.count(said) and len(starts) - starts.count(said) <= spare:
                return OUTCOMES[said]
        return INCONCLUSIVE

    def _by_intervals(self, expectation: str, found: Mapping[str, Data]) -> str:
        def span(function: str, metric: str) -> Range | None:
            one = found.get(f"{function}({metric})" if function else metric, {})
            low, high = one.get("low"), one.get("high")
            return None if low is None or high is None or one["at_least"] else (low, high)

        return OUTCOMES[decide(self._entries[expectation]["that"], span)]


def _deciding(cells: Sequence[Data], said: str) -> str:
    """Whose outcome is worst, and then where the least share of starts said so; '' of none."""
    best = PASS if said == "held" else FAIL
    worst = {best: 2, INCONCLUSIVE: 1}

    def order(one: Data) -> tuple[int, float]:
        starts = one["held"] + one["failed"]
        return worst.get(one["outcome"], 0), one[said] / starts if starts else 0.0

    return (
        min((order(one), at, str(one["cell"])) for at, one in enumerate(cells))[2] if cells else ""
    )


def _together(cells: Sequence[str], controls: Sequence[str]) -> str:
    """The statement has to hold in every cell and to fail in every control."""
    if FAIL in cells or PASS in controls:
        return FAIL
    sure = bool(cells) and bool(controls) and {*cells} == {PASS} and {*controls} == {FAIL}
    return PASS if sure else INCONCLUSIVE
