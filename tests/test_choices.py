"""`zyphos-lab choose`: what kept runs say of when to use which."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import store_factory
from zyphos_lab import report, runs
from zyphos_lab.choices import Arm, Regime, Subject, show, subjects
from zyphos_lab.cli.main import run
from zyphos_lab.stats import Carrier, Comparison

METRIC = "server_cpu_ns_per_request"
FILE = """\
schema: 1
name: engines
question: Which engine, when?
targets: {http1: {engine: epoll, protocol: http1}}
load: {protocol: http1}
factors:
  engine: {set: targets.http1.engine, values: [epoll, uring, thread]}
  depth: {set: load.pipeline, values: {plain: 1, deep: 16}}
compare: [{factor: engine, baseline: epoll, metrics: [server_cpu_ns_per_request], floor: 2%}]
"""
# CPU per request in ns, and calls per request.
TRUE = {
    ("epoll", "plain"): (5000.0, 2.2),
    ("uring", "plain"): (4970.0, 0.2),
    ("thread", "plain"): (9000.0, 2.0),
    ("epoll", "deep"): (500.0, 0.13),
    ("uring", "deep"): (200.0, 0.002),
    ("thread", "deep"): (700.0, 0.125),
}
Row = dict[str, Any]


def kept(
    tmp_path: Path, keep: Callable[[Row], bool] = lambda row: True, starts: int = 8, **said: Any
) -> Path:
    """A run of `FILE` in tmp_path/results, of the rows that `keep` likes; the experiments' folder.

    Whatever the machine: the rows are made up from a seed.
    """
    folder = tmp_path / "experiments"
    folder.mkdir(exist_ok=True)
    (folder / "engines.yaml").write_text(FILE)
    experiment = {
        **store_factory.EXPERIMENT,
        "name": "engines",
        "question": "Which engine, when?",
        "factors": {
            "engine": {"set": "targets.http1.engine", "values": ["epoll", "uring", "thread"]},
            "depth": {"set": "load.pipeline", "values": {"plain": 1, "deep": 16}},
        },
        "compare": [{"factor": "engine", "baseline": "epoll", "metrics": [METRIC], "floor": 0.02}],
        "expect": [],
        **said,
    }

    def change(row: Row) -> None:
        cpu_ns, calls = TRUE[row["factor_engine"], row["factor_depth"]]
        row[METRIC] = cpu_ns * row["latency_ns_p50"] / 50e3  # the factory's noise
        row["server_syscalls_per_request"] = calls
        if not keep(row):
            row["verdict"] = "INVALID"

    store = store_factory.make_store(
        tmp_path / "results", starts, 5, change, experiment, histograms=False
    )
    report.write_answer(store, report.answer(store))
    return folder


def found(tmp_path: Path, folder: Path) -> Subject:
    [one] = subjects(["engine"], folder, runs.all_runs(tmp_path / "results"), print)
    return one


def regime(subject: Subject, depth: str) -> Regime:
    [one] = [regime for regime in subject.regimes if dict(regime.conditions)["depth"] == depth]
    return one


def test_the_best_beyond_the_floor_in_every_regime(tmp_path: Path) -> None:
    subject = found(tmp_path, kept(tmp_path))
    # 0.6 % less is within the floor of 2 %.
    assert regime(subject, "plain").use == ("epoll", "uring")
    assert regime(subject, "deep").use == ("uring",)
    assert regime(subject, "deep").undecided == ()
    assert subject.missing() == []
    reached = [(dict(r.conditions)["depth"], arm.value) for r, arm in subject.reaching()]
    assert reached == [("deep", "uring")]


def test_its_counters_stand_beside_a_ratio(tmp_path: Path) -> None:
    text = "\n".join(show.lines([found(tmp_path, kept(tmp_path))]))
    assert "depth=deep, server CPU per request: uring\n" in text
    assert "uring: 0.400 [0.400, 0.401], 2.50x less; server_syscalls 0.130 -> 0.00200" in text
    assert "Twice or more: uring 2.50x less at depth=deep, server CPU per request." in text
    assert "4 of 4 comparisons decided." in text


def test_what_a_run_lacks_is_missing_and_the_rest_is_told(tmp_path: Path) -> None:
    def keep(row: Row) -> bool:
        lost = (row["factor_engine"], row["factor_depth"]) == ("uring", "plain")
        return not (lost and row["block"] < 3)  # five blocks are too few

    subject = found(tmp_path, kept(tmp_path, keep))
    assert regime(subject, "deep").use == ("uring",)
    assert regime(subject, "plain").undecided == ("uring",)
    text = "\n".join(show.lines([subject]))
    assert "depth=plain, server CPU per request: epoll (undecided: uring)" in text
    assert ", cannot tell; " in text
    assert "3 of 4 comparisons decided." in text


def test_what_the_file_has_come_to_plan_is_missing(tmp_path: Path) -> None:
    folder = kept(tmp_path)
    file = folder / "engines.yaml"
    file.write_text(FILE.replace("deep: 16", "deep: 16, deeper: 64"))
    subject = found(tmp_path, folder)
    assert [(dict(r.conditions)["depth"], arm.value) for r, arm in subject.missing()] == [
        ("deeper", "uring"),
        ("deeper", "thread"),
    ]
    page = "\n".join(show.markdown([subject], ["engine"]))
    where = "depth=deeper, server CPU per request, against epoll (uring, thread)"
    assert f"Missing: {where}." in page
    assert "| depth=deeper | server CPU per request | not measured | uring | - |" in page


def test_an_experiment_without_a_run_is_named(tmp_path: Path) -> None:
    folder = kept(tmp_path, evidence=False)
    subject = found(tmp_path, folder)
    assert subject.run == "" and len(subject.missing()) == 4
    text = "\n".join(show.lines([subject]))
    assert f"no run that counts yet: {folder / 'engines.yaml'}" in text
    assert "0 of 4 comparisons decided" in text


def test_the_last_run_counts_and_one_without_a_file_too(tmp_path: Path) -> None:
    folder = kept(tmp_path)
    [first] = runs.all_runs(tmp_path / "results")
    first.rename(first.with_name("20000101T000000Z-0000"))
    kept(tmp_path, starts=5)  # too few to conclude from
    subject = found(tmp_path, folder)
    assert subject.run > "20000101T000000Z-0000"
    assert regime(subject, "deep").undecided == ("uring", "thread")
    (folder / "engines.yaml").unlink()
    assert found(tmp_path, folder).regimes == subject.regimes


def test_the_index_has_the_table(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    kept(tmp_path)
    capsys.readouterr()
    assert run(["report", "--index", "--json", "--results", str(tmp_path / "results")]) == 0
    page = Path(json.loads(capsys.readouterr().out)["index"]).read_text(encoding="utf-8")
    assert "When to use which engine" in page and "<td>0.400 [0.400, 0.401]</td>" in page
    assert "Twice or more: uring 2.50x less at depth=deep" in page


def comparison(ratio: float, low: float, high: float, verdict: str = "lower") -> Comparison:
    return Comparison(
        cell="a", baseline_cell="b", factor="engine", value="v", baseline="epoll", conditions=(),
        metric=METRIC, family="primary", floor=0.02, n=8, dropped=0, ratio=ratio, low=low,
        high=high, verdict=verdict,
    )  # fmt: skip


def test_values_that_cannot_be_told_apart_are_named_together() -> None:
    arms = (
        Arm("a", comparison(0.8, 0.75, 0.85)),
        Arm("b", comparison(0.7, 0.65, 0.77)),
        Arm("c", comparison(0.9, 0.88, 0.92)),
        Arm("d", comparison(1.5, 1.4, 1.6, "higher")),
    )
    assert Regime((), METRIC, "epoll", arms).use == ("b", "a")


def test_where_more_is_better_less_is_not_used() -> None:
    worse = Arm("a", Comparison(**{**vars_of(comparison(0.5, 0.4, 0.6)), "metric": RATE}))
    better = Arm("b", Comparison(**{**vars_of(comparison(2.0, 1.9, 2.1)), "metric": RATE}))
    assert Regime((), RATE, "epoll", (worse, better)).use == ("b",)
    assert Regime((), RATE, "epoll", (worse,)).use == ("epoll",)


def test_a_difference_without_a_counter_is_unexplained() -> None:
    assert show.why_text(Arm("a", comparison(0.5, 0.4, 0.6), explained=False)).startswith("unexpl")
    moved = Carrier("x_per_request", "ratio", 2.0, 1.0, 0.5, 0.4, 0.6, 0.01, 1.0, 1.0)
    assert "x 2.00 -> 1.00" in show.why_text(Arm("a", comparison(0.5, 0.4, 0.6), (moved,), True))


RATE = "requests_per_second"


def vars_of(one: Comparison) -> Row:
    import dataclasses

    return {field.name: getattr(one, field.name) for field in dataclasses.fields(one)}


def test_command(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = kept(tmp_path)
    (folder / "bad.yaml").write_text("compare: [{factor: engine")
    capsys.readouterr()
    where = ["--results", str(tmp_path / "results"), "--experiments", str(folder)]
    assert run(["choose", "--json", *where]) == 0
    said = capsys.readouterr()
    assert said.err.count("left out: ") == 1
    [told] = json.loads(said.out)
    assert told["regimes"][1]["use"] == ["uring"]
    assert told["twice"] == [{"conditions": {"depth": "deep"}, "metric": METRIC, "value": "uring"}]
    assert run(["choose", "engine", "--format", "md", *where]) == 0
    assert "# When to use which: engine" in capsys.readouterr().out
    assert run(["choose", "colour", *where]) == 2
    assert "nothing compares values of `colour`" in capsys.readouterr().err
