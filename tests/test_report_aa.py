"""A/A: what is said of cells that were compared with themselves, and a small one for real."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest

import machine
from store_factory import AA_CELL, EXPERIMENT, Row, make_store
from test_runner import Watcher
from zyphos_lab import native, report, runner, spec, trial
from zyphos_lab.report.aa import sentence
from zyphos_lab.report.model import Answer
from zyphos_lab.store import Store

ROOT = Path(__file__).resolve().parent.parent


def answer(folder: Path, change: Callable[[Row], None] | None = None, **more: Any) -> Answer:
    """A run that compares nothing but a cell with itself, in two metrics, and expects more."""
    check = {"cells": 1, "metrics": ["latency_ns_p50", "latency_ns_p99"], "alarms": 1, **more}
    design = {**EXPERIMENT["design"], "aa": check}
    more_expected = {"id": "one_is_fast", "where": {"write": "one"}, "control": {"write": "two"},
                     "that": "latency_ns_p50 < 1ns"}  # fmt: skip
    experiment = {**EXPERIMENT, "compare": [], "expect": [more_expected], "design": design}
    store = make_store(folder, change=change, experiment=experiment, histograms=False)
    return report.answer(Store.open(store.path))


def arm_b(change: Callable[[Row], None]) -> Callable[[Row], None]:
    def only_b(row: Row) -> None:
        if row["cell"] == AA_CELL and row["arm"] == "B":
            change(row)

    return only_b


def outcome(made: Answer) -> str:
    [found] = [one for one in made.expectations if one.id == "aa"]
    return found.outcome


def test_equal_arms_pass_and_the_first_sentence_counts(tmp_path: Path) -> None:
    made = answer(tmp_path)
    assert made.sentence.startswith("No difference is found where there is none: of 2 comparisons")
    assert "none is told to differ" in made.sentence
    assert "at most 1 are allowed" in made.sentence
    assert outcome(made) == "PASS"
    assert {c.p_adjusted >= c.p_raw for c in made.aa if c.p_adjusted and c.p_raw} == {True}
    assert [column.name for column in made.columns] == ["latency_ns_p50", "latency_ns_p99"]


def test_a_difference_between_the_arms_fails(tmp_path: Path) -> None:
    def slower(row: Row) -> None:
        row["latency_ns_p50"] *= 1.2

    made = answer(tmp_path, arm_b(slower))
    assert made.sentence.startswith("Differences are found where there are none: of 2 comparisons")
    assert outcome(made) == "FAIL"
    assert "aa_differs" in [reason.code for reason in made.reasons]


def test_too_many_alarms_fail_though_nothing_survives_its_family(tmp_path: Path) -> None:
    """Both metrics are a little off, within the floor: no difference, but two raw p below 5 %."""

    def little(row: Row) -> None:
        for name in ("latency_ns_p50", "latency_ns_p99"):
            row[name] *= 1.006

    made = answer(tmp_path, arm_b(little), floor="5%")
    assert [c.verdict for c in made.aa] == ["same", "same"]
    assert outcome(made) == "FAIL"


def test_without_tests_it_is_inconclusive(tmp_path: Path) -> None:
    def lost(row: Row) -> None:
        row["verdict"] = "INVALID" if row["block"] > 4 else "VALID"

    made = answer(tmp_path, lost)
    assert outcome(made) == "INCONCLUSIVE"
    assert "Nothing can be told" in made.sentence
    assert "blocks enough for a test" in sentence(made.aa, {})


def test_what_does_not_say_how_many_alarms_expects_nothing(tmp_path: Path) -> None:
    made = answer(tmp_path, alarms=None)
    assert [one.id for one in made.expectations] == ["one_is_fast"]
    assert made.sentence == "0 of 1 expectation held. Refuted: one is fast."


SMALL = """
schema: 1
name: aa
question: Is there a difference between a server and itself?
targets: {echo: {engine: epoll, protocol: echo}}
load: {protocol: echo, connections: 2, deadline: 500ms}
factors: {size: {set: [load.message_bytes, targets.echo.message_bytes], values: [64, 4096]}}
repeat: {starts: 6, warmup: 10ms, window: 40ms}
design:
  spare: 0%  # as many trials as are asked for, also where the machine disturbs them
  aa: {cells: 2, metrics: [latency_ns_p50, requests_per_second], floor: 50%, alarms: 4}
probes: [rusage]
"""


@pytest.mark.native
def test_a_small_one_for_real(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Real server and load; a busy machine is not the point, that it counts is."""
    assert native.program("zyphos-serve")
    monkeypatch.setattr(trial, "_against", machine.quiet(trial._against, machine.OF_THE_MACHINE))
    store = runner.execute(runner.begin(spec.loads(SMALL), tmp_path), Watcher())
    rows: list[Mapping[str, Any]] = store.rows()
    assert len(rows) == 2 * 2 * 6
    assert {(row["cell"], row["arm"]) for row in rows} == {
        (f"size={size}", arm) for size in (64, 4096) for arm in "AB"
    }
    made = report.answer(store)
    assert len(made.aa) == 4
    assert "with itself (2 cells)" in made.sentence
    assert json.dumps(made.as_dict())
    assert [one.id for one in made.expectations] == ["aa"]


def test_the_labs_own_has_forty_contrasts() -> None:
    from zyphos_lab import plan

    made = plan.make(spec.load(ROOT / "experiments/method/aa.yaml"))
    contrasts = [(one.cell, metric) for one in made.contrasts for metric in one.metrics]
    assert len(contrasts) == len(set(contrasts)) == 40
    assert {one.family for one in made.contrasts} == {"aa"}
    assert made.estimated_seconds < 7 * 60
