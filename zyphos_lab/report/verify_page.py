"""The marked numbers of report.html, and whether a printed number is its full value, rounded.

Reads the page as a browser does, and nothing of what made it. Units are those that people read.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from html.parser import HTMLParser
from typing import Any

SCALES = {
    "ns": 1.0, "us": 1e3, "ms": 1e6, "s": 1e9, "min": 6e10, "h": 3.6e12,
    "B": 1.0, "KiB": 2.0**10, "MiB": 2.0**20, "GiB": 2.0**30,
    "k": 1e3, "M": 1e6, "G": 1e9, "%": 0.01, "x": 1.0, "": 1.0,
}  # fmt: skip
THOUSANDS = ("k", "M", "G")
NUMBER = re.compile(
    r"(?<![\w.=])(-?\d+(?:\.\d+)?)(?: ?(ns|us|ms|min|KiB|MiB|GiB|[sBhkMG%x])(?![A-Za-z]))?"
    r"(?![\w.]*[A-Za-z])"
)
DIGITS = 3  # significant ones


@dataclass(frozen=True)
class Mark:
    """A piece of the page: where its number comes from, its full values, and what is printed."""

    source: dict[str, Any]
    values: list[float | None]
    text: str


class _Reader(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.marks: list[Mark] = []
        self._open: list[str] = []  # tags since the mark began
        self._source: str | None = None
        self._values = self._text = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        found = dict(attrs)
        if self._source is not None:
            self._open.append(tag)
        elif "data-source" in found:
            self._source, self._values = found["data-source"] or "", found["data-value"] or ""
            self._text = ""

    def handle_data(self, data: str) -> None:
        self._text += data

    def handle_endtag(self, tag: str) -> None:
        if self._source is None:
            return
        if self._open:
            self._open.pop()
            return
        source, values = json.loads(self._source), json.loads(self._values)
        self.marks.append(Mark(source, values, self._text))
        self._source = None


def marks(page: str) -> list[Mark]:
    """Every mark of the page, in order. ValueError where one cannot be read."""
    reader = _Reader()
    reader.feed(page)
    return reader.marks


@dataclass(frozen=True)
class Printed:
    """A printed number in its base unit; half of its last digit's worth; whether it had a unit."""

    value: float
    half: float
    has_unit: bool

    def rounds(self, value: float | None) -> bool:
        """Whether it is `value`, rounded as it is printed."""
        return value is not None and abs(self.value - value) <= self.half * 1.0001


def printed(text: str) -> Iterator[Printed]:
    """Each number with its unit taken in. `[43.7, 44.1]` has the unit of the number before it, but
    not its thousands: `1.02k [925, 1.51k]`."""
    last = 1.0
    for found in NUMBER.finditer(text):
        unit, before = found[2] or "", text[: found.start()]
        bracketed = not unit and before.rfind("[") > before.rfind("]")
        scale = last if bracketed else SCALES[unit]
        last = 1.0 if unit in THOUSANDS else scale
        whole, _, decimals = found[1].partition(".")
        rounded_digits = max(0, len(whole.lstrip("-")) - DIGITS)  # 1230 stands for 1225 to 1235
        half = 0.5 * 10.0 ** (rounded_digits - len(decimals))
        yield Printed(float(found[1]) * scale, half * scale, bool(unit) or bracketed)


def misprints(text: str, values: Sequence[float | None]) -> list[str]:
    """Printed numbers that are none of the values."""
    return [
        f"{one.value:g}" for one in printed(text) if not any(one.rounds(value) for value in values)
    ]
