"""Blocks that the machine disturbed: measured again, set aside whole, and the same after a kill."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest

import fakes
from test_measure import loads, rows_of
from test_runner import EXPERIMENT, Watcher
from test_stages import Ghost, Killed, schedule_of
from zyphos_lab import makeup, plan, runner, spec
from zyphos_lab.measure import Measure
from zyphos_lab.record import Row
from zyphos_lab.spec import Experiment
from zyphos_lab.stage import Planned, Stage
from zyphos_lab.store import Store

STEAL = {"code": "steal", "severity": "DEGRADED"}
STOLEN = {"code": "steal", "severity": "INVALID"}
OTHER = {"code": "other_load", "severity": "DEGRADED"}
OWN = {"code": "retransmits", "severity": "DEGRADED"}


def rows(*reasons: Sequence[dict[str, str]], **more: Any) -> list[Row]:
    """One trial per block."""
    return [{"block": at, "reasons": list(found), **more} for at, found in enumerate(reasons)]


@pytest.mark.parametrize(
    ("reasons", "share", "blocks"),
    [
        ([[], [], [], []], 0.25, []),
        ([[], [STEAL], [], []], 0.25, [1]),
        ([[], [STEAL], [], [STOLEN]], 0.25, [3]),  # the worst first
        ([[], [STEAL], [], [STOLEN]], 0.5, [3, 1]),
        ([[], [OWN], [], []], 1, []),  # what may be the servers' own stays
        ([[], [STEAL], []], 0.25, []),  # a quarter of three is no block
        ([[OTHER], [STEAL], [OTHER], [STEAL]], 1, [0, 1, 2, 3]),
        ([[OTHER], [], [], []], 0, []),
    ],
)
def test_as_many_as_the_share_allows(reasons: Any, share: float, blocks: list[int]) -> None:
    assert makeup.wanted(rows(*reasons), share) == blocks


def test_a_block_in_anothers_place_may_be_disturbed_again() -> None:
    found = rows([], [STEAL], [], [], [], [], [], [])
    found.append({"block": 8, "reasons": [STOLEN], "instead_of": 1})
    assert makeup.wanted(found, 0.25) == [8]
    found.append({"block": 9, "reasons": [STEAL], "instead_of": 8})
    assert makeup.wanted(found, 0.25) == []
    [note] = makeup.told(found)
    assert note.message == (
        "2 of 10 blocks were set aside and measured again, whatever they said: the machine "
        "disturbed them (steal in 2 trials); 1 more count, disturbed as they are"
    )
    assert makeup.told(rows([STEAL])) == []  # nothing was set aside: the reasons speak


def grown(experiment: Experiment, reasons: Callable[[Planned], list[Any]]) -> list[Planned]:
    """All trials of the stage, given what becomes of each."""
    stage = Measure(experiment, 7)
    found: list[Row] = []
    trials: list[Planned] = []
    while added := stage.next(found):
        trials += added
        more = rows_of(added, reasons=reasons, instead_of=lambda one: one.instead_of)
        found += more
    return trials


def test_the_same_trials_then_those_in_place_of_the_disturbed() -> None:
    experiment = loads("repeat.starts=8")
    quiet = grown(experiment, lambda _: [])
    cell = experiment.cells[0].id
    hit = {(2, cell): [STEAL], (5, cell): [STOLEN], (6, cell): [OWN]}
    made = grown(experiment, lambda one: hit.get((one.block, one.cell.id), []))
    assert made[: len(quiet)] == quiet
    more = made[len(quiet) :]
    assert [(one.block, one.instead_of) for one in more[:: len(quiet) // 8]] == [(8, 5), (9, 2)]
    assert {one.cell.id for one in more if one.block == 8} == {c.id for c in experiment.cells}
    assert more[0].entry()["instead_of"] == 5


@pytest.mark.parametrize("key", ["design.spare=0%", "repeat.budget=1h"])
def test_none_where_none_are_wanted_or_time_is_limited(key: str) -> None:
    made = grown(loads("repeat.starts=8", key), lambda _: [STEAL])
    assert {one.instead_of for one in made} == {None}


# --- a run ----------------------------------------------------------------------------------------


class Disturbed(Measure):
    """Its second block was disturbed, whatever the machine of the test does."""

    def next(self, rows: Sequence[Row]) -> list[Planned] | None:
        told = [row | {"reasons": [STEAL] if row["block"] == 1 else []} for row in rows]
        return super().next(told)


@pytest.fixture(scope="module", autouse=True)
def disturbed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    def stages(experiment: Experiment, seed: int) -> list[Stage]:
        return [Disturbed(experiment, seed)]

    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("ZYPHOS_BIN", str(fakes.programs(tmp_path_factory.mktemp("fakes"))))
        patch.setattr(plan, "stages", stages)
        yield


@pytest.fixture(scope="module")
def experiment() -> Experiment:
    return spec.loads(EXPERIMENT, sets=["repeat.starts=4"])


@pytest.fixture(scope="module")
def whole(
    disturbed: None, experiment: Experiment, tmp_path_factory: pytest.TempPathFactory
) -> Store:
    results = tmp_path_factory.mktemp("whole")
    return runner.execute(runner.begin(experiment, results), Watcher())


def test_a_block_set_aside_is_kept_and_does_not_count(whole: Store) -> None:
    frame = whole.trials()
    each = len(frame) // 4
    assert sorted(set(frame["block"])) == [0, 2, 3, 4]
    assert len(whole.rows()) == 5 * each
    assert {row["block"] for row in whole.rows("set_aside")} == {1}
    counted = set(frame["trial"])
    assert set(whole.histograms("latency_ns")["trial"]) == counted
    assert set(whole.intervals("latency_ns")["trial"]) == counted
    assert {one["trial"] for one in whole.planned()} == counted
    assert whole.manifest["planned"] == {"measure": 4 * each, "set_aside": each}


def test_the_tables_say_so_too(whole: Store) -> None:
    import pandas

    stages = pandas.read_parquet(whole.path / "trials.parquet").groupby("stage")["block"].unique()
    assert {stage: sorted(blocks) for stage, blocks in stages.items()} == {
        "measure": [0, 2, 3, 4],
        "set_aside": [1],
    }


@pytest.mark.parametrize("before_the_end", [1, 3])
def test_killed_among_the_blocks_made_up_it_goes_on(
    whole: Store, experiment: Experiment, tmp_path: Path, before_the_end: int
) -> None:
    running = runner.begin(experiment, tmp_path / "results")
    with pytest.raises(Killed):
        runner.execute(running, Ghost(len(whole.rows()) - before_the_end))
    store = runner.execute(runner.resume(experiment, running.store.path), Watcher())
    assert schedule_of(store) == schedule_of(whole)
