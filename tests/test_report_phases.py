"""The picture of what a fetch is spent on: which bars there are, and in what they are counted."""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import Any

import pytest

from store_factory import make_store
from zyphos_lab import report
from zyphos_lab.report.phases import PHASES, bars
from zyphos_lab.stage import MEASURE

pytestmark = pytest.mark.skipif(
    "ZYPHOS_CORE" in os.environ, reason="draws pictures: not for sanitizers"
)
TRIP_NS = 10_000_000


def fetched(row: dict[str, Any]) -> None:
    """A round trip for each phase but the request; the second block is far off, and INVALID."""
    for name in PHASES:
        row[f"{name}_p50"] = 0 if name == "request_ns" else TRIP_NS
    row["link_forward_delay_ns"] = row["link_backward_delay_ns"] = TRIP_NS / 2
    if row["block"] == 1:
        row["dns_ns_p50"] = 1000 * TRIP_NS
        row["verdict"] = "INVALID"


def test_each_cell_is_a_bar_in_the_order_of_the_answer(tmp_path: Path) -> None:
    store = make_store(tmp_path, 3, change=fetched)
    order = [row.cell for row in report.answer(store).rows]
    found = bars(store.rows(MEASURE), order)
    assert [bar.cell for bar in found] == order and len(order) > 1
    for bar in found:
        assert bar.rtt_ns == TRIP_NS
        assert bar.phases_ns == (TRIP_NS, TRIP_NS, TRIP_NS, 0, TRIP_NS, TRIP_NS)


def page(store: Any) -> str:
    return report.html(store, report.answer(store)).read_text(encoding="utf-8")


def test_the_page_counts_in_round_trips_where_there_are_any(tmp_path: Path) -> None:
    text = page(make_store(tmp_path / "far", 2, change=fetched))
    assert text.count("<h2>What a fetch is spent on</h2>") == 1
    assert "in round trips of the link" in text
    for name in PHASES.values():
        assert re.search(rf">{name}</text>", text), name

    def near(row: dict[str, Any]) -> None:
        fetched(row)
        del row["link_forward_delay_ns"], row["link_backward_delay_ns"]

    text = page(make_store(tmp_path / "near", 2, change=near))
    assert "round trips" not in text and "What a fetch is spent on" in text


def test_a_run_without_a_fetch_has_no_such_picture(tmp_path: Path) -> None:
    assert "What a fetch is spent on" not in page(make_store(tmp_path, 2))
