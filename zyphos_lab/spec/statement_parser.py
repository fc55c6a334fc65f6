"""Reads an expectation's `that`, by recursive descent:

    or         = and {"or" and} ;   and = not {"and" not} ;
    not        = "not" not | "(" or ")" | comparison ;
    comparison = sum {("<" | "<=" | ">" | ">=" | "==" | "!=") sum} ;              chains: 1 < x < 2
    sum        = product {("+" | "-") product} ;   product = signed {("*" | "/") signed} ;
    signed     = "-" signed | atom ;
    atom       = number [unit] | metric | "ratio" "(" metric ")" | "(" sum ")" ;

Units are those of units.py (`38ms`, `16KiB`, `10000/s`, `5%`); a time cannot be compared with a
bare number. Names are metrics and nothing else. Errors carry the offset in the text.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import NoReturn, TypeVar

from zyphos_lab import units
from zyphos_lab.errors import StatementError, UnitError
from zyphos_lab.metrics import lookup, suggest
from zyphos_lab.spec.statement import (
    COMPARE,
    Arithmetic,
    Column,
    Comparison,
    Junction,
    Logic,
    Not,
    Number,
    Statement,
    Term,
)

T = TypeVar("T")

TOKEN = re.compile(
    r"(?P<number>\d[\d_]*(?:\.\d+)?"
    r"(?:\s*%|[kMG]?/(?:s|min)\b|\s*(?!(?:and|or|not)\b)[A-Za-z\u00b5]+(?!\w))?)"
    r"|(?P<word>[A-Za-z_][A-Za-z0-9_]*)|(?P<sign><=|>=|==|!=|[-+*/<>()])|(?P<bad>\S)"
)
KEYWORDS = ("and", "or", "not")
PLAIN = ("number", "count", "ratio")  # units that may stand beside a bare number
DEPTH_MAX = 50


@dataclass(frozen=True, slots=True)
class _Token:
    kind: str
    text: str
    offset: int


def _tokens(text: str) -> list[_Token]:
    found = [
        _Token(str(match.lastgroup), match[0].strip(), match.start())
        for match in TOKEN.finditer(text)
    ]
    return [*found, _Token("end", "", len(text.rstrip()))]


class _Parser:
    def __init__(self, text: str, ratios_allowed: bool) -> None:
        self.text = text
        self.tokens = _tokens(text)
        self.at = 0
        self.depth = 0
        self.ratios_allowed = ratios_allowed
        self.metrics: dict[str, None] = {}
        self.ratios: dict[str, None] = {}

    @property
    def token(self) -> _Token:
        return self.tokens[self.at]

    def take(self, *texts: str) -> _Token | None:
        """The next token when it is one of `texts`."""
        if self.token.text not in texts:
            return None
        self.at += 1
        return self.tokens[self.at - 1]

    def fail(self, wanted: str, hint: str = "") -> NoReturn:
        found = f"`{self.token.text}`" if self.token.kind != "end" else "the end"
        raise StatementError(f"expected {wanted}, found {found}", self.token.offset, hint)

    def close(self) -> None:
        if not self.take(")"):
            self.fail("`)`")

    def deeper(self, inner: Callable[[], T]) -> T:
        self.depth += 1
        if self.depth > DEPTH_MAX:
            message = f"nested deeper than {DEPTH_MAX} levels"
            raise StatementError(message, self.token.offset)
        found = inner()
        self.depth -= 1
        return found

    def statement(self) -> Statement:
        tree = self.any_of()
        if self.token.kind != "end":
            hint = "did you mean `==`?" if self.token.text == "=" else ""
            self.fail("`and`, `or` or the end", hint)
        return Statement(self.text, tree, tuple(self.metrics), tuple(self.ratios))

    def any_of(self) -> Logic:
        return self.junction("or", lambda: self.junction("and", self.negation))

    def junction(self, word: str, inner: Callable[[], Logic]) -> Logic:
        parts = [inner()]
        while self.take(word):
            parts.append(inner())
        return parts[0] if len(parts) == 1 else Junction(word, tuple(parts))

    def negation(self) -> Logic:
        if self.take("not"):
            return Not(self.deeper(self.negation))
        if self.token.text == "(" and self.encloses_logic():
            self.take("(")
            tree = self.deeper(self.any_of)
            self.close()
            return tree
        return self.comparison()

    def encloses_logic(self) -> bool:
        """Whether the parenthesis that opens here holds a statement and not a sum."""
        depth = 0
        for token in self.tokens[self.at :]:
            depth += (token.text == "(") - (token.text == ")")
            if depth == 0:
                return False
            if token.text in COMPARE or token.text in KEYWORDS:
                return True
        return False

    def comparison(self) -> Logic:
        first = self.sum()
        rest: list[tuple[str, Term]] = []
        left = first
        while sign := self.take(*COMPARE):
            right = self.sum()
            self.same_unit(left, right, sign)
            rest.append((sign.text, right))
            left = right
        if not rest:
            hint = "did you mean `==`?" if self.token.text == "=" else ""
            self.fail("a comparison such as `<=`", hint)
        return Comparison(first, tuple(rest))

    def sum(self) -> Term:
        left = self.product()
        while sign := self.take("+", "-"):
            right = self.product()
            self.same_unit(left, right, sign)
            left = Arithmetic(sign.text, left, right, left.unit)
        return left

    def product(self) -> Term:
        left = self.signed()
        while sign := self.take("*", "/"):
            right = self.signed()
            left = Arithmetic(sign.text, left, right, _unit(sign.text, left.unit, right.unit))
        return left

    def signed(self) -> Term:
        if self.take("-"):
            inner = self.deeper(self.signed)
            return Arithmetic("-", Number(0, inner.unit), inner, inner.unit)
        return self.atom()

    def atom(self) -> Term:
        token = self.token
        if self.take("("):
            inner = self.deeper(self.sum)
            self.close()
            return inner
        if token.kind == "number":
            self.at += 1
            return _number(token)
        if token.kind != "word" or token.text in KEYWORDS:
            self.fail("a metric or a number")
        self.at += 1
        return self.ratio(token) if self.take("(") else self.metric(token)

    def ratio(self, function: _Token) -> Term:
        if function.text != "ratio":
            message = f"`{function.text}` is no function"
            raise StatementError(message, function.offset, "the only one is `ratio(metric)`")
        if not self.ratios_allowed:
            message = "`ratio()` needs two cells to compare"
            raise StatementError(message, function.offset, "give the expectation a `compare`")
        token = self.token
        self.at += token.kind == "word"
        if token.kind != "word":
            self.fail("a metric")
        self.unit_of(token)
        self.close()
        self.ratios[token.text] = None
        return Column(token.text, "ratio", ratio=True)

    def metric(self, token: _Token) -> Term:
        unit = self.unit_of(token)
        self.metrics[token.text] = None
        return Column(token.text, unit)

    def unit_of(self, token: _Token) -> str:
        found = lookup(token.text)
        if found is None:
            close = suggest(token.text)
            hint = f"did you mean `{close}`?" if close else "docs/experiment.md lists the metrics"
            raise StatementError(f"unknown metric `{token.text}`", token.offset, hint)
        if found.unit == "text":
            raise StatementError(f"`{token.text}` is text and cannot be compared", token.offset)
        return found.unit

    def same_unit(self, left: Term, right: Term, sign: _Token) -> None:
        have = {left.unit, right.unit}
        bare = "number" in have and "ns" not in have
        if len(have) == 1 or "mixed" in have or bare or have <= set(PLAIN):
            return
        hint = "give the number a unit, such as `2ms`" if have == {"ns", "number"} else ""
        sides = f"{WORDS[left.unit]} and {WORDS[right.unit]}"
        message = f"the sides of `{sign.text}` do not fit: {sides}"
        raise StatementError(message, sign.offset, hint)


WORDS = {
    "ns": "a time",
    "bytes": "a size",
    "per_second": "a rate",
    "ratio": "a ratio",
    "count": "a count",
    "number": "a bare number",
}


def _unit(sign: str, left: str, right: str) -> str:
    """Unit of a product or quotient; `mixed` where it has no name here and fits everything."""
    if right in PLAIN:
        return left if left not in PLAIN else "number" if left == right == "number" else "ratio"
    if left in PLAIN and sign == "*":
        return right
    return "ratio" if sign == "/" and left == right else "mixed"


def _number(token: _Token) -> Number:
    text = token.text
    try:
        if text.endswith("%"):
            return Number(units.parse_fraction(text), "number")
        if "/" in text:
            return Number(units.parse_rate(text), "per_second")
        suffix = text.lstrip("0123456789._ ")
        if suffix in units.BYTES_PER:
            return Number(units.parse_size(text), "bytes")
        if suffix:
            return Number(units.parse_duration(text), "ns")
    except UnitError as error:
        raise StatementError(error.message, token.offset, error.hint) from None
    return Number(float(text.replace("_", "")), "number")


def parse(text: str, ratios_allowed: bool = False) -> Statement:
    """The statement that `text` makes; raises StatementError with the offset of what is wrong.

    `ratios_allowed`: whether `ratio(metric)` may stand in it (an expectation with `compare`).
    """
    return _Parser(text, ratios_allowed).statement()
