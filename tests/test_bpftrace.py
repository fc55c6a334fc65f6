"""bpftrace scripts as probes, and the USDT points of our programs that they can attach to."""

from __future__ import annotations

import os
import subprocess
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from running import served
from test_runner import Watcher
from zyphos_lab import proc, runner
from zyphos_lab.child import Children
from zyphos_lab.errors import SpecError
from zyphos_lab.native import program
from zyphos_lab.probes import bpftrace_maps, bpftrace_script
from zyphos_lab.probes.bpftrace import BpftraceProbe, Tracer
from zyphos_lab.probes.bpftrace_script import Kind, Script
from zyphos_lab.spec import load

ENGINES = ("epoll", "uring", "thread")
POINTS = {"request_start", "request_end", "wakeup", "connection_open", "connection_close"}
USDT = """
usdt:{program}:zyphos:request_start { @started = count(); }
usdt:{program}:zyphos:request_end { @ended = count(); }
usdt:{program}:zyphos:wakeup { @events = sum(arg0); @wakeups = count(); }
usdt:{program}:zyphos:connection_open { @opened = count(); @of[arg0] = count(); }
usdt:{program}:zyphos:connection_close { @closed = count(); @fd = max(arg1); }
"""
EXPERIMENT = """
schema: 1
name: traced
question: Do the maps become columns?
targets:
  echo: {engine: epoll, protocol: echo}
load: {protocol: echo, connections: 2, deadline: 100ms}
repeat: {starts: 2, warmup: 0, window: 300ms}
probes: [rusage]
bpftrace: calls.bt
"""
CALLS = "tracepoint:raw_syscalls:sys_enter /pid == $1/ { @calls = count(); @port = $2; }\n"


def need_bpftrace() -> None:
    if reason := bpftrace_script.missing():
        pytest.skip(f"no bpftrace here: {reason}")


@contextmanager
def probing(tmp_path: Path, *texts: str) -> Iterator[BpftraceProbe]:
    need_bpftrace()
    scripts = [Script(f"script{at}.bt", text) for at, text in enumerate(texts)]
    probe = BpftraceProbe(scripts, Children(tmp_path))
    try:
        yield probe
    finally:
        probe.close()


def test_maps_are_told_apart_by_how_they_are_filled() -> None:
    script = Script(
        "x.bt",
        """
        BEGIN { @start[tid] = nsecs; @limit = 4; @n = 0; @text = "@not = count()"; }
        tracepoint:a:b /@start[tid] == 3/ { // @neither = count();
          @n++; @bytes[comm, pid] = sum(args->len); @ = count();
          @delay_ns = hist(nsecs - @start[tid]); @all = lhist(1, 0, 9, 1); @s = stats(1); }
        """,
    )
    assert script.maps == {
        "limit": "level", "n": "sum", "text": "level", "bytes": "sum", "": "count",
        "delay_ns": "hist", "all": "lhist", "s": "stats",
    }  # fmt: skip


def columns_of(
    kind: Kind, old: Any, new: Any, requests: int = 10
) -> tuple[dict[str, Any], dict[str, str]]:
    edges = [{} if edge is None else {"x": edge} for edge in (old, new)]
    return bpftrace_maps.columns({"x": kind}, edges[0], edges[1], requests)


def test_counts_are_differences_and_given_per_request() -> None:
    assert columns_of("count", 100, 150)[0] == {"bpftrace_x": 50, "bpftrace_x_per_request": 5.0}
    assert columns_of("sum", None, None)[0]["bpftrace_x"] == 0  # it ran, and stored nothing
    assert columns_of("max", 7, 9) == ({"bpftrace_x": 9}, {})
    assert columns_of("avg", None, None)[1] == {"bpftrace_x": bpftrace_maps.NOTHING}
    old, new = ({"count": n, "average": 1, "total": n * n} for n in (10, 20))
    found, _ = columns_of("stats", old, new)
    assert (found["bpftrace_x_count"], found["bpftrace_x_mean"]) == (10, 30.0)


