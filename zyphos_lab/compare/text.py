"""A table of comparisons on a terminal, in benchstat's manner, from 80 columns up. Only shows."""

from __future__ import annotations

from collections.abc import Iterator

from rich.console import Console
from rich.padding import Padding
from rich.table import Table as Grid
from rich.text import Text

from zyphos_lab.compare import words
from zyphos_lab.compare.model import FAIL, PASS, Block, Line, Table
from zyphos_lab.stats import differs

WIDE = 120
COLOURS = {PASS: "green", FAIL: "red"}


def terminal(table: Table, console: Console) -> None:
    """Prints what differs first, then a block per metric, the reasons, the gates."""
    for line in _head(table):
        console.print(_readable(line, console))
    for block in table.blocks:
        console.print()
        console.print(Text(words.title(block), "bold"))
        console.print(_grid(block, console))
    console.print()
    console.print(Text(words.legend(table, console.width >= WIDE), "dim"))
    _list(console, "Why no verdict", words.undecided_lines(table))
    _list(console, "Not compared", [f"{one.cell}: {one.reason}" for one in table.refused])
    _gates(table, console)


def _head(table: Table) -> Iterator[Text | Padding]:
    yield Text(table.what, "bold")
    sides = [("a", table.a), ("b", table.b)] if table.a != table.b else [("run", table.a)]
    yield from (_indented(words.side_line(name, side)) for name, side in sides)
    if not table.paired:
        for subject, lines in words.difference_lines(table):
            yield Text(f"{subject}: " + ("what differs" if lines else "nothing differs"))
            yield from (_indented(line) for line in lines)
    yield from (Text(remark.message, "yellow") for remark in table.warnings)
    yield Text(words.summary(table), "bold")


def _grid(block: Block, console: Console) -> Grid:
    """One line per cell; the verdict in words beside what a program would read.

    Where there is no room for both, the interval stands and p, which says less, does not.
    """
    wide = console.width >= WIDE
    grid = _head_of(block, wide)
    for line in block.lines:
        cells = _cells(line, block.unit, wide)
        if not wide:
            cells[0] = cells[0].replace(",", " ")  # so that it breaks there
        style = "bold" if differs(line.comparison) else "dim"
        grid.add_row(*(_readable(Text(cell), console) for cell in cells), style=style)
    if block.geomean is not None:
        a, b, delta = words.geomean_texts(block)
        cells = ["geomean", a, b, delta, *[""] * (3 if wide else 2), "not tested"]
        grid.add_row(*(Text(cell) for cell in cells), style="italic")
    return grid


def _head_of(block: Block, wide: bool) -> Grid:
    """The empty grid."""
    padding = (0, 2 if wide else 1, 0, 0)
    grid = Grid(box=None, pad_edge=False, header_style="dim", padding=padding)
    grid.add_column("cell", overflow="fold", min_width=10)
    for name in (block.a, block.b):
        grid.add_column(name, justify="right", no_wrap=True, max_width=None if wide else 22)
    for name in ("delta", "95 %", *(["p"] if wide else []), "n"):
        grid.add_column(name, justify="right", no_wrap=True)
    grid.add_column("verdict", no_wrap=wide)
    return grid


def _cells(line: Line, unit: str, wide: bool) -> list[str]:
    sides = [words.side_text(side, unit) for side in (line.a, line.b)]
    change = words.delta_text(line), words.interval_text(line)
    p = [words.p_text(line)] if wide else []
    return [line.label, *sides, *change, *p, line.n, words.verdict_text(line)]


def _gates(table: Table, console: Console) -> None:
    if table.gates:
        console.print()
    for gate in table.gates:
        text = Text(f"{gate.outcome} ", f"bold {COLOURS.get(gate.outcome, 'yellow')}")
        console.print(text.append(gate.text, ""))
        for line in words.gate_lines(gate):
            console.print(_indented(line))


def _list(console: Console, title: str, lines: list[str]) -> None:
    if lines:
        console.print()
        console.print(Text(title, "bold"))
    for line in lines:
        console.print(_indented(line))


def _indented(text: str) -> Padding:
    """Also where it goes on in another line."""
    return Padding(Text(text), (0, 0, 0, 2), expand=False)


def _readable(shown: Text | Padding, console: Console) -> Text | Padding:
    """Without a plus-minus sign where the terminal cannot show one."""
    if isinstance(shown, Text) and "utf" not in (console.encoding or "").lower():
        return Text(shown.plain.replace(words.PLUS_MINUS, "+-"), shown.style)
    return shown
