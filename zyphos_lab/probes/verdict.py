"""What the kernel's evidence says about a trial: reasons to doubt it, as data.

Looks only at columns that probes give. What is missing says nothing: it is in the record's
`skipped`. The thresholds are those of METHOD.md and stand here once.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping
from typing import Any, Literal

from zyphos_lab.probes.rusage import TICK_NS

Severity = Literal["DEGRADED", "INVALID"]
Reason = dict[str, Any]

STEAL_DEGRADED, STEAL_INVALID = 0.01, 0.05  # of the window, on the CPU that lost most
THROTTLE_DEGRADED, THROTTLE_INVALID = 0.01, 0.05  # of the window
OTHER_LOAD_DEGRADED = 0.05  # of one core, on the pinned cores together
OBSERVER_DEGRADED = 0.10  # of the server's CPU, spent on counting its system calls
MEMORY_STALL_DEGRADED = 0.01  # of the window with every task waiting for memory
RETRANSMITS_DEGRADED = 0.001  # of the segments sent
RETRANSMITS_MIN = 10  # fewer may be somebody else's: the counters are the whole namespace's
CLOCK_DRIFT_MAX = 500e-6  # the most that the kernel steers a clock by (adjtimex(2))
CLOCK_STEP_NS = 1_000_000
CLOCK_RESOLUTION_NS = 1_000
# Read in user mode within some 30 ns; all others cost a system call, or tick too slowly.
CLOCK_SOURCES = ("tsc", "kvm-clock", "hyperv_clocksource_tsc_page", "arch_sys_counter")

# What /proc/stat cannot tell from nothing: one tick of rounding at either edge of the window.
RESOLUTION_NS = 2 * TICK_NS


def verdict_reasons(columns: Mapping[str, Any], subject: Collection[str] = ()) -> list[Reason]:
    """Reasons {code, severity, message, evidence} that the columns of one trial give; often none.

    `evidence` is the columns that it rests on, by name. Codes in `subject` are what the experiment
    is about (drops, say) and speak against nothing. Pure; order is fixed.
    """
    checks = (
        _steal,
        _throttled,
        _thermal,
        _other_load,
        _runner_load,
        _swap,
        _memory_stall,
        _listen_drops,
        _softnet_drops,
        _socket_drops,
        _tun_dropped,
        _retransmits,
        _clock,
        _observer,
    )
    found = [reason for check in checks if (reason := check(columns)) is not None]
    return [reason for reason in found if reason["code"] not in subject]


def _reason(
    columns: Mapping[str, Any], code: str, severity: Severity, message: str, *names: str
) -> Reason:
    return {
        "code": code,
        "severity": severity,
        "message": message,
        "evidence": {name: columns.get(name) for name in names},
    }


def _number(columns: Mapping[str, Any], name: str) -> float:
    """The column, or 0 where it is missing: what was not measured gives no reason."""
    value = columns.get(name)
    return float(value) if isinstance(value, int | float) else 0.0


def _window_ns(columns: Mapping[str, Any]) -> float:
    return max(1.0, _number(columns, "host_window_ns"))


def _steal(columns: Mapping[str, Any]) -> Reason | None:
    ratio = _number(columns, "host_steal_ratio")
    if ratio <= STEAL_DEGRADED or _number(columns, "host_steal_ns") < RESOLUTION_NS:
        return None
    severity: Severity = "INVALID" if ratio > STEAL_INVALID else "DEGRADED"
    message = f"the hypervisor took {ratio:.1%} of the window from one of the trial's CPUs"
    return _reason(columns, "steal", severity, message, "host_steal_ratio", "host_steal_ns")


def _throttled(columns: Mapping[str, Any]) -> Reason | None:
    ratio = _number(columns, "host_throttled_ns") / _window_ns(columns)
    if ratio <= THROTTLE_DEGRADED:
        return None
    severity: Severity = "INVALID" if ratio > THROTTLE_INVALID else "DEGRADED"
    message = f"the cgroup's CPU limit held the trial back for {ratio:.1%} of the window"
    return _reason(columns, "throttled", severity, message, "host_throttled_ns")


def _thermal(columns: Mapping[str, Any]) -> Reason | None:
    if _number(columns, "host_thermal_throttles") <= 0:
        return None
    message = "a CPU was slowed down for its heat"
    return _reason(columns, "thermal", "DEGRADED", message, "host_thermal_throttles")


def _other_load(columns: Mapping[str, Any]) -> Reason | None:
    other_ns = _number(columns, "host_cpu_other_ns")
    ratio = other_ns / _window_ns(columns)
    cpus = len(str(columns.get("host_cpus_watched") or "").split(","))
    if ratio <= OTHER_LOAD_DEGRADED or other_ns <= RESOLUTION_NS * cpus:
        return None
    hogs = json.loads(columns.get("host_hogs") or "[]")
    named = ", ".join(
        f"{hog['comm']} (pid {hog['pid']}) {hog['cpu_ratio']:.0%}" for hog in hogs[:3]
    )
    message = f"other work took {ratio:.1%} of a core on the trial's own CPUs" + (
        f"; busiest beside it: {named}" if named else ""
    )
    evidence = ("host_cpu_other_ratio", "host_cpu_other_ns", "host_cpus_watched")
    reason = _reason(columns, "other_load", "DEGRADED", message, *evidence)
    reason["evidence"]["host_hogs"] = hogs
    return reason


def _runner_load(columns: Mapping[str, Any]) -> Reason | None:
    runner_ns = _number(columns, "host_cpu_runner_ns")
    ratio = runner_ns / _window_ns(columns)
    if ratio <= OTHER_LOAD_DEGRADED:
        return None
    message = f"the runner's own probes took {ratio:.1%} of a core on the trial's CPUs"
    return _reason(columns, "runner_load", "DEGRADED", message, "host_cpu_runner_ns")


def _swap(columns: Mapping[str, Any]) -> Reason | None:
    names = ("host_swap_in_pages", "host_swap_out_pages")
    pages = sum(_number(columns, name) for name in names)
    if pages <= 0:
        return None
    return _reason(columns, "swap", "DEGRADED", f"{pages:.0f} pages were swapped", *names)


def _memory_stall(columns: Mapping[str, Any]) -> Reason | None:
    ratio = _number(columns, "host_psi_memory_full_ns") / _window_ns(columns)
    if ratio <= MEMORY_STALL_DEGRADED:
        return None
    message = f"every task waited for memory for {ratio:.1%} of the window"
    return _reason(columns, "memory_stall", "DEGRADED", message, "host_psi_memory_full_ns")


def _listen_drops(columns: Mapping[str, Any]) -> Reason | None:
    names = ("net_listen_overflows", "net_listen_drops")
    drops = max(_number(columns, name) for name in names)
    if drops <= 0:
        return None
    message = f"{drops:.0f} connections were dropped at a full listen queue"
    return _reason(columns, "listen_drops", "DEGRADED", message, *names)


def _softnet_drops(columns: Mapping[str, Any]) -> Reason | None:
    drops = _number(columns, "net_softnet_drops")
    if drops <= 0:
        return None
    message = f"{drops:.0f} packets were dropped before any socket saw them (backlog full)"
    return _reason(columns, "softnet_drops", "DEGRADED", message, "net_softnet_drops")


def _socket_drops(columns: Mapping[str, Any]) -> Reason | None:
    names = ("net_tcp_backlog_drops", "net_tcp_receive_queue_drops", "net_udp_receive_drops")
    drops = sum(_number(columns, name) for name in names)
    if drops <= 0:
        return None
    message = f"{drops:.0f} packets were dropped at a socket whose queue was full"
    return _reason(columns, "socket_drops", "DEGRADED", message, *names)


def _tun_dropped(columns: Mapping[str, Any]) -> Reason | None:
    """What an emulated link lost without having been asked to, whatever losses it has besides."""
    names = [
        f"link_{direction}_{what}"
        for what in ("tun_dropped", "dropped_memory")
        for direction in ("forward", "backward")
    ]
    drops = sum(_number(columns, name) for name in names)
    if drops <= 0:
        return None
    message = f"the emulator's device lost {drops:.0f} packets which the link was not asked to lose"
    return _reason(columns, "tun_dropped", "DEGRADED", message, *names)


def _retransmits(columns: Mapping[str, Any]) -> Reason | None:
    again, sent = _number(columns, "net_tcp_retrans_segs"), _number(columns, "net_tcp_segs_out")
    if again < RETRANSMITS_MIN or again <= RETRANSMITS_DEGRADED * sent:
        return None
    message = f"{again:.0f} of {sent:.0f} TCP segments had to be sent again"
    names = ("net_tcp_retrans_segs", "net_tcp_segs_out", "net_tcp_timeouts")
    return _reason(columns, "retransmits", "DEGRADED", message, *names)


def _clock(columns: Mapping[str, Any]) -> Reason | None:
    """What is within the error of the readings is not told."""
    source = columns.get("host_clock_source")
    drift, step = (_number(columns, f"host_clock_{name}") for name in ("drift_ratio", "step_ns"))
    error_ns = _number(columns, "host_clock_reading_ns")
    resolution_ns = _number(columns, "host_clock_resolution_ns")
    trouble = []
    if source is not None and source not in CLOCK_SOURCES:
        trouble.append(f"the clock source is {source}")
    if abs(drift) > CLOCK_DRIFT_MAX + error_ns / _window_ns(columns):
        trouble.append(f"the clock was steered by {drift * 1e6:.0f} ppm")
    if abs(step) > CLOCK_STEP_NS + error_ns:
        trouble.append(f"the wall clock was set by {step / 1e6:.1f} ms")
    if resolution_ns > CLOCK_RESOLUTION_NS:
        trouble.append(f"the clock ticks every {resolution_ns / 1e3:.0f} us")
    if not trouble:
        return None
    names = [f"host_clock_{name}" for name in ("source", "drift_ratio", "step_ns", "resolution_ns")]
    return _reason(columns, "clock", "DEGRADED", "; ".join(trouble), *names)


def _observer(columns: Mapping[str, Any]) -> Reason | None:
    cpu_ns = _number(columns, "server_cpu_ns")
    observer_ns = _number(columns, "server_observer_bpf_ns")
    if observer_ns <= OBSERVER_DEGRADED * cpu_ns:
        return None
    message = (
        f"counting system calls took about {observer_ns / max(1.0, cpu_ns):.0%} of the server's CPU"
    )
    return _reason(
        columns, "observer", "DEGRADED", message, "server_observer_bpf_ns", "server_cpu_ns"
    )
