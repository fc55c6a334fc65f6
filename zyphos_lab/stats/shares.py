"""What a counter may carry of a metric's difference, by what both of them are.

Names and units decide: what is in the metric's own unit, what is a piece of the metric itself, what
runs on another side, what happens too rarely to matter. Does not know cells or tests.
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass

import numpy as np

from zyphos_lab.metrics import lookup
from zyphos_lab.stats.costs import Slope
from zyphos_lab.stats.moves import Floats, Move, Quantities

PER_REQUEST = "_per_request"
TIMES = ("service_ns", "schedule_lag_ns", "wire_ns")
SHARE_MAX = 1.25  # what carries more than all (and a tolerance) runs beside the requests
KNOWN_COSTS = {"net_tcp_delayed_acks_per_request": "server_tcp_ack_timeout_ns_mean"}
QUANTILE = re.compile(r"_p(\d+)(?:_(\d+))?\Z")
# Per request; what is rarer in both cells explains nothing. A quantile needs a tenth of its tail.
RARE, RARE_BYTES = 0.05, 1.0


@dataclass(frozen=True)
class Share:
    """A share of the difference with its `basis`, or None with the `reason`."""

    share: float | None
    basis: str = ""
    reason: str = ""


@dataclass(frozen=True)
class Effect:
    """A metric's difference between two cells. A rate counts as its inverse, time per request.

    `base` and `arm` are the metric's means over the blocks, in ns where it is a time or a rate.
    """

    table: Quantities
    move: Move
    metric: str

    @property
    def inverse(self) -> bool:
        found = lookup(self.metric)
        return found is not None and found.unit == "per_second"

    @property
    def is_time(self) -> bool:
        return self.inverse or unit_of(self.metric) == "ns"

    @property
    def base(self) -> float:
        return self._mean(self.move.base)

    @property
    def arm(self) -> float:
        return self._mean(self.move.arm)

    @property
    def size(self) -> float:
        return self.arm - self.base

    def _mean(self, side: Floats) -> float:
        values = side[:, self.table.names.index(self.metric)]
        return float(np.nanmean(1e9 / values if self.inverse else values))

    def share(self, j: int, slope: Slope) -> Share:
        """The share that column `j` carries; `slope` is its cost in other pairs of cells."""
        name, step = self.table.names[j], float(self.move.mean[j])
        if step * self.size <= 0:
            return Share(None, reason="moved the other way")
        if self._same_unit(name):
            return _bounded(step / self.size, "one_for_one")
        known = self._known_cost(name) if self.is_time else None
        if known is not None:
            return _bounded(known / self.size, "known_cost")
        if slope.reason:
            return Share(None, reason=slope.reason)
        share, most = slope.cost * step / self.size, self.most(j)
        if SHARE_MAX >= share > SHARE_MAX * most:
            return Share(None, reason=f"can carry {100 * most:.0f} % at most, whatever one costs")
        return _bounded(share, "estimated_cost")

    def most(self, j: int) -> float:
        """The largest share of column `j`: all of the metric, where that is least, is its cost."""
        ends = [float(np.nanmean(side[:, j])) for side in (self.move.base, self.move.arm)]
        step = ends[1] - ends[0]
        if step * self.size <= 0:
            return 0.0
        sides = zip((self.base, self.arm), ends, strict=True)
        return min(1.0, min(m / c for m, c in sides if c > 0) * step / self.size)

    def rare(self, j: int) -> bool:
        """Whether column `j` counts what happens too seldom to move the metric."""
        name = self.table.names[j]
        unit = unit_of(name)
        if unit == "ns":
            return False
        ends = [float(np.nanmean(side[:, j])) for side in (self.move.base, self.move.arm)]
        return max(ends) < (RARE_BYTES if unit == "bytes" else min(RARE, _tail(self.metric) / 10))

    def _same_unit(self, name: str) -> bool:
        if self.metric.endswith("_syscalls" + PER_REQUEST):
            return name.startswith(self.metric.removesuffix("s" + PER_REQUEST) + "_")
        return self.is_time and unit_of(name) == "ns"

    def _known_cost(self, name: str) -> float | None:
        """The difference of count x recorded cost, in ns; None where no cost is recorded."""
        cost = KNOWN_COSTS.get(name, "")
        if cost not in self.table.names:
            return None
        i, j = self.table.names.index(name), self.table.names.index(cost)
        steps = self.move.arm[:, i] * self.move.arm[:, j]
        steps = steps - self.move.base[:, i] * self.move.base[:, j]
        return None if np.isnan(steps).all() else float(np.nanmean(steps))


def may_carry(name: str, metric: str) -> bool:
    """Counters of the metric's side, and of the times those that make up this quantile."""
    if name == metric or name.endswith("requests" + PER_REQUEST):
        return False
    if name.startswith(TIMES):
        quantile = metric.removeprefix("latency_ns")
        return metric.startswith("latency_ns") and name in {time + quantile for time in TIMES}
    side, other = metric.split("_", 1)[0], name.split("_", 1)[0]
    apart = side in ("server", "client") and other in ("server", "client") and side != other
    return name.endswith(PER_REQUEST) and not apart


def part_of(name: str, metric: str) -> bool:
    """A piece of the metric, or the same quantity by another probe: where, not why."""
    if metric.endswith("_cpu_ns" + PER_REQUEST):
        side = metric.split("_", 1)[0]
        pieces = ("user_ns", "system_ns", "perf_task_clock_ns")
        return name in {f"{side}_{piece}{PER_REQUEST}" for piece in pieces}
    return name.startswith("service_ns") or name.endswith("tcp_busy_ns" + PER_REQUEST)


def unit_of(name: str) -> str:
    found = lookup(name)
    return found.unit if found else "ratio"


def _bounded(share: float, basis: str) -> Share:
    if math.isnan(share) or share > SHARE_MAX:
        return Share(None, reason=f"would carry {share:.3g} times the difference: runs beside it")
    return Share(share, basis)


def _tail(metric: str) -> float:
    """Share of the requests beyond the metric's quantile; 1.0 for what is none."""
    found = QUANTILE.search(metric)
    return 1 - float(f"0.{found[1]}{found[2] or ''}") if found else 1.0
