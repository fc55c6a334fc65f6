"""The order of a run: its stages, which cell runs when, how long, and what it cannot conclude.

A block runs every cell once, with one start of the server each. The arms of a contrast stand next
to each other in random order, so that drift of the machine hits both alike; the groups are
shuffled. An A/A cell runs twice in a row, as arms A and B: arm A takes part in the contrasts, B
against A shows what chance does. Same experiment and seed, same plan. Knows nothing of how a trial
is run. Plans are frozen and may be shared.
"""

from __future__ import annotations

import os
import random
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from itertools import starmap
from pathlib import Path
from typing import TYPE_CHECKING, Any

from zyphos_lab import ceiling, rulers
from zyphos_lab.capacity.stage import Offered, SearchStage
from zyphos_lab.spec.cell import Cell
from zyphos_lab.spec.models import Repeat
from zyphos_lab.spec.references import Contrast
from zyphos_lab.spec.target_models import EngineTarget
from zyphos_lab.stage import MEASURE, Arm, Outlook, Planned, Stage
from zyphos_lab.stats.sizes import BLOCKS_MIN
from zyphos_lab.stats.sizes import requests_needed as requests_of_quantile

if TYPE_CHECKING:
    from zyphos_lab.record import Row
    from zyphos_lab.spec import Experiment

OVERHEAD_S = 0.3  # what a trial may take outside its warm-up and window
STARTS_MIN = BLOCKS_MIN
QUANTILE = re.compile(r"_p(\d+)(?:_(\d+))?\Z")
AA_FAMILY = "aa"
CONGESTION = Path("/proc/sys/net/ipv4/tcp_available_congestion_control")


@dataclass(frozen=True, slots=True)
class Note:
    """What one should know before the run: a code for programs, a sentence for people."""

    code: str
    message: str


@dataclass(frozen=True, slots=True)
class Plan:
    """What is known before anything runs. `trials`: the first of stage `measure`, in order;
    `contrasts`: those of the file, then one per A/A cell; `stages`: name and outlook.
    """

    seed: int
    repeat: Repeat
    stages: tuple[tuple[str, Outlook], ...]
    trials: tuple[Planned, ...]
    cells: tuple[Cell, ...]
    contrasts: tuple[Contrast, ...]
    aa_cells: tuple[str, ...]
    estimated_seconds: float
    notes: tuple[Note, ...]

    def describe(self) -> dict[str, Any]:
        """The plan as plain data, for `--plan` and `--json`."""
        return {
            "seed": self.seed,
            "estimated_seconds": round(self.estimated_seconds, 1),
            "stages": [{"stage": name, **asdict(outlook)} for name, outlook in self.stages],
            "cells": [{"id": cell.id, "factors": dict(cell.factors)} for cell in self.cells],
            "order": [
                {"trial": one.trial, "block": one.block, "cell": one.cell.id, "arm": one.arm}
                for one in self.trials
            ],
            "contrasts": [asdict(contrast) for contrast in self.contrasts],
            "aa_cells": list(self.aa_cells),
            "notes": [asdict(note) for note in self.notes],
        }


def make(experiment: Experiment, seed: int | None = None) -> Plan:
    """The plan of `experiment`; `seed` in place of the file's. Cost: linear in the trials."""
    chosen = experiment.design.seed if seed is None else seed
    ahead = stages(experiment, chosen)
    measure = Measure(experiment, chosen)
    outlooks = tuple((stage.name, stage.outlook()) for stage in ahead)
    return Plan(
        seed=chosen,
        repeat=experiment.repeat,
        stages=outlooks,
        trials=tuple(measure.next([]) or ()),
        cells=experiment.cells,
        contrasts=(*experiment.contrasts, *_aa_contrasts(experiment, measure.aa)),
        aa_cells=tuple(sorted(measure.aa)),
        estimated_seconds=sum(outlook.seconds for _, outlook in outlooks),
        notes=tuple(_notes(experiment)),
    )


def stages(experiment: Experiment, seed: int) -> list[Stage]:
    """The stages of a run in order. What other modules give (ceiling, search) is put in here."""
    measure: Stage = Measure(experiment, seed)
    searched = experiment.searched
    rest: list[Stage] = [measure]
    if searched is not None:
        rest = [SearchStage(searched, seed, experiment.repeat), Offered(measure, searched)]
    return [*ceiling.stages(experiment, seed, measure.outlook().seconds, OVERHEAD_S), *rest]


