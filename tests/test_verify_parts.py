"""The second ways of `report --verify`, each against what it watches, and with a number changed."""

from __future__ import annotations

import base64
import copy
import json
import math
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import store_factory
from test_capacity_stage import CAPACITY, run
from test_spec_search import SEARCH
from zyphos_lab import disturb, report, spec, stats
from zyphos_lab._core import Histogram
from zyphos_lab.capacity.stage import SearchStage
from zyphos_lab.query.session import Session
from zyphos_lab.record import load_columns
from zyphos_lab.report import capacity, verify_advice, verify_flips, verify_search, verify_stops
from zyphos_lab.report.model import plain
from zyphos_lab.report.verify import Verifier, metrics_of
from zyphos_lab.report.verify_check import Check
from zyphos_lab.report.verify_run import WindowSlices, verify
from zyphos_lab.report.verify_sql import Numbers
from zyphos_lab.report.verify_statement import decide, number
from zyphos_lab.spec.statement_parser import parse
from zyphos_lab.store import Store

ROOT = Path(__file__).resolve().parent.parent
RUNS = sorted(ROOT.glob("results/*/*/answer.json"))
STATEMENTS = (
    "38ms <= p50 <= 48ms",
    "p50 > 1ms and not p99 < 2ms or rate >= 10k/s",
    "1 / 1.06 <= ratio(rate) <= 1.5 and ratio(p50) > 0",
    "p99 - p50 <= 0.5 * p50",
    "-p50 < 0us and (p99 + 1us) / 2 < 300us",
    "errors <= 0.01% or errors == 0",
    "p99 != p50",
)


@pytest.mark.parametrize("text", STATEMENTS)
def test_statements_are_decided_as_their_parser_decides_them(text: str) -> None:
    """Points and ranges, some of them unknown, drawn from a seed."""
    statement = parse(text, ("ratio",))
    random = np.random.default_rng(7)
    print("seed 7")
    seen = set()
    for _ in range(300):
        ranges: dict[tuple[str, str], tuple[float, float] | None] = {}
        for call in statement.calls:
            low = float(10 ** random.uniform(-5, 8) * random.integers(0, 2))
            width = float(random.integers(0, 2)) * low * 0.3
            ranges[call] = None if random.random() < 0.1 else (low, low + width)

        def known(
            function: str, metric: str, at: Mapping[Any, Any] = ranges
        ) -> tuple[float, float] | None:
            found: tuple[float, float] | None = at[function, metric]
            return found

        found = decide(text, known)
        assert found is statement.holds_within(known), ranges
        seen.add(found)
    assert len(seen) > 1


def test_numbers_of_settings() -> None:
    values = [number(text) for text in ("5%", "1000/s", "1.5k/s", "2ms", "0.02", 0.05, 7)]
    assert values == pytest.approx([0.05, 1000, 1500, 2e6, 0.02, 0.05, 7])


@pytest.fixture(scope="module")
def searched() -> tuple[list[dict[str, Any]], list[dict[str, Any]], Mapping[str, Any]]:
    """Capacities as answer.json has them, the search's rows, and its settings."""
    experiment = spec.loads(SEARCH)
    assert experiment.searched is not None
    rows = run(SearchStage(experiment.searched, 1, experiment.repeat), CAPACITY)
    whole = [
        {"rate_asked_per_second": None, "latency_ns_p50": None, **row, "trial": trial,
         "factor_engine": row["cell"].partition("=")[2]}
        for trial, row in enumerate(rows)
    ]  # fmt: skip
    told = capacity.capacities(experiment.data, whole)
    return [plain(vars(one) | {"tries": [*map(vars, one.tries)]}) for one in told], whole, (
        experiment.data["search"]
    )  # fmt: skip


def holds(told: Any, rows: list[dict[str, Any]], settings: Mapping[str, Any]) -> Check:
    check = Check()
    own = [row for row in rows if row["cell"] == told["cell"]]
    verify_search.hold(check, told, own, settings)
    return check


