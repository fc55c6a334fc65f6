"""`zyphos-lab report`: the page of a run, made again from its records, or verified against them."""

from __future__ import annotations

from pathlib import Path

import click

from zyphos_lab.cli.shared import json_option, open_run, print_json, results_option

EPILOG = """\b
Examples:
  zyphos-lab report last
  zyphos-lab report tcp_nodelay --verify
  zyphos-lab report --index
"""


@click.command(epilog=EPILOG)
@click.argument("run", default="last")
@click.option(
    "--verify",
    is_flag=True,
    help="Write nothing: recompute every number of answer.json and report.html from the store by "
    "another way. Exit code 5 where one differs.",
)
@click.option("--index", "index_only", is_flag=True, help="Write index.html over all runs.")
@results_option
@json_option
def command(run: str, verify: bool, index_only: bool, results: Path, as_json: bool) -> None:
    """Write answer.json and report.html of RUN again, from its records."""
    if verify:
        _verify(run, results, as_json)
        return
    paths = {"index": _index(results)} if index_only else _made(run, results)
    if as_json:
        print_json({name: str(path) for name, path in paths.items()})
        return
    for name, path in paths.items():
        click.echo(f"{name + ':':10}{path}")


def _made(run: str, results: Path) -> dict[str, Path]:
    from zyphos_lab.finish import Wanted, finish

    return finish(open_run(results, run), Wanted(notebook=False, table=False))[1]


def _index(results: Path) -> Path:
    from zyphos_lab.report.index import write_index

    return write_index(results, lambda line: click.echo(f"note: {line}", err=True))


def _verify(run: str, results: Path, as_json: bool) -> None:
    from zyphos_lab import runs
    from zyphos_lab.report.verify_run import gate, lines, verify

    path = runs.find(results, run)
    check = verify(path, lambda line: click.echo(f"note: {line}", err=True))
    if as_json:
        print_json({"run": str(path), **check.as_dict()})
    else:
        for line in lines(check):
            click.echo(line)
    gate([check])
