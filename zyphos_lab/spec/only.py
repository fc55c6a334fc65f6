"""`--only`: a choice among the cells."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from zyphos_lab.errors import Complaint, SpecError
from zyphos_lab.spec.cell import Cell
from zyphos_lab.spec.references import matches
from zyphos_lab.spec.shape import meant


def chosen(cells: Mapping[str, Cell], only: Sequence[str]) -> list[Cell]:
    """The cells that any text of `only` means (all when empty), in order; raises SpecError."""
    if not only:
        return list(cells.values())
    found: set[str] = set()
    complaints: list[Complaint] = []
    for text in only:
        if text in cells:
            found.add(text)
            continue
        where, wrong = _where(text, cells)
        ids = [cell.id for cell in cells.values() if not wrong and matches(cell.labels, where)]
        found.update(ids)
        if not ids:
            message, hint = wrong or ("no such cell: it is excluded", "")
            complaints.append(Complaint(f"--only {text}", 0, 0, message, hint))
    if complaints:
        raise SpecError(complaints)
    return [cell for cell in cells.values() if cell.id in found]


def _where(text: str, cells: Mapping[str, Cell]) -> tuple[dict[str, str], tuple[str, str] | None]:
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
