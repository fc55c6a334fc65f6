"""Lines in the answer: what a byte costs, told from a run with known answers."""

from __future__ import annotations

import copy
import json
from pathlib import Path
from typing import Any

import pytest

from store_factory import EXPERIMENT, Row, make_store
from zyphos_lab import spec
from zyphos_lab.errors import SpecError
from zyphos_lab.report.build import answer, write_answer
from zyphos_lab.report.model import Answer
from zyphos_lab.report.page import html, render
from zyphos_lab.report.verify_run import verify
from zyphos_lab.units import parse_size

FIXED_NS, PER_BYTE_NS = 3000.0, 0.25
MINIMAL = """\
schema: 1
name: sample
question: What does it cost?
targets:
  echo: {engine: epoll, protocol: echo}
load: {protocol: echo}
"""
SIZES = (1, 64, "4KiB", "64KiB")


def experiment() -> dict[str, Any]:
    made = copy.deepcopy(EXPERIMENT)
    made["factors"] = {
        "size": {"set": "load.message_bytes", "values": list(SIZES)},
        "engine": {"set": "targets.echo.engine", "values": ["epoll", "uring"]},
    }
    made["compare"], made["expect"] = [], []
    metric = "server_cpu_ns_per_request"
    made["fit"] = [
        {"id": "byte_cost", "factor": "size", "metric": metric, "where": {"engine": "epoll"}}
    ]
    return made


def linear(row: Row) -> None:
    size = parse_size(str(row["factor_size"]))
    row["server_cpu_ns_per_request"] += FIXED_NS + PER_BYTE_NS * size - 3800.0


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> tuple[Answer, str]:
    folder: Path = tmp_path_factory.mktemp("lines")
    store = make_store(folder, change=linear, experiment=experiment())
    found = answer(store)
    return found, render(store, found)


def test_the_two_parts_are_found_where_they_were_asked_for(run: tuple[Answer, str]) -> None:
    (one,) = run[0].lines
    assert one.conditions == {"engine": "epoll"}
    assert [point.x for point in one.line.points] == [1, 64, 4096, 65536]
    assert one.line.fixed.value == pytest.approx(FIXED_NS, rel=0.01)
    assert one.line.per_unit.value == pytest.approx(PER_BYTE_NS, rel=0.01)
    assert one.line.error_max is not None and one.line.error_max < 0.02


def test_sentence_and_page_tell_it(run: tuple[Answer, str]) -> None:
    found, page = run
    assert found.sentence.startswith("Server CPU per request is 3.0")
    assert "x size where engine=epoll (the line is off by" in found.sentence
    assert '"kind": "line", "part": "per_unit"' in page.replace("&#34;", '"')


def test_every_number_of_it_is_found_again_and_a_wrong_one_is_noticed(
    tmp_path: Path,
) -> None:
    store = make_store(tmp_path, change=linear, experiment=experiment(), histograms=False)
    found = answer(store)
    write_answer(store, found)
    html(store, found)
    assert verify(store.path, print).differences == []
    told = json.loads((store.path / "answer.json").read_text())
    told["lines"][0]["line"]["per_unit"]["value"] *= 1.001
    (store.path / "answer.json").write_text(json.dumps(told))
    assert "line byte_cost per_unit value" in [
        one.place for one in verify(store.path, print).differences
    ]


def test_two_points_are_no_line_on_the_page_either(tmp_path: Path) -> None:
    wanted = experiment()
    wanted["factors"]["size"]["values"] = list(SIZES[:2])
    store = make_store(tmp_path, change=linear, experiment=wanted, histograms=False)
    found = answer(store)
    assert found.lines[0].line.reason.startswith("2 points")
    write_answer(store, found)
    html(store, found)
    assert verify(store.path, print).differences == []


@pytest.mark.parametrize(
    ("fit", "message"),
    [
        ("{id: a, factor: sise, metric: latency_ns_p50}", "there is no factor `sise`"),
        ("{id: a, factor: engine, metric: latency_ns_p50}", "`epoll` is no number"),
        ("{id: a, factor: threads, metric: latency_ns_p50}", "a line wants 3 values"),
        ("{id: a, factor: threads, metric: latency_p50}", "unknown metric `latency_p50`"),
    ],
)
def test_what_makes_no_line_is_a_mistake_in_the_file(fit: str, message: str) -> None:
    text = MINIMAL + (
        "factors:\n"
        "  engine: {set: targets.*.engine, values: [epoll, uring, thread]}\n"
        "  threads: {set: targets.*.threads, values: [1, 2]}\n"
        f"fit:\n  - {fit}\n"
    )
    with pytest.raises(SpecError) as error:
        spec.loads(text)
    assert any(message in one.message for one in error.value.complaints)
