"""What every probe is: something that adds columns to a trial's record.

A probe is made once per run, attached once per trial, and read at both edges of the window:

    probe.attach({"server": [pid], "client": [pid]}, port)
    before = probe.snapshot()          # at the window's start: keeps raw bytes, parses nothing
    after = probe.snapshot()           # at its end
    columns, skipped = probe.columns(before, after, requests)

A quantity that this machine or this target cannot give is None in `columns` with its reason in
`skipped`, under the column's own name or the name of its group; it is never zero. Probes are not
thread-safe. Knows neither spec nor store.
"""

from __future__ import annotations

import time
from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping, Sequence
from typing import Generic, Literal, TypeVar

Role = Literal["server", "client"]
ROLES: tuple[Role, ...] = ("server", "client")
Value = int | float | str | bool | None
Columns = dict[str, Value]
Skipped = dict[str, str]
Pids = Mapping[Role, Sequence[int]]
Raw = TypeVar("Raw")

NO_PROCESS = "no process of this side is on this machine"


class Probe(ABC, Generic[Raw]):
    """One source of columns. `reason` is why it can give none at all, '' where it can."""

    name: str
    reason: str = ""

    @abstractmethod
    def attach(self, pids: Pids, port: int) -> None:
        """Names the trial's processes (roots of trees) and the server's port, 0 where unknown.

        Call while the target is at rest and before the load connects. May be called again, per
        trial.
        """

    @abstractmethod
    def snapshot(self) -> Raw:
        """Reads everything as it is now. Raises nothing that a dying target could cause."""

    @abstractmethod
    def columns(self, before: Raw, after: Raw, requests: int) -> tuple[Columns, Skipped]:
        """The difference of two snapshots; `requests` (done in the window) divides the counts."""

    def close(self) -> None:
        """Releases what the probe holds; it cannot be used afterwards."""


def now_ns() -> int:
    """CLOCK_MONOTONIC, in nanoseconds: the clock of the load's window."""
    return time.clock_gettime_ns(time.CLOCK_MONOTONIC)


def others(pids: Pids, role: Role) -> frozenset[int]:
    """Roots of the other side, which do not belong to `role` even where it started them."""
    return frozenset(pid for side in ROLES if side != role for pid in pids.get(side, ()))


def add_per_request(columns: Columns, names: Iterable[str], requests: int) -> None:
    """Adds `<name>_per_request` (float) for each name; None where the count is, or no requests."""
    for name in names:
        value = columns.get(name)
        countable = isinstance(value, int | float) and requests > 0
        columns[f"{name}_per_request"] = float(value or 0) / requests if countable else None


def absent(names: Iterable[str], with_per_request: Iterable[str] = ()) -> Columns:
    """All of `names` as None, and `<name>_per_request` for those in `with_per_request`."""
    columns: Columns = dict.fromkeys(names)
    columns.update({f"{name}_per_request": None for name in with_per_request})
    return columns
