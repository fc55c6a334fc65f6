"""Comparing runs on disk: verdicts, what must not be compared, gates, baselines, formats."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from store_factory import EXPERIMENT, HOST, make_store
from zyphos_lab.cli.main import run
from zyphos_lab.compare import baseline, source
from zyphos_lab.compare.between import compare_runs
from zyphos_lab.compare.blocks import Wanted, wanted_of
from zyphos_lab.compare.gates import judged, read
from zyphos_lab.compare.model import Table
from zyphos_lab.compare.source import Source
from zyphos_lab.compare.within import compare_factor
from zyphos_lab.errors import UsageError
from zyphos_lab.store import Store

SMALL = {
    **EXPERIMENT,
    "factors": {"write": {"set": "load.write_pattern", "values": ["one", "two", "cork"]}},
    "compare": [{"factor": "write", "baseline": "one", "metrics": ["latency_ns_p99"]}],
    "expect": [],
}
P99 = Wanted(("latency_ns_p99",), {}, 1)
Change = Callable[[dict[str, Any]], None]


def times(factor: float, only: str = "") -> Change:
    """Every latency times `factor`, in the cells with this write pattern."""

    def change(row: dict[str, Any]) -> None:
        if only in ("", row["factor_write"]):
            for name in ("latency_ns_p50", "latency_ns_p99"):
                row[name] *= factor
            row["requests_per_second"] /= factor

    return change


def store(folder: Path, seed: int, change: Change | None = None, **more: Any) -> Store:
    chosen = {"experiment": SMALL, "histograms": False, **more}
    return make_store(folder, seed=seed, change=change, **chosen)


def side(folder: Path, seed: int, change: Change | None = None, **more: Any) -> Source:
    return source.of_store(store(folder, seed, change, **more))


def verdicts(table: Table) -> dict[str, str]:
    return {line.label: line.comparison.verdict for line in table.lines}


def gated(table: Table, *texts: str) -> list[str]:
    return [gate.outcome for gate in judged(table, [read(text) for text in texts]).gates]


def test_a_difference_between_runs_is_found_where_it_is(tmp_path: Path) -> None:
    a, b = side(tmp_path, 1), side(tmp_path, 2, times(1.06, "two"))
    table = compare_runs(a, b, P99)
    assert verdicts(table) == {"write=one": "same", "write=two": "slower", "write=cork": "same"}
    [two] = [line for line in table.lines if line.label == "write=two"]
    assert two.comparison.ratio == pytest.approx(1.06, rel=0.005)
    assert (two.n, two.comparison.n, table.paired) == ("8+8", 8, False)
    [block] = table.blocks
    assert block.geomean is not None
    assert block.geomean.ratio == pytest.approx(1.06 ** (1 / 3), rel=0.005)


def test_what_was_not_interleaved_is_said_first(tmp_path: Path) -> None:
    other = {**HOST, "kernel": {**HOST["kernel"], "release": "6.19.0"}}
    a = side(tmp_path, 1)
    b = side(tmp_path, 2, manifest={"host": other, "build": {"version": "0.2.0"}})
    table = compare_runs(a, b, P99)
    assert [remark.code for remark in table.warnings] == ["not_interleaved", "confounded"]
    assert "kernel.release" in table.warnings[1].message
    found = {(one.subject, one.name): (one.a, one.b) for one in table.differences}
    assert found == {
        ("machine", "kernel.release"): ("6.18.0", "6.19.0"),
        ("build", "build.version"): ("0.1.0", "0.2.0"),
    }


def test_a_side_that_drifts_is_said(tmp_path: Path) -> None:
    def drifting(row: dict[str, Any]) -> None:
        times(1.02 ** row["block"])(row)

    table = compare_runs(side(tmp_path, 1), side(tmp_path, 2, drifting), P99)
    [remark] = [remark for remark in table.warnings if "drift" in remark.code]
    assert remark.code == "b_drift"
    assert "write=one latency_ns_p99 rose" in remark.message


def test_runs_of_one_thing_do_not_differ(tmp_path: Path) -> None:
    table = compare_runs(side(tmp_path, 1), side(tmp_path, 2), P99)
    assert set(verdicts(table).values()) == {"same"}
    assert gated(table, "regression(p99) <= 3%", "ratio(p99) < 1.02") == ["PASS", "PASS"]


def test_few_starts_never_conclude(tmp_path: Path) -> None:
    a, b = side(tmp_path, 1, starts=5), side(tmp_path, 2, times(3), starts=5)
    table = compare_runs(a, b, P99)
    assert set(verdicts(table).values()) == {"cannot tell"}
    assert table.lines[0].comparison.reason == "5+5 starts, 6+6 are needed"
    assert gated(table, "regression(p99) <= 3%") == ["CANNOT TELL"]


def with_arrival(arrival: dict[str, Any]) -> dict[str, Any]:
    return {**SMALL, "load": {**SMALL["load"], "arrival": arrival}}


def test_other_arrival_laws_are_never_compared(tmp_path: Path) -> None:
    a = side(tmp_path, 1)
    b = side(tmp_path, 2, experiment=with_arrival({"law": "poisson", "rate": "1000/s"}))
    table = compare_runs(a, b, P99)
    assert table.blocks == ()
    assert {one.cell for one in table.refused} == {"write=one", "write=two", "write=cork"}
    assert "closed against poisson" in table.refused[0].reason
    assert gated(table, "regression(p99) <= 3%") == ["CANNOT TELL"]


def test_other_offered_rates_are_not_compared(tmp_path: Path) -> None:
    def asked(rate: float) -> Change:
        return lambda row: row.update(rate_asked_per_second=rate)

    law = with_arrival({"law": "poisson", "rate": "1000/s"})
    a = side(tmp_path, 1, asked(1000), experiment=law)
    b = side(tmp_path, 2, asked(2000), experiment=law)
    assert "1000/s against 2000/s" in compare_runs(a, b, P99).refused[0].reason
    assert compare_runs(a, side(tmp_path, 3, asked(1000), experiment=law), P99).refused == ()


def test_other_rulers_are_not_compared_between_runs(tmp_path: Path) -> None:
    foreign = {**SMALL, "load": {**SMALL["load"], "generator": {"tool": "wrk", "path": "/x/wrk"}}}
    table = compare_runs(side(tmp_path, 1), side(tmp_path, 2, experiment=foreign), P99)
    assert "zyphos against wrk" in table.refused[0].reason


def test_laws_set_by_a_factor_are_known(tmp_path: Path) -> None:
    laws = {"closed": {"law": "closed"}, "open": {"law": "constant", "rate": "10/s"}}
    factors = {"arrival": {"set": "load.arrival", "values": laws}}
    one = {**SMALL, "factors": {**factors, **SMALL["factors"]}, "compare": []}
    one["factors"] = {"write": {**SMALL["factors"]["write"], "values": ["one"]}, **factors}
    run_ = side(tmp_path, 1, experiment=one)
    table = compare_factor(run_, "arrival", None, P99)
    assert table.blocks == ()
    assert "closed against constant" in table.refused[0].reason


def test_cells_of_one_run_only_are_named(tmp_path: Path) -> None:
    factor = {"set": "load.write_pattern", "values": ["one", "two"]}
    table = compare_runs(
        side(tmp_path, 1),
        side(tmp_path, 2, experiment={**SMALL, "factors": {"write": factor}}),
        P99,
    )
    assert [(one.cell, one.reason) for one in table.refused] == [("write=cork", "not in b")]
    assert len(table.lines) == 2
    assert gated(table, "ratio(p99) < 2") == ["CANNOT TELL"]


def test_nothing_in_common_is_an_error(tmp_path: Path) -> None:
    factors = {"ack": {"set": "targets.*.socket.tcp_quickack", "values": [False, True]}}
    with pytest.raises(UsageError, match="no cell in common") as caught:
        compare_runs(side(tmp_path, 1), side(tmp_path, 2, experiment={**SMALL, "factors": factors,
                     "compare": []}), P99)  # fmt: skip
    assert "write=one; write=two and 1 more" in caught.value.hint


def invalid(row: dict[str, Any]) -> None:
    if row["block"] == 0:
        row["verdict"] = "INVALID"
        row["latency_ns_p99"] *= 100


def test_invalid_trials_are_left_out_unless_asked_for(tmp_path: Path) -> None:
    a, kept = side(tmp_path, 1), store(tmp_path, 2, invalid)
    table = compare_runs(a, source.of_store(kept), P99)
    assert set(verdicts(table).values()) == {"same"}
    assert (table.lines[0].n, table.lines[0].comparison.dropped) == ("8+7", 1)
    asked = compare_runs(a, source.of_store(kept, include_invalid=True), P99)
    assert asked.lines[0].n == "8+8"
    assert asked.lines[0].b.largest == pytest.approx(75e5, rel=0.02)


def test_a_degraded_side_is_said(tmp_path: Path) -> None:
    table = compare_runs(side(tmp_path, 1, starts=7, manifest={"plan": [1] * 24}),
                         side(tmp_path, 2), P99)  # fmt: skip
    assert "a is DEGRADED: complete: 21 of 24 trials were run" in table.warnings[1].message


def test_a_lower_bound_of_b_can_only_be_slower(tmp_path: Path) -> None:
    def bound(factor: float) -> Change:
        def change(row: dict[str, Any]) -> None:
            times(factor)(row)
            if row["block"] == 3:
                row["latency_ns_p99_at_least"] = True

        return change

    a = side(tmp_path, 1)
    slow = compare_runs(a, side(tmp_path, 2, bound(1.5)), P99)
    assert set(verdicts(slow).values()) == {"slower"}
    assert slow.lines[0].ratio_range == (pytest.approx(1.5, rel=0.02), float("inf"))
    assert gated(slow, "regression(p99) <= 3%") == ["FAIL"]
    fast = compare_runs(a, side(tmp_path, 3, bound(0.5)), P99)
    assert set(verdicts(fast).values()) == {"cannot tell"}
    assert "lower bound" in fast.lines[0].comparison.reason
    assert gated(fast, "regression(p99) <= 3%") == ["CANNOT TELL"]
    back = compare_runs(side(tmp_path, 4, bound(1.5)), a, P99)
    assert set(verdicts(back).values()) == {"cannot tell"}


def test_a_lower_bound_of_an_arm_can_only_be_slower(tmp_path: Path) -> None:
    def bound(row: dict[str, Any]) -> None:
        times({"one": 1.0, "two": 1.5, "cork": 0.7}[row["factor_write"]])(row)
        if row["factor_write"] != "one" and row["block"] < 2:
            row["latency_ns_p99_at_least"] = True

    table = compare_factor(side(tmp_path, 1, bound), "write", None, P99)
    assert verdicts(table) == {"write=two": "slower", "write=cork": "cannot tell"}
    two = table.lines[0]
    assert two.ratio_range == (pytest.approx(1.5, rel=0.02), float("inf"))
    assert two.comparison.p_adjusted == pytest.approx(2 * 2 / 2**8)
    [gate] = judged(table, [read("regression(p99) <= 3%")]).gates
    assert [cell.outcome for cell in gate.cells] == ["FAIL", "CANNOT TELL"]
    assert gated(compare_factor(side(tmp_path, 1, bound), "write", "two", P99), "p99 < 1s") == [
        "CANNOT TELL"
    ]


def test_zero_on_both_sides_is_the_same(tmp_path: Path) -> None:
    def errors(share: float) -> Change:
        return lambda row: row.update(requests_error_ratio=share)

    wanted = Wanted(("requests_error_ratio",), {}, 1)
    a = side(tmp_path, 1, errors(0.0))
    none = compare_runs(a, side(tmp_path, 2, errors(0.0)), wanted)
    assert set(verdicts(none).values()) == {"same"}
    assert gated(none, "regression(errors) <= 1%", "errors <= 0.01%") == ["PASS", "PASS"]
    some = compare_runs(a, side(tmp_path, 3, errors(0.01)), wanted)
    assert "no ratio: 0 in 8 of 8 starts of a" in some.lines[0].comparison.reason
    assert gated(some, "regression(errors) <= 1%", "errors <= 0.01%") == ["CANNOT TELL", "FAIL"]


@pytest.mark.parametrize(
    ("factor", "gate", "outcome"),
    [
        (1.06, "regression(p99) <= 3%", "FAIL"),
        (1.06, "regression(p99) <= 10%", "PASS"),
        (1.06, "regression(p99) <= 6%", "CANNOT TELL"),
        (0.9, "regression(p99) <= 3%", "PASS"),
        (1.06, "regression(rate) <= 3%", "FAIL"),
        (0.9, "regression(rate) <= 3%", "PASS"),
        (1.06, "ratio(p99) < 1.02 or p99 < 1ms", "PASS"),
        (1.06, "p99 <= 76us", "FAIL"),
        (1.06, "p99 <= 90us and ci(p99) < 3%", "PASS"),
        (1.06, "ci(p99) < 0.0001%", "FAIL"),
        (1.06, "service_ns_p99 < 1s", "CANNOT TELL"),
    ],
)
def test_gates(tmp_path: Path, factor: float, gate: str, outcome: str) -> None:
    wanted = Wanted(("latency_ns_p99", "requests_per_second", "service_ns_p99"), {}, 1)
    one = {**SMALL, "factors": {"write": {**SMALL["factors"]["write"], "values": ["one"]}}}
    a = side(tmp_path, 1, experiment=one)
    table = compare_runs(a, side(tmp_path, 2, times(factor), experiment=one), wanted)
    assert gated(table, gate) == [outcome]


def test_one_cell_that_fails_fails_the_gate(tmp_path: Path) -> None:
    table = compare_runs(side(tmp_path, 1), side(tmp_path, 2, times(1.5, "cork")), P99)
    [gate] = judged(table, [read("regression(p99) <= 3%")]).gates
    outcomes = {cell.cell: cell.outcome for cell in gate.cells}
    assert outcomes == {"write=one": "PASS", "write=two": "PASS", "write=cork": "FAIL"}
    failed = next(cell for cell in gate.cells if cell.outcome == "FAIL")
    assert re.match(r"regression\(latency_ns_p99\) 50\.\d % \[49\.\d, 50\.\d\]", failed.measured)


def test_by_factor_pairs_the_starts(tmp_path: Path) -> None:
    run_ = side(tmp_path, 1, times(1.2, "two"))
    table = compare_factor(run_, None, None, P99)
    assert table.paired
    [block] = table.blocks
    assert (block.a, block.b, block.geomean) == ("one", "value", None)
    assert [(line.label, line.comparison.verdict) for line in block.lines] == [
        ("write=two", "slower"),
        ("write=cork", "same"),
    ]
    assert [line.n for line in table.lines] == ["8", "8"]
    assert [remark.code for remark in table.warnings] == []
    other = compare_factor(run_, "write", "two", P99)
    assert [line.label for line in other.lines] == ["write=one", "write=cork"]
    assert {line.comparison.verdict for line in other.lines} == {"faster"}
    assert gated(table, "regression(p99) <= 3%") == ["FAIL"]
    assert gated(other, "regression(p99) <= 3%") == ["PASS"]


def test_a_factor_that_was_not_adjacent_is_said(tmp_path: Path) -> None:
    table = compare_factor(side(tmp_path, 1, experiment=EXPERIMENT), "write", None, P99)
    assert [remark.code for remark in table.warnings] == ["not_adjacent"]
    assert len(table.blocks) == 3
    assert [line.label for line in table.blocks[0].lines] == [  # the order of the file
        "nodelay=false ack=delayed",
        "nodelay=false ack=quick",
        "nodelay=true ack=delayed",
        "nodelay=true ack=quick",
    ]


@pytest.mark.parametrize(
    ("factor", "base", "message"),
    [
        ("wrte", None, "has no factor `wrte` (did you mean `write`?)"),
        ("frogs", None, "has no factor `frogs` (its factors are write)"),
        ("write", "corc", "write has no value `corc` (did you mean `cork`?)"),
        ("write", "x", "write has no value `x` (it has one, two, cork)"),
    ],
)
def test_unknown_factors_and_values(
    tmp_path: Path, factor: str, base: str | None, message: str
) -> None:
    with pytest.raises(UsageError) as caught:
        compare_factor(side(tmp_path, 1), factor, base, P99)
    assert message in str(caught.value)


def test_a_baseline_says_what_its_run_says(tmp_path: Path) -> None:
    a, b = side(tmp_path, 1), side(tmp_path, 2, times(1.06))
    file = tmp_path / "baseline.json"
    baseline.write(a, file, ["latency_ns_p99"])
    assert file.stat().st_size < 20_000
    saved = baseline.read(file)
    told, direct = (compare_runs(one, b, P99) for one in (saved, a))
    assert [line.comparison for line in told.lines] == [line.comparison for line in direct.lines]
    assert (told.a.kind, told.a.name, told.differences) == ("baseline", a.side.name, ())
    trials = json.loads(file.read_text())["trials"]
    assert len(trials) == 24
    assert len(file.read_text().splitlines()) > 24  # a line each: a diff shows what changed


def test_an_invalid_run_is_no_baseline(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    bad = store(tmp_path, 1, lambda row: row.update(verdict="INVALID"))
    saved = ["compare", str(bad.path), "--save-baseline", str(tmp_path / "baseline.json")]
    assert run(saved) == 5
    assert "an INVALID run is no baseline" in capsys.readouterr().err
    assert not (tmp_path / "baseline.json").exists()
    assert run([*saved, "--include-invalid"]) == 0
    assert (tmp_path / "baseline.json").exists()


def test_floors_and_metrics_come_from_the_experiments(tmp_path: Path) -> None:
    floored = {**SMALL, "compare": [{**SMALL["compare"][0], "floor": "7%"}]}
    sides = [side(tmp_path, 1), side(tmp_path, 2, times(1.06), experiment=floored)]
    wanted = wanted_of(sides)
    assert (wanted.metrics, wanted.floor("latency_ns_p99")) == (("latency_ns_p99",), 0.07)
    assert set(verdicts(compare_runs(*sides, wanted)).values()) == {"same"}
    asked = wanted_of(sides, ["p50", "rate"], ["requests_error_ratio"], 0.02)
    assert asked.metrics == ("latency_ns_p50", "requests_per_second", "requests_error_ratio")
    assert asked.floor("latency_ns_p50") == 0.02


# The command


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two runs, the later one 6 % slower."""
    folder = tmp_path_factory.mktemp("results")
    for seed, factor in ((1, 1.0), (2, 1.06)):
        store(folder, seed, times(factor)).path.rename(folder / "tcp_nodelay" / f"2026-{seed}")
    return folder


