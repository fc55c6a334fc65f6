"""A trial's link as a probe: what it was set to and what it did, as columns `link_*`."""

from __future__ import annotations

from typing import Any

from zyphos_lab.links.base import Link
from zyphos_lab.probes import processes
from zyphos_lab.probes.base import Columns, Histograms, Pids, Probe, Skipped

Raw = tuple[Any, int | None]


class LinkProbe(Probe[Raw]):
    """Made for one trial, when its link is up."""

    name = "link"

    def __init__(self, link: Link) -> None:
        self._link = link
        self._pids: tuple[int, ...] = ()

    def attach(self, pids: Pids, port: int) -> None:
        self._pids = tuple(pids.get("link", ()))

    def histograms(self, before: Raw, after: Raw) -> Histograms:
        return self._link.histograms(before[0], after[0])

    def snapshot(self) -> Raw:
        used = [processes.cpu_ns(pid) for pid in self._pids]
        known = [value for value in used if value is not None]
        return self._link.snapshot(), sum(known) if len(known) == len(used) else None

    def columns(self, before: Raw, after: Raw, requests: int) -> tuple[Columns, Skipped]:
        columns, skipped = self._link.columns(before[0], after[0])
        if not self._pids:
            return columns, skipped
        if before[1] is None or after[1] is None:
            return {**columns, "link_cpu_ns": None}, {**skipped, "link_cpu_ns": "it has ended"}
        return {**columns, "link_cpu_ns": after[1] - before[1]}, skipped
