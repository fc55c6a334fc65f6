"""`zyphos-lab list`: what can be run, and what was."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click

from zyphos_lab.cli.shared import json_option, print_json, results_option

EPILOG = """\b
Examples:
  zyphos-lab list
  zyphos-lab list --json
"""


@click.command(epilog=EPILOG)
@click.option(
    "--experiments",
    type=click.Path(file_okay=False, path_type=Path),
    default=Path("experiments"),
    show_default=True,
    help="Folder of the experiment files.",
)
@results_option
@json_option
def command(experiments: Path, results: Path, as_json: bool) -> None:
    """List experiments and runs."""
    from zyphos_lab import runs

    files = [_experiment(path) for path in runs.experiments(experiments)]
    found = [_run(path) for path in runs.all_runs(results)]
    if as_json:
        print_json({"experiments": files, "runs": found})
        return
    click.echo(f"experiments in {experiments}:" + ("" if files else " none"))
    for entry in files:
        click.echo(f"  {entry['path']}\n      {entry['question']}")
    click.echo(f"runs in {results}:" + ("" if found else " none"))
    for line in _table(found):
        click.echo(line)


def _table(found: list[dict[str, Any]]) -> Iterator[str]:
    """A heading and a line for each run, in columns as wide as they need."""
    lines = [("run", "experiment", "profile", "trials", "status")] if found else []
    for entry in found:
        done = f"{entry['finished']}/{entry['trials']}"
        profile = entry["profile"] or "-"
        lines.append((entry["run"], entry["experiment"], profile, done, entry["status"]))
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)][:-1]
    for *cells, status in lines:
        padded = (f"{cell:{width}}" for cell, width in zip(cells, widths, strict=True))
        yield "  " + "  ".join([*padded, status])


def _experiment(path: Path) -> dict[str, Any]:
    """Name and question, without checking the rest; a file that has none is listed with what is
    wrong.
    """
    from ruamel.yaml import YAML
    from ruamel.yaml.error import YAMLError

    try:
        data = YAML(typ="safe").load(path.read_text(encoding="utf-8"))
        return {"path": str(path), "name": str(data["name"]), "question": str(data["question"])}
    except (OSError, ValueError, KeyError, TypeError, YAMLError):
        return {"path": str(path), "name": None, "question": _complaint(path)}


def _complaint(path: Path) -> str:
    from zyphos_lab import spec
    from zyphos_lab.errors import UsageError

    try:
        return spec.load(path).question
    except UsageError as error:
        return f"cannot be used: {str(error).splitlines()[0]}"


def _run(path: Path) -> dict[str, Any]:
    """From the manifest and the tables' index; the journal is not read."""
    from zyphos_lab.errors import StoreError
    from zyphos_lab.store import count_planned, live_status, read_manifest
    from zyphos_lab.tables import count_finished

    entry: dict[str, Any] = {"run": path.name, "experiment": path.parent.name, "path": str(path)}
    try:
        manifest = read_manifest(path)
        finished = count_finished(path)
    except (StoreError, OSError) as error:
        return entry | {"status": f"damaged: {error}", "profile": None, "trials": 0, "finished": 0}
    return entry | {
        "status": live_status(manifest["status"], path),
        "profile": manifest.get("profile"),
        "trials": count_planned(manifest),
        "finished": finished,
    }
