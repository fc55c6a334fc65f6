"""Options that several commands take, and how they find runs."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from zyphos_lab.errors import Interrupted, SpecError, UsageError

if TYPE_CHECKING:
    from zyphos_lab.runner import Running
    from zyphos_lab.store import Store

RESULTS = "results"
T = TypeVar("T")

results_option = click.option(
    "--results",
    type=click.Path(file_okay=False, path_type=Path),
    default=Path(RESULTS),
    show_default=True,
    help="Folder of all runs.",
)
json_option = click.option(
    "--json", "as_json", is_flag=True, help="Print JSON on stdout instead of text."
)


def open_run(results: Path, name: str) -> Store:
    """The run that someone named on the command line."""
    from zyphos_lab import runs
    from zyphos_lab.store import Store

    return Store.open(runs.find(results, name))


def executed(running: Running, as_json: bool) -> Store:
    """The run's trials, all of them: its store. What was noted on its plan is said first.

    Interrupted says how to go on. `as_json`: progress as events on stdout.
    """
    from zyphos_lab import orphans, progress, runner

    for note in running.plan.notes:
        click.echo(f"note: {note.message}", err=True)
    try:
        with orphans.adopted():
            return runner.execute(running, progress.make(as_json))
    except Interrupted as stop:
        again = f"zyphos-lab run --resume {running.store.path}"
        raise Interrupted(f"{stop}; go on with `{again}`", stop.signum) from stop


def print_json(value: Any) -> None:
    """The one JSON document of a command."""
    import json

    click.echo(json.dumps(value, indent=1, default=str))
    _Printed.document = True


class _Printed:
    document = False


def begin_output() -> None:
    """No document was printed yet."""
    _Printed.document = False


def print_json_error(error: BaseException, message: str, exit_code: int) -> None:
    """What went wrong, on stdout as well, where no document says it already (`--json`)."""
    import json

    if _Printed.document:
        return
    event: dict[str, Any] = {"event": "error", "exit_code": exit_code, "message": message}
    if isinstance(error, SpecError):
        names = ("file", "line", "column", "message", "hint")
        event["complaints"] = [
            {name: getattr(complaint, name) for name in names} for complaint in error.complaints
        ]
    click.echo(json.dumps(event))


def parsed(option: str, text: str, parse: Callable[[str], T]) -> T:
    """The value of an option, whose name is put before what `parse` says against it."""
    try:
        return parse(text)
    except UsageError as error:
        raise UsageError(f"{option}: {error.message}", error.hint) from None


def cpus(text: str) -> list[int]:
    """Processors from `0,1`; UsageError where it is no such list, or this machine lacks one."""
    from zyphos_lab import proc

    try:
        wanted = [int(part) for part in text.split(",")] if text else []
    except ValueError:
        raise UsageError(f"--cpus {text}: not a list of processors", "write it like 0,1") from None
    online = sorted(proc.cpus_online())
    missing = sorted(set(wanted) - set(online))
    if missing:
        has = ", ".join(map(str, online))
        raise UsageError(f"--cpus: there is no cpu {missing[0]}: this machine has {has}")
    return wanted
