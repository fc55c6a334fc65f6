"""zyphos-datagram as two processes with a veth pair between them: each way to answer sends back
what came, both sides count the same, and what a machine cannot do is told. No speed is asserted.
"""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import linking
from running import END_SECONDS, refused
from zyphos_lab import netns
from zyphos_lab.board import Board
from zyphos_lab.native import program
from zyphos_lab.record import load_columns

pytestmark = [pytest.mark.native, pytest.mark.core]

SOCKETS = ("recvmsg", "recvmmsg", "gro", "uring")
FRAMES = ("packet", "xdp xdp.mode=skb", "xdp xdp.mode=native", "xdp xdp.need_wakeup=false")
SHORT = ("warmup_ns=0", "window_ns=200000000", "interval_ns=100000000", "deadline_ns=20000000000")
FIRST_MAX = 9  # of the ten datagrams that are tried before the window
NOT_HERE = os.EX_UNAVAILABLE


@contextlib.contextmanager
def process(*words: str, namespace: str | None = None) -> Iterator[tuple[Any, Board]]:
    """A zyphos-datagram and its board; killed at the end if it is still there."""
    board = Board()
    command = [program("zyphos-datagram"), *words, f"board_fd={board.fd}"]
    with netns.entered(namespace):
        child = subprocess.Popen(
            command,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            pass_fds=[board.fd],
        )
    try:
        yield child, board
    finally:
        child.kill()
        child.communicate()
        board.close()


@contextlib.contextmanager
def answering(*words: str, namespace: str | None = None) -> Iterator[tuple[Any, Board, str, str]]:
    """The answering side, its board, `port=...` of where it is, and how. Skips what is not here."""
    with process("role=answer", "port=0", *words, namespace=namespace) as (child, board):
        line = child.stdout.readline()
        if not line and child.wait(END_SECONDS) == NOT_HERE:
            pytest.skip(child.stderr.read().strip())
        assert line.startswith("listening "), (line, child.stderr.read() if not line else "")
        place, _, manner = line.removeprefix("listening ").strip().partition(" by ")
        yield child, board, f"port={place.rpartition(':')[2]}", manner


def result_of(*words: str, namespace: str | None = None) -> tuple[dict[str, Any], dict[str, int]]:
    """What the asking side says of a run that goes well, and what it counted."""
    with process("role=ask", *SHORT, *words, namespace=namespace) as (asker, board):
        out, err = asker.communicate(timeout=END_SECONDS)
        assert (asker.returncode, err) == (0, "")
        counted = board.reading("load")
    events = [json.loads(line) for line in out.splitlines()]
    assert [event["event"] for event in events] == ["connected", "window", "result"]
    assert isinstance(counted, dict)
    return events[-1], counted


def ended(server: Any, board: Board) -> dict[str, int]:
    """What the answering side counted, once a signal has ended it."""
    server.send_signal(signal.SIGTERM)
    assert server.wait(END_SECONDS) == 0, server.stderr.read()
    counted = board.reading("server")
    assert isinstance(counted, dict)
    return counted


def check_sides(result: dict[str, Any], asked: dict[str, int], told: dict[str, int]) -> None:
    """That nothing was lost and that both count the same.

    Before the window a first datagram is sent again when there is no answer in half a second, which
    a starved machine may well take: such a one is lost, and its answer may come late.
    """
    row, _, _ = load_columns(result)
    assert row["requests_done"] > 0 == row["requests_failed"] and not result["errors"]
    lost = asked["error_wire_timeout"]
    assert lost <= FIRST_MAX and asked["error_wrong_body"] == 0
    assert asked["requests"] == asked["datagrams_out"] - lost
    assert asked["requests"] <= told["datagrams_in"] <= asked["datagrams_out"]
    assert told["requests"] == told["datagrams_in"] == told["datagrams_out"]
    assert told["datagrams_out"] == asked["datagrams_in"]
    assert told["datagrams_dropped"] == told["datagrams_unsent"] == told["datagrams_refused"] == 0
    assert told["bytes_in"] == told["bytes_out"] == asked["bytes_in"]
    assert row["latency_ns_min"] > 0 and row["client_cpu_ns"] > 0


@pytest.mark.parametrize("by", SOCKETS)
@pytest.mark.parametrize("send", ["mmsg", "gso"])
def test_each_socket_answers_everything(by: str, send: str) -> None:
    with answering(f"by={by}") as (server, board, port, _):
        result, asked = result_of(port, f"send={send}", "message_bytes=100", "in_flight=50")
        check_sides(result, asked, ended(server, board))


