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
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Generic, Literal, TypeVar

Role = Literal["server", "client", "link"]
# Those that have columns of their own; an emulated link's processes count as the trial's.
ROLES: tuple[Role, ...] = ("server", "client")
Value = int | float | str | bool | None
Columns = dict[str, Value]
Skipped = dict[str, str]
Pids = Mapping[Role, Sequence[int]]
Raw = TypeVar("Raw")
Histograms = dict[str, str]  # metric -> base64 of an HdrHistogram V2 compressed, as in Record

NO_PROCESS = "no process of this side is on this machine"


@dataclass(frozen=True, slots=True)
class Series:
    """One thing's values over time: `values` maps a column (unit last) to a list as long as
    `time_ns`, CLOCK_MONOTONIC. `of` says which one it is, where there are several ("socket 7").
    """

    name: str
    of: str
    time_ns: Sequence[int]
    values: Mapping[str, Sequence[float | None]]

    def as_dict(self, start_ns: int) -> dict[str, Any]:
        """As in the record: times count from `start_ns`, the window's start."""
        since = [at - start_ns for at in self.time_ns]
        return {"name": self.name, "of": self.of, "time_ns": since,
                **{column: list(found) for column, found in self.values.items()}}  # fmt: skip


class Probe(ABC, Generic[Raw]):
    """One source of columns. `reason` is why it can give none at all, '' where it can.

    `costly`: how it slows down what it watches, '' where it does not. A run measures by how much
    (observer.py), so such a one can also `rest`; a trace takes most of them only when asked to.
    `early`: attaching takes so long that it is done before the load is started, with the server's
    processes alone; `complete` follows.

    The rest is for a trace, which has no window and no requests. `by_port`: it is about the port's
    sockets. `one_window`: `columns` ends the window, so that it is attached anew for the next.
    `grows`: columns that are counts although they are not given per request.
    """

    name: str
    reason: str = ""
    early: bool = False
    costly: str = ""
    by_port: bool = False
    one_window: bool = False
    grows: Collection[str] = ()

    def environment(self, role: Role) -> Mapping[str, str]:
        """Variables that a trial starts this side's processes with; most probes need none."""
        return {}

    @abstractmethod
    def attach(self, pids: Pids, port: int) -> None:
        """Names the trial's processes (roots of trees) and the server's port, 0 where unknown.

        Call while the target is at rest and before the load connects. May be called again, per
        trial.
        """

    def complete(self, pids: Pids) -> None:
        """Of an early probe: the load's processes are there too. May not take long."""

    @abstractmethod
    def snapshot(self) -> Raw:
        """Reads everything as it is now. Raises nothing that a dying target could cause."""

    @abstractmethod
    def columns(self, before: Raw, after: Raw, requests: int) -> tuple[Columns, Skipped]:
        """The difference of two snapshots; `requests` (done in the window) divides the counts."""

    def histograms(self, before: Raw, after: Raw) -> Histograms:
        """Distributions between two snapshots, for the record; most probes have none."""
        return {}

    def series(self, before: Raw, after: Raw) -> list[Series]:
        """What changed over time between two snapshots, for the record; most probes have none."""
        return []

    def of_load(
        self, before: Raw, after: Raw, result: Mapping[str, Any]
    ) -> tuple[Columns, Skipped]:
        """What it says of the load's result, which came after `columns`; most probes nothing."""
        return {}, {}

    def end_server(self) -> bool:
        """Ends the trial's server, whose connections the load still holds; whether it did. Most
        probes leave that to the trial, which ends the load first.
        """
        return False

    def load_ended(self) -> None:
        """The trial's load is gone and its server still there; most probes do not care."""

    def rest(self) -> None:
        """Costs nothing until it is woken. Of a costly probe; the others cost nothing."""

    def wake(self) -> None:
        """Ends a rest; before a trial's processes start, for it may take some 100 ms."""

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
