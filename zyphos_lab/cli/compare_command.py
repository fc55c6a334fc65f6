"""`zyphos-lab compare`: two runs, cell by cell, the difference of their machines first."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from zyphos_lab.cli.shared import json_option, open_run, print_json, results_option

if TYPE_CHECKING:
    from zyphos_lab.report.side import RunComparison

EPILOG = """\b
Examples:
  zyphos-lab compare 20261120T231500Z-1a2b last
"""


@click.command(epilog=EPILOG)
@click.argument("run_a")
@click.argument("run_b")
@results_option
@json_option
def command(run_a: str, run_b: str, results: Path, as_json: bool) -> None:
    """Hold RUN_A against RUN_B."""
    from zyphos_lab import report

    found = report.compare(open_run(results, run_a), open_run(results, run_b))
    if as_json:
        print_json(found.as_dict())
        return
    _print(found)


def _print(found: RunComparison) -> None:
    from rich.console import Console
    from rich.table import Table

    from zyphos_lab.report.words import estimate_text, significant

    console = Console()
    click.echo(f"a: {found.a}\nb: {found.b}\n{found.note}\n")
    click.echo("machines: " + ("what differs" if found.host else "nothing differs"))
    for name, (then, now) in found.host.items():
        click.echo(f"  {name}: {then} -> {now}")
    table = Table(box=None, header_style="bold", pad_edge=False, padding=(0, 2, 0, 0))
    for name in ("cell", "metric"):
        table.add_column(name, overflow="fold")
    for name in ("a", "b", "b / a"):
        table.add_column(name, justify="right", no_wrap=True)
    for row in found.rows:
        ratio = "-" if row.ratio is None else significant(row.ratio)
        texts = (estimate_text(row.a, row.unit), estimate_text(row.b, row.unit))
        table.add_row(row.cell, row.metric, *texts, ratio)
    console.print(table)
    for name, cells in (("a", found.only_a), ("b", found.only_b)):
        if cells:
            click.echo(f"only in {name}: {'; '.join(cells)}")
