"""The server of known truth as a target: real server, real sockets, real kernel timestamps."""

from __future__ import annotations

import base64
import socket
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import pytest

from zyphos_lab import targets
from zyphos_lab.child import Children
from zyphos_lab.errors import TargetError
from zyphos_lab.probes.native import core
from zyphos_lab.spec.target_models import ReferenceTarget
from zyphos_lab.targets.reference import RunningReference
from zyphos_lab.targets.truth import columns

GET = b"GET / HTTP/1.1\r\nHost: a\r\n\r\n"
ALL = (0, 2**62)


@contextmanager
def started(tmp_path: Path, reference: dict[str, Any], **more: Any) -> Iterator[RunningReference]:
    spec = ReferenceTarget.model_validate({"reference": reference, "protocol": "http1", **more})
    running = targets.make("ref", spec, Children(tmp_path)).start()
    assert isinstance(running, RunningReference)
    with ExitStack() as stack:
        stack.callback(running.stop)
        yield running


def ask(running: RunningReference, request: bytes, count: int = 1) -> list[bytes]:
    """So many requests one after the other on one connection, and what came back."""
    with socket.create_connection((running.address, running.port), timeout=10) as connection:
        answers = []
        for _ in range(count):
            connection.sendall(request)
            answers.append(connection.recv(1 << 16))
        return answers


def histogram(truth: dict[str, Any], name: str) -> Any:
    return core().Histogram.decode(base64.b64decode(truth["histograms"][name]))


def test_noop_answers_with_canned_bytes(tmp_path: Path) -> None:
    with started(tmp_path, {}, response_bytes=5) as running:
        assert ask(running, GET, 2) == [
            b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nHello"
        ] * 2  # fmt: skip
        body = b"POST / HTTP/1.1\r\nhost: a\r\ncontent-length: 3\r\n\r\nabc"
        assert ask(running, body + GET)[0].count(b"200 OK") == 2
        assert len(running.pids()) == 1
        assert isinstance(running.board(), str)


def test_echo_gives_the_message_back(tmp_path: Path) -> None:
    with started(tmp_path, {}, protocol="echo", message_bytes=4) as running:
        assert ask(running, b"abcdwxyz") == [b"abcdwxyz"]


def test_delay_is_what_the_kernel_saw(tmp_path: Path) -> None:
    with started(tmp_path, {"delay": "3ms"}) as running:
        ask(running, GET, 5)
        truth = running.truth(*ALL)
        assert (truth["requests_received"], truth["requests_answered"]) == (5, 5)
        assert truth["requests_unstamped"] == 0
        delays = histogram(truth, "delay_ns")
        assert delays.count == 5
        # Never early, however busy the machine is (a bucket is 0.1 % wide).
        assert delays.quantile(0) >= 2_997_000
        assert histogram(truth, "asked_ns").quantile(0.5) == pytest.approx(3_000_000, rel=1e-3)


def test_truth_knows_only_its_stretch_of_time(tmp_path: Path) -> None:
    with started(tmp_path, {"truth": True}) as running:
        ask(running, GET, 3)
        between = time.clock_gettime_ns(time.CLOCK_MONOTONIC)
        ask(running, GET, 2)
        assert running.truth(0, between)["requests_received"] == 3
        assert running.truth(between, ALL[1])["requests_received"] == 2


def test_ordered_stall_holds_answers(tmp_path: Path) -> None:
    with started(tmp_path, {"truth": True}) as running:
        now = time.clock_gettime_ns(time.CLOCK_MONOTONIC)
        running.stall(now, now + 150_000_000)
        running.truth(*ALL)  # has taken the order now
        ask(running, GET)
        assert time.clock_gettime_ns(time.CLOCK_MONOTONIC) >= now + 150_000_000
        assert running.truth(now, now + 150_000_000)["answers_in_window"] == 0


@pytest.mark.parametrize("by", ["silence", "close"])
def test_lost_requests_are_never_answered(tmp_path: Path, by: str) -> None:
    with started(tmp_path, {"loss": "100%", "loss_by": by}) as running:
        with socket.create_connection((running.address, running.port)) as connection:
            connection.sendall(GET)
            if by == "close":
                connection.settimeout(10)
                assert connection.recv(1) == b""
            else:
                while running.truth(*ALL)["requests_lost"] == 0:
                    pass
                connection.setblocking(False)
                with pytest.raises(BlockingIOError):
                    connection.recv(1)
        assert running.truth(*ALL)["requests_lost"] == 1


def test_bad_setting_is_one_line(tmp_path: Path) -> None:
    bad = {"delay": {"law": "pareto", "scale": "0s"}}
    message = r"zyphos-reference did not start; .*needs delay\.scale"
    with pytest.raises(TargetError, match=message), started(tmp_path, bad):
        pass


def test_truth_as_columns() -> None:
    delays = core().Histogram()
    for _ in range(3):
        delays.record(1_000_000)
    encoded = base64.b64encode(delays.encode()).decode()
    told = {"requests_received": 4, "requests_lost": 1, "histograms": {"delay_ns": encoded}}
    row, skipped = columns(told)
    assert row["server_requests_lost"] == 1
    assert row["server_delay_ns_p99"] == pytest.approx(1_000_000, rel=1e-3)
    assert skipped == {}
    assert columns(None) == ({}, {})
    row, skipped = columns({**told, "requests_received": 0})
    assert set(row.values()) == {None}
    assert skipped == {"server_delay_ns": "the reference server keeps no truth here"}
