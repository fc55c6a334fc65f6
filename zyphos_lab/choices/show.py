"""Choices as text: lines for a terminal, Markdown, plain data. Numbers come from the answers."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from typing import Any

from zyphos_lab.choices.model import Arm, Conditions, Regime, Subject, conditions_of
from zyphos_lab.report.counters import carriers_text
from zyphos_lab.report.words import change_text, metric_words, ratio_text, varied

WIDTH = 100
NOT_MEASURED = "not measured"
HEADS = ("where", "metric", "use", "value", "ratio", "which is", "what moved with it")
RULE = (
    "Use what is better than the baseline beyond the floor, by the 95 % interval; where nothing "
    "is, the baseline or what is the same. Values are compared with the baseline, not with each "
    "other: several are named where their intervals overlap."
)


def lines(subjects: Sequence[Subject]) -> Iterator[str]:
    """For a terminal."""
    for subject in subjects:
        yield f"{subject.experiment}: {subject.question}"
        yield from _wrapped("  ", standing(subject))
        names = _names(subject)
        for regime in subject.regimes if subject.run else ():
            yield from _wrapped("  ", f"{_headed(regime, names)}: {use_text(regime)}")
            for arm in regime.arms:
                yield from _wrapped("      ", f"{arm.value}: {_told(arm)}")
        for line in remarks(subject):
            yield from _wrapped("  ", line)
        yield ""
    yield summary_text(subjects)


def markdown(subjects: Sequence[Subject], factors: Sequence[str]) -> Iterator[str]:
    """One page: a table for each experiment."""
    yield f"# When to use which: {', '.join(factors)}"
    yield ""
    yield f"Written by `zyphos-lab choose {' '.join(factors)} --format md` from the kept results."
    yield f"{RULE} {summary_text(subjects)}"
    for subject in subjects:
        yield from ("", f"## {subject.experiment}", "", subject.question, "", standing(subject))
        if subject.run:
            yield ""
            yield f"| {' | '.join(HEADS)} |"
            yield f"|{'---|' * len(HEADS)}"
            for cells in rows(subject):
                yield f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in cells)} |"
        for line in remarks(subject):
            yield from ("", line)


def rows(subject: Subject) -> Iterator[tuple[str, ...]]:
    """A row for each value under HEADS; the first three are '' where they are those above."""
    names = _names(subject)
    for regime in subject.regimes:
        head = (_where(regime.conditions, names), metric_words(regime.metric), use_text(regime))
        for arm in regime.arms:
            found = arm.comparison
            told = (ratio_text(found), change_text(found)) if found else ("-", NOT_MEASURED)
            yield (*head, arm.value, *told, why_text(arm))
            head = ("", "", "")


def use_text(regime: Regime) -> str:
    """`uring`, `epoll or level`, what is undecided beside it; `undecided` where everything is."""
    if all(arm.comparison is None for arm in regime.arms):
        return NOT_MEASURED
    if len(regime.undecided) == len(regime.arms):
        return "undecided"
    undecided = f" (undecided: {', '.join(regime.undecided)})" if regime.undecided else ""
    return " or ".join(regime.use) + undecided


def why_text(arm: Arm) -> str:
    """The counters that moved with a difference; why there is none to be told."""
    found = arm.comparison
    if found is None:
        return ""
    if arm.explained is None:
        return found.reason
    return carriers_text(arm.carries) if arm.explained else "unexplained: no counter moved with it"


def remarks(subject: Subject) -> Iterator[str]:
    """Where it reaches twice, or how near it comes; what is missing."""
    if subject.run:
        yield _reached(subject)
    missing = subject.missing()
    if missing and subject.run:
        names = _names(subject)
        which: dict[str, list[str]] = {}
        for regime, arm in missing:
            against = f"{_headed(regime, names)}, against {regime.baseline}"
            which.setdefault(against, []).append(arm.value)
        each = (f"{place} ({', '.join(values)})" for place, values in which.items())
        yield f"Missing: {'; '.join(each)}."


def _reached(subject: Subject) -> str:
    names = _names(subject)
    twice = subject.reaching()
    if twice:
        each = "; ".join(_difference(regime, arm, names) for regime, arm in twice)
        return f"Twice or more: {each}."
    largest = subject.largest()
    if largest is None:
        return "Nowhere twice: no difference was found."
    return f"Nowhere twice: the largest is {_difference(*largest, names)}."


def _difference(regime: Regime, arm: Arm, names: Sequence[str]) -> str:
    assert arm.comparison is not None
    return f"{arm.value} {change_text(arm.comparison)} at {_headed(regime, names)}"


def summary_text(subjects: Sequence[Subject]) -> str:
    """How much is answered, and what has no run."""
    regimes = [regime for subject in subjects for regime in subject.regimes]
    arms = [arm for regime in regimes for arm in regime.arms]
    count = "1 experiment" if len(subjects) == 1 else f"{len(subjects)} experiments"
    told = f"{count}, {sum(not arm.open for arm in arms)} of {len(arms)} comparisons decided"
    return f"{told}{_without_runs(subjects)}."


def _without_runs(subjects: Sequence[Subject]) -> str:
    names = [subject.file or subject.experiment for subject in subjects if not subject.run]
    return f"; no run that counts yet: {', '.join(names)}" if names else ""


def plain(subjects: Sequence[Subject]) -> list[dict[str, Any]]:
    """Safe for JSON; `use` and `undecided` of each regime beside its arms."""
    return [
        {
            **asdict(subject),
            "regimes": [
                {**asdict(regime), "use": list(regime.use), "undecided": list(regime.undecided)}
                for regime in subject.regimes
            ],
            "twice": [
                {"conditions": dict(regime.conditions), "metric": regime.metric, "value": arm.value}
                for regime, arm in subject.reaching()
            ],
        }
        for subject in subjects
    ]


def standing(subject: Subject) -> str:
    """Whose run it is, its verdict, and what the baseline is."""
    if not subject.run:
        return f"No run that counts yet: `zyphos-lab run {subject.file}`."
    baselines = " and ".join(dict.fromkeys(regime.baseline for regime in subject.regimes))
    return (
        f"{subject.verdict}, {subject.date}, run {subject.run}; {subject.factor} against "
        f"{baselines}."
    )


def _names(subject: Subject) -> list[str]:
    return varied(conditions_of(subject.regimes))


def _where(conditions: Conditions, names: Sequence[str]) -> str:
    return " ".join(f"{name}={value}" for name, value in conditions if name in names) or "all"


def _headed(regime: Regime, names: Sequence[str]) -> str:
    return f"{_where(regime.conditions, names)}, {metric_words(regime.metric)}"


def _told(arm: Arm) -> str:
    if arm.comparison is None:
        return NOT_MEASURED
    why = why_text(arm)
    told = f"{ratio_text(arm.comparison)}, {change_text(arm.comparison)}"
    return f"{told}; {why}" if why else told


def _wrapped(indent: str, text: str) -> list[str]:
    return textwrap.wrap(text, WIDTH, initial_indent=indent, subsequent_indent=indent + "    ")
