"""What the doctor says that a setting was measured to cost: from an answer, or nothing at all."""

from __future__ import annotations

import io
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from store_factory import HOST
from zyphos_lab import doctor, spec
from zyphos_lab.doctor import measured, settings
from zyphos_lab.doctor.check import Check
from zyphos_lab.doctor.contrasts import CONTRASTS, NONE, Contrast
from zyphos_lab.stats import label

ROOT = Path(__file__).resolve().parent.parent
PORTS = CONTRASTS["ports"][0]
HERE: dict[str, Any] = {**HOST, "memory": {"total_bytes": 8 << 30}}
KERNEL = {**HERE, "kernel": {**HOST["kernel"], "release": "6.19.0"}}
OTHER = {**KERNEL, "cpu": {**HOST["cpu"], "model": "Other CPU"}}
CHECK = Check("ports", "local ports", "ok", "28232", "why")
Facts = Mapping[str, Any]


def comparison(ratio: float | None = 3.16, verdict: str = "higher", **more: Any) -> dict[str, Any]:
    ends = {} if ratio is None or verdict == "cannot tell" else {"low": 3.13, "high": 3.19}
    return {
        **{name: getattr(PORTS, name) for name in ("factor", "value", "baseline", "metric")},
        "conditions": [], "floor": 0.05, "ratio": ratio, "low": None, "high": None,
        "verdict": verdict, "reason": "4 blocks, 6 are needed" * (verdict == "cannot tell"),
        **ends,
        **more,
    }  # fmt: skip


def run(results: Path, name: str, host: Facts, *comparisons: Facts, **answer: Any) -> None:
    """A run of the experiment that measures ports, as `zyphos-lab run` leaves it."""
    folder = results / PORTS.experiment / name
    folder.mkdir(parents=True)
    rows = [{"deltas": [{"comparison": one} for one in comparisons]}]
    whole = {"experiment": PORTS.experiment, "evidence": True, "status": "complete",
             "verdict": "VALID", "rows": rows, **answer}  # fmt: skip
    (folder / "answer.json").write_text(json.dumps(whole))
    manifest = {"host": {"server": dict(host), "client": "server"}}
    (folder / "manifest.json").write_text(json.dumps(manifest))


def told(results: Path) -> Check:
    [found] = measured.with_costs([CHECK], [results], HERE)
    return found


def test_the_newest_answer_of_this_machine_is_told_with_interval_and_verdict(
    tmp_path: Path,
) -> None:
    run(tmp_path, "20260101T", HERE, comparison(9.9))
    run(tmp_path, "20260102T", HERE, comparison())
    run(tmp_path, "20260103T", OTHER, comparison(5.5))
    [one] = told(tmp_path).measured
    assert one.text == (
        f"requests_done 3.16x [3.13, 3.19], higher with {PORTS.words} "
        "(tuning 20260102T, this machine)"
    )
    assert (one.ratio, one.low, one.high, one.verdict, one.where) == (
        *(3.16, 3.13, 3.19), "higher", "",
    )  # fmt: skip


def test_small_changes_are_told_in_per_cent(tmp_path: Path) -> None:
    run(tmp_path, "a", HERE, comparison(1.031, "higher", low=1.02, high=1.042))
    assert "requests_done +3.1 % [+2.0, +4.2], higher with" in told(tmp_path).measured[0].text
    run(tmp_path, "b", HERE, comparison(1.0, "same", low=0.999, high=1.0))
    assert "requests_done +0.0 % [-0.1, +0.0], same within 5 %" in told(tmp_path).measured[0].text


@pytest.mark.parametrize(
    ("facts", "words"),
    [
        (OTHER, "another machine: Other CPU, CPUs 0-1, 8 GiB, kvm, kernel 6.19.0"),
        (KERNEL, "this machine under another kernel: 6.19.0"),
    ],
)
def test_another_machine_is_named(tmp_path: Path, facts: Facts, words: str) -> None:
    run(tmp_path, "a", facts, comparison())
    [one] = told(tmp_path).measured
    assert one.where == words
    assert one.text.endswith(f"(tuning a, {words})")


def test_an_undecided_one_says_why_and_what_was_decided_elsewhere(tmp_path: Path) -> None:
    run(tmp_path, "a", OTHER, comparison())
    run(tmp_path, "b", HERE, comparison(3.2, "cannot tell"), verdict="DEGRADED")
    own, other = told(tmp_path).measured
    assert own.text.startswith("undecided (4 blocks, 6 are needed): requests_done 3.2x with")
    assert "tuning b, DEGRADED, this machine" in own.text
    assert other.run == "a" and other.verdict == "higher"


