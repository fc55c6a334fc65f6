"""Responses of HTTP/1 as they come off a connection, and what the server said that it had read.

Servers that answer `read METHOD TARGET [BODY_BYTES]` as their body (app `report` of ours, and what
peers.yaml starts) say so themselves; of others only the statuses are known. No I/O.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

READ = re.compile(rb"read (\S+) (\S+)(?: (\d+))?\s*\Z")
STATUS = re.compile(rb"HTTP/1\.[01] (\d{3})[ \r]")
LENGTH = re.compile(rb"(?i)^content-length:\s*(\d+)\s*$", re.MULTILINE)
CHUNKED = re.compile(rb"(?i)^transfer-encoding:.*chunked\s*$", re.MULTILINE)
CHUNK = re.compile(rb"([0-9a-fA-F]+)[^\n]*\r\n")


@dataclass(frozen=True, slots=True)
class Answer:
    """`read`: "METHOD TARGET" as the server had it, "" where it did not say."""

    status: int
    read: str = ""
    body_bytes: int | None = None

    @property
    def target(self) -> str:
        return self.read.partition(" ")[2]


def answers(data: bytes) -> list[Answer]:
    """All whole responses but interim ones (1xx); one whose end the close is counts as whole.

    What begins without a status line is an answer of HTTP/0.9.
    """
    return [answer for answer, _ in _each(data)]


def first_end(data: bytes) -> int:
    """Where the first response ends; 0 where there is none."""
    return next((end for _, end in _each(data)), 0)


def _each(data: bytes) -> Iterator[tuple[Answer, int]]:
    if old := None if data.startswith(b"HTTP/") else READ.match(data):
        yield _answer(200, old[0]), len(data)
    at = 0
    while status := STATUS.match(data, at):
        head_end = data.find(b"\r\n\r\n", at)
        if head_end < 0:
            return
        head, at = data[at:head_end], head_end + 4
        code = int(status[1])
        if code < 200 and code != 101:
            continue
        body, at = _body(head, code, data, at)
        if at <= len(data):
            yield _answer(code, body), at
        if code == 101:
            return


def _body(head: bytes, code: int, data: bytes, at: int) -> tuple[bytes, int]:
    """The body and where it ends. Responses to HEAD have none, whatever their fields say."""
    if code in (101, 204, 304) or data.startswith(b"HTTP/1.", at):
        return b"", at
    if length := LENGTH.search(head):
        end = at + int(length[1])
        return data[at:end], end
    if CHUNKED.search(head):
        return _chunks(data, at)
    return data[at:], len(data)


def _chunks(data: bytes, at: int) -> tuple[bytes, int]:
    parts = []
    while size := CHUNK.match(data, at):
        at = size.end() + int(size[1], 16)
        parts.append(data[size.end() : at])
        at += 2
        if not parts[-1]:
            break
    return b"".join(parts), at


def _answer(code: int, body: bytes) -> Answer:
    read = READ.search(body) if code < 400 else None
    if read is None:
        return Answer(code)
    words = f"{read[1].decode('latin-1')} {read[2].decode('latin-1')}"
    return Answer(code, words, int(read[3]) if read[3] else None)
