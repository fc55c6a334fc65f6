"""What a statement says (an expectation's `that`, `until`, an SLO, a gate), as a tree.

It is decided over values that a lookup gives: `(function, metric) -> value`, where the function is
"" for the metric itself. A value that is missing makes what depends on it null, and a statement
that hangs on it neither true nor false (Kleene's logic: `false and null` is false). Over ranges
(`holds_within`) a comparison is decided only where every value of the ranges says the same.
statement_parser.py reads the text. Statements are immutable and safe to share between threads;
deciding one costs one visit per node. Knows no statistics.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

Columns = Mapping[str, float | None]
Range = tuple[float, float]
Lookup = Callable[[str, str], float | None]
RangeLookup = Callable[[str, str], Range | None]

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

    def value_in(self, lookup: Lookup) -> float | None:
        return self.value

    def range_in(self, lookup: RangeLookup) -> Range | None:
        return self.value, self.value


@dataclass(frozen=True, slots=True)
class Column:
    """A metric, or what `function` makes of it."""

    name: str
    unit: str
    function: str = ""

    def value_in(self, lookup: Lookup) -> float | None:
        value = lookup(self.function, self.name)
        return None if value is None or value != value else float(value)

    def range_in(self, lookup: RangeLookup) -> Range | None:
        return lookup(self.function, self.name)


@dataclass(frozen=True, slots=True)
class Arithmetic:
    sign: str
    left: Term
    right: Term
    unit: str

    def value_in(self, lookup: Lookup) -> float | None:
        left, right = self.left.value_in(lookup), self.right.value_in(lookup)
        if left is None or right is None or (self.sign == "/" and right == 0):
            return None
        return _calculated(self.sign, left, right)

    def range_in(self, lookup: RangeLookup) -> Range | None:
        """All that the ranges of both sides allow, as if they were independent."""
        left, right = self.left.range_in(lookup), self.right.range_in(lookup)
        if left is None or right is None or (self.sign == "/" and right[0] <= 0 <= right[1]):
            return None
        ends = [_calculated(self.sign, a, b) for a in left for b in right]
        return None if any(end != end for end in ends) else (min(ends), max(ends))


Term = Number | Column | Arithmetic


def _calculated(sign: str, left: float, right: float) -> float:
    if sign in "+-":
        return left + right if sign == "+" else left - right
    return left * right if sign == "*" else left / right


@dataclass(frozen=True, slots=True)
class Comparison:
    first: Term
    rest: tuple[tuple[str, Term], ...]

    def holds(self, lookup: Lookup) -> bool | None:
        values = [term.value_in(lookup) for term in self.terms]
        return self._chained([None if v is None else (v, v) for v in values])

    def holds_within(self, lookup: RangeLookup) -> bool | None:
        return self._chained([term.range_in(lookup) for term in self.terms])

    @property
    def terms(self) -> tuple[Term, ...]:
        return (self.first, *(term for _, term in self.rest))

    def _chained(self, ranges: list[Range | None]) -> bool | None:
        found = []
        for (sign, _), left, right in zip(self.rest, ranges, ranges[1:], strict=False):
            found.append(None if left is None or right is None else _decided(sign, left, right))
        return False if False in found else None if None in found else True


def _decided(sign: str, left: Range, right: Range) -> bool | None:
    """Whether `sign` holds between any two values of the ranges, for none, or (None) for some."""
    if sign == "!=":
        equal = _decided("==", left, right)
        return None if equal is None else not equal
    if sign == "==":
        return _decided_equal(left, right)
    if sign in (">", ">="):
        left, right, sign = right, left, sign.replace(">", "<")
    compare = COMPARE[sign]
    if compare(left[1], right[0]):
        return True
    return None if compare(left[0], right[1]) else False


def _decided_equal(left: Range, right: Range) -> bool | None:
    if left == right and left[0] == left[1]:
        return True
    return False if left[1] < right[0] or right[1] < left[0] else None


Judge = Callable[[Comparison], bool | None]


@dataclass(frozen=True, slots=True)
class Not:
    inner: Logic

    def decided(self, judge: Judge) -> bool | None:
        found = decided(self.inner, judge)
        return None if found is None else not found


@dataclass(frozen=True, slots=True)
class Junction:
    """All of `parts` (`and`), or any of them (`or`); null only where the others do not decide."""

    word: str
    parts: tuple[Logic, ...]

    def decided(self, judge: Judge) -> bool | None:
        found = [decided(part, judge) for part in self.parts]
        decisive = self.word == "or"
        if decisive in found:
            return decisive
        return None if None in found else not decisive


Logic = Comparison | Not | Junction


def decided(tree: Logic, judge: Judge) -> bool | None:
    """What the tree comes to when `judge` says what its comparisons come to."""
    return judge(tree) if isinstance(tree, Comparison) else tree.decided(judge)


@dataclass(frozen=True, slots=True)
class Statement:
    """A statement that was read. `calls`: the (function, metric) that it asks for, each once."""

    text: str
    tree: Logic
    calls: tuple[tuple[str, str], ...]

    @property
    def metrics(self) -> tuple[str, ...]:
        """The metrics that stand in it by themselves."""
        return self.inside("")

    @property
    def ratios(self) -> tuple[str, ...]:
        """Those inside `ratio()`."""
        return self.inside("ratio")

    def inside(self, function: str) -> tuple[str, ...]:
        """Those inside `function()`."""
        return tuple(metric for called, metric in self.calls if called == function)

    def holds(self, columns: Columns, ratios: Columns | None = None) -> bool | None:
        """True or False; None where a column that decides it is null or missing."""
        tables: dict[str, Columns] = {"": columns, "ratio": ratios or {}}
        return self.holds_for(lambda function, metric: tables.get(function, {}).get(metric))

    def holds_for(self, lookup: Lookup) -> bool | None:
        """The same with the values that `lookup(function, metric)` gives."""
        return decided(self.tree, lambda comparison: comparison.holds(lookup))

    def holds_within(self, lookup: RangeLookup) -> bool | None:
        """True or False where it is so for every value within the ranges; else None."""
        return decided(self.tree, lambda comparison: comparison.holds_within(lookup))
