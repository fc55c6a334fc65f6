"""Pictures of what probes saw over time: which trials are drawn, and what of them."""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from store_factory import EXPERIMENT, make_store
from zyphos_lab import report
from zyphos_lab.report import notes, series_pictures
from zyphos_lab.report.figures import PANELS_MAX
from zyphos_lab.report.series_pictures import BINS, thinned

pytestmark = pytest.mark.skipif(
    "ZYPHOS_CORE" in os.environ, reason="draws pictures: not for sanitizers"
)
WATCHED = {**EXPERIMENT, "probes": ["tcp_events", "sockets"]}
CWND = [10, 20, 40, 80]


def slow_start(row: dict[str, Any]) -> list[dict[str, Any]]:
    """A window that doubles each 50 ms, and is ten times as large after the first block."""
    grown = [value * (1 if row["block"] == 0 else 10) for value in CWND]
    return [
        {
            "name": "server_tcp",
            "of": "socket 7",
            "time_ns": [50_000_000 * at for at in range(len(CWND))],
            "cwnd": grown,
            "ssthresh": [None, None, 40, 40],
            "srtt_ns": [50_000_000] * 4,
            "retransmits": [0, 0, 1, 1],
        }
    ]


def alone(row: dict[str, Any]) -> None:
    """The first trial of one cell is INVALID."""
    if row["block"] == 0 and row["factor_write"] == "one":
        row["verdict"] = "INVALID"


def test_the_first_good_trial_of_each_cell_is_drawn(tmp_path: Path) -> None:
    store = make_store(tmp_path, 2, experiment=WATCHED, series=slow_start, change=alone)
    answer = report.answer(store)
    page = report.html(store, answer).read_text(encoding="utf-8")
    told = re.findall(r'aria-label="TCP over time, ([^"]*)"', page)
    cells = [row.cell for row in answer.rows]
    assert [one.partition(": ")[0] for one in told] == cells[:PANELS_MAX]
    assert f"{len(cells) - PANELS_MAX} more cells are not drawn." in page
    for one in told:
        ends = "from 100 to 800, between 100 and 800" if "write=one" in one else "from 10 to 80"
        assert f"server_tcp socket 7 cwnd {ends}" in one
        assert "srtt_ns from 50.0 ms to 50.0 ms" in one
    assert page.count("<h2>TCP over time</h2>") == 1
    assert "Sockets over time" not in page, "which had none to show"
    assert notes.pictures("series", store, answer).count("<svg") == PANELS_MAX


def test_only_a_run_that_asked_for_them_has_any(tmp_path: Path) -> None:
    store = make_store(tmp_path, 1, series=slow_start)
    assert series_pictures.series_pictures(store, report.answer(store)) == []
    assert notes.pictures("series", store, report.answer(store)).count("<svg") == 0


def test_a_thinned_curve_keeps_its_extremes_and_its_ends() -> None:
    x = np.arange(20_000, dtype=np.float64)
    y = np.random.default_rng(3).normal(size=x.size)
    y[12_345], y[777], y[0] = 50, -50, np.nan
    thin_x, thin_y = thinned(x, y)
    assert len(thin_x) == len(thin_y) <= 4 * BINS
    assert {0, 777, 12_345, 19_999} <= {*thin_x}
    assert (thin_y[1:] == y[thin_x[1:].astype(int)]).all()
    few = np.arange(9.0)
    assert thinned(few, few)[0] is few
