"""Every column of a record: its unit, which direction is better, what it says, and the probe it needs.

A quantity has this one name in C++, Python, Parquet, JSON and plots. `lookup` also knows the families
(`server_syscall_<name>`, `error_<errc>`, `net_<counter>`) and `<name>_per_request` of whatever is counted.
Imports nothing of the lab; plain data, safe to read from any thread.
"""

from __future__ import annotations

import difflib
import re
from dataclasses import dataclass, replace
from typing import Literal

Better = Literal["lower", "higher", ""]

# Units: ns, bytes, per_second, ratio, count; `text` cannot be calculated with.
PROBES = ("syscalls", "tcp_info", "rusage", "perf")


@dataclass(frozen=True, slots=True)
class Metric:
    """One column. `better` is "" where neither direction is; `probe` is "" where none is needed."""

    name: str
    unit: str
    better: Better
    text: str
    probe: str = ""
    per_request: bool = False


QUANTILES = {
    "mean": "mean",
    "min": "shortest",
    "p50": "median",
    "p90": "90th percentile",
    "p99": "99th percentile",
    "p99_9": "99.9th percentile",
    "max": "longest",
}

TIMES = {
    "latency_ns": "time from the scheduled send to the complete answer",
    "service_ns": "time from the actual send to the complete answer",
    "schedule_lag_ns": "time from the scheduled to the actual send",
}

IDENTITY = [
    Metric("trial", "count", "", "order of execution, from 0"),
    Metric("block", "count", "", "block of the design that the trial belongs to"),
    Metric("cell", "text", "", "the factors' values, `nodelay=false,write=two`"),
    Metric("arm", "text", "", "A or B where a cell is compared with itself"),
    Metric("target", "text", "", "name of the target"),
    Metric("start", "count", "", "which start of the cell this is"),
    Metric("seed", "count", "", "seed of the load's schedule"),
    Metric("started_ns", "ns", "", "wall clock at the start, since 1970"),
    Metric("duration_ns", "ns", "", "whole trial"),
    Metric("overhead_ns", "ns", "lower", "trial outside its warm-up and window"),
    Metric("verdict", "text", "", "VALID, DEGRADED or INVALID"),
    Metric("reasons", "text", "", "why not VALID, as JSON"),
    Metric("skipped", "text", "", "what could not be measured and why, as JSON"),
]

LOAD = [
    Metric("window_ns", "ns", "", "length of the measured window"),
    Metric("connections", "count", "", "connections of the load"),
    Metric("requests_scheduled", "count", "", "requests whose scheduled send lies in the window"),
    Metric("requests_sent", "count", "", "of these, sent"),
    Metric("requests_done", "count", "higher", "of these, answered rightly in the window"),
    Metric("requests_failed", "count", "lower", "of these, answered wrongly or broken off"),
    Metric("requests_censored", "count", "lower", "of these, unfinished at the deadline"),
    Metric("requests_per_second", "per_second", "higher", "requests done per second of the window"),
    Metric("rate_asked_per_second", "per_second", "", "rate that an open load was asked for"),
    Metric("rate_ratio", "ratio", "higher", "achieved rate / asked rate"),
    Metric("arrivals_ks", "ratio", "lower", "distance of the sent schedule from the declared law"),
    Metric("client_bytes_out", "bytes", "", "payload bytes sent", per_request=True),
    Metric("client_bytes_in", "bytes", "", "payload bytes received", per_request=True),
    Metric("client_threads", "count", "", "threads of the load"),
]

# name after server_ / client_, unit, better, text; all from the probe rusage
SIDES = [
    ("cpu_ns", "ns", "lower", "CPU time of the whole process tree"),
    ("user_ns", "ns", "lower", "CPU time in user mode"),
    ("system_ns", "ns", "lower", "CPU time in the kernel"),
    ("context_switches_voluntary", "count", "lower", "times a thread went to sleep"),
    ("context_switches_involuntary", "count", "lower", "times a thread was preempted"),
    ("page_faults_minor", "count", "lower", "page faults without I/O"),
    ("page_faults_major", "count", "lower", "page faults with I/O"),
    ("migrations", "count", "lower", "times a thread moved to another CPU"),
]

# name after server_, unit, better, text; all from the probe tcp_info, summed over connections
TCP = [
    ("tcp_segs_out", "count", "lower", "segments sent"),
    ("tcp_segs_in", "count", "lower", "segments received"),
    ("tcp_data_segs_out", "count", "lower", "segments with payload sent"),
    ("tcp_data_segs_in", "count", "lower", "segments with payload received"),
    ("tcp_retransmits", "count", "lower", "segments sent again"),
]

