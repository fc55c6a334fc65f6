"""What the probes share whose numbers BPF keeps for each role (cpp/probe/role_counter.h).

A RoleProbe is loaded when it is made and told the trial's processes by `attach`; a snapshot is the
raw numbers, and `deltas` gives them by name. Knows no columns: each probe says which there are.
"""

from __future__ import annotations

import base64
from abc import abstractmethod
from array import array
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

from zyphos_lab.probes import native
from zyphos_lab.probes.base import (
    NO_PROCESS,
    ROLES,
    Columns,
    Histograms,
    Pids,
    Probe,
    Role,
    Skipped,
    add_per_request,
    now_ns,
)
from zyphos_lab.probes.syscalls import follow

RawCounts = dict[Role, bytes]
Layout = Mapping[str, tuple[int, int]]
WHICH = {"p50": 0.5, "p99": 0.99, "max": 1.0}


@dataclass(frozen=True, slots=True)
class Deltas:
    """What one role's numbers have grown by, by name."""

    layout: Layout
    numbers: array[int]

    def __getitem__(self, name: str) -> int:
        """A number; of a histogram how many observations it has."""
        first, slots = self.layout[name]
        return sum(self.numbers[first : first + slots])

    def histogram(self, name: str) -> Any:
        """A _core.Histogram, right within 3.2 %."""
        first, slots = self.layout[name]
        return native.core().histogram_of_slots(self.numbers[first : first + slots].tobytes())


class RoleProbe(Probe[RawCounts]):
    """Numbers by role. `loader` is the native function that loads the BPF programs."""

    loader: ClassVar[str]
    # Columns `<role>_<prefix>_<name>`: counts (given per request too), and times whose histogram
    # `<name>_histogram` gives `<name>_ns_p50` and so on.
    prefix: ClassVar[str]
    counts: ClassVar[Sequence[str]]
    times: ClassVar[Sequence[str]]

    def __init__(self) -> None:
        self._roles: tuple[Role, ...] = ()
        self._counter: Any = None
        self._refused = ""  # why it cannot be loaded
        self.wake()

    def load(self) -> tuple[Any, str]:
        """The native counter, or None and the reason."""
        return native.opened(lambda core: getattr(core, self.loader)())

    def rest(self) -> None:
        self._counter = None  # which detaches its programs

    def wake(self) -> None:
        if self._counter is None and not self._refused:
            self._counter, self._refused = self.load()
            self.reason = self._refused

    def attach(self, pids: Pids, port: int) -> None:
        self._roles = tuple(role for role in ROLES if pids.get(role))
        if self._counter is not None:
            follow(self._counter, pids)

    def snapshot(self) -> RawCounts:
        if self._counter is None:
            return {}
        self._counter.set_epoch(now_ns())
        return {role: self._counter.counts(ROLES.index(role)) for role in self._roles}

    def deltas(self, before: RawCounts, after: RawCounts) -> dict[Role, Deltas]:
        """By role, of those that have processes."""
        return {
            role: Deltas(self._counter.layout, _difference(before[role], after[role]))
            for role in (self._roles if self._counter is not None else ())
        }

    def names(self) -> list[str]:
        """Every column but those per request."""
        over = [f"{time}_ns_{which}" for time in self.times for which in WHICH]
        return [f"{role}_{self.prefix}_{name}" for role in ROLES for name in (*self.counts, *over)]

    def per_request(self) -> list[str]:
        """The columns that are given per request too."""
        return [f"{role}_{self.prefix}_{name}" for role in ROLES for name in self.counts]

    def columns(
        self, before: RawCounts, after: RawCounts, requests: int
    ) -> tuple[Columns, Skipped]:
        columns: Columns = dict.fromkeys(self.names())
        skipped: Skipped = {}
        if self.reason:
            skipped[self.name] = self.reason
        else:
            found = self.deltas(before, after)
            for role in ROLES:
                if role in found:
                    self._add(columns, skipped, f"{role}_{self.prefix}", found[role])
                else:
                    skipped[f"{role}_{self.prefix}"] = NO_PROCESS
        add_per_request(columns, self.per_request(), requests)
        return columns, skipped

    def _add(self, columns: Columns, skipped: Skipped, prefix: str, deltas: Deltas) -> None:
        columns.update({f"{prefix}_{name}": value for name, value in self.counted(deltas).items()})
        for time in self.times:
            histogram = deltas.histogram(f"{time}_histogram")
            for which, q in WHICH.items():
                columns[f"{prefix}_{time}_ns_{which}"] = histogram.quantile(q)
            if not histogram.count:
                skipped[f"{prefix}_{time}_ns"] = "there was none in the window"

    @abstractmethod
    def counted(self, deltas: Deltas) -> dict[str, int]:
        """Values of `counts`."""

    def histograms(self, before: RawCounts, after: RawCounts) -> Histograms:
        return {
            f"{role}_{self.prefix}_{time}_ns": base64.b64encode(histogram.encode()).decode()
            for role, found in self.deltas(before, after).items()
            for time in self.times
            if (histogram := found.histogram(f"{time}_histogram")).count
        }

    def close(self) -> None:
        self.rest()
        self.reason = self._refused = "the probe is closed"


def _difference(before: bytes, after: bytes) -> array[int]:
    pairs = zip(array("Q", before), array("Q", after), strict=True)
    return array("Q", (new - old for old, new in pairs))
