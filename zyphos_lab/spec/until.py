"""What `repeat.until` asks for: `ci(p99) < 3%`, one or several joined by `and`."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from zyphos_lab.errors import StatementError
from zyphos_lab.spec.models import Document
from zyphos_lab.spec.references import References
from zyphos_lab.spec.source import Path
from zyphos_lab.spec.statement import Column, Comparison, Junction, Logic, Number
from zyphos_lab.spec.statement_functions import CI
from zyphos_lab.spec.statement_parser import parse

PLACE: Path = ("repeat", "until")
FORM = "write it like `ci(p99) < 3%`, several joined by `and`"


@dataclass(frozen=True, slots=True)
class Precision:
    """How narrow the 95 % interval of a metric has to be: half of its width over its centre."""

    metric: str
    half_width: float


def resolve(document: Document | None, names: References) -> tuple[Precision, ...]:
    """What is wanted; a statement of another form, or an unknown metric, is complained about."""
    text = document.repeat.until if document is not None else None
    if text is None:
        return ()
    mark = names.source.mark(PLACE)
    try:
        statement = parse(text, functions=(CI,), columns=False)
    except StatementError as error:
        names.complain(mark, error.message, error.hint, error.offset)
        return ()
    for metric in statement.inside(CI):
        names.metric(metric, mark, max(0, text.find(metric)))
    found = [_precision(part) for part in _parts(statement.tree)]
    known = tuple(one for one in found if one is not None)
    if len(known) < len(found):
        names.complain(mark, "`until` says how narrow intervals have to be", FORM)
    return known


def _parts(tree: Logic) -> Iterator[Logic]:
    if isinstance(tree, Junction) and tree.word == "and":
        for part in tree.parts:
            yield from _parts(part)
    else:
        yield tree


def _precision(part: Logic) -> Precision | None:
    """`ci(m) < x` with x between 0 and 100 %."""
    if not isinstance(part, Comparison) or not isinstance(part.first, Column):
        return None
    [(sign, limit), *more] = part.rest
    if more or sign not in ("<", "<=") or not isinstance(limit, Number):
        return None
    return Precision(part.first.name, limit.value) if 0 < limit.value < 1 else None
