"""Every column of a record: its unit, which way is better, what it says, the probe it needs.

A quantity has this one name in C++, Python, Parquet, JSON and plots. `lookup` also knows the
families (`server_syscall_<name>`, `error_<errc>`) and `<name>_per_request` of whatever is counted.
Imports only the tables of probes, boards and links; plain data, safe to read from any thread.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Literal, cast

from zyphos_lab import board_metrics, link_metrics, probe_metrics

Better = Literal["lower", "higher", ""]


@dataclass(frozen=True, slots=True)
class Metric:
    """One column. Units: ns, bytes, per_second, ratio, count, simulated (an exact count of a
    simulated machine), or text (not calculated with).

    `better` is "" where neither direction is. `probe` is what an experiment must ask for to get it,
    "" for what is always there. `per_request`: whether there is a `<name>_per_request` too.
    """

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

# By kernel timestamps, where the load was asked for them.
WIRE = {"wire_ns": "time from the kernel's send of the request to its receipt of the answer"}

# Of a fetch: the parts that add up to latency_ns, and the time to the first byte.
PHASES = {
    "dns_ns": "time from the start of a fetch to the name's address",
    "connect_ns": "time of TCP's handshake",
    "tls_ns": "time of TLS's handshake, with the request in it where that is early data",
    "request_ns": "time of giving the request to the kernel",
    "wait_ns": "time from the request to the answer's first byte",
    "transfer_ns": "time from the answer's first byte to its last",
    "first_byte_ns": "time from the start of a fetch to the answer's first byte",
}

TIMES = {
    "latency_ns": "time from the scheduled send to the complete answer",
    "service_ns": "time from the actual send to the complete answer",
    "schedule_lag_ns": "time from the scheduled to the actual send",
}

# Of the reference server alone.
TRUTHS = {
    "server_delay_ns": "time from the kernel's receive timestamp of a request to its answer's",
}

# name, unit, better (lower, higher or -), `/r` where it is also given per request, text.
TRIAL = """
trial                         count       -       order of execution, from 0
block                         count       -       block of the design that the trial belongs to
stage                         text        -       part of the run; `measure` is concluded from
cell                          text        -       the factors' values, `nodelay=false,write=two`
arm                           text        -       A or B where a cell is compared with itself
target                        text        -       name of the target
link_kind                     text        -       what lay between client and server
server_family                 text        -       versions of IP that the target listens on
client_family                 text        -       version of IP that the load connects by
generator                     text        -       program that sent the load
generator_version             text        -       what a foreign one says of itself
law                           text        -       arrival law that really ran
start                         count       -       which start of the cell this is
seed                          count       -       seed of the load's schedule
started_ns                    ns          -       wall clock at the start, since 1970
duration_ns                   ns          -       whole trial
overhead_ns                   ns          lower   trial outside its warm-up and window
settled_after_ns              ns          lower   stage pilot: when rate and latency had settled
verdict                       text        -       VALID, DEGRADED or INVALID
reasons                       text        -       why not VALID, as JSON
environment                   text        -       short hash of settings and programs (journal)
skipped                       text        -       what could not be measured and why, as JSON
window_ns                     ns          -       length of the measured window
connections                   count       -       connections of the load
requests_scheduled            count       -       requests whose scheduled send lies in the window
requests_sent                 count       -       of these, sent
requests_done                 count       higher  requests answered rightly within the window
requests_failed               count       lower   requests answered wrongly or broken off
requests_censored             count       lower   requests unfinished at the end
requests_error_ratio          ratio       lower   (failed + censored) / scheduled requests
requests_per_second           per_second  higher  requests done per second of the window
client_threads_busy_ratio     ratio       -       share of its cores that the load's work took
ceiling_requests_per_second   per_second  higher  rate of the same load against the no-op server
ceiling_ratio                 ratio       -       rate / ceiling: how much of it the generator is
limited_by                    text        -       whose cores were full: server, generator, both
rate_asked_per_second         per_second  -       rate that an open load was asked for
rate_ratio                    ratio       higher  achieved rate / asked rate
arrivals_ks                   ratio       lower   distance of the sent schedule from its law
arrivals_ks_resolved          ratio       lower   the same beyond times moved by the 5 us of a send
arrivals_observed             count       -       sends (of sessions: first ones) that this is of
requests_in_flight_mean       count       -       requests under way from their schedule, over time
little_ratio                  ratio       -       of them / (requests that ended per second x time)
times_beyond_range            count       lower   times of requests beyond an hour, counted as one
server_stopped_ns             ns          -       time that the server was stopped on purpose
server_killed                 count       -       processes of it that were killed on purpose
server_restart_ns             ns          lower   until another took a killed one's place
link_dark_ns                  ns          -       time that the link swallowed everything on purpose
attack_packets_sent           count       -       packets, requests, or bytes of an attack
attack_connections_ended      count       -       of an attack's connections, by the server
attack_packets_filtered       count       -       SYNs that the XDP filter dropped
client_threads_run_delay_ns   ns          lower   time that the load's own threads waited for a CPU
client_threads_spin_ns        ns          -       time of their polls that found nothing: no work
server_requests_lost          count       -       requests that the reference server was to lose
client_zerocopy_done          count       -    /r zero-copy sends that the kernel is done with
client_zerocopy_copied        count       -    /r of these, copied by the kernel all the same
client_bytes_out              bytes       -    /r payload bytes sent by the load
client_bytes_in               bytes       -    /r payload bytes received by the load
"""

# server_<name> and client_<name>
SIDES = """
cpu_ns                        ns          lower /r CPU time of the whole process tree
user_ns                       ns          lower /r CPU time in user mode
system_ns                     ns          lower /r CPU time in the kernel
run_delay_ns                  ns          lower /r time that threads waited for a CPU
context_switches_voluntary    count       lower /r times a thread went to sleep
context_switches_involuntary  count       lower /r times a thread was preempted
page_faults_minor             count       lower /r page faults without I/O
page_faults_major             count       lower /r page faults with I/O
migrations                    count       lower /r times a thread moved to another CPU
cpu_ratio                     ratio       lower   CPU time / window
rss_bytes                     bytes       lower   resident memory at the end
rss_bytes_max                 bytes       lower   most resident memory since the start
processes                     count       -       processes of the tree
processes_ended               count       -       processes that ended within the window
threads                       count       -       threads of the tree; client_: only those that load
threads_ended                 count       -       threads that ended within the window
descriptors                   count       lower   descriptors open at the end
"""

SYSCALLS = """
syscalls                      count       lower /r system calls
observer_bpf_ns               ns          lower /r CPU time that counting them cost, estimated
"""

SYSCALL_LATENCY = """
syscalls_ns                   ns          lower /r time in system calls that returned, sleep and all
syscall_latency_lost          count       lower   system calls whose time could not be taken
observer_syscall_latency_ns   ns          lower /r CPU time that taking their times cost, estimated
"""

TCP = """
tcp_segs_out                  count       lower /r segments sent
tcp_segs_in                   count       lower /r segments received
tcp_data_segs_out             count       lower /r segments with payload sent
tcp_data_segs_in              count       lower /r segments with payload received
tcp_bytes_acked               bytes       -     /r bytes acknowledged by the peer
tcp_bytes_received            bytes       -     /r bytes received
tcp_bytes_retransmitted       bytes       lower /r bytes sent again
tcp_retransmits               count       lower /r segments sent again
tcp_busy_ns                   ns          -     /r time with data under way or waiting
tcp_window_limited_ns         ns          lower /r time held up by the peer's window
tcp_sndbuf_limited_ns         ns          lower /r time held up by the own send buffer
tcp_rtt_ns_mean               ns          lower   smoothed round-trip time
tcp_cwnd_mean                 count       -       congestion window in segments
tcp_ack_timeout_ns_mean       ns          -       delayed-ACK timeout
tcp_sockets                   count       -       sockets open at the window's end
tcp_sockets_opened            count       -       sockets opened within the window
tcp_sockets_closed            count       -       sockets closed within the window
tcp_congestion                text        -       congestion control in use
"""

PERF = """
perf_task_clock_ns            ns          lower /r CPU time by perf's task clock
perf_context_switches         count       lower /r context switches
perf_cpu_migrations           count       lower /r moves to another CPU
perf_page_faults_minor        count       lower /r page faults without I/O
perf_page_faults_major        count       lower /r page faults with I/O
perf_cycles                   count       lower /r CPU cycles
perf_instructions             count       lower /r instructions
perf_branches                 count       lower /r branches
perf_branch_misses            count       lower /r branches mispredicted
perf_cache_misses             count       lower /r last-level cache misses
perf_threads                  count       -       threads that perf's events were opened on
perf_cycles_enabled_ns        ns          -       time that they were asked for, over all threads
perf_cycles_running_ns        ns          -       of it, time that the PMU counted them
perf_cycles_running_ratio     ratio       higher  share of the window that the PMU counted them
perf_instructions_enabled_ns  ns          -       time that they were asked for, over all threads
perf_instructions_running_ns  ns          -       of it, time that the PMU counted them
perf_instructions_running_ratio  ratio    higher  share of the window that the PMU counted them
perf_branches_enabled_ns      ns          -       time that they were asked for, over all threads
perf_branches_running_ns      ns          -       of it, time that the PMU counted them
perf_branches_running_ratio   ratio       higher  share of the window that the PMU counted them
perf_branch_misses_enabled_ns ns          -       time that they were asked for, over all threads
perf_branch_misses_running_ns ns          -       of it, time that the PMU counted them
perf_branch_misses_running_ratio  ratio   higher  share of the window that the PMU counted them
perf_cache_misses_enabled_ns  ns          -       time that they were asked for, over all threads
perf_cache_misses_running_ns  ns          -       of it, time that the PMU counted them
perf_cache_misses_running_ratio  ratio    higher  share of the window that the PMU counted them
"""

HOST = """
observer_bpf_run_ns           ns          lower   time that BPF programs of ours ran
host_window_ns                ns          -       time between the host's two snapshots
host_cpus_watched             text        -       CPUs that the trial is pinned to
host_pinned                   text        -       whether every process is pinned
host_steal_ns                 ns          lower   CPU time that the hypervisor took
host_steal_ratio              ratio       lower   the same / window, worst CPU
host_cpu_own_ns               ns          -       CPU time of the trial's processes
host_cpu_runner_ns            ns          lower   CPU time that the runner took to watch
host_cpu_other_ns             ns          lower   CPU time of everything else on its CPUs
host_cpu_other_ratio          ratio       lower   the same / window
host_hogs                     text        -       processes beside the trial's that used most CPU
host_context_switches         count       -       context switches of the machine
host_swap_in_pages            count       lower   pages swapped in
host_swap_out_pages           count       lower   pages swapped out
host_throttled_ns             ns          lower   time throttled by the cgroup
host_thermal_throttles        count       lower   thermal throttling events
host_psi_cpu_some_ns          ns          lower   time that something waited for a CPU
host_psi_memory_some_ns       ns          lower   time that something waited for memory
host_psi_memory_full_ns       ns          lower   time that everything waited for memory
host_psi_io_some_ns           ns          lower   time that something waited for I/O
host_clock_source             text        -       where the kernel's clock comes from
host_clock_resolution_ns      ns          lower   resolution of the monotonic clock
host_clock_drift_ratio        ratio       -       how much faster the monotonic clock ran than raw
host_clock_step_ns            ns          -       step of the wall clock within the window
host_clock_reading_ns         ns          lower   how exactly drift and step are known
observer_bpf_ns               ns          lower   CPU time of our own BPF programs, estimated
observer_memory_ns            ns          lower   CPU time of the thread that samples memory
memory_samples                count       -       samples of resident memory within the window
observer_descriptors_ns       ns          lower   CPU time of the thread that samples descriptors
descriptors_samples           count       -       samples of descriptors within the window
observer_sockets_ns           ns          lower   CPU time of the thread that samples sockets
sockets_samples               count       -       samples of the sockets within the window
sockets_slab_bytes            bytes       lower   kernel memory of all TCP sockets but buffers
sockets_slab_growth_bytes     bytes       lower   the same, less that at the window's start
net_tcp_delayed_acks          count       lower /r delayed ACKs sent
net_tcp_delayed_acks_lost     count       lower   delayed ACKs whose peer sent again
net_tcp_delayed_acks_locked   count       lower   delayed ACKs put off by a locked socket
net_tcp_auto_corking          count       -       writes held back by automatic corking
net_tcp_pure_acks             count       -     /r segments received that only acknowledge
net_tcp_data_segs_out         count       lower /r segments with payload sent
net_tcp_timeouts              count       lower   retransmission timeouts
net_tcp_loss_probes           count       lower   tail loss probes sent
net_tcp_fast_retrans          count       lower   fast retransmissions
net_tcp_syn_retrans           count       lower   SYN retransmissions
net_tcp_backlog_drops         count       lower   segments dropped at a full backlog
net_tcp_receive_queue_drops   count       lower   segments dropped at a full receive queue
net_tcp_memory_pressures      count       lower   times TCP came under memory pressure
net_listen_overflows          count       lower   connections refused by a full accept queue
net_listen_drops              count       lower   connections dropped by a listening socket
net_tcp_syncookies_sent       count       -       SYNs answered by a cookie
net_tcp_syncookies_received   count       -       connections established by a cookie
net_tcp_syncookies_failed     count       -       cookies that were none of ours, or too old
net_tcp_fastopen_active       count       -       SYNs with data that the server took
net_tcp_fastopen_active_failed count      lower   SYNs with data that it did not take
net_tcp_fastopen_passive      count       -     /r connections accepted with data in the SYN
net_tcp_fastopen_passive_failed count     lower   of these, data not taken (a bad cookie)
net_tcp_fastopen_overflows    count       lower   SYNs with data beyond the queue of tcp_fastopen
net_tcp_fastopen_cookies_asked count      -       SYNs that asked for a cookie
net_busy_poll_packets         count       -       packets received by busy polling
net_tcp_challenge_acks        count       -       challenge ACKs sent (RFC 5961)
net_tcp_segs_in               count       lower /r segments received
net_tcp_segs_out              count       lower /r segments sent
net_tcp_retrans_segs          count       lower   segments sent again
net_tcp_resets_out            count       lower   resets sent
net_tcp_active_opens          count       -       connections opened
net_tcp_passive_opens         count       -       connections accepted
net_udp_datagrams_in          count       -       datagrams received
net_udp_datagrams_out         count       -       datagrams sent
net_udp_receive_drops         count       lower   datagrams dropped at a full receive buffer
net_softnet_drops             count       lower   packets dropped at a full backlog queue
net_softnet_squeezes          count       lower   times packet processing ran out of budget
"""

# What stops of the server alone make of a load that keeps a constant rate whatever the server does.
STALLS = {"p50": "median", "p90": "90th percentile", "p99": "99th percentile",
          "p99_9": "99.9th percentile", "max": "longest"}  # fmt: skip

ROW = re.compile(r"(\w+) +(\w+) +(lower|higher|-) +(/r )? *(.+)")
PER_REQUEST = "_per_request"
FAMILIES = (
    (
        re.compile(r"(server|client)_perf_thread\d+_task_clock_ns\Z"),
        Metric("", "ns", "lower", "CPU time of this thread by perf's task clock", "perf"),
    ),
    (
        re.compile(r"(server|client)_perf_thread\d+_\w+_running_ratio\Z"),
        Metric("", "ratio", "higher", "share of this thread's time that the PMU counted", "perf"),
    ),
    (
        re.compile(r"(server|client)_perf_thread\d+_(?!name)\w+\Z"),
        Metric("", "count", "lower", "events of this thread, by perf", "perf"),
    ),
    (
        re.compile(r"request_\d+_(done|failed|censored)\Z"),
        Metric("", "count", "", "requests of this place in the load's list that ended so"),
    ),
    (
        re.compile(r"request_\d+_latency_ns_(mean|p50|p99)\Z"),
        Metric("", "ns", "lower", "time of good answers to this one of the load's list"),
    ),
    (
        re.compile(r"observer_bpf_\w+_run_ns\Z"),
        Metric("", "ns", "lower", "time that this BPF program of ours ran", "bpf_stats"),
    ),
    (
        re.compile(r"observer_bpf_\w+_runs\Z"),
        Metric("", "count", "lower", "times that this BPF program of ours ran", "bpf_stats"),
    ),
    (
        re.compile(r"observer_bpf_\w+_missed\Z"),
        Metric("", "count", "lower", "runs that the kernel refused it", "bpf_stats"),
    ),
    (
        re.compile(r"(server|client)_syscall_[a-z0-9_]+_latency_ns_(mean|p50|p90|p99)\Z"),
        Metric("", "ns", "lower", "time of one system call of this name", "syscall_latency"),
    ),
    (
        re.compile(r"(server|client)_syscall_[a-z0-9_]+_latency_ns_count\Z"),
        Metric("", "count", "lower", "system calls that returned", "syscall_latency"),
    ),
    (
        re.compile(r"(server|client)_syscall_[a-z0-9_]+_ns\Z"),
        Metric("", "ns", "lower", "time in calls of it", "syscall_latency", per_request=True),
    ),
    (
        re.compile(r"(server|client)_syscall_[a-z0-9_]+\Z"),
        Metric("", "count", "lower", "system calls of this name", "syscalls", per_request=True),
    ),
    (
        re.compile(r"(server|client)_uring_submit_[a-z0-9_]+\Z"),
        Metric("", "count", "lower", "requests of this opcode submitted", "uring", True),
    ),
    (
        re.compile(r"bpftrace_\w+_(count|keys)\Z"),
        Metric("", "count", "", "values in, or keys of, a script's map", "bpftrace", True),
    ),
    (
        re.compile(r"bpftrace_(\w+_)?ns(_\w+)?\Z"),
        Metric("", "ns", "", "a script's map of this name", "bpftrace", per_request=True),
    ),
    (
        re.compile(r"bpftrace_(\w+_)?bytes(_\w+)?\Z"),
        Metric("", "bytes", "", "a script's map of this name", "bpftrace", per_request=True),
    ),
    (
        re.compile(r"bpftrace_\w+\Z"),
        Metric("", "count", "", "a script's map of this name", "bpftrace", per_request=True),
    ),
    (
        re.compile(r"(server|client)_tcp_events_(drop|reset)_[a-z0-9_]+\Z"),
        Metric("", "count", "lower", "drops or resets for this reason", "tcp_events", True),
    ),
    (
        re.compile(r"(server|client)_tcp_events_[a-z0-9_]+_to_[a-z0-9_]+\Z"),
        Metric("", "count", "", "transitions between these states", "tcp_events", True),
    ),
    (
        re.compile(r"((server|client)_)?error_[a-z0-9_]+\Z"),
        Metric("", "count", "lower", "requests or connections that ended so", per_request=True),
    ),
)


def _rows(table: str, probe: str = "", prefix: str = "") -> Iterator[Metric]:
    """The metrics of one table."""
    for line in table.strip().splitlines():
        found = ROW.fullmatch(line)
        if found is None:
            raise ValueError(f"not a row of the metrics' table: {line}")
        name, unit, better, also, text = found.groups()
        direction = cast(Better, better.replace("-", ""))
        yield Metric(prefix + name, unit, direction, text, probe, per_request=also is not None)


def _all() -> Iterator[Metric]:
    yield from _rows(TRIAL)
    yield from _rows(probe_metrics.PACKETS)
    for name, text in (TIMES | WIRE | PHASES | TRUTHS).items():
        for suffix, which in QUANTILES.items():
            yield Metric(f"{name}_{suffix}", "ns", "lower", f"{which} of the {text}")
    for suffix, which in STALLS.items():
        text = f"{which} of the waits that the stops of the server force on a constant rate"
        yield Metric(f"stall_ns_{suffix}", "ns", "", text)
    for side in ("server_", "client_"):
        yield from _rows(SIDES, "", side)
        yield from _rows(SYSCALLS, "syscalls", side)
        yield from _rows(SYSCALL_LATENCY, "syscall_latency", side)
        yield from _rows(TCP, "tcp_info", side)
        yield from _rows(PERF, "perf", side)
        yield from _rows(probe_metrics.SOCKETS, "sockets", side)
        yield from _rows(probe_metrics.SCHED, "sched", side)
        yield from _rows(probe_metrics.FUTEX, "futex", side)
        yield from _rows(probe_metrics.MEMORY, "memory", side)
        yield from _rows(probe_metrics.URING, "uring", side)
        yield from _rows(probe_metrics.DESCRIPTORS, "descriptors", side)
        yield from _rows(probe_metrics.TCP_EVENTS, "tcp_events", side)
    yield from _rows(probe_metrics.STEAL, "steal")
    yield from _rows(probe_metrics.LEAKS, "leaks", "server_")
    yield from _rows(probe_metrics.ENDING, "ending", "server_")
    yield from _rows(board_metrics.BOARD, "", "server_")
    yield from _rows(board_metrics.BOARD_RATIOS, "", "server_")
    yield from _rows(HOST)
    yield from _rows(link_metrics.LINK)
    yield from _rows(probe_metrics.CODE)
    for direction in ("link_forward_", "link_backward_"):
        yield from _rows(link_metrics.PATHS, "", direction)


def _per_request(metric: Metric) -> Metric:
    unit = "ratio" if metric.unit == "count" else metric.unit
    text = f"{metric.text}, per request"
    name = metric.name + PER_REQUEST
    return replace(metric, name=name, unit=unit, text=text, per_request=False)


def _table() -> dict[str, Metric]:
    table = {metric.name: metric for metric in _all()}
    each = [_per_request(metric) for metric in table.values() if metric.per_request]
    return table | {metric.name: metric for metric in each}


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


# What people call the metrics that matter most, in statements and options.
ALIASES = {
    "p50": "latency_ns_p50",
    "p90": "latency_ns_p90",
    "p99": "latency_ns_p99",
    "p99_9": "latency_ns_p99_9",
    "errors": "requests_error_ratio",
    "rate": "requests_per_second",
}


def canonical(name: str) -> str:
    """The metric's one name where `name` is short for it; else `name`."""
    return ALIASES.get(name, name)


def suggest(name: str) -> str:
    """The known metric, or short name of one, closest to `name`; '' when none is close."""
    close = difflib.get_close_matches(name, [*METRICS, *ALIASES], n=1, cutoff=0.6)
    return close[0] if close else ""
