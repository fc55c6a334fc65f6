"""What difference a planned run could find, from the noise of the last run of the experiment.

Noise is the standard deviation of the blocks' log ratios, the largest of a metric's contrasts; a
first run has none to look at, and 3 % is assumed and said to be so.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from zyphos_lab.errors import StoreError

if TYPE_CHECKING:
    from zyphos_lab.plan import Plan
    from zyphos_lab.spec import Experiment
    from zyphos_lab.store import Store

ASSUMED_NOISE = 0.03
STARTS_MIN = 3  # of the last run, to say anything of noise


@dataclass(frozen=True, slots=True)
class Detectable:
    """`ratio` (above 1; None where nothing can be found) is found with power 0.8 by `starts` starts
    and a noise of `noise` (a fraction); `run`: where that is from, "" where it is assumed.
    """

    metric: str
    starts: int
    noise: float
    run: str
    ratio: float | None

    def text(self) -> str:
        source = f"from the last run, {self.run}" if self.run else "assumed"
        noise = f"run-to-run noise of {100 * self.noise:.2g} % ({source})"
        start = f"{self.metric}: with {self.starts} starts and {noise}"
        if self.ratio is None:
            return f"{start} no difference can be found"
        return f"{start} a difference of {100 * (self.ratio - 1):.2g} % is found with power 0.8"

    def as_dict(self) -> dict[str, Any]:
        return asdict(self)


def of_plan(experiment: Experiment, made: Plan, results: Path) -> list[Detectable]:
    """One for each metric that the plan compares. Cost: reads the last run, a second or so."""
    from zyphos_lab.stats import detectable_ratio

    metrics = dict.fromkeys(name for one in made.contrasts for name in one.metrics)
    if not metrics:
        return []
    last = _last(results, experiment.name)
    known = _noise(last, made) if last is not None else {}
    starts = len({one.block for one in made.trials})
    found = []
    for metric in metrics:
        noise = known.get(metric, ASSUMED_NOISE)
        ratio = detectable_ratio(starts, noise)
        run = last.run if last is not None and metric in known else ""
        found.append(Detectable(metric, starts, noise, run, ratio if ratio < math.inf else None))
    return found


def _last(results: Path, name: str) -> Store | None:
    """The last run of the experiment that is whole."""
    from zyphos_lab import runs
    from zyphos_lab.store import Store

    for path in reversed(runs.all_runs(results)):
        if path.parent.name == name:
            with suppress(StoreError):
                store = Store.open(path)
                if store.manifest["status"] == "complete":
                    return store
    return None


def _noise(store: Store, made: Plan) -> Mapping[str, float]:
    """The largest standard deviation of log ratios by metric, of contrasts that the run has."""
    import numpy

    from zyphos_lab.stats import pair

    frame = store.trials()
    found: dict[str, float] = {}
    for contrast in made.contrasts:
        if contrast.cell == contrast.baseline_cell:
            continue
        for metric in contrast.metrics:
            pairs = pair(frame, contrast.cell, contrast.baseline_cell, metric)
            logs = list(pairs.log_ratios.values())
            if len(logs) >= STARTS_MIN:
                found[metric] = max(found.get(metric, 0.0), float(numpy.std(logs, ddof=1)))
    return found
