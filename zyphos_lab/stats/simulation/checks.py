"""The promises: false alarms, false alarms of families, coverage, power. All through compare()."""

from __future__ import annotations

import math
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np

from zyphos_lab.stats.contrasts import differs
from zyphos_lab.stats.signflip import ALPHA
from zyphos_lab.stats.simulation.noise import BY_NAME, MODELS, Noise
from zyphos_lab.stats.simulation.runs import Runs
from zyphos_lab.stats.sizes import detectable_ratio

FAMILY = 24
FAMILY_MODELS = ("ordinary", "drift", "everything")
EFFECT = 1.05
COVERED = 1.05  # the true ratio of the coverage runs
SLACK_ERRORS = 2.0  # standard errors that a share may lie beyond its limit

Progress = Callable[[str, int, int], None]


@dataclass(frozen=True)
class Finding:
    """One share out of `runs` simulated runs, and what was promised of it.

    `at_most` or `at_least` is the promise (None: only told), judged with two standard errors.
    """

    group: str
    case: str
    text: str
    runs: int
    share: float
    at_most: float | None = None
    at_least: float | None = None

    @property
    def error(self) -> float:
        """Standard error of a share that is as promised."""
        limit = self.at_most if self.at_most is not None else self.at_least
        p = self.share if limit is None else limit
        return math.sqrt(p * (1 - p) / self.runs)

    @property
    def holds(self) -> bool | None:
        """Whether the promise is kept; None where there is none."""
        return self.holds_within(SLACK_ERRORS)

    def holds_within(self, errors: float) -> bool | None:
        """The same with another number of standard errors."""
        if self.at_most is not None:
            return self.share <= self.at_most + errors * self.error
        if self.at_least is not None:
            return self.share >= self.at_least - errors * self.error
        return None


def promises(runs: int, families: int, seed: int, progress: Progress) -> Iterator[Finding]:
    """Every check through compare(): `runs` simulated runs each, `families` of 24 contrasts."""
    for model in MODELS:
        yield from _false_alarms(model, runs, seed, progress)
    for name in FAMILY_MODELS:
        yield _family(BY_NAME[name], families, seed, progress)
    for n in range(6, 11):
        for name in ("ordinary", "heavy_tails"):
            yield _coverage(BY_NAME[name], n, runs, seed, progress)
    for n in (8, 12, 16):
        yield _power(n, EFFECT, runs, seed, progress)
    yield _power(8, detectable_ratio(8, math.sqrt(2) * 0.03), runs, seed, progress)


def _share(
    what: str, runs: int, seed: int, progress: Progress, hit: Callable[[int], bool]
) -> float:
    first = seed + (zlib.crc32(what.encode()) << 20)  # runs of its own for every check
    hits = 0
    for i in range(runs):
        hits += hit(first + i)
        if i % 100 == 99 or i == runs - 1:
            progress(what, i + 1, runs)
    return hits / runs


def _false_alarms(model: Noise, runs: int, seed: int, progress: Progress) -> Iterator[Finding]:
    """A run of two arms without a difference: p below 5 %, and what the verdict says."""
    simulated = Runs(model)
    verdicts = 0

    def rejected(which: int) -> bool:
        nonlocal verdicts
        [found] = simulated.compare(which)
        verdicts += differs(found)
        return found.p_raw is not None and found.p_raw <= ALPHA

    what = f"false alarms, {model.name}"
    share = _share(what, runs, seed, progress, rejected)
    text = f"p of 5 % or less: {model.text}"
    yield Finding("false alarms", model.name, text, runs, share, at_most=ALPHA)
    text = f"the verdict (floor 1 %): {model.text}"
    yield Finding(
        "false alarms", f"{model.name}, verdict", text, runs, verdicts / runs, at_most=ALPHA
    )


def _family(model: Noise, runs: int, seed: int, progress: Progress) -> Finding:
    """24 contrasts of 8 blocks: any adjusted p below 5 %."""
    simulated = Runs(model, contrasts=FAMILY)

    def any_rejected(which: int) -> bool:
        return any((c.p_adjusted or 0.0) <= ALPHA for c in simulated.compare(which))

    share = _share(f"family, {model.name}", runs, seed, progress, any_rejected)
    text = f"any of {FAMILY} comparisons in one run: {model.text}"
    return Finding("families", model.name, text, runs, share, at_most=ALPHA)


def _coverage(model: Noise, n: int, runs: int, seed: int, progress: Progress) -> Finding:
    """Whether the interval of n blocks holds the true ratio."""
    simulated = Runs(model, blocks=n)
    effects = np.array([math.log(COVERED)])

    def covered(which: int) -> bool:
        [found] = simulated.compare(which, effects)
        return (
            found.low is not None and found.high is not None and found.low <= COVERED <= found.high
        )

    share = _share(f"coverage, {n} blocks, {model.name}", runs, seed, progress, covered)
    text = f"the 95 % interval of {n} blocks holds the truth: {model.text}"
    return Finding("coverage", f"{model.name}, n = {n}", text, runs, share, at_least=1 - ALPHA)


def _power(n: int, ratio: float, runs: int, seed: int, progress: Progress) -> Finding:
    """Whether a slowdown by `ratio` gets a p of 5 % or less, with 3 % of noise per start."""
    simulated = Runs(BY_NAME["ordinary"], blocks=n)
    effects = np.array([math.log(ratio)])

    def found(which: int) -> bool:
        [comparison] = simulated.compare(which, effects)
        return comparison.p_raw is not None and comparison.p_raw <= ALPHA

    percent = f"{100 * (ratio - 1):.1f} %"
    share = _share(f"power, {percent}, {n} blocks", runs, seed, progress, found)
    text = f"a slowdown of {percent} is found by {n} blocks (noise: 3 % from start to start)"
    least = 0.8 if ratio != EFFECT else None
    return Finding("power", f"{percent}, n = {n}", text, runs, share, at_least=least)
