"""The probes on one process tree: what they read in each interval, and since the start.

Each probe is read at the end of an interval and compared with the end of the one before and with
its first reading. The traced tree is the side `server`: the columns are those of a trial's record,
without those per request. Not thread-safe. Knows neither terminal nor JSON.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from zyphos_lab.child import monotonic_ns
from zyphos_lab.probes.base import Columns, Pids, Probe, Skipped
from zyphos_lab.trace.subject import Subject

OTHER_SIDES = ("client_", "link_")


@dataclass(slots=True)
class Reading:
    """`columns` by probe; `counted` are those that grow with time, so that a rate makes sense."""

    duration_ns: int = 0
    columns: dict[str, Columns] = field(default_factory=dict)
    counted: set[str] = field(default_factory=set)

    def flat(self) -> Columns:
        return {name: value for part in self.columns.values() for name, value in part.items()}


class Watch:
    """One probe on one tree."""

    def __init__(self, probe: Probe[Any]) -> None:
        self.probe = probe
        self.reason = ""
        self.skipped: Skipped = {}
        self._sum: Columns = {}
        self._first: Any = None
        self._last: Any = None

    def begin(self, pids: Pids, port: int) -> None:
        """Also anew, with a port that was not known before: it counts from here then."""
        try:
            self.probe.attach(pids, port)
            self._first = self._last = self.probe.snapshot()
        except OSError as error:
            self.reason = f"{self.probe.name}: {error.strerror or error}"

    def read(self, pids: Pids, port: int) -> tuple[Columns, Columns, set[str]]:
        """(in this interval, since the start, which of them are counted)."""
        if self.reason:
            return {}, {}, set()
        now = self.probe.snapshot()
        columns, skipped = self.probe.columns(self._last, now, 0)
        counted = {name for name in columns if f"{name}_per_request" in columns}
        counted |= {name for name in columns if name in self.probe.grows}
        if self.probe.one_window:
            total = self._added(columns, counted)
            self.probe.attach(pids, port)
            self._last = self.probe.snapshot()
        else:
            total, skipped = self.probe.columns(self._first, now, 0)
            self._last = now
        total = _kept(total)
        if all(value is None for value in total.values()) and self._sum:
            return _kept(columns), self._sum, counted  # it has ended: as it was last seen
        self._sum, self.skipped = total, skipped
        return _kept(columns), total, counted

    def _added(self, columns: Columns, counted: set[str]) -> Columns:
        """For probes that forget with each window: counts are summed, of maxima the greatest is
        kept, any other level is the last one.
        """
        total = dict(columns)
        for name, now in columns.items():
            earlier = self._sum.get(name)
            if not isinstance(earlier, int | float) or not isinstance(now, int | float):
                continue
            if name in counted:
                total[name] = earlier + now
            elif name.endswith("_max"):
                total[name] = max(earlier, now)
        return total


class Session:
    """The probes of one trace. `close` it."""

    def __init__(self, subject: Subject, probes: Sequence[Probe[Any]]) -> None:
        self.watches = [Watch(probe) for probe in probes]
        self._subject = subject
        self._pids: Pids = {"server": [subject.pid]}
        self._port = subject.port
        for watch in self.watches:
            watch.begin(self._pids, self._port)
        self._start_ns = self._last_ns = monotonic_ns()

    def read(self) -> tuple[Reading, Reading]:
        """What there was since the last call, and since the start."""
        now_ns = monotonic_ns()
        interval = Reading(now_ns - self._last_ns)
        total = Reading(now_ns - self._start_ns)
        for watch in self.watches:
            part, whole, counted = watch.read(self._pids, self._port)
            name = watch.probe.name
            interval.columns[name], total.columns[name] = part, whole
            interval.counted |= counted
            total.counted |= counted
        self._last_ns = now_ns
        self._look_for_port()
        return interval, total

    def reasons(self) -> Skipped:
        """What could not be read, and why: by probe or column."""
        found: Skipped = {}
        for watch in self.watches:
            if watch.reason or watch.probe.reason:
                found[watch.probe.name] = watch.reason or watch.probe.reason
                continue
            found.update(_kept(watch.skipped))
        return found

    def close(self) -> None:
        for watch in self.watches:
            watch.probe.close()

    def _look_for_port(self) -> None:
        """A command that we started listens some time after its start."""
        if self._port or not self._subject.found_port():
            return
        self._port = self._subject.port
        for watch in self.watches:
            if watch.probe.by_port:
                watch.begin(self._pids, self._port)


def _kept(columns: Any) -> Any:
    """Without what is per request, or of a side that a trace does not have."""
    return {
        name: value
        for name, value in columns.items()
        if not name.startswith(OTHER_SIDES) and not name.endswith("_per_request")
    }
