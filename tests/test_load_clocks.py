"""What can be kept out of the times: the load waking up, by the kernel's clock or by polling."""

from __future__ import annotations

from running import load, served
from test_load import SHORT, adds_up, histogram
from zyphos_lab import record


def test_the_kernels_clock_splits_the_wire_from_waking_up() -> None:
    """Every request has a stamp, and lies within what the load itself saw of it."""
    with served("app=delay", "delay_ns=2000000") as server:
        words = (f"port={server.port}", "kernel_timestamps=true", "connections=4", *SHORT)
        result = load(*words)
        plain = load(f"port={server.port}", "connections=4", *SHORT)
    adds_up(result)
    wire, service = histogram(result, "wire_ns"), histogram(result, "service_ns")
    assert wire.count == result["requests_done"] > 0 and result["reconnects"] == 0
    assert wire.min is not None and wire.min >= 2_000_000 * 0.999  # the server's delay is in it
    for q in (0.1, 0.5, 0.9, 1.0):
        within, around = wire.quantile(q), service.quantile(q)
        assert within is not None and around is not None and within <= around
    assert "wire_ns" not in plain["histograms"]


def test_polling_keeps_the_cpu_while_answers_are_awaited() -> None:
    with served("app=delay", "delay_ns=2000000") as server:
        words = (f"port={server.port}", "connections=1", "window_ns=200000000")
        asleep, polling = load(*words), load(*words, "poll=true")
    adds_up(polling)
    assert polling["requests_done"] > 0
    assert polling["client_cpu_ns"] > 3 * asleep["client_cpu_ns"]
    # What it polled for nothing is no work: a load is not at its limit for waiting awake.
    assert asleep["client_threads_spin_ns"] < polling["client_threads_spin_ns"]
    # Of the CPU that it got: a host that takes CPUs away leaves it less than the window.
    assert polling["client_threads_spin_ns"] > polling["client_cpu_ns"] / 2
    busy = record.busy(polling)
    assert busy is not None and busy < record.FULL_CORE
