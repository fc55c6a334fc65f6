"""The version of a program written in Go, from what its compiler left in it.

`go install` builds programs whose `-version` is empty: that text is set by a project's own release
script. The build information is in every Go program since 1.18, as `go version -m` shows it.
Source: src/debug/buildinfo/buildinfo.go of Go 1.18 and later. Reads files, runs nothing.
"""

from __future__ import annotations

import mmap
from pathlib import Path

MAGIC = b"\xff Go buildinf:"
ALIGN_BYTES = 16
FLAGS_AT = 15
INLINE_STRINGS = 2
STRINGS_AT = 32
GUARD_BYTES = 16  # before and after the module information
VARINT_BYTES_MAX = 10


def version(program: Path) -> str | None:
    """The main module's version ("v12.12.0", "(devel)"); None where it does not say, is older than
    Go 1.18, or is no Go program. OSError where it cannot be read. Cost: one search of the file.
    """
    with program.open("rb") as file:
        if program.stat().st_size == 0:
            return None
        with mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
            return _in(data)


def _in(data: mmap.mmap) -> str | None:
    at = data.find(MAGIC)
    while at >= 0 and at % ALIGN_BYTES:
        at = data.find(MAGIC, at + 1)
    if at < 0 or len(data) < at + STRINGS_AT or not data[at + FLAGS_AT] & INLINE_STRINGS:
        return None
    _, behind = _text(data, at + STRINGS_AT)
    modules, _ = _text(data, behind)
    for line in modules[GUARD_BYTES:-GUARD_BYTES].decode("utf-8", "replace").splitlines():
        kind, *words = line.split("\t")
        if kind == "mod" and len(words) > 1:
            return words[1]
    return None


def _text(data: mmap.mmap, at: int) -> tuple[bytes, int]:
    """A string and where it ends: its length stands before it as a varint."""
    length = 0
    for place, byte in enumerate(data[at : at + VARINT_BYTES_MAX]):
        length |= (byte & 0x7F) << (7 * place)
        if byte < 0x80:
            begin = at + place + 1
            return data[begin : begin + length], begin + length
    return b"", at
