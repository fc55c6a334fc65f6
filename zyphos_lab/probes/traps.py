"""Calls of malloc and the like, counted by traps at the functions (cpp/probe/memory.h): a part of
probe `memory`, for processes that were not started to count their own (preload.py).

Exact, whoever makes the call: program, library or the C library itself (a realloc to 0 bytes is a
free too). Not seen: what a process forks, an allocator of the program's own, so that a process
whose malloc is not the C library's (jemalloc, a sanitizer), or that has none (Go), is told of by a
reason; mmap. Each call stops the process, some 8 us here, a hundred times what the call takes.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from zyphos_lab import proc
from zyphos_lab.probes import processes
from zyphos_lab.probes.base import Pids, Role, others
from zyphos_lab.probes.bpf import Deltas, RawCounts, RoleProbe
from zyphos_lab.probes.elf import defines
from zyphos_lab.probes.preload import LIBRARY

KINDS = ("mallocs", "callocs", "reallocs", "aligned_allocs")
# Executable mappings of files (proc(5), /proc/PID/maps).
MAPPED = re.compile(r"^\S+ ..x\S* \S+ \S+ \d+ +(/.*)$", re.M)
LIBC = re.compile(r".*/(libc|libc-[0-9.]+|ld-musl-[^/]+)\.so[^/]*")


Started = tuple[int, int]  # process id, and when it started: another one has another


class Traps(RoleProbe):
    """Loads the BPF programs when made; `attach` sets the traps in the processes there are, and
    takes away those of earlier ones, which takes 0.6 s.
    """

    name = "memory"
    loader = "load_allocations"
    prefix = "memory"
    counts = ("allocations", *KINDS, "allocated_bytes", "frees", "forks")
    times = ()

    def __init__(self) -> None:
        self._allocations: Any = None
        self._watched: dict[Started, str] = {}  # why it could not be
        self.unknown: dict[Role, str] = {}  # why a side's calls cannot be counted
        super().__init__()

    def load(self) -> tuple[Any, str]:
        self._allocations, refused = super().load()
        return None if self._allocations is None else self._allocations.counter, refused

    def rest(self) -> None:
        super().rest()
        self._allocations = None
        self._watched = {}

    def attach(self, pids: Pids, port: int) -> None:
        super().attach(pids, port)
        self.unknown = {}
        if self._allocations is None:
            return
        found = dict(self._found(pids))
        for one in self._watched.keys() - found.keys():
            self._allocations.unwatch(one[0])
            del self._watched[one]
        for one, role in found.items():
            if one not in self._watched:
                self._watched[one] = self._watch(one[0])
            if reason := self._watched[one]:
                self.unknown[role] = reason

    def _found(self, pids: Pids) -> Iterator[tuple[Started, Role]]:
        """The trial's processes, each with its side."""
        for role in self._roles:
            for pid in processes.tree(pids[role], others(pids, role)):
                if one := proc.process(pid):
                    yield (pid, one.start_ticks), role

    def _watch(self, process: int) -> str:
        """Why its calls cannot be counted; '' where they are, or where it has ended."""
        file, reason = allocator(process)
        if not file:
            return reason
        try:
            self._allocations.watch(process, file)
        except ProcessLookupError:
            return ""
        except OSError as error:
            return f"memory: {error.strerror or error} ({file})"
        return ""

    def deltas(self, before: RawCounts, after: RawCounts) -> dict[Role, Deltas]:
        found = super().deltas(before, after)
        return {role: deltas for role, deltas in found.items() if role not in self.unknown}

    def counted(self, deltas: Deltas) -> dict[str, int]:
        kinds = {name: deltas[name] for name in KINDS}
        others = {name: deltas[name] for name in ("allocated_bytes", "frees", "forks")}
        return {"allocations": sum(kinds.values()), **kinds, **others}


def allocator(process: int) -> tuple[str, str]:
    """(the file whose malloc a process calls, as we can open it; or why that is not known).

    ("", "") where the process has ended.
    """
    files = _programs(process)
    having = [file for file in files if defines(f"/proc/{process}/root{file}", "malloc")]
    own = [file for file in having if not LIBC.fullmatch(file)]
    if own and any(LIBC.fullmatch(file) for file in files):
        return "", f"memory: process {process} allocates by {own[0]}, not by the C library"
    if having:
        return f"/proc/{process}/root{having[0]}", ""
    none = f"memory: process {process} has no file with a malloc (stripped, or a Go program)"
    return "", none if files else ""


def _programs(process: int) -> list[str]:
    """Files that a process runs code of; none where it has ended."""
    try:  # whole lines at a time, so that processes.read would end too early
        maps = Path(f"/proc/{process}/maps").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return []
    found = dict.fromkeys(MAPPED.findall(maps))
    return [file for file in found if Path(file).name != LIBRARY]  # which hands calls on
