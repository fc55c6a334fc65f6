"""Stages that extend themselves: journalled, and the same after a kill at any point."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

import fakes
from test_runner import EXPERIMENT, Watcher
from zyphos_lab import plan, runner, spec
from zyphos_lab.errors import StoreError
from zyphos_lab.measure import Measure
from zyphos_lab.record import Record, Row
from zyphos_lab.spec import Experiment
from zyphos_lab.stage import Outlook, Planned, Stage, of_stage
from zyphos_lab.store import JOURNAL, Store


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


@pytest.fixture(autouse=True)
def staged(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.setenv("ZYPHOS_BIN", str(fakes.programs(tmp_path)))

    def use(extensions: int) -> None:
        def stages(experiment: Experiment, seed: int) -> list[Stage]:
            return [Growing(experiment, extensions), Measure(experiment, seed)]

        monkeypatch.setattr(plan, "stages", stages)

    use(3)
    return use


def whole_run(results: Path) -> Store:
    return runner.execute(runner.begin(spec.loads(EXPERIMENT), results), Watcher())


def schedule_of(store: Store) -> list[Any]:
    names = ("trial", "stage", "block", "cell", "seed", "requests_done")
    return [tuple(row[name] for name in names) for row in store.rows()]


def test_every_extension_is_journalled_before_its_trials(tmp_path: Path) -> None:
    store = whole_run(tmp_path / "results")
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


def test_only_the_stage_measure_enters_statistics(tmp_path: Path) -> None:
    store = whole_run(tmp_path / "results")
    assert list(store.trials()["trial"]) == list(range(6, 12))
    assert list(store.trials(None)["trial"]) == list(range(12))
    assert set(store.histograms("latency_ns")["trial"]) == set(range(6, 12))
    assert set(store.intervals("latency_ns")["trial"]) == set(range(6, 12))
    assert len(store.planned()) == 6


@pytest.mark.parametrize("lives", [1, 3, 6, 9])
def test_killed_after_any_trial_it_goes_on_as_if_nothing_had_been(
    tmp_path: Path, lives: int
) -> None:
    experiment = spec.loads(EXPERIMENT)
    running = runner.begin(experiment, tmp_path / "results")
    with pytest.raises(Killed):
        runner.execute(running, Ghost(lives))
    journal = running.store.path / JOURNAL
    before = journal.read_bytes()
    watcher = Watcher()
    store = runner.execute(runner.resume(experiment, running.store.path), watcher)
    assert len(watcher.cells) == 12 - lives
    assert journal.read_bytes().startswith(before)
    assert schedule_of(store) == schedule_of(whole_run(tmp_path / "other"))


def test_killed_between_plan_and_trial(tmp_path: Path) -> None:
    """The journal ends with an extension of which nothing has run: it is not written twice."""
    store = whole_run(tmp_path / "results")
    journal = store.path / JOURNAL
    lines = journal.read_bytes().splitlines(keepends=True)
    for keep in (0, 2, 5, len(lines) - 3):
        journal.write_bytes(b"".join(lines[:keep]))
        again = runner.execute(runner.resume(spec.loads(EXPERIMENT), store.path), Watcher())
        assert len(again.plan_events()) == 4
        assert schedule_of(again) == schedule_of(store)


def test_a_lost_line_of_the_plan_is_written_again(tmp_path: Path) -> None:
    store = whole_run(tmp_path / "results")
    journal = store.path / JOURNAL
    lines = journal.read_bytes().splitlines(keepends=True)
    second = [at for at, line in enumerate(lines) if b'"event":"plan"' in line][1]
    journal.write_bytes(b"".join(lines[:second] + lines[second + 1 :]))
    again = runner.execute(runner.resume(spec.loads(EXPERIMENT), store.path), Watcher())
    assert len(again.plan_events()) == 4
    assert schedule_of(again) == schedule_of(store)


def test_a_stage_that_decides_otherwise_cannot_resume(tmp_path: Path, staged: Any) -> None:
    store = whole_run(tmp_path / "results")
    staged(2)
    with pytest.raises(StoreError, match="plan is no longer"):
        runner.resume(spec.loads(EXPERIMENT), store.path)
    store.close()


def test_a_run_from_before_there_were_stages_is_read_as_measure() -> None:
    [path] = Path("results/tcp_nodelay").iterdir()
    store = Store.open(path)
    assert len(store.plan_events()) == 1
    assert len(store.planned()) == len(store.trials()) == len(store.rows("measure")) > 0
    assert not store.planned("pilot")
