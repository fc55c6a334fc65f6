"""The kernel's own changes of TCP state in a captured trial: recorded beside its packets.

A BPF program tells each change of a socket on the server's port (cpp/probe/tcp_states.h); it runs
where a state changes and nowhere else. They are kept as `packets/TRIAL.states.json`, with what is
needed to hold them against the packets: a packet is stamped with the wall clock, a change with
CLOCK_MONOTONIC. Their difference is read between two readings of the other clock, at the trial's
beginning and its end; half of the narrowest pair of readings, and how far the two differences lie
apart, is the error. It knows no packets.
"""

from __future__ import annotations

import ipaddress
import json
import os
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from zyphos_lab.errors import StoreError
from zyphos_lab.files import write_atomically
from zyphos_lab.links.base import Ends
from zyphos_lab.probes import native

SUFFIX = ".states.json"
READINGS = 64
ROLES = ("server", "client")
# Of include/net/tcp_states.h, from 0 on.
STATES = ("", "ESTABLISHED", "SYN_SENT", "SYN_RECV", "FIN_WAIT1", "FIN_WAIT2", "TIME_WAIT",
          "CLOSE", "CLOSE_WAIT", "LAST_ACK", "LISTEN", "CLOSING", "NEW_SYN_RECV")  # fmt: skip
NOT_RECORDED = "the kernel's states were not recorded with this capture"


@dataclass(frozen=True, slots=True)
class Change:
    """One socket goes from one state into another; `time_ns` since 1970, as packets have it.

    `local` and `remote` are (address, port); a connecting socket has port 0 before its SYN.
    """

    time_ns: int
    socket: int
    role: str
    before: str
    after: str
    local: tuple[str, int]
    remote: tuple[str, int]


@dataclass(frozen=True, slots=True)
class KernelStates:
    """What was recorded of a trial. `error_ns`: how far a change may lie from a packet's clock.
    `reason` says why there is nothing.
    """

    changes: tuple[Change, ...] = ()
    error_ns: int = 0
    lost: int = 0
    reason: str = ""


NOTHING = KernelStates(reason=NOT_RECORDED)


class Watch:
    """Records from its making on. Where the machine cannot, `stop` has the reason."""

    def __init__(self, port: int, ends: Ends) -> None:
        self._before = clocks()
        self._states, self._reason = native.opened(lambda core: core.load_tcp_states())
        if self._states is not None:
            self._states.watch(port, namespaces(ends))

    def stop(self) -> KernelStates:
        """Ends it. Once."""
        if self._states is None:
            return KernelStates(reason=self._reason)
        self._states.watch(0, [])
        told, lost, self._states = self._states.take(), self._states.lost, None
        now = clocks()
        offset_ns = (self._before.offset_ns + now.offset_ns) // 2
        apart_ns = (abs(now.offset_ns - self._before.offset_ns) + 1) // 2
        error_ns = max(self._before.error_ns, now.error_ns) + apart_ns
        changes = tuple(sorted(map(_change(offset_ns), told), key=lambda one: one.time_ns))
        return KernelStates(changes, error_ns, lost)


@dataclass(frozen=True, slots=True)
class Clocks:
    """Wall clock less CLOCK_MONOTONIC, and how far that may be off."""

    offset_ns: int
    error_ns: int


def clocks() -> Clocks:
    """Of some readings the one whose bounds are closest. Some 30 us."""
    return min((_reading() for _ in range(READINGS)), key=lambda one: one.error_ns)


def _reading() -> Clocks:
    early_ns = time.clock_gettime_ns(time.CLOCK_MONOTONIC)
    wall_ns = time.clock_gettime_ns(time.CLOCK_REALTIME)
    late_ns = time.clock_gettime_ns(time.CLOCK_MONOTONIC)
    return Clocks(wall_ns - (early_ns + late_ns) // 2, (late_ns - early_ns + 1) // 2)


def namespaces(ends: Ends) -> list[int]:
    """Inode numbers of the network namespaces of both ends."""
    paths = (path or "/proc/self/ns/net" for path in (ends.server, ends.client))
    return sorted({os.stat(path).st_ino for path in paths})


def _change(offset_ns: int) -> Any:
    def made(told: tuple[Any, ...]) -> Change:
        at_ns, cookie, role, before, after, local, local_port, remote, remote_port = told
        return Change(
            at_ns + offset_ns,
            cookie,
            ROLES[role],
            _name(before),
            _name(after),
            (_address(local), local_port),
            (_address(remote), remote_port),
        )

    return made


def _name(state: int) -> str:
    return STATES[state] if state < len(STATES) else f"state {state}"


def _address(packed: bytes) -> str:
    """IPv4 in an IPv6 socket is told as IPv4, as its packets are."""
    found = ipaddress.ip_address(packed)
    mapped = found.ipv4_mapped if isinstance(found, ipaddress.IPv6Address) else None
    return str(mapped or found)


def file_beside(packets: Path) -> Path:
    """Where the states of a capture's file are."""
    return packets.with_name(packets.name.partition(".")[0] + SUFFIX)


def save(states: KernelStates, packets: Path) -> None:
    """Beside the capture's file."""
    write_atomically(file_beside(packets), json.dumps(asdict(states)) + "\n", synced=False)


def load(packets: Path) -> KernelStates:
    """What `save` kept; a reason where there is none. StoreError where it cannot be read."""
    path = file_beside(packets)
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
        changes = tuple(_loaded(found.pop("changes")))
        return KernelStates(changes, **found)
    except FileNotFoundError:
        return NOTHING
    except (OSError, ValueError, TypeError, KeyError) as error:
        raise StoreError(f"{path}: cannot be read: {error}") from error


def _loaded(changes: list[dict[str, Any]]) -> Iterator[Change]:
    for one in changes:
        ends = {name: (str(one[name][0]), int(one[name][1])) for name in ("local", "remote")}
        yield Change(**{**one, **ends})
