"""The roadmap as text: lines for a terminal, or Markdown."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator, Sequence

from zyphos_lab import roadmap
from zyphos_lab.roadmap.state import ANSWERED, OPEN, PLANNED, State

WIDTH = 100
MARKS = {ANSWERED: "x", PLANNED: "~", OPEN: " "}


def summary(states: Sequence[State]) -> dict[str, int]:
    """How many there are of each kind."""
    bars = [one for one in states if one.item.floor]
    return {
        "items": len(states),
        "answered": sum(one.state == ANSWERED for one in states),
        "planned": sum(one.state == PLANNED for one in states),
        "open": sum(one.state == OPEN for one in states),
        "bars": len(bars),
        "floors_met": sum(one.floor_met == "PASS" for one in bars),
        "goals_met": sum(one.goal_met == "PASS" for one in bars),
    }


def summary_text(states: Sequence[State]) -> str:
    told = summary(states)
    return (
        f"{told['items']} items: {told['answered']} answered by a run, {told['planned']} with an "
        f"experiment and no run yet, {told['open']} open; of {told['bars']} bars "
        f"{told['floors_met']} floors and {told['goals_met']} goals met"
    )


def lines(states: Sequence[State]) -> Iterator[str]:
    """For a terminal: `[x]` answered, `[~]` an experiment without a run, `[ ]` open."""
    titles = {group.id: group.title for group in roadmap.groups()}
    at = ""
    for one in states:
        if one.item.group != at:
            at = one.item.group
            if titles[at]:
                yield f"{at} {titles[at]}"
        yield from _wrapped(f"  [{MARKS[one.state]}] {one.item.id:14} ", _said(one))
        for told in (*_bars(one), *_found(one)):
            yield from _wrapped(" " * 21, told)
    yield summary_text(states)


def _wrapped(head: str, text: str) -> list[str]:
    return textwrap.wrap(text, WIDTH, initial_indent=head, subsequent_indent=" " * 21)


def _said(one: State) -> str:
    outcome = f" [{one.outcome}]" if one.outcome else ""
    return f"{one.item.kind}: {one.item.text}{outcome}" if not one.item.floor else "bar"


def _bars(one: State) -> Iterator[str]:
    if one.item.floor:
        yield f"floor [{one.floor_met or 'no verdict'}]: {one.item.floor}"
        if one.item.goal:
            yield f"goal [{one.goal_met or 'no verdict'}]: {one.item.goal}"


def _found(one: State) -> Iterator[str]:
    if one.result is not None:
        found = one.result
        yield f"{found.date} {found.experiment} {found.verdict}: {found.sentence} ({found.run})"
    elif one.experiments:
        yield f"no run yet of {', '.join(one.experiments)}"


def markdown(states: Sequence[State]) -> Iterator[str]:
    """One table."""
    yield summary_text(states) + "."
    yield ""
    yield "| id | what | floor | goal | experiment | last result |"
    yield "|---|---|---|---|---|---|"
    for one in states:
        result = one.result
        found = f"{result.date} {result.verdict}: {result.sentence}" if result else ""
        what = one.item.kind if one.item.floor else f"{one.item.kind}: {one.item.text}"
        bars = [
            f"{text} [{met or 'no verdict'}]" if text else ""
            for text, met in ((one.item.floor, one.floor_met), (one.item.goal, one.goal_met))
        ]
        cells = (one.item.id, what, *bars, ", ".join(one.experiments), found)
        yield f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in cells)} |"
