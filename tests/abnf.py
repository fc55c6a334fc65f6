"""ABNF (RFC 5234) to nondeterministic automata over bytes: regular rules only, no recursion.

An expression's automaton is built anew wherever a rule is named (Thompson's construction). `Rules`
reads a grammar; `automaton(text)` gives the automaton of any expression over its rules.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field

ByteSet = frozenset[int]

TOKEN = re.compile(
    r"""\s*(?:(?P<literal>"[^"]*")|(?P<number>%x[0-9A-F]+(?:-[0-9A-F]+|(?:\.[0-9A-F]+)*))
    |(?P<repeat>\d*\*\d*|\d+)|(?P<name>[A-Za-z][A-Za-z0-9-]*)|(?P<mark>[()/\[\]]))""",
    re.VERBOSE,
)


@dataclass
class Nfa:
    """States are numbers; `moves` by sets of bytes, `free` without one. Grows while it is built."""

    moves: list[list[tuple[ByteSet, int]]] = field(default_factory=list)
    free: list[list[int]] = field(default_factory=list)
    start: int = 0
    end: int = 0

    def state(self) -> int:
        self.moves.append([])
        self.free.append([])
        return len(self.moves) - 1

    def on(self, start: int, chars: ByteSet) -> int:
        end = self.state()
        self.moves[start].append((chars, end))
        return end


class Rules:
    """A grammar's rules by name."""

    def __init__(self, text: str) -> None:
        lines = [line.partition("; ")[0] for line in text.splitlines() if line[:1] != ";"]
        joined = re.sub(r"\n\s+", " ", "\n".join(line.rstrip() for line in lines if line.strip()))
        pairs = [line.split(" = ", 1) for line in joined.splitlines()]
        self._rules = {name.strip(): body for name, body in pairs}
        assert len(self._rules) == len(pairs), "a rule stands there twice"

    def names(self) -> list[str]:
        return list(self._rules)

    def with_rules(self, **rules: str) -> Rules:
        """The same with some rules in place of its own; `_` in a keyword is `-`."""
        other = Rules("")
        changed = {name.replace("_", "-"): body for name, body in rules.items()}
        assert changed.keys() <= self._rules.keys() | {n for n in changed if n.startswith("lab-")}
        other._rules = {**self._rules, **changed}
        return other

    def automaton(self, expression: str) -> Nfa:
        nfa = Nfa()
        nfa.start = nfa.state()
        nfa.end = _Builder(self._rules, nfa).build(expression, nfa.start)
        return nfa


def _tokens(text: str) -> Iterator[tuple[str, str]]:
    at = 0
    text = text.rstrip()
    while at < len(text):
        match = TOKEN.match(text, at)
        assert match and match.lastgroup, f"no ABNF at {text[at:]!r}"
        yield match.lastgroup, match[match.lastgroup]
        at = match.end()


class _Builder:
    """Expressions by descent, each as a piece of the automaton from a state to the one returned."""

    def __init__(self, rules: dict[str, str], nfa: Nfa) -> None:
        self._rules = rules
        self._nfa = nfa

    def build(self, text: str, start: int) -> int:
        tokens = list(_tokens(text))
        end, at = self._alternation(tokens, 0, start)
        assert at == len(tokens), f"more than an expression: {text}"
        return end

    def _alternation(self, tokens: list[tuple[str, str]], at: int, start: int) -> tuple[int, int]:
        end = self._nfa.state()
        while True:
            begin = self._nfa.state()
            self._nfa.free[start].append(begin)
            last, at = self._concatenation(tokens, at, begin)
            self._nfa.free[last].append(end)
            if at == len(tokens) or tokens[at][1] != "/":
                return end, at
            at += 1

    def _concatenation(self, tokens: list[tuple[str, str]], at: int, start: int) -> tuple[int, int]:
        while at < len(tokens) and tokens[at][1] not in ("/", ")", "]"):
            start, at = self._repetition(tokens, at, start)
        return start, at

    def _repetition(self, tokens: list[tuple[str, str]], at: int, start: int) -> tuple[int, int]:
        kind, text = tokens[at]
        if kind != "repeat":
            return self._element(tokens, at, start)
        least, star, most = text.partition("*")
        low = int(least or 0)
        high = (int(most) if most else None) if star else low
        _, behind = self._element(tokens, at + 1, self._nfa.state())  # where the element ends
        for _ in range(low):
            start, _ = self._element(tokens, at + 1, start)
        if high is None:
            return self._any_times(tokens, at + 1, start), behind
        end = self._nfa.state()
        for _ in range(high - low):
            self._nfa.free[start].append(end)
            start, _ = self._element(tokens, at + 1, start)
        self._nfa.free[start].append(end)
        return end, behind

    def _any_times(self, tokens: list[tuple[str, str]], at: int, start: int) -> int:
        loop = self._nfa.state()
        self._nfa.free[start].append(loop)
        last, _ = self._element(tokens, at, loop)
        self._nfa.free[last].append(loop)
        end = self._nfa.state()
        self._nfa.free[loop].append(end)
        return end

    def _element(self, tokens: list[tuple[str, str]], at: int, start: int) -> tuple[int, int]:
        kind, text = tokens[at]
        if kind == "mark":
            end, behind = self._alternation(tokens, at + 1, start)
            if text == "[":
                self._nfa.free[start].append(end)
            return end, behind + 1
        if kind == "name":
            return self.build(self._rules[text], start), at + 1
        for chars in _literal(text) if kind == "literal" else _number(text):
            start = self._nfa.on(start, chars)
        return start, at + 1


def _literal(text: str) -> Iterator[ByteSet]:
    """Without regard to case (RFC 5234, 2.3)."""
    for char in text[1:-1]:
        yield frozenset({ord(char.lower()), ord(char.upper())})


def _number(text: str) -> Iterator[ByteSet]:
    first, dash, last = text[2:].partition("-")
    if dash:
        yield frozenset(range(int(first, 16), int(last, 16) + 1))
        return
    for digits in first.split("."):
        yield frozenset({int(digits, 16)})
