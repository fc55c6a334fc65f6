"""What an expectation's `that` says, as a tree that is evaluated over the columns of a cell.

A null column makes what depends on it null, and a statement that hangs on it neither true nor
false (Kleene's logic: `false and null` is false). statement_parser.py reads the text. Statements
are immutable and safe to share between threads; evaluation costs one visit per node.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

Columns = Mapping[str, float | None]
COMPARE: dict[str, Callable[[float, float], bool]] = {
    "<": lambda a, b: a < b,
    "<=": lambda a, b: a <= b,
    ">": lambda a, b: a > b,
    ">=": lambda a, b: a >= b,
    "==": lambda a, b: a == b,
    "!=": lambda a, b: a != b,
}


@dataclass(frozen=True, slots=True)
class Number:
    value: float
    unit: str

    def value_in(self, columns: Columns, ratios: Columns) -> float | None:
        return self.value


@dataclass(frozen=True, slots=True)
class Column:
    """A metric of the cell, or with `ratio` its quotient to the baseline cell's."""

    name: str
    unit: str
    ratio: bool = False

    def value_in(self, columns: Columns, ratios: Columns) -> float | None:
        value = (ratios if self.ratio else columns).get(self.name)
        return None if value is None or value != value else float(value)


@dataclass(frozen=True, slots=True)
class Arithmetic:
    sign: str
    left: Term
    right: Term
    unit: str

    def value_in(self, columns: Columns, ratios: Columns) -> float | None:
        left, right = self.left.value_in(columns, ratios), self.right.value_in(columns, ratios)
        if left is None or right is None or (self.sign == "/" and right == 0):
            return None
        if self.sign in "+-":
            return left + right if self.sign == "+" else left - right
        return left * right if self.sign == "*" else left / right


Term = Number | Column | Arithmetic


@dataclass(frozen=True, slots=True)
class Comparison:
    first: Term
    rest: tuple[tuple[str, Term], ...]

    def holds(self, columns: Columns, ratios: Columns) -> bool | None:
        left, verdict = self.first.value_in(columns, ratios), True
        unknown = False
        for sign, term in self.rest:
            right = term.value_in(columns, ratios)
            if left is None or right is None:
                unknown = True
            else:
                verdict = verdict and COMPARE[sign](left, right)
            left = right
        return None if unknown and verdict else verdict


@dataclass(frozen=True, slots=True)
class Not:
    inner: Logic

    def holds(self, columns: Columns, ratios: Columns) -> bool | None:
        found = self.inner.holds(columns, ratios)
        return None if found is None else not found


@dataclass(frozen=True, slots=True)
class Junction:
    """All of `parts` (`and`), or any of them (`or`); null only where the others do not decide."""

    word: str
    parts: tuple[Logic, ...]

    def holds(self, columns: Columns, ratios: Columns) -> bool | None:
        found = [part.holds(columns, ratios) for part in self.parts]
        decisive = self.word == "or"
        if decisive in found:
            return decisive
        return None if None in found else not decisive


Logic = Comparison | Not | Junction


@dataclass(frozen=True, slots=True)
class Statement:
    """A statement that was read. `metrics`: its columns; `ratios`: those inside `ratio()`."""

    text: str
    tree: Logic
    metrics: tuple[str, ...]
    ratios: tuple[str, ...]

    def holds(self, columns: Columns, ratios: Columns | None = None) -> bool | None:
        """True or False; None where a column that decides it is null or missing."""
        return self.tree.holds(columns, ratios or {})
