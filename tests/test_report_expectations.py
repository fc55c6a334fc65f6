"""Expectations about a ratio: its interval decides, whatever single starts say."""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from store_factory import AA_CELL, EXPERIMENT, Row, make_store
from zyphos_lab import report, stats
from zyphos_lab.query.session import Session
from zyphos_lab.report.expectations import told_alone
from zyphos_lab.report.model import ExpectationResult
from zyphos_lab.report.page import render
from zyphos_lab.report.verify import Verifier, metrics_of
from zyphos_lab.report.verify_check import Difference
from zyphos_lab.report.verify_marks import PageVerifier
from zyphos_lab.report.verify_page import Mark, marks
from zyphos_lab.report.verify_sql import Numbers
from zyphos_lab.report.words import measured_text
from zyphos_lab.store import Store

# Log ratios of eight blocks around 0.04. Of the 256 means of their subsets (the empty one is none)
# the 6th smallest and largest bound the ratio: k = floor(0.025 x 256) = 6.
LOGS = (0.01, 0.02, 0.03, 0.04, 0.04, 0.05, 0.06, 0.07)
LOW, HIGH = math.exp(0.07 / 3), math.exp(0.17 / 3)
WRITES = {"one": 0.0, "two": 1.0, "writev": -1.0, "cork": 0.0}


def expectation(tmp_path: Path, that: str, control: Any, starts: int = 8) -> ExpectationResult:
    """Of `write=two` over `write=one` with the ratios of LOGS; `writev` has their inverses."""

    def known(row: Row) -> None:
        logs = LOGS[row["block"]] * WRITES[row["factor_write"]]
        row["latency_ns_p50"] = 50e3 * (1 + 0.1 * row["block"]) * math.exp(logs)
        row["latency_ns_p99"] = None

    expect = {
        "id": "known",
        "where": {"nodelay": True, "ack": "quick"},
        "compare": {"factor": "write", "value": "two", "baseline": "one"},
        "control": {"write": control},
        "that": that,
    }
    experiment = {**EXPERIMENT, "compare": [], "expect": [expect]}
    made = make_store(tmp_path, starts, change=known, experiment=experiment, histograms=False)
    [found] = report.answer(made).expectations
    return found


@pytest.mark.parametrize(
    ("outcomes", "told"),
    [
        ("", ""),
        ("P", "1 of 1 expectation held: in 16 KiB."),
        ("PF", "1 of 2 expectations held: in 16 KiB. Refuted: in 17 KiB."),
        ("FI", "0 of 2 expectations held. Refuted: in 16 KiB. Undecided: in 17 KiB."),
        ("P" * 5, "5 of 5 expectations held: in 16 KiB; in 17 KiB; in 18 KiB; 2 more."),
    ],
)
def test_an_experiment_that_compares_nothing_tells_what_held(outcomes: str, told: str) -> None:
    names = {"P": "PASS", "F": "FAIL", "I": "INCONCLUSIVE"}
    found = [result(f"in_{16 + at}_KiB", names[one]) for at, one in enumerate(outcomes)]
    assert told_alone(found) == told


def result(name: str, outcome: str) -> ExpectationResult:
    return ExpectationResult(name, "", {}, {}, outcome, "", (), (), None)


def test_it_is_the_headline_and_verified(tmp_path: Path) -> None:
    """A number in an expectation's name is declared, not measured."""
    expect = {"id": "within_16_KiB", "where": {"write": "one"}, "control": {"write": "two"},
              "that": "latency_ns_p50 < 1ns"}  # fmt: skip
    experiment = {**EXPERIMENT, "compare": [], "expect": [expect]}
    store = make_store(tmp_path, 4, experiment=experiment, histograms=False)
    answer = report.answer(store)
    assert answer.sentence == "0 of 1 expectation held. Refuted: within 16 KiB."
    page = report.html(store, answer).read_text(encoding="utf-8")
    assert answer.sentence in page
    assert differences(store, answer.as_dict(), marks(page)) == []


