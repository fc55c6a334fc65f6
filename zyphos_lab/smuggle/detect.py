"""The detector: which requests of a captured stream could be read otherwise, and by whom.

Each request is shown to every reader of ways.py from its first byte on. It is `malformed` where a
strict reader refuses it, by a rule; `hidden` where it is well formed but some readers find a whole
request inside its body, or in what another reader takes for it. Behind a malformed one the stream
is read on as the most tolerant reader has it. No I/O.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from rich.console import Console

from zyphos_lab.smuggle.reader import Message, Split, split
from zyphos_lab.smuggle.technique import escaped
from zyphos_lab.smuggle.ways import READERS

TOLERANT = "coding"
SHOWN_BYTES = 120
MESSAGES_SHOWN = 3


@dataclass(frozen=True, slots=True)
class Suspect:
    """`offset` in the stream; `splits`: readers that agree, with what they read from there on."""

    offset: int
    kind: Literal["malformed", "hidden"]
    rule: str  # of a malformed one
    splits: tuple[tuple[tuple[str, ...], Split], ...]
    begin: bytes  # the first bytes of it


def detect(data: bytes) -> Iterator[Suspect]:
    """Each suspect request, in the order of the stream. O(size) for each request and reader."""
    at = 0
    while at < len(data):
        rest = data[at:]
        strict = split(rest, READERS["strict"], 1)
        found = _suspect(at, rest, strict)
        if found is not None:
            yield found
        first = strict if strict.messages else split(rest, READERS[TOLERANT], 1)
        if not first.messages:
            return
        at += first.messages[0].end


def _suspect(at: int, rest: bytes, strict: Split) -> Suspect | None:
    splits = _splits(rest)
    if strict.refused and not strict.messages:
        return Suspect(at, "malformed", strict.refused, splits, rest[:SHOWN_BYTES])
    if not strict.messages or strict.messages[0].framing == "none":
        return None
    end = strict.messages[0].end
    if any(_inside(found.messages, end) for _, found in splits):
        return Suspect(at, "hidden", "", splits, rest[:SHOWN_BYTES])
    return None


def _inside(messages: tuple[Message, ...], end: int) -> bool:
    return any(0 < one.start < end for one in messages)


def _splits(rest: bytes) -> tuple[tuple[tuple[str, ...], Split], ...]:
    """Readers by what they read; those of the strict one first."""
    groups: dict[object, tuple[list[str], Split]] = {}
    for name, ways in READERS.items():
        found = split(rest, ways, MESSAGES_SHOWN)
        groups.setdefault(found.shape(), ([], found))[0].append(name)
    return tuple((tuple(names), found) for names, found in groups.values())


def said(found: Split) -> str:
    """What a reader made of it, in one line."""
    parts = [f"{one.method} {one.target} @{one.start} ({one.framing})" for one in found.messages]
    if found.refused:
        parts.append(f"refused: {found.refused}")
    elif found.rest and len(found.messages) < MESSAGES_SHOWN:
        parts.append("waits for more")
    return ", ".join(parts) or "nothing"


def shown(console: Console, found: Sequence[Suspect]) -> None:
    """Prints each suspect: where, why, and who reads what of it."""
    for one in found:
        why = one.rule or "well formed, with a request inside its body"
        console.print(f"byte {one.offset}: {one.kind}: {why}", style="bold", markup=False)
        console.print(f"  {escaped(one.begin)}", style="dim", markup=False)
        for names, reads in one.splits:
            console.print(f"  {said(reads)}", markup=False)
            console.print(f"    {', '.join(names)}", style="dim", markup=False)


def plain(found: Suspect) -> dict[str, Any]:
    """For JSON."""
    return {
        "offset": found.offset,
        "kind": found.kind,
        "rule": found.rule,
        "begin": escaped(found.begin),
        "readers": [{"names": list(names), "reads": said(one)} for names, one in found.splits],
    }
