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
from zyphos_lab.report import line_pictures, lines
from zyphos_lab.report.build import answer, write_answer
from zyphos_lab.report.model import Answer
from zyphos_lab.report.page import html, render
from zyphos_lab.report.verify_run import verify
from zyphos_lab.units import parse_duration, parse_size

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


def waits(row: Row) -> None:
    """One round trip to the first byte with epoll, three with uring, and half a millisecond."""
    one_way = parse_duration(str(row["factor_delay"]))
    trips = 1 if row["factor_engine"] == "epoll" else 3
    row["first_byte_ns_p50"] = 500_000 + trips * 2 * one_way


def test_a_line_over_the_link_s_delay_is_told_in_round_trips(tmp_path: Path) -> None:
    wanted = experiment()
    delays = {"set": "link.delay", "values": ["1ms", "5ms", "25ms"]}
    wanted["factors"] = {"delay": delays, "engine": wanted["factors"]["engine"]}
    wanted["fit"] = [{"id": "trips", "factor": "delay", "metric": "first_byte_ns_p50"}]
    store = make_store(tmp_path, change=waits, experiment=wanted, histograms=False)
    found = answer(store)
    assert "ime to the first byte, in round trips, is 1.00 with epoll, 3.00 with" in found.sentence
    assert "and 500 us beside them (the lines are off by at most 0.0 %)" in found.sentence
    assert lines.formula(found.lines[0]) == "1.00 round trips + 500 us"
    write_answer(store, found)
    page = html(store, found).read_text(encoding="utf-8")
    marks = page.replace("&#34;", '"')
    assert marks.count('"part": "round_trips"') == 2 and '"part": "per_unit"' not in marks
    assert ">25ms<" in page and "delay (one way)" in page and "1e+06" not in page
    assert verify(store.path, print).differences == []
    told = page.replace(">3.00<", ">3.10<")
    assert told != page
    (store.path / "report.html").write_text(told, encoding="utf-8")
    assert verify(store.path, print).differences != []


def test_seven_lines_look_like_seven() -> None:
    looks = [(line_pictures.COLOURS[at % 8], line_pictures.STROKES[at % 5]) for at in range(7)]
    assert len(set(looks)) == len({colour for colour, _ in looks}) == 7


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


@pytest.mark.parametrize(
    ("low", "high", "ticks"),
    [
        (0, 5 << 20, [0, 1 << 20, 2 << 20, 3 << 20, 4 << 20, 5 << 20]),
        (30e6, 90e6, [32 << 20, 48 << 20, 64 << 20, 80 << 20]),
        (0, 3, [0, 1, 2, 3]),
    ],
)
def test_bytes_have_their_ticks_at_multiples_of_a_power_of_two(
    low: float, high: float, ticks: list[float]
) -> None:
    assert line_pictures.BinaryLocator().tick_values(low, high) == ticks
