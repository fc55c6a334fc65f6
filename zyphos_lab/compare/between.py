"""Two runs, or a saved baseline and a run: cell against cell of the same name, starts not paired.

The starts of one run share their hours: what changed in the machine in between is part of the
difference, and no arithmetic takes it out again. That is said first, whatever the numbers say.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from zyphos_lab.compare import drift
from zyphos_lab.compare.blocks import Wanted, blocks_of, judged_bound
from zyphos_lab.compare.model import Difference, Line, Refusal, Table
from zyphos_lab.compare.source import Source, differences, incomparable, unasked
from zyphos_lab.errors import UsageError
from zyphos_lab.report.model import Remark
from zyphos_lab.stats import (
    BLOCKS_MIN,
    Comparison,
    Reading,
    TwoSample,
    by_block,
    judge,
    step_down_two,
    summarise,
    two_sample,
)
from zyphos_lab.stats.signflip import Floats

FAMILY = "table"
NOT_INTERLEAVED = (
    "NOT INTERLEAVED: the two were measured at different times, and whatever changed in the "
    "machine between them counts as a difference. Pairs within one run are the stronger evidence "
    "(zyphos-lab compare --target A --target B, or both as a factor of one experiment)"
)


def compare_runs(a: Source, b: Source, wanted: Wanted) -> Table:
    """The cells that both sides have. UsageError where they have none in common."""
    cells, refused = _cells(a, b)
    if not cells and len(a.cells()) == len(b.cells()) == 1 and not _law(a, b):
        pairs = [(next(iter(a.cells())), next(iter(b.cells())))]  # one each: that is what is meant
        refused = []
    else:
        pairs = [(cell, cell) for cell in cells]
    if not pairs and not any(r.reason.startswith("different") for r in refused):
        hint = f"{a.side.name} has {_some(a)}; {b.side.name} has {_some(b)}"
        raise UsageError("the two have no cell in common", hint)
    found = differences(a, b)
    measured = [
        _measured(a, b, cell_a, cell_b, metric, wanted)
        for cell_a, cell_b in pairs
        for metric in wanted.metrics
    ]
    lines = list(_lines(measured, wanted))
    return Table(
        what=f"{b.side.name} against {a.side.name}",
        paired=False,
        a=a.side,
        b=b.side,
        warnings=(*_warnings(a, b, found), *_drifts(measured)),
        differences=tuple(found),
        refused=tuple(refused),
        blocks=tuple(blocks_of(lines, wanted.metrics)),
    )


def _cells(a: Source, b: Source) -> tuple[list[str], list[Refusal]]:
    """Cells to compare, and those that must not be or that one side lacks."""
    ours, theirs = a.cells(), b.cells()
    kept, refused = [], []
    for cell in dict.fromkeys([*ours, *theirs]):
        if cell not in ours or cell not in theirs:
            side = "b" if cell in ours else "a"
            refused.append(Refusal(cell, f"not in {side}"))
        elif why := incomparable(a, b, cell, cell):
            refused.append(Refusal(cell, why))
        else:
            kept.append(cell)
    return kept, refused


def _law(a: Source, b: Source) -> str:
    return incomparable(a, b, next(iter(a.cells())), next(iter(b.cells())))


def _some(source: Source) -> str:
    cells = list(source.cells())
    return "; ".join(cells[:2]) + (f" and {len(cells) - 2} more" if len(cells) > 2 else "")


def _warnings(a: Source, b: Source, found: Sequence[Difference]) -> Iterator[Remark]:
    yield Remark("not_interleaved", NOT_INTERLEAVED)
    changed = unasked(found)
    if changed:
        more = f" and {len(changed) - 4} more" if len(changed) > 4 else ""
        yield Remark(
            "confounded",
            f"CONFOUNDED: the machine is not the same ({', '.join(changed[:4])}{more}): a "
            "difference may come from that alone",
        )
    yield from side_warnings(a, b)


def side_warnings(a: Source, b: Source) -> Iterator[Remark]:
    """What stands against one of the sides by itself."""
    for name, side in (("a", a.side), ("b", b.side)):
        if side.verdict != "VALID":
            why = "; ".join(reason.message for reason in side.reasons[:3])
            yield Remark(f"{name}_{side.verdict.lower()}", f"{name} is {side.verdict}: {why}")
        if not side.evidence:
            yield Remark(f"{name}_no_evidence", f"{name} is no evidence: a check that it works")


def _drifts(found: Sequence[_Measured]) -> Iterator[Remark]:
    for side in ("a", "b"):
        values = [(f"{one.line.label} {one.line.metric}", getattr(one, side)) for one in found]
        yield from drift.warnings(side, values)


def _lines(found: Sequence[_Measured], wanted: Wanted) -> Iterator[Line]:
    """With p adjusted over all of them, and their verdicts."""
    adjusted = step_down_two(_matrix(found, "a"), _matrix(found, "b"), wanted.seed)
    for one, p in zip(found, adjusted, strict=True):
        tested = one.comparison.p_raw is not None and math.isfinite(p)
        comparison = replace(one.comparison, p_adjusted=float(p) if tested else None)
        line = replace(one.line, comparison=judge(comparison))
        yield judged_bound(line) if line.ratio_min is not None else line


@dataclass(frozen=True)
class _Measured:
    """A line before its family is known, with the logs of both sides by block."""

    line: Line
    a: Mapping[int, float]
    b: Mapping[int, float]

    @property
    def comparison(self) -> Comparison:
        return self.line.comparison


def _matrix(found: Sequence[_Measured], side: str) -> Floats:
    """Starts x lines; NaN where a line does not have the start."""
    columns: list[Mapping[int, float]] = [getattr(one, side) for one in found]
    blocks = sorted({block for column in columns for block in column})
    table = [[column.get(block, math.nan) for column in columns] for block in blocks]
    return np.array(table, dtype=np.float64).reshape(len(blocks), len(columns))


def _measured(
    a: Source, b: Source, cell_a: str, cell_b: str, metric: str, wanted: Wanted
) -> _Measured:
    first, second = by_block(a.frame, cell_a, metric), by_block(b.frame, cell_b, metric)
    sides = summarise(first.values()), summarise(second.values())
    lost = len(first) + len(second) - sides[0].n - sides[1].n
    comparison = Comparison(
        cell=cell_b,
        baseline_cell=cell_a,
        factor="run",
        value=b.side.name,
        baseline=a.side.name,
        conditions=(),
        metric=metric,
        family=FAMILY,
        floor=wanted.floor(metric),
        n=min(side.n for side in sides),
        dropped=lost,
    )
    line = Line(
        label=cell_a if cell_a == cell_b else f"{cell_a} / {cell_b}",
        cell_a=cell_a,
        cell_b=cell_b,
        metric=metric,
        a=sides[0],
        b=sides[1],
        comparison=comparison,
        n=f"{sides[0].n}+{sides[1].n}",
    )
    return _tested(line, first, second, wanted.seed)


def _tested(
    line: Line, first: Mapping[int, Reading], second: Mapping[int, Reading], seed: int
) -> _Measured:
    """With ratio, interval and raw p where the starts allow them."""
    c = line.comparison
    if line.a.largest == line.b.largest == 0:
        return _Measured(replace(line, comparison=replace(c, verdict="same")), {}, {})
    why = _no_ratio(first, second)
    if why:
        return _Measured(replace(line, comparison=replace(c, reason=why)), {}, {})
    logs_a, logs_b = _logs(first), _logs(second)
    values = [np.array(list(logs.values())) for logs in (logs_a, logs_b)]
    found = two_sample(values[0], values[1], seed=seed)
    if min(len(logs_a), len(logs_b)) < BLOCKS_MIN or found.low is None or found.high is None:
        why = f"{line.n} starts, {BLOCKS_MIN}+{BLOCKS_MIN} are needed"
        kept = replace(c, ratio=math.exp(found.difference), reason=why)
        return _Measured(replace(line, comparison=kept), {}, {})
    return _Measured(_with_numbers(line, found, _bounds("b", second)), logs_a, logs_b)


def _with_numbers(line: Line, found: TwoSample, bounds: str) -> Line:
    """The line with the test's numbers; where b has only `bounds`, with the lower end alone."""
    assert found.low is not None and found.high is not None
    low, high = math.exp(found.low), math.exp(found.high)
    c = replace(line.comparison, p_raw=found.p)
    if bounds:
        return replace(line, comparison=replace(c, reason=bounds), ratio_min=low)
    ratio = math.exp(found.difference)
    return replace(line, comparison=replace(c, ratio=ratio, low=low, high=high))


def _no_ratio(first: Mapping[int, Reading], second: Mapping[int, Reading]) -> str:
    """Why there is no ratio to speak of; '' where there is."""
    return _no_logs("a", first) or _no_logs("b", second) or _bounds("a", first)


def _no_logs(name: str, side: Mapping[int, Reading]) -> str:
    values = [reading.value for reading in side.values() if reading.value is not None]
    if not values:
        whys = sorted({reading.why for reading in side.values()})
        return f"{name}: {', '.join(whys) or 'no trial'}"
    zeros = sum(value <= 0 for value in values)
    return f"no ratio: 0 in {zeros} of {len(values)} starts of {name}" if zeros else ""


def _bounds(name: str, side: Mapping[int, Reading]) -> str:
    """Whether a side's values are but lower bounds, as words."""
    bounds = sum(reading.at_least for reading in side.values())
    return f"only a lower bound (>=) in {bounds} of {len(side)} starts of {name}" if bounds else ""


def _logs(readings: Mapping[int, Reading]) -> dict[int, float]:
    return {block: math.log(r.value) for block, r in readings.items() if r.value is not None}
