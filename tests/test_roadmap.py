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
from zyphos_lab.roadmap import claims, show
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


PYTHON_TEST = """
@pytest.mark.answers("m01.build.1", "m01.exit.3.goal")
@pytest.mark.parametrize("engine", ENGINES)
def test_it(engine):
    pass

@pytest.mark.answers("m01.bild.1")
def test_wrong():
    pass

@pytest.mark.answers("m01.build.2")
def helper():
    pass
"""
NATIVE_TEST = """
// Why it is so.
// answers: m01.build.1, s1.items.4
TEST_P(Drain, InEveryState) {}

// answers: m01.build.2

TEST(Drain, Apart) {}
"""


def claimed(tmp_path: Path) -> Path:
    (tmp_path / "test_a.py").write_text(PYTHON_TEST)
    (tmp_path / "a_test.cpp").write_text(NATIVE_TEST)
    return tmp_path


def test_tests_say_what_they_show(tmp_path: Path) -> None:
    said: list[str] = []
    found = claims.by_id([claimed(tmp_path)], said.append)
    native, python = f"{tmp_path}/a_test.cpp::Drain.InEveryState", f"{tmp_path}/test_a.py::test_it"
    assert found == {
        "m01.build.1": [native, python],
        "s1.4": [native],
        "m01.exit.3.goal": [python],
    }
    assert [line.partition(tmp_path.name)[2] for line in said] == [
        "/a_test.cpp:6: what follows is no test",
        "/test_a.py:7: `m01.bild.1` is not on the roadmap; did you mean `m01.build.1`?",
        "/test_a.py:11: what follows is no test",
    ]


def test_what_a_test_shows_is_no_verdict(tmp_path: Path) -> None:
    tests = claims.by_id([claimed(tmp_path)], lambda line: None)
    found = states(tmp_path, [], print, tests)
    bar = state_of(found, "m01.exit.3")
    assert (bar.state, bar.floor_met, bar.goal_met) == ("tested", "", "")
    text = "\n".join(show.lines([bar, state_of(found, "m01.build.1")]))
    assert "[t] m01.exit.3" in text and "floor [no verdict]" in text and "goal [test]" in text
    assert text.count("test_a.py::test_it") == 2 and "test_a.py::test_it (goal)" in text
    assert show.summary(found)["tested"] == 3 and show.summary(found)["goals_met"] == 0
    (tmp_path / "a.yaml").write_text("answers: [s1.4]\n")
    assert state_of(states(tmp_path, [], print, tests), "s1.4").state == "tested"


def test_every_claim_here_names_an_id_and_stands_at_a_test() -> None:
    found = list(claims.claims([ROOT / folder for folder in claims.FOLDERS]))
    assert [f"{claim.where}: {claim.mistake}" for claim in found if claim.mistake] == []
    assert {Path(claim.test.partition("::")[0]).suffix for claim in found} == {".py", ".cpp"}


def test_command(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    answered(tmp_path)
    capsys.readouterr()
    claimed(tmp_path)
    folders = (("--results", "."), ("--experiments", "."), ("--tests", "."))
    where = [word for option, folder in folders for word in (option, str(tmp_path / folder))]
    assert run(["roadmap", "m01", "--json", *where]) == 0
    told = json.loads(capsys.readouterr().out)
    assert told["summary"]["answered"] == 2 and told["summary"]["floors_met"] == 1
    assert {item["group"] for item in told["items"]} == {"m01"}
    assert run(["roadmap", "--answered", *where]) == 0
    out = capsys.readouterr().out
    assert "floor [PASS]: " in out and "[ ]" not in out
    assert run(["roadmap", "--tested", *where]) == 0
    assert capsys.readouterr().out.count("[t]") == 3
    assert run(["roadmap", "--open", "--format", "md", *where]) == 0
    out = capsys.readouterr().out
    assert "| f07 |" not in out and "| m01.build.1 |" not in out and "| m01.build.2 |" in out
    assert run(["roadmap", "m99", *where]) == 2
    assert "`m99` is not on the roadmap" in capsys.readouterr().err
