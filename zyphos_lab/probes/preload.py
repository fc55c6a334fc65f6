"""Calls of malloc and the like, counted by a library that a process is started with: a part of
probe `memory` (cpp/probe/count_allocations_preload.cpp).

The calls are exact, those of forked and executed children too, and cost two atomic adds each. Not
seen: a program without a dynamic linker (static, Go), one that ld.so is told to preload nothing
into (set-user-ID), an allocator that is part of the program itself, mmap, and what a child executes
in an environment of its own. `uncounted` finds the first two among a side's processes.
"""

from __future__ import annotations

import mmap
import os
from array import array
from collections.abc import Iterable
from pathlib import Path

from zyphos_lab import native
from zyphos_lab.probes.elf import defines

LIBRARY = "libzyphos-count-allocations.so"
NAME = "zyphos-allocations"
NUMBERS = ("mallocs", "callocs", "reallocs", "aligned_allocs", "frees", "allocated_bytes")
# As cpp/probe/allocation_counts.h has them: a header, then the slots.
SLOT_NUMBERS = 8
SLOTS = 1023
BYTES = 8 * SLOT_NUMBERS * (1 + SLOTS)


class SharedCounts:
    """What one side's processes count in, from their start on; `close` it."""

    def __init__(self) -> None:
        self._fd = os.memfd_create(NAME, os.MFD_CLOEXEC)
        os.ftruncate(self._fd, BYTES)
        self._memory = mmap.mmap(self._fd, BYTES)
        self._line = f" {os.fstat(self._fd).st_ino} "  # inode, in a line of /proc/PID/maps

    def environment(self, library: str) -> dict[str, str]:
        """Of the processes that are to count here. Children open the file by its name as well."""
        return {
            "LD_PRELOAD": library,
            "ZYPHOS_ALLOCATIONS": f"/proc/{os.getpid()}/fd/{self._fd}",
        }

    def read(self) -> bytes:
        """Everything as it is now: `totals` understands it."""
        return self._memory[:]

    def uncounted(self, processes: Iterable[int]) -> list[int]:
        """Those that live and do not count here."""
        maps = {process: _maps(process) for process in processes}
        return [process for process, text in maps.items() if text and not self._is_in(text)]

    def _is_in(self, maps: str) -> bool:
        return any(self._line in line and NAME in line for line in maps.splitlines())

    def close(self) -> None:
        self._memory.close()
        os.close(self._fd)


def library() -> str:
    """Path of the library; "" where it was not built (with a sanitizer it is not)."""
    return native.library(LIBRARY)


def totals(reading: bytes) -> dict[str, int]:
    """The numbers of all slots together, by name."""
    slots = array("Q", reading)[SLOT_NUMBERS:]
    return {name: sum(slots[at::SLOT_NUMBERS]) for at, name in enumerate(NUMBERS)}


def own_allocator(process: int) -> bool:
    """Whether the program itself has a malloc, which a library cannot stand before."""
    return defines(f"/proc/{process}/exe", "malloc")


def _maps(process: int) -> str:
    """Its mappings; "" where it has ended, and no mapping of ours where they may not be read."""
    try:
        return Path(f"/proc/{process}/maps").read_text(encoding="utf-8", errors="replace")
    except PermissionError:
        return "not readable"
    except OSError:
        return ""
