"""What disturbs a simulated run: the logarithm of each trial's value, in the order of execution."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
SD = 0.03  # of a start: ordinary run-to-run noise of a latency percentile
DRIFT = 0.10  # over a run
PHI = 0.8  # of neighbouring trials


@dataclass(frozen=True)
class Noise:
    """`logs(random, blocks)`: the noise of each trial; `blocks` holds the trials' blocks."""

    name: str
    text: str
    logs: Callable[[np.random.Generator, NDArray[np.int64]], Floats]


def ordinary(random: np.random.Generator, blocks: NDArray[np.int64]) -> Floats:
    return np.asarray(random.normal(0, SD, len(blocks)))


def drift(random: np.random.Generator, blocks: NDArray[np.int64]) -> Floats:
    slope = np.log1p(DRIFT) * np.linspace(0, 1, len(blocks))
    return np.asarray(ordinary(random, blocks) + slope)


def autocorrelated(random: np.random.Generator, blocks: NDArray[np.int64]) -> Floats:
    logs = random.normal(0, SD, len(blocks))
    for t in range(1, len(logs)):
        logs[t] = PHI * logs[t - 1] + np.sqrt(1 - PHI**2) * logs[t]
    return logs


def heavy(random: np.random.Generator, blocks: NDArray[np.int64]) -> Floats:
    return np.asarray(SD / 2 * random.standard_t(2.5, len(blocks)))


def outliers(random: np.random.Generator, blocks: NDArray[np.int64]) -> Floats:
    """One trial takes twice as long, whichever arm it hits."""
    logs = ordinary(random, blocks)
    logs[random.integers(len(logs))] += np.log(2)
    return logs


def everything(random: np.random.Generator, blocks: NDArray[np.int64]) -> Floats:
    """Each block on a level of its own besides: what neighbours in a block share."""
    level = random.normal(0, 2 * SD, int(blocks.max()) + 1)[blocks]
    slope = np.log1p(DRIFT) * np.linspace(0, 1, len(blocks))
    return np.asarray(level + slope + autocorrelated(random, blocks) + heavy(random, blocks))


MODELS = (
    Noise("ordinary", "3 % from start to start", ordinary),
    Noise("drift", "the same, and the machine slows down by 10 % over the run", drift),
    Noise("autocorrelated", "neighbouring starts resemble each other (0.8)", autocorrelated),
    Noise("heavy_tails", "now and then a start is far off (Student's t, 2.5)", heavy),
    Noise("outlier", "one start in the run takes twice as long", outliers),
    Noise("everything", "drift, dependence, heavy tails, a level of its own per block", everything),
)
BY_NAME = {model.name: model for model in MODELS}
