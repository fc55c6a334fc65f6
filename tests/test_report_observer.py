"""What the costly probes changed stands beside every figure, and `--verify` recomputes it."""

from __future__ import annotations

import io
import json
import re
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

import store_factory
from zyphos_lab import observer, report
from zyphos_lab.cli.main import run
from zyphos_lab.report import notes, observed
from zyphos_lab.report.model import Answer
from zyphos_lab.stage import INSTRUMENTED, MEASURE, OBSERVER, PLAIN
from zyphos_lab.store import Store

BLOCKS = 8
COST = 1.1


def paired(row: dict[str, Any]) -> None:
    """Of 24 starts the first 8 are the measurement, the others pairs: plain, then instrumented."""
    part, row["block"] = divmod(row["block"], BLOCKS)
    row["stage"] = MEASURE if part == 0 else OBSERVER
    if part == 0:
        return
    if row["arm"]:  # an A/A cell has no pairs of its own here
        row["verdict"] = "INVALID"
        return
    row["arm"] = (PLAIN, INSTRUMENTED)[part - 1]
    if part == 1:
        row["server_syscalls_per_request"] = None  # such a trial has no such number
        return
    for name in ("latency_ns_p50", "latency_ns_p99", "server_cpu_ns_per_request"):
        row[name] *= COST


def made(folder: Path, starts: int = 3 * BLOCKS, **changes: Any) -> Store:
    experiment = store_factory.EXPERIMENT | changes
    return store_factory.make_store(
        folder, starts, change=paired, experiment=experiment, histograms=False
    )


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Store:
    return made(tmp_path_factory.mktemp("results"))


@pytest.fixture(scope="module")
def answer(store: Store) -> Answer:
    return report.show(store)


def printed(answer: Answer, width: int = 140) -> str:
    console = Console(file=io.StringIO(), width=width)
    report.terminal(answer, console)
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue()


def test_the_change_is_known_of_every_metric_that_is_told(answer: Answer) -> None:
    assert answer.probes_costly == ("syscalls",)
    one = answer.observer("latency_ns_p50")
    assert one is not None and one.change is not None and one.low is not None
    assert one.change == pytest.approx(COST - 1, abs=0.002) and one.pairs == 15 * BLOCKS
    assert one.low < one.change < (one.high or 0) < one.low + 0.005
    rate = answer.observer("requests_per_second")
    assert rate is not None and rate.change is not None and abs(rate.change) < 0.01
    cells = {told.cell for told in answer.observed if told.metric == "latency_ns_p50"}
    assert len(cells) == 1 + 15


def test_a_cell_has_the_medians_of_both_arms(store: Store, answer: Answer) -> None:
    cell = "nodelay=true,write=two,ack=quick"
    one = answer.observer("latency_ns_p50", cell)
    assert one is not None and one.plain is not None and one.instrumented is not None
    rows = [row for row in store.rows(OBSERVER) if row["cell"] == cell]
    plain = sorted(row["latency_ns_p50"] for row in rows if row["arm"] == PLAIN)
    assert one.plain == pytest.approx((plain[3] + plain[4]) / 2)
    assert one.instrumented / one.plain == pytest.approx(COST, rel=0.01)


def test_the_mark_stands_at_every_table_of_the_terminal(answer: Answer) -> None:
    text = " ".join(printed(answer).split())
    assert "Observer: syscalls in every trial; beside paired trials without: latency_ns_p50" in text
    assert re.search(r"latency_ns_p50: nodelay false -> true \+\d+\.\d % observer \[", text)
    assert re.search(r"stall: 38ms <= latency_ns_p50 <= 48ms .*?\+\d+\.\d % observer", text)
    narrow = printed(answer, 80)
    assert max(map(len, narrow.splitlines())) <= 80 and "% observer" in narrow


def written(store: Store) -> None:
    answer = report.answer(store)
    report.write_answer(store, answer)
    report.html(store, answer)


def test_the_mark_stands_at_every_figure_of_the_page(store: Store) -> None:
    written(store)
    page = (store.path / "report.html").read_text(encoding="utf-8")
    assert "What the probes cost" in page
    captions = re.findall(r"<caption>.*?</caption>", page, re.S)
    assert captions and all("% observer" in caption for caption in captions)
    heads = re.findall(r'<th class="number" title=.*?</th>', page, re.S)
    assert heads and all("% observer" in head for head in heads)
    pictures = re.findall(r'<figure class="wide">.*?</figure>', page, re.S)
    assert any("% observer" in picture for picture in pictures)


