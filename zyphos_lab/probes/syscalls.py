"""Probe `syscalls`: system calls by name, counted in the kernel (cpp/probe/syscalls.h): exact.

Columns, for each side: `server_syscalls` (all), `server_syscall_<name>` for COMMON names and for
every name that either side has called in a window since the probe was made, and all of them per
request. A number that the build's headers have no name for is `server_syscall_nr<number>`.
`server_observer_bpf_ns` is what counting cost the counted processes: calls counted times the cost
of one, measured when the programs were loaded (some 100 ns, two thirds of it the kernel's slow
path for traced system calls, which every process on the machine takes while the probe is loaded).
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

    def __init__(self) -> None:
        self._counter: Any = None
        self._roles: tuple[Role, ...] = ()
        self._seen: set[int] = set()
        try:
            loaded = native.core().load_syscall_counter()
        except ImportError as error:
            self.reason = str(error)
            return
        if isinstance(loaded, str):
            self.reason = loaded
        else:
            self._counter = loaded
            self._seen = {n for n in range(native.core().SYSCALL_SLOTS) if _name(n) in COMMON}

    def attach(self, pids: Pids, port: int) -> None:
        self._roles = tuple(role for role in ROLES if pids.get(role))
        if self._counter is None:
            return
        self._counter.forget_all()
        for role in self._roles:
            self._follow(role, tuple(pids[role]), others(pids, role))

    def _follow(self, role: Role, roots: tuple[int, ...], apart: frozenset[int]) -> None:
        # What a followed process forks is followed by the kernel; what was forked meanwhile by
        # one not yet followed shows up in the next walk.
        followed: set[int] = set()
        while new := set(processes.tree(roots, apart)) - followed:
            for process in new:
                self._counter.follow(process, ROLES.index(role))
            followed |= new

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
                {f"{role}_syscall_{_name(number)}": calls[number] for number in sorted(self._seen)}
            )
            columns.update(names)
            add_per_request(columns, names, requests)

    def close(self) -> None:
        self._counter = None
        self.reason = "the probe is closed"


def _delta(before: bytes, after: bytes) -> list[int]:
    return [new - old for old, new in zip(array("Q", before), array("Q", after), strict=True)]


def _name(number: int) -> str:
    core = native.core()
    if number == core.SYSCALL_SLOTS - 1:
        return "other"
    name: str | None = core.syscall_name(number)
    return name if name is not None else f"nr{number}"
