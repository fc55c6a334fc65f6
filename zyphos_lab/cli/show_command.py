"""`zyphos-lab show`: the answer of a run, again; with --packets the packets of a trial."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from zyphos_lab.cli.shared import json_option, open_run, print_json, results_option
from zyphos_lab.errors import UsageError

if TYPE_CHECKING:
    from zyphos_lab.store import Store

EPILOG = """\b
Examples:
  zyphos-lab show last
  zyphos-lab show tcp_nodelay --json
  zyphos-lab show last --packets
  zyphos-lab show last --packets 37 --connection 2 --output ladder.svg
"""
FIRST = "first"


@click.command(epilog=EPILOG)
@click.argument("run", default="last")
@click.option(
    "--packets",
    is_flag=False,
    flag_value=FIRST,
    metavar="[TRIAL]",
    help="The packets of a captured trial, as a ladder; without TRIAL the first.",
)
@click.option("--connection", type=click.IntRange(min=1), help="[the most telling]")
@click.option("--rows", type=click.IntRange(min=4), help="At most so many packets are drawn. [40]")
@click.option(
    "--output",
    type=click.Path(dir_okay=False, path_type=Path),
    help="Of the drawing (SVG). [beside the packets]",
)
@results_option
@json_option
def command(
    run: str,
    packets: str | None,
    connection: int | None,
    rows: int | None,
    output: Path | None,
    results: Path,
    as_json: bool,
) -> None:
    """Show the answer of RUN: `last`, a name, an experiment's name, or a folder."""
    store = open_run(results, run)
    if packets is not None:
        _packets(store, packets, connection, rows, output, as_json)
        return
    if any(value is not None for value in (connection, rows, output)):
        raise UsageError("--connection, --rows and --output go with --packets")
    _answer(store, as_json)


def _answer(store: Store, as_json: bool) -> None:
    from zyphos_lab import report

    answer = report.show(store)
    if as_json:
        print_json(answer.as_dict())
        return
    from rich.console import Console

    report.terminal(answer, Console())
    click.echo(f"run:      {store.path}")


def _packets(
    store: Store,
    trial: str,
    connection: int | None,
    rows: int | None,
    output: Path | None,
    as_json: bool,
) -> None:
    import shutil

    from zyphos_lab.files import write_atomically
    from zyphos_lab.packets import ladder, show, svg, text, tls

    if trial != FIRST and not trial.isdigit():
        raise UsageError(f"--packets {trial}: not the number of a trial", "write it like 37")
    found = show.captured(store, None if trial == FIRST else int(trial))
    if as_json:
        print_json(show.plain(found))
        return
    drawn = show.drawn(found, connection, rows or ladder.ROWS)
    click.echo(text.text(drawn, shutil.get_terminal_size().columns))
    beside = [*text.transitions(drawn.kernel), *text.tls_line(tls.tls_bytes(drawn.connection))]
    click.echo("\n" + "\n".join(beside))
    number = drawn.connection.number
    path = output or found.path.with_name(f"{found.trial}-{number}.svg")
    write_atomically(path, svg.svg(drawn))
    others = f" of {len(found.connections)}" if len(found.connections) > 1 else ""
    click.echo(f"\nconnection: {number}{others}\npackets:    {found.path}\npicture:    {path}")
