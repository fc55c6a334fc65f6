"""Probe `rusage`: CPU, context switches, page faults, memory and migrations of whole process trees.

Sources and precision, per process and summed over the tree:
  cpu_ns                 the process's CPU clock: exact to the nanosecond, ended threads included
  user_ns, system_ns     cpu_ns, split in the proportion of the sampled user and system time
                         (one sample a tick: +-3 % of the CPU in a busy second at 250 Hz)
  page_faults_*          /proc/PID/stat: exact, ended threads included
  context_switches_*, migrations, run_delay_ns
                         summed over the threads alive at the end: what a thread did that ended in
                         the window is missing (threads_ended says how many; `perf` counts them)
  descriptors            size of /proc/PID/fd at the end: exact (Linux 6.2)
  processes that ended in the window: their CPU comes from their parents' children times (10 ms)
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass

from zyphos_lab.probes import processes
from zyphos_lab.probes.base import (
    NO_PROCESS,
    ROLES,
    Columns,
    Pids,
    Probe,
    Role,
    Skipped,
    absent,
    add_per_request,
    now_ns,
    others,
)

# Above this many threads their files are left alone: 30 us each would disturb the target.
THREADS_MAX = 128
LISTED_MAX = 2000  # threads; of more only their number is read

TICK_NS = 1_000_000_000 // os.sysconf("SC_CLK_TCK")
PAGE_BYTES = os.sysconf("SC_PAGE_SIZE")

PROCESS_COUNTS = ("cpu_ns", "user_ns", "system_ns", "page_faults_minor", "page_faults_major")
THREAD_COUNTS = (
    "context_switches_voluntary",
    "context_switches_involuntary",
    "migrations",
    "run_delay_ns",
)
LEVELS = ("cpu_ratio", "rss_bytes", "rss_bytes_max", "processes", "processes_ended", "threads",
          "descriptors")  # fmt: skip


@dataclass(frozen=True, slots=True)
class RawThread:
    """One thread's files, as read."""

    status: bytes
    sched: bytes | None
    schedstat: bytes | None


@dataclass(frozen=True, slots=True)
class RawProcess:
    """One process at one moment; clocks in ns."""

    cpu_ns: int
    sampled_ns: int
    sampled_user_ns: int
    stat: bytes
    status: bytes
    thread_ids: tuple[int, ...] | None  # None: too many of them
    threads: dict[int, RawThread] | None  # None: too many of them
    descriptors: int | None = None  # None: this kernel does not say
    thread_count: int = 0


@dataclass(frozen=True, slots=True)
class RawTree:
    """One role's tree; `time_ns` is when its clocks were read."""

    time_ns: int
    processes: dict[int, RawProcess]


RawRusage = dict[Role, RawTree]


class RusageProbe(Probe[RawRusage]):
    """CPU and scheduling of the trial's processes; always on, needs no rights for one's own."""

    name = "rusage"

    def __init__(self) -> None:
        self._pids: Pids = {}

    def attach(self, pids: Pids, port: int) -> None:
        self._pids = {role: tuple(pids.get(role, ())) for role in ROLES}

    def snapshot(self) -> RawRusage:
        return {
            role: _read_tree(roots, others(self._pids, role)) for role, roots in self._pids.items()
        }

    def columns(
        self, before: RawRusage, after: RawRusage, requests: int
    ) -> tuple[Columns, Skipped]:
        columns: Columns = {}
        skipped: Skipped = {}
        for role in ROLES:
            part, reasons = _role_columns(role, before.get(role), after.get(role), requests)
            columns.update({f"{role}_{name}": value for name, value in part.items()})
            skipped.update({f"{role}_{name}": reason for name, reason in reasons.items()})
        return columns, skipped


def _read_tree(roots: Sequence[int], apart: frozenset[int]) -> RawTree:
    members = processes.tree(roots, apart)
    time_ns = now_ns()
    read = {process: _read_process(process) for process in members}
    return RawTree(time_ns, {process: raw for process, raw in read.items() if raw is not None})


