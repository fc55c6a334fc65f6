"""What other ways of doing it would say: the false alarms that METHOD.md quotes, made again.

Deliberately the wrong methods, on the same kinds of noise. Vectorised; not through compare().
"""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np
from scipy import stats

from zyphos_lab.stats.signflip import ALPHA, sign_flip, step_down
from zyphos_lab.stats.simulation.checks import FAMILY, Finding, Progress
from zyphos_lab.stats.simulation.noise import DRIFT, SD

STARTS = 8
REQUEST_SD = 0.27  # of one request's logarithm
RESAMPLES = 1_000


def counterexamples(runs: int, seed: int, progress: Progress) -> Iterator[Finding]:
    """Every wrong method, `runs` times."""
    random = np.random.default_rng(seed)
    for requests in (200, 2_000):
        yield _pooled(random, runs, requests)
    for sd in (0.02, SD, 0.04):
        yield _sequential(random, runs, sd)
    yield from _families(random, max(100, runs // 10))
    for n in (6, 8, 10):
        yield _bootstrap(random, runs, n)
    yield _peeking(random, runs)
    progress("counter-examples", runs, runs)


def _finding(case: str, text: str, runs: int, share: float) -> Finding:
    return Finding("counter-examples", case, text, runs, share)


def _pooled(random: np.random.Generator, runs: int, requests: int) -> Finding:
    """A test on all requests of all starts, as if they were independent.

    The mean of a start's requests is drawn at once: its level, and the mean of its requests.
    """
    spread = REQUEST_SD / math.sqrt(requests)
    means = random.normal(0, SD, (runs, 2, STARTS)) + random.normal(0, spread, (runs, 2, STARTS))
    arms = means.mean(axis=2)
    error = math.sqrt(2 * (REQUEST_SD**2 + SD**2) / (STARTS * requests))
    z = np.abs(arms[:, 0] - arms[:, 1]) / error
    text = f"a difference where there is none: requests of {STARTS} starts pooled, {requests} each"
    share = float(np.mean(z > stats.norm.ppf(1 - ALPHA / 2)))
    return _finding(f"pooled requests, {requests} per start", text, runs, share)


def _sequential(random: np.random.Generator, runs: int, sd: float) -> Finding:
    """All starts of one arm, then all of the other, while the machine drifts by 10 %."""
    slope = np.log1p(DRIFT) * np.linspace(0, 1, 2 * STARTS)
    logs = slope + random.normal(0, sd, (runs, 2 * STARTS))
    p = stats.ttest_ind(logs[:, :STARTS], logs[:, STARTS:], axis=1, equal_var=False).pvalue
    text = (
        f"a difference where there is none: one arm after the other, {100 * DRIFT:.0f} % of drift, "
        f"{100 * sd:.0f} % of noise (Welch's t)"
    )
    return _finding(
        f"sequential arms, noise {100 * sd:.0f} %", text, runs, float(np.mean(p <= ALPHA))
    )


def _families(random: np.random.Generator, runs: int) -> Iterator[Finding]:
    """One true slowdown of 20 % among 24 contrasts of 8 blocks: Holm against maxT."""
    holm = max_t = 0
    for _ in range(runs):
        matrix = random.normal(0, SD * math.sqrt(2), (STARTS, FAMILY))
        matrix[:, 0] += math.log(1.2)
        raw = sorted(sign_flip(column) for column in matrix.T)
        holm += FAMILY * raw[0] <= ALPHA
        max_t += step_down(matrix)[0] <= ALPHA
    text = f"a slowdown of 20 % among {FAMILY} contrasts of {STARTS} blocks is found"
    yield _finding("power of Holm", f"{text}: Holm", runs, holm / runs)
    text = f"{text}: step-down maxT (what the lab does)"
    yield _finding("power of maxT", text, runs, max_t / runs)


def _bootstrap(random: np.random.Generator, runs: int, n: int) -> Finding:
    """Coverage of the percentile bootstrap of the mean log ratio."""
    covered = 0
    for _ in range(runs):
        values = random.normal(0, SD * math.sqrt(2), n)
        means = values[random.integers(0, n, (RESAMPLES, n))].mean(axis=1)
        low, high = np.quantile(means, [ALPHA / 2, 1 - ALPHA / 2])
        covered += low <= 0 <= high
    text = f"the 95 % percentile bootstrap of {n} blocks holds the truth"
    return _finding(f"percentile bootstrap, n = {n}", text, runs, covered / runs)


def _peeking(random: np.random.Generator, runs: int) -> Finding:
    """A test after every block from 6 to 30, stopping at the first p below 5 %."""
    values = random.normal(0, 1, (runs, 30))
    stopped = np.zeros(runs, dtype=bool)
    for n in range(6, 31):
        stopped |= stats.ttest_1samp(values[:, :n], 0.0, axis=1).pvalue <= ALPHA
    text = "a difference where there is none: stop at the first p < 5 % from 6 to 30 blocks (t)"
    return _finding("peeking", text, runs, float(np.mean(stopped)))