def test_keys_become_columns_and_too_many_are_cut() -> None:
    old, new = {"a b": 1}, {"a b": 11, "a-b": 2, "/": 3}
    found, skipped = columns_of("count", old, new)
    assert (found["bpftrace_x_a_b"], found["bpftrace_x_empty"]) == (10, 3)
    assert found["bpftrace_x_a_b_"] == 2 and found["bpftrace_x_keys"] == 3 and not skipped
    many = {str(n): n for n in range(1, 101)}
    found, skipped = columns_of("count", {}, many)
    names = [name for name in found if name.startswith("bpftrace_x_") and "per" not in name]
    assert len(names) == bpftrace_maps.KEYS_MAX + 1 and found["bpftrace_x_100"] == 100
    assert "of its 100 keys only the 32" in skipped["bpftrace_x_keys"]


def test_quantiles_are_the_bounds_of_their_buckets() -> None:
    buckets = [{"min": 4, "max": 7, "count": 99}, {"min": 8, "max": 15, "count": 2}]
    found, skipped = columns_of("hist", [{"min": 4, "max": 7, "count": 1}], buckets)
    assert found["bpftrace_x_count"] == 100 and not skipped
    assert (found["bpftrace_x_p50"], found["bpftrace_x_p99"]) == (7, 15)
    found, skipped = columns_of("lhist", None, [{"min": 100, "count": 3}])
    assert found["bpftrace_x_p50"] is None and "beyond the last" in skipped["bpftrace_x_p50"]
    assert columns_of("hist", buckets, buckets)[1]["bpftrace_x_p99"] == bpftrace_maps.NOTHING


@pytest.mark.native
def test_counts_between_two_edges_are_exact(tmp_path: Path) -> None:
    number = 110  # getppid on x86-64; elsewhere the script counts what that number is
    text = f"tracepoint:raw_syscalls:sys_enter /pid == $1 && args->id == {number}/ {{ @x++; }}"
    if os.uname().machine != "x86_64":
        pytest.skip("the number of getppid is x86-64's")
    with probing(tmp_path, text, "BEGIN { @port = $2; }") as probe:
        probe.attach({"server": [os.getpid()]}, 8080)
        before = probe.snapshot()
        for _ in range(1000):
            os.getppid()
        columns, skipped = probe.columns(before, probe.snapshot(), 100)
        assert not skipped
        assert columns["bpftrace_x"] == 1000 and columns["bpftrace_x_per_request"] == 10.0
        assert columns["bpftrace_port"] == 8080
        assert isinstance(late_ns := columns["bpftrace_late_ns"], int) and late_ns > 0
        children = [one._child.pid for one in probe._running if isinstance(one, Tracer)]
        assert len(children) == 2
    assert not [pid for pid in children if proc.process(pid)]


@pytest.mark.native
@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("BEGIN\n{ @x = foo(1); }\n", "bad.bt:2:8: Unknown function: foo"),
        ("tracepoint:nix:da { @x = count(); }\n", "bad.bt:1:1: tracepoint not found: nix:da"),
    ],
)
def test_a_fault_of_a_script_is_its_line_before_anything_runs(text: str, said: str) -> None:
    need_bpftrace()
    with pytest.raises(SpecError) as caught:
        bpftrace_script.check_all([Script("bad.bt", text)])
    assert str(caught.value).startswith(said)


@pytest.mark.native
def test_the_scripts_of_the_experiments_compile() -> None:
    need_bpftrace()
    files = sorted((Path(__file__).parent.parent / "experiments").rglob("*.bt"))
    assert files
    bpftrace_script.check_all([bpftrace_script.read(str(file)) for file in files])


@pytest.mark.native
def test_a_point_that_is_not_there_is_a_reason(tmp_path: Path) -> None:
    with probing(tmp_path, "usdt:{program}:zyphos:nothing { @x = count(); }") as probe:
        with served("engine=epoll", "protocol=http1") as server:
            probe.attach({"server": [server.process.pid]}, server.port)
            columns, skipped = probe.columns(probe.snapshot(), probe.snapshot(), 1)
        assert columns["bpftrace_x"] is None
        assert skipped["bpftrace_script0"].endswith("zyphos-serve has no usdt point zyphos:nothing")


