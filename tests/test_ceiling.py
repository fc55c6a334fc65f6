"""The ceiling: which loads are tried, what a rate near it means, and a run that measures it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from test_runner import Watcher
from zyphos_lab import ceiling, plan, runner, spec
from zyphos_lab.stage import CEILING, of_stage

TEXT = """
schema: 1
name: slow
question: How near does a slow server come to the ceiling of its load?
targets:
  slow: {{reference: {{delay: 5ms}}, protocol: echo}}
load: {{protocol: echo, connections: 2, arrival: {{law: {law}}}}}
factors:
  nodelay: {{set: load.socket.tcp_nodelay, values: [false, true]}}
  connections: {{set: load.connections, values: [1, 2]}}
repeat: {{starts: 1, warmup: 0, window: 100ms}}
design: {{ceiling: {wanted}}}
probes: [rusage]
"""


def experiment(wanted: str = "true", law: str = "closed", **changes: str) -> Any:
    text = TEXT.format(wanted=wanted, law=law)
    for old, new in changes.items():
        text = text.replace(old, new)  # in the target and in the load
    return spec.loads(text)


def stage_of(found: Any) -> ceiling.Ceiling:
    [stage] = ceiling.stages(found, 7, 10.0, 0.3)
    return stage


def test_each_shape_of_load_once() -> None:
    trials = stage_of(experiment()).next([]) or []
    shapes = [(one.cell.load.socket.tcp_nodelay, one.cell.load.connections) for one in trials]
    assert set(shapes) == {(False, 1), (False, 2), (True, 1), (True, 2)}
    assert all(shapes.count(one) == ceiling.TRIALS for one in shapes)
    assert {planned.cell.load.arrival.law for planned in trials} == {"closed"}
    assert {planned.cell.target_name for planned in trials} == {ceiling.TARGET}
    assert stage_of(experiment()).outlook().trials == 12


def test_what_makes_a_load_slow_is_no_part_of_its_shape() -> None:
    closed, open_loop = experiment(), experiment(law="constant, rate: 100/s")
    assert list(map(ceiling.shape, closed.cells)) == list(map(ceiling.shape, open_loop.cells))
    bigger = experiment(**{"protocol: echo": "protocol: echo, message_bytes: 99"})
    assert set(map(ceiling.shape, bigger.cells)).isdisjoint(map(ceiling.shape, closed.cells))


def test_the_stage_ends_when_it_is_recorded() -> None:
    assert stage_of(experiment()).next([{"stage": CEILING}]) is None


def test_auto_measures_it_where_it_takes_little_of_the_run() -> None:
    found = experiment("auto")
    assert ceiling.stages(found, 7, 10.0, 0.3) == []
    assert len(ceiling.stages(found, 7, 100.0, 0.3)) == 1
    rehearsal = experiment("auto", **{"schema: 1": "schema: 1\nevidence: false"})
    assert ceiling.stages(rehearsal, 7, 100.0, 0.3) == []
    assert [name for name, _ in plan.make(experiment()).stages] == ["ceiling", "measure"]
    assert [name for name, _ in plan.make(experiment("false")).stages] == ["measure"]


def test_the_median_of_what_was_not_invalid() -> None:
    rows: list[dict[str, Any]] = [
        {
            "stage": stage,
            "cell": "ceiling:ab",
            "verdict": verdict,
            "requests_per_second": rate,
            "limited_by": "server" if rate == 50.0 else "generator",
        }
        for stage, verdict, rate in (
            (CEILING, "VALID", 100.0),
            (CEILING, "DEGRADED", 300.0),
            (CEILING, "VALID", 200.0),
            (CEILING, "INVALID", None),
            (CEILING, "VALID", 50.0),
            ("measure", "VALID", 900.0),
        )
    ]
    assert ceiling.rates(rows) == {"ab": 200.0}


@pytest.mark.parametrize(
    ("rate", "limited_by", "told"),
    [
        (81.0, "neither", True),
        (81.0, None, True),
        (120.0, "generator", True),
        (99.0, "server", False),  # its cores were full: it was the limit
        (99.0, "both", False),
        (79.0, "neither", False),
        (126.0, "neither", False),  # what is passed by so much was no ceiling
        (None, None, False),
    ],
)
def test_a_rate_near_the_ceiling(rate: float | None, limited_by: Any, told: bool) -> None:
    row: dict[str, Any] = {"requests_per_second": rate, "limited_by": limited_by}
    row |= ceiling.columns(row, 100.0)
    found = ceiling.reason(row)
    assert (found is not None) is told
    if found is not None:
        assert (found.code, found.severity) == ("ceiling", "DEGRADED")
        assert found.evidence["ceiling_requests_per_second"] == 100.0
    assert ceiling.reason(row | ceiling.columns(row, None)) is None


def test_a_run_measures_its_ceiling_first(tmp_path: Path) -> None:
    store = runner.execute(runner.begin(experiment(), tmp_path / "results"), Watcher())
    rows = store.rows()
    assert [row["stage"] for row in rows] == ["ceiling"] * 12 + ["measure"] * 4
    known = ceiling.rates(rows)
    for row in of_stage(rows, "measure"):
        if row["ceiling_requests_per_second"] is None:  # on a machine that has no time for it
            assert "no-op server" in row["skipped"]["ceiling"] or not known
            continue
        assert row["ceiling_requests_per_second"] in known.values()
        assert row["ceiling_ratio"] < ceiling.RATIO_MAX  # 5 ms an answer, against none
        assert "ceiling" not in {reason["code"] for reason in row["reasons"]}
    assert set(store.trials()["stage"]) == {"measure"}


def test_why_there_is_no_ceiling() -> None:
    row: dict[str, Any] = {"requests_per_second": 126.0}
    assert ceiling.skipped(row, {}) == {"ceiling": ceiling.NOT_MEASURED}
    assert "INVALID" in ceiling.skipped(row | ceiling.columns(row, None), {"x": 1.0})["ceiling"]
    assert "slower" in ceiling.skipped(row | ceiling.columns(row, 100.0), {"x": 1.0})["ceiling"]
    assert ceiling.skipped(row | ceiling.columns(row, 200.0), {"x": 1.0}) == {}


def test_a_run_without_says_so(tmp_path: Path) -> None:
    found = experiment("false")
    store = runner.execute(runner.begin(found, tmp_path / "results"), Watcher())
    for row in store.rows():
        assert row["ceiling_ratio"] is None
        assert row["skipped"]["ceiling"] == ceiling.NOT_MEASURED
