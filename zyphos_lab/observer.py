"""The observer's cost: the same cell with its costly probes and without them, in adjacent pairs.

The stage `observer` follows `measure`. In each pair one trial is plain (arm A: the costly probes
released, their BPF programs detached), one instrumented (arm B), in random order, under one load.
What the probes cost is the ratio B to A, with its inverted sign-flip interval. Both arms of every
contrast of stage `measure` are instrumented alike, and none of these trials is among them: counters
and headline belong to the same trials, and this says what that cost.

Above the budget, its interval and all, the run is DEGRADED. Of a probe it knows whether it is
costly.
"""

from __future__ import annotations

import math
import random
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from zyphos_lab import probes
from zyphos_lab.measure import Measure, repeat_seconds
from zyphos_lab.record import INVALID, Row
from zyphos_lab.stage import INSTRUMENTED, OBSERVER, PLAIN, Note, Outlook, Planned, of_stage
from zyphos_lab.stats.signflip import interval

if TYPE_CHECKING:
    from zyphos_lab.spec import Experiment

AUTO_PAIRS = 8  # over all cells: two more than an interval needs
AUTO_SHARE = 0.1  # of the time that `measure` takes: above it, `auto` is none
OVER_BUDGET = "observer_over_budget"
# Metric, and what a probe's cost makes of it.
METRICS = (
    ("latency_ns_p50", "raises"),
    ("server_cpu_ns_per_request", "raises"),
    ("requests_per_second", "lowers"),
)


@dataclass(frozen=True, slots=True)
class Cost:
    """Instrumented to plain, or plain to instrumented where the metric `falls` by what they cost:
    `ratio` is above 1 where the probes cost something. `low` and `high` are None where there are
    too few pairs for an interval.
    """

    metric: str
    cells: str
    pairs: int
    ratio: float
    low: float | None
    high: float | None
    falls: bool = False

    def over(self, budget: float) -> bool:
        """Whether it is shown to cost more than the budget."""
        return self.low is not None and self.low > 1 + budget

    def text(self, budget: float) -> str:
        size = self._change(self.ratio)
        if self.low is None or self.high is None:
            found = "too few pairs for an interval"
        else:
            ends = (self.high, self.low) if self.falls else (self.low, self.high)
            size += f" [{', '.join(map(self._change, ends))}]"
            found = self._found(self.high, budget)
        return f"{self.metric} {size} ({self.pairs} pairs): {found}"

    def _found(self, high: float, budget: float) -> str:
        if self.over(budget):
            return f"over the budget of {budget:.3g}"
        known = "" if high <= 1 + budget else "cannot tell whether "
        return f"{known}within the budget of {budget:.3g}"

    def _change(self, ratio: float) -> str:
        """Of the metric itself: a rate that falls is negative."""
        return f"{(1 / ratio if self.falls else ratio) - 1:+.1%}"


class Observer:
    """See stage.Stage. All pairs at once, nothing after them."""

    name = OBSERVER

    def __init__(self, experiment: Experiment, seed: int, pairs: int) -> None:
        self._measure = Measure(experiment, seed)
        self._experiment = experiment
        self._seed = seed
        self._pairs = pairs

    def outlook(self) -> Outlook:
        trials = 2 * self._pairs * len(self._experiment.cells)
        text = (
            f"{self._pairs} pairs per cell, with and without {', '.join(costly(self._experiment))}"
        )
        return Outlook(trials, trials * repeat_seconds(self._experiment.repeat), text)

    def next(self, rows: Sequence[Row]) -> list[Planned] | None:
        if of_stage(rows, OBSERVER):
            return None
        randomness = random.Random(f"{self._seed}/observer")
        found: list[Planned] = []
        for pair in range(self._pairs):
            cells = list(self._experiment.cells)
            randomness.shuffle(cells)
            for cell in cells:
                load_seed = randomness.getrandbits(32)
                arms = [PLAIN, INSTRUMENTED]
                randomness.shuffle(arms)
                found += [Planned(0, pair, cell, pair, arm, load_seed, OBSERVER) for arm in arms]
        return self._measure.prepared(found, rows)

    def tell(self, rows: Sequence[Row]) -> list[Note]:
        """What the probes cost, for all cells together and for each that has pairs enough."""
        budget = self._experiment.design.observer.budget
        names = ", ".join(costly(self._experiment))
        return [
            Note(
                OVER_BUDGET if cost.over(budget) else "observer_cost",
                f"{names} cost {cost.cells}: {cost.text(budget)}",
            )
            for cost in costs(rows)
        ]


def stages(experiment: Experiment, seed: int) -> list[Observer]:
    """The stage, or none: as `design.observer.pairs` has it, where any probe is costly."""
    if not costly(experiment):
        return []
    pairs = experiment.design.observer.pairs
    if pairs != "auto":
        return [Observer(experiment, seed, pairs)] if pairs else []
    stage = Observer(experiment, seed, math.ceil(AUTO_PAIRS / len(experiment.cells)))
    most_s = AUTO_SHARE * Measure(experiment, seed).outlook().seconds
    return [stage] if experiment.evidence and stage.outlook().seconds <= most_s else []


def costly(experiment: Experiment) -> list[str]:
    """The probes of the experiment whose cost is measured, in its order."""
    scripts = ["bpftrace"] if experiment.scripts else []
    return [name for name in experiment.probes if name in probes.COSTLY] + scripts


def costs(rows: Sequence[Row]) -> list[Cost]:
    """Of all cells together; where there are several, also of each with pairs for an interval."""
    cells: dict[str, list[Row]] = {}
    for row in of_stage(rows, OBSERVER):
        if row["verdict"] != INVALID:
            cells.setdefault(str(row["cell"]), []).append(row)
    each = [cost for cell in sorted(cells) for cost in _costs(cells[cell], cell)]
    if len(cells) == 1:
        return each
    together = _costs([row for own in cells.values() for row in own], f"all {len(cells)} cells")
    return [*together, *(cost for cost in each if cost.low is not None)]


def _costs(rows: Sequence[Row], cells: str) -> Iterator[Cost]:
    for metric, effect in METRICS:
        logs = _log_ratios(rows, metric)
        if not logs:
            continue
        values = np.array(logs if effect == "raises" else [-log for log in logs])
        bounds = interval(values)
        low, high = (None, None) if bounds is None else (math.exp(end) for end in bounds)
        ratio = math.exp(float(values.mean()))
        yield Cost(metric, cells, len(logs), ratio, low, high, effect == "lowers")


def _log_ratios(rows: Sequence[Row], metric: str) -> list[float]:
    """Instrumented to plain, of the pairs in which both have a value."""
    values = {(row["cell"], row["block"], row["arm"]): number(row, metric) for row in rows}
    found = []
    for (cell, pair, arm), plain in values.items():
        more = values.get((cell, pair, INSTRUMENTED)) if arm == PLAIN else None
        if plain and more:
            found.append(math.log(more / plain))
    return found


def number(row: Mapping[str, Any], metric: str) -> float | None:
    """The number above zero that a row has; a bound is none."""
    value = row.get(metric)
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    usable = math.isfinite(value) and value > 0 and not row.get(f"{metric}_at_least")
    return float(value) if usable else None


def plain(planned: Planned) -> bool:
    """Whether the trial runs without the costly probes."""
    return planned.stage == OBSERVER and planned.arm == PLAIN
