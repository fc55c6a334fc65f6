"""`zyphos-lab notebook`: the notebook of a run, made and executed again."""

from __future__ import annotations

from pathlib import Path

import click

from zyphos_lab.cli.shared import json_option, open_run, print_json, results_option

EPILOG = """\b
Examples:
  zyphos-lab notebook last
"""


@click.command(epilog=EPILOG)
@click.argument("run", default="last")
@results_option
@json_option
def command(run: str, results: Path, as_json: bool) -> None:
    """Make notebook.ipynb of RUN from notebooks/ and execute it."""
    from zyphos_lab import report

    path = report.notebook(open_run(results, run))
    if as_json:
        print_json({"notebook": str(path)})
    else:
        click.echo(f"notebook: {path}")
