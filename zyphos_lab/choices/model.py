"""A choice: in one regime the values of a factor, each against the baseline, and which to use.

A regime is what the other factors of an experiment say. Arms were compared with the baseline and
not with each other: several are named where their intervals overlap. Plain data.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from zyphos_lab.metrics import lookup
from zyphos_lab.report.words import size_of
from zyphos_lab.stats import CANNOT_TELL, SAME, Carrier, Comparison, differs

Conditions = tuple[tuple[str, str], ...]
TWICE = 2.0


@dataclass(frozen=True)
class Arm:
    """A value against the baseline; `comparison` is None where nothing was measured.

    `carries`, `explained`: the counters that moved with it, as in report.model.Delta.
    """

    value: str
    comparison: Comparison | None
    carries: tuple[Carrier, ...] = ()
    explained: bool | None = None

    @property
    def better(self) -> bool:
        """Beyond the floor, in the metric's good direction."""
        found = self.comparison
        if found is None or found.ratio is None or not differs(found):
            return False
        metric = lookup(found.metric)
        wanted = metric.better if metric else ""
        return wanted == ("lower" if found.ratio < 1 else "higher")

    @property
    def same(self) -> bool:
        return self.comparison is not None and self.comparison.verdict == SAME

    @property
    def open(self) -> bool:
        """Nobody can tell, or nothing was measured."""
        return self.comparison is None or self.comparison.verdict == CANNOT_TELL

    @property
    def size(self) -> float:
        """The difference as a factor of at least 1; 1 where there is none."""
        found = self.comparison
        if found is None or found.ratio is None or found.ratio <= 0 or not differs(found):
            return 1.0
        return size_of(found.ratio)


@dataclass(frozen=True)
class Regime:
    """All values of a factor under the same conditions, in one metric."""

    conditions: Conditions
    metric: str
    baseline: str
    arms: tuple[Arm, ...]

    @property
    def use(self) -> tuple[str, ...]:
        """The best of those that are better than the baseline and what cannot be told from it; else
        the baseline and what is the same.
        """
        better = sorted((arm for arm in self.arms if arm.better), key=lambda arm: -arm.size)
        if not better:
            return (self.baseline, *(arm.value for arm in self.arms if arm.same))
        return tuple(arm.value for arm in better if _overlap(arm, better[0]))

    @property
    def undecided(self) -> tuple[str, ...]:
        return tuple(arm.value for arm in self.arms if arm.open)


@dataclass(frozen=True)
class Subject:
    """What one experiment says of `factor`. Without a run that counts `run` is '', nothing is
    measured in any regime.
    """

    experiment: str
    question: str
    file: str
    factor: str
    run: str
    date: str
    verdict: str
    regimes: tuple[Regime, ...]

    def reaching(self, least: float = TWICE) -> list[tuple[Regime, Arm]]:
        """Where the difference is at least so large, either way."""
        return [found for found in self._differences() if found[1].size >= least]

    def largest(self) -> tuple[Regime, Arm] | None:
        """The largest difference; None where there is none."""
        return max(self._differences(), key=lambda found: found[1].size, default=None)

    def missing(self) -> list[tuple[Regime, Arm]]:
        """What was planned and has no trial that counts."""
        return [(r, arm) for r in self.regimes for arm in r.arms if arm.comparison is None]

    def _differences(self) -> list[tuple[Regime, Arm]]:
        pairs = [(regime, arm) for regime in self.regimes for arm in regime.arms]
        return [(regime, arm) for regime, arm in pairs if arm.size > 1]


def conditions_of(regimes: Sequence[Regime]) -> list[Conditions]:
    """Each once, in order."""
    return list(dict.fromkeys(regime.conditions for regime in regimes))


def _overlap(arm: Arm, best: Arm) -> bool:
    """Whether the intervals of their ratios do; without one, only where it is the best itself."""
    mine, its = arm.comparison, best.comparison
    if mine is None or its is None or mine is its:
        return mine is its
    ends = (mine.low, mine.high, its.low, its.high)
    if None in ends:
        return False
    low, high, its_low, its_high = (float(end) for end in ends if end is not None)
    return low <= its_high and its_low <= high
