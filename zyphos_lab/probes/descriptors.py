"""Probe `descriptors`: how many each side holds over time, which numbers they get, and how the
kernel's table of them grows.

Columns, for each side (`server_descriptors_...`), over the samples in the window:
  open_mean, open_max   open descriptors, of all its processes together
  highest_max           the greatest number that one had
  holes_max             most numbers below the highest that were free: a new descriptor gets the
                        lowest free number (POSIX), so that holes are filled before it rises
  table_slots_max       size of the table (FDSize), which doubles at least when a number does not
                        fit and never shrinks while the process lives
and since the probe was attached, which is before the load connects:
  table_slots_first     the same, at the first sample
  table_growths         times that it was seen to have grown
`highest`, `holes` and the table are those of the process with the highest number. The sampling
takes place each 10 ms or, where there are many descriptors that come and go, less often: what lies
between two samples is not seen. `descriptors_samples` is how many fell into the window,
`observer_descriptors_ns` the sampling thread's CPU within it. The record has them as the series
`server_descriptors` and `client_descriptors`, from the trial's beginning on.

Source: proc(5) (fd, whose size is the count from Linux 6.2 on; status), fs/proc/fd.c (a position in
/proc/PID/fd is a number + 2), fs/file.c. Another user's process needs root.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

from zyphos_lab.probes import processes
from zyphos_lab.probes.base import (
    NO_PROCESS,
    ROLES,
    Columns,
    Pids,
    Probe,
    Role,
    Series,
    Skipped,
    absent,
    now_ns,
)
from zyphos_lab.probes.sampling import Sample, TreeSampler

NAMES = ("open_mean", "open_max", "highest_max", "holes_max", "table_slots_first",
         "table_slots_max", "table_growths")  # fmt: skip
OF_SAMPLES = ("descriptors_samples", "observer_descriptors_ns")
NO_SAMPLE = "descriptors: no sample fell into the window: it is too short, or nothing lived in it"
UNREAD = "descriptors: its processes ended, or are another user's: that needs root"
STEP = 64  # numbers below the last highest that are looked through first


@dataclass(frozen=True, slots=True)
class Held:
    """What one side held at one moment."""

    open: int
    highest: int
    holes: int
    table_slots: int


class Tables:
    """The tables of some processes, each looked at again and again. One thread; `close` it."""

    def __init__(self) -> None:
        self._folders: dict[int, int] = {}  # process -> its /proc/PID/fd, open
        self._highest: dict[int, int] = {}

    def take(self, tree: Sequence[int]) -> Held | None:
        """None where no process of it can be read."""
        found = [one for one in map(self._one, tree) if one is not None]
        if not found:
            return None
        top = max(found, key=lambda one: (one.highest, one.table_slots))
        return Held(sum(one.open for one in found), top.highest, top.holes, top.table_slots)

    def _one(self, process: int) -> Held | None:
        try:
            folder = self._folders.get(process)
            if folder is None:
                flags = os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC
                folder = self._folders[process] = os.open(f"/proc/{process}/fd", flags)
            count = os.fstat(folder).st_size or len(_numbers(folder, 0))
            highest = self._reach(process, folder)
        except OSError:
            self._forget(process)
            return None
        slots = _slots(process)
        return Held(count, highest, max(0, highest + 1 - count), slots) if slots else None

    def _reach(self, process: int, folder: int) -> int:
        """The highest number, from where it last was; -1 without any."""
        start, step = self._highest.get(process, 0), STEP
        while not (numbers := _numbers(folder, start)) and start:
            start, step = max(0, start - step), 4 * step
        self._highest[process] = max(numbers, default=0)
        return max(numbers, default=-1)

    def _forget(self, process: int) -> None:
        folder = self._folders.pop(process, None)
        self._highest.pop(process, None)
        if folder is not None:
            os.close(folder)

    def close(self) -> None:
        for process in list(self._folders):
            self._forget(process)


def _numbers(folder: int, start: int) -> list[int]:
    """The open ones from `start` on."""
    os.lseek(folder, start + 2, os.SEEK_SET)
    return [int(name) for name in os.listdir(folder)]


def _slots(process: int) -> int:
    """0 for one that has ended."""
    for line in (processes.read(f"/proc/{process}/status") or b"").splitlines():
        if line.startswith(b"FDSize:"):
            return int(line.split()[1])
    return 0


class DescriptorsProbe(Probe[int]):
    """Samples from `attach` on. Some 50 us of the runner's time for each sample and process."""

    name = "descriptors"
    early = True  # the server's table grows while the load connects

    def __init__(self) -> None:
        self._pids: Pids = {}
        self._tables: list[Tables] = []
        self.sampler: TreeSampler[Held | None] | None = None

    def attach(self, pids: Pids, port: int) -> None:
        self.rest()
        self._pids = pids
        tables = Tables()
        self._tables.append(tables)
        self.sampler = TreeSampler("zy-fds", pids, tables.take)

    def complete(self, pids: Pids) -> None:
        self._pids = pids
        if self.sampler is not None:
            self.sampler.watch(pids)

    def snapshot(self) -> int:
        return now_ns()

    def columns(self, before: int, after: int, requests: int) -> tuple[Columns, Skipped]:
        own = [f"{role}_descriptors_{name}" for role in ROLES for name in NAMES]
        columns: Columns = absent([*OF_SAMPLES, *own])
        skipped: Skipped = {}
        every = self._until(after)
        inside = [sample for sample in every if sample.time_ns >= before]
        columns["descriptors_samples"] = len(inside)
        if inside:
            columns["observer_descriptors_ns"] = inside[-1].cpu_ns - inside[0].cpu_ns
        for role in ROLES:
            seen, since = _of(inside, role), _of(every, role)
            if not self._pids.get(role):
                skipped[f"{role}_descriptors"] = NO_PROCESS
            elif not seen:
                skipped[f"{role}_descriptors"] = UNREAD if inside else NO_SAMPLE
            else:
                columns.update(_told(f"{role}_descriptors_", seen, since))
        return columns, skipped

    def series(self, before: int, after: int) -> list[Series]:
        made = []
        for role in ROLES:
            every = [sample for sample in self._until(after) if sample.of.get(role)]
            held = _of(every, role)
            values = {
                "descriptors": [one.open for one in held],
                "highest": [one.highest for one in held],
                "table_slots": [one.table_slots for one in held],
            }
            times = [sample.time_ns for sample in every]
            if times:
                made.append(Series(f"{role}_descriptors", "", times, values))
        return made

    def _until(self, end_ns: int) -> list[Sample[Held | None]]:
        every = [] if self.sampler is None else list(self.sampler.samples)
        return [sample for sample in every if sample.time_ns <= end_ns]

    def rest(self) -> None:
        if self.sampler is not None:
            self.sampler.stop()
            self.sampler = None
        for one in self._tables:
            one.close()
        self._tables = []

    def close(self) -> None:
        self.rest()
        self.reason = "the probe is closed"


def _of(samples: Sequence[Sample[Held | None]], role: Role) -> list[Held]:
    return [held for sample in samples if (held := sample.of.get(role)) is not None]


def _told(prefix: str, seen: Sequence[Held], since: Sequence[Held]) -> Columns:
    """`seen` in the window, `since` the beginning."""
    slots = [held.table_slots for held in since]
    found = {
        "open_mean": sum(held.open for held in seen) / len(seen),
        "open_max": max(held.open for held in seen),
        "highest_max": max(held.highest for held in seen),
        "holes_max": max(held.holes for held in seen),
        "table_slots_first": slots[0],
        "table_slots_max": max(held.table_slots for held in seen),
        "table_growths": sum(now > was for was, now in pairwise(slots)),
    }
    return {f"{prefix}{name}": value for name, value in found.items()}
