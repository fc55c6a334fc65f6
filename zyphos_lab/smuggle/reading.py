"""What a server made of a technique's bytes, and in how few signs that is said."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from zyphos_lab.smuggle.answers import Answer
from zyphos_lab.smuggle.technique import SMUGGLED_TARGET

AFTER_TARGET = "/after"
ABSOLUTE = re.compile(r"\Ahttps?://[^/?]*(?=[/?])")
End = Literal["closed", "open"]


@dataclass(frozen=True, slots=True)
class Reading:
    """Its answers in order. `end`: the server has closed, or still waited when patience ended."""

    answers: tuple[Answer, ...]
    end: End

    @property
    def refused(self) -> bool:
        """It read nothing of it as a request."""
        return self.end == "closed" and all(one.status >= 400 for one in self.answers)

    def sign(self) -> str:
        """`1`: one request, then the one behind. `1S`: the hidden one as well. `400`: refused.

        `wait`: it waits for more; `|`: it closed before what stands behind.
        """
        return said(self.answers, self.end)

    def shape(self) -> tuple[str, ...]:
        """What has to be the same for two servers to have read the same requests."""
        return tuple(_target(one) for one in self.answers if one.status < 400)


def _target(answer: Answer) -> str:
    """Without scheme and authority, which some servers take off before they show it."""
    return ABSOLUTE.sub("", answer.target) or "?"


def said(answers: Sequence[Answer], end: End) -> str:
    parts: list[str] = []
    count = 0
    for one in answers:
        if one.target == AFTER_TARGET:
            return _joined(parts, count)
        if one.status >= 400:
            parts, count = [*parts, str(count) if count else "", str(one.status)], 0
        elif one.target == SMUGGLED_TARGET:
            parts, count = [*parts, str(count) if count else "", "S"], 0
        else:
            count += 1
    text = _joined(parts, count)
    if end == "open":
        return f"{text} wait".strip()
    return text if text and answers[-1].status >= 400 else f"{text}|"


def _joined(parts: list[str], count: int) -> str:
    return "".join([*parts, str(count) if count else ""])
