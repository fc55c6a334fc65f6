"""Where a chunked body ends, for a reader of certain ways (RFC 9112, 7.1)."""

from __future__ import annotations

import re

from zyphos_lab.smuggle.lines import (
    CR,
    LF,
    NeedMoreError,
    RefusedError,
    blank_behind_token,
    is_token,
    line_of,
)
from zyphos_lab.smuggle.ways import Ways

HEX = b"0123456789abcdefABCDEF"
SIZE = re.compile(rb"(?:0[xX](?=[0-9a-fA-F]))?([0-9a-fA-F]+)")
SIZE_DIGITS_MAX = 15
EXTENSION_BYTES_MAX = 8192
EXTENSION = frozenset(range(0x20, 0x7F)) | frozenset(range(0x80, 0x100)) | {0x09}


def chunked_end(data: bytes, at: int, ways: Ways) -> int:
    """The first byte behind the body that begins at `at`."""
    while True:
        line, at = _size_line(data, at, ways)
        size = _size(line, ways)
        if size == 0:
            return _trailers_end(data, at, ways) if ways.trailers else at
        at = _data_end(data, at + size, ways)


def _size_line(data: bytes, at: int, ways: Ways) -> tuple[bytes, int]:
    begin = at
    while at < len(data):
        if data[at] == LF:
            if _lf_ends(b";" in data[begin:at], ways):
                return data[begin:at], at + 1
        elif data[at] == CR:
            if at + 1 == len(data):
                break
            if data[at + 1] == LF:
                return data[begin:at], at + 2
            if ways.cr == "refuse":
                raise RefusedError("bare_cr")
        at += 1
    raise NeedMoreError


def _lf_ends(extended: bool, ways: Ways) -> bool:
    what = ways.extension if extended else ways.lf
    if what == "refuse":
        raise RefusedError("chunk_extension" if extended else "bare_lf")
    return what == "end"


def _size(line: bytes, ways: Ways) -> int:
    text, semicolon, extension = line.partition(b";")
    if ways.extension == "refuse":
        _check_extension(extension)
    if ways.size == "refuse":
        text = text.rstrip(b" \t") if semicolon else text
        if not 0 < len(text) <= SIZE_DIGITS_MAX or not set(text) <= set(HEX):
            raise RefusedError("chunk_size")
        return int(text, 16)
    found = SIZE.match(text)
    if found is None:
        raise RefusedError("chunk_size")
    size = int(found[1], 16)
    return size % (1 << 32) if ways.size == "wrap" else size


def _check_extension(extension: bytes) -> None:
    if len(extension) > EXTENSION_BYTES_MAX or not set(extension) <= EXTENSION:
        raise RefusedError("chunk_extension")


def _data_end(data: bytes, at: int, ways: Ways) -> int:
    if at + 2 > len(data):
        raise NeedMoreError
    if data[at : at + 2] == b"\r\n" or ways.chunk_end == "skip":
        return at + 2
    if data[at] == LF and ways.lf == "end":
        return at + 1
    if ways.chunk_end == "refuse":
        raise RefusedError("chunk_end")
    return at


def _trailers_end(data: bytes, at: int, ways: Ways) -> int:
    while True:
        line, at = line_of(data, at, ways)
        if not line:
            return at
        if ways.odd == "refuse":
            _check_trailer(line)


def _check_trailer(line: bytes) -> None:
    name, colon, _ = line.partition(b":")
    if line[:1] in (b" ", b"\t"):
        raise RefusedError("fold")
    if blank_behind_token(name):
        raise RefusedError("space_before_colon")
    if not (colon and is_token(name)):
        raise RefusedError("field_name")
