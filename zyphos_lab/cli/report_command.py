"""`zyphos-lab report`: the page of a run, made again from its records."""

from __future__ import annotations

from pathlib import Path

import click

from zyphos_lab.cli.shared import open_run, results_option

EPILOG = """\b
Examples:
  zyphos-lab report last
"""


@click.command(epilog=EPILOG)
@click.argument("run", default="last")
@results_option
def command(run: str, results: Path) -> None:
    """Write answer.json and report.html of RUN again, from its records."""
    from zyphos_lab.finish import Wanted, finish

    _, paths = finish(open_run(results, run), Wanted(notebook=False, table=False))
    for name, path in paths.items():
        click.echo(f"{name + ':':10}{path}")
