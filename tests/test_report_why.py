"""Beside a difference what carries it; beside what cannot be told what would decide it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from store_factory import EXPERIMENT, make_store
from zyphos_lab import report
from zyphos_lab.record import Record
from zyphos_lab.report.counters import carriers_text
from zyphos_lab.stats import Carrier
from zyphos_lab.store import Store

WRITES, SEGMENTS = "client_syscall_write_per_request", "net_tcp_segs_out_per_request"


def carrier(name: str, unit: str = "ratio", share: float | None = None, **more: Any) -> Carrier:
    return Carrier(name, unit, 2.0, 1.0, 0.5, 0.4, 0.6, 0.01, share, 1.0, **more)


def test_shares_and_what_moved_in_step_are_told_once() -> None:
    found = [
        carrier(WRITES, share=0.93, together=(SEGMENTS, "a_per_request")),
        carrier(SEGMENTS, share=0.93, together=(WRITES, "a_per_request")),
        carrier("service_ns_p50", "ns", 1.0, part=True),
        carrier("server_wakeups_per_request"),
    ]
    assert carriers_text(found) == (
        "client_syscall_write 2.00 -> 1.00 (93 %, with net_tcp_segs_out and 1 more), "
        "server_wakeups 2.00 -> 1.00"
    )
    assert carriers_text(found[2:3]) == "service_ns_p50 2.00 ns -> 1.00 ns (100 %)"


def test_times_do_not_crowd_out_a_count() -> None:
    times = [carrier(f"server_t{i}_ns_per_request", "ns", 0.9) for i in range(4)]
    text = carriers_text([*times, carrier(WRITES)])
    assert text.endswith("client_syscall_write 2.00 -> 1.00")
    assert text.count("(90 %)") == 2


def test_answer_json_says_what_carries_a_difference(tmp_path: Path) -> None:
    store = make_store(tmp_path, histograms=False)
    path = report.write_answer(store, report.answer(store))
    deltas = [d for row in json.loads(path.read_text())["rows"] for d in row["deltas"]]
    [faster] = [d for d in deltas if d["comparison"]["verdict"] == "faster"]
    first = faster["carries"][0]
    assert (first["name"], first["basis"]) == (
        "net_tcp_delayed_acks_per_request",
        "estimated_cost",
    )
    assert first["share"] == pytest.approx(1.0, abs=0.1)
    assert all(d["carries"] == [] for d in deltas if d is not faster)


def noisy(results: Path, start_sd: float, interval_sd: float) -> Store:
    """Two cells without a difference; 20 slices per start whose rates have these two levels."""
    empty = make_store(results, starts=0, experiment=two_cells(), histograms=False)
    store = Store.open(empty.path, write=True)
    random = np.random.default_rng(3)
    for trial in range(16):
        level = 1000 * float(np.exp(random.normal(0, start_sd)))
        slices = level * np.exp(random.normal(0, interval_sd, 20))
        row = {
            "trial": trial,
            "block": trial // 2,
            "cell": f"nodelay={'true' if trial % 2 else 'false'}",
            "arm": "",
            "factor_nodelay": bool(trial % 2),
            "target": "echo",
            "verdict": "VALID",
            "reasons": [],
            "skipped": {},
            "requests_per_second": float(slices.mean()) * 10,
        }
        parts = [
            {"start_ns": i * 100_000_000, "requests_done": int(done), "latency_ns": ""}
            for i, done in enumerate(slices)
        ]
        store.append(Record(row, {}, parts))
    store.close()
    return Store.open(empty.path)


def two_cells() -> dict[str, Any]:
    compare = [{"factor": "nodelay", "baseline": False, "metrics": ["requests_per_second"]}]
    factors = {"nodelay": EXPERIMENT["factors"]["nodelay"]}
    return {**EXPERIMENT, "factors": factors, "compare": compare, "expect": []}


def test_where_the_noise_lies_between_starts_windows_are_no_help(tmp_path: Path) -> None:
    store = noisy(tmp_path, start_sd=0.05, interval_sd=0.001)
    [delta] = report.answer(store).deltas
    assert delta.comparison.verdict == "cannot tell"
    assert delta.advice is not None and delta.advice.start_share is not None
    assert delta.advice.start_share > 0.99
    text = report.words.advice_text(delta)
    print(text)
    assert text.startswith(f"{delta.advice.blocks_more} more starts would bring its interval from ")
    assert text.endswith("longer windows would not: 100 % of the variance lies between starts")


def test_where_it_lies_within_starts_longer_windows_do(tmp_path: Path) -> None:
    store = noisy(tmp_path, start_sd=0.0001, interval_sd=0.15)
    [delta] = report.answer(store).deltas
    assert delta.advice is not None
    assert delta.advice.start_share is not None and delta.advice.start_share < 0.6
    print(report.words.advice_text(delta))
    assert "of the variance lies between starts" in report.words.advice_text(delta)


def test_what_is_decided_gets_no_advice(tmp_path: Path) -> None:
    answer = report.answer(make_store(tmp_path, histograms=False))
    assert all(delta.advice is None for delta in answer.deltas)
