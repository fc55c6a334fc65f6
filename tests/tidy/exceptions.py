"""The one list of exceptions to the limits, each with its reason. One that is no longer needed
fails the test, so that the list only holds what is true."""

from collections.abc import Iterable
from dataclasses import dataclass

from tidy.tree import Complaint


@dataclass(frozen=True)
class Exempt:
    """Rule, path and (for functions) name; why it reads better so."""

    rule: str
    path: str
    name: str
    reason: str

    def covers(self, complaint: Complaint) -> bool:
        named = not self.name or complaint.what.startswith(f"{self.name}: ")
        return (self.rule, self.path) == (complaint.rule, complaint.path) and named


EXCEPTIONS: list[Exempt] = []


def remaining(complaints: Iterable[Complaint], exempt: list[Exempt]) -> list[Complaint]:
    return [c for c in complaints if not any(e.covers(c) for e in exempt)]


def unused(complaints: Iterable[Complaint], exempt: list[Exempt]) -> list[Exempt]:
    every = list(complaints)
    return [e for e in exempt if not any(e.covers(c) for c in every)]
