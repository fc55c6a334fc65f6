"""Reads a statement (`that`, `until`, an SLO, a gate), by recursive descent:

    or         = and {"or" and} ;   and = not {"and" not} ;
    not        = "not" not | "(" or ")" | comparison ;
    comparison = sum {("<" | "<=" | ">" | ">=" | "==" | "!=") sum} ;              chains: 1 < x < 2
    sum        = product {("+" | "-") product} ;   product = signed {("*" | "/") signed} ;
    signed     = "-" signed | atom ;
    atom       = number [unit] | metric | function "(" metric ")" | "(" sum ")" ;

Units are those of units.py (`38ms`, `16KiB`, `10000/s`, `5%`); a time cannot be compared with a
bare number. Names are metrics, or short for one (`p99`, `errors`: metrics.ALIASES). Functions stand
in statement_functions.py. Errors carry the offset in the text.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection
from dataclasses import dataclass
from typing import NoReturn, TypeVar

from zyphos_lab import units
from zyphos_lab.errors import StatementError, UnitError
from zyphos_lab.metrics import Metric, canonical, lookup, suggest
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
from zyphos_lab.spec.statement_functions import FUNCTIONS, REGRESSION, SHARES, unknown_hint

T = TypeVar("T")

TOKEN = re.compile(
    r"(?P<number>\d[\d_]*(?:\.\d+)?"
    r"(?:\s*%|[kMG]?/(?:s|min)\b|\s*(?!(?:and|or|not)\b)[A-Za-z\u00b5]+(?!\w))?)"
    r"|(?P<word>[A-Za-z_][A-Za-z0-9_]*(?:\.\d+)?)|(?P<sign><=|>=|==|!=|[-+*/<>()])|(?P<bad>\S)"
)
KEYWORDS = ("and", "or", "not")
PLAIN = ("number", "count", "ratio", "simulated")  # units that may stand beside a bare number
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
    def __init__(self, text: str, functions: Collection[str], columns: bool) -> None:
        self.text = text
        self.tokens = _tokens(text)
        self.at = 0
        self.depth = 0
        self.functions = functions
        self.columns = columns
        self.calls: dict[tuple[str, str], None] = {}

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
        return Statement(self.text, tree, tuple(self.calls))

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
        return self.call(token) if self.take("(") else self.metric(token)

    def call(self, function: _Token) -> Term:
        name = function.text
        if name not in FUNCTIONS:
            raise StatementError(f"`{name}` is no function", function.offset, unknown_hint(name))
        if name not in self.functions:
            known = FUNCTIONS[name]
            raise StatementError(f"`{name}()` {known.missing}", function.offset, known.place)
        token = self.token
        self.at += token.kind == "word"
        if token.kind != "word":
            self.fail("a metric")
        found = self.known(token)
        self.close()
        if name == REGRESSION and not found.better:
            message = f"`{found.name}` is neither better nor worse for being more"
            raise StatementError(message, token.offset, f"`ratio({token.text})` compares it")
        self.calls[name, found.name] = None
        return Column(found.name, "ratio", name)

    def metric(self, token: _Token) -> Term:
        found = self.known(token)
        if not self.columns:
            wanted = " or ".join(f"`{name}({token.text})`" for name in self.functions)
            raise StatementError(f"`{token.text}` cannot stand alone here", token.offset, wanted)
        self.calls["", found.name] = None
        return Column(found.name, found.unit)

    def known(self, token: _Token) -> Metric:
        """The metric that a word names, or is short for."""
        found = lookup(canonical(token.text))
        if found is None:
            close = suggest(token.text)
            hint = f"did you mean `{close}`?" if close else "docs/experiment.md lists the metrics"
            raise StatementError(f"unknown metric `{token.text}`", token.offset, hint)
        if found.unit == "text":
            raise StatementError(f"`{token.text}` is text and cannot be compared", token.offset)
        return found

    def same_unit(self, left: Term, right: Term, sign: _Token) -> None:
        _refuse_bare_share(left, right, sign)
        have = {left.unit, right.unit}
        bare = "number" in have and "ns" not in have
        if len(have) == 1 or "mixed" in have or bare or have <= set(PLAIN):
            return
        hint = "give the number a unit, such as `2ms`" if have == {"ns", "number"} else ""
        sides = f"{WORDS[left.unit]} and {WORDS[right.unit]}"
        message = f"the sides of `{sign.text}` do not fit: {sides}"
        raise StatementError(message, sign.offset, hint)


def _refuse_bare_share(left: Term, right: Term, sign: _Token) -> None:
    """`regression(p99) <= 3` would be 300 %."""
    for one, other in ((left, right), (right, left)):
        share = isinstance(one, Column) and one.function in SHARES
        if share and isinstance(other, Number) and other.unit == "number" and other.value >= 1:
            message = f"the sides of `{sign.text}` do not fit: a share and a bare number"
            raise StatementError(message, sign.offset, f"did you mean `{other.value:g}%`?")


WORDS = {
    "ns": "a time",
    "bytes": "a size",
    "per_second": "a rate",
    "ratio": "a ratio",
    "count": "a count",
    "simulated": "a simulated count",
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
            return Number(units.parse_fraction(text), "ratio")
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


def parse(text: str, functions: Collection[str] = (), columns: bool = True) -> Statement:
    """The statement that `text` makes; raises StatementError with the offset of what is wrong.

    `functions`: those of statement_functions.py that may stand in it. `columns`: whether a metric
    may stand in it by itself.
    """
    return _Parser(text, functions, columns).statement()
