"""What a verification counts: numbers that are the same, numbers that differ, and the rest."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import Any

EXACT = 1e-9
BLOCKS_MIN = 6
ESTIMATE = ("value", "low", "high", "smallest", "largest", "n", "at_least")


@dataclass(frozen=True)
class Difference:
    """Where a number stands, what is told there, and what the store gives."""

    place: str
    told: Any
    found: Any

    def __str__(self) -> str:
        return f"{self.place}: told {self.told}, the store gives {self.found}"


@dataclass
class Check:
    """What was compared so far. `within`: how many of the verified are held within an error only,
    `unverified`: how many numbers have no second way, both by kind.
    """

    verified: int = 0
    differences: list[Difference] = field(default_factory=list)
    within: Counter[str] = field(default_factory=Counter)
    unverified: Counter[str] = field(default_factory=Counter)

    def same(self, place: str, told: Any, found: Any, within: float = EXACT) -> None:
        """Counts one number, and notes it where the two differ by more than `within` of it."""
        self.verified += 1
        if not _equal(told, found, within):
            self.differences.append(Difference(place, told, found))

    def drawn(self, place: str, told: Any, found: str, holds: bool, kind: str) -> None:
        """Counts one number that the report has drawn: `holds` within the error that `kind` says;
        `found` is what it should be.
        """
        self.verified += 1
        self.within[kind] += 1
        if not holds:
            self.differences.append(Difference(place, told, found))

    def estimate(self, place: str, told: Mapping[str, Any], found: Mapping[str, Any]) -> None:
        """Every number of an estimate."""
        for name in ESTIMATE:
            self.same(f"{place} {name}", told[name], found[name])

    def as_dict(self) -> dict[str, Any]:
        return {
            "verified": self.verified,
            "differences": [vars(one) for one in self.differences],
            "within": dict(self.within),
            "unverified": {what: count for what, count in self.unverified.items() if count},
        }


def _equal(told: Any, found: Any, within: float) -> bool:
    if any(one is None or isinstance(one, bool | str | Collection) for one in (told, found)):
        return bool(told == found)
    return math.isclose(told, found, rel_tol=within, abs_tol=1e-12)


def label(value: Any) -> str:
    """A factor's value as it stands in a cell's name."""
    return str(value).lower() if isinstance(value, bool) else str(value)
