"""Simulated runs: trials in the order of the real plan, with noise by time and an effect put in."""

from __future__ import annotations

from functools import cache

import numpy as np
import pandas as pd

from zyphos_lab import plan, spec
from zyphos_lab.spec import Experiment
from zyphos_lab.stats.contrasts import Comparison, Contrast, compare
from zyphos_lab.stats.simulation.noise import Floats, Noise

METRIC = "latency_ns_p99"
LEVEL_NS = 1e6

SPEC = """\
schema: 1
name: simulated
question: Do the statistics keep their promises?
targets:
  echo: {{engine: epoll, protocol: echo}}
load: {{protocol: echo, connections: 4, arrival: {{law: closed}}}}
factors:
  nodelay: {{set: load.socket.tcp_nodelay, values: [false, true]}}
  connections: {{set: load.connections, values: [{cells}]}}
compare:
  - {{factor: nodelay, baseline: false, metrics: [latency_ns_p99]}}
repeat: {{starts: {blocks}}}
design: {{order: {order}, aa: {{cells: 0}}}}
"""


@cache
def experiment(contrasts: int, blocks: int, order: str = "adjacent_pairs") -> Experiment:
    """Two arms in `contrasts` conditions, `blocks` starts of each cell."""
    cells = ", ".join(str(n + 1) for n in range(contrasts))
    return spec.loads(SPEC.format(cells=cells, blocks=blocks, order=order))


class Runs:
    """Runs of one shape. Cost: about 5 ms for one contrast of 8 blocks, 60 ms for 24."""

    def __init__(
        self, noise: Noise, contrasts: int = 1, blocks: int = 8, order: str = "adjacent_pairs"
    ) -> None:
        self.noise = noise
        self._experiment = experiment(contrasts, blocks, order)

    def frame(self, seed: int, effects: Floats | None = None) -> pd.DataFrame:
        """The trials of the run of this seed; `effects`: log ratio of the arm, per condition."""
        random = np.random.default_rng(seed)
        trials = plan.make(self._experiment, seed).trials
        blocks = np.array([one.block for one in trials])
        factors = [dict(one.cell.factors) for one in trials]
        arms = np.array([bool(values["nodelay"]) for values in factors])
        conditions = np.array([int(values["connections"]) for values in factors])
        logs = self.noise.logs(random, blocks)
        if effects is not None:
            logs = logs + arms * effects[conditions - 1]
        return pd.DataFrame(
            {
                "trial": np.arange(len(trials)),
                "block": blocks,
                "cell": [one.cell.id for one in trials],
                "verdict": "VALID",
                "factor_nodelay": arms,
                "factor_connections": conditions,
                METRIC: LEVEL_NS * np.exp(logs),
            }
        )

    def compare(self, seed: int, effects: Floats | None = None) -> list[Comparison]:
        """What the lab says of that run."""
        return compare(self.frame(seed, effects), [Contrast("nodelay", False, (METRIC,))], seed)
