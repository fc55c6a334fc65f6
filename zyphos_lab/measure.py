"""The stage `measure`, which conclusions rest on: blocks of all cells, as many as it takes.

How many: `repeat.starts`; with `repeat.until` the 8 of the first step and then as many as they say
(sizing.py); never more than `repeat.budget` allows. Where there is no budget, blocks that the
machine disturbed are made up for at the end (makeup.py). Same experiment, seed and rows, same
trials.
"""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from zyphos_lab import makeup, pilot, simulated, sizing
from zyphos_lab.order import block_order
from zyphos_lab.record import Reason, Row
from zyphos_lab.stage import MEASURE, Note, Outlook, Planned, of_stage
from zyphos_lab.units import format_duration

if TYPE_CHECKING:
    from zyphos_lab.spec import Experiment
    from zyphos_lab.spec.models import Repeat

OVERHEAD_S = 0.3  # what a trial may take outside its warm-up and window
PILOT_STARTS = 8  # the first step of two
AUTO_WARMUP_NS = 500_000_000  # what `auto` may come to, for the estimate of time


def repeat_seconds(repeat: Repeat) -> float:
    """How long a trial with this warm-up and window takes, about."""
    warmup_ns = AUTO_WARMUP_NS if repeat.warmup_ns is None else repeat.warmup_ns
    return (warmup_ns + repeat.window_ns) / 1e9 + OVERHEAD_S


class Measure:
    """See stage.Stage. `aa`: the ids of the cells that run twice a block."""

    name = MEASURE

    def __init__(self, experiment: Experiment, seed: int) -> None:
        self._experiment = experiment
        self._seed = seed
        ids = [cell.id for cell in experiment.cells]
        count = min(experiment.design.aa.cells, len(ids))
        self.aa = frozenset(random.Random(seed).sample(ids, count))
        self._block_trials = len(ids) + len(self.aa)
        self._block_s = self._block_trials * repeat_seconds(experiment.repeat)
        self._block_s += sum(map(simulated.seconds, experiment.cells))

    def outlook(self) -> Outlook:
        starts = self.first([])
        text = f"{starts} blocks"
        if self._experiment.until:
            text += f", then as many as `{self._experiment.repeat.until}` takes"
        return Outlook(starts * self._block_trials, starts * self._block_s, text)

    def first(self, rows: Sequence[Row]) -> int:
        """The blocks of the first step, given what ran before the stage."""
        repeat = self._experiment.repeat
        starts = PILOT_STARTS if self._experiment.until else repeat.starts
        before = [row for row in rows if row["stage"] != MEASURE]
        if repeat.budget_ns is None:
            return starts
        return max(1, min(starts, sizing.affordable(repeat.budget_ns, before, self._block_s)))

    def next(self, rows: Sequence[Row]) -> list[Planned] | None:
        """The first step, then once what it says is still needed, then what the machine spoilt."""
        mine = of_stage(rows, MEASURE)
        done = len({row["block"] for row in mine})
        first = self.first(rows)
        if not done:
            return self.prepared(self.blocks(0, first), rows)
        if done == first and self._experiment.until:
            more = self.prepared(self.blocks(done, self._allowed(rows)), rows)
            if more:
                return more
        return self._made_up(mine, rows) or None

    def _made_up(self, mine: Sequence[Row], rows: Sequence[Row]) -> list[Planned]:
        """Blocks in place of those that the machine disturbed; none where time is limited."""
        if self._experiment.repeat.budget_ns is not None:
            return []
        done = len({row["block"] for row in mine})
        spoilt = makeup.wanted(mine, self._experiment.design.spare)
        added = self.blocks(done, done + len(spoilt))
        return self.prepared(
            [replace(one, instead_of=spoilt[one.block - done]) for one in added], rows
        )

    def blocks(self, first: int, end: int) -> list[Planned]:
        """The trials of the blocks `first` to `end` - 1, the same however many follow."""
        ids = [cell.id for cell in self._experiment.cells]
        randomness = random.Random(self._seed)
        randomness.sample(ids, len(self.aa))
        trials: list[Planned] = []
        for block in range(end):
            load_seed = randomness.getrandbits(32)  # one schedule for all arms of a block
            for cell, arm in block_order(self._experiment, block, self.aa, randomness):
                trials.append(Planned(len(trials), block, cell, block, arm, load_seed))
        return [planned for planned in trials if planned.block >= first]

    def prepared(self, trials: Sequence[Planned], rows: Sequence[Row]) -> list[Planned]:
        """With the pilot's warm-up, and its reason against what never settled."""
        if self._experiment.repeat.warmup_ns is not None:
            return list(trials)
        result = pilot.found(rows)
        repeat = self._experiment.repeat.model_copy(update={"warmup_ns": result.warmup_ns})
        return [replace(one, repeat=repeat, against=_against(one, result)) for one in trials]

    def _wanted(self, rows: Sequence[Row]) -> tuple[sizing.Series, int] | None:
        """What the first step says: the widest interval and the blocks that it needs."""
        first = self.first(rows)
        pilot_rows = [row for row in rows if row["stage"] != MEASURE or row["block"] < first]
        return sizing.widest(sizing.series(self._experiment, pilot_rows))

    def _allowed(self, rows: Sequence[Row]) -> int:
        wanted = self._wanted(rows)
        most = sizing.affordable(self._experiment.repeat.budget_ns, rows, self._block_s)
        return 0 if wanted is None else min(wanted[1], most)

    def tell(self, rows: Sequence[Row]) -> list[Note]:
        """What became of `until` and of a budget, and what was set aside."""
        return [*self._told(rows), *makeup.told(of_stage(rows, MEASURE))]

    def _told(self, rows: Sequence[Row]) -> Iterator[Note]:
        repeat = self._experiment.repeat
        mine = of_stage(rows, MEASURE)
        done = len({row["block"] for row in mine} - makeup.replaced(mine))
        if not self._experiment.until:
            if done < repeat.starts:
                yield Note("budget", f"{_budget(repeat)} allowed {done} of {repeat.starts} starts")
            return
        first, wanted = self.first(rows), self._wanted(rows)
        if wanted is None:
            yield Note("until", f"`{repeat.until}`: the first {first} starts say nothing of it")
            return
        text = f"`{repeat.until}`: {wanted[1]} starts follow from the first {first}"
        yield Note("until", f"{text} (widest: {wanted[0].subject}, {wanted[0].wanted.metric})")
        if done < wanted[1]:
            limit = _budget(repeat) if repeat.budget_ns else "the limit"
            yield Note("budget", f"{limit} allowed {done} of the {wanted[1]} starts needed")
        yield from self._not_reached(rows)

    def _not_reached(self, rows: Sequence[Row]) -> Iterator[Note]:
        found = sizing.series(self._experiment, rows)
        missed = list(sizing.unreached(found))
        if not missed:
            return
        one, width = max(missed, key=lambda pair: pair[1] or 1.0)
        has = "no interval" if width is None else f"{width:.1%}"
        yield Note(
            "until_not_reached",
            f"`{self._experiment.repeat.until}` was NOT reached by {len(missed)} of {len(found)} "
            f"intervals; the widest: {one.subject}, {one.wanted.metric} {has}",
        )


def _against(planned: Planned, result: pilot.Found) -> tuple[Reason, ...]:
    reason = result.unsettled.get(planned.cell.id)
    return () if reason is None else (reason,)


def _budget(repeat: Repeat) -> str:
    return f"the budget of {format_duration(repeat.budget_ns or 0)}"
