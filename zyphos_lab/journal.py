"""The journal's lines: how an event is written, and what can be read of a file after any fault.

A line is one JSON object; its last member `crc` is the CRC-32 of the bytes before it, so that a
flipped byte is noticed also where it leaves JSON. Whole lines are found before and after damage,
also where the line break itself was hit; runs older than the checksum are read without one.

A journal that nothing is added to any more may be sealed: `events.ndjson.gz`, the same bytes under
gzip (RFC 1952, without name or time, so that the same journal gives the same file). A damaged one
is read up to the damage. This file does not know locks or tables.

Thread safety: pure functions; `Journal` is plain data.
"""

from __future__ import annotations

import io
import json
import re
import zlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, BinaryIO

NAME = "events.ndjson"
SEALED = ".gz"
CHECKSUM = "crc32"
Event = dict[str, Any]

_CRC = re.compile(rb',"crc":"([0-9a-f]{8})"\}')
_CRC_BYTES = len(b',"crc":"00000000"}')
_WHOLE = re.compile(rb'\{"event":(?:(?!\{"event":).)*?,"crc":"[0-9a-f]{8}"\}', re.DOTALL)
_TRIAL = b'{"event":"trial"'
_GZIP = 31  # zlib's window bits for a gzip header and trailer
_TRAILER_BYTES = 8  # CRC-32 and size of what was sealed, little-endian
_STEP_BYTES = 4096  # what a damaged block costs at most before the damage itself


@dataclass(frozen=True, slots=True)
class Damage:
    """A line (from 1; 0: the file's end) that is no event any more; `bytes` of it are lost.

    `sealed`: why a sealed journal cannot be inflated to its end, from line 0 on.
    """

    line: int
    bytes: int
    sealed: str = ""


@dataclass(frozen=True, slots=True)
class Line:
    """A whole event: where it stands, and what it says without its histograms (`light`)."""

    offset: int
    bytes: int
    light: Event


@dataclass(slots=True)
class Journal:
    """What was found in a journal: whole events, damaged lines, and a last line that was torn.

    `broken`: why a sealed one cannot be inflated to its end.
    """

    lines: list[Line] = field(default_factory=list)
    damaged: list[Damage] = field(default_factory=list)
    whole_bytes: int = 0
    torn_bytes: int = 0
    broken: str = ""


def encode(event: Event) -> bytes:
    """The line of an event, with checksum and line break. ValueError for NaN and infinity."""
    body = json.dumps(event, separators=(",", ":"), allow_nan=False).encode()[:-1]
    return body + b',"crc":"%08x"}\n' % zlib.crc32(body)


def decode(text: bytes, checked: bool) -> Event | None:
    """The event of a line without its break; None where it is damaged.

    `checked`: every line of this journal has a checksum, so one without it is damaged.
    """
    found = _CRC.fullmatch(text[-_CRC_BYTES:])
    if found is None and checked:
        return None
    if found is not None and int(found[1], 16) != zlib.crc32(text[:-_CRC_BYTES]):
        return None
    try:
        event = json.loads(text)
    except ValueError:
        return None
    if not isinstance(event, dict) or "event" not in event:
        return None
    event.pop("crc", None)
    return event


def light(event: Event) -> Event:
    """The event without what is large; the histograms stay in the file."""
    heavy = ("histograms", "intervals", "series")
    return {name: value for name, value in event.items() if name not in heavy}


def without_histograms(text: bytes) -> bytes:
    """A whole journal's text again, its trials without histograms; of the window's slices their
    times and counts stay. Every other line stays as it is."""
    return b"".join(_bare(line) if line.startswith(_TRIAL) else line for line in io.BytesIO(text))


def _bare(line: bytes) -> bytes:
    event: Event = json.loads(line)
    event.pop("crc", None)
    slices = [
        {name: value for name, value in part.items() if not isinstance(value, str)}
        for part in event["intervals"]
    ]
    return encode(event | {"histograms": {}, "intervals": slices})


def file_of(run: Path) -> Path:
    """The run's journal: sealed where only that is there, else plain, there or not."""
    plain = run / NAME
    sealed = plain.with_name(plain.name + SEALED)
    return sealed if sealed.exists() and not plain.exists() else plain


