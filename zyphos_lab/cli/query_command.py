"""`zyphos-lab query`: SQL over all runs."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from zyphos_lab.cli.shared import results_option
from zyphos_lab.errors import UsageError

if TYPE_CHECKING:
    from zyphos_lab.query.session import Session

EPILOG = """\b
Examples:
  zyphos-lab query "SELECT experiment, run, verdict, sentence FROM answers"
  zyphos-lab query "SELECT cell, median(latency_ns_p99) FROM trials GROUP BY cell" --run last
  zyphos-lab query "SELECT cell, metric, ratio, low, high FROM contrasts WHERE verdict = 'faster'"
  zyphos-lab query "SELECT run, code, message FROM events WHERE event = 'note'" --format md
  zyphos-lab query --schema contrasts
"""


@click.command(epilog=EPILOG)
@click.argument("sql", required=False)
@click.option("--run", "names", multiple=True, metavar="RUN", help="Only this run. Repeatable.")
@click.option(
    "--format",
    "form",
    type=click.Choice(["table", "csv", "json", "md"]),
    default="table",
    show_default=True,
    help="How the rows are printed.",
)
@click.option("--json", "as_json", is_flag=True, help="The same as --format json.")
@click.option("--schema", is_flag=True, help="List the views, or the columns of view SQL.")
@results_option
def command(
    sql: str | None, names: tuple[str, ...], form: str, as_json: bool, schema: bool, results: Path
) -> None:
    """Ask all runs by SQL (DuckDB's): views trials, histograms, runs, answers, contrasts,
    estimates, expectations, events. Runs are only read.
    """
    from zyphos_lab import runs
    from zyphos_lab.query.session import Session
    from zyphos_lab.query.show import render

    if sql is None and not schema:
        raise UsageError("which question?", "zyphos-lab query 'SELECT * FROM runs'")
    chosen = [runs.find(results, name) for name in names] or runs.all_runs(results)
    with Session(chosen, lambda line: click.echo(f"note: {line}", err=True)) as session:
        columns, rows = _schema(session, sql) if schema else session.ask(str(sql))
    click.echo(render("json" if as_json else form, columns, rows))


def _schema(session: Session, view: str | None) -> tuple[list[str], list[tuple[Any, ...]]]:
    from zyphos_lab.query.describe import describe

    return ["view", "column", "type", "unit", "text"], describe(session, view)