@linking.needs("veth")
@pytest.mark.parametrize("offloads", [False, True])
@pytest.mark.parametrize("by", FRAMES)
def test_each_taker_of_frames_answers_everything(by: str, offloads: bool, tmp_path: Path) -> None:
    with linking.up(tmp_path, kind="veth", offloads=offloads) as (_, ends):
        there = (f"address={ends.server_address}", "interface=zy0", f"by={by.split()[0]}")
        more = by.split()[1:]
        with answering(*there, *more, namespace=ends.server) as (server, board, port, manner):
            asking = (f"address={ends.server_address}", port, "message_bytes=33", "in_flight=20")
            result, asked = result_of(*asking, namespace=ends.client)
            check_sides(result, asked, ended(server, board))
    if "xdp" in by:
        assert ("skb" if "skb" in by else "native") in manner and "copy" in manner
        assert ("need_wakeup" in manner) is ("need_wakeup=false" not in by)


@linking.needs("veth")
def test_zero_copy_is_refused_where_the_driver_has_none(tmp_path: Path) -> None:
    with linking.up(tmp_path, kind="veth") as (_, ends):
        words = (f"address={ends.server_address}", "interface=zy0", "by=xdp", "xdp.copy=zerocopy")
        with process("role=answer", *words, namespace=ends.server) as (server, _):
            assert server.wait(END_SECONDS) == NOT_HERE
            assert "no zero-copy AF_XDP" in server.stderr.read()


def test_a_rate_is_kept_and_what_was_due_is_told() -> None:
    with answering("by=recvmmsg") as (_, _, port, _):
        result, _ = result_of(port, "rate_per_second=2000", "in_flight=1000")
    row, _, _ = load_columns(result)
    ended_as = row["requests_done"] + row["requests_failed"] + row["requests_censored"]
    assert row["requests_scheduled"] == ended_as and 398 <= row["requests_scheduled"] <= 402
    assert row["rate_asked_per_second"] == 2000 and row["arrivals_ks"] is not None


def test_what_is_never_answered_is_lost_and_counted() -> None:
    with answering("by=recvmsg") as (server, _, port, _):
        words = (port, "rate_per_second=1000", "in_flight=4000", "deadline_ns=20000000")
        long = ("window_ns=600000000", "warmup_ns=0")
        with process("role=ask", *words, *long) as (asker, _):
            assert asker.stdout is not None
            assert '"connected"' in asker.stdout.readline()
            assert '"window"' in asker.stdout.readline()
            server.send_signal(signal.SIGSTOP)
            out, _ = asker.communicate(timeout=END_SECONDS)
        result = json.loads(out.splitlines()[-1])
    assert result["errors"] == {"wire_timeout": result["requests_failed"]}
    assert result["requests_failed"] > 0


def test_a_signal_ends_either_side() -> None:
    with answering("by=uring") as (server, _, port, _):
        long = ("window_ns=60000000000", port)
        with process("role=ask", *long) as (asker, _):
            assert asker.stdout is not None and '"connected"' in asker.stdout.readline()
            asker.send_signal(signal.SIGINT)
            assert asker.wait(END_SECONDS) == 128 + signal.SIGINT
        server.send_signal(signal.SIGTERM)
        assert server.wait(END_SECONDS) == 0


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ((), "give role=answer or role=ask"),
        (("role=ask",), "give port="),
        (("role=answer", "by=pigeon"), "must be one of recvmsg recvmmsg gro uring packet xdp"),
        (("role=answer", "by=xdp"), "by=xdp needs interface="),
        (("role=answer", "by=packet", "interface=lo", "address=::1"), "IPv4 only"),
        (("role=answer", "by=xdp", "interface=lo", "xdp.frames=1000"), "a power of two"),
        (("role=ask", "port=1", "message_bytes=8"), "must be from 16 to 1472"),
        (("role=ask", "port=1", "in_flight=5000"), "must be from 1 to 4096"),
        (("role=ask", "port=1", "rate_per_second=0"), "rate_per_second"),
        (("role=answer", "prot=1"), "did you mean"),
    ],
)
def test_mistakes_are_told_before_anything_runs(words: tuple[str, ...], said: str) -> None:
    code, out, error = refused("zyphos-datagram", *words)
    assert code == 2 and not out and said in error
