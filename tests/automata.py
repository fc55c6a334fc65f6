"""Deterministic automata over bytes: from nondeterministic ones, smallest ones, and how two differ.

State 0 is where nothing leads on any more. All functions are deterministic.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from abnf import Nfa

BYTES = 256
DEAD = 0
Column = tuple[int, ...]


@dataclass(frozen=True)
class Dfa:
    """`next[state][byte]`; complete, with state 0 dead."""

    next: tuple[Column, ...]
    start: int
    accepting: frozenset[int]

    def accepts(self, word: bytes) -> bool:
        state = self.start
        for byte in word:
            state = self.next[state][byte]
        return state in self.accepting


def determinised(nfa: Nfa) -> Dfa:
    """By subsets of states."""
    start = _closure(nfa, {nfa.start})
    numbers: dict[frozenset[int], int] = {frozenset(): DEAD, start: 1}
    rows: list[Column] = [(DEAD,) * BYTES]
    left = deque([start])
    while left:
        subset = left.popleft()
        row, known = [], {}
        for target in _targets(nfa, subset):
            if target not in known:
                closed = _closure(nfa, set(target))
                if closed not in numbers:
                    numbers[closed] = len(numbers)
                    left.append(closed)
                known[target] = numbers[closed]
            row.append(known[target])
        rows.append(tuple(row))
    accepting = frozenset(number for subset, number in numbers.items() if nfa.end in subset)
    return Dfa(tuple(rows), 1, accepting)


def _targets(nfa: Nfa, subset: frozenset[int]) -> list[frozenset[int]]:
    """By each byte, without the moves that need none."""
    targets: list[set[int]] = [set() for _ in range(BYTES)]
    for state in subset:
        for chars, to in nfa.moves[state]:
            for byte in chars:
                targets[byte].add(to)
    return [frozenset(target) for target in targets]


def _closure(nfa: Nfa, states: set[int]) -> frozenset[int]:
    left = list(states)
    while left:
        for to in nfa.free[left.pop()]:
            if to not in states:
                states.add(to)
                left.append(to)
    return frozenset(states)


def from_table(table: Sequence[Sequence[int]], start: int, accepting: int) -> Dfa:
    """Of a table with -1 where nothing leads on: its states are one more here."""
    rows = [(DEAD,) * BYTES, *(tuple(to + 1 for to in row) for row in table)]
    return Dfa(tuple(rows), start + 1, frozenset({accepting + 1}))


def minimised(dfa: Dfa) -> Dfa:
    """By refining classes of states until none is split (Moore), from what can be reached."""
    reached = list(_reached(dfa))
    group = {state: int(state in dfa.accepting) for state in reached}
    while True:
        seen: dict[tuple[int, Column], int] = {}
        refined = {}
        for state in reached:
            key = (group[state], tuple(group[to] for to in dfa.next[state]))
            refined[state] = seen.setdefault(key, len(seen))
        if len(set(refined.values())) == len(set(group.values())):
            break
        group = refined
    return _merged(dfa, reached, refined)


def _merged(dfa: Dfa, reached: list[int], group: dict[int, int]) -> Dfa:
    dead = group[DEAD]
    order = [dead, *sorted(set(group.values()) - {dead})]
    number = {old: new for new, old in enumerate(order)}
    one_of = {number[group[state]]: state for state in reached}
    rows = [tuple(number[group[to]] for to in dfa.next[one_of[new]]) for new in range(len(order))]
    accepting = frozenset(number[group[state]] for state in reached if state in dfa.accepting)
    return Dfa(tuple(rows), number[group[dfa.start]], accepting)


def _reached(dfa: Dfa) -> Iterator[int]:
    seen, left = {dfa.start, DEAD}, deque([dfa.start, DEAD])
    while left:
        state = left.popleft()
        yield state
        for to in dfa.next[state]:
            if to not in seen:
                seen.add(to)
                left.append(to)


def shortest_word(
    one: Dfa, other: Dfa, differs: Callable[[bool, bool], bool] = lambda a, b: a != b
) -> bytes | None:
    """The first of the shortest words of which `differs(one accepts, other accepts)`, or None.

    Through pairs of states, breadth first; None is a proof that there is none.
    """
    before: dict[tuple[int, int], tuple[tuple[int, int], int] | None] = {}
    first = (one.start, other.start)
    before[first] = None
    left = deque([first])
    while left:
        pair = left.popleft()
        if differs(pair[0] in one.accepting, pair[1] in other.accepting):
            return _word(before, pair)
        rows = one.next[pair[0]], other.next[pair[1]]
        for byte, to in enumerate(zip(*rows, strict=True)):
            if to not in before:
                before[to] = (pair, byte)
                left.append(to)
    return None


def _word(
    before: dict[tuple[int, int], tuple[tuple[int, int], int] | None], pair: tuple[int, int]
) -> bytes:
    word = bytearray()
    while (step := before[pair]) is not None:
        pair, byte = step
        word.append(byte)
    return bytes(reversed(word))


def lead_on(dfa: Dfa) -> frozenset[int]:
    """The states from which a word is accepted."""
    back: dict[int, set[int]] = {}
    for state, row in enumerate(dfa.next):
        for to in row:
            back.setdefault(to, set()).add(state)
    alive, left = set(dfa.accepting), list(dfa.accepting)
    while left:
        for state in back.get(left.pop(), ()):
            if state not in alive:
                alive.add(state)
                left.append(state)
    return frozenset(alive)


def distinguishing_words(dfa: Dfa) -> list[bytes]:
    """For each two states of a smallest automaton a word that only one of them accepts."""
    words: list[bytes] = []
    states = range(len(dfa.next))
    for a in states:
        for b in states[a + 1 :]:
            one, other = Dfa(dfa.next, a, dfa.accepting), Dfa(dfa.next, b, dfa.accepting)
            if any(one.accepts(word) != other.accepts(word) for word in words):
                continue
            word = shortest_word(one, other)
            assert word is not None, "two states that are one"
            words.append(word)
    return words


def characters(dfa: Dfa) -> list[int]:
    """One byte for each set of bytes that no state tells apart."""
    columns: dict[Column, int] = {}
    for byte in range(BYTES):
        columns.setdefault(tuple(row[byte] for row in dfa.next), byte)
    return list(columns.values())


def access_words(dfa: Dfa) -> list[bytes]:
    """To each state that can be reached, a shortest word that leads there."""
    words = {dfa.start: b""}
    left = deque([dfa.start])
    while left:
        state = left.popleft()
        for byte in characters(dfa):
            to = dfa.next[state][byte]
            if to not in words:
                words[to] = words[state] + bytes([byte])
                left.append(to)
    return list(words.values())
