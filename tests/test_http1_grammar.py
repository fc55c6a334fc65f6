"""The automaton of parser table is the RFCs' grammar: shown by automata, not by examples.

From the ABNF as the RFCs have it (grammar/http1.abnf) a deterministic automaton is built, and held
against the parser's own by walking both at once: where no pair of states is reached of which only
one accepts, the two take the same words. Where the lab reads otherwise on purpose, what it reads
stands here as a grammar too, and the difference as the shortest word.

Beyond the regular part, tested elsewhere (parsers_test.cpp, lengths_test.cpp, tests/wire/http1):
limits of a line, a head and the fields' number; the form that a target may have with its method;
HTTP/2.0 and the like, which are refused when they have been read (505); a status below 100; what
Host, Content-Length, Transfer-Encoding, Connection, Expect and Upgrade say and whether they agree;
how long a chunk is.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from itertools import product
from pathlib import Path

import pytest

from abnf import Rules
from automata import (
    Dfa,
    access_words,
    characters,
    determinised,
    distinguishing_words,
    from_table,
    lead_on,
    minimised,
    shortest_word,
)
from zyphos_lab import _core

pytestmark = pytest.mark.native

RFC = Rules((Path(__file__).parent / "grammar" / "http1.abnf").read_text(encoding="ascii"))
FIELDS = "*( field-line CRLF ) CRLF"
REQUEST = f"request-line CRLF {FIELDS}"
RESPONSE = f"status-line CRLF {FIELDS}"

# What the lab reads otherwise. A target is any characters of a URI but "#": its form is looked at
# with the method, its percent signs are the application's to decode. Servers leave out the space
# before an empty reason.
LAB = RFC.with_rules(
    lab_target_char='unreserved / sub-delims / ":" / "/" / "?" / "[" / "]" / "@" / "%"',
    request_target="1*lab-target-char",
    status_line="HTTP-version SP status-code [ SP [ reason-phrase ] ]",
)
# Of chunk extensions the lab reads that they begin with ";" and are text, and drops them.
CHUNKS = LAB.with_rules(lab_text="HTAB / SP / VCHAR / obs-text", chunk_ext='BWS ";" *lab-text')


@cache
def smallest(rules: Rules, expression: str) -> Dfa:
    return minimised(determinised(rules.automaton(expression)))


@cache
def table(start: str) -> Dfa:
    made = _core.head_automaton()
    return from_table(made["next"], made[start], made["done"])


PARTS = [("request", REQUEST), ("response", RESPONSE), ("field", FIELDS)]


@pytest.mark.parametrize(("start", "expression"), PARTS)
def test_the_table_takes_the_words_of_the_grammar_and_no_others(
    start: str, expression: str
) -> None:
    grammar = smallest(LAB, expression)
    word = shortest_word(table(start), grammar)
    assert word is None, f"{word!r}: the parser takes it, or the grammar, but not both"
    assert len(minimised(table(start)).next) == len(grammar.next)
    print(f"{start}: {len(grammar.next)} states, {len(characters(grammar))} kinds of character")


@pytest.mark.parametrize(("start", "expression"), PARTS)
def test_a_wrong_byte_is_refused_at_once(start: str, expression: str) -> None:
    """No state of the table is without a way to the end: what can't be right goes no further."""
    dfa = table(start)
    reached = {state for state in _states(dfa) if state != 0}
    assert reached <= lead_on(dfa)


def _states(dfa: Dfa) -> set[int]:
    states, left = {dfa.start}, [dfa.start]
    while left:
        for to in set(dfa.next[left.pop()]) - states:
            states.add(to)
            left.append(to)
    return states


@pytest.mark.parametrize(
    ("start", "expression", "first_word"),
    [
        ("request", REQUEST, b"! ! HTTP/0.0\r\n\r\n"),
        ("response", RESPONSE, b"HTTP/0.0 000\r\n\r\n"),
        ("field", FIELDS, None),
    ],
)
def test_all_that_the_rfcs_allow_is_read_and_this_beyond(
    start: str, expression: str, first_word: bytes | None
) -> None:
    rfc = smallest(RFC, expression)
    assert shortest_word(rfc, table(start), lambda rfc, lab: rfc and not lab) is None
    assert shortest_word(table(start), rfc) == first_word


