"""zyphos-ipc as two processes: each kind of channel carries what is sent, what is reported adds up,
and whoever loses the other ends. No speed is asserted.
"""

from __future__ import annotations

import base64
import contextlib
import json
import os
import signal
import subprocess
from collections.abc import Iterator
from typing import Any

import pytest

from running import END_SECONDS, refused
from zyphos_lab.native import program
from zyphos_lab.probes.native import core
from zyphos_lab.record import load_columns

pytestmark = [pytest.mark.native, pytest.mark.core]

BY = ("pipe", "unix_stream", "unix_seqpacket", "unix_dgram", "eventfd", "futex", "spin")
SHORT = ("warmup_ns=0", "window_ns=300000000", "interval_ns=150000000")
LONG = ("window_ns=60000000000",)


@contextlib.contextmanager
def process(*words: str) -> Iterator[subprocess.Popen[str]]:
    """A zyphos-ipc, killed at the end if it is still there."""
    child = subprocess.Popen(
        [program("zyphos-ipc"), *words], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    try:
        yield child
    finally:
        child.kill()
        child.communicate()


@contextlib.contextmanager
def answering(*words: str) -> Iterator[tuple[subprocess.Popen[str], str]]:
    """The answering side and where it waits."""
    with process("role=answer", "port=0", *words) as child:
        assert child.stdout is not None
        line = child.stdout.readline()
        assert line.startswith("waiting "), line
        yield child, f"port={line.split()[1]}"


def asked(*words: str) -> dict[str, Any]:
    """The result of a run that goes well on both sides."""
    with answering() as (other, port), process("role=ask", port, *SHORT, *words) as asker:
        out, err = asker.communicate(timeout=END_SECONDS)
        assert (asker.returncode, err) == (0, "")
        assert other.wait(END_SECONDS) == 0
    events = [json.loads(line) for line in out.splitlines()]
    assert [event["event"] for event in events] == ["connected", "window", "result"]
    return dict(events[-1])


@pytest.mark.parametrize("by", BY)
def test_a_conversation_is_told_as_a_load_is(by: str) -> None:
    result = asked(f"by={by}")
    assert result["requests_done"] > 0 == result["requests_failed"] and not result["errors"]
    row, _, _ = load_columns(result)
    histogram = core().Histogram.decode(base64.b64decode(result["histograms"]["latency_ns"]))
    assert histogram.count == result["requests_done"] and row["latency_ns_min"] > 0
    assert row["little_ratio"] is not None and row["client_cpu_ns"] > 0
    assert sum(part["requests_done"] for part in result["intervals"]) == result["requests_done"]
    assert row["connections"] == 1 and len(result["intervals"]) == 2


@pytest.mark.parametrize("by", BY)
@pytest.mark.parametrize("size", [8, 65536])
def test_a_stream_has_a_rate_and_no_latency(by: str, size: int) -> None:
    result = asked(f"by={by}", "pattern=stream", f"message_bytes={size}")
    row, skipped, reasons = load_columns(result)
    assert row["requests_done"] > 0 == row["requests_failed"] and not reasons
    assert result["bytes_out"] == size * row["requests_done"]
    assert sum(part["requests_done"] for part in result["intervals"]) == result["requests_done"]
    assert row["requests_per_second"] == pytest.approx(row["requests_done"] / 0.3)
    assert row["latency_ns_p50"] is None and "a stream has no answers" in skipped["latency_ns"]


@pytest.mark.parametrize("by", BY)
def test_who_loses_the_other_ends(by: str) -> None:
    words = ("role=ask", f"by={by}", *LONG)
    with answering() as (other, port), process(*words, port) as asker:
        assert asker.stdout is not None and '"connected"' in asker.stdout.readline()
        other.kill()
        assert asker.wait(END_SECONDS) == 1
        last = json.loads(asker.stdout.read().splitlines()[-1])
        assert last["event"] == "error" and last["errc"] == "system"
    with answering("hold=true") as (other, port), process(*words, port) as asker:
        assert asker.stdout is not None and '"connected"' in asker.stdout.readline()
        asker.kill()
        assert other.wait(END_SECONDS) == 1


def test_a_signal_ends_either_side() -> None:
    with answering() as (other, _):
        other.send_signal(signal.SIGTERM)
        assert other.wait(END_SECONDS) == 128 + signal.SIGTERM
    with answering() as (_, port), process("role=ask", "by=spin", port, *LONG) as asker:
        assert asker.stdout is not None and '"connected"' in asker.stdout.readline()
        asker.send_signal(signal.SIGINT)
        assert asker.wait(END_SECONDS) == 128 + signal.SIGINT
    with answering("hold=true") as (other, port), process("role=ask", port, *SHORT) as asker:
        assert asker.wait(END_SECONDS) == 0
        other.send_signal(signal.SIGTERM)
        assert other.wait(END_SECONDS) == 0


def test_a_process_runs_where_it_is_told() -> None:
    cpu = min(os.sched_getaffinity(0))
    with answering(f"cpus={cpu}") as (other, _):
        assert os.sched_getaffinity(other.pid) == {cpu}


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ((), "give role=answer or role=ask"),
        (("role=ask",), "give port="),
        (("role=ask", "port=1", "by=telepathy"), "must be one of pipe unix_stream"),
        (("role=ask", "port=1", "message_bytes=4"), "must be from 8 to 1048576"),
        (("role=ask", "port=1", "buffer_bytes=100"), "must hold two messages"),
        (("role=ask", "port=1", "spins=3"), "spins=3: only who waits"),
        (("role=answer", "prot=1"), "did you mean"),
    ],
)
def test_mistakes_are_told_before_anything_runs(words: tuple[str, ...], said: str) -> None:
    code, out, error = refused("zyphos-ipc", *words)
    assert code == 2 and not out and said in error


def test_nobody_waits() -> None:
    with answering() as (_, port):
        pass
    code, out, _ = refused("zyphos-ipc", "role=ask", port)
    assert code == 1 and "nobody waits at" in json.loads(out)["message"]
