"""Probe `uring` against the board of our own io_uring server."""

from __future__ import annotations

import mmap
import socket
from collections.abc import Iterator
from types import SimpleNamespace

import pytest

from probe_programs import servant
from running import served, shared_board
from zyphos_lab.metrics import lookup
from zyphos_lab.probes import COSTLY, native
from zyphos_lab.probes.base import Columns
from zyphos_lab.probes.uring import BATCH, USUAL, UringProbe
from zyphos_lab.trace.run import probes_of

pytestmark = [pytest.mark.core, pytest.mark.native]

TIMES = 200
REQUEST = b"GET / HTTP/1.1\r\nHost: x\r\n\r\n"


@pytest.fixture(scope="module")
def probe() -> Iterator[UringProbe]:
    one = UringProbe()
    if one.reason:
        pytest.skip(one.reason)
    yield one
    one.close()


def ask(peer: socket.socket, board: mmap.mmap, times: int) -> dict[str, int]:
    """One request after the other; the board when the server has done with the last.

    It counts a batch's events after it has handled them.
    """
    wanted = native.core().board_snapshot(board)["send_calls"] + times
    for _ in range(times):
        peer.sendall(REQUEST)
        assert peer.recv(4096).endswith(b"Hello, world!")
    counters: dict[str, int] = {"send_calls": 0}
    while counters["send_calls"] < wanted or counters["events"] < handled(counters):
        counters = dict(native.core().board_snapshot(board))
    return counters


def handled(counters: dict[str, int]) -> int:
    return counters["send_calls"] + counters["recv_calls"] + counters["accepted"]


def both(probe: UringProbe) -> tuple[Columns, dict[str, int]]:
    """The probe's columns of some requests on one connection, and the board's growth."""
    words = ("engine=uring", "protocol=http1")
    with (
        shared_board(native.core().board_bytes()) as (fd, board),
        served(*words, f"board_fd={fd}", pass_fds=(fd,)) as server,
        socket.create_connection(("127.0.0.1", server.port), timeout=30) as peer,
    ):
        probe.attach({"server": [server.process.pid]}, server.port)
        earlier = ask(peer, board, 1)
        before = probe.snapshot()
        later = ask(peer, board, TIMES)
        columns, skipped = probe.columns(before, probe.snapshot(), TIMES)
    assert "server_uring" not in skipped and "client_uring" in skipped
    return columns, {name: later[name] - earlier[name] for name in later}


def test_counts_are_those_of_our_servers_board(probe: UringProbe) -> None:
    able = native.core().engines()["uring"]
    if able is not True:
        pytest.skip(f"engine uring: {able}")
    columns, board = both(probe)
    assert board["requests"] == TIMES
    assert columns["server_uring_submit_send"] == board["send_calls"] == TIMES
    assert columns["server_uring_completions"] == board["events"]
    assert board["events"] == 2 * TIMES
    assert columns["server_uring_submissions"] == TIMES, "its multishot receive goes on"
    assert columns["server_uring_submit_recv"] == 0
    assert columns["server_uring_submissions_per_request"] == 1
    assert columns["server_uring_submit_send_per_request"] == 1
    assert columns["server_uring_overflows"] == columns["server_uring_refused"] == 0
    waits = int(str(columns["server_uring_waits"]))
    assert waits >= 1
    assert columns[f"server_uring_{BATCH}"] == 2 * TIMES / waits


def test_who_uses_no_ring_has_zeros_and_no_batch(probe: UringProbe) -> None:
    with servant() as one:
        probe.attach({"server": [one.pid]}, 0)
        before = probe.snapshot()
        one.do("pass")
        columns, skipped = probe.columns(before, probe.snapshot(), 10)
    assert columns["server_uring_submissions"] == columns["server_uring_submit_recv"] == 0
    assert columns[f"server_uring_{BATCH}"] is None
    assert "nobody waited" in skipped[f"server_uring_{BATCH}"]


def test_a_trace_has_it_unasked_and_a_run_weighs_it() -> None:
    assert "uring" in COSTLY
    with probes_of([]) as made:
        assert "uring" in [one.name for one in made.probes]


def test_every_column_is_a_metric(probe: UringProbe) -> None:
    kinds = [f"server_uring_submit_{name}" for name in (*USUAL, "nr77")]
    assert [name for name in (*probe.names(), *kinds) if lookup(name) is None] == []
    each = (*probe.per_request(), *kinds)
    assert [name for name in each if lookup(f"{name}_per_request") is None] == []


def test_a_refusal_is_null_and_a_reason(monkeypatch: pytest.MonkeyPatch) -> None:
    reason = "uring: the kernel has no tracepoint io_uring_submit_req; it has to be newer"
    monkeypatch.setattr(native, "core", lambda: SimpleNamespace(load_uring_counter=lambda: reason))
    probe = UringProbe()
    probe.attach({"server": [1]}, 0)
    columns, skipped = probe.columns(probe.snapshot(), probe.snapshot(), 1)
    assert columns and set(columns.values()) == {None}
    assert skipped == {"uring": reason}