def _read_process(process: int) -> RawProcess | None:
    cpu_ns = processes.cpu_ns(process)
    sampled = processes.cpu_ns(process, processes.CLOCK_SAMPLED)
    sampled_user = processes.cpu_ns(process, processes.CLOCK_SAMPLED_USER)
    stat = processes.read(f"/proc/{process}/stat")
    status = processes.read(f"/proc/{process}/status")
    if cpu_ns is None or sampled is None or sampled_user is None or not stat or not status:
        return None
    ids, count = _threads_of(process)
    many = ids is None or count > THREADS_MAX
    threads = None if many else _read_threads(process, ids or (), status)
    descriptors = _descriptors(process)
    return RawProcess(cpu_ns, sampled, sampled_user, stat, status, ids, threads, descriptors, count)


def _threads_of(process: int) -> tuple[tuple[int, ...] | None, int]:
    """Ids, None of too many, and how many there are."""
    count = processes.thread_count(process)
    if count > LISTED_MAX:
        return None, count
    ids = tuple(processes.threads(process))
    return ids, len(ids)


def _descriptors(process: int) -> int | None:
    """Open descriptors, which the folder's size says without a walk over it; older kernels: 0."""
    try:
        return os.stat(f"/proc/{process}/fd").st_size or None
    except OSError:
        return None


def _read_threads(process: int, ids: tuple[int, ...], status: bytes) -> dict[int, RawThread]:
    found: dict[int, RawThread] = {}
    for thread in ids:
        folder = f"/proc/{process}/task/{thread}"
        own = status if thread == process else processes.read(f"{folder}/status")
        if own:
            found[thread] = RawThread(
                own, processes.read(f"{folder}/sched"), processes.read(f"{folder}/schedstat")
            )
    return found


def _role_columns(
    role: Role, before: RawTree | None, after: RawTree | None, requests: int
) -> tuple[Columns, Skipped]:
    names = (*PROCESS_COUNTS, *THREAD_COUNTS)
    columns = absent((*names, *LEVELS, "threads_ended"), names)
    if before is None or after is None or not before.processes:
        return columns, {"rusage": NO_PROCESS}
    if not after.processes:
        return columns, {"rusage": f"the {role}'s processes ended before the window did"}
    skipped: Skipped = {}
    _add_cpu(columns, skipped, before, after)
    _add_faults_and_memory(columns, before, after)
    _add_threads(columns, skipped, before, after)
    _add_descriptors(columns, skipped, after)
    add_per_request(columns, names, requests)
    return columns, skipped


def _add_cpu(columns: Columns, skipped: Skipped, before: RawTree, after: RawTree) -> None:
    total, ended = _tree_delta(before, after)
    columns["cpu_ns"] = total
    columns["processes"] = len(after.processes)
    columns["processes_ended"] = ended
    columns["cpu_ratio"] = total / max(1, after.time_ns - before.time_ns)
    sampled = sampled_user = 0
    for process, raw in after.processes.items():
        old = _same(before, process, raw)
        sampled += raw.sampled_ns - (old.sampled_ns if old else 0)
        sampled_user += raw.sampled_user_ns - (old.sampled_user_ns if old else 0)
    if sampled <= 0:
        skipped["user_ns"] = skipped["system_ns"] = (
            "no clock tick fell on it: too little CPU to split"
        )
        return
    columns["user_ns"] = user = round(total * sampled_user / sampled)
    columns["system_ns"] = total - user


def _tree_delta(before: RawTree, after: RawTree) -> tuple[int, int]:
    """(CPU of the tree between two snapshots, number of processes that ended)."""
    total = reaped = 0
    for process, raw in after.processes.items():
        old = _same(before, process, raw)
        total += raw.cpu_ns - (old.cpu_ns if old else 0)
        reaped += _children_ns(raw) - (_children_ns(old) if old else 0)
    gone = [
        raw
        for process, raw in before.processes.items()
        if process not in after.processes or _started(after.processes[process]) != _started(raw)
    ]
    # A child's whole life enters its parent's children times when it is reaped; what it had used
    # before the window does not belong to it.
    earlier = sum(raw.cpu_ns + _children_ns(raw) for raw in gone)
    return total + (max(0, reaped - earlier) if reaped else 0), len(gone)


