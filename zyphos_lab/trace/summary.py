"""What a traced process did most, in a few sentences. Says only what was measured."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from zyphos_lab.trace.rows import by_value
from zyphos_lab.trace.session import Reading
from zyphos_lab.units import (
    format_count,
    format_duration,
    format_fraction,
    format_rate,
    format_size,
)

MOST = 5
CALL = "server_syscall_"
Lines = Iterator[tuple[str, str]]


class Figures:
    """The columns of a whole trace, by name without the side."""

    def __init__(self, total: Reading) -> None:
        self.total = total
        self.seconds = max(total.duration_ns, 1) / 1e9
        self._columns = total.flat()

    def number(self, *names: str) -> float | None:
        """The first of them that was measured."""
        for name in names:
            for full in (f"server_{name}", name):
                value = self._columns.get(full)
                if isinstance(value, int | float):
                    return float(value)
        return None


def lines(total: Reading) -> Sequence[tuple[str, str]]:
    """(subject, what is to be said of it), most telling first."""
    figures = Figures(total)
    return [
        *_cpu(figures),
        *_calls(figures),
        *_rings(figures),
        *_waiting(figures),
        *_locks(figures),
        *_memory(figures),
        *_allocations(figures),
        *_traffic(figures),
        *_observer(figures),
    ]


def _cpu(figures: Figures) -> Lines:
    cpu_ns = figures.number("cpu_ns")
    if cpu_ns is None:
        return
    text = f"{format_duration(cpu_ns)}, {format_fraction(cpu_ns / 1e9 / figures.seconds)} of a core"
    system_ns = figures.number("system_ns")
    if system_ns is not None and cpu_ns:
        text += f", {format_fraction(system_ns / cpu_ns)} of it in the kernel"
    yield "CPU", text


def _calls(figures: Figures) -> Lines:
    calls = figures.number("syscalls")
    if calls:
        most = [
            (name, value)
            for name, value in by_value(figures.total, CALL)
            if not name.endswith(("_ns", "_count"))
        ]
        listed = ", ".join(
            f"{name} {format_count(value)} ({format_fraction(value / calls)})"
            for name, value in most[:MOST]
        )
        rate = format_rate(calls / figures.seconds)
        yield "system calls", f"{format_count(calls)}, {rate}: {listed}"
    longest = [
        f"{name} {format_duration(value)}"
        for name, value in by_value(figures.total, CALL, "_ns")
        if not name.endswith("_latency")
    ]
    if longest:
        yield "time in calls", ", ".join(longest[:MOST])


def _rings(figures: Figures) -> Lines:
    taken = figures.number("uring_submissions")
    if not taken:
        return
    kinds = by_value(figures.total, "server_uring_submit_")
    listed = ", ".join(f"{name} {format_count(value)}" for name, value in list(kinds)[:MOST])
    batch = figures.number("uring_completions_per_wait")
    text = f"{format_count(taken)} requests, {format_rate(taken / figures.seconds)}: {listed}"
    yield "io_uring", text + (f"; {batch:.1f} completions per wait" if batch else "")


def _waiting(figures: Figures) -> Lines:
    slept = figures.number("sched_switches_voluntary", "context_switches_voluntary")
    preempted = figures.number("sched_switches_involuntary", "context_switches_involuntary")
    if slept is not None and preempted is not None:
        both = slept + preempted
        text = f"{format_count(both)}, {format_rate(both / figures.seconds)}"
        if both:
            text += f": {format_count(slept)} went to sleep, {format_count(preempted)} preempted"
        yield "context switches", text
    delay_ns = figures.number("sched_run_delay_ns", "run_delay_ns")
    if delay_ns is not None:
        text = f"{format_duration(delay_ns)} runnable and without a CPU"
        p99 = figures.number("sched_run_delay_ns_p99")
        yield "run-queue delay", text + (f", p99 {format_duration(p99)}" if p99 else "")


def _locks(figures: Figures) -> Lines:
    waits, wait_ns = figures.number("futex_waits"), figures.number("futex_wait_ns")
    if waits is None or wait_ns is None:
        return
    text = f"{format_count(waits)}, {format_duration(wait_ns)} in all"
    p99 = figures.number("futex_wait_ns_p99")
    yield "futex waits", text + (f", p99 {format_duration(p99)}" if p99 else "")


def _memory(figures: Figures) -> Lines:
    minor, major = (figures.number(f"page_faults_{kind}") for kind in ("minor", "major"))
    resident = figures.number("rss_bytes")
    if minor is None or major is None:
        return
    text = f"{format_count(minor)} page faults" + (
        f", {format_count(major)} with I/O" * bool(major)
    )
    yield "memory", text + (f", {format_size(resident)} resident" if resident else "")


def _allocations(figures: Figures) -> Lines:
    calls, asked = figures.number("memory_allocations"), figures.number("memory_allocated_bytes")
    if calls is None or asked is None:
        return
    text = f"{format_count(calls)} of {format_size(asked)} in all"
    frees = figures.number("memory_frees")
    yield "allocations", text + (f", {format_count(frees)} freed" if frees is not None else "")


def _traffic(figures: Figures) -> Lines:
    again = figures.number("tcp_retransmits")
    received, acked = figures.number("tcp_bytes_received"), figures.number("tcp_bytes_acked")
    parts = []
    if received is not None and acked is not None:
        parts.append(f"{format_size(received)} in, {format_size(acked)} out")
    if again is not None:
        parts.append(f"{format_count(again)} retransmits on its port")
    everybody = figures.number("net_tcp_retrans_segs")
    if everybody is not None:
        parts.append(f"{format_count(everybody)} retransmits in its whole namespace")
    drops = figures.number("net_listen_drops")
    if drops:
        parts.append(f"{format_count(drops)} connections dropped at a full queue there")
    if parts:
        yield "TCP", ", ".join(parts)


def _observer(figures: Figures) -> Lines:
    """What the probes say of themselves."""
    found = by_value(figures.total, "server_observer_", "_ns")
    cost_ns, cpu_ns = sum(value for _, value in found), figures.number("cpu_ns")
    if cost_ns and cpu_ns:
        text = f"{format_duration(cost_ns)} of its CPU ({format_fraction(cost_ns / cpu_ns)})"
        yield "the probes", f"cost it about {text}"
