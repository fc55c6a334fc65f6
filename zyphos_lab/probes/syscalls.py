"""Probe `syscalls`: system calls by name, counted in the kernel (cpp/probe/syscalls.h): exact.

Columns, for each side: `server_syscalls` (all), `server_syscall_<name>` for COMMON names and for
every name that either side has called in a window since the probe was made, and all of them per
request. A number that the build's headers have no name for is `server_syscall_nr<number>`.
`server_observer_bpf_ns` is what counting cost the counted processes: calls counted times the cost
of one, measured when the programs were loaded (some 20 ns, nearly all of it the kernel's slow path
for traced system calls, which every process on the machine takes while the probe is loaded; see
cpp/probe/syscalls_bench.cpp).
`observer_bpf_ns` is both sides together.

Hence an arm that makes more system calls is slowed down more: CPU per request of arms that differ
in them is best compared in runs without this probe, or with the observer's part beside it.
"""

from __future__ import annotations

from array import array
from typing import Any

from zyphos_lab.probes import native, processes
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
    others,
)

RawSyscalls = dict[Role, bytes]

# Always in the record, so that a call which one engine makes and another does not is 0 there, not
# missing. Any other name gets its columns from the trial on in which it was first seen.
COMMON = {
    *("read", "write", "readv", "writev", "recvfrom", "sendto", "recvmsg", "sendmsg", "sendfile"),
    *("accept4", "close", "shutdown", "setsockopt", "poll", "ppoll", "futex", "io_uring_enter"),
    *("epoll_ctl", "epoll_wait", "epoll_pwait", "epoll_pwait2"),
}


class SyscallsProbe(Probe[RawSyscalls]):
    """Loads the BPF programs when made (some 15 ms); `attach` only names processes to it."""

    name = "syscalls"
    costly = "adds some 20 ns to each system call"

    def __init__(self) -> None:
        self._counter: Any
        self._counter, self.reason = _loaded()
        self._roles: tuple[Role, ...] = ()
        self._seen: set[int] = set()
        if self._counter is not None:
            self._seen = {n for n in range(native.core().SYSCALL_SLOTS) if call_name(n) in COMMON}

    def attach(self, pids: Pids, port: int) -> None:
        self._roles = tuple(role for role in ROLES if pids.get(role))
        if self._counter is not None:
            follow(self._counter, pids)

    def rest(self) -> None:
        self._counter = None  # which detaches its programs

    def wake(self) -> None:
        if self._counter is None and not self.reason:
            self._counter, self.reason = _loaded()

    def snapshot(self) -> RawSyscalls:
        if self._counter is None:
            return {}
        return {role: self._counter.counts(ROLES.index(role)) for role in self._roles}

    def columns(
        self, before: RawSyscalls, after: RawSyscalls, requests: int
    ) -> tuple[Columns, Skipped]:
        totals = [f"{role}_syscalls" for role in ROLES]
        observers = [f"{role}_observer_bpf_ns" for role in ROLES]
        columns = absent(("observer_bpf_ns", *observers, *totals), (*observers, *totals))
        if self._counter is None:
            return columns, {"syscalls": self.reason}
        skipped: Skipped = {
            f"{role}_syscalls": NO_PROCESS for role in ROLES if role not in self._roles
        }
        deltas = {role: _delta(before[role], after[role]) for role in self._roles}
        self._add_counts(columns, deltas, requests)
        if self._counter.cost_ns < 0:
            skipped["observer_bpf_ns"] = "the machine was too restless to measure it when loading"
        else:
            self._add_cost(columns, deltas, requests)
        return columns, skipped

    def _add_cost(self, columns: Columns, deltas: dict[Role, list[int]], requests: int) -> None:
        costs = {
            f"{role}_observer_bpf_ns": round(self._counter.cost_ns * sum(calls))
            for role, calls in deltas.items()
        }
        columns.update(costs)
        columns["observer_bpf_ns"] = sum(costs.values())
        add_per_request(columns, costs, requests)

    def _add_counts(self, columns: Columns, deltas: dict[Role, list[int]], requests: int) -> None:
        for calls in deltas.values():
            self._seen.update(number for number, count in enumerate(calls) if count)
        for role, calls in deltas.items():
            names = {f"{role}_syscalls": sum(calls)}
            names.update(
                {
                    f"{role}_syscall_{call_name(number)}": calls[number]
                    for number in sorted(self._seen)
                }
            )
            columns.update(names)
            add_per_request(columns, names, requests)

    def close(self) -> None:
        self._counter = None
        self.reason = "the probe is closed"


def _loaded() -> tuple[Any, str]:
    return native.opened(lambda core: core.load_syscall_counter())


def follow(counter: Any, pids: Pids) -> None:
    """Makes a BPF probe of _core follow these trees, and no other process.

    What a followed process forks is followed by the kernel; what was forked meanwhile by one not
    yet followed shows up in the next walk.
    """
    counter.forget_all()
    for number, role in enumerate(ROLES):
        followed: set[int] = set()
        while new := set(processes.tree(pids.get(role, ()), others(pids, role))) - followed:
            for process in new:
                counter.follow(process, number)
            followed |= new


def _delta(before: bytes, after: bytes) -> list[int]:
    return [new - old for old, new in zip(array("Q", before), array("Q", after), strict=True)]


def call_name(number: int) -> str:
    """`read`; `nr600` where the build's headers have no name, `other` for the last slot."""
    core = native.core()
    if number == core.SYSCALL_SLOTS - 1:
        return "other"
    name: str | None = core.syscall_name(number)
    return name if name is not None else f"nr{number}"
