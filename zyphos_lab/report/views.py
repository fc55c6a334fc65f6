"""The Answer arranged for tables: what terminal, page and notebook have in common."""

from __future__ import annotations

from dataclasses import dataclass

from zyphos_lab.report.model import Answer, Delta
from zyphos_lab.report.words import conditions_text, varied


@dataclass(frozen=True)
class Group:
    """One factor against its baseline in one metric: a table with a line per arm and condition.

    `names` are the conditions that vary within it, `values` the factor's values that do.
    """

    metric: str
    factor: str
    baseline: str
    values: tuple[str, ...]
    names: tuple[str, ...]
    deltas: tuple[Delta, ...]

    @property
    def change(self) -> str:
        return f"{self.factor} {self.baseline} -> {', '.join(self.values)}"

    @property
    def title(self) -> str:
        return f"{self.metric}: {self.change}"

    @property
    def value(self) -> str:
        """Head of the column of values: the value itself where there is but one."""
        return self.values[0] if len(self.values) == 1 else "value"

    def condition(self, delta: Delta) -> str:
        return conditions_text(delta.comparison, self.names)

    def place(self, delta: Delta) -> str:
        """The line's label: its condition, and which arm where there are several."""
        arm = f"{self.factor}={delta.comparison.value}" if len(self.values) > 1 else ""
        return " ".join(part for part in (self.condition(delta), arm) if part) or "everywhere"


def groups(answer: Answer) -> list[Group]:
    """In the order of the metrics; lines condition by condition, in the order of the file."""
    found: dict[tuple[str, str, str], list[Delta]] = {}
    for delta in answer.deltas:
        c = delta.comparison
        found.setdefault((c.metric, c.factor, c.baseline), []).append(delta)
    shown = [column.name for column in answer.columns]
    made = [_group(*key, deltas) for key, deltas in found.items()]
    return sorted(made, key=lambda group: shown.index(group.metric))


def _group(metric: str, factor: str, baseline: str, deltas: list[Delta]) -> Group:
    conditions = list(dict.fromkeys(delta.comparison.conditions for delta in deltas))
    return Group(
        metric=metric,
        factor=factor,
        baseline=baseline,
        values=tuple(dict.fromkeys(delta.comparison.value for delta in deltas)),
        names=tuple(varied(conditions)),
        deltas=tuple(sorted(deltas, key=lambda d: conditions.index(d.comparison.conditions))),
    )