def test_a_target_of_the_rfcs_is_read_and_this_beyond() -> None:
    rfc, lab = smallest(RFC, "request-target"), smallest(LAB, "request-target")
    assert shortest_word(rfc, lab, lambda rfc, lab: rfc and not lab) is None
    assert shortest_word(lab, rfc) == b"!"  # no form; refused when the method is known
    origins = smallest(LAB, '"/" *lab-target-char')
    assert shortest_word(origins, smallest(RFC, "origin-form")) == b"/%"  # not decoded here


# --- chunks: the reader as a black box ------------------------------------------------------------

# A size that is not zero, so that data follows.
SIZE_LINE = '*"0" ( %x31-39 / "A" / "B" / "C" / "D" / "E" / "F" ) *HEXDIG [ chunk-ext ] CRLF'
LAST = "last-chunk trailer-section CRLF"
MORE_STATES = 1


def reads_size_line(line: bytes) -> bool:
    digits = line[: len(line) - len(line.lstrip(b"0123456789abcdefABCDEF"))]
    data = b"x" * int(digits or b"0", 16)
    return bool(data) and reads_last(line + data + b"\r\n0\r\n\r\n")


def reads_last(rest: bytes) -> bool:
    return bool(_core.read_chunked(rest) == "done")


def conformance_words(dfa: Dfa) -> list[bytes]:
    """Chow's W-method: who answers these as `dfa` does, and has no more states than it and
    MORE_STATES, takes the same words."""
    letters = [bytes([byte]) for byte in characters(dfa)]
    steps = [b"".join(some) for n in range(MORE_STATES + 2) for some in product(letters, repeat=n)]
    return [
        first + middle + last
        for first in access_words(dfa)
        for middle in steps
        for last in distinguishing_words(dfa)
    ]


@pytest.mark.parametrize(
    ("expression", "reads"), [(SIZE_LINE, reads_size_line), (LAST, reads_last)]
)
def test_chunks_are_read_by_the_grammar(expression: str, reads: Callable[[bytes], bool]) -> None:
    grammar = smallest(CHUNKS, expression)
    words = set(conformance_words(grammar))
    wrong = sorted((w for w in words if reads(w) != grammar.accepts(w)), key=len)
    assert not wrong, f"{wrong[0]!r}: the reader takes it, or the grammar, but not both"
    print(f"{expression}: {len(grammar.next)} states, {len(words)} words")


def test_all_extensions_of_the_rfcs_are_read_and_this_beyond() -> None:
    rfc = smallest(RFC, "chunk-size [ chunk-ext ] CRLF")
    lab = smallest(CHUNKS, "chunk-size [ chunk-ext ] CRLF")
    assert shortest_word(rfc, lab, lambda rfc, lab: rfc and not lab) is None
    assert shortest_word(lab, rfc) == b"0;\r\n"


# --- what the proofs stand on can fail ------------------------------------------------------------


def test_the_automata_find_what_differs() -> None:
    rules = Rules('A = "a"\nB = 2*3A [ %x42-43 ]\nC = *A / "a" %x78.79\n')
    one = smallest(rules, "B")
    assert one.accepts(b"aaC") and one.accepts(b"AaA") and not one.accepts(b"a")
    assert not one.accepts(b"aaaa") and not one.accepts(b"aac")
    other = smallest(rules, "C")
    assert shortest_word(one, other) == b""
    assert shortest_word(one, other, lambda a, b: a and not b) == b"AAB"
    assert shortest_word(other, smallest(rules, '"axy" / *"a"'), lambda a, b: a and not b) is None
    assert len(smallest(rules, "( A / A A ) *( A A A ) *A").next) == 3  # a, all longer, nothing


def test_a_rule_that_is_changed_is_seen() -> None:
    changed = LAB.with_rules(field_name="*tchar")
    assert shortest_word(table("field"), smallest(changed, FIELDS)) == b":\r\n\r\n"
