"""The order of the cells within a block: the arms of a contrast next to each other, at random.

With one compared factor its arms form groups, shuffled inside and among each other. With several
every cell still runs once a block, so that not all arms can be neighbours: the factors lead in
turn, block by block, and of some random orders the one with most neighbours is taken. A cell more
per contrast would double the time; a fixed order would let drift count as a difference.
"""

from __future__ import annotations

import random
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING

from zyphos_lab.stage import Arm

if TYPE_CHECKING:
    from zyphos_lab.spec import Experiment
    from zyphos_lab.spec.cell import Cell
    from zyphos_lab.spec.references import Contrast

CANDIDATES = 24


def block_order(
    experiment: Experiment, block: int, aa: frozenset[str], randomness: random.Random
) -> Iterator[tuple[Cell, Arm]]:
    """The cells of a block in the order of the design, A/A cells doubled as arms A and B."""
    for cell in _cells(experiment, block, randomness):
        arms: list[Arm] = ["A", "B"] if cell.id in aa else [""]
        if experiment.design.order != "sequential":
            randomness.shuffle(arms)
        yield from ((cell, arm) for arm in arms)


def _cells(experiment: Experiment, block: int, randomness: random.Random) -> list[Cell]:
    if experiment.design.order == "sequential":
        return list(experiment.cells)
    factors = list(dict.fromkeys(found.factor for found in experiment.contrasts))
    if experiment.design.order == "blocks":
        factors = []
    if len(factors) < 2:
        return _shuffled(experiment, factors, randomness)
    leading = [factors[block % len(factors)]]
    orders = [_shuffled(experiment, leading, randomness) for _ in range(CANDIDATES)]
    return min(orders, key=lambda cells: _spread(distances(experiment.contrasts, cells)))


def _spread(steps: Sequence[int]) -> tuple[int, int]:
    """Fewest pairs that are no neighbours; among those the closest."""
    return sum(step > 1 for step in steps), sum(steps)


def _shuffled(
    experiment: Experiment, factors: Sequence[str], randomness: random.Random
) -> list[Cell]:
    groups = _groups(experiment, factors)
    randomness.shuffle(groups)
    for group in groups:
        randomness.shuffle(group)
    return [cell for group in groups for cell in group]


def _groups(experiment: Experiment, factors: Sequence[str]) -> list[list[Cell]]:
    """Cells that stay together: the arms of these factors' contrasts; others one by one."""
    anchor = {
        found.cell: found.baseline_cell for found in experiment.contrasts if found.factor in factors
    }
    groups: dict[str, list[Cell]] = {}
    for cell in experiment.cells:
        groups.setdefault(anchor.get(cell.id, cell.id), []).append(cell)
    return list(groups.values())


def distances(contrasts: Sequence[Contrast], cells: Sequence[Cell]) -> list[int]:
    """How far apart the two arms of each contrast stand; 1: next to each other."""
    at: Mapping[str, int] = {cell.id: index for index, cell in enumerate(cells)}
    return [abs(at[found.cell] - at[found.baseline_cell]) for found in contrasts]
