"""Readers of HTTP/1 requests as models: in what a reader departs from RFC 9112, each as one switch.

`strict` departs in nothing and refuses. The others are what implementations have been found to do,
by the papers and CVEs that the techniques name. Knows how no request is read: reader.py.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal


@dataclass(frozen=True, slots=True)
class Ways:
    """What a reader does where the RFC has it refuse. The defaults are a strict reader's."""

    both: Literal["refuse", "coding", "length"] = "refuse"  # Content-Length with Transfer-Encoding
    coding: Literal["refuse", "ignore", "anywhere", "last"] = "refuse"  # other than `chunked`
    lengths: Literal["refuse", "first", "last"] = "refuse"  # several that differ
    number: Literal["refuse", "prefix", "ignore"] = "refuse"  # a length that is no number
    lf: Literal["refuse", "end", "keep"] = "refuse"  # LF without CR before it
    cr: Literal["refuse", "end", "keep"] = "refuse"  # CR without LF behind it
    fold: Literal["refuse", "join", "field", "ignore"] = "refuse"  # a line that begins with blanks
    space: Literal["refuse", "strip", "ignore"] = "refuse"  # before the colon
    odd: Literal["refuse", "keep", "ignore"] = "refuse"  # other characters that no name has
    control: Literal["refuse", "keep", "strip"] = "refuse"  # NUL and others in a value
    underscore: bool = False  # `_` in a name is `-`, as CGI's variables have it
    hosts: Literal["refuse", "first"] = "refuse"  # none, several, or another than the target's
    bodies: bool = True  # False: none is expected, whatever the fields say (CL.0)
    bodies_of_get: bool = True
    old_coding: bool = False  # Transfer-Encoding in HTTP/1.0 counts
    expects: bool = False  # Expect: its answer is waited for and the body not read
    expectation: Literal["refuse", "ignore"] = "refuse"  # another than 100-continue
    size: Literal["refuse", "prefix", "wrap"] = "refuse"  # of a chunk, no number or too large
    extension: Literal["refuse", "end", "keep"] = "refuse"  # bare LF in it
    chunk_end: Literal["refuse", "skip", "optional"] = "refuse"  # no CRLF behind its data
    trailers: bool = True  # False: a body ends with the chunk 0's own line
    blank_lines: int = 1  # empty lines before a request that are ignored


STRICT = Ways()
# Takes whatever can be taken, by the RFC's own precedence.
_EASY = Ways(
    both="coding",
    coding="last",
    lengths="first",
    number="prefix",
    lf="end",
    cr="keep",
    fold="join",
    space="strip",
    odd="keep",
    control="keep",
    hosts="first",
    old_coding=True,
    expectation="ignore",
    size="prefix",
    extension="keep",
    blank_lines=8,
)

READERS: dict[str, Ways] = {
    "strict": STRICT,
    "coding": _EASY,
    "length": replace(_EASY, both="length"),
    "coding_anywhere": replace(_EASY, coding="anywhere", control="strip"),
    "coding_exact": replace(_EASY, coding="ignore", control="keep"),
    "length_last": replace(_EASY, both="length", lengths="last"),
    "length_digits": replace(_EASY, number="ignore"),
    "no_body": replace(_EASY, bodies=False),
    "no_body_of_get": replace(_EASY, bodies_of_get=False),
    "expects": replace(_EASY, expects=True),
    "lf_kept": replace(_EASY, lf="keep"),
    "cr_ends": replace(_EASY, cr="end"),
    "fold_field": replace(_EASY, fold="field"),
    "fold_ignored": replace(_EASY, fold="ignore"),
    "odd_ignored": replace(_EASY, odd="ignore", space="ignore"),
    "underscore": replace(_EASY, underscore=True),
    "old_coding_ignored": replace(_EASY, old_coding=False),
    "extension_ends": replace(_EASY, extension="end"),
    "chunk_end_skipped": replace(_EASY, chunk_end="skip"),
    "chunk_end_optional": replace(_EASY, chunk_end="optional"),
    "size_wraps": replace(_EASY, size="wrap"),
    "no_trailers": replace(_EASY, trailers=False),
}
