"""Which cells this machine has no room for, and that they are left out and said to be."""

from __future__ import annotations

import resource
from dataclasses import replace
from pathlib import Path

import pytest

from spec_samples import ECHO
from test_links_runs import run
from zyphos_lab import ceiling, room, spec
from zyphos_lab.spec.cell import Cell
from zyphos_lab.spec.models import ClientPool
from zyphos_lab.spec.target_models import EngineTarget

FILES = 1000
GIB = 1 << 30


@pytest.fixture(autouse=True)
def machine(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """1000 descriptors for a process (4000 if it asks), 1 GiB of memory; its meminfo."""
    meminfo = tmp_path / "meminfo"
    meminfo.write_text(f"MemTotal: 9999999 kB\nMemAvailable: {GIB >> 10} kB\n")
    monkeypatch.setattr(resource, "getrlimit", lambda _: (FILES, 4 * FILES))
    monkeypatch.setattr(room, "MEMINFO", meminfo)
    return meminfo


def cell(connections: int, load: str = "", target: str = "") -> Cell:
    text = ECHO.replace("connections: 4", f"connections: {connections}{load}", 1)
    return spec.loads(text.replace("engine: epoll", f"engine: epoll{target}", 1)).cells[0]


def prefork(connections: int, workers: int, processes: int) -> Cell:
    made = cell(connections, f"\n  processes: {processes}")
    assert isinstance(made.target, EngineTarget)
    changed = made.target.model_copy(update={"engine": "prefork", "workers": workers})
    return replace(made, target=changed)


def test_what_fits_has_room() -> None:
    assert room.lacks(cell(900)) == ("", "")


@pytest.mark.parametrize(
    ("found", "reason", "hint"),
    [
        (cell(2000), "the load would have 2,000 connections in a process", "`ulimit -n 2032`"),
        (cell(5000), "which may open 1,000 files here", "more `load.processes`"),
        (
            cell(6000, "\n  processes: 10"),
            "the server would have 6,000 connections in a process",
            "engine `prefork`",
        ),
        # A worker's share is as even as lots are.
        (prefork(9000, 10, 10), "the server would have 1,020 connections", "`ulimit -n 1052`"),
    ],
)
def test_descriptors_are_of_a_process(found: Cell, reason: str, hint: str) -> None:
    told, helps = room.lacks(found)
    assert reason in told and helps == hint


def test_more_processes_have_room() -> None:
    assert room.lacks(prefork(9000, 12, 10)) == ("", "")


def test_the_no_op_server_of_a_ceiling_is_one_process() -> None:
    [reference] = ceiling.cells([prefork(9000, 12, 10)])
    assert "the server would have 9,000 connections in a process" in room.lacks(reference)[0]


def test_what_is_limited_on_purpose_is_the_experiments_affair() -> None:
    assert room.lacks(cell(2000, "\n  processes: 4", ", descriptors_max: 64")) == ("", "")


def test_a_pool_opens_what_it_needs() -> None:
    many = cell(2000)
    pooled = replace(many, load=many.load.model_copy(update={"pool": ClientPool()}))
    assert room.lacks(pooled) == ("", "")


def test_memory_is_the_machines(machine: Path) -> None:
    many = prefork(80_000, 200, 200)
    assert room.lacks(many)[0] == ""  # 12 KiB each
    machine.write_text("MemAvailable: 900000 kB\n")
    told, hint = room.lacks(many)
    assert "80,000 connections need some" in told and hint == "fewer `connections`"
    machine.write_text("MemTotal: 5 kB\n")
    assert room.lacks(many)[0] == ""  # not told


def test_each_reason_is_said_once() -> None:
    assert [code for code, _ in room.notes([cell(2000), cell(2000), cell(900)])] == ["no_room"]


EXPERIMENT = """
schema: 1
name: demo
question: How many?
targets: {echo: {engine: epoll, protocol: echo}}
load: {protocol: echo, arrival: {law: constant, rate: 100/s}, deadline: 20s}
factors: {connections: {set: load.connections, values: [2, 1000000000]}}
repeat: {starts: 1, warmup: 0s, window: 200ms}
probes: [rusage]
"""


@pytest.mark.native
def test_a_run_leaves_it_out_and_goes_on(tmp_path: Path) -> None:
    done, store = run(tmp_path, EXPERIMENT)
    few, many = sorted(store.rows(), key=lambda row: row["factor_connections"])
    assert few["requests_done"] == 20, few["reasons"]
    assert [one["code"] for one in many["reasons"]] == ["no_room"]
    assert many["latency_ns_p50"] is None
    assert "such cells are skipped" in done.stderr + done.stdout
