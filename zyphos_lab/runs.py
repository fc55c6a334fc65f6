"""Finding runs and experiments on disk, by name, by path, or as `last`."""

from __future__ import annotations

from pathlib import Path

from zyphos_lab.errors import StoreError
from zyphos_lab.store import MANIFEST

LAST = "last"


def all_runs(results: Path) -> list[Path]:
    """Folders of runs below `results`, oldest first (their names begin with the time)."""
    found = [path.parent for path in results.glob(f"*/*/{MANIFEST}")]
    return sorted(found, key=lambda path: (path.name, path.parent.name))


def find(results: Path, name: str, experiment: str = "") -> Path:
    """The run called `name`: a folder, a run's name or the start of one, or `last`.

    With `experiment` only its runs count. StoreError when there is none, or more than one.
    """
    given = Path(name)
    if (given / MANIFEST).is_file():
        return given
    runs = [run for run in all_runs(results) if experiment in ("", run.parent.name)]
    of = f" of {experiment}" if experiment else ""
    if not runs:
        raise StoreError(f"no run{of} in {results}")
    matching = _matching(runs, name)
    if len(matching) == 1:
        return matching[0]
    what = "more than one" if matching else "no"
    raise StoreError(f"{what} run{of} `{name}` in {results}", "`zyphos-lab list` shows them")


def _matching(runs: list[Path], name: str) -> list[Path]:
    """The last run for `last` or an experiment's name; else all whose names begin like it."""
    if name == LAST:
        return runs[-1:]
    of_experiment = [run for run in runs if run.parent.name == name]
    return of_experiment[-1:] or [run for run in runs if run.name.startswith(name)]


def experiments(folder: Path) -> list[Path]:
    """Experiment files at and below `folder`."""
    return sorted(path for path in folder.rglob("*.yaml") if path.is_file())
