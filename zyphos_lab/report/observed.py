"""What the costly probes changed of each metric that is told: the mark beside every such figure.

Every measured trial of a run with costly probes runs with them, headline and all. What that did to
a metric is known from the adjacent pairs of stage `observer` (zyphos_lab/observer.py): instrumented
to plain. Where it was not measured there is None and the reason, never zero. Pure functions.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from statistics import median
from typing import Any

import numpy as np

from zyphos_lab import observer, probes
from zyphos_lab.metrics import lookup
from zyphos_lab.report.model import Answer, ExpectationResult, Observed
from zyphos_lab.stage import INSTRUMENTED, OBSERVER, PLAIN
from zyphos_lab.stats.signflip import Floats, interval

ALL = ""  # cells together
SCRIPTS = "bpftrace"


def costly(experiment: Mapping[str, Any], skipped: Mapping[str, str]) -> tuple[str, ...]:
    """The costly probes that ran: of the experiment, and not refused by the machine."""
    named = [str(name) for name in experiment.get("probes", ()) if name in probes.COSTLY]
    named += [SCRIPTS] * bool(experiment.get(SCRIPTS))
    return tuple(name for name in named if name not in skipped)


def with_observer(
    answer: Answer, experiment: Mapping[str, Any], rows: Sequence[Mapping[str, Any]]
) -> Answer:
    """The answer of a run with these rows (all stages), with what its costly probes changed."""
    on = costly(experiment, answer.skipped)
    if not on:
        return answer
    settings = (experiment.get("design") or {}).get("observer") or {}
    told = observed(told_metrics(answer), rows, settings)
    return replace(answer, probes_costly=on, observed=told)


def told_metrics(answer: Answer) -> list[str]:
    """Every metric that stands in a table or figure, and those that observer.py always looks at."""
    names = [column.name for column in answer.columns]
    names += [name for one in answer.expectations for name in metrics_measured(one)]
    names += [one.metric for one in answer.aa] + [one.metric for one in answer.lines]
    names += [f"latency_ns_{name}" for one in answer.stalls for name in one.reported_ns]
    return list(dict.fromkeys([*names, *(metric for metric, _ in observer.METRICS)]))


def metrics_measured(one: ExpectationResult) -> list[str]:
    """What an expectation measured in its cells, none where none ran: `ratio(latency_ns_p50)` is
    about `latency_ns_p50`.
    """
    names = [name for check in one.cells for name in check.measured]
    return list(dict.fromkeys(name.removeprefix("ratio(").removesuffix(")") for name in names))


def observed(
    metrics: Iterable[str], rows: Sequence[Mapping[str, Any]], settings: Mapping[str, Any]
) -> tuple[Observed, ...]:
    """All cells together for each metric, then each cell that has pairs, where there are several.

    `rows` are the run's, `settings` its `design.observer`.
    """
    found = pairs(rows)
    reason = "" if found else _unpaired(rows, settings)
    made = []
    for metric in metrics:
        made.append(_of(metric, ALL, found, reason))
        cells = list(dict.fromkeys(str(plain["cell"]) for plain, _ in found))
        if len(cells) > 1:
            made += [_of(metric, cell, _in(cell, found), reason) for cell in cells]
    return tuple(made)


Pair = tuple[Mapping[str, Any], Mapping[str, Any]]


def pairs(rows: Sequence[Mapping[str, Any]]) -> list[Pair]:
    """(plain, instrumented) rows of one cell and pair, none of them INVALID."""
    arms = {
        (str(row["cell"]), int(row["block"]), str(row["arm"])): row
        for row in rows
        if row.get("stage") == OBSERVER and row["verdict"] != "INVALID"
    }
    return [
        (row, arms[cell, block, INSTRUMENTED])
        for (cell, block, arm), row in arms.items()
        if arm == PLAIN and (cell, block, INSTRUMENTED) in arms
    ]


def _in(cell: str, found: Sequence[Pair]) -> list[Pair]:
    return [pair for pair in found if pair[0]["cell"] == cell]


def _unpaired(rows: Sequence[Mapping[str, Any]], settings: Mapping[str, Any]) -> str:
    """Why there is no pair."""
    if any(row.get("stage") == OBSERVER for row in rows):
        return "no pair of usable trials with and without the probes"
    wanted = settings.get("pairs", "auto")
    if wanted in (0, "0"):
        return "`design.observer.pairs` is 0"
    return (
        "no pairs with and without the probes: `design.observer.pairs: 8` asks for them "
        "(`auto` does where they take at most a tenth of a run that is evidence)"
    )


def _of(metric: str, cell: str, found: Sequence[Pair], reason: str) -> Observed:
    unit = _unit(metric)
    values = [
        (observer.number(one, metric), observer.number(other, metric)) for one, other in found
    ]
    whole = [(plain, full) for plain, full in values if plain is not None and full is not None]
    if not whole:
        why = reason or _unknown(metric, values)
        return Observed(metric, unit, cell, 0, None, None, None, None, None, why)
    logs = np.log([full / plain for plain, full in whole])
    low, high = _ends(logs)
    change = math.exp(float(logs.mean())) - 1
    plain, instrumented = _medians(whole) if cell or _one_cell(found) else (None, None)
    return Observed(metric, unit, cell, len(whole), change, low, high, plain, instrumented)


def _unit(metric: str) -> str:
    known = lookup(metric)
    return "" if known is None else known.unit


def _ends(logs: Floats) -> tuple[float | None, float | None]:
    """Of the change's interval; two None where there are too few pairs."""
    bounds = interval(logs)
    return (None, None) if bounds is None else (math.exp(bounds[0]) - 1, math.exp(bounds[1]) - 1)