@pytest.mark.parametrize(
    "answer", [{"evidence": False}, {"status": "stopped"}, {"verdict": "INVALID"}, {"rows": [{}]}]
)
def test_what_is_no_evidence_is_not_told(tmp_path: Path, answer: dict[str, Any]) -> None:
    run(tmp_path, "a", HERE, comparison(), **answer)
    found = told(tmp_path)
    assert found.measured == ()
    assert found.not_measured == PORTS.command


def test_other_contrasts_of_the_run_are_not_taken_for_it(tmp_path: Path) -> None:
    others = [comparison(value="somaxconn"), comparison(baseline="tcp_tw_reuse"),
              comparison(metric="requests_per_second"), comparison(factor="closes")]  # fmt: skip
    run(tmp_path, "a", HERE, *others)
    assert told(tmp_path).measured == ()


def test_conditions_have_to_be_those_that_are_told(tmp_path: Path) -> None:
    wanted = Contrast("tuning", "x.yaml", PORTS.factor, PORTS.value, PORTS.baseline, PORTS.metric,
                      "words", (("engine", "epoll"),))  # fmt: skip
    run(tmp_path, "a", HERE, comparison(7.0, conditions=[["engine", "uring"]]),
        comparison(5.0, conditions=[["engine", "epoll"], ["more", "x"]]))  # fmt: skip
    [one] = measured._told(wanted, measured._answers([tmp_path], "tuning", HERE))
    assert one.ratio == 5.0


@pytest.mark.parametrize("text", ["", "{", "[]", '{"rows": 1}'])
def test_a_damaged_answer_is_as_if_it_were_not_there(tmp_path: Path, text: str) -> None:
    run(tmp_path, "a", HERE, comparison())
    run(tmp_path, "b", HERE, comparison(9.0))
    (tmp_path / "tuning/b/answer.json").write_text(text)
    run(tmp_path, "c", HERE, {"factor": 1})
    [one] = told(tmp_path).measured
    assert one.run == "a"


def test_every_setting_is_measured_by_something_or_says_why_not() -> None:
    ids = {check.id for check in settings.checks()}
    assert CONTRASTS.keys() | NONE.keys() == ids
    assert not CONTRASTS.keys() & NONE.keys()


@pytest.mark.parametrize(
    "contrast", [one for every in CONTRASTS.values() for one in every], ids=lambda one: one.words
)
def test_each_contrast_is_one_of_its_experiments(contrast: Contrast) -> None:
    experiment = spec.load(ROOT / "experiments" / contrast.file)
    assert experiment.name == contrast.experiment
    labels = {cell.id: {k: label(v) for k, v in cell.factors.items()} for cell in experiment.cells}
    pairs = [
        (labels[one.cell], labels[one.baseline_cell])
        for one in experiment.contrasts
        if one.factor == contrast.factor and contrast.metric in one.metrics
    ]
    where = dict(contrast.where)
    wanted = [{**where, contrast.factor: at} for at in (contrast.value, contrast.baseline)]
    assert any(
        all(end.items() <= cell.items() for end, cell in zip(wanted, pair, strict=True))
        for pair in pairs
    )


def test_the_reference_results_are_read() -> None:
    """Whatever machine this is: the lab's own results say what ports cost."""
    [found] = measured.with_costs([CHECK], [ROOT / "results"], HERE)
    assert found.measured
    assert all(one.experiment == "tuning" and one.where for one in found.measured)


@pytest.mark.parametrize("width", [60, 160])
def test_people_are_told_each_measurement_once(tmp_path: Path, width: int) -> None:
    run(tmp_path, "a", HERE, comparison())
    checks = [CHECK, Check("smt", "SMT", "ok", "off", "why"), Check("thp", "THP", "ok", "x", "why"),
              Check("tw_reuse", "reuse", "ok", "yes", "why")]  # fmt: skip
    found = measured.with_costs(checks, [tmp_path], HERE)
    out = io.StringIO()
    doctor.render(found, Console(file=out, width=width, color_system=None))
    text = " ".join(out.getvalue().split())
    assert "local ports: measured: requests_done 3.16x [3.13, 3.19], higher" in text
    assert "SMT, THP: not measured: the whole machine's" in text
    assert f"reuse: not measured: {CONTRASTS['tw_reuse'][0].command}" in text
    data = {row["id"]: row for row in doctor.as_data(found)}
    assert data["ports"]["measured"][0]["ratio"] == 3.16
    assert data["smt"]["measured"] == () and data["smt"]["not_measured"]
    assert json.loads(json.dumps(data))["ports"]["measured"][0]["run"] == "a"
