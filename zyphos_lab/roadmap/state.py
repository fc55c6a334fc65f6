"""How far the lab is: for each id the experiments that answer it, what the last run found, and the
tests that show it (`claims.py`). What a test shows stands apart: it is no measured verdict.

A bar is met where an expectation of the run that names it (`answers: [m04.exit.1.floor]`) holds;
where none names it there is no verdict. Runs that are no evidence, or INVALID, answer nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

from zyphos_lab import roadmap
from zyphos_lab.roadmap import BARS, Item

Say = Callable[[str], None]
EMPTY: Mapping[str, Sequence[str]] = {}
ANSWERED, TESTED, PLANNED, OPEN = "answered", "tested", "planned", "open"


@dataclass(frozen=True, slots=True)
class Result:
    """The last run that answers an id. `outcomes`: id -> PASS, FAIL or INCONCLUSIVE."""

    experiment: str
    run: str
    date: str
    verdict: str
    sentence: str
    outcomes: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class State:
    """An item with what is known. `floor_met`, `goal_met`, `outcome`: "" where nothing says.
    `tests`: the item's id, or that of its floor or goal -> the tests that show it."""

    item: Item
    state: str
    experiments: tuple[str, ...]
    result: Result | None
    outcome: str = ""
    floor_met: str = ""
    goal_met: str = ""
    tests: Mapping[str, Sequence[str]] = field(default_factory=dict)

    def as_dict(self) -> dict[str, Any]:
        return {**asdict(self.item), **{k: v for k, v in asdict(self).items() if k != "item"}}


def states(
    experiments: Path, runs: Sequence[Path], say: Say, tests: Mapping[str, Sequence[str]] = EMPTY
) -> list[State]:
    """Every item of the roadmap, in its order. `tests`: those that show an id (`claims.by_id`)."""
    named = _files(experiments, say)
    results: dict[str, Result] = {}
    for ids, result in _results(runs, say):  # oldest first: the last one stays
        results.update(dict.fromkeys(ids, result))
    return [
        _state(item, named, results, tests) for group in roadmap.groups() for item in group.items
    ]


def _state(
    item: Item,
    named: Mapping[str, list[str]],
    results: Mapping[str, Result],
    tests: Mapping[str, Sequence[str]],
) -> State:
    names = (item.id, *(f"{item.id}.{bar}" for bar in BARS))
    files = tuple(dict.fromkeys(file for name in names for file in named.get(name, ())))
    found = [results[name] for name in names if name in results]
    last = max(found, key=lambda result: result.run, default=None)
    shown = {name: tests[name] for name in names if name in tests}
    plain = State(item, _word(last, shown, files), files, last, tests=shown)
    if last is None:
        return plain
    floor, goal = (_outcome(results, f"{item.id}.{bar}") for bar in BARS)
    return replace(plain, outcome=_outcome(results, item.id), floor_met=floor, goal_met=goal)


def _word(last: Result | None, shown: Mapping[str, object], files: Sequence[str]) -> str:
    if last is not None:
        return ANSWERED
    return TESTED if shown else PLANNED if files else OPEN


def _outcome(results: Mapping[str, Result], name: str) -> str:
    return results[name].outcomes.get(name, "") if name in results else ""


def _files(folder: Path, say: Say) -> dict[str, list[str]]:
    """Id -> experiment files that name it; they are read, not checked."""
    from ruamel.yaml import YAML
    from ruamel.yaml.error import YAMLError

    from zyphos_lab import runs

    found: dict[str, list[str]] = {}
    for path in runs.experiments(folder):
        try:
            data = YAML(typ="safe").load(path.read_text(encoding="utf-8"))
            ids = ids_of(data)
        except (OSError, ValueError, YAMLError, AttributeError, TypeError):
            say(f"left out: {path} cannot be read (`zyphos-lab run {path} --plan` says why)")
            continue
        for name in ids:
            found.setdefault(name, []).append(str(path))
    return found


def ids_of(experiment: Mapping[str, Any]) -> list[str]:
    """Every id that an experiment, or one of its expectations, answers; in the short form."""
    names = [*(experiment.get("answers") or ())]
    for expect in experiment.get("expect") or ():
        names += expect.get("answers") or ()
    return list(dict.fromkeys(roadmap.short(str(name)) for name in names))


def _results(runs: Sequence[Path], say: Say) -> Iterator[tuple[list[str], Result]]:
    from zyphos_lab.query.views import that_count

    for run, said, found in that_count(runs, say):
        experiment = said["experiment"]
        yield ids_of(experiment), _result(run, said, found)


def _result(run: Path, manifest: Mapping[str, Any], answer: Mapping[str, Any]) -> Result:
    full = run.resolve()
    outcome = {one["id"]: str(one["outcome"]) for one in answer.get("expectations", ())}
    outcomes: dict[str, str] = {}
    for expect in manifest["experiment"].get("expect") or ():
        for name in map(roadmap.short, expect.get("answers") or ()):
            outcomes[name] = _worse(outcomes.get(name), outcome.get(expect["id"], ""))
    return Result(
        experiment=full.parent.name,
        run=full.name,
        date=str(manifest.get("created", ""))[:10],
        verdict=str(answer.get("verdict", "")),
        sentence=str(answer.get("sentence", "")),
        outcomes=outcomes,
    )


def _worse(first: str | None, second: str) -> str:
    """Several expectations of one bar: it is met when all of them hold."""
    ranks = ("FAIL", "INCONCLUSIVE", "", "PASS")
    return second if first is None else min(first, second, key=ranks.index)
