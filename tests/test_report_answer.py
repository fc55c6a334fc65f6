"""The Answer of synthetic runs: what it says, and that nothing odd makes it fall over."""

from __future__ import annotations

import io
import json
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from store_factory import EXPERIMENT, make_store
from zyphos_lab import report


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Any:
    store = make_store(tmp_path_factory.mktemp("results"), histograms=False)
    return store, report.answer(store)


def shown(answer: Any, width: int) -> str:
    console = Console(file=io.StringIO(), width=width, force_terminal=False)
    report.terminal(answer, console)
    out = console.file
    assert isinstance(out, io.StringIO)
    return out.getvalue()


def test_the_sentence_names_factor_condition_size_and_the_rest(made: Any) -> None:
    _, answer = made
    print(answer.sentence)
    assert answer.sentence.startswith("Turning nodelay on makes median latency 8")
    assert "x faster where write=two, ack=delayed (44.0 ms -> 50.0 us, interval" in answer.sentence
    assert answer.sentence.endswith("; everywhere else it changes nothing beyond 1 %.")


def test_several_arms_are_told_against_their_baseline(tmp_path: Path) -> None:
    compare = [{"factor": "write", "baseline": "two", "metrics": ["latency_ns_p50"]}]
    where = {"nodelay": False}
    experiment = {**EXPERIMENT, "compare": [{**compare[0], "where": where}], "expect": []}
    answer = report.answer(make_store(tmp_path, experiment=experiment, histograms=False))
    print(answer.sentence)
    assert len(answer.deltas) == 6
    assert answer.sentence.startswith("Against write=two, median latency is 88")
    same = "the same within 1 % with one, writev and cork where ack=quick."
    assert f"x faster with one and writev where ack=delayed; {same}" in answer.sentence
    few = report.answer(make_store(tmp_path, 5, experiment=experiment, histograms=False))
    assert few.sentence == "Against write=two, median latency is undecided everywhere."


def test_verdict_scope_and_skips(made: Any) -> None:
    _, answer = made
    assert (answer.verdict, answer.reasons) == ("VALID", ())
    assert answer.scope == (
        "loopback, virtual machine (kvm), 8 starts per cell, window 1.00 s, closed loop, "
        "16 connections, kernel 6.18.0"
    )
    assert answer.skipped == {"server_perf": "no PMU: perf_event_open fails with ENOENT"}
    assert answer.command == "zyphos-lab run experiments/tcp_nodelay.yaml --seed 42"
    assert [c.verdict for c in answer.aa] == ["same"]
    assert any("closed loop" in text.lower() for text in answer.threats)
    assert any("step-down maxT" in text for text in answer.method)


def test_the_counter_that_moved_stands_beside_the_difference(made: Any) -> None:
    _, answer = made
    [delta] = [d for d in answer.deltas if d.comparison.verdict == "faster"]
    assert delta.carries[0].name == "net_tcp_delayed_acks_per_request"
    assert delta.carries[0].share == pytest.approx(1.0, abs=0.1)
    assert delta.explained
    assert all(d.explained is None for d in answer.deltas if d is not delta)


def test_a_difference_without_a_counter_is_unexplained(tmp_path: Path) -> None:
    def strip(row: dict[str, Any]) -> None:
        for name in [n for n in row if n.endswith("_per_request")]:
            row[name] = None

    answer = report.answer(make_store(tmp_path, change=strip, histograms=False))
    assert [d.explained for d in answer.deltas if d.comparison.verdict == "faster"] == [False]
    assert "(unexplained: no counter moved with it)" in answer.sentence
    assert "unexplained" in shown(answer, 180)


def test_expectation_passes_because_the_control_fails(made: Any) -> None:
    _, answer = made
    [stall] = answer.expectations
    assert (stall.outcome, stall.control_failed) == ("PASS", True)
    assert [c.cell for c in stall.controls] == ["nodelay=true,write=two,ack=delayed"]
    assert stall.cells[0].held == 8


@pytest.mark.parametrize(
    ("that", "control", "outcome", "reason"),
    [
        ("latency_ns_p50 <= 1ms", {"nodelay": True}, "FAIL", "does not hold"),
        ("latency_ns_p50 <= 1s", {"nodelay": True}, "FAIL", "holds in the control too"),
        ("latency_ns_p50 >= 44ms", {"nodelay": True}, "INCONCLUSIVE", "starts do not agree"),
        ("latency_ns_p50 >= 1ms", {"write": "none"}, "INCONCLUSIVE", "no trial of the control"),
        (
            "server_rss_bytes >= 1MB",
            {"nodelay": True},
            "INCONCLUSIVE",
            "a value is missing in 8 of 8",
        ),
    ],
)
def test_expectations(
    tmp_path: Path, that: str, control: dict[str, Any], outcome: str, reason: str
) -> None:
    expect = [{**EXPERIMENT["expect"][0], "that": that, "control": control}]
    store = make_store(tmp_path, experiment={**EXPERIMENT, "expect": expect}, histograms=False)
    [found] = report.answer(store).expectations
    assert (found.outcome, reason in found.reason) == (outcome, True), found.reason


