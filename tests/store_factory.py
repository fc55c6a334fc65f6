"""Runs on disk with known answers, made through zyphos_lab.store, for the tests of what reads runs.

The numbers are drawn from a seed: a stall of 44 ms where Nagle meets a delayed ACK (write=two,
ack=delayed, nodelay off), 50 us everywhere else.
"""

from __future__ import annotations

import base64
import contextlib
import itertools
import os
import random
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from zyphos_lab.record import Record
from zyphos_lab.store import Store

Row = dict[str, Any]

EXPERIMENT: dict[str, Any] = {
    "schema": 1,
    "name": "tcp_nodelay",
    "question": "When does Nagle cost a delayed ACK, and what cures it?",
    "answers": ["m01.explore.2", "f07"],
    "targets": {"echo": {"engine": "epoll", "protocol": "echo", "message_bytes": 64, "cpus": [0]}},
    "load": {"protocol": "echo", "connections": 16, "arrival": {"law": "closed"}, "cpus": [1]},
    "link": {"kind": "loopback"},
    "factors": {
        "nodelay": {"set": "load.socket.tcp_nodelay", "values": [False, True]},
        "write": {"set": "load.write_pattern", "values": ["one", "two", "writev", "cork"]},
        "ack": {
            "set": "targets.*.socket.tcp_quickack",
            "values": {"delayed": False, "quick": True},
        },
    },
    "compare": [
        {"factor": "nodelay", "baseline": False, "metrics": ["latency_ns_p50"], "floor": 0.01}
    ],
    "repeat": {"starts": 8, "warmup": "200ms", "window": "1s"},
    "design": {"order": "adjacent_pairs", "seed": 42, "aa": {"cells": 1}},
    "probes": ["syscalls", "tcp_info", "rusage"],
    "expect": [
        {
            "id": "stall",
            "where": {"nodelay": False, "write": "two", "ack": "delayed"},
            "control": {"nodelay": True},
            "that": "38ms <= latency_ns_p50 <= 48ms",
        }
    ],
}
HOST = {
    "kernel": {"system": "Linux", "release": "6.18.0", "boot_options": ["psi=1"]},
    "cpu": {"model": "Some CPU", "online": "0-1", "governor": None},
    "hypervisor": "kvm",
    "sysctls": {"net.ipv4.tcp_congestion_control": "bbr"},
}
AA_CELL = "nodelay=true,write=one,ack=quick"


@contextlib.contextmanager
def unsynced() -> Iterator[None]:
    """What is written inside need not outlive the machine: made-up trials are made up again.

    Not thread safe: `os.fdatasync` does nothing for anyone meanwhile.
    """
    usual = os.fdatasync
    os.fdatasync = lambda _: None
    try:
        yield
    finally:
        os.fdatasync = usual


def make_store(
    results: Path,
    starts: int = 8,
    seed: int = 1,
    change: Callable[[Row], None] | None = None,
    experiment: Mapping[str, Any] | None = None,
    manifest: Mapping[str, Any] | None = None,
    histograms: bool = True,
    series: Callable[[Row], list[Row]] = lambda row: [],
    intervals: Callable[[Row], list[Row]] = lambda row: [],
    events: Callable[[Row], list[Row]] = lambda row: [],
) -> Store:
    """A finished run. `change` may edit each row before it is stored; nothing else is random.

    `series`, `intervals`, `events`: what the record of a trial has besides, from its row.
    """
    print("seed", seed)
    chosen = dict(EXPERIMENT if experiment is None else experiment)
    plan = _plan(chosen, starts, random.Random(seed))
    store = Store.create(
        results,
        {
            "experiment": chosen,
            "profile": "default",
            "spec_text": "",
            "seed": 42,
            "host": HOST,
            "build": {"version": "0.1.0"},
            "plan": plan,
            "status": "complete",
            **(manifest or {}),
        },
    )
    noise = np.random.default_rng(seed)
    for planned in plan:
        latency_ns, row = _row(planned, noise)
        if change is not None:
            change(row)
        found = _histograms(latency_ns, noise) if histograms else {}
        with unsynced():
            store.append(Record(row, found, intervals(row), events(row), series=series(row)))
    store.derive()
    store.close()
    return store


def _plan(experiment: Mapping[str, Any], starts: int, order: random.Random) -> list[Row]:
    factors = experiment["factors"]
    cells = list(itertools.product(*(list(f["values"]) for f in factors.values())))
    plan: list[Row] = []
    for block in range(starts):
        order.shuffle(cells)
        for values in cells:
            levels = dict(zip(factors, values, strict=True))
            cell = ",".join(f"{k}={str(v).lower()}" for k, v in levels.items())
            for arm in ("A", "B") if cell == AA_CELL else ("",):
                entry = {"trial": len(plan), "block": block, "cell": cell, "factors": levels}
                plan.append({**entry, "start": block, "arm": arm})
    return plan


def _row(planned: Row, noise: np.random.Generator) -> tuple[float, Row]:
    levels = planned["factors"]
    stall = str(levels.get("nodelay")) == "False" and levels.get("write") == "two"
    stall = stall and levels.get("ack") == "delayed"
    latency_ns = (44e6 if stall else 50e3) * float(np.exp(noise.normal(0, 0.002)))
    writes = 2.0 if levels.get("write") == "two" else 1.0
    row = {
        "trial": planned["trial"],
        "block": planned["block"],
        "cell": planned["cell"],
        "arm": planned["arm"],
        **{f"factor_{name}": value for name, value in levels.items()},
        "target": "echo",
        "start": planned["start"],
        "seed": 7,
        "started_ns": 1_795_000_000_000_000_000 + planned["trial"] * 1_500_000_000,
        "duration_ns": 1_400_000_000,
        "verdict": "VALID",
        "reasons": [],
        "skipped": {"server_perf": "no PMU: perf_event_open fails with ENOENT"},
        "requests_done": int(16e9 / latency_ns),
        "requests_per_second": 16e9 / latency_ns,
        "latency_ns_p50": latency_ns,
        "latency_ns_p99": latency_ns * 1.5,
        "client_cpu_ratio": 0.8,
        "client_syscalls_per_request": writes + 1.0,
        "server_syscalls_per_request": 2.4 + float(noise.normal(0, 0.01)),
        "server_cpu_ns_per_request": 3800.0 + float(noise.normal(0, 30)),
        "net_tcp_delayed_acks_per_request": (0.99 if stall else 0.0)
        + abs(float(noise.normal(0, 0.001))),
        "server_tcp_data_segs_in_per_request": 2.0 if stall else writes,
        "server_tcp_retransmits_per_request": 0.0,
    }
    return latency_ns, row


def _histograms(latency_ns: float, noise: np.random.Generator) -> dict[str, str]:
    values = np.maximum(1, latency_ns * noise.lognormal(0, 0.15, 400)).astype(np.int64)
    return {"latency_ns": base64.b64encode(encode(values)).decode()}


def encode(values: NDArray[np.int64]) -> bytes:
    """HdrHistogram V2 compressed of the values in nanoseconds, by our own binding."""
    from zyphos_lab import _core

    histogram = _core.Histogram()
    histogram.record_array(values)
    return bytes(histogram.encode())
