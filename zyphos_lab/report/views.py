"""The Answer arranged for tables: what terminal and page have in common."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from zyphos_lab.report.model import Answer, Delta
from zyphos_lab.report.words import conditions_text, varied


@dataclass(frozen=True)
class Group:
    """One change of one factor in one metric: a table with a line per condition.

    `names` are the conditions that vary within it.
    """

    metric: str
    factor: str
    baseline: str
    value: str
    names: tuple[str, ...]
    deltas: tuple[Delta, ...]

    @property
    def title(self) -> str:
        return f"{self.metric}: {self.factor} {self.baseline} -> {self.value}"

    def place(self, delta: Delta) -> str:
        return conditions_text(delta.comparison, self.names)


def groups(answer: Answer) -> list[Group]:
    """In the order of the comparisons: metric by metric, change by change."""
    found: dict[tuple[str, str, str, str], list[Delta]] = {}
    for delta in answer.deltas:
        c = delta.comparison
        found.setdefault((c.metric, c.factor, c.baseline, c.value), []).append(delta)
    names = [column.name for column in answer.columns]
    ordered = sorted(found.items(), key=lambda entry: names.index(entry[0][0]))
    return [Group(*key, names=_names(deltas), deltas=tuple(deltas)) for key, deltas in ordered]


def _names(deltas: Sequence[Delta]) -> tuple[str, ...]:
    return tuple(varied([delta.comparison.conditions for delta in deltas]))