def test_quick_profile_is_loudly_no_evidence(tmp_path: Path) -> None:
    experiment = {**EXPERIMENT, "evidence": False}
    store = make_store(
        tmp_path,
        starts=2,
        experiment=experiment,
        manifest={"profile": "quick"},
        histograms=False,
    )
    answer = report.answer(store)
    print(answer.sentence)
    assert answer.sentence.startswith("Not evidence (quick profile): Turning nodelay on leaves")
    assert "2 blocks, 6 are needed" in answer.sentence
    assert {d.comparison.verdict for d in answer.deltas} == {"cannot tell"}
    assert "NOT EVIDENCE: quick profile" in shown(answer, 80)
    assert "--profile quick" in answer.command


def test_invalid_trials_drop_blocks_and_degrade(tmp_path: Path) -> None:
    def spoil(row: dict[str, Any]) -> None:
        if row["trial"] == 3:
            row["verdict"] = "INVALID"
            row["reasons"] = [{"code": "steal", "message": "the hypervisor took 8 %"}]

    answer = report.answer(make_store(tmp_path, change=spoil, histograms=False))
    assert answer.verdict == "DEGRADED"
    assert [r.code for r in answer.reasons] == ["blocks_dropped"]
    assert [(r.code, r.trials) for r in answer.remarks] == [("steal", 1)]
    assert "(in 1 of 136 trials)" in answer.remarks[0].message


def test_a_cell_without_a_valid_trial_makes_the_run_invalid(tmp_path: Path) -> None:
    def spoil(row: dict[str, Any]) -> None:
        if row["cell"] == "nodelay=true,write=cork,ack=quick":
            row["verdict"] = "INVALID"

    answer = report.answer(make_store(tmp_path, change=spoil, histograms=False))
    assert answer.verdict == "INVALID"
    assert answer.sentence.startswith("INVALID measurement, do not use:")
    assert "cork" in answer.reasons[0].message
    shown(answer, 80)


def test_aa_that_differs_degrades(tmp_path: Path) -> None:
    def drift(row: dict[str, Any]) -> None:
        if row["arm"] == "B":
            row["latency_ns_p50"] *= 1.1

    answer = report.answer(make_store(tmp_path, change=drift, histograms=False))
    assert answer.verdict == "DEGRADED"
    assert [r.code for r in answer.reasons] == ["aa_differs"]


def test_an_interrupted_run_says_so(tmp_path: Path) -> None:
    store = make_store(tmp_path, manifest={"status": "interrupted"}, histograms=False)
    store.manifest["plan"] = store.manifest["plan"] * 2
    answer = report.answer(store)
    assert answer.reasons[0].message == "interrupted: 136 of 272 trials were run"


def odd_values(row: dict[str, Any]) -> None:
    odd = {"one": None, "two": 0, "cork": ">= 1000000"}
    row["latency_ns_p50"] = odd.get(row["factor_write"], row["latency_ns_p50"])


def test_null_zero_and_censored_values_are_said_and_never_crash(tmp_path: Path) -> None:
    answer = report.answer(make_store(tmp_path, change=odd_values, histograms=False))
    reasons = {dict(d.comparison.conditions)["write"]: d.comparison.reason for d in answer.deltas}
    assert "not recorded" in reasons["one"]
    assert "0 on both sides" in reasons["two"]
    assert "lower bound" in reasons["cork"]
    assert ">= 1.00 ms" in shown(answer, 160)
    json.dumps(answer.as_dict(), allow_nan=False)


def test_no_trial_at_all(tmp_path: Path) -> None:
    store = make_store(tmp_path, starts=0, histograms=False)
    answer = report.answer(store)
    assert (answer.verdict, answer.rows) == ("INVALID", ())
    assert "no trial was finished" in shown(answer, 80)


def test_nothing_to_compare_shows_the_cells(tmp_path: Path) -> None:
    experiment = {**EXPERIMENT, "compare": [], "expect": []}
    answer = report.answer(make_store(tmp_path, experiment=experiment, histograms=False))
    assert "compares nothing" in answer.sentence
    assert "requests_per_second" in shown(answer, 160)


@pytest.mark.parametrize("width", [80, 100, 130, 170])
def test_the_terminal_never_breaks_a_number(made: Any, width: int) -> None:
    _, answer = made
    text = shown(answer, width)
    print(text)
    lines = text.splitlines()
    assert max(len(line) for line in lines) <= width
    [stalled] = [line for line in lines if line.startswith("write=two ack=delayed  ")]
    assert "44.0 ms" in stalled
    assert "50.0 us" in stalled
    assert "x faster" in stalled
    assert "VALID" in text and "PASS stall" in text


def test_answer_json_holds_every_number_with_its_unit(made: Any) -> None:
    store, answer = made
    data = json.loads(report.write_answer(store, answer).read_text())
    assert data["sentence"] == answer.sentence
    assert data["columns"] == [
        {
            "name": "latency_ns_p50",
            "unit": "ns",
            "better": "lower",
            "text": "median of the time from the scheduled send to the complete answer",
        }
    ]
    row = data["rows"][0]
    assert row["estimates"]["latency_ns_p50"]["n"] == 8
    assert all(delta["unit"] == "ns" for delta in row["deltas"])


def test_the_same_store_gives_the_same_answer(made: Any) -> None:
    store, answer = made
    assert report.answer(store).as_dict() == answer.as_dict()