# The board's counters, as cpp/base/counters.h lists them.
BOARD = [
    ("accepted", "", "connections accepted"),
    ("connected", "", "connections established by dialing"),
    ("closed", "", "connections ended, whoever ended them"),
    ("requests", "", "requests answered (server) or completed (client)"),
    ("bytes_in", "", "payload bytes received from the kernel"),
    ("bytes_out", "", "payload bytes given to the kernel"),
    ("bytes_copied", "lower", "bytes copied to make a message contiguous"),
    ("recv_calls", "lower", "receive operations that returned"),
    ("recv_again", "lower", "receive operations that found nothing (EAGAIN)"),
    ("send_calls", "lower", "send operations that returned"),
    ("send_again", "lower", "send operations that found no room (EAGAIN)"),
    ("partial_writes", "lower", "send operations that took less than was given"),
    ("wakeups", "lower", "times the driver woke with something to do"),
    ("events", "", "events or completions handled"),
    ("wakes", "", "wakes delivered to a connection"),
    ("interrupted", "lower", "system calls ended by a signal (EINTR)"),
    ("timers", "", "deadlines that came due"),
    ("accept_paused", "lower", "times accepting was paused for want of descriptors"),
    ("buffers_exhausted", "lower", "receives ended for want of a provided buffer (ENOBUFS)"),
]

HOST = [
    Metric("host_steal_ns", "ns", "lower", "CPU time that the hypervisor took"),
    Metric("host_cpu_other_ns", "ns", "lower", "CPU time of everything but the trial"),
    Metric("net_tcp_delayed_acks", "count", "lower", "delayed ACKs sent, host-wide", per_request=True),
]

PER_REQUEST = "_per_request"
FAMILIES = [
    (
        re.compile(r"(server|client)_syscall_[a-z0-9_]+\Z"),
        Metric("", "count", "lower", "system calls of this name", "syscalls", per_request=True),
    ),
    (
        re.compile(r"(server|client)_perf_[a-z0-9_]+\Z"),
        Metric("", "count", "lower", "perf software event", "perf", per_request=True),
    ),
    (
        re.compile(r"(server|client)_error_[a-z0-9_]+\Z"),
        Metric("", "count", "lower", "errors of this kind on the board", per_request=True),
    ),
    (
        re.compile(r"error_[a-z0-9_]+\Z"),
        Metric("", "count", "lower", "failed requests, by what went wrong", per_request=True),
    ),
    (
        re.compile(r"net_[a-z0-9_]+\Z"),
        Metric("", "count", "", "host-wide counter of the network stack", per_request=True),
    ),
    (re.compile(r"host_psi_[a-z0-9_]+\Z"), Metric("", "ratio", "lower", "pressure stall information")),
]


def _of_side(side: str) -> list[Metric]:
    """Columns of the server or the client."""
    found = [
        Metric(f"{side}_{name}", unit, better, text, "rusage", per_request=True)  # type: ignore[arg-type]
        for name, unit, better, text in SIDES
    ]
    found += [
        Metric(f"{side}_cpu_ratio", "ratio", "lower", "CPU time / window", "rusage"),
        Metric(f"{side}_rss_bytes", "bytes", "lower", "resident memory at the end", "rusage"),
        Metric(f"{side}_syscalls", "count", "lower", "system calls", "syscalls", per_request=True),
    ]
    found += [
        Metric(f"{side}_{name}", "bytes" if name.startswith("bytes_") else "count", better, text,
               per_request=True)  # type: ignore[arg-type]
        for name, better, text in BOARD
    ]  # fmt: skip
    return found


def _table() -> dict[str, Metric]:
    found = [*IDENTITY, *LOAD]
    for name, text in TIMES.items():
        for suffix, which in QUANTILES.items():
            found.append(Metric(f"{name}_{suffix}", "ns", "lower", f"{which} of the {text}"))
    found += [*_of_side("server"), *_of_side("client")]
    found += [
        Metric(f"server_{name}", unit, better, text, "tcp_info", per_request=True)  # type: ignore[arg-type]
        for name, unit, better, text in TCP
    ]
    found += [
        Metric("server_tcp_rtt_ns_mean", "ns", "lower", "smoothed round-trip time", "tcp_info"),
        Metric("server_tcp_cwnd_mean", "count", "", "congestion window in segments", "tcp_info"),
        Metric("server_tcp_congestion", "text", "", "congestion control in use", "tcp_info"),
    ]
    table = {metric.name: metric for metric in [*found, *HOST]}
    for metric in list(table.values()):
        if metric.per_request:
            table[metric.name + PER_REQUEST] = _per_request(metric)
    return table


def _per_request(metric: Metric) -> Metric:
    name = metric.name + PER_REQUEST
    unit = "ratio" if metric.unit == "count" else metric.unit
    return replace(metric, name=name, unit=unit, text=f"{metric.text}, per request", per_request=False)


METRICS: dict[str, Metric] = _table()


def lookup(name: str) -> Metric | None:
    """The metric called `name`, also one of a family; None when there is none."""
    if name in METRICS:
        return METRICS[name]
    base = name.removesuffix(PER_REQUEST)
    for pattern, family in FAMILIES:
        if pattern.match(base):
            metric = replace(family, name=base)
            return metric if base == name else _per_request(metric)
    return None


def suggest(name: str) -> str:
    """The known metric closest to `name`; '' when none is close."""
    close = difflib.get_close_matches(name, METRICS, n=1, cutoff=0.6)
    return close[0] if close else ""