def test_a_number_in_a_factor_s_value_is_declared() -> None:
    """And any other with a unit is asked for, in the same sentence."""
    path = min((Path(__file__).parent.parent / "results" / "loss_recovery").iterdir())
    store = Store.open(path)
    answer = report.answer(store)
    shown = [one for one in marks(render(store, answer)) if "instead of 0%" in one.text]
    assert shown and differences(store, answer.as_dict(), shown) == []
    moved = [replace(one, text=one.text.replace("0%", "98765%")) for one in shown]
    found = differences(store, answer.as_dict(), moved)
    assert {one.found for one in found} == {"no such number"} and len(found) >= len(shown)


def brute_force() -> tuple[float, float]:
    """The same interval from all subsets, one by one."""
    means = sorted(
        math.fsum(chosen) / len(chosen)
        for subset in range(1, 256)
        for chosen in [[LOGS[i] for i in range(8) if subset >> i & 1]]
    )
    return math.exp(means[5]), math.exp(means[-6])


def test_a_start_whose_own_trial_is_invalid_does_not_count_though_its_twin_does(
    tmp_path: Path,
) -> None:
    def disturbed(row: Row) -> None:
        if row["block"] == 3 and row.get("arm") == "A":
            row["verdict"] = "INVALID"

    fast = {"nodelay": True, "write": "one", "ack": "quick"}
    expect = {
        "id": "known",
        "where": fast,
        "control": {"nodelay": False, "write": "two", "ack": "delayed"},
        "that": "latency_ns_p50 < 20ms",
    }
    experiment = {**EXPERIMENT, "compare": [], "expect": [expect]}
    made = make_store(tmp_path, 8, change=disturbed, experiment=experiment, histograms=False)
    frame = made.trials()
    aside = frame[(frame["block"] == 3) & (frame["arm"] == "A")]
    assert list(aside["cell"]) == [AA_CELL]
    [found, *_] = report.answer(made).expectations
    assert found.outcome == "PASS", found.reason
    [cell] = found.cells
    assert (cell.held, cell.failed, cell.undecided) == (7, 0, 0)


@pytest.mark.parametrize(
    ("that", "control", "outcome", "reason"),
    [
        ("1.02 <= ratio(latency_ns_p50) <= 1.06", "one", "PASS", ""),
        ("ratio(latency_ns_p50) > 1", "writev", "PASS", ""),
        ("ratio(latency_ns_p50) >= 1.06", "one", "FAIL", "does not hold in"),
        ("1.06 < ratio(latency_ns_p50) < 1.08", "one", "FAIL", "does not hold in"),
        ("not ratio(latency_ns_p50) < 1.06", "one", "FAIL", "does not hold in"),
        (
            "1.03 <= ratio(latency_ns_p50) <= 1.06", "one", "INCONCLUSIVE",
            "the interval of ratio(latency_ns_p50) reaches over a bound",
        ),
        ("ratio(latency_ns_p50) > 0.97", "one", "FAIL", "holds in the control too"),
        ("ratio(latency_ns_p50) > 0.96", "writev", "INCONCLUSIVE", "in the control, the interval"),
        (
            "ratio(latency_ns_p50) > 1 and ratio(latency_ns_p99) > 1", "one", "INCONCLUSIVE",
            "no interval of ratio(latency_ns_p99) (this cell: not recorded)",
        ),
        ("ratio(latency_ns_p50) > 1 and latency_ns_p50 < 100us", "one", "PASS", ""),
        ("ratio(latency_ns_p50) > 1 and latency_ns_p50 < 70us", "one", "INCONCLUSIVE", "intervals"),
    ],
)  # fmt: skip
def test_the_interval_decides(
    tmp_path: Path, that: str, control: str, outcome: str, reason: str
) -> None:
    found = expectation(tmp_path, that, control)
    assert found.outcome == outcome, found.reason
    assert reason in found.reason


