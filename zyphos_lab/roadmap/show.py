"""The roadmap as text: lines for a terminal, or Markdown."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator, Sequence

from zyphos_lab import roadmap
from zyphos_lab.roadmap.state import ANSWERED, OPEN, PLANNED, TESTED, State

WIDTH = 100
MARKS = {ANSWERED: "x", TESTED: "t", PLANNED: "~", OPEN: " "}


def summary(states: Sequence[State]) -> dict[str, int]:
    """How many there are of each kind."""
    bars = [one for one in states if one.item.floor]
    return {
        "items": len(states),
        "answered": sum(one.state == ANSWERED for one in states),
        "tested": sum(one.state == TESTED for one in states),
        "planned": sum(one.state == PLANNED for one in states),
        "open": sum(one.state == OPEN for one in states),
        "bars": len(bars),
        "floors_met": sum(one.floor_met == "PASS" for one in bars),
        "goals_met": sum(one.goal_met == "PASS" for one in bars),
    }


def summary_text(states: Sequence[State]) -> str:
    told = summary(states)
    return (
        f"{told['items']} items: {told['answered']} answered by a run, {told['tested']} shown by "
        f"tests, {told['planned']} with an experiment and no run yet, {told['open']} open; "
        f"of {told['bars']} bars {told['floors_met']} floors and {told['goals_met']} goals met"
    )


def lines(states: Sequence[State]) -> Iterator[str]:
    """For a terminal: `[x]` answered by a run, `[t]` shown by tests alone, `[~]` an experiment
    without a run, `[ ]` open."""
    titles = {group.id: group.title for group in roadmap.groups()}
    at = ""
    for one in states:
        if one.item.group != at:
            at = one.item.group
            if titles[at]:
                yield f"{at} {titles[at]}"
        yield from _wrapped(f"  [{MARKS[one.state]}] {one.item.id:14} ", _said(one))
        for told in (*_bars(one), *_found(one), *_shown(one)):
            yield from _wrapped(" " * 21, told)
    yield summary_text(states)


def _wrapped(head: str, text: str) -> list[str]:
    return textwrap.wrap(
        text, WIDTH, initial_indent=head, subsequent_indent=" " * 21, break_long_words=False
    )


def _said(one: State) -> str:
    outcome = f" [{one.outcome}]" if one.outcome else ""
    return f"{one.item.kind}: {one.item.text}{outcome}" if not one.item.floor else "bar"


def _bars(one: State) -> Iterator[str]:
    if one.item.floor:
        yield f"floor [{_met(one, 'floor')}]: {one.item.floor}"
        if one.item.goal:
            yield f"goal [{_met(one, 'goal')}]: {one.item.goal}"


def _met(one: State, bar: str) -> str:
    """What an expectation says of a bar; where none does, whether a test shows it."""
    met = one.floor_met if bar == "floor" else one.goal_met
    return met or ("test" if f"{one.item.id}.{bar}" in one.tests else "no verdict")


def _found(one: State) -> Iterator[str]:
    if one.result is not None:
        found = one.result
        yield f"{found.date} {found.experiment} {found.verdict}: {found.sentence} ({found.run})"
    elif one.experiments:
        yield f"no run yet of {', '.join(one.experiments)}"


def _shown(one: State) -> Iterator[str]:
    """The tests, one a line; those of a bar with what they show of it."""
    bars: dict[str, list[str]] = {}
    for name, tests in one.tests.items():
        for test in tests:
            bars.setdefault(test, []).extend([name.rpartition(".")[2]] * (name != one.item.id))
    for test, shown in bars.items():
        yield f"shown by {test} ({', '.join(shown)})" if shown else f"shown by {test}"


def markdown(states: Sequence[State]) -> Iterator[str]:
    """One table."""
    yield summary_text(states) + "."
    yield ""
    yield "| id | what | floor | goal | experiment | last result | tests |"
    yield "|---|---|---|---|---|---|---|"
    for one in states:
        result = one.result
        found = f"{result.date} {result.verdict}: {result.sentence}" if result else ""
        what = one.item.kind if one.item.floor else f"{one.item.kind}: {one.item.text}"
        bars = [
            f"{text} [{_met(one, bar)}]" if text else ""
            for text, bar in ((one.item.floor, "floor"), (one.item.goal, "goal"))
        ]
        tests = dict.fromkeys(test for shown in one.tests.values() for test in shown)
        cells = (one.item.id, what, *bars, ", ".join(one.experiments), found, ", ".join(tests))
        yield f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in cells)} |"
