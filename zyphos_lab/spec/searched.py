"""Which capacities an experiment with `search` asks for, and whose share each cell is offered.

A searched cell is a cell without the factors that set `load.arrival.offered`: the share of a
capacity cannot be part of what has it. All arms are offered shares of one capacity, the baseline's,
so that latency is compared at the same load and never at each arm's own maximum.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from zyphos_lab.errors import StatementError
from zyphos_lab.spec.cell import Cell, id_of
from zyphos_lab.spec.factors import Dimension, label_of
from zyphos_lab.spec.models import Outline, Search
from zyphos_lab.spec.references import References
from zyphos_lab.spec.source import Path
from zyphos_lab.spec.statement import Statement
from zyphos_lab.spec.statement_parser import parse

OFFERED: Path = ("load", "arrival", "offered")


@dataclass(frozen=True, slots=True)
class Searched:
    """A search, resolved. `cells` are those whose capacity is wanted (their `offered` says
    nothing); `of` gives for each cell of the experiment the id of the one in `cells` that is the
    experiment's cell without its share, and `shares` the one whose capacity it is offered a share
    of.
    """

    settings: Search
    slo: Statement
    cells: tuple[Cell, ...]
    of: Mapping[str, str]
    shares: Mapping[str, str]

    def only(self, ids: set[str]) -> Searched:
        """What is left of it when only these cells of the experiment run."""
        wanted = {self.of[cell] for cell in ids} | {self.shares[cell] for cell in ids}
        kept = tuple(cell for cell in self.cells if cell.id in wanted)
        return replace(self, cells=kept)


def resolve(
    search: Search | None,
    outline: Outline,
    names: References,
    dimensions: Sequence[Dimension],
    cells: Mapping[str, Cell],
) -> Searched | None:
    """The search over the experiment's `cells`, if there is one.

    None (and complaints) where it cannot be made.
    """
    if search is None:
        return None
    before = len(names.complaints)
    slo = _slo(search, names)
    baseline = names.where(("search", "baseline"), search.baseline) or _first_baseline(outline)
    offered = {one.name for one in dimensions if OFFERED in one.paths}
    found: dict[str, Cell] = {}
    of: dict[str, str] = {}
    wanted: dict[str, str] = {}
    for cell in cells.values():
        plain = _without(cell, offered)
        found.setdefault(plain.id, plain)
        of[cell.id] = plain.id
        wanted[cell.id] = id_of({**plain.labels, **_known(baseline, plain)})
    for cell_id, reference in wanted.items():
        if reference not in found:
            mark = names.source.owner_mark(("search", "baseline"))
            names.complain(mark, f"the baseline `{reference}` of `{cell_id}` is excluded")
            break
    if slo is None or len(names.complaints) > before:
        return None
    return Searched(search, slo, tuple(found.values()), of, wanted)


def _slo(search: Search, names: References) -> Statement | None:
    mark = names.source.mark(("search", "slo"))
    try:
        statement = parse(search.slo)
    except StatementError as error:
        names.complain(mark, error.message, error.hint, error.offset)
        return None
    for name in statement.metrics:
        names.metric(name, mark, max(0, search.slo.find(name)))
    return statement


def _first_baseline(outline: Outline) -> dict[str, str]:
    """The baseline of the first contrast: the arm that everything is compared with."""
    return {one.factor: label_of(one.baseline) for one in outline.compare[:1]}


def _known(baseline: Mapping[str, str], cell: Cell) -> dict[str, str]:
    return {name: label for name, label in baseline.items() if name in cell.labels}


def _without(cell: Cell, offered: set[str]) -> Cell:
    """The cell as if it had no factor that offers a share."""
    labels = {name: label for name, label in cell.labels.items() if name not in offered}
    values = {name: value for name, value in cell.factors.items() if name not in offered}
    return replace(cell, id=id_of(labels), labels=labels, factors=values)