def test_capacities_are_found_again_at_every_stage_of_the_search(searched: Any) -> None:
    told, rows, settings = searched
    for one in told:
        assert not holds(one, rows, settings).differences
    for count in range(1, len(rows), 7):
        part = capacity.capacities({**spec.loads(SEARCH).data}, rows[:count])
        for one in part:
            entry = plain(vars(one) | {"tries": [*map(vars, one.tries)]})
            assert not holds(entry, rows[:count], settings).differences


@pytest.mark.parametrize(
    "path",
    [
        ("lower_per_second",),
        ("upper_per_second",),
        ("closed_per_second",),
        ("tries", 1, "rate_per_second"),
        ("tries", 1, "latency_ns_p99"),
        ("tries", 1, "trial"),
    ],
)
def test_a_changed_capacity_is_found(searched: Any, path: tuple[Any, ...]) -> None:
    told, rows, settings = searched
    assert holds(altered(told[0], path), rows, settings).differences
    wrong = copy.deepcopy(told[0])
    wrong["tries"][0]["outcome"] = "void"
    assert holds(wrong, rows, settings).differences


def altered(told: Any, path: tuple[Any, ...]) -> Any:
    """A copy in which one number is a thousandth larger."""
    planted = copy.deepcopy(told)
    place = planted
    for key in path[:-1]:
        place = place[key]
    place[path[-1]] = place[path[-1]] * 1.001 + 1e-6
    return planted


STOPS = [(1_000_000_000, 2_000_123_456), (2_500_000_000, 2_700_000_001)]


def stopped(window_ns: int, stops: list[tuple[int, int]]) -> dict[str, Any]:
    """A trial's event as the journal has it."""
    events = [{"kind": "stop", "stopped_ns": a, "continued_ns": b} for a, b in stops]
    row = {"trial": 4, "window_ns": window_ns, **disturb.stall_columns(events, window_ns)}
    return {"row": row, "events": events}


@pytest.mark.parametrize("stops", [STOPS, STOPS[:1], STOPS[1:]])
@pytest.mark.parametrize("window_ns", [3_000_000_000, 4_000_000_000, 90_000_000_000])
def test_stops_give_the_recorded_waits(window_ns: int, stops: list[tuple[int, int]]) -> None:
    event = stopped(window_ns, stops)
    check = Check()
    verify_stops.hold(check, [event])
    assert not check.differences and check.verified == 6
    for name in ("server_stopped_ns", "stall_ns_max"):
        found = Check()
        changed = {**event["row"], name: event["row"][name] + 2}
        verify_stops.hold(found, [{**event, "row": changed}])
        assert len(found.differences) == 1


@pytest.mark.parametrize("spread", [0.002, 0.02, 0.2])
@pytest.mark.parametrize("floor", [0.01, 0.05])
def test_advice_is_that_of_the_statistics(spread: float, floor: float) -> None:
    """Starts and slices of known variances; rates, so that slices need no histograms."""
    random = np.random.default_rng(5)
    print("seed 5")
    cells = [np.exp(random.normal(8, spread, (8, 1)) + random.normal(0, 0.01, (8, 10)))
             for _ in range(2)]  # fmt: skip
    logs = [float(x) for x in np.log(cells[0].mean(axis=1) / cells[1].mean(axis=1))]
    width = stats.half_width(logs)
    assert width is not None
    target = stats.useful_width(math.exp(float(np.mean(logs))), width, floor)
    rounded = [np.round(cell) for cell in cells]
    told = stats.advice(logs, target, stats.variance_levels(*(cell.tolist() for cell in rounded)))
    slices = {"a": rounded[0], "b": rounded[1]}
    c = {"cell": "a", "baseline_cell": "b", "metric": "requests_per_second", "floor": floor}
    found = verify_advice.advice(
        c, logs, lambda cell, _: [[(int(x), b"") for x in start] for start in slices[cell]]
    )
    assert (told is None) == (width <= target)  # as narrow as is useful
    expected = None if told is None else {n: approximately(v) for n, v in vars(told).items()}
    assert found == expected


def approximately(value: Any) -> Any:
    return None if value is None else pytest.approx(value, rel=1e-9)


ADVICE = ("half_width", "target", "blocks_more", "start_share")


