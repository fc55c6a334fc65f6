"""A calibration on a terminal, from 60 columns up."""

from __future__ import annotations

from rich.console import Console
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from zyphos_lab.calibrate import words
from zyphos_lab.calibrate.judge import Judged, Point
from zyphos_lab.calibrate.result import Calibration

WIDE = 100


def terminal(calibration: Calibration, console: Console) -> None:
    """Prints the sentence, the tables, what the differences consist of, and remarks."""
    console.print()
    style = "bold red" if calibration.off else "bold"
    console.print(Text(words.sentence(calibration), style))
    if text := words.second(calibration):
        console.print(Text(text))
    wide = console.width >= WIDE
    for protocol in dict.fromkeys(one.protocol for one in calibration.ruling):
        console.print()
        console.print(Text(protocol, "bold"))
        console.print(_table([one for one in calibration.ruling if one.protocol == protocol], wide))
        _parts(calibration, protocol, console)
    _asleep(calibration, console)
    for remark in words.remarks(calibration):
        console.print(Padding(Text(remark, "yellow"), (0, 0, 0, 2), expand=False))
    console.print()


def _table(judged: list[Judged], wide: bool) -> Table:
    table = Table(box=None, pad_edge=False, header_style="dim", padding=(0, 2, 0, 0))
    table.add_column("the server", overflow="fold")
    table.add_column("", no_wrap=True)
    for name in ("true", "reported", "off by"):
        table.add_column(name, justify="right", no_wrap=True)
    if wide:
        table.add_column("allowed", justify="right", no_wrap=True)
    table.add_column("", no_wrap=True)
    for one in judged:
        shown = [p for p in one.points if wide or p.limit is not None]
        for number, point in enumerate(shown):
            table.add_row(*_cells(one.title if number == 0 else "", point, wide))
    return table


def _asleep(calibration: Calibration, console: Console) -> None:
    """What sleeping costs: a line for each case, where the ruler was measured both ways."""
    if text := words.asleep(calibration):
        console.print()
        console.print(Text(text))
    if not (calibration.asleep and calibration.polled):
        return
    table = Table(box=None, pad_edge=False, header_style="dim", padding=(0, 2, 0, 0))
    table.add_column("asleep", no_wrap=True)
    table.add_column("the server", overflow="fold")
    for name in words.JUDGED:
        table.add_column(words.FIGURES[name], justify="right", overflow="fold")
    table.add_column("", no_wrap=True)
    for one in calibration.asleep:
        points = {point.name: point for point in one.points}
        off_by = [words.difference_text(points[name]) for name in words.JUDGED]
        style = "yellow" if one.off else "green"
        verdict = Text(words.asleep_verdict_text(one), style)
        table.add_row(one.protocol, one.title, *off_by, verdict)
    console.print(table)


def _cells(title: str, point: Point, wide: bool) -> list[Text]:
    verdict = words.verdict_text(point)
    style = "bold red" if point.off else "green" if verdict else "dim"
    cells = [
        title,
        words.FIGURES[point.name] if wide else point.name.replace("_", "."),
        words.value_text(point, point.truth),
        words.value_text(point, point.reported),
        words.difference_text(point),
    ]
    limit = [words.limit_text(point)] if wide else []
    return [*(Text(cell) for cell in [*cells, *limit]), Text(verdict, style)]


def _parts(calibration: Calibration, protocol: str, console: Console) -> None:
    """Of the first constant delay: it has nothing else in it."""
    for one in calibration.ruling:
        if one.protocol == protocol and one.parts_ns:
            text = f"the median's difference ({one.title}): {words.parts_text(one)}"
            console.print(Padding(Text(text, "dim"), (0, 0, 0, 2), expand=False))
            return
