"""`zyphos-lab roadmap`: the whole subject, and how far the lab is."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from zyphos_lab.cli.shared import json_option, print_json, results_option
from zyphos_lab.errors import UsageError

if TYPE_CHECKING:
    from zyphos_lab.roadmap.state import State

EPILOG = """\b
Examples:
  zyphos-lab roadmap m01
  zyphos-lab roadmap --answered
  zyphos-lab roadmap m02 f07 --open
  zyphos-lab roadmap --format md
"""


@click.command(epilog=EPILOG)
@click.argument("ids", nargs=-1)
@click.option("--open", "open_only", is_flag=True, help="Only what no run answers yet.")
@click.option("--answered", "answered_only", is_flag=True, help="Only what a run answers.")
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
    ids: tuple[str, ...],
    open_only: bool,
    answered_only: bool,
    form: str,
    experiments: Path,
    results: Path,
    as_json: bool,
) -> None:
    """The whole subject item by item: which experiment answers it, what its last run found, and
    whether floor and goal of a bar are met. IDS: only these (`m01`, `m01.explore`, `f07`).
    """
    from zyphos_lab import runs
    from zyphos_lab.roadmap import show
    from zyphos_lab.roadmap.state import states

    def say(line: str) -> None:
        click.echo(f"note: {line}", err=True)

    found = _chosen(states(experiments, runs.all_runs(results), say), ids)
    if open_only != answered_only:
        found = [one for one in found if (one.state == "answered") == answered_only]
    if as_json:
        items = [one.as_dict() for one in found]
        print_json({"summary": show.summary(found), "items": items})
        return
    for line in show.markdown(found) if form == "md" else show.lines(found):
        click.echo(line)


def _chosen(found: Sequence[State], ids: Sequence[str]) -> list[State]:
    """Those whose id is one of `ids`, or begins with one and a dot."""
    from zyphos_lab import roadmap

    wanted = [roadmap.short(name) for name in ids]
    for name in wanted:
        if not any(_within(one, name) for one in found):
            raise UsageError(f"`{name}` is not on the roadmap", roadmap.hint(name))
    return [one for one in found if not wanted or any(_within(one, name) for name in wanted)]


def _within(one: State, name: str) -> bool:
    return f"{one.item.id}.".startswith(f"{name}.")
