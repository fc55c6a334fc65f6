"""The plan of a run: its stages, the trials known before anything ran, and how long it takes.

A block runs every cell once, with one start of the server each, in the order of order.py. An A/A
cell runs twice in a row, as arms A and B: arm A takes part in the contrasts, B against A shows what
chance does. Same experiment and seed, same plan. Knows nothing of how a trial is run. Plans are
frozen and may be shared.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from zyphos_lab import ceiling, observer
from zyphos_lab.capacity.stage import Offered, SearchStage
from zyphos_lab.measure import OVERHEAD_S, Measure, repeat_seconds
from zyphos_lab.packets.stage import CaptureStage
from zyphos_lab.pilot import Pilot
from zyphos_lab.plan_notes import notes
from zyphos_lab.spec.cell import Cell
from zyphos_lab.spec.models import Repeat
from zyphos_lab.spec.references import Contrast
from zyphos_lab.stage import Note, Outlook, Planned, Stage

if TYPE_CHECKING:
    from zyphos_lab.spec import Experiment

AA_FAMILY = "aa"


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
    trials = tuple(measure.blocks(0, measure.first([])))
    outlooks = tuple((stage.name, stage.outlook()) for stage in ahead)
    return Plan(
        seed=chosen,
        repeat=experiment.repeat,
        stages=outlooks,
        trials=trials,
        cells=experiment.cells,
        contrasts=(*experiment.contrasts, *_aa_contrasts(experiment, measure.aa)),
        aa_cells=tuple(sorted(measure.aa)),
        estimated_seconds=sum(outlook.seconds for _, outlook in outlooks),
        notes=tuple(notes(experiment, trials)),
    )


def stages(experiment: Experiment, seed: int) -> list[Stage]:
    """The stages of a run in order. The pilot follows the search: it needs the rates found."""
    measure = Measure(experiment, seed)
    ahead: list[Stage] = [measure, *observer.stages(experiment, seed)]
    if experiment.repeat.warmup_ns is None:
        ahead.insert(0, Pilot(experiment, seed))
    settings = experiment.capture
    if settings is not None and not settings.measured:
        ahead.append(CaptureStage(experiment.cells, settings, experiment.repeat, seed))
    searched = experiment.searched
    if searched is not None:
        search = SearchStage(searched, seed, experiment.repeat)
        ahead = [search, *(Offered(stage, searched) for stage in ahead)]
    return [*ceiling.stages(experiment, seed, measure.outlook().seconds, OVERHEAD_S), *ahead]


def trial_seconds(planned: Planned, usual: Repeat) -> float:
    """How long a trial takes, about; `usual` is the experiment's repeat."""
    return repeat_seconds(planned.repeat or usual)


def _aa_contrasts(experiment: Experiment, aa: frozenset[str]) -> list[Contrast]:
    """Arm B against arm A of each A/A cell, on the metrics and floor of `design.aa`, or else of the
    first `compare`.
    """
    check, compared = experiment.design.aa, experiment.compare[:1]
    metrics = check.metrics or tuple(name for one in compared for name in one.metrics)
    floor = next((one.floor for one in compared), 0.01) if check.floor is None else check.floor
    if not metrics:
        return []
    return [Contrast("arm", "B", "A", cell, cell, metrics, AA_FAMILY, floor) for cell in sorted(aa)]
