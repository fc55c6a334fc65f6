"""Options that several commands take, and how they find runs."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from zyphos_lab.store import Store

RESULTS = "results"

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


def print_json(value: Any) -> None:
    import json

    click.echo(json.dumps(value, indent=1, default=str))
