"""Probe `memory`: how often a side allocates, and how much memory it has.

Columns, for each side (`server_memory_...`), counts exact and also per request:
  mallocs              calls of malloc: C++'s operator new too, and realloc of nothing
  callocs, reallocs    calls of calloc; of realloc with a block
  aligned_allocs       calls of aligned_alloc (memalign) and posix_memalign
  allocations          the four together
  allocated_bytes      what they asked for, given or not
  frees                calls of free with a block
  forks                processes forked since, whose allocations are in none of these numbers; null
                       where they are counted too
  counted_by           `preload` or `traps`, see below
  rss_bytes_mean, rss_bytes_max   resident memory over the samples in the window (resident.py)
`memory_samples` is how many there are, one each 10 ms, `observer_memory_ns` the sampling thread's
CPU within the window. The record has them as the series `server_memory` and `client_memory`.

What a run starts counts its own calls: it has a library preloaded (preload.py), which costs some
nanoseconds a call, and what it forks and executes counts as well. Where that is not so (a server
that runs already, a program without a dynamic linker) the server's calls are counted by traps at
the C library's functions (traps.py): some 8 us for each, and without what is forked; the load's are
null then, since traps take too long to set while it runs. Counts per request are right in either,
times of traps tell of the probe. What either does not see, each says; a side of which that is known
is null with the reason. `rusage` has `server_rss_bytes` at the end, its peak, and page faults.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from zyphos_lab.probes import preload, processes
from zyphos_lab.probes.base import (
    NO_PROCESS,
    ROLES,
    Columns,
    Pids,
    Probe,
    Role,
    Series,
    Skipped,
    add_per_request,
    now_ns,
    others,
)
from zyphos_lab.probes.bpf import RawCounts
from zyphos_lab.probes.resident import resident_sampler
from zyphos_lab.probes.sampling import Sample, TreeSampler
from zyphos_lab.probes.traps import KINDS, Traps

COUNTS = ("allocations", *KINDS, "allocated_bytes", "frees")
LEVELS = ("rss_bytes_mean", "rss_bytes_max")
OF_SAMPLES = ("memory_samples", "observer_memory_ns")
NO_SAMPLE = "memory: no sample fell into the window: it is too short, or nothing lived in it"
FORKS_COUNTED = "what is forked is counted like the rest"
OWN = "has an allocator of its own"
OTHER = "does not count its calls: it has no dynamic linker, or an environment of its own"
NO_CALL = "memory: nothing was ever allocated by the C library's functions"
NOT_BUILT = f"memory: built without {preload.LIBRARY}, as with a sanitizer"
TOO_LATE = "; traps would have to be set while the load runs"


@dataclass(frozen=True, slots=True)
class RawMemory:
    """`uncounted`: processes of a side that was started to count its calls, and do not."""

    time_ns: int
    trapped: RawCounts
    preloaded: Mapping[Role, bytes]
    uncounted: Mapping[Role, Sequence[int]]


class MemoryProbe(Probe[RawMemory]):
    """Loads the BPF programs when made; samples from `attach` on."""

    name = "memory"
    early = True  # traps of the last trial take 0.6 s to take away
    costly = "counts each malloc and free: some 10 ns, or 8 us by a trap in what runs already"
    counts = (*COUNTS, "forks")

    def __init__(self) -> None:
        self.traps = Traps()
        self._shared: dict[Role, preload.SharedCounts] = {}
        self._pids: Pids = {}
        self._own: dict[Role, int] = {}  # a process with an allocator of its own
        self._trapped: Pids = {}
        self.sampler: TreeSampler[int] | None = None

    def environment(self, role: Role) -> dict[str, str]:
        """New counts for each trial: what is left of the last one goes on in the old."""
        library = preload.library()
        if role in self._shared:
            self._shared.pop(role).close()
        if not library:
            return {}
        self._shared[role] = preload.SharedCounts()
        return self._shared[role].environment(library)

    def attach(self, pids: Pids, port: int) -> None:
        self._trapped = {role: pids[role] for role in ROLES if self._to_trap(role, pids)}
        self.traps.attach(self._trapped, port)
        self.complete(pids)

    def complete(self, pids: Pids) -> None:
        self._stop()
        self._pids = {role: tuple(pids[role]) for role in ROLES if pids.get(role)}
        self._own = {}
        for role in self._pids.keys() - self._trapped.keys():
            if own := [one for one in self._tree(role) if preload.own_allocator(one)]:
                self._own[role] = own[0]
        self.sampler = resident_sampler(self._pids)

    def _to_trap(self, role: Role, pids: Pids) -> bool:
        """What was not started to count its own calls, or a server that does not all the same."""
        if role not in self._shared or not pids.get(role):
            return bool(pids.get(role))
        members = processes.tree(pids[role], others(pids, role))
        uncounted = self._shared[role].uncounted(members)
        return role == "server" and len(uncounted) == len(members)

    def snapshot(self) -> RawMemory:
        trapped = self.traps.snapshot() if self._trapped else {}
        counted = [role for role in self._pids if role in self._shared]
        counted = [role for role in counted if role not in self._trapped]
        preloaded = {role: self._shared[role].read() for role in counted}
        uncounted = {role: self._shared[role].uncounted(self._tree(role)) for role in counted}
        return RawMemory(now_ns(), trapped, preloaded, uncounted)

    def names(self) -> list[str]:
        """Every column but those per request."""
        of_side = (*self.counts, "counted_by", *LEVELS)
        return [*OF_SAMPLES, *(f"{role}_memory_{name}" for role in ROLES for name in of_side)]

    def per_request(self) -> list[str]:
        """The columns that are given per request too."""
        return [f"{role}_memory_{name}" for role in ROLES for name in self.counts]

    def columns(
        self, before: RawMemory, after: RawMemory, requests: int
    ) -> tuple[Columns, Skipped]:
        columns: Columns = dict.fromkeys(self.names())
        skipped: Skipped = {}
        for role in ROLES:
            prefix = f"{role}_memory"
            if role not in self._pids:
                skipped[prefix] = NO_PROCESS
            elif role in self._trapped:
                self._add_trapped(columns, skipped, role, before, after)
            elif role not in after.preloaded:
                skipped[prefix] = NOT_BUILT
            else:
                self._add_preloaded(columns, skipped, role, before, after)
        self._add_samples(columns, skipped, self._samples(before, after))
        add_per_request(columns, self.per_request(), requests)
        return columns, skipped

    def _add_trapped(
        self, columns: Columns, skipped: Skipped, role: Role, before: RawMemory, after: RawMemory
    ) -> None:
        found = self.traps.deltas(before.trapped, after.trapped)
        if role not in found:
            unknown = self.traps.unknown.get(role, NO_PROCESS)
            skipped[f"{role}_memory"] = self.traps.reason or unknown
            return
        counted = self.traps.counted(found[role])
        columns.update({f"{role}_memory_{name}": value for name, value in counted.items()})
        columns[f"{role}_memory_counted_by"] = "traps"

    def _add_preloaded(
        self, columns: Columns, skipped: Skipped, role: Role, before: RawMemory, after: RawMemory
    ) -> None:
        prefix = f"{role}_memory"
        new = preload.totals(after.preloaded[role])
        if reason := self._against(role, after, new):
            skipped[prefix] = reason
            return
        old = preload.totals(before.preloaded[role])
        grown = {name: new[name] - old[name] for name in new}
        grown["allocations"] = sum(grown[name] for name in KINDS)
        columns.update({f"{prefix}_{name}": grown[name] for name in COUNTS})
        columns[f"{prefix}_counted_by"] = "preload"
        skipped[f"{prefix}_forks"] = FORKS_COUNTED

    def _against(self, role: Role, after: RawMemory, counted: Mapping[str, int]) -> str:
        """Why the preloaded library's numbers are not all of that side's."""
        if uncounted := after.uncounted[role]:
            late = TOO_LATE if role == "client" else ""
            return f"memory: process {uncounted[0]} {OTHER}{late}"
        if role in self._own:
            return f"memory: process {self._own[role]} {OWN}"
        return "" if counted["mallocs"] + counted["callocs"] else NO_CALL

    def _add_samples(
        self, columns: Columns, skipped: Skipped, samples: Sequence[Sample[int]]
    ) -> None:
        columns["memory_samples"] = len(samples)
        if not samples:
            skipped["memory_samples"] = NO_SAMPLE
            return
        columns["observer_memory_ns"] = samples[-1].cpu_ns - samples[0].cpu_ns
        for role in self._pids:
            seen = [sample.of[role] for sample in samples]
            columns[f"{role}_memory_rss_bytes_mean"] = sum(seen) / len(seen)
            columns[f"{role}_memory_rss_bytes_max"] = max(seen)

    def series(self, before: RawMemory, after: RawMemory) -> list[Series]:
        samples = self._samples(before, after)
        times = [sample.time_ns for sample in samples]
        return [
            Series(f"{role}_memory", "", times, {"rss_bytes": [s.of[role] for s in samples]})
            for role in self._pids
            if samples
        ]

    def _samples(self, before: RawMemory, after: RawMemory) -> list[Sample[int]]:
        every = [] if self.sampler is None else list(self.sampler.samples)
        return [sample for sample in every if before.time_ns <= sample.time_ns <= after.time_ns]

    def _tree(self, role: Role) -> list[int]:
        return processes.tree(self._pids[role], others(self._pids, role))

    def _stop(self) -> None:
        if self.sampler is not None:
            self.sampler.stop()
            self.sampler = None

    def rest(self) -> None:
        self._stop()
        self._trapped = {}
        self.traps.rest()

    def wake(self) -> None:
        self.traps.wake()

    def close(self) -> None:
        self._stop()
        for shared in self._shared.values():
            shared.close()
        self._shared = {}
        self.traps.close()
        self.reason = "the probe is closed"
