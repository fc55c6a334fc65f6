"""The list of metrics against those who make the columns: the board in C++ and the probes."""

import re
from pathlib import Path

import pytest

from zyphos_lab import board_metrics
from zyphos_lab.metrics import lookup, suggest

ROOT = Path(__file__).resolve().parent.parent
# Those of single engines stand before the list that ends with them.
COUNTER = r"^  X\((\w+), \""


def test_every_counter_of_the_board_is_a_metric():
    text = (ROOT / "cpp/base/counters.h").read_text(encoding="ascii")
    groups, _, common = text.partition("#define ZYPHOS_COUNTERS(X)")
    counters = [one for part in (common, groups) for one in re.findall(COUNTER, part, re.MULTILINE)]
    listed = [line.split()[0] for line in board_metrics.BOARD.strip().splitlines()]
    assert "requests" in counters and "ring_sqes" in counters
    assert listed == counters


@pytest.mark.parametrize(
    ("name", "unit", "better", "probe"),
    [
        ("latency_ns_p50", "ns", "lower", ""),
        ("requests_per_second", "per_second", "higher", ""),
        ("server_cpu_ns_per_request", "ns", "lower", ""),
        ("server_syscall_epoll_wait", "count", "lower", "syscalls"),
        ("server_syscall_epoll_wait_per_request", "ratio", "lower", "syscalls"),
        ("server_syscall_read_latency_ns_p99", "ns", "lower", "syscall_latency"),
        ("server_syscall_read_latency_ns_count", "count", "lower", "syscall_latency"),
        ("client_syscall_read_ns_per_request", "ns", "lower", "syscall_latency"),
        ("server_syscall_setns", "count", "lower", "syscalls"),
        ("client_tcp_rtt_ns_mean", "ns", "lower", "tcp_info"),
        ("server_bytes_copied_per_request", "bytes", "lower", ""),
        ("server_error_peer_reset", "count", "lower", ""),
        ("error_timeout_per_request", "ratio", "lower", ""),
    ],
)
def test_lookup(name, unit, better, probe):
    found = lookup(name)
    assert found is not None
    assert (found.name, found.unit, found.better, found.probe) == (name, unit, better, probe)
    assert found.text


@pytest.mark.parametrize(
    ("name", "meant"),
    [
        ("latency_p50", "latency_ns_p50"),
        ("request_per_second", "requests_per_second"),
        ("server_cpu_ns_per_reqest", "server_cpu_ns_per_request"),
        ("frogs", ""),
    ],
)
def test_unknown_names_are_not_metrics_but_meant_something(name, meant):
    assert lookup(name) is None
    assert suggest(name) == meant


def test_what_is_per_request_is_not_so_twice():
    assert lookup("server_syscalls_per_request_per_request") is None
    assert lookup("cell_per_request") is None