def _one_cell(found: Sequence[Pair]) -> bool:
    return len({str(plain["cell"]) for plain, _ in found}) == 1


def _medians(whole: Sequence[tuple[float, float]]) -> tuple[float, float]:
    return median(plain for plain, _ in whole), median(full for _, full in whole)


def _unknown(metric: str, values: Sequence[tuple[float | None, float | None]]) -> str:
    if all(plain is None for plain, _ in values) and any(full for _, full in values):
        return f"{metric} comes from a costly probe: without it there is no such number"
    return f"no pair has {metric} above zero in both trials"


def mark_text(one: Observed | None) -> str:
    """`+1.3 % observer [+0.2, +2.4]`; `observer not measured`; '' where no costly probe ran."""
    if one is None:
        return ""
    if one.change is None:
        return "observer not measured"
    text = f"{percent(one.change)} % observer"
    if one.low is None or one.high is None:
        return f"{text} ({one.pairs} {'pair' if one.pairs == 1 else 'pairs'})"
    return f"{text} [{percent(one.low)}, {percent(one.high)}]"


def short_text(one: Observed | None) -> str:
    """The same without its interval."""
    return mark_text(one).partition(" [")[0].partition(" (")[0]


def percent(change: float) -> str:
    """`+1.3`: never `-0.0`."""
    return f"{round(100 * change, 1) + 0.0:+.1f}"


def together(answer: Answer) -> list[Observed]:
    """Of all cells: what is compared or shown, and what observer.py always looks at."""
    names = [column.name for column in answer.columns]
    names += [metric for metric, _ in observer.METRICS]
    found = (answer.observer(name) for name in dict.fromkeys(names))
    return [one for one in found if one is not None]


def headline(answer: Answer) -> str:
    """What stands under the answer: which probes were on, and what that did; '' without any."""
    before, told, after = parts(answer)
    return before + ", ".join(f"{one.metric} {percent_text(one)}" for one in told) + after


def parts(answer: Answer) -> tuple[str, list[Observed], str]:
    """The same, cut around what was measured."""
    if not answer.probes_costly:
        return "", [], ""
    told = together(answer)
    known = [one for one in told if one.change is not None]
    on = f"Observer: {', '.join(answer.probes_costly)} in every trial"
    if known:
        return f"{on}; beside paired trials without: ", known, ""
    return f"{on}; what that changed was not measured: {told[0].reason}", [], ""


def percent_text(one: Observed) -> str:
    """`+1.3 % [+0.2, +2.4]`."""
    return mark_text(one).replace(" observer", "")


def rows(answer: Answer) -> list[Observed]:
    """What the table of the probes' cost has: all cells together, then each that has pairs."""
    names = [one.metric for one in together(answer)]
    return [one for name in names for one in answer.observed if one.metric == name]


def reasons(answer: Answer) -> list[str]:
    """Why something is not known: `latency_ns_p99: no pair ...`, one line each reason."""
    found: dict[str, list[str]] = {}
    for one in answer.observed:
        if one.change is None and one.cell == ALL:
            found.setdefault(one.reason, []).append(one.metric)
    return [f"{', '.join(names)}: {reason}" for reason, names in found.items()]
