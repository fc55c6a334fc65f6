"""Rows of a trace on a terminal, from 60 columns up, live or once. Only shows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from rich.console import Console, Group
from rich.live import Live
from rich.table import Table
from rich.text import Text

from zyphos_lab.trace.rows import Row

# Lines of a screen that the table's own head and the line above it take.
FRAME = 4
LEAST_ROWS = 3
GAP = 2
HEADS = ("probe", "what", "now", "since start")


def table(rows: Sequence[Row], width: int, height: int | None = None) -> Table:
    """Grouped by probe. With `height` only what fits: of each probe its busiest rows."""
    shown = rows if height is None else fitting(rows, height - FRAME)
    figures = [HEADS, *((row.probe, row.name, row.now, row.total) for row in shown)]
    others = sum(max(len(figure[at]) + GAP for figure in figures) for at in (0, 2, 3))
    made = Table(box=None, pad_edge=False, padding=(0, GAP, 0, 0))
    made.add_column(HEADS[0], style="dim", no_wrap=True)
    # The names give way: a figure is worth nothing when it is cut.
    name_width = max(len(HEADS[1]), width - others - GAP)
    made.add_column(HEADS[1], no_wrap=True, overflow="ellipsis", max_width=name_width)
    made.add_column(HEADS[2], justify="right", no_wrap=True)
    made.add_column(HEADS[3], justify="right", no_wrap=True)
    before = ""
    for row in shown:
        name = elided(row.name, name_width)
        made.add_row(row.probe if row.probe != before else "", name, row.now, row.total)
        before = row.probe
    return made


def elided(name: str, width: int) -> str:
    """In the middle: a column's name ends with what it is (`_p99`, `_count`)."""
    if len(name) <= width:
        return name
    end = max(1, (width - 2) * 2 // 3)
    return name[: max(0, width - 2 - end)] + ".." + name[-end:]


def fitting(rows: Sequence[Row], count: int) -> list[Row]:
    """At most `count` rows: in turns one more of each probe, the busiest first."""
    by_probe: dict[str, list[Row]] = {}
    for row in rows:
        by_probe.setdefault(row.probe, []).append(row)
    kept: set[int] = set()
    longest = max(map(len, by_probe.values()), default=0)
    for at in range(longest):
        for part in by_probe.values():
            if at < len(part) and len(kept) < max(count, LEAST_ROWS):
                kept.add(id(part[at]))
    return [row for row in rows if id(row) in kept]


class Screen:
    """The live table; use as a context."""

    def __init__(self, console: Console, title: str) -> None:
        self._console = console
        self._title = title
        self._live = Live(console=console, auto_refresh=False, transient=True)

    def __enter__(self) -> Screen:
        self._live.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._live.stop()

    def show(self, rows: Sequence[Row], hidden: str) -> None:
        head = Text(f"{self._title}  {hidden}", style="bold", no_wrap=True, overflow="ellipsis")
        body = table(rows, self._console.width, self._console.height)
        self._live.update(Group(head, body), refresh=True)


def summary(console: Console, title: str, lines: Sequence[tuple[str, str]]) -> None:
    """The sentences of summary.py, under a title."""
    console.print(Text(title, style="bold"))
    made = Table(box=None, show_header=False, pad_edge=False, padding=(0, 2, 0, 0))
    made.add_column(no_wrap=True, style="dim")
    made.add_column(overflow="fold")
    for subject, said in lines:
        made.add_row(subject, said)
    console.print(made)


def skipped(console: Console, reasons: Mapping[str, str]) -> None:
    """One line each, those with the same reason together."""
    by_reason: dict[str, list[str]] = {}
    for name, reason in reasons.items():
        said = reason.removeprefix(f"{name}: ")
        by_reason.setdefault(said, []).append(name.removeprefix("server_"))
    for reason, names in by_reason.items():
        shown = ", ".join(names[:4]) + (f" and {len(names) - 4} more" if len(names) > 4 else "")
        console.print(Text(f"skipped: {shown}: {reason}", style="yellow"), soft_wrap=True)
