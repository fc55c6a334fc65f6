"""Where a line ends, for a reader of certain ways."""

from __future__ import annotations

from zyphos_lab.smuggle.ways import Ways

CR = 0x0D
LF = 0x0A
TOKEN = frozenset(b"!#$%&'*+-.^_`|~0123456789"
                  b"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ")  # fmt: skip


def is_token(name: bytes) -> bool:
    return bool(name) and set(name) <= TOKEN


def blank_behind_token(text: bytes) -> bool:
    """Whether the first character that is no token's is a blank, with some before it."""
    at = next((at for at, byte in enumerate(text) if byte not in TOKEN), 0)
    return at > 0 and text[at] in b" \t"


class RefusedError(Exception):
    """The reader refuses; `rule` is why (rules.py)."""

    def __init__(self, rule: str) -> None:
        super().__init__(rule)
        self.rule = rule


class NeedMoreError(Exception):
    """The bytes end before the request does."""


def line_of(data: bytes, at: int, ways: Ways) -> tuple[bytes, int]:
    """The line at `at` without its end, and where the next one begins."""
    begin = at
    while at < len(data):
        if data[at] == LF:
            if ways.lf == "refuse":
                raise RefusedError("bare_lf")
            if ways.lf == "end":
                return data[begin:at], at + 1
        elif data[at] == CR:
            if at + 1 == len(data):
                break
            if data[at + 1] == LF:
                return data[begin:at], at + 2
            if ways.cr == "refuse":
                raise RefusedError("bare_cr")
            if ways.cr == "end":
                return data[begin:at], at + 1
        at += 1
    raise NeedMoreError
