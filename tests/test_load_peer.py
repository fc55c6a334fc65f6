"""zyphos-load as a peer of its own ways: it closes first, reads slowly, sends by another call.
No bound on time is tight: speed is shown by benches."""

import json
from typing import Any

import pytest

from running import load, refused, served

pytestmark = pytest.mark.native

SHORT = ("warmup_ns=20000000", "window_ns=200000000")


def all_good(result: dict[str, Any]) -> None:
    """Something was done, and nothing ended wrongly."""
    assert result["requests_done"] > 0 == result["requests_failed"]
    assert result["errors"] == result["connection_errors"] == {}
    assert result["requests_done"] + result["requests_censored"] == result["requests_scheduled"]


def test_the_load_closes_after_so_many_answers() -> None:
    with served("app=hello") as server:
        words = ("requests_per_connection=3", "connections=2", *SHORT)
        result = load(f"port={server.port}", *words)
    all_good(result)
    # Each connection but the last of either had three; those of the warm-up are closed as well.
    assert result["reconnects"] >= result["requests_done"] // 3 - 2


def test_a_slow_reader_reads_at_its_rate() -> None:
    words = ("window_ns=1000000000", "warmup_ns=200000000", "deadline_ns=5000000000")
    rate = "read_bits_per_second=8000000"  # 1 MB/s on each of two connections
    with served("app=hello", "response_bytes=100000") as server:
        fast = load(f"port={server.port}", "connections=2", *words)
        slow = load(f"port={server.port}", "connections=2", rate, *words)
    all_good(slow)
    # No more than the rate and the window's worth of slack; a busy machine reads less.
    assert 0.2e6 < slow["bytes_in"] < 2.2e6 < fast["bytes_in"]


def test_what_a_slow_reader_has_read_ends_the_run() -> None:
    an_hour = ("deadline_ns=3600000000000", "read_bits_per_second=8000000", *SHORT)
    with served("app=hello", "response_bytes=100000") as server:
        code, out, _ = refused("zyphos-load", f"port={server.port}", "connections=1", *an_hour)
    assert code == 0
    all_good(json.loads(out.splitlines()[-1]))


@pytest.mark.parametrize("call", ["write", "writev", "sendmsg", "zerocopy"])
@pytest.mark.parametrize("size", [64, 300_000])
def test_any_call_sends_the_same(call: str, size: int) -> None:
    message = f"message_bytes={size}"
    with served("protocol=echo", message) as server:
        words = ("protocol=echo", message, f"send_call={call}", "connections=2")
        result = load(f"port={server.port}", *words, *SHORT)
    all_good(result)  # every byte of every answer was compared


def test_a_call_is_of_one_piece() -> None:
    words = ("port=1", "protocol=echo", "write_pattern=two", "send_call=write")
    code, _, err = refused("zyphos-load", *words)
    assert (code, "send_call is that of write_pattern=one" in err) == (2, True)


def test_a_load_that_closes_has_one_request_under_way() -> None:
    code, _, err = refused("zyphos-load", "port=1", "requests_per_connection=2", "pipeline=2")
    assert (code, "requests_per_connection needs pipeline=1" in err) == (2, True)