def test_without_bpftrace_the_columns_say_why(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    probe = BpftraceProbe([Script("a.bt", CALLS)], Children(tmp_path))
    probe.attach({"server": [os.getpid()]}, 1)
    columns, skipped = probe.columns(probe.snapshot(), probe.snapshot(), 1)
    probe.close()
    assert columns == {"bpftrace_late_ns": None}
    assert "bpftrace is not on this machine" in skipped["bpftrace"]


@pytest.mark.parametrize(
    ("files", "line", "said"),
    [
        ("gone.bt", "bpftrace: gone.bt", "10:11: cannot read"),
        ("[calls.bt, calls.bt]", "", "10:22: "),
        ("empty.bt", "", "fills no map"),
    ],
)
def test_a_script_that_cannot_be_used_is_said_at_its_line(
    tmp_path: Path, files: str, line: str, said: str
) -> None:
    (tmp_path / "calls.bt").write_text(CALLS)
    (tmp_path / "empty.bt").write_text('BEGIN { printf("hello"); }')
    file = tmp_path / "e.yaml"
    file.write_text(EXPERIMENT.replace("calls.bt", files))
    with pytest.raises(SpecError) as caught:
        load(file)
    assert said in str(caught.value)


@pytest.mark.native
def test_the_maps_of_an_experiments_script_are_columns_of_its_run(tmp_path: Path) -> None:
    need_bpftrace()
    (tmp_path / "calls.bt").write_text(CALLS)
    file = tmp_path / "e.yaml"
    file.write_text(EXPERIMENT)
    store = runner.execute(runner.begin(load(file), tmp_path / "results"), Watcher())
    rows = store.rows()
    assert len(rows) == 2
    for row in rows:
        assert row["bpftrace_calls"] >= row["requests_done"] > 0
        assert row["bpftrace_port"] > 0 and row["bpftrace_late_ns"] > 0
    name = str(tmp_path / "calls.bt")
    assert store.manifest["bpftrace"] == {name: CALLS} and set(store.manifest["files"]) == {name}


@pytest.mark.native
def test_readelf_lists_the_points_with_their_arguments() -> None:
    if os.uname().machine not in ("x86_64", "aarch64"):
        pytest.skip("USDT points are written for x86-64 and arm64")
    words = ["readelf", "-n", program("zyphos-serve")]
    text = subprocess.run(words, capture_output=True, text=True, check=True).stdout
    _, *notes = text.split("Provider: zyphos")
    listed = {note.split("Name: ")[1].split()[0] for note in notes}
    assert listed == POINTS
    assert all("Semaphore: 0x0000000000000000" in note for note in notes)
    assert all("@" in note.split("Arguments:")[1].splitlines()[0] for note in notes)


@pytest.mark.native
@pytest.mark.parametrize("engine", ENGINES)
def test_points_count_requests_exactly(tmp_path: Path, engine: str) -> None:
    requests = 40
    with (
        probing(tmp_path, USDT) as probe,
        served(f"engine={engine}", "protocol=http1") as server,
    ):
        probe.attach({"server": [server.process.pid]}, server.port)
        before = probe.snapshot()
        for _ in range(requests):  # each on a connection of its own
            urllib.request.urlopen(f"http://127.0.0.1:{server.port}/").read()
        columns, skipped = probe.columns(before, probe.snapshot(), requests)
    assert not {name for name in skipped if not name.startswith("bpftrace_of")}
    names = ("started", "ended", "opened")
    assert {columns[f"bpftrace_{name}"] for name in names} == {requests}
    # The end of the last connection may come after the second edge.
    closed, fd = columns["bpftrace_closed"], columns["bpftrace_fd"]
    assert isinstance(closed, int) and requests - 1 <= closed <= requests
    assert isinstance(fd, int) and fd > 2
    events, wakeups = columns["bpftrace_events"], columns["bpftrace_wakeups"]
    assert isinstance(events, int) and isinstance(wakeups, int)
    assert events >= wakeups >= requests
