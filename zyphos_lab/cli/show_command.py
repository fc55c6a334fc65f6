"""`zyphos-lab show`: the answer of a run, again."""

from __future__ import annotations

from pathlib import Path

import click

from zyphos_lab.cli.shared import json_option, open_run, print_json, results_option

EPILOG = """\b
Examples:
  zyphos-lab show last
  zyphos-lab show tcp_nodelay --json
"""


@click.command(epilog=EPILOG)
@click.argument("run", default="last")
@results_option
@json_option
def command(run: str, results: Path, as_json: bool) -> None:
    """Show the answer of RUN: `last`, a name, an experiment's name, or a folder."""
    from zyphos_lab import report

    store = open_run(results, run)
    answer = report.show(store)
    if as_json:
        print_json(answer.as_dict())
        return
    from rich.console import Console

    report.terminal(answer, Console())
    click.echo(f"run:      {store.path}")
