"""The promises of the run's design: two-step sample size, change points and warm-up."""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np

from zyphos_lab.stats.change import change_point, warmup_end
from zyphos_lab.stats.signflip import ALPHA, Floats, interval
from zyphos_lab.stats.simulation.checks import Finding, Progress
from zyphos_lab.stats.sizes import PILOT_STARTS, half_width, sample_size

WIDTH = 0.03
BLOCKS_MAX = 18  # of the simulation: enough for the noise that is put in
SLICES = 50
SLICE_SD = 0.02


def designs(runs: int, seed: int, progress: Progress) -> Iterator[Finding]:
    """Every check, `runs` times."""
    random = np.random.default_rng(seed)
    yield from _two_steps(random, runs)
    progress("two steps", runs, runs)
    for phi in (0.0, 0.3, 0.6):
        yield _false_changes(random, runs, phi)
    yield from _changes(random, runs)
    progress("change points", runs, runs)


def _two_steps(random: np.random.Generator, runs: int) -> Iterator[Finding]:
    promised = covered = reached = 0
    for _ in range(runs):
        sd = float(random.uniform(0.02, 0.04))
        pilot = random.normal(0, sd, PILOT_STARTS)
        n = min(sample_size(pilot.tolist(), WIDTH), BLOCKS_MAX)
        values = np.concatenate([pilot, random.normal(0, sd, n - PILOT_STARTS)])
        bounds, width = interval(values), half_width(values.tolist())
        promised += abs(float(values.mean())) <= math.atanh(WIDTH)
        covered += bounds is not None and bounds[0] <= 0 <= bounds[1]
        reached += width is not None and width <= WIDTH
    group, asked = "two steps", f"a pilot of {PILOT_STARTS}, then as many as +-3 % needs"
    yield Finding(
        group,
        "within the width",
        f"the ratio is right to within 3 %: {asked}",
        runs,
        promised / runs,
        at_least=1 - ALPHA,
    )
    text = f"the reported interval holds the truth: {asked}"
    yield Finding(group, "interval", text, runs, covered / runs)
    text = f"the reported interval is as narrow as asked: {asked}"
    yield Finding(group, "width reached", text, runs, reached / runs)


def _series(random: np.random.Generator, phi: float) -> Floats:
    noise = random.normal(size=SLICES + 50)
    for t in range(1, len(noise)):
        noise[t] += phi * noise[t - 1]
    return np.asarray(np.exp(SLICE_SD * math.sqrt(1 - phi**2) * noise[50:]))


def _false_changes(random: np.random.Generator, runs: int, phi: float) -> Finding:
    hits = sum(
        change_point(_series(random, phi).tolist(), floor=0.0) is not None for _ in range(runs)
    )
    text = f"a change is seen in {SLICES} slices without one, autocorrelation {phi}"
    return Finding("change points", f"none, {phi}", text, runs, hits / runs, at_most=ALPHA)


def _changes(random: np.random.Generator, runs: int) -> Iterator[Finding]:
    """A step by four standard deviations of a slice, and a warm-up that fades."""
    stepped = settled = 0
    fading = 1 + 0.4 * np.exp(-np.arange(SLICES) / 3)
    for _ in range(runs):
        values = _series(random, 0.3)
        values[30:] *= 1 + 4 * SLICE_SD
        found = change_point(values.tolist())
        stepped += found is not None and abs(found.index - 30) <= 1
        end = warmup_end((_series(random, 0.3) * fading).tolist())
        settled += end is not None and 4 <= end <= SLICES // 2
    text = "a change by four standard deviations of a slice is found within one slice"
    yield Finding("change points", "a step", text, runs, stepped / runs)
    text = "a warm-up that fades (40 %, three slices) is cut off where 1 to 10 % are left"
    yield Finding("change points", "a warm-up", text, runs, settled / runs)
