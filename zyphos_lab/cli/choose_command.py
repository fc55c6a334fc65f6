"""`zyphos-lab choose`: when to use which, as the kept runs say."""

from __future__ import annotations

from pathlib import Path

import click

from zyphos_lab.cli.shared import json_option, print_json, results_option
from zyphos_lab.errors import UsageError

DEFAULT = ("engine",)
EPILOG = """\b
Examples:
  zyphos-lab choose
  zyphos-lab choose engine target --format md
  zyphos-lab choose feature --json
"""


@click.command(epilog=EPILOG)
@click.argument("factors", nargs=-1)
@click.option(
    "--format", "form", type=click.Choice(["text", "md"]), default="text", show_default=True
)
@click.option(
    "--experiments",
    type=click.Path(file_okay=False, path_type=Path),
    default=Path("experiments"),
    show_default=True,
    help="Folder of the experiment files.",
)
@results_option
@json_option
def command(
    factors: tuple[str, ...], form: str, experiments: Path, results: Path, as_json: bool
) -> None:
    """When to use which: every regime in which an experiment compares values of FACTORS (default:
    `engine`), each value's ratio to the baseline, the counters that moved with it, and what to use;
    from the last run of each that counts. What is not measured yet is said.
    """
    from zyphos_lab import runs
    from zyphos_lab.choices import show, subjects

    def say(line: str) -> None:
        click.echo(f"note: {line}", err=True)

    wanted = factors or DEFAULT
    found = subjects(wanted, experiments, runs.all_runs(results), say)
    if not found:
        names = " or ".join(f"`{name}`" for name in wanted)
        raise UsageError(f"nothing compares values of {names}", "factors are named in the files")
    if as_json:
        print_json(show.plain(found))
        return
    for line in show.markdown(found, wanted) if form == "md" else show.lines(found):
        click.echo(line)
