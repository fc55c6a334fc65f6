"""Whether this machine has room for a cell's connections: descriptors, and memory.

A process that runs out of descriptors stops accepting or dialing and goes on with what it has, and
a machine out of memory ends what it likes: no such number would be of the experiment. So the cell
is left out, with the reason, before anything is started. Limits are those that the children
inherit; what an experiment limits on purpose (`descriptors_max`) is its own affair.
"""

from __future__ import annotations

import math
import resource
from collections.abc import Iterable, Iterator
from pathlib import Path

from zyphos_lab.errors import MeasurementError
from zyphos_lab.spec.cell import Cell
from zyphos_lab.spec.models import NO_LOAD, Load
from zyphos_lab.spec.target_models import EngineTarget, ReferenceTarget
from zyphos_lab.units import format_size

# Of a process, beside its connections: listener, epoll, board, pipes.
SPARE = 32
# Both ends of a connection: the kernel's part is 7 to 9 kB (experiments/connection_limits.yaml),
# and a thread has a stack in the kernel and touches the start of its own.
CONNECTION_BYTES, THREAD_BYTES = 12 << 10, 48 << 10
MEMINFO = Path("/proc/meminfo")


class NoRoomError(MeasurementError):
    """This machine cannot hold so many connections so: no other trial could do better."""

    code = "no_room"


def present(cell: Cell) -> None:
    """Raises NoRoomError where there is none."""
    reason, hint = lacks(cell)
    if reason:
        raise NoRoomError(reason, hint)


def notes(cells: Iterable[Cell]) -> Iterator[tuple[str, str]]:
    """(code, message) for each kind of cell without room: said before the run."""
    for reason, hint in dict.fromkeys(map(lacks, cells)):
        if reason:
            yield NoRoomError.code, f"{reason} ({hint}): such cells are skipped"


def lacks(cell: Cell) -> tuple[str, str]:
    """(reason, what helps), both "" where there is room."""
    if cell.load is NO_LOAD or cell.load.fetch is not None or cell.load.pool is not None:
        return "", ""  # a pool has as many connections as it needs
    return _descriptors(cell.load, cell.target) or _memory(cell) or ("", "")


def _descriptors(load: Load, target: object) -> tuple[str, str] | None:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft == resource.RLIM_INFINITY:
        return None
    of_load = -(-load.connections // load.processes)
    for side, each, more in (("load", of_load, "more `load.processes`"), *_server(load, target)):
        if each + SPARE > soft:
            message = (
                f"the {side} would have {each:,} connections in a process, which may open "
                f"{soft:,} files here"
            )
            raised = hard == resource.RLIM_INFINITY or hard >= each + SPARE
            return message, f"`ulimit -n {each + SPARE}`" if raised else more
    return None


def _server(load: Load, target: object) -> Iterator[tuple[str, int, str]]:
    """Most connections of a process of the server: the kernel's hash spreads them over workers as
    lots would (4 sigma).
    """
    if isinstance(target, ReferenceTarget):
        yield "server", load.connections, "fewer `connections`"
    elif isinstance(target, EngineTarget) and target.descriptors_max is None:
        if target.engine == "prefork":
            share = -(-load.connections // target.workers)
            yield "server", share + math.ceil(4 * math.sqrt(share)), "more `workers`"
        else:
            yield "server", load.connections, "engine `prefork`"


def _memory(cell: Cell) -> tuple[str, str] | None:
    free = _available_bytes()
    threaded = isinstance(cell.target, EngineTarget) and cell.target.engine == "thread"
    each = CONNECTION_BYTES + (THREAD_BYTES if threaded else 0)
    need = cell.load.connections * each
    if free is None or need <= free:
        return None
    message = (
        f"{cell.load.connections:,} connections need some {format_size(need)} of memory, "
        f"{format_size(free)} are free"
    )
    return message, "fewer `connections`"


def _available_bytes() -> int | None:
    """None where the kernel does not say (before Linux 3.14)."""
    for line in MEMINFO.read_text(encoding="ascii").splitlines():
        if line.startswith("MemAvailable:"):
            return int(line.split()[1]) << 10
    return None
