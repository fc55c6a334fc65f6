"""The search for a capacity: the highest load at which a service-level objective still holds.

In the manner of MLRsearch (RFC 9971): a load is tried several times, the majority of its trials
decides (exceed ratio 0.5), and what comes out is a pair of bounds, never one number. The relevant
upper bound is the smallest load that is too high; the relevant lower bound the largest below it
that is not. The search ends when the two lie within the goal's width.

Pure arithmetic on what was observed: it knows neither cells nor rows nor how a trial is run, so the
next load follows from the observations alone, also after a restart.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

FIRST_SHARE = 0.75  # of the closed-law rate: where the search begins
STEP_UP = 1.25
STEP_DOWN = 0.5
DIGITS = 4  # of a rate that is tried
VOIDS_MAX = 3  # trials of one load that may say nothing before the search gives up


class Outcome(StrEnum):
    """What a trial says of its load."""

    HELD = "held"
    BROKEN = "broken"
    GENERATOR = "generator"  # the load was not reached, and not for the server's sake
    VOID = "void"  # the machine spoilt the trial


@dataclass(frozen=True, slots=True)
class Goal:
    """When the search is over. `width`: (upper - lower) / upper. `trials`: tries of a load, whose
    majority decides. `least`, `most`: loads outside are not tried, per second.
    """

    width: float = 0.05
    trials: int = 3
    least: float = 1.0
    most: float = math.inf
    trials_max: int = 60


@dataclass(frozen=True, slots=True)
class Observation:
    rate_per_second: float
    outcome: Outcome


@dataclass(frozen=True, slots=True)
class Bounds:
    """What is known. `lower` holds, `upper` does not; None where no such load was found.

    `reason`: why one of them is missing or they are wider apart than was asked; '' when all is well
    or the search still goes on (`finished` tells which).
    """

    lower: float | None
    upper: float | None
    trials: int
    finished: bool = False
    reason: str = ""

    @property
    def width(self) -> float | None:
        """(upper - lower) / upper; None without both."""
        if self.lower is None or self.upper is None:
            return None
        return (self.upper - self.lower) / self.upper


@dataclass(frozen=True, slots=True)
class Decision:
    """The next load to try, or None and the final bounds."""

    rate_per_second: float | None
    bounds: Bounds


def decide(observations: Sequence[Observation], closed_rate: float, goal: Goal) -> Decision:
    """What to try next. `closed_rate` (per second): what the server does when it is kept busy.

    Cost: linear in the observations. Deterministic.
    """
    known = _bounds(observations, goal)
    stop = _exhausted(observations, goal)
    if not stop:
        last = observations[-1].rate_per_second if observations else None
        if last is not None and _judged(observations, last, goal) is None:
            return Decision(last, known)
        rate, stop = _next(known, closed_rate, goal)
        if rate is not None:
            return Decision(rate, known)
    reason = stop or _limit(observations, known)
    return Decision(None, Bounds(known.lower, known.upper, known.trials, True, reason))


def _limit(observations: Sequence[Observation], known: Bounds) -> str:
    """Says it where the upper bound is the generator's and not the server's."""
    at_upper = [one.outcome for one in observations if one.rate_per_second == known.upper]
    if Outcome.GENERATOR not in at_upper:
        return ""
    return "the load generator was the limit: the capacity is at least the lower bound"


def rounded(rate: float) -> float:
    """A rate with DIGITS digits: what is asked of the load and found again in its record."""
    return float(f"{rate:.{DIGITS}g}")


def _bounds(observations: Sequence[Observation], goal: Goal) -> Bounds:
    rates = sorted({one.rate_per_second for one in observations})
    judged = {rate: _judged(observations, rate, goal) for rate in rates}
    upper = next((rate for rate in rates if judged[rate] is False), None)
    below = [rate for rate in rates if judged[rate] and (upper is None or rate < upper)]
    return Bounds(below[-1] if below else None, upper, len(observations))


def _judged(observations: Sequence[Observation], rate: float, goal: Goal) -> bool | None:
    """Whether the load holds; None while its remaining trials could still turn the majority."""
    outcomes = [one.outcome for one in observations if one.rate_per_second == rate]
    broken = sum(one in (Outcome.BROKEN, Outcome.GENERATOR) for one in outcomes)
    held = outcomes.count(Outcome.HELD)
    if broken > goal.trials / 2:
        return False
    return True if held >= goal.trials / 2 else None


def _exhausted(observations: Sequence[Observation], goal: Goal) -> str:
    """Why no more is tried although the goal is not reached; '' while it may go on."""
    voids = [one.rate_per_second for one in observations if one.outcome is Outcome.VOID]
    worst = max((voids.count(rate) for rate in voids), default=0)
    if worst > VOIDS_MAX:
        return f"{worst} trials of one load were spoilt by the machine"
    if len(observations) >= goal.trials_max:
        return f"stopped after {goal.trials_max} trials"
    return ""


def _next(known: Bounds, closed_rate: float, goal: Goal) -> tuple[float | None, str]:
    """The next load that is not judged yet; None and why the bounds are final."""
    lower, upper = known.lower, known.upper
    if lower is None and upper is None:
        return _within(closed_rate * FIRST_SHARE, goal), ""
    if lower is None:
        assert upper is not None
        if upper <= goal.least:
            return None, f"not even {goal.least:g}/s, the least that was to be tried, holds"
        return _within(upper * STEP_DOWN, goal), ""
    if upper is None:
        if lower >= goal.most:
            return None, f"{goal.most:g}/s, the most that was to be tried, still holds"
        return _within(lower * STEP_UP, goal), ""
    middle = rounded(math.sqrt(lower * upper))
    if (known.width is not None and known.width <= goal.width) or middle in (lower, upper):
        return None, ""
    return middle, ""


def _within(rate: float, goal: Goal) -> float:
    return rounded(min(max(rate, goal.least), goal.most))
