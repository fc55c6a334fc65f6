"""What both ways of comparing share: what is asked for, and lines arranged metric by metric."""

from __future__ import annotations

import difflib
import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from zyphos_lab.compare.model import Block, Geomean, Line
from zyphos_lab.compare.source import Source
from zyphos_lab.errors import UsageError
from zyphos_lab.metrics import canonical, lookup, suggest
from zyphos_lab.stats import direction, label
from zyphos_lab.stats.signflip import ALPHA
from zyphos_lab.units import parse_fraction

FLOOR_MIN = 0.01


@dataclass(frozen=True)
class Wanted:
    """`metrics` by their full names; `floors` of those that have their own; seed of all dice."""

    metrics: tuple[str, ...]
    floors: Mapping[str, float]
    seed: int

    def floor(self, metric: str) -> float:
        """The practical floor: differences within it count as none."""
        return max(FLOOR_MIN, self.floors.get(metric, FLOOR_MIN))


def wanted_of(
    sources: Sequence[Source],
    metrics: Sequence[str] = (),
    also: Sequence[str] = (),
    floor: float | None = None,
) -> Wanted:
    """What to compare: `metrics`, else those that the experiments compare; `also` what gates need.

    The floor is the one given, else the largest that an experiment declares for the metric.
    """
    from zyphos_lab.report.build import shown_metrics

    chosen = [metric_name(name) for name in metrics]
    if not chosen:
        chosen = [name for source in sources for name in shown_metrics(source.experiment)]
    names = tuple(dict.fromkeys([*chosen, *also]))
    if floor is not None:
        return Wanted(names, dict.fromkeys(names, floor), sources[0].seed)
    floors: dict[str, float] = {}
    for source in sources:
        for entry in source.experiment.get("compare", ()):
            declared = parse_fraction(str(entry.get("floor", "1%")))
            for name in entry["metrics"]:
                floors[name] = max(declared, floors.get(name, 0.0))
    return Wanted(names, floors, sources[0].seed)


def metric_name(text: str) -> str:
    """The full name of a metric or of what is short for one; UsageError when it is none."""
    found = lookup(canonical(text))
    if found is None:
        close = suggest(text)
        hint = f"did you mean `{close}`?" if close else "docs/experiment.md lists the metrics"
        raise UsageError(f"unknown metric `{text}`", hint)
    if found.unit == "text":
        raise UsageError(f"`{text}` is text and cannot be compared")
    return found.name


def blocks_of(lines: Iterable[Line], metrics: Sequence[str]) -> Iterator[Block]:
    """One block per metric and pair of sides, in the order of `metrics`.

    Values of a factor without further conditions share a block: a line each.
    """
    groups: dict[tuple[int, str, str], list[Line]] = {}
    for line in lines:
        c = line.comparison
        value = "" if line.label == f"{c.factor}={c.value}" else c.value
        groups.setdefault((metrics.index(line.metric), c.baseline, value), []).append(line)
    for (place, a, b), members in sorted(groups.items(), key=lambda item: item[0][0]):
        yield _block(metrics[place], a, b, members)


def _block(name: str, a: str, b: str, lines: Sequence[Line]) -> Block:
    """`b` is empty where the lines are of several values, each in its label."""
    metric = lookup(name)
    between_runs = lines[0].comparison.factor == "run"
    only = lines[0].comparison.value if len(lines) == 1 else "value"
    return Block(
        metric=name,
        unit=metric.unit if metric else "",
        better=metric.better if metric else "",
        text=metric.text if metric else "",
        a="a" if between_runs else a,
        b="b" if between_runs else b or only,
        lines=tuple(lines),
        geomean=_geomean(lines) if b else None,
    )


def judged_bound(line: Line) -> Line:
    """A ratio that is only known from below can show that b is more, and nothing else."""
    c, low = line.comparison, line.ratio_min or 0.0
    if low <= 1 + c.floor or c.p_adjusted is None or c.p_adjusted > ALPHA:
        return line
    verdict = direction(c.metric, falls=False)
    return replace(line, comparison=replace(c, verdict=verdict))


def _geomean(lines: Sequence[Line]) -> Geomean | None:
    """Of the lines that have both medians and a ratio; None for fewer than two."""
    logs = [found for found in map(_logs, lines) if found]
    if len(logs) < 2:
        return None
    a, b, ratio = (math.exp(sum(column) / len(logs)) for column in zip(*logs, strict=True))
    return Geomean(a, b, ratio, len(logs))


def _logs(line: Line) -> list[float]:
    """Of both medians and the ratio; nothing where one is missing, 0, or but a bound."""
    values = (line.a.value, line.b.value, line.comparison.ratio)
    if line.a.at_least or line.b.at_least or not all(values):
        return []
    return [math.log(value) for value in values if value]


def factor_of(source: Source, name: str) -> Mapping[str, Any]:
    """The declared factor called `name`; UsageError when there is none."""
    factors: Mapping[str, Any] = source.experiment.get("factors") or {}
    known = list(factors) or list(next(iter(source.cells().values()), {}))
    if name not in known:
        close = difflib.get_close_matches(name, known, n=1)
        has = f"its factors are {', '.join(known)}" if known else "it has no factor"
        hint = f"did you mean `{close[0]}`?" if close else has
        raise UsageError(f"{source.side.name} has no factor `{name}`", hint)
    found: Mapping[str, Any] = factors.get(name) or {"values": []}
    return found


def labels_of(source: Source, factor: str) -> list[str]:
    """The values of a factor that ran, in the order of the file."""
    declared = [label(value) for value in factor_of(source, factor).get("values", ())]
    ran = {labels[factor] for labels in source.cells().values() if factor in labels}
    return [value for value in declared if value in ran] or sorted(ran)
