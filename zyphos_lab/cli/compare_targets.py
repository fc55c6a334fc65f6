"""`zyphos-lab compare --target A --target B`: programs compared without an experiment file."""

from __future__ import annotations

import shlex
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from zyphos_lab.cli.compare_urls import expanded
from zyphos_lab.cli.shared import cpus, executed, parsed
from zyphos_lab.errors import UsageError

if TYPE_CHECKING:
    from zyphos_lab.spec import Experiment
    from zyphos_lab.store import Store

OPTIONS = (
    click.option("--target", "targets", multiple=True, metavar="COMMAND",
                 help="A server: a command, engine:NAME, reference:, or attach:PORT,pid=PID."
                 " The first is the baseline. Repeatable."),
    click.option("--url", "urls", multiple=True, metavar="URL",
                 help="In place of --target: a server that runs already,"
                 " http://127.0.0.1:PORT/path. Repeatable."),
    click.option("--name", "names", multiple=True, help="Name of each --target, in its order."),
    click.option("--load", multiple=True, metavar="'KEY=VALUE ...'",
                 help="What is sent, as in an experiment's load: 'connections=64 rate=1000/s'."),
    click.option("--starts", type=click.IntRange(min=1), help="Starts of each target. [8]"),
    click.option("--window", help="Measured in each start. [1s]"),
    click.option("--warmup", help="Load before it, not measured. [200ms]"),
    click.option("--until", metavar="STATEMENT",
                 help="As many starts as 'ci(p99) < 3%' takes, in place of --starts."),
    click.option("--budget", metavar="TIME", help="No more starts than fit, such as 10min."),
    click.option("--force", is_flag=True, default=None,
                 help="Run also what arithmetic forbids to conclude from."),
    click.option("--port", type=click.IntRange(1, 65535),
                 help="Where targets listen that have no {port}."),
    click.option("--ready", metavar="HOW", help="tcp, http:/path or log:REGEX. [tcp]"),
    click.option("--file", "files", multiple=True, type=click.Path(path_type=Path), metavar="FILE",
                 help="Copied to {dir}/FILE with {port} and {dir} filled in. Repeatable."),
    click.option("--cpus", help="Processors of the targets, like 0,1; the load has another."),
    click.option("--seed", type=click.IntRange(min=0), help="Of order and schedules."),
)  # fmt: skip
NAMES = ("targets", "urls", "names", "load", "starts", "window", "warmup", "until", "budget",
         "force", "port", "ready", "files", "cpus", "seed")  # fmt: skip


def options(function: Callable[..., Any]) -> Callable[..., Any]:
    """All of these options on a command."""
    for option in reversed(OPTIONS):
        function = option(function)
    return function


def taken(given: dict[str, Any]) -> dict[str, Any]:
    """What was given of these options, taken out of `given`."""
    found = expanded({name: given.pop(name) for name in NAMES})
    if not found["targets"]:
        lost = next((name for name, value in found.items() if value not in (None, ())), None)
        if lost is not None:
            option = {"names": "name", "files": "file"}.get(lost, lost)
            raise UsageError(f"--{option} is about --target, and there is none")
    return {name: value for name, value in found.items() if value not in (None, ())}


def measured(
    given: dict[str, Any],
    metrics: tuple[str, ...],
    floor: float | None,
    results: Path,
    table: bool,
    conclusive: bool,
) -> Store:
    """Runs what the options say and finishes the run as `zyphos-lab run` does.

    `table`: whether its own answer is printed. `conclusive`: whether it must be able to conclude.
    """
    from zyphos_lab import finish, runner
    from zyphos_lab.compare import adhoc

    seed, forced = given.pop("seed", None), bool(given.pop("force", False))
    experiment = adhoc.experiment(_programs(given, metrics, floor))
    if not forced:
        _refuse(experiment, conclusive)
    running = runner.begin(experiment, results, seed, forced)
    # What is typed again to have it again: there is no file.
    running.store.manifest["command"] = shlex.join(["zyphos-lab", *sys.argv[1:]])
    store = executed(running, as_json=False)
    _, paths = finish.finish(store, finish.Wanted(notebook=False, table=table))
    for name, path in {**paths, "run": store.path}.items():
        click.echo(f"{name + ':':10}{path}", err=True)
    return store


def _refuse(experiment: Experiment, conclusive: bool) -> None:
    """UsageError where arithmetic forbids what is asked for."""
    from zyphos_lab import plan

    notes = plan.make(experiment).notes
    wrong = [n for n in notes if n.refuses or (conclusive and n.code == "too_few_starts")]
    if wrong:
        hint = "a longer --window, another --load or more --starts; --force runs it all the same"
        raise UsageError(f"refused: {wrong[0].message}", hint)


def _programs(given: dict[str, Any], metrics: tuple[str, ...], floor: float | None) -> Any:
    from zyphos_lab.compare.adhoc import Programs
    from zyphos_lab.compare.blocks import metric_name
    from zyphos_lab.units import parse_duration

    for name in ("window", "warmup"):
        if name in given:
            parsed(f"--{name}", given[name], parse_duration)
    chosen = dict(given)
    if "cpus" in chosen:
        chosen["cpus"] = tuple(cpus(chosen["cpus"]))
    if metrics:
        chosen["metrics"] = tuple(dict.fromkeys(metric_name(name) for name in metrics))
    if floor is not None:
        chosen["floor"] = floor
    return Programs(**chosen)
