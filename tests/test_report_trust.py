"""Verdict and reasons as they are shown: in answer.json, on the page, on terminals."""

from __future__ import annotations

import json
from io import StringIO
from typing import Any

import pytest
from rich.console import Console

from store_factory import make_store
from zyphos_lab import report
from zyphos_lab.report import evidence
from zyphos_lab.store import Store

HOGS = [{"pid": 7, "comm": "spin", "cpu_ratio": 0.9}]
OTHER = {
    "code": "other_load",
    "severity": "DEGRADED",
    "message": "other work took 90% of a core",
    "evidence": {"host_cpu_other_ns": 900_000_000, "host_hogs": HOGS},
}


def limit(severity: str, waited_ns: int) -> dict[str, Any]:
    return {
        "code": "generator_limit",
        "severity": severity,
        "message": f"the generator ({severity})",
        "evidence": {"client_threads_run_delay_ns": waited_ns, "rate_ratio": None},
    }


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Store:
    """Other load in every trial; the generator at its limit in ten, INVALID in the last of them."""

    def change(row: dict[str, Any]) -> None:
        row["reasons"] = [OTHER]
        if row["trial"] < 10:
            worst = row["trial"] == 9
            row["reasons"].append(limit("INVALID" if worst else "DEGRADED", 10 * row["trial"]))
            row["verdict"] = "INVALID" if worst else "DEGRADED"

    made = make_store(tmp_path_factory.mktemp("runs"), change=change, histograms=False)
    return Store.open(made.path)


def test_the_worst_case_is_the_example_and_stands_first(store: Store) -> None:
    answer = report.answer(store)
    first, second, *_ = [remark for remark in answer.reasons if remark.trials]
    assert (first.code, first.severity, first.trials) == ("generator_limit", "INVALID", 10)
    assert first.evidence["trial"] == 9
    assert first.evidence["client_threads_run_delay_ns"] == 90
    assert (second.code, second.severity) == ("other_load", "DEGRADED")
    assert second.trials == answer.trials_done
    assert all(remark.severity for remark in answer.reasons)


def test_the_answer_has_it_as_data(store: Store) -> None:
    answer = report.answer(store)
    written = json.loads(report.write_answer(store, answer).read_text())
    [other] = [reason for reason in written["reasons"] if reason["code"] == "other_load"]
    assert other["evidence"]["host_hogs"] == HOGS
    assert other["severity"] == "DEGRADED"


def test_the_page_says_what_it_means_and_shows_the_evidence(store: Store) -> None:
    page = report.html(store, report.answer(store)).read_text()
    assert 'class="verdict-box DEGRADED-box"' in page
    assert evidence.PLAIN["DEGRADED"] in page
    assert evidence.meaning("other_load") in page
    assert "spin (pid 7) 90%" in page
    assert "900 ms" in page


@pytest.mark.parametrize("columns", [80, 160])
def test_the_terminal_has_severity_code_and_message(store: Store, columns: int) -> None:
    console = Console(file=StringIO(), width=columns)
    report.terminal(report.answer(store), console)
    text = console.file.getvalue()  # type: ignore[attr-defined]
    assert "INVALID generator_limit: the generator (INVALID)" in text
    assert "DEGRADED other_load: other work took 90% of a core" in text
    assert max(map(len, text.splitlines())) <= columns


def test_values_have_the_unit_of_their_column() -> None:
    shown = {"client_threads_run_delay_ns": 1_500_000, "rate_ratio": 0.9134, "nothing": None}
    assert evidence.lines(shown) == [
        ("client_threads_run_delay_ns", "1.50 ms"),
        ("rate_ratio", "0.913"),
    ]
    assert evidence.shown("metric", "latency_ns_p50") == "latency_ns_p50"
    assert evidence.shown("host_pinned", True) == "true"
