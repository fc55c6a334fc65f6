"""`zyphos-lab doctor`: what this machine can do, what spoils results on it, and mending that."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING

import click

from zyphos_lab.cli.shared import json_option, print_json
from zyphos_lab.errors import UsageError

if TYPE_CHECKING:
    from zyphos_lab.doctor import Check
    from zyphos_lab.doctor.mend import Change

EPILOG = """\b
Examples:
  zyphos-lab doctor
  zyphos-lab doctor --fix                 # every setting that is advised, no packages
  zyphos-lab doctor --fix governor thp    # these alone, by their ids (--json names them)
  zyphos-lab doctor --undo                # exactly as it was before the first --fix
"""


@click.command(epilog=EPILOG)
@click.argument("ids", nargs=-1, metavar="[ID...]")
@click.option("--fix", is_flag=True, help="Set what is advised; the originals are journalled.")
@click.option("--undo", is_flag=True, help="Put back every original of the journal.")
@json_option
def command(ids: tuple[str, ...], fix: bool, undo: bool, as_json: bool) -> None:
    """Say what this machine can measure, what spoils results on it, and how to mend it.

    Of each setting it says what a run has measured it to cost, or which run would. Changes nothing
    without --fix. A setting lasts until --undo or the next boot.
    """
    from zyphos_lab import doctor

    if fix and undo:
        raise UsageError("--fix and --undo exclude each other")
    if ids and not fix:
        raise UsageError("an ID says what --fix shall set", "zyphos-lab doctor --fix ID...")
    if undo:
        _tell(doctor.mend.undo(doctor.mend.journal_path()), as_json)
        return
    checks = doctor.checks()
    if fix:
        _tell(doctor.mend.fix(_chosen(checks, ids), doctor.mend.journal_path()), as_json)
    elif as_json:
        print_json(doctor.as_data(checks))
    else:
        from rich.console import Console

        doctor.render(checks, Console())


def _chosen(checks: list[Check], ids: tuple[str, ...]) -> list[Check]:
    known = {check.id: check for check in checks}
    for id in ids:
        if id not in known:
            raise UsageError(f"no check is called {id!r}", f"there are {', '.join(known)}")
        if not known[id].writes and known[id].fix:
            raise UsageError(f"{id} is no setting that --fix can write", known[id].fix)
    return [known[id] for id in ids] if ids else checks


def _tell(changes: list[Change], as_json: bool) -> None:
    """One line for each file; UsageError where one was refused."""
    if as_json:
        print_json([asdict(change) for change in changes])
    else:
        for one in changes:
            end = f"refused: {one.refused}" if one.refused else one.after
            click.echo(f"{one.file}: {one.before} -> {end}")
        if not changes:
            click.echo("nothing to change")
    if refused := [one for one in changes if one.refused]:
        hint = "settings are root's to write" if _is_user() else ""
        raise UsageError(f"{len(refused)} of {len(changes)} settings were refused", hint)


def _is_user() -> bool:
    import os

    return os.geteuid() != 0