def test_the_interval_is_the_inverted_sign_flip(tmp_path: Path) -> None:
    found = expectation(tmp_path, "ratio(latency_ns_p50) > 1", "one")
    measured = found.cells[0].measured["ratio(latency_ns_p50)"]
    assert (measured.low, measured.high) == pytest.approx((LOW, HIGH), rel=1e-12)
    assert (measured.low, measured.high) == pytest.approx(brute_force(), rel=1e-12)
    assert measured.value == pytest.approx(math.exp(0.04), rel=1e-12)
    ends = (measured.smallest, measured.largest)
    assert ends == pytest.approx((math.exp(0.01), math.exp(0.07)))
    assert found.control_failed is True
    itself = found.controls[0].measured["ratio(latency_ns_p50)"]
    assert (itself.low, itself.value, itself.high) == (1, 1, 1)


def test_starts_that_do_not_agree_can_still_say_it(tmp_path: Path) -> None:
    """Two of eight blocks lie outside the bounds, the interval lies inside."""
    found = expectation(tmp_path, "1.015 <= ratio(latency_ns_p50) <= 1.07", "one")
    [cell] = found.cells
    assert (cell.held, cell.failed, cell.undecided) == (6, 2, 0)
    assert found.outcome == "PASS"


def test_few_starts_never_conclude(tmp_path: Path) -> None:
    found = expectation(tmp_path, "ratio(latency_ns_p50) > 1", "one", starts=5)
    assert found.cells[0].held == 5
    assert found.outcome == "INCONCLUSIVE"
    assert found.reason == "no interval of ratio(latency_ns_p50) (5 blocks, 6 are needed)"


def test_the_ratio_is_that_of_a_comparison(tmp_path: Path) -> None:
    store = make_store(tmp_path, histograms=False)
    frame = store.trials()
    compared = stats.compare(frame, [stats.Contrast("nodelay", "false", ("latency_ns_p50",))])
    for c in compared:
        told = stats.ratio(frame, c.cell, c.baseline_cell, c.metric)
        assert (told.value, told.low, told.high, told.n) == (c.ratio, c.low, c.high, c.n)


@pytest.mark.parametrize("sure", ["quick", "delayed"])
def test_of_several_cells_the_deciding_one_is_shown_and_held(tmp_path: Path, sure: str) -> None:
    """One cell passes by far, the other's interval reaches over the bound."""

    def known(row: Row) -> None:
        more = 0.5 if row["factor_ack"] == sure else 0.0
        two = row["factor_write"] == "two"
        row["latency_ns_p50"] = 50e3 * math.exp((LOGS[row["block"]] + more) * two)

    expect = {
        "id": "both",
        "where": {"nodelay": True},
        "compare": {"factor": "write", "value": "two", "baseline": "one"},
        "control": {"write": "one"},
        "that": "ratio(latency_ns_p50) >= 1.03",
    }
    experiment = {**EXPERIMENT, "compare": [], "expect": [expect]}
    store = make_store(tmp_path, change=known, experiment=experiment, histograms=False)
    answer = report.answer(store)
    [found] = answer.expectations
    open_ack = "delayed" if sure == "quick" else "quick"
    assert (found.outcome, found.decides) == (
        "INCONCLUSIVE",
        f"nodelay=true,write=two,ack={open_ack}",
    )
    told = f"1.04 [1.02, 1.06] in {found.decides}, which decides of 2 cells"
    assert told in measured_text(found)
    page = report.html(store, answer).read_text(encoding="utf-8")
    shown = [one for one in marks(page) if one.source["kind"] == "measured"]
    assert [one.source["cell"] for one in shown] == [found.decides]
    other = next(one.cell for one in found.cells if one.cell != found.decides)
    assert differences(store, answer.as_dict(), shown) == []
    planted = answer.as_dict()
    planted["expectations"][0]["decides"] = other
    assert {one.told for one in differences(store, planted, [])} == {other}
    moved = [replace(one, source={**one.source, "cell": other}) for one in shown]
    assert any(one.told == other for one in differences(store, answer.as_dict(), moved))


def differences(store: Store, answer: dict[str, Any], page: list[Mark]) -> list[Difference]:
    with Session([store.path], print) as session:
        session.make("trials")
        numbers = Numbers(session.connection, metrics_of(answer))
        verifier = Verifier(answer, store.manifest, numbers, lambda cell, histogram: ())
        verifier.answer()
        PageVerifier(verifier).page(page)
        return verifier.check.differences
