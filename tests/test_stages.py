"""Stages that extend themselves: journalled, and the same after a kill at any point."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest

import fakes
from test_runner import EXPERIMENT, Watcher
from zyphos_lab import journal, plan, runner, spec
from zyphos_lab.errors import StoreError
from zyphos_lab.measure import Measure
from zyphos_lab.record import Record, Row
from zyphos_lab.spec import Experiment
from zyphos_lab.stage import Outlook, Planned, Stage, of_stage
from zyphos_lab.store import JOURNAL, Store, count_planned


class Growing:
    """Two trials, then as many as its rows say (`requests_done` of the last), then none."""

    name = "pilot"

    def __init__(self, experiment: Experiment, extensions: int = 3) -> None:
        self._cell = experiment.cells[0]
        self._repeat = experiment.repeat.model_copy(update={"window_ns": 10_000_000})
        self._extensions = extensions

    def outlook(self) -> Outlook:
        return Outlook(2, 1.0, "as many as it takes")

    def next(self, rows: Sequence[Row]) -> list[Planned] | None:
        mine = of_stage(rows, self.name)
        if {row["block"] for row in mine} == set(range(self._extensions)):
            return None
        block = max((row["block"] for row in mine), default=-1) + 1
        count = 2 if not mine else mine[-1]["requests_done"] % 3 + 1
        return [
            Planned(0, block, self._cell, block, "", 1000 * block + one, repeat=self._repeat)
            for one in range(count)
        ]


class Killed(BaseException):
    """Stands for SIGKILL: nothing of the run's own handles it."""


class Ghost(Watcher):
    """Dies after so many trials."""

    def __init__(self, lives: int) -> None:
        super().__init__()
        self._lives = lives

    def trial_ended(self, planned: Planned, record: Record) -> None:
        self._lives -= 1
        if not self._lives:
            raise Killed


def stages_of(extensions: int) -> Any:
    def stages(experiment: Experiment, seed: int) -> list[Stage]:
        return [Growing(experiment, extensions), Measure(experiment, seed)]

    return stages


@pytest.fixture(scope="module", autouse=True)
def staged(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("ZYPHOS_BIN", str(fakes.programs(tmp_path_factory.mktemp("fakes"))))
        patch.setattr(plan, "stages", stages_of(3))
        yield


@pytest.fixture(scope="module")
def whole(staged: None, tmp_path_factory: pytest.TempPathFactory) -> Store:
    """A run that nobody disturbed."""
    results = tmp_path_factory.mktemp("whole")
    return runner.execute(runner.begin(spec.loads(EXPERIMENT), results), Watcher())


def cut(whole: Store, folder: Path, keep: Callable[[list[bytes]], list[bytes]]) -> Path:
    """A copy of the run, of whose journal only these lines are left."""
    path = folder / whole.path.name
    shutil.copytree(whole.path, path)
    lines = (path / JOURNAL).read_bytes().splitlines(keepends=True)
    (path / JOURNAL).write_bytes(b"".join(keep(lines)))
    return path


def schedule_of(store: Store) -> list[Any]:
    names = ("trial", "stage", "block", "cell", "seed", "requests_done")
    return [tuple(row[name] for name in names) for row in store.rows()]


def test_every_extension_is_journalled_before_its_trials(whole: Store) -> None:
    store = whole
    kinds = [
        (event["event"], event.get("stage"))
        for event in store.events()
        if event["event"] in ("plan", "trial")
    ]
    pilot, trial, measure = ("plan", "pilot"), ("trial", None), ("plan", "measure")
    # 10 requests are done in each trial: 10 % 3 + 1 = 2 trials follow.
    assert kinds == [*[pilot, trial, trial] * 3, measure, *[trial] * 6]
    assert [row["trial"] for row in store.rows()] == list(range(12))
    assert [row["stage"] for row in store.rows()] == ["pilot"] * 6 + ["measure"] * 6
    assert {row["window_ns"] for row in store.rows("pilot")} == {10_000_000}
    assert {row["window_ns"] for row in store.rows("measure")} == {20_000_000}
    for entry in store.planned(None):
        row = store.rows()[entry["trial"]]
        assert (row["cell"], row["seed"]) == (entry["cell"], entry["seed"])


def test_only_the_stage_measure_enters_statistics(whole: Store) -> None:
    store = whole
    assert list(store.trials()["trial"]) == list(range(6, 12))
    assert list(store.trials(None)["trial"]) == list(range(12))
    assert set(store.histograms("latency_ns")["trial"]) == set(range(6, 12))
    assert set(store.intervals("latency_ns")["trial"]) == set(range(6, 12))
    assert len(store.planned()) == 6


@pytest.mark.parametrize("lives", [1, 5])
def test_killed_after_any_trial_it_goes_on_as_if_nothing_had_been(
    whole: Store, tmp_path: Path, lives: int
) -> None:
    experiment = spec.loads(EXPERIMENT)
    running = runner.begin(experiment, tmp_path / "results")
    with pytest.raises(Killed):
        runner.execute(running, Ghost(lives))
    events = running.store.path / JOURNAL
    before = events.read_bytes()
    watcher = Watcher()
    store = runner.execute(runner.resume(experiment, running.store.path), watcher)
    assert len(watcher.cells) == 12 - lives
    assert events.read_bytes().startswith(before)
    assert schedule_of(store) == schedule_of(whole)


@pytest.mark.parametrize("left", [0, 5, -3])
def test_killed_between_plan_and_trial(whole: Store, tmp_path: Path, left: int) -> None:
    """Also where the journal ends with an extension of which nothing has run."""
    path = cut(whole, tmp_path, lambda lines: lines[:left])
    again = runner.execute(runner.resume(spec.loads(EXPERIMENT), path), Watcher())
    assert len(again.plan_events()) == 4
    assert schedule_of(again) == schedule_of(whole)


def test_a_lost_line_of_the_plan_is_written_again(whole: Store, tmp_path: Path) -> None:
    def without_second(lines: list[bytes]) -> list[bytes]:
        second = [at for at, line in enumerate(lines) if b'"event":"plan"' in line][1]
        return lines[:second] + lines[second + 1 :]

    path = cut(whole, tmp_path, without_second)
    again = runner.execute(runner.resume(spec.loads(EXPERIMENT), path), Watcher())
    assert len(again.plan_events()) == 4
    assert schedule_of(again) == schedule_of(whole)


def test_a_stage_that_decides_otherwise_cannot_resume(
    whole: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = cut(whole, tmp_path, lambda lines: lines)
    monkeypatch.setattr(plan, "stages", stages_of(2))
    with pytest.raises(StoreError, match="plan is no longer"):
        runner.resume(spec.loads(EXPERIMENT), path)


def test_a_run_from_before_there_were_stages_is_read_as_measure(tmp_path: Path) -> None:
    """Its plan stood in the manifest, and its rows had no stage."""
    planned = [{"trial": at, "cell": "all"} for at in range(2)]
    with Store.create(tmp_path, {"experiment": {"name": "old"}, "plan": planned}) as old:
        path = old.path
    row = {"trial": 0, "cell": "all", "verdict": "VALID", "reasons": [], "skipped": {}}
    event = {"event": "trial", "row": row, "histograms": {}, "intervals": []}
    (path / JOURNAL).write_bytes(journal.encode(event))
    store = Store.open(path)
    assert [event["stage"] for event in store.plan_events()] == ["measure"]
    assert store.planned() == planned
    assert not store.planned("pilot")
    assert len(store.trials()) == len(store.rows("measure")) == 1
    assert count_planned(store.manifest) == 2
