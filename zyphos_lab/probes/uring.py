"""Probe `uring`: what each side does with io_uring (cpp/probe/uring.bpf.c), by BPF.

Columns, for each side (`server_uring_...`), counts exact and also per request:
  submissions          requests (SQEs) that the kernel took, and submit_<opcode> of each kind, by
                       the kernel's own names (`submit_recv`): USUAL ones always, others from the
                       trial on in which they were first seen. A multishot request is one
  refused              requests that were none, or that the kernel refused when it read them
  completions          CQEs put into the program's queue: each of a multishot request, none of what
                       was submitted with IOSQE_CQE_SKIP_SUCCESS and succeeded
  overflows            CQEs that found the queue full, kept by the kernel until there is room: not
                       in `completions`
  waits                times a thread waited in the ring, since too few completions were there
  completions_per_wait completions / waits: the batch. None where nobody waited
  async_punts          requests given to a worker thread of the kernel
  poll_arms            times a request found its file not ready and was set to wait for it
  local_works          times the ring's thread ran what had been deferred to it (DEFER_TASKRUN)

A request belongs to the process whose thread submits, reaps or works for the ring. What ends with
the ring after its process has exited is in none. Needs a kernel whose io_uring has these
tracepoints (io_uring_submit_req and the others).

The observer: the programs run once for each of these events, some 50 ns each here, about three in
a request of our server (BPF_ENABLE_STATS).
"""

from __future__ import annotations

from typing import Any

from zyphos_lab.probes import native
from zyphos_lab.probes.base import ROLES, Columns, Skipped, add_per_request
from zyphos_lab.probes.bpf import Deltas, RawCounts, RoleProbe

# Of a server and a load: in every record.
USUAL = ("accept", "recv", "send", "sendmsg", "poll_add", "async_cancel", "close")
PREFIX = "IORING_OP_"
BATCH = "completions_per_wait"


class UringProbe(RoleProbe):
    """Loads the BPF programs when made (some 10 ms)."""

    name = "uring"
    costly = "adds some 50 ns to each submission, completion and wait of an io_uring"
    loader = "load_uring_counter"
    prefix = "uring"
    counts = (
        "submissions",
        "refused",
        "completions",
        "overflows",
        "waits",
        "async_punts",
        "poll_arms",
        "local_works",
    )
    times = ()

    def __init__(self) -> None:
        self._names: dict[int, str] = {}
        self._seen: set[str] = {f"submit_{name}" for name in USUAL}
        super().__init__()

    def load(self) -> tuple[Any, str]:
        counter, refused = super().load()
        if counter is not None and not self._names:
            found = native.core().kernel_enum("io_uring_op")
            self._names = {at: name.removeprefix(PREFIX).lower() for at, name in found.items()}
        return counter, refused

    def names(self) -> list[str]:
        return [*super().names(), *(f"{role}_{self.prefix}_{BATCH}" for role in ROLES)]

    def columns(
        self, before: RawCounts, after: RawCounts, requests: int
    ) -> tuple[Columns, Skipped]:
        columns, skipped = super().columns(before, after, requests)
        found = self.deltas(before, after)
        opcodes = {role: self._opcodes(deltas) for role, deltas in found.items()}
        self._seen.update(*opcodes.values())
        for role, deltas in found.items():
            start = f"{role}_{self.prefix}"
            kinds: Columns = {
                f"{start}_{name}": opcodes[role].get(name, 0) for name in sorted(self._seen)
            }
            columns.update(kinds)
            add_per_request(columns, kinds, requests)
            if deltas["waits"]:
                columns[f"{start}_{BATCH}"] = deltas["completions"] / deltas["waits"]
            else:
                skipped[f"{start}_{BATCH}"] = "nobody waited in a ring in the window"
        return columns, skipped

    def _opcodes(self, deltas: Deltas) -> dict[str, int]:
        """Requests by opcode, of those there were."""
        first, slots = deltas.layout["opcodes"]
        return {
            f"submit_{self._names.get(at, f'nr{at}')}": count
            for at, count in enumerate(deltas.numbers[first : first + slots])
            if count
        }

    def counted(self, deltas: Deltas) -> dict[str, int]:
        return {name: deltas[name] for name in self.counts}