def test_verify_recomputes_it(store: Store, capsys: pytest.CaptureFixture[str]) -> None:
    written(store)
    assert run(["report", str(store.path), "--verify"]) == 0
    capsys.readouterr()
    page, kept = store.path / "report.html", store.path / "answer.json"
    whole, told = page.read_text(encoding="utf-8"), kept.read_text(encoding="utf-8")
    page.write_text(re.sub(r"\+(\d+\.\d) % observer", "+99.9 % observer", whole, count=1))
    assert run(["report", str(store.path), "--verify"]) == 5
    assert "printed: told 0.999" in capsys.readouterr().out
    page.write_text(whole, encoding="utf-8")
    answer = json.loads(told)
    answer["observed"][1]["plain"] = 1.0
    kept.write_text(json.dumps(answer), encoding="utf-8")
    assert run(["report", str(store.path), "--verify"]) == 5
    assert "plain: told 1.0" in capsys.readouterr().out
    kept.write_text(told, encoding="utf-8")


def test_what_only_a_costly_probe_gives_has_no_plain_number(tmp_path: Path) -> None:
    compare = [{**store_factory.EXPERIMENT["compare"][0],
                "metrics": ["server_syscalls_per_request"]}]  # fmt: skip
    answer = report.show(made(tmp_path, compare=compare))
    one = answer.observer("server_syscalls_per_request")
    assert one is not None and one.change is None
    assert one.reason.endswith("comes from a costly probe: without it there is no such number")
    assert "observer not measured" in printed(answer)


@pytest.mark.parametrize(
    ("design", "why"),
    [
        ({"observer": {"pairs": 0}}, "`design.observer.pairs` is 0"),
        ({}, "`design.observer.pairs: 8` asks for them"),
    ],
)
def test_without_pairs_the_reason_stands_there(
    tmp_path: Path, design: dict[str, Any], why: str
) -> None:
    answer = report.show(made(tmp_path, BLOCKS, design=design))
    assert {one.change for one in answer.observed} == {None}
    assert why in observed.headline(answer) and why in printed(answer).replace("\n", " ")
    assert "observer not measured" in printed(answer)


def test_without_costly_probes_there_is_no_mark(tmp_path: Path) -> None:
    answer = report.show(made(tmp_path, BLOCKS, probes=["tcp_info"]))
    assert answer.observed == () and "bserver" not in printed(answer)
    assert observed.headline(answer) == ""


def test_a_refused_probe_costs_nothing(answer: Answer) -> None:
    experiment = store_factory.EXPERIMENT | {"probes": ["syscalls", "sched"]}
    assert observed.costly(experiment, {"syscalls": "not permitted"}) == ("sched",)


def test_the_notebook_has_it_too(answer: Answer) -> None:
    assert "Observer: syscalls in every trial" in notes.headline(answer)
    assert notes.comparisons(answer)["observer"].str.contains("% observer").all()
    assert any("% observer" in name for name in notes.cells(answer).columns)
    assert notes.expectations(answer)["observer"].str.contains("% observer").all()


def rows(logs: Sequence[tuple[float, float]]) -> list[dict[str, Any]]:
    arms = ((PLAIN, 0), (INSTRUMENTED, 1))
    return [
        {"stage": OBSERVER, "cell": "a", "block": block, "arm": arm, "verdict": "VALID",
         "latency_ns_p50": pair[at]}
        for block, pair in enumerate(logs)
        for arm, at in arms
    ]  # fmt: skip


def test_few_pairs_have_no_interval_and_say_how_many() -> None:
    [one] = observed.observed(["latency_ns_p50"], rows([(100.0, 110.0)] * 3), {})
    assert one.change == pytest.approx(0.1) and (one.low, one.high) == (None, None)
    assert observed.mark_text(one) == "+10.0 % observer (3 pairs)"
    assert observed.short_text(one) == "+10.0 % observer"


def test_nothing_is_not_minus_nothing() -> None:
    [one] = observed.observed(["latency_ns_p50"], rows([(100.0, 99.9999)] * 8), {})
    assert observed.mark_text(one) == "+0.0 % observer [+0.0, +0.0]"


def test_a_bound_is_no_number() -> None:
    told = rows([(100.0, 110.0)] * 2)
    told[0]["latency_ns_p50_at_least"] = True
    [one] = observed.observed(["latency_ns_p50"], told, {})
    assert one.pairs == 1 and one.plain == 100.0


def test_it_agrees_with_what_the_stage_told(store: Store, answer: Answer) -> None:
    costs = {cost.metric: cost for cost in observer.costs(store.rows()) if "all" in cost.cells}
    for metric, cost in costs.items():
        one = answer.observer(metric)
        assert one is not None and one.change is not None
        ratio = 1 / cost.ratio if cost.falls else cost.ratio
        assert one.change == pytest.approx(ratio - 1)


def test_an_older_answer_has_none(answer: Answer) -> None:
    assert replace(answer, observed=()).observer("latency_ns_p50") is None