@pytest.fixture
def runs(made: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The two runs in results/ below the working folder."""
    monkeypatch.chdir(tmp_path)
    shutil.copytree(made, tmp_path / "results")
    return tmp_path


def test_gates_decide_the_exit_code(runs: Path, capsys: pytest.CaptureFixture[str]) -> None:
    two = ["compare", "2026-1", "last"]
    assert run([*two, "--gate", "regression(p99) <= 10%"]) == 0
    assert "PASS regression(p99) <= 10%" in capsys.readouterr().out
    assert run([*two, "--gate", "regression(p99) <= 10%", "--gate", "regression(p99) <= 3%"]) == 3
    assert capsys.readouterr().err == "zyphos-lab: gate failed: regression(p99) <= 3%\n"
    unsure = [*two, "--gate", "regression(p99) <= 6%"]
    assert run(unsure) == 0
    assert run([*unsure, "--require-conclusive"]) == 4
    assert run([*two, "--metric", "service_ns_p99", "--require-conclusive"]) == 4


def test_a_baseline_is_saved_and_gated(runs: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["compare", "2026-1", "--save-baseline", "baseline.json"]) == 0
    assert capsys.readouterr().out == ""
    assert run(["compare", "baseline.json", "last", "--gate", "regression(p99) <= 3%"]) == 3
    assert "saved baseline" in capsys.readouterr().out
    assert run(["compare", "baseline.json", "2026-1", "--gate", "regression(p99) <= 3%"]) == 0


def test_an_invalid_side_is_5(runs: Path, capsys: pytest.CaptureFixture[str]) -> None:
    bad = store(runs / "results", 3, lambda row: row.update(verdict="INVALID"))
    assert run(["compare", "2026-1", str(bad.path)]) == 5
    assert "b (" in capsys.readouterr().err
    assert run(["compare", "2026-1", str(bad.path), "--include-invalid"]) == 0


@pytest.mark.parametrize("width", [80, 160])
def test_the_terminal_never_breaks_a_number(
    runs: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, width: int
) -> None:
    monkeypatch.setenv("COLUMNS", str(width))
    assert run(["compare", "2026-1", "2026-2"]) == 0
    out = capsys.readouterr().out
    assert all(len(line) <= width for line in out.splitlines())
    sides = r"write=cork +75\.\d us .\d\.\d% +79\.\d us .\d\.\d%"
    change = r" +\+[56]\.\d% +\[\+5\.\d%, \+6\.\d%\]"
    p = r" +<0\.001" if width >= 120 else ""  # where it has no room the interval says more
    assert re.search(sides + change + p + r" +8\+8 +1\.06x slower", out)
    assert ("max-T" in out) is (width >= 120)
    assert "NOT INTERLEAVED" in out and "geomean" in out
    assert out.index("machine: nothing differs") < out.index("latency_ns_p99")


def test_markdown_is_a_table_per_metric(runs: Path, capsys: pytest.CaptureFixture[str]) -> None:
    gate = ["--gate", "p99 < 1s"]
    assert run(["compare", "2026-1", "2026-2", "--format", "md", "--metric", "p50", *gate]) == 0
    out = capsys.readouterr().out
    assert "**PASS** `p99 < 1s`" in out
    tables = re.findall(r"(?:^\|.*\|\n)+", out, re.MULTILINE)
    assert len(tables) == 2  # p50, and p99 for the gate
    for table in tables:
        rows = [re.split(r"(?<!\\)\|", line)[1:-1] for line in table.splitlines()]
        assert {len(row) for row in rows} == {8}
        assert [row[0].strip() for row in rows[2:]] == ["write=one", "write=two", "write=cork",
                                                        "*geomean*"]  # fmt: skip
    assert "**1.06x slower**" in out


def test_html_stands_alone(runs: Path, capsys: pytest.CaptureFixture[str]) -> None:
    page = runs / "page.html"
    given = ["--format", "html", "--output", str(page), "--gate", "regression(p99) <= 3%"]
    assert run(["compare", "2026-1", "2026-2", *given]) == 3
    text = page.read_text()
    assert capsys.readouterr().out == ""
    assert not re.search(r"<script|<link|src=|https?://", text)
    assert 'class="badge FAIL">FAIL' in text
    assert text.count('<tr class="differs">') == 3


def test_json_holds_all(runs: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["compare", "2026-1", "2026-2", "--json", "--gate", "p99 < 1s"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["schema_version"] == 1
    assert found["gates"][0]["outcome"] == "PASS"
    line = found["blocks"][0]["lines"][0]
    assert line["comparison"]["low"] < line["comparison"]["ratio"] < line["comparison"]["high"]
    assert run(["compare", "2026-1", "2026-2", "--format", "json"]) == 0
    assert json.loads(capsys.readouterr().out)["paired"] is False


BAD = [
    (["compare"], "no runs: what is to be compared?"),
    (["compare", "a", "b", "c"], "3 runs: what is to be compared?"),
    (["compare", "nope", "last"], "no run `nope` in results"),
    (["compare", "nope.json", "last"], "cannot read nope.json"),
    (["compare", "here.json", "last"], "here.json: not a baseline"),
    (["compare", "2026-1", "2026-2", "--metric", "p95"], "unknown metric `p95` (did you mean"),
    (["compare", "2026-1", "2026-2", "--metric", "verdict"], "is text"),
    (["compare", "2026-1", "--by", "wirte"], "no factor `wirte` (did you mean `write`?)"),
    (["compare", "2026-1", "2026-2", "--by", "write"], "about one run"),
    (["compare", "2026-1", "2026-2", "--gate", "p99 < 2"], "--gate:5: the sides of `<` do not fit"),
    (["compare", "2026-1", "2026-2", "--gate", "regresion(p99) < 2%"], "`regression(metric)`?"),
    (["compare", "2026-1", "2026-2", "--gate", "regression(p99) < 2"], "did you mean `2%`?"),
    (["compare", "2026-1", "2026-2", "--floor", "two"], "--floor"),
    (["compare", "2026-1", "2026-2", "--json", "--format", "md"], "contradict"),
    (["compare", "2026-1", "2026-2", "--format", "pdf"], "pdf"),
]


@pytest.mark.parametrize(("arguments", "message"), BAD, ids=lambda v: " ".join(v[1:])[:40])
def test_bad_input_is_one_line_and_2(
    runs: Path, capsys: pytest.CaptureFixture[str], arguments: list[str], message: str
) -> None:
    (runs / "here.json").write_text("{}")
    assert run(arguments) == 2
    captured = capsys.readouterr()
    assert message in captured.err
    assert len(captured.err.splitlines()) == 1
    assert captured.out == "" or "--json" in arguments
