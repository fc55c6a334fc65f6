"""`zyphos-lab notebook`: the notebook of a run, made and executed again."""

from __future__ import annotations

from pathlib import Path

import click

from zyphos_lab.cli.shared import open_run, results_option

EPILOG = """\b
Examples:
  zyphos-lab notebook last
"""


@click.command(epilog=EPILOG)
@click.argument("run", default="last")
@results_option
def command(run: str, results: Path) -> None:
    """Make notebook.ipynb of RUN from notebooks/ and execute it."""
    from zyphos_lab import report

    click.echo(f"notebook: {report.notebook(open_run(results, run))}")
