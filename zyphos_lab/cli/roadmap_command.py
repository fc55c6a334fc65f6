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
  zyphos-lab roadmap m03 --tested
  zyphos-lab roadmap m02 f07 --open
  zyphos-lab roadmap --format md
"""


@click.command(epilog=EPILOG)
@click.argument("ids", nargs=-1)
@click.option(
    "--open", "open_only", is_flag=True, help="Only what no run answers and no test shows yet."
)
@click.option("--answered", "answered_only", is_flag=True, help="Only what a run answers.")
@click.option("--tested", "tested_only", is_flag=True, help="Only what tests alone show.")
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
@click.option(
    "--tests",
    type=click.Path(file_okay=False, path_type=Path),
    multiple=True,
    default=("tests", "cpp"),
    show_default=True,
    help="Folders of the tests that say what they show.",
)
@results_option
@json_option
def command(
    ids: tuple[str, ...],
    open_only: bool,
    answered_only: bool,
    tested_only: bool,
    form: str,
    experiments: Path,
    tests: tuple[Path, ...],
    results: Path,
    as_json: bool,
) -> None:
    """The whole subject item by item: which experiment answers it, what its last run found,
    whether floor and goal of a bar are met, and which tests show it. IDS: only these (`m01`,
    `m01.explore`, `f07`).
    """
    from zyphos_lab import runs
    from zyphos_lab.roadmap import claims, show
    from zyphos_lab.roadmap.state import states

    def say(line: str) -> None:
        click.echo(f"note: {line}", err=True)

    shown = claims.by_id(tests, say)
    found = _chosen(states(experiments, runs.all_runs(results), say, shown), ids)
    kept = _states(open_only, answered_only, tested_only)
    found = [one for one in found if one.state in kept]
    if as_json:
        items = [one.as_dict() for one in found]
        print_json({"summary": show.summary(found), "items": items})
        return
    for line in show.markdown(found) if form == "md" else show.lines(found):
        click.echo(line)


def _states(open_only: bool, answered_only: bool, tested_only: bool) -> set[str]:
    """The states that are asked for; all of them where none is."""
    from zyphos_lab.roadmap.state import ANSWERED, OPEN, PLANNED, TESTED

    groups = ((open_only, {OPEN, PLANNED}), (answered_only, {ANSWERED}), (tested_only, {TESTED}))
    asked = [states for wanted, states in groups if wanted]
    return set().union(*asked) or {OPEN, PLANNED, ANSWERED, TESTED}


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
