"""One run by one of its factors: each value against the baseline, start by start, in pairs."""

from __future__ import annotations

import difflib
import math
from collections.abc import Iterator
from dataclasses import replace

import numpy as np

from zyphos_lab.compare.between import side_warnings
from zyphos_lab.compare.blocks import Wanted, blocks_of, factor_of, judged_bound, labels_of
from zyphos_lab.compare.model import Line, Refusal, Table
from zyphos_lab.compare.source import Source, incomparable
from zyphos_lab.errors import UsageError
from zyphos_lab.report.model import Remark
from zyphos_lab.report.words import conditions_text, varied
from zyphos_lab.stats import (
    BLOCKS_MIN,
    Comparison,
    Contrast,
    Reading,
    by_block,
    compare,
    estimate,
    interval,
    label,
    sign_flip,
)


def compare_factor(
    source: Source, factor: str | None, baseline: str | None, wanted: Wanted
) -> Table:
    """Every other value of `factor` against `baseline`.

    Without a factor the first that the experiment compares, or its only one; without a baseline the
    one declared for it, or its first value. UsageError for a factor or value that it does not have.
    """
    chosen = factor or _default_factor(source)
    factor_of(source, chosen)
    base = baseline if baseline is not None else _default_baseline(source, chosen)
    values = labels_of(source, chosen)
    if base not in values:
        close = difflib.get_close_matches(base, values, n=1)
        hint = f"did you mean `{close[0]}`?" if close else f"it has {', '.join(values)}"
        raise UsageError(f"{chosen} has no value `{base}`", hint)
    if len(values) < 2:
        raise UsageError(f"{chosen} has only the value {base}: nothing to compare it with")
    lines, refused = _lines(source, chosen, base, wanted)
    return Table(
        what=f"{source.side.name} by {chosen}, baseline {base}",
        paired=True,
        a=source.side,
        b=source.side,
        warnings=tuple(_warnings(source, chosen)),
        differences=(),
        refused=tuple(refused),
        blocks=tuple(blocks_of(lines, wanted.metrics)),
    )


def _default_factor(source: Source) -> str:
    compared = [str(entry["factor"]) for entry in source.experiment.get("compare", ())]
    factors = list(source.experiment.get("factors") or {})
    if compared or len(factors) == 1:
        return (compared or factors)[0]
    has = f"--by {factors[0]}" if factors else "it has one cell: compare it with another run"
    raise UsageError(f"{source.side.name}: compare it by which factor, or with which run?", has)


def _default_baseline(source: Source, factor: str) -> str:
    for entry in source.experiment.get("compare", ()):
        if entry["factor"] == factor:
            return label(entry["baseline"])
    return next(iter(labels_of(source, factor)), "")


def _lines(
    source: Source, factor: str, baseline: str, wanted: Wanted
) -> tuple[list[Line], list[Refusal]]:
    floors = {name: wanted.floor(name) for name in wanted.metrics}
    contrasts = [
        Contrast(factor, baseline, (name,), "table", floor) for name, floor in floors.items()
    ]
    found = compare(source.frame, contrasts, wanted.seed)
    conditions = [c.conditions for c in found]
    names = varied(conditions)
    refused: dict[str, Refusal] = {}
    lines = []
    for c in found:
        why = incomparable(source, source, c.baseline_cell, c.cell)
        if why:
            refused[c.cell] = Refusal(c.cell, why)
        else:
            lines.append(_line(source, c, names, len(found)))
    order, values = list(source.cells()), labels_of(source, factor)
    lines.sort(
        key=lambda line: (
            values.index(line.comparison.value),
            order.index(line.cell_b),
        )
    )
    return lines, list(refused.values())


def _line(source: Source, c: Comparison, names: list[str], family: int) -> Line:
    line = Line(
        label=conditions_text(c, names) or f"{c.factor}={c.value}",
        cell_a=c.baseline_cell,
        cell_b=c.cell,
        metric=c.metric,
        a=estimate(source.frame, c.baseline_cell, c.metric),
        b=estimate(source.frame, c.cell, c.metric),
        comparison=c,
        n=str(c.n),
    )
    return _bounded(source, line, family) if c.ratio is None else line


def _bounded(source: Source, line: Line, family: int) -> Line:
    """What is known of a ratio to values of b that are but lower bounds: its own lower bound.

    It is no part of the family's maxT, so its p is adjusted by Bonferroni.
    """
    base = by_block(source.frame, line.cell_a, line.metric)
    arm = by_block(source.frame, line.cell_b, line.metric)
    logs = [_log(base.get(block), reading) for block, reading in arm.items()]
    known = np.array([value for value in logs if value is not None])
    if not any(reading.at_least for reading in arm.values()) or len(known) < BLOCKS_MIN:
        return line
    ends = interval(known)
    if ends is None or any(reading.at_least for reading in base.values()):
        return line
    p = sign_flip(known)
    c = replace(line.comparison, p_raw=p, p_adjusted=min(1.0, p * family), n=len(known))
    return judged_bound(replace(line, comparison=c, n=str(len(known)), ratio_min=math.exp(ends[0])))


def _log(base: Reading | None, arm: Reading) -> float | None:
    """The log ratio of a block; None where a side is missing or 0."""
    if base is None or not base.value or not arm.value:
        return None
    return math.log(arm.value / base.value)


def _warnings(source: Source, factor: str) -> Iterator[Remark]:
    """What stands against the run, once; and against the pairs, where they were not neighbours."""
    for remark in side_warnings(source, source):
        if remark.code.startswith("a_"):
            yield Remark(remark.code[2:], remark.message.replace("a is", "the run is", 1))
    compared = [str(entry["factor"]) for entry in source.experiment.get("compare", ())]
    design = source.experiment.get("design") or {}
    order = design.get("order", "adjacent_pairs")
    if order == "sequential":
        message = "sequential order: drift of the machine counts as a difference"
        yield Remark("sequential", message)
    elif compared[:1] != [factor] or order != "adjacent_pairs":
        message = (
            f"the arms of {factor} were not next to each other within a block: wider intervals"
        )
        yield Remark("not_adjacent", message)
