"""The shares that counters carry of a difference, once more from docs/statistics.md.

Everything per block by SQL, then plain arithmetic on the means of the differences between cells.
Shares nothing with zyphos_lab/stats. Up to BLOCKS_MAX blocks the p of a counter is enumerated;
beyond that the report draws flips, and verify_drawn.py holds what it drew.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from zyphos_lab.metrics import lookup
from zyphos_lab.report import verify_drawn as drawn
from zyphos_lab.report import verify_flips as flips
from zyphos_lab.report.verify_check import Check
from zyphos_lab.report.verify_sql import Numbers

if TYPE_CHECKING:
    from collections.abc import Iterator

Floats = NDArray[np.float64]
Cells = dict[str, dict[int, Floats]]
BLOCKS_MAX = 12
PER_REQUEST = "_per_request"
TIMES = ("service_ns", "schedule_lag_ns", "wire_ns")
ACKS, ACK_COST = "net_tcp_delayed_acks_per_request", "server_tcp_ack_timeout_ns_mean"
TOO_MUCH = 1.25
COST_ERROR_MAX = 0.25
PAIRS_MIN = 2.5
TAILS = {"p90": 0.1, "p99": 0.01, "p99_9": 0.001, "p50": 0.5}


@dataclass(frozen=True)
class Step:
    """The differences of every column between two cells, over the blocks of both."""

    arm: Floats
    base: Floats

    @cached_property
    def mean(self) -> Floats:
        return _mean(self.arm - self.base)


class Carried:
    """Shares, p and ratios of the counters beside differences, from `numbers`."""

    def __init__(self, numbers: Numbers, metrics: list[str]) -> None:
        names = [n for n in numbers.numeric if n.endswith(PER_REQUEST) or n.startswith(TIMES)]
        wanted = dict.fromkeys([*names, ACK_COST, *metrics])
        self._names = [name for name in wanted if name in numbers.numeric]
        self._cells: Cells = numbers.columns_by_block(self._names)
        self._factors = numbers.factors()
        self._steps: dict[tuple[str, str], Step] = {}
        self._p: dict[tuple[str, str, str], dict[str, float]] = {}

    def hold(
        self, check: Check, place: str, comparison: Mapping[str, Any], told: Mapping[str, Any]
    ) -> None:
        """share, most, ratio, low, high and p of a counter beside a comparison."""
        cell, base, metric = (str(comparison[n]) for n in ("cell", "baseline_cell", "metric"))
        step, j = self._step(cell, base), self._names.index(told["name"])
        one = _Effect(self._names, step, metric)
        check.same(f"{place} share", told["share"], self._share(one, j, {cell, base}))
        check.same(f"{place} most", told["most"], one.most(j))
        self._ratio(check, place, told, _logs(step.arm[:, j], step.base[:, j]))
        p = self._adjusted(cell, base, one).get(told["name"])
        if p is None or len(step.arm) <= BLOCKS_MAX:
            check.same(f"{place} p", told["p"], p)
        else:
            drawn.hold_family(check, f"{place} p", told["p"], p, drawn.COUNTERS)

    def _ratio(
        self, check: Check, place: str, told: Mapping[str, Any], logs: Floats | None
    ) -> None:
        """A ratio, and the ends of its interval."""
        ratio = None if logs is None else math.exp(logs.mean())
        check.same(f"{place} ratio", told["ratio"], ratio)
        if logs is not None and len(logs) > BLOCKS_MAX:
            drawn.hold_ends(check, place, (told["low"], told["high"]), logs, drawn.COUNTERS)
            return
        ends = (None, None) if logs is None else flips.interval_of(list(logs))
        for name, end in zip(("low", "high"), ends, strict=True):
            check.same(f"{place} {name}", told[name], end)

    def _step(self, cell: str, base: str) -> Step:
        if (cell, base) not in self._steps:
            arms, bases = self._cells.get(cell, {}), self._cells.get(base, {})
            both = sorted(arms.keys() & bases.keys())
            empty = np.empty((0, len(self._names)))
            rows = [np.array([side[b] for b in both]) if both else empty for side in (arms, bases)]
            self._steps[cell, base] = Step(*rows)
        return self._steps[cell, base]

    def _neighbours(self, without: set[str]) -> Iterator[Step]:
        """The other pairs of cells that differ in one factor."""
        for one, other in itertools.combinations(self._factors, 2):
            labels = zip(self._factors[one], self._factors[other], strict=True)
            if sum(a != b for a, b in labels) == 1 and {one, other} != without:
                yield self._step(other, one)

    def _adjusted(self, cell: str, base: str, one: _Effect) -> dict[str, float]:
        """p of every counter that may carry something, adjusted over all of them."""
        key = (cell, base, one.metric)
        if key not in self._p:
            steps = np.nan_to_num(one.step.arm - one.step.base)
            chosen = [
                j
                for j, name in enumerate(self._names)
                if _may_carry(name, one.metric) and steps[:, j].any() and not one.rare(j)
            ]
            family = [dict(enumerate(steps[:, j])) for j in chosen]
            many = len(steps) > BLOCKS_MAX
            told = drawn.adjusted(family, drawn.COUNTERS) if many else flips.step_down(family)
            self._p[key] = {self._names[j]: p for j, p in zip(chosen, told, strict=True)}
        return self._p[key]

    def _share(self, one: _Effect, j: int, pair: set[str]) -> float | None:
        step = float(one.step.mean[j])
        if step * one.size <= 0:
            return None
        direct = one.direct(j)
        if direct is not None:
            return direct if direct <= TOO_MUCH else None
        cost = self._cost(one, j, pair)
        if cost is None:
            return None
        share = cost * step / one.size
        return share if share <= TOO_MUCH * min(1.0, one.most(j)) else None

    def _cost(self, one: _Effect, j: int, pair: set[str]) -> float | None:
        """What one of the counter costs in the other pairs; None where they do not say."""
        others = [step for step in self._neighbours(pair) if len(step.arm)]
        found = [(float(step.mean[j]), one.effect(step)) for step in others]
        return _slope([xy for xy in found if all(map(math.isfinite, xy))])


def _slope(points: Sequence[tuple[float, float]]) -> float | None:
    """Through the origin, with an error robust to points that scatter differently."""
    squares = math.fsum(x * x for x, _ in points)
    if not squares or squares**2 / math.fsum(x**4 for x, _ in points) < PAIRS_MIN:
        return None
    cost = math.fsum(x * y for x, y in points) / squares
    wrong = (x * (y - cost * x) / (1 - min(x * x / squares, 0.999)) for x, y in points)
    error = math.sqrt(math.fsum(part**2 for part in wrong)) / squares
    return cost if cost > 0 and error <= COST_ERROR_MAX * cost else None


@dataclass(frozen=True)
class _Effect:
    """A metric's difference; a rate counts as its inverse, nanoseconds per request."""

    names: list[str]
    step: Step
    metric: str

    def sides(self, step: Step) -> list[Floats]:
        at = self.names.index(self.metric)
        rate = _unit(self.metric) == "per_second"
        return [1e9 / side[:, at] if rate else side[:, at] for side in (step.arm, step.base)]

    def effect(self, step: Step) -> float:
        arm, base = self.sides(step)
        return float(_mean((arm - base)[:, None])[0])

    @cached_property
    def means(self) -> tuple[float, float]:
        arm, base = (float(_mean(side[:, None])[0]) for side in self.sides(self.step))
        return arm, base

    @property
    def size(self) -> float:
        return self.means[0] - self.means[1]

    def ends(self, j: int) -> tuple[float, float]:
        arm, base = (float(_mean(side)[j]) for side in (self.step.arm, self.step.base))
        return arm, base

    def direct(self, j: int) -> float | None:
        """The share where both are of one unit, or where the cost is recorded; else None."""
        name, timed = self.names[j], _unit(self.metric) in ("ns", "per_second")
        if (timed and _unit(name) == "ns") or self._one_call(name):
            return float(self.step.mean[j]) / self.size
        if not timed or name != ACKS or ACK_COST not in self.names:
            return None
        k = self.names.index(ACK_COST)
        arm, base = (side[:, j] * side[:, k] for side in (self.step.arm, self.step.base))
        waited = float(_mean((arm - base)[:, None])[0])
        return waited / self.size if math.isfinite(waited) else None

    def _one_call(self, name: str) -> bool:
        """Whether the metric counts system calls, and `name` one of them."""
        side, calls, _ = self.metric.partition("_syscalls" + PER_REQUEST)
        return bool(calls) and name.startswith(f"{side}_syscall_")

    def most(self, j: int) -> float:
        """The share if all of the metric, where that is least, were its cost."""
        ends = self.ends(j)
        moved = (ends[0] - ends[1]) / self.size
        if not moved > 0:
            return 0.0
        return min(1.0, min(m / c for m, c in zip(self.means, ends, strict=True) if c > 0) * moved)

    def rare(self, j: int) -> bool:
        """Too seldom in both cells to matter: under 0.05 a request, or a tenth of the tail."""
        unit = _unit(self.names[j])
        tail = TAILS.get(self.metric.rpartition("_ns_")[2], 1.0)
        least = {"ns": 0.0, "bytes": 1.0}.get(unit, min(0.05, tail / 10))
        return unit != "ns" and max(self.ends(j)) < least


def _may_carry(name: str, metric: str) -> bool:
    """Counters of the metric's own side or of none, and its own quantile of latency's parts."""
    if name == metric or name.endswith("requests" + PER_REQUEST):
        return False
    if name.startswith(TIMES):
        quantile = metric.partition("latency_ns")[2]
        return metric.startswith("latency_ns") and name in [time + quantile for time in TIMES]
    sides = {one.split("_")[0] for one in (name, metric)}
    return name.endswith(PER_REQUEST) and sides != {"server", "client"}


def _unit(name: str) -> str:
    known = lookup(name)
    return known.unit if known else "ratio"


def _mean(rows: Floats) -> Floats:
    """Of each column over what is known; NaN where nothing is."""
    known = np.isfinite(rows)
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.asarray(np.where(known, rows, 0.0).sum(axis=0) / known.sum(axis=0))


def _logs(arm: Floats, base: Floats) -> Floats | None:
    """Log ratios; None where a block has a 0."""
    known = np.isfinite(arm) & np.isfinite(base)
    if not known.any() or (arm[known] <= 0).any() or (base[known] <= 0).any():
        return None
    return np.log(arm[known] / base[known])
