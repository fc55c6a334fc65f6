"""The roadmap: every id is there, files are held to it, and runs move it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

import store_factory
from spec_samples import ECHO
from zyphos_lab import report, roadmap, spec
from zyphos_lab.cli.main import run
from zyphos_lab.errors import SpecError
from zyphos_lab.roadmap.state import State, states

ROOT = Path(__file__).resolve().parent.parent
BAR = "m01.exit.2"


def experiment(**changes: Any) -> dict[str, Any]:
    [expect] = store_factory.EXPERIMENT["expect"]
    named = {**expect, "answers": [f"{BAR}.floor", "s5.items.3"]}
    return {**store_factory.EXPERIMENT, "expect": [named], **changes}


def state_of(found: list[State], name: str) -> State:
    [one] = [one for one in found if one.item.id == name]
    return one


def answered(results: Path, **changes: Any) -> list[State]:
    store = store_factory.make_store(results, experiment=experiment(**changes))
    report.write_answer(store, report.answer(store))
    return states(results / "none", list(results.glob("*/*")), print)


def test_ids_are_unique_and_of_every_kind() -> None:
    items = [item for group in roadmap.groups() for item in group.items]
    assert len({item.id for item in items}) == len(items) > 400
    kinds = {item.kind for item in items}
    assert kinds == {"build", "explore", "observe", "fail", "exit", "items", "claim"}
    assert all((item.kind == "exit") == bool(item.floor) for item in items)
    for name in ("m01.explore.2", "s5.items.3", "s5.3", "f07", "q4.5", "t1.3", "e6"):
        assert roadmap.has(name)
    assert roadmap.has(f"{BAR}.floor") and not roadmap.has("m01.explore.2.floor")


def test_the_experiments_here_answer_ids_that_exist() -> None:
    for path in sorted((ROOT / "experiments").rglob("*.yaml")):
        assert all(map(roadmap.has, spec.load(path).data.get("answers", ()))), path


def test_an_unknown_id_is_a_mistake_with_its_place() -> None:
    text = ECHO.replace("schema: 1\n", "schema: 1\nanswers: [f07, m01.explor.2]\n")
    with pytest.raises(SpecError) as caught:
        spec.loads(text, "x.yaml")
    [complaint] = caught.value.complaints
    assert str(complaint).startswith("x.yaml:2:16: `m01.explor.2` is not on the roadmap")
    assert complaint.hint == "did you mean `m01.explore.2`?"


def test_a_run_answers_and_an_expectation_meets_a_bar(tmp_path: Path) -> None:
    found = answered(tmp_path)
    assert state_of(found, "f07").state == "answered"
    assert state_of(found, "m01.explore.1").state == "open"
    bar = state_of(found, BAR)
    assert (bar.floor_met, bar.goal_met) == ("PASS", "")
    assert state_of(found, "s5.3").outcome == "PASS"
    assert bar.result is not None and bar.result.experiment == "tcp_nodelay"


def test_a_failed_expectation_does_not_meet_the_bar(tmp_path: Path) -> None:
    changed = [{**experiment()["expect"][0], "that": "latency_ns_p50 < 1ms"}]
    assert state_of(answered(tmp_path, expect=changed), BAR).floor_met == "FAIL"


def test_what_is_no_evidence_answers_nothing(tmp_path: Path) -> None:
    assert all(one.state == "open" for one in answered(tmp_path, evidence=False))


def test_an_experiment_without_a_run_is_planned(tmp_path: Path) -> None:
    (tmp_path / "a.yaml").write_text("answers: [f07]\n")
    (tmp_path / "b.yaml").write_text("answers: [\n")
    said: list[str] = []
    found = states(tmp_path, [], said.append)
    assert state_of(found, "f07").state == "planned"
    assert state_of(found, "f07").experiments == (str(tmp_path / "a.yaml"),)
    assert len(said) == 1 and "b.yaml cannot be read" in said[0]


def test_command(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    answered(tmp_path)
    capsys.readouterr()
    where = ["--results", str(tmp_path), "--experiments", str(tmp_path)]
    assert run(["roadmap", "m01", "--json", *where]) == 0
    told = json.loads(capsys.readouterr().out)
    assert told["summary"]["answered"] == 2 and told["summary"]["floors_met"] == 1
    assert {item["group"] for item in told["items"]} == {"m01"}
    assert run(["roadmap", "--answered", *where]) == 0
    out = capsys.readouterr().out
    assert "floor [PASS]: " in out and "[ ]" not in out
    assert run(["roadmap", "--open", "--format", "md", *where]) == 0
    assert "| f07 |" not in capsys.readouterr().out
    assert run(["roadmap", "m99", *where]) == 2
    assert "`m99` is not on the roadmap" in capsys.readouterr().err