class Measure:
    """The stage that conclusions rest on: `repeat.starts` blocks."""

    name = MEASURE

    def __init__(self, experiment: Experiment, seed: int) -> None:
        self._experiment = experiment
        self._seed = seed
        ids = [cell.id for cell in experiment.cells]
        count = min(experiment.design.aa.cells, len(ids))
        self.aa = frozenset(random.Random(seed).sample(ids, count))

    def outlook(self) -> Outlook:
        starts = self._experiment.repeat.starts
        trials = starts * (len(self._experiment.cells) + len(self.aa))
        return Outlook(trials, trials * repeat_seconds(self._experiment.repeat), f"{starts} blocks")

    def next(self, rows: Sequence[Row]) -> list[Planned] | None:
        """All blocks at once; nothing after them."""
        if any(row["stage"] == MEASURE for row in rows):
            return None
        return self.blocks(0, self._experiment.repeat.starts)

    def blocks(self, first: int, end: int) -> list[Planned]:
        """The trials of the blocks `first` to `end` - 1, the same however many follow."""
        ids = [cell.id for cell in self._experiment.cells]
        randomness = random.Random(self._seed)
        randomness.sample(ids, len(self.aa))
        trials: list[Planned] = []
        for block in range(end):
            load_seed = randomness.getrandbits(32)  # one schedule for all arms of a block
            for cell, arm in _block(self._experiment, self.aa, randomness):
                trials.append(Planned(len(trials), block, cell, block, arm, load_seed))
        return [planned for planned in trials if planned.block >= first]


def trial_seconds(planned: Planned, usual: Repeat) -> float:
    """How long a trial takes, about; `usual` is the experiment's repeat."""
    return repeat_seconds(planned.repeat or usual)


def repeat_seconds(repeat: Repeat) -> float:
    """How long a trial with this warm-up and window takes, about."""
    return (repeat.warmup_ns + repeat.window_ns) / 1e9 + OVERHEAD_S


def _block(
    experiment: Experiment, aa: frozenset[str], randomness: random.Random
) -> Iterator[tuple[Cell, Arm]]:
    """The cells of one block in the order of the design, A/A cells doubled."""
    groups = _groups(experiment)
    if experiment.design.order != "sequential":
        randomness.shuffle(groups)
    for group in groups:
        if experiment.design.order != "sequential":
            randomness.shuffle(group)
        for cell in group:
            arms: list[Arm] = ["A", "B"] if cell.id in aa else [""]
            if experiment.design.order != "sequential":
                randomness.shuffle(arms)
            yield from ((cell, arm) for arm in arms)


def _groups(experiment: Experiment) -> list[list[Cell]]:
    """Cells that stand next to each other: the arms of the first `compare`, others one by one."""
    if experiment.design.order != "adjacent_pairs" or not experiment.compare:
        return [[cell] for cell in experiment.cells]
    factor = experiment.compare[0].factor
    primary = [found for found in experiment.contrasts if found.factor == factor]
    anchor = {found.cell: found.baseline_cell for found in primary}
    groups: dict[str, list[Cell]] = {}
    for cell in experiment.cells:
        groups.setdefault(anchor.get(cell.id, cell.id), []).append(cell)
    return list(groups.values())


def _aa_contrasts(experiment: Experiment, aa: frozenset[str]) -> list[Contrast]:
    """Arm B against arm A of each A/A cell, on the metrics and floor of the first `compare`."""
    if not experiment.compare:
        return []
    first = experiment.compare[0]
    return [
        Contrast("arm", "B", "A", cell, cell, first.metrics, AA_FAMILY, first.floor)
        for cell in sorted(aa)
    ]


def requests_needed(metric: str) -> int:
    """Requests that every start needs for a quantile to mean something; 0 for what is no quantile.

    The rule is (1 - q) x requests >= 10: 1000 for p99, 10000 for p99.9.
    """
    found = QUANTILE.search(metric)
    return requests_of_quantile(float(f"0.{found[1]}{found[2] or ''}")) if found else 0