def is_sealed(path: Path) -> bool:
    return path.suffix == SEALED


def sealed_bytes(plain: bytes) -> bytes:
    """The gzip file of a journal's text; the same for the same text and zlib."""
    deflate = zlib.compressobj(9, zlib.DEFLATED, _GZIP)
    return deflate.compress(plain) + deflate.flush()


def _opened(path: Path) -> tuple[BinaryIO, str]:
    """The journal's text, and why a sealed one ends early. Cost: a sealed one is held in memory."""
    if not is_sealed(path):
        return path.open("rb"), ""
    text, why = inflated(path.read_bytes())
    return io.BytesIO(text), why


def inflated(data: bytes) -> tuple[bytes, str]:
    """The text of a sealed journal as far as it can be had, and why that is not all; "": it is."""
    found = io.BytesIO()
    try:
        found.writelines(_steps(data))
    except zlib.error as error:
        return found.getvalue(), str(error).rpartition(": ")[2]
    return found.getvalue(), ""


def _steps(data: bytes) -> Iterator[bytes]:
    """In small steps, as zlib keeps back the whole step in which it meets damage."""
    inflate = zlib.decompressobj(_GZIP)
    body_bytes = max(len(data) - _TRAILER_BYTES, 0)
    for begin in range(0, body_bytes, _STEP_BYTES):
        part = data[begin : min(begin + _STEP_BYTES, body_bytes)]
        while part:
            yield inflate.decompress(part, _STEP_BYTES)
            part = inflate.unconsumed_tail
    yield inflate.decompress(b"")
    yield inflate.decompress(data[body_bytes:])
    if not inflate.eof:
        raise zlib.error("it was cut")
    if inflate.unused_data:
        raise zlib.error("something stands behind its end")


def text_bytes(path: Path) -> int:
    """Size of the journal's text; of a sealed one as its last four bytes say. OSError: no file."""
    size = path.stat().st_size
    if not is_sealed(path):
        return size
    with path.open("rb") as file:
        file.seek(max(size - 4, 0))
        return int.from_bytes(file.read(), "little")


def read(path: Path, checked: bool) -> Journal:
    """Everything that is whole. Cost: O(file) time; memory for the rows, not the histograms (but
    while a sealed one is read).
    """
    journal = Journal()
    file, journal.broken = _opened(path)
    with file:
        for number, line in enumerate(file, 1):
            if not line.endswith(b"\n"):
                journal.torn_bytes = len(line)
                break
            found = list(_events(line[:-1], journal.whole_bytes, checked))
            lost = len(line) - 1 - sum(whole.bytes for whole in found)
            if lost:
                journal.damaged.append(Damage(number, lost))
            journal.lines += found
            journal.whole_bytes += len(line)
    return journal


def _events(text: bytes, offset: int, checked: bool) -> Iterator[Line]:
    """The line's event; of a damaged one the whole events within it."""
    event = decode(text, checked)
    if event is not None:
        yield Line(offset, len(text), light(event))
        return
    for found in _WHOLE.finditer(text):
        event = decode(found[0], checked)
        if event is not None:
            yield Line(offset + found.start(), len(found[0]), light(event))


def full(path: Path, lines: list[Line]) -> Iterator[Event]:
    """These events again, with everything that they hold."""
    if not lines:
        return
    with _opened(path)[0] as file:
        for line in lines:
            file.seek(line.offset)
            event: Event = json.loads(file.read(line.bytes))
            event.pop("crc", None)
            yield event


def count_trials(path: Path, offset: int = 0) -> int:
    """How many trials stand in the file from `offset` on, without parsing them; 0: no file."""
    try:
        with _opened(path)[0] as file:
            file.seek(offset)
            return sum(line.startswith(_TRIAL) and line.endswith(b"\n") for line in file)
    except FileNotFoundError:
        return 0


def has_line(path: Path, offset: int) -> bool:
    """Whether a whole line stands at `offset` or after it; a torn one is none.

    To a sealed journal nothing is added: it is not inflated for this.
    """
    if is_sealed(path):
        return False
    try:
        with path.open("rb") as file:
            file.seek(offset)
            return file.readline().endswith(b"\n")
    except FileNotFoundError:
        return False
