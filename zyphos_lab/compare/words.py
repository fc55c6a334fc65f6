"""The texts of a comparison that all formats share: medians, deltas, p, summary. Only shows."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterator

from zyphos_lab.compare.model import PASS, Block, Difference, Gate, Line, Side, Table
from zyphos_lab.compare.source import SUBJECTS
from zyphos_lab.report.words import change_text, metric_words, value_text
from zyphos_lab.stats import CANNOT_TELL, SAME, Estimate, differs
from zyphos_lab.units import format_quantity

PLUS_MINUS = "\u00b1"
DIFFERENCES_MAX = 8
PASSED_MAX = 2
VALUE_MAX = 60
LEGEND = (
    "a, b: median over the starts and half the width of its 95 % interval. delta: geometric mean "
    "of b over a, ~ where no difference is shown; beside it its 95 % interval.{p} n: {unit}."
)
P = " p: {test}, adjusted over the whole table (max-T)."
TESTS = {
    True: ("sign-flip test of paired starts", "pairs"),
    False: ("permutation test of the starts", "starts of a + starts of b"),
}


def legend(table: Table, with_p: bool = True) -> str:
    """What the columns mean."""
    test, unit = TESTS[table.paired]
    return LEGEND.format(p=P.format(test=test) if with_p else "", unit=unit)


def side_text(side: Estimate, unit: str) -> str:
    """`43.9 ms +-2%`, with the sign that is one; without an interval only the median."""
    text = value_text(side, unit)
    if side.low is None or side.high is None or not side.value or side.at_least:
        return text
    share = 100 * max(side.high - side.value, side.value - side.low) / side.value
    return f"{text} {PLUS_MINUS}{share:.0f}%" if share >= 1 else f"{text} {PLUS_MINUS}{share:.1g}%"


def delta_text(line: Line) -> str:
    """`-12.3%`, or `~` where no difference is shown."""
    c = line.comparison
    if not differs(c):
        return "~"
    if c.ratio is None:
        return f">= {percent(line.ratio_min or 1.0)}"
    return percent(c.ratio)


def interval_text(line: Line) -> str:
    """`[-13.0%, -11.6%]`, of the ratio as a change; nothing where it is not known."""
    if line.ratio_range is None:
        return ""
    low, high = line.ratio_range
    return f"[{percent(low)}, {'...' if math.isinf(high) else percent(high)}]"


def percent(ratio: float) -> str:
    """A ratio as a change: `+3.2%`, `-99.89%`, `+86900%`."""
    change = 100 * (ratio - 1)
    size = abs(change)
    # What is left of a value that fell by nearly all of it is told by the decimals.
    digits = 0 if size >= 100 and change > 0 else 2 if size < 1 or size >= 99 else 1
    return f"{change:+.{digits}f}%"


def verdict_text(line: Line) -> str:
    """`1.20x slower`, `same within 1 %`, `cannot tell`."""
    c = line.comparison
    if differs(c) and c.ratio is None:
        return f"{c.verdict}, how much is not known"
    return change_text(c)


def p_text(line: Line) -> str:
    """The adjusted p; nothing where there was no test, or where it would stand alone."""
    p = line.comparison.p_adjusted
    if p is None or not interval_text(line):
        return ""
    return "<0.001" if p < 0.001 else f"{p:.3f}"


def geomean_texts(block: Block) -> tuple[str, str, str]:
    """Both means and the ratio's change; a block's last line. Nothing where there is none."""
    found = block.geomean
    if found is None:
        return "", "", ""
    a, b = format_quantity(found.a, block.unit), format_quantity(found.b, block.unit)
    return a, b, percent(found.ratio)


def title(block: Block) -> str:
    """`latency_ns_p99, lower is better`."""
    better = f", {block.better} is better" if block.better else ""
    between = block.lines[0].comparison.factor == "run" or block.b == "value"
    change = "" if between else f": {block.a} -> {block.b}"
    return f"{block.metric}{change}{better}"


def summary(table: Table) -> str:
    """One sentence: how many comparisons differ, and the largest difference in each metric."""
    lines = table.lines
    if not lines:
        return "Nothing could be compared."
    different = [line for line in lines if differs(line.comparison)]
    same = sum(line.comparison.verdict == SAME for line in lines)
    unknown = sum(line.comparison.verdict == CANNOT_TELL for line in lines)
    where = "" if table.paired else " between the runs"
    parts = [f"{len(different)} of {len(lines)} comparisons differ{where}"]
    parts += [f"{same} are the same within their floor"] if same else []
    parts += [f"{unknown} cannot be told"] if unknown else []
    return ", ".join(parts) + ". " + " ".join(_largest(different))


def _largest(different: list[Line]) -> Iterator[str]:
    """The largest difference in each metric, in words."""
    seen: dict[str, list[Line]] = {}
    for line in different:
        seen.setdefault(line.metric, []).append(line)
    for metric, lines in seen.items():
        line = max(lines, key=_size)
        most = "at most " if len(lines) > 1 else ""
        words = metric_words(metric)
        place = line.label.replace(",", ", ")
        yield f"{words[0].upper()}{words[1:]}: {most}{verdict_text(line)} ({place})."


def _size(line: Line) -> float:
    ratio = line.comparison.ratio or line.ratio_min or 1.0
    return max(ratio, 1 / ratio)


def side_line(name: str, side: Side) -> str:
    """`a: 20261121T... tcp_nodelay, VALID, 2026-11-21T...`."""
    kind = " (saved baseline)" if side.kind == "baseline" else ""
    parts = (f"{side.name}{kind}", side.experiment, side.verdict, side.created)
    return f"{name}: " + ", ".join(part for part in parts if part)


def difference_lines(table: Table) -> Iterator[tuple[str, list[str]]]:
    """Per subject what differs, the first few of it; an empty list where nothing does."""
    for subject in SUBJECTS:
        found = [one for one in table.differences if one.subject == subject]
        lines = [difference_text(one) for one in found[:DIFFERENCES_MAX]]
        if len(found) > DIFFERENCES_MAX:
            lines.append(f"and {len(found) - DIFFERENCES_MAX} more (--format json has all)")
        yield subject, lines


def difference_text(one: Difference) -> str:
    return f"{one.name}: {_short(one.a)} -> {_short(one.b)}"


def _short(value: object) -> str:
    text = value if isinstance(value, str) else json.dumps(value, default=str)
    text = "not there" if value is None else re.sub(r"\s+", " ", text)
    return text if len(text) <= VALUE_MAX else f"{text[: VALUE_MAX - 3]}..."


def undecided(table: Table) -> dict[str, list[str]]:
    """Why there is no verdict: reason -> the lines that it is true of."""
    found: dict[str, list[str]] = {}
    for line in table.lines:
        c = line.comparison
        if c.verdict == CANNOT_TELL and c.reason:
            found.setdefault(c.reason, []).append(f"{line.label} {line.metric}")
    return found


def undecided_lines(table: Table) -> list[str]:
    """The same, one line each."""
    total = len(table.lines)
    return [
        f"{places[0] if len(places) == 1 else f'{len(places)} of {total} comparisons'}: {reason}"
        for reason, places in undecided(table).items()
    ]


def gate_lines(gate: Gate) -> Iterator[str]:
    """The cells that decided a gate: those that fail it, else the undecided, else all."""
    members = [cell for cell in gate.cells if cell.outcome == gate.outcome]
    shown = members[: PASSED_MAX if gate.outcome == PASS else DIFFERENCES_MAX]
    for cell in shown:
        parts = [part for part in (cell.measured, cell.reason) if part]
        yield f"{cell.cell}: {'; '.join(parts)}"
    if len(members) > len(shown):
        yield f"and {len(members) - len(shown)} more cells"
