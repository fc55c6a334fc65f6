"""The stage `search` of a run, and the rates that it gives to the stages after it.

Every cell's search begins with one trial under the closed law, then loads are tried under the
cell's own open law (constant where it is closed). The cells that are still searched take turns in
a seeded random order, so that drift of the machine hits all of them. It does not know how a load is
judged (observed.py) nor how the next one is chosen (search.py).
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import replace

from zyphos_lab.capacity import observed
from zyphos_lab.capacity.search import Decision, rounded
from zyphos_lab.errors import MeasurementError
from zyphos_lab.record import Row
from zyphos_lab.spec.cell import Cell
from zyphos_lab.spec.models import Repeat, Search
from zyphos_lab.spec.searched import Searched
from zyphos_lab.stage import SEARCH, Note, Outlook, Planned, Stage, Telling

USUAL_TRIES = 12  # of a cell, about: five loads and the closed one
OVERHEAD_S = 0.3


class SearchStage:
    """Searches the capacity of every searched cell. See stage.Stage."""

    name = SEARCH

    def __init__(self, searched: Searched, seed: int, usual: Repeat) -> None:
        self._searched = searched
        self._seed = seed
        settings = searched.settings
        self._repeat = usual.model_copy(
            update={"warmup_ns": settings.warmup_ns, "window_ns": settings.window_ns}
        )

    def outlook(self) -> Outlook:
        trials = USUAL_TRIES * len(self._searched.cells)
        settings = self._searched.settings
        each_s = (settings.warmup_ns + settings.window_ns) / 1e9 + OVERHEAD_S
        text = f"the capacity of {len(self._searched.cells)} cells, about {USUAL_TRIES} tries each"
        return Outlook(trials, trials * each_s, text)

    def next(self, rows: Sequence[Row]) -> list[Planned] | None:
        """One try of every cell whose bounds are not close enough yet."""
        tries = [row for row in rows if row["stage"] == SEARCH]
        turn = 1 + max((int(row["block"]) for row in tries), default=-1)
        todo = [cell for cell in self._searched.cells if not self._finished(cell, rows)]
        randomness = random.Random(f"{self._seed}/search/{turn}")
        load_seed = randomness.getrandbits(32)
        randomness.shuffle(todo)
        planned = [
            Planned(0, turn, self._next(cell, rows), turn, "", load_seed, SEARCH, self._repeat)
            for cell in todo
        ]
        return planned or None

    def _decision(self, cell: Cell, rows: Sequence[Row]) -> Decision:
        own = observed.of_cell(rows, cell.id)
        return observed.decision(own, self._searched.slo, observed.goal_of(self._searched.settings))

    def _finished(self, cell: Cell, rows: Sequence[Row]) -> bool:
        own = observed.of_cell(rows, cell.id)
        return bool(own) and self._decision(cell, rows).rate_per_second is None

    def _next(self, cell: Cell, rows: Sequence[Row]) -> Cell:
        if not observed.of_cell(rows, cell.id):
            return closed(cell)
        return at_rate(cell, self._decision(cell, rows).rate_per_second)


class Offered:
    """A stage whose cells are offered a share of the capacity that was found. See stage.Stage."""

    def __init__(self, inner: Stage, searched: Searched) -> None:
        self._inner = inner
        self._searched = searched

    @property
    def name(self) -> str:
        return self._inner.name

    def outlook(self) -> Outlook:
        return self._inner.outlook()

    def next(self, rows: Sequence[Row]) -> list[Planned] | None:
        """What the inner stage gives, with rates. MeasurementError where no capacity was found."""
        found = self._inner.next(rows)
        if found is None:
            return None
        lower = {cell.id: self._lower(cell.id, rows) for cell in self._searched.cells}
        return [replace(one, cell=self._rated(one.cell, lower)) for one in found]

    def tell(self, rows: Sequence[Row]) -> Sequence[Note]:
        return self._inner.tell(rows) if isinstance(self._inner, Telling) else ()

    def _lower(self, cell: str, rows: Sequence[Row]) -> float | None:
        goal = observed.goal_of(self._searched.settings)
        own = observed.of_cell(rows, cell)
        return observed.decision(own, self._searched.slo, goal).bounds.lower

    def _rated(self, cell: Cell, lower: dict[str, float | None]) -> Cell:
        share = cell.load.arrival.offered
        if share is None:
            return cell
        source = self._searched.shares[cell.id]
        capacity = lower[source]
        if capacity is None:
            slo = self._searched.slo.text
            raise MeasurementError(
                f"no load was found at which `{slo}` holds for {source}: nothing can be offered",
                "loosen `search.slo`, or lower `search.least`",
            )
        return at_rate(cell, share * capacity)


def closed(cell: Cell) -> Cell:
    """The cell under the closed law without thinking: it keeps the server busy."""
    arrival = cell.load.arrival.model_copy(
        update={"law": "closed", "think_ns": 0, "rate_per_second": None, "offered": None}
    )
    return replace(cell, load=cell.load.model_copy(update={"arrival": arrival}))


def at_rate(cell: Cell, rate_per_second: float | None) -> Cell:
    """The cell under its open law (constant where it has none) at this rate."""
    assert rate_per_second is not None
    law = cell.load.arrival.law
    arrival = cell.load.arrival.model_copy(
        update={
            "law": "constant" if law == "closed" else law,
            "think_ns": 0,
            "rate_per_second": rounded(rate_per_second),
        }
    )
    return replace(cell, load=cell.load.model_copy(update={"arrival": arrival}))


def searching(settings: Search) -> str:
    """What the search does, in words, for the method's paragraph."""
    return (
        f"the capacity is the highest load at which `{settings.slo}` holds, searched by trials of "
        f"{settings.window_ns / 1e9:g} s ({settings.trials} of each load, the majority decides) "
        f"until its bounds lie within {settings.width:.0%}"
    )
