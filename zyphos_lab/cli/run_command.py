"""`zyphos-lab run`: experiment in, answer out."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from zyphos_lab.cli.shared import executed, json_option, print_json, results_option
from zyphos_lab.errors import UsageError

if TYPE_CHECKING:
    from zyphos_lab.detectable import Detectable
    from zyphos_lab.plan import Plan
    from zyphos_lab.runner import Running
    from zyphos_lab.spec import Experiment
    from zyphos_lab.store import Store

EPILOG = """\b
Examples:
  zyphos-lab run experiments/tcp_nodelay.yaml
  zyphos-lab run experiments/tcp_nodelay.yaml --profile quick
  zyphos-lab run experiments/tcp_nodelay.yaml --plan
  zyphos-lab run experiments/tcp_nodelay.yaml --set repeat.window=2s --only write=two
  zyphos-lab run experiments/engines_hello.yaml --until 'ci(p99) < 3%' --budget 10min
  zyphos-lab run experiments/tcp_nodelay.yaml --profile quick --capture
  zyphos-lab run --resume
"""


@dataclass(frozen=True, slots=True)
class Asked:
    """The command line of `run`."""

    experiment: Path | None
    profile: str | None
    sets: tuple[str, ...]
    only: tuple[str, ...]
    seed: int | None
    results: Path
    resume: str | None
    force: bool
    as_json: bool
    page: bool
    notebook: bool
    require_conclusive: bool


@click.command(epilog=EPILOG)
@click.argument("experiment", required=False, type=click.Path(path_type=Path))
@click.option("--profile", help="One of the file's profiles.")
@click.option("--plan", "plan_only", is_flag=True, help="Say what would run, and run nothing.")
@click.option(
    "--resume",
    is_flag=False,
    flag_value="last",
    metavar="[RUN]",
    help="Go on with a run that was stopped or killed; without RUN the last one.",
)
@click.option(
    "--set", "sets", multiple=True, metavar="A.B=VALUE", help="Change a value. Repeatable."
)
@click.option(
    "--only", multiple=True, metavar="FACTOR=VALUE|CELL", help="Run these cells only. Repeatable."
)
@click.option("--seed", type=click.IntRange(min=0), help="Seed in place of the file's.")
@click.option("--until", metavar="STATEMENT", help="As many starts as `ci(p99) < 3%` takes.")
@click.option("--budget", metavar="TIME", help="No more starts than fit, such as 10min.")
@click.option("--capture", is_flag=True, help="Also capture packets, of one more start per cell.")
@click.option("--force", is_flag=True, help="Run also what arithmetic forbids to conclude from.")
@results_option
@json_option
@click.option("--no-report", is_flag=True, help="Write no report.html.")
@click.option("--no-notebook", is_flag=True, help="Make no notebook.")
@click.option(
    "--require-conclusive", is_flag=True, help="Exit code 4 where something cannot be told."
)
def command(**given: Any) -> None:
    """Run EXPERIMENT (a YAML file), print the answer, write report and notebook."""
    plan_only = given.pop("plan_only")
    asked = _asked(given)
    if plan_only:
        _show_plan(asked)
        return
    _run(asked)


def _asked(given: dict[str, Any]) -> Asked:
    page, notebook = not given.pop("no_report"), not given.pop("no_notebook")
    for name in ("until", "budget"):
        value = given.pop(name)
        if value is not None:
            given["sets"] = (*given["sets"], f"repeat.{name}={value}")
    if given.pop("capture"):
        given["sets"] = (*given["sets"], "capture.trials=1")
    resume, experiment = given["resume"], given["experiment"]
    if resume is not None and experiment is None and resume.endswith((".yaml", ".yml")):
        given |= {"resume": "last", "experiment": Path(resume)}
    elif experiment is None and resume is None:
        raise UsageError("which experiment?", "zyphos-lab run experiments/tcp_nodelay.yaml")
    return Asked(**given, page=page, notebook=notebook)


def _show_plan(asked: Asked) -> None:
    from zyphos_lab import detectable, plan, spec

    if asked.experiment is None:
        raise UsageError("--plan needs an experiment file")
    experiment = spec.load(asked.experiment, asked.profile, asked.sets, asked.only)
    made = plan.make(experiment, asked.seed)
    found = detectable.of_plan(experiment, made, asked.results)
    if asked.as_json:
        print_json(made.describe() | {"detectable": [one.as_dict() for one in found]})
    else:
        _print_plan(experiment, made, found)
    _refuse(made, asked)


def _print_plan(experiment: Experiment, made: Plan, found: list[Detectable]) -> None:
    seconds = round(made.estimated_seconds)
    starts = len({one.block for one in made.trials})
    click.echo(f"{experiment.name}: {experiment.question}")
    click.echo(
        f"{len(made.cells)} cells x {starts} starts = {len(made.trials)} trials, "
        f"about {seconds // 60}:{seconds % 60:02} min in all, seed {made.seed}"
    )
    for name, outlook in made.stages:
        spent = round(outlook.seconds)
        time = f"about {spent // 60}:{spent % 60:02} min"
        click.echo(f"stage {name}: {outlook.trials} trials, {time}: {outlook.text}")
    for power in found:
        click.echo(power.text())
    for note in made.notes:
        click.echo(f"{'refused' if note.refuses else 'note'}: {note.message}")
    click.echo("trial  block  cell")
    for one in made.trials:
        arm = f" ({one.arm})" if one.arm else ""
        click.echo(f"{one.trial:5}  {one.block:5}  {one.cell.id}{arm}")


def _refuse(made: Plan, asked: Asked) -> None:
    """UsageError where arithmetic forbids what is asked for, unless it is forced."""
    wrong = [note for note in made.notes if note.refuses]
    if asked.require_conclusive and made.contrasts:
        wrong += [note for note in made.notes if note.code == "too_few_starts"]
    if wrong and not asked.force:
        more = f" (and {len(wrong) - 1} more; --plan lists them)" if len(wrong) > 1 else ""
        hint = "a longer window, another load or more starts; --force runs it all the same"
        raise UsageError(f"refused: {wrong[0].message}{more}", hint)


def _run(asked: Asked) -> None:
    from zyphos_lab import finish

    running = _resumed(asked) if asked.resume is not None else _begun(asked)
    store = executed(running, asked.as_json)
    wanted = finish.Wanted(asked.page, asked.notebook, table=not asked.as_json)
    answer, paths = finish.finish(store, wanted)
    if asked.as_json:
        print_summary(answer, paths, store)
    else:
        for name, path in {**paths, "run": store.path}.items():
            click.echo(f"{name + ':':10}{path}")
    finish.gate(answer, asked.require_conclusive)


def print_summary(answer: Any, paths: dict[str, Path], store: Store) -> None:
    """The last event of `--json`."""
    import json

    files = {name: str(path) for name, path in paths.items()}
    summary = {"event": "summary", "run": str(store.path), "files": files}
    click.echo(json.dumps({**summary, "answer": answer.as_dict()}))


def _begun(asked: Asked) -> Running:
    from zyphos_lab import plan, runner, spec

    assert asked.experiment is not None
    experiment = spec.load(asked.experiment, asked.profile, asked.sets, asked.only)
    made = plan.make(experiment, asked.seed)
    _refuse(made, asked)
    return runner.begin(experiment, asked.results, asked.seed, asked.force)


def _resumed(asked: Asked) -> Running:
    """As it was started, unless the command line says otherwise: then it must come to the same."""
    from zyphos_lab import runner, runs, spec
    from zyphos_lab.store import Store

    name = ""
    if asked.experiment is not None:
        name = spec.load(asked.experiment, asked.profile, asked.sets, asked.only).name
    path = runs.find(asked.results, str(asked.resume), name)
    manifest = Store.open(path).manifest
    then = manifest["request"]
    profile = asked.profile or then["profile"]
    sets, only = asked.sets or tuple(then["sets"]), asked.only or tuple(then["only"])
    if asked.experiment is not None:
        experiment = spec.load(asked.experiment, profile, sets, only)
    else:
        experiment = spec.loads(manifest["spec_text"], then["file"], profile, sets, only)
    return runner.resume(experiment, path, asked.seed)
