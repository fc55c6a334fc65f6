"""Probes: what adds columns to a record beside the load's own (base.py has the protocol).

    make(["syscalls", "tcp_info"])     rusage, netstat and host always come with them
    verdict_reasons(columns)           what those columns say against a trial

Each probe module says in its head what its columns mean, how exact they are, and what they need.
"""

from __future__ import annotations

import difflib
from collections.abc import Callable, Iterable
from typing import Any

from zyphos_lab.errors import UsageError
from zyphos_lab.probes.base import ROLES, Probe, Role
from zyphos_lab.probes.bpf_stats import BpfStatsProbe
from zyphos_lab.probes.descriptors import DescriptorsProbe
from zyphos_lab.probes.ending import EndingProbe
from zyphos_lab.probes.futex import FutexProbe
from zyphos_lab.probes.host import HostProbe
from zyphos_lab.probes.leaks import LeaksProbe
from zyphos_lab.probes.memory import MemoryProbe
from zyphos_lab.probes.netstat import NetstatProbe
from zyphos_lab.probes.perf import PerfProbe
from zyphos_lab.probes.rusage import RusageProbe
from zyphos_lab.probes.sched import SchedProbe
from zyphos_lab.probes.sockets import SocketsProbe
from zyphos_lab.probes.steal import StealProbe
from zyphos_lab.probes.syscall_latency import SyscallLatencyProbe
from zyphos_lab.probes.syscalls import SyscallsProbe
from zyphos_lab.probes.tcp_events import TcpEventsProbe
from zyphos_lab.probes.tcp_info import TcpInfoProbe
from zyphos_lab.probes.uring import UringProbe
from zyphos_lab.probes.verdict import verdict_reasons

__all__ = ["ALWAYS", "COSTLY", "NAMES", "Probe", "make", "verdict_reasons"]

ALWAYS = ("rusage", "netstat", "host")
# In the order of reading: the quickest first, and sockets before the load can close them.
_KINDS: dict[str, Callable[[], Probe[Any]]] = {
    "syscalls": SyscallsProbe,
    "syscall_latency": SyscallLatencyProbe,
    "sched": SchedProbe,
    "futex": FutexProbe,
    "uring": UringProbe,
    "perf": PerfProbe,
    "tcp_events": TcpEventsProbe,
    "tcp_info": TcpInfoProbe,
    "sockets": SocketsProbe,
    "memory": MemoryProbe,
    "bpf_stats": BpfStatsProbe,
    "leaks": LeaksProbe,
    "descriptors": DescriptorsProbe,
    "ending": EndingProbe,
    "steal": StealProbe,
    "rusage": RusageProbe,
    "netstat": NetstatProbe,
    "host": HostProbe,
}
NAMES = tuple(_KINDS)
# Those whose cost a run measures (zyphos_lab/observer.py).
COSTLY = frozenset(name for name, kind in _KINDS.items() if getattr(kind, "costly", ""))


def make(names: Iterable[str], roles: Iterable[Role] = ROLES) -> list[Probe[Any]]:
    """The named probes and those that are always on, each once, in a fixed order.

    A probe that this machine refuses is in the list too: its columns are None, with its reason.
    `roles` are the sides that have processes here; a run with neither gets host-wide probes only.
    Raises UsageError for a name that is no probe.
    """
    wanted = set(ALWAYS)
    for name in names:
        if name not in _KINDS:
            close = difflib.get_close_matches(name, NAMES, 1)
            hint = f"did you mean {close[0]!r}?" if close else f"probes are: {', '.join(NAMES)}"
            raise UsageError(f"no probe is called {name!r}", hint)
        wanted.add(name)
    if not set(roles):
        wanted &= {"netstat", "host"}
    return [kind() for name, kind in _KINDS.items() if name in wanted]