def _metrics(experiment: Experiment) -> list[str]:
    """Metrics that the experiment concludes from, without repetitions."""
    names = [name for compare in experiment.compare for name in compare.metrics]
    for expectation in experiment.expectations:
        names += (*expectation.statement.metrics, *expectation.statement.ratios)
    return list(dict.fromkeys(names))


def _notes(experiment: Experiment) -> Iterator[Note]:
    """What cannot be concluded, and what the machine or the design will make of it."""
    starts = experiment.repeat.starts
    if starts < STARTS_MIN:
        message = f"{starts} starts: every contrast will say `cannot tell`, it takes {STARTS_MIN}"
        yield Note("too_few_starts", message)
    if not experiment.evidence:
        yield Note(
            "no_evidence", f"profile {experiment.profile}: a check that it works, no evidence"
        )
    yield from _quantile_notes(experiment)
    yield from _left_out(experiment)
    if experiment.design.order == "sequential":
        yield Note("sequential", "sequential order: drift of the machine counts as a difference")
    for compare in experiment.compare[1:]:
        if compare.factor != experiment.compare[0].factor:
            message = f"contrasts over `{compare.factor}` are not adjacent within a block"
            yield Note("not_adjacent", message)
    yield from starmap(Note, rulers.notes(experiment.cells))
    yield from _cpu_notes(experiment.cells, os.sched_getaffinity(0))
    yield from _congestion_notes(experiment.cells)


def _quantile_notes(experiment: Experiment) -> Iterator[Note]:
    """How many requests each quantile needs, and the cells whose rate cannot give them."""
    window_s = experiment.repeat.window_ns / 1e9
    for name in _metrics(experiment):
        needed = requests_needed(name)
        if not needed:
            continue
        yield Note("requests_needed", f"{name} needs at least {needed} requests in every start")
        for cell in experiment.cells:
            rate = cell.load.arrival.mean_per_second()
            if rate is not None and rate * window_s < needed:
                message = (
                    f"{cell.id}: {rate * window_s:.0f} requests per start are too few for {name}"
                )
                yield Note("too_few_requests", message)


def _left_out(experiment: Experiment) -> Iterator[Note]:
    """What `--only` made impossible."""
    if not experiment.request.only:
        return
    run = {found.factor for found in experiment.contrasts}
    for compare in experiment.compare:
        if compare.factor not in run:
            yield Note("left_out", f"--only leaves nothing to compare over `{compare.factor}`")
    kept = {expectation.id: expectation for expectation in experiment.expectations}
    for expect in experiment.expect:
        if expect.id not in kept:
            yield Note("left_out", f"--only leaves out the expectation `{expect.id}`")
        elif any(case.control is None for case in kept[expect.id].cases):
            yield Note(
                "left_out", f"--only leaves out the control of the expectation `{expect.id}`"
            )


def _cpu_notes(cells: Sequence[Cell], present: set[int]) -> Iterator[Note]:
    """CPUs that this machine has not, and those that load and target share."""
    missing: dict[int, None] = {}
    shared: dict[int, None] = {}
    for cell in cells:
        target: Sequence[int] = getattr(cell.target, "cpus", ())
        missing.update(
            dict.fromkeys(cpu for cpu in (*cell.load.cpus, *target) if cpu not in present)
        )
        shared.update(dict.fromkeys(cpu for cpu in target if cpu in cell.load.cpus))
    if missing:
        have = _listed(dict.fromkeys(present))
        yield Note("no_such_cpu", f"CPU {_listed(missing)} is not there: this machine has {have}")
    if shared:
        yield Note("shared_cpu", f"load and target share CPU {_listed(shared)}")


def _congestion_notes(cells: Sequence[Cell]) -> Iterator[Note]:
    """Congestion controls that this kernel does not list."""
    try:
        listed = CONGESTION.read_text(encoding="ascii").split()
    except OSError:
        return  # an old or hidden /proc: the kernel will say it
    sockets = [cell.load.socket for cell in cells]
    sockets += [cell.target.socket for cell in cells if isinstance(cell.target, EngineTarget)]
    wanted = dict.fromkeys(socket.tcp_congestion for socket in sockets)
    for name in wanted:
        if name is not None and name not in listed:
            message = f"this kernel does not list congestion control {name}: {', '.join(listed)}"
            yield Note("no_such_congestion", message)


def _listed(cpus: Mapping[int, None]) -> str:
    return ", ".join(str(cpu) for cpu in sorted(cpus))