def advices(answer: Mapping[str, Any]) -> list[dict[str, Any]]:
    """What an answer advises, in its order."""
    deltas = [delta for row in answer["rows"] for delta in row["deltas"]]
    return [delta["advice"] for delta in deltas if delta.get("advice")]


def whole(advice: Mapping[str, Any]) -> bool:
    """Whether each figure of it can be changed by a factor."""
    return all(advice[name] for name in ADVICE)


@pytest.fixture(scope="module")
def told_advice() -> Iterator[tuple[dict[str, Any], Mapping[str, Any], Numbers, WindowSlices]]:
    """A committed run that gives whole advice."""
    for path in RUNS:
        answer = json.loads(path.read_text())
        if any(map(whole, advices(answer))):
            store = Store.open(path.parent)
            with Session([path.parent], print) as session:
                session.make("trials")
                numbers = Numbers(session.connection, metrics_of(answer))
                slices = WindowSlices(store, session.connection)
                yield answer, store.manifest, numbers, slices
            return
    pytest.fail("no committed run gives whole advice")


def test_changed_advice_is_found(told_advice: Any) -> None:
    answer, manifest, numbers, slices = told_advice
    planted = copy.deepcopy(answer)
    one = next(filter(whole, advices(planted)))
    for wrong in ((), ADVICE):
        one.update({name: one[name] * 1.001 for name in wrong})
        verifier = Verifier(planted, manifest, numbers, slices)
        verifier.answer()
        assert len(verifier.check.differences) == len(wrong)


def with_unfinished(done: list[int], late: list[int]) -> dict[str, Any]:
    """Columns and histograms of a trial, as a record has them."""
    text = {
        name: base64.b64encode(store_factory.encode(np.array(values, dtype=np.int64))).decode()
        for name, values in (("latency_ns", done), ("censored_ns", late))
    }
    row, _, _ = load_columns({"histograms": text, "window_ns": 10**9})
    return {"row": {k: v for k, v in row.items() if k.startswith("latency_ns")}, "text": text}


@pytest.mark.parametrize("late", [5, 20])
def test_percentiles_with_unfinished_requests(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, late: int
) -> None:
    """Of 400 requests some never finish: of 5 only p99 and beyond are bounds, of 20 not p90."""
    trial = with_unfinished([1000 * n for n in range(1, 401 - late)], [10**9] * late)
    assert trial["row"]["latency_ns_p99_at_least"] is True
    assert "latency_ns_p90_at_least" not in trial["row"]
    monkeypatch.setattr(store_factory, "_histograms", lambda *_: trial["text"])
    faults = {
        "latency_ns_p90": lambda row: row["latency_ns_p90"] * 1.01,
        "latency_ns_p99": lambda row: row["latency_ns_p99"] * 1.01 if late == 20 else 1000,
        "latency_ns_p99_at_least": lambda row: False,
        "latency_ns_p50_at_least": lambda row: True,
    }
    for fault, change in ({"": None} | faults).items():

        def spoil(row: dict[str, Any], name: str = fault, to: Any = change) -> None:
            row.update(trial["row"])
            if name and row["trial"] == 3:
                row[name] = to(trial["row"])

        made = store_factory.make_store(tmp_path / (fault or "sound"), starts=1, change=spoil)
        report.write_answer(made, report.answer(made))
        check = verify(made.path, print)
        wrong = [one.place for one in check.differences]
        assert [place.startswith("trial 3 ") for place in wrong] == [True] * bool(fault), wrong


def test_both_histograms_are_added() -> None:
    a, b = Histogram(), Histogram()
    a.record_array(np.arange(1, 5001))
    b.record_array(np.arange(4000, 9000))
    from zyphos_lab.report.hdr import Counts

    both = Counts(bytes(a.encode())).with_all(Counts(bytes(b.encode())))
    a.add(b)
    assert both.counts == Counts(bytes(a.encode())).counts and both.total == a.count


def test_twenty_blocks_are_enumerated() -> None:
    random = np.random.default_rng(6)
    print("seed 6")
    logs = random.normal(0.01, 0.02, 20)
    assert verify_flips.p_value(logs) == pytest.approx(stats.sign_flip(logs))
    found = verify_flips.interval(logs)
    assert found is not None and np.log(found) == pytest.approx(stats.interval(logs))