def _add_faults_and_memory(columns: Columns, before: RawTree, after: RawTree) -> None:
    minor = major = rss = rss_max = 0
    for process, raw in after.processes.items():
        fields = _stat(raw)
        old = _same(before, process, raw)
        earlier = _stat(old) if old else None
        minor += int(fields[7]) - (int(earlier[7]) if earlier else 0)
        major += int(fields[9]) - (int(earlier[9]) if earlier else 0)
        rss += int(fields[21]) * PAGE_BYTES
        rss_max += (_status(raw.status, b"VmHWM:") or 0) * 1024
    columns["page_faults_minor"] = minor
    columns["page_faults_major"] = major
    columns["rss_bytes"] = rss
    columns["rss_bytes_max"] = rss_max


def _add_threads(columns: Columns, skipped: Skipped, before: RawTree, after: RawTree) -> None:
    then, now = _thread_ids(before), _thread_ids(after)
    columns["threads"] = sum(raw.thread_count for raw in after.processes.values())
    if then is None or now is None:
        skipped["threads_ended"] = f"over {LISTED_MAX:,} threads in a process: only counted"
    else:
        columns["threads_ended"] = len(then - now)
    _add_thread_counts(columns, skipped, before, after)


def _add_thread_counts(columns: Columns, skipped: Skipped, before: RawTree, after: RawTree) -> None:
    old, new = _threads(before), _threads(after)
    if old is None or new is None:
        reason = f"over {THREADS_MAX} threads in a process: reading them disturbs; use probe perf"
        skipped.update(dict.fromkeys(THREAD_COUNTS, reason))
        return
    for name in THREAD_COUNTS:
        values = [_thread_delta(name, raw, old.get(thread)) for thread, raw in new.items()]
        known = [value for value in values if value is not None]
        if len(known) < len(values):
            skipped[name] = "this kernel does not show it in /proc/PID/task/TID/{sched,schedstat}"
        else:
            columns[name] = sum(known)


def _add_descriptors(columns: Columns, skipped: Skipped, after: RawTree) -> None:
    counts = [raw.descriptors for raw in after.processes.values()]
    known = [count for count in counts if count is not None]
    if len(known) < len(counts):
        skipped["descriptors"] = "/proc/PID/fd has no size: Linux 6.2, and rights over the process"
    else:
        columns["descriptors"] = sum(known)


def _thread_ids(tree: RawTree) -> set[int] | None:
    """None where those of one process were not listed."""
    found: set[int] = set()
    for raw in tree.processes.values():
        if raw.thread_ids is None:
            return None
        found.update(raw.thread_ids)
    return found


def _threads(tree: RawTree) -> dict[int, RawThread] | None:
    """All threads of a tree; None where those of one process were not read."""
    found: dict[int, RawThread] = {}
    for process in tree.processes.values():
        if process.threads is None:
            return None
        found.update(process.threads)
    return found


def _thread_delta(name: str, raw: RawThread, old: RawThread | None) -> int | None:
    now = _thread_value(name, raw)
    then = _thread_value(name, old) if old else 0
    return None if now is None or then is None else now - then


def _thread_value(name: str, raw: RawThread) -> int | None:
    if name == "context_switches_voluntary":
        return _status(raw.status, b"voluntary_ctxt_switches:")
    if name == "context_switches_involuntary":
        return _status(raw.status, b"nonvoluntary_ctxt_switches:")
    if name == "migrations":
        return _status(raw.sched, b"se.nr_migrations")
    return int(raw.schedstat.split()[1]) if raw.schedstat else None


def _same(tree: RawTree, process: int, raw: RawProcess) -> RawProcess | None:
    """The same process earlier; None for another one that had its number."""
    old = tree.processes.get(process)
    return old if old is not None and _started(old) == _started(raw) else None


def _stat(raw: RawProcess) -> list[bytes]:
    """Fields of /proc/PID/stat from the third (state) on: the name may contain anything."""
    return raw.stat[raw.stat.rindex(b")") + 2 :].split()


def _started(raw: RawProcess) -> bytes:
    return _stat(raw)[19]


def _children_ns(raw: RawProcess) -> int:
    fields = _stat(raw)
    return (int(fields[13]) + int(fields[14])) * TICK_NS


def _status(text: bytes | None, key: bytes) -> int | None:
    """The number after `key` at the start of a line ("VmHWM:  12 kB", "se.nr_migrations : 3")."""
    for line in (text or b"").splitlines():
        if line.startswith(key):
            return int(line[len(key) :].strip(b" \t:").split()[0])
    return None
