"""`--only`: a choice among the cells."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from zyphos_lab.errors import Complaint, SpecError
from zyphos_lab.spec.cell import Cell
from zyphos_lab.spec.references import matches
from zyphos_lab.spec.shape import meant

Wrong = tuple[str, str]  # message and hint


def chosen(cells: Mapping[str, Cell], only: Sequence[str]) -> list[Cell]:
    """The cells that any text of `only` means (all when empty), in order; raises SpecError."""
    if not only:
        return list(cells.values())
    found: set[str] = set()
    complaints: list[Complaint] = []
    for text in only:
        ids, wrong = ([text], None) if text in cells else _meant_by(text, cells)
        found.update(ids)
        if wrong:
            complaints.append(Complaint(f"--only {text}", 0, 0, *wrong))
    if complaints:
        raise SpecError(complaints)
    return [cell for cell in cells.values() if cell.id in found]


def _meant_by(text: str, cells: Mapping[str, Cell]) -> tuple[list[str], Wrong | None]:
    """Ids of the cells that `factor=value,...` matches, or what is wrong with it."""
    where, wrong = _where(text, cells)
    if wrong:
        return [], wrong
    ids = [cell.id for cell in cells.values() if matches(cell.labels, where)]
    return ids, None if ids else ("no such cell: it is excluded", "")


def _where(text: str, cells: Mapping[str, Cell]) -> tuple[dict[str, str], Wrong | None]:
    """`factor=value,...` as labels, and what is wrong with it as message and hint."""
    labels: dict[str, dict[str, None]] = {}
    for cell in cells.values():
        for name, label in cell.labels.items():
            labels.setdefault(name, {})[label] = None
    where = {}
    for part in text.split(","):
        name, equals, label = (word.strip() for word in part.partition("="))
        if not equals:
            return {}, ("neither `factor=value` nor the id of a cell", meant(text, cells))
        if name not in labels:
            return {}, (f"there is no factor `{name}`", meant(name, labels))
        if label not in labels[name]:
            return {}, (f"the factor `{name}` has no value `{label}`", meant(label, labels[name]))
        where[name] = label
    return where, None
