"""The matrix on a terminal, narrow or wide: totals first, then what is not the same for all."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import get_args

from rich.console import Console, RenderableType
from rich.table import Table
from rich.text import Text

from zyphos_lab.smuggle.matrix import Matrix, Pair, counted, found_hidden
from zyphos_lab.smuggle.pairs import Verdict
from zyphos_lab.smuggle.technique import CONTROL, Technique

LEGEND = (
    "1: read as one request (2: two); S: the request hidden in it was read as one; 400: refused; "
    "wait: more is waited for; |: closed; -: nothing came there; !!: smuggled, or a victim was hit"
)
GAP = 3


def shown(console: Console, matrix: Matrix, full: bool) -> None:
    """Prints it. `full`: also the techniques that everyone takes alike."""
    for table in _totals(matrix):
        console.print(table)
    rows = [one for one in matrix.techniques if full or _telling(one, matrix)]
    for part in _matrices(rows, matrix, console.width):
        console.print(part)
    if not full and len(rows) < len(matrix.techniques):
        alike = len(matrix.techniques) - len(rows)
        console.print(f"{alike} techniques that all take alike are left out (--full has them)")
    for name, why in matrix.missing.items():
        console.print(f"skipped {name}: {why}", style="yellow", markup=False)
    for name in matrix.broken():
        console.print(f"{name} does not read what every reader has to: judge nothing by it")
    console.print(verdict(matrix), style="bold", markup=False)


def verdict(matrix: Matrix) -> str:
    """One sentence: what succeeded."""
    attacks = len(matrix.attacks())
    real = [pair for pair in matrix.passings if not pair.is_model]
    found = matrix.exploited()
    if not real:
        return f"{attacks} techniques to {len(matrix.readings)} servers"
    pairs = "1 pair" if len(real) == 1 else f"{len(real)} pairs"
    said = f"{attacks} techniques through {pairs}: "
    control = len(matrix.exploited(models=True))
    behind = f"; {control} through the control, which is made to fail" if control else ""
    if not found:
        return f"{said}none succeeded{behind}"
    names = ", ".join(f"{one.name} ({pair.name})" for pair, one in found)
    return f"{said}{len(found)} succeeded: {names}{behind}"


def _totals(matrix: Matrix) -> Iterator[Table]:
    if matrix.readings:
        table = _table("server", ["refused", "took", "found hidden", "waits"])
        table.caption = "took: of what a strict reader refuses"
        for name in matrix.readings:
            table.add_row(name, *map(str, _total(name, matrix)))
        yield table
    if matrix.passings:
        verdicts = get_args(Verdict)
        table = _table("front end > server", [one.replace("_", " ") for one in verdicts])
        for pair, passings in matrix.passings.items():
            counts = counted(passings.values())
            table.add_row(pair.name, *(str(counts[one] or "") for one in verdicts))
        yield table


def _total(server: str, matrix: Matrix) -> tuple[int, int, int, int]:
    attacks = [matrix.readings[server][one.name] for one in matrix.attacks()]
    return (
        sum(one.refused for one in attacks),
        len(matrix.takes(server)),
        sum(found_hidden(one) for one in attacks),
        sum(one.end == "open" for one in attacks),
    )


def _table(first: str, others: Sequence[str]) -> Table:
    table = Table(box=None, pad_edge=False, padding=(0, GAP - 1, 0, 0), caption_justify="left")
    table.add_column(first, no_wrap=True)
    for name in others:
        table.add_column(name, justify="right", overflow="fold")
    return table


def _telling(one: Technique, matrix: Matrix) -> bool:
    """Whether somebody takes it otherwise than the others, or it succeeded."""
    signs = {found[one.name].sign() for found in matrix.readings.values()}
    refused = {found[one.name].refused for found in matrix.readings.values()}
    through = [found for pair, found in matrix.passings.items() if not pair.is_model]
    if any(found[one.name].exploitable for found in through):
        return True
    return one.kind != CONTROL and (len(refused) > 1 or (refused == {False} and len(signs) > 1))


def _matrices(rows: Sequence[Technique], matrix: Matrix, width: int) -> Iterator[RenderableType]:
    """As many tables as it takes for all columns to fit, and what their signs mean."""
    if not rows:
        return
    first = max(len(one.name) for one in rows) + GAP
    columns: list[str | Pair] = [*matrix.readings]
    columns += [pair for pair in matrix.passings if not pair.is_model]
    while columns:
        used, count = first, 0
        while count < len(columns):
            used += _width(columns[count], rows, matrix) + GAP
            if used > width and count:
                break
            count += 1
        yield ""
        yield _matrix(rows, columns[:count], matrix)
        columns = columns[count:]
    yield Text(LEGEND, style="dim")


def _matrix(rows: Sequence[Technique], columns: Sequence[str | Pair], matrix: Matrix) -> Table:
    table = Table(box=None, pad_edge=False, padding=(0, GAP - 1, 0, 0))
    table.add_column("technique", no_wrap=True)
    for column in columns:
        table.add_column("\n".join(_head(column)), no_wrap=True)
    for one in rows:
        table.add_row(one.name, *(cell(one, column, matrix) for column in columns))
    return table


def _head(column: str | Pair) -> list[str]:
    """A pair's name takes two lines."""
    return [f"{column.front} >", column.back] if isinstance(column, Pair) else [column]


def _width(column: str | Pair, rows: Sequence[Technique], matrix: Matrix) -> int:
    texts = [*_head(column), *(cell(one, column, matrix) for one in rows)]
    return max(map(len, texts))


def cell(one: Technique, column: str | Pair, matrix: Matrix) -> str:
    """What stands in the matrix; "" where it was not tried."""
    if isinstance(column, str):
        return matrix.readings[column][one.name].sign()
    passing = matrix.passings[column].get(one.name)
    if passing is None:
        return ""
    return f"{passing.sign()} !!" if passing.exploitable else passing.sign()
