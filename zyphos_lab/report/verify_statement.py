"""Statements (`that`, an SLO) decided once more: read as Python expressions, over ranges of values.

Their grammar is Python's once units are written out, so Python's own parser reads them. Shares
nothing with zyphos_lab/spec but the metrics' short names. Kleene's logic: None is not known.
"""

from __future__ import annotations

import ast
import itertools
import operator
import re
from collections.abc import Callable, Sequence
from typing import Any

from zyphos_lab.metrics import canonical

Range = tuple[float, float]
# (function or "", metric) -> the range that it lies in, None where it is not known.
Lookup = Callable[[str, str], Range | None]

UNITS = {
    "ns": 1, "us": 1e3, "ms": 1e6, "s": 1e9, "min": 6e10, "h": 3.6e12, "%": 0.01,
    "B": 1, "kB": 1e3, "MB": 1e6, "GB": 1e9, "KiB": 2**10, "MiB": 2**20, "GiB": 2**30,
    "/s": 1, "k/s": 1e3, "M/s": 1e6, "G/s": 1e9, "/min": 1 / 60, "k/min": 1e3 / 60, "": 1,
}  # fmt: skip
TOKEN = re.compile(
    r"(?P<number>(?<![\w.])\d[\d_]*(?:\.\d+)?)"
    r"(?P<unit>[kMG]?/(?:s|min)\b| *%| *(?:ns|us|ms|min|[kMG]B|[KMG]iB|[shB])\b)?"
    r"|(?P<word>[A-Za-z_]\w*(?:\.\d+)?)"
)
ORDER = {ast.Lt: operator.lt, ast.LtE: operator.le, ast.Gt: operator.gt, ast.GtE: operator.ge}
SUMS = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: operator.truediv,
}


def decide(text: str, lookup: Lookup) -> bool | None:
    """Whether the statement holds for all values of the ranges (True), none (False) or some."""
    return _logic(ast.parse(_plain(text), mode="eval").body, lookup)


def number(told: Any) -> float:
    """0.05 of `5%`, 1000 of `1000/s`, and of a plain number itself."""
    found = TOKEN.match(str(told).strip())
    if found is None or not found["number"]:
        raise ValueError(f"no number: {told}")
    return float(found["number"].replace("_", "")) * UNITS[(found["unit"] or "").strip()]


def _plain(text: str) -> str:
    """The statement with its numbers in base units and its metrics by their full names."""

    def token(found: re.Match[str]) -> str:
        if found["word"]:
            return canonical(found["word"]).replace(".", "_")
        return f" {number(found[0])!r} "

    return " ".join(TOKEN.sub(token, text).split())


def _logic(node: ast.expr, lookup: Lookup) -> bool | None:
    if isinstance(node, ast.BoolOp):
        found = [_logic(value, lookup) for value in node.values]
        return _any(found) if isinstance(node.op, ast.Or) else _all(found)
    if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.Not):
        return _not(_logic(node.operand, lookup))
    if not isinstance(node, ast.Compare):
        raise ValueError(f"no statement: {ast.unparse(node)}")
    sides = itertools.pairwise(_range(side, lookup) for side in (node.left, *node.comparators))
    return _all([_holds(sign, *pair) for sign, pair in zip(node.ops, sides, strict=True)])


def _all(found: Sequence[bool | None]) -> bool | None:
    return False if False in found else None if None in found else True


def _any(found: Sequence[bool | None]) -> bool | None:
    return _not(_all([_not(one) for one in found]))


def _not(found: bool | None) -> bool | None:
    return None if found is None else not found


def _holds(sign: ast.cmpop, left: Range | None, right: Range | None) -> bool | None:
    """A comparison is monotone, so the ranges' ends decide; equality is apart or of points."""
    if left is None or right is None:
        return None
    compare = ORDER.get(type(sign))
    if compare is not None:
        found = {bool(compare(a, b)) for a in left for b in right}
        return found.pop() if len(found) == 1 else None
    equal = _equal(left, right)
    return equal if isinstance(sign, ast.Eq) else _not(equal)


def _equal(left: Range, right: Range) -> bool | None:
    if left[1] < right[0] or right[1] < left[0]:
        return False
    return True if len({*left, *right}) == 1 else None


def _range(node: ast.expr, lookup: Lookup) -> Range | None:
    if isinstance(node, ast.Constant) and isinstance(node.value, float):
        return node.value, node.value
    if isinstance(node, ast.Name):
        return lookup("", node.id)
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
        return lookup(node.func.id, ast.unparse(node.args[0]))
    if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub):
        inner = _range(node.operand, lookup)
        return None if inner is None else (-inner[1], -inner[0])
    if isinstance(node, ast.BinOp):
        return _calculated(node.op, _range(node.left, lookup), _range(node.right, lookup))
    raise ValueError(f"no value: {ast.unparse(node)}")


def _calculated(sign: ast.operator, left: Range | None, right: Range | None) -> Range | None:
    if left is None or right is None:
        return None
    if isinstance(sign, ast.Div) and right[0] <= 0 <= right[1]:
        return None
    ends = [SUMS[type(sign)](a, b) for a in left for b in right]
    return min(ends), max(ends)
