"""The answer in one plain sentence, and every finding in one line each.

Made from the comparisons alone: which factor, under which condition, how much, in human units;
cells with the same verdict and a like size are told together. Knows no experiment by name.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from zyphos_lab.report.model import Delta
from zyphos_lab.report.words import (
    Conditions,
    change_text,
    change_words,
    floor_text,
    metric_words,
    size_of,
    times,
    verdict_word,
    where_text,
)
from zyphos_lab.stats import CANNOT_TELL, SAME, differs
from zyphos_lab.units import format_quantity

CLAUSES_MAX = 3
METRICS_MAX = 2
GAP = math.log(2)  # sizes further apart than this are told apart


@dataclass(frozen=True)
class Finding:
    """What one change of one factor does to one metric, over all conditions."""

    opening: str
    metric: str
    clauses: tuple[str, ...]
    strength: float

    def text(self) -> str:
        return f"{self.opening} {'; '.join(self.clauses)}"


def findings(deltas: Sequence[Delta]) -> list[Finding]:
    """One finding per change and metric, in the order of the comparisons."""
    grouped: dict[tuple[str, str, str, str], list[Delta]] = {}
    for delta in deltas:
        c = delta.comparison
        grouped.setdefault((c.factor, c.value, c.baseline, c.metric), []).append(delta)
    return [_finding(group) for group in grouped.values()]


def sentence(found: Sequence[Finding], primary: Sequence[Finding]) -> str:
    """The sentence: the strongest primary findings, in their own order."""
    told = list(primary) or list(found)
    if not told:
        return "The experiment compares nothing; the table says what each cell measured."
    strongest = sorted(told, key=lambda finding: -finding.strength)[:CLAUSES_MAX]
    chosen = [finding for finding in told if finding in strongest]
    parts: list[str] = []
    opening = ""
    for finding in chosen:
        again = finding.opening == opening
        parts.append(f"it {'; '.join(finding.clauses)}" if again else finding.text())
        opening = finding.opening
    more = len(found) - len(chosen)
    tail = f" ({more} more {'finding' if more == 1 else 'findings'} in the table)" if more else ""
    return "; ".join(parts) + tail + "."


def _finding(group: Sequence[Delta]) -> Finding:
    first = group[0].comparison
    words = metric_words(first.metric)
    universe = [delta.comparison.conditions for delta in group]
    different = [delta for delta in group if differs(delta.comparison)]
    clauses = [_difference(cluster, universe) for cluster in _clusters(different)]
    clauses[:1] = [f"makes {words} {clause}" for clause in clauses[:1]]
    clauses += _rest(group, universe, "" if clauses else words)
    return Finding(
        opening=change_words(first.factor, first.value, first.baseline),
        metric=first.metric,
        clauses=tuple(clauses),
        strength=max(map(_log_size, different), default=0.0),
    )


def _rest(group: Sequence[Delta], universe: Sequence[Conditions], words: str) -> list[str]:
    """What is told of cells without a difference; `words` names the metric if it comes first."""
    clauses: list[str] = []
    for verdict, told in ((CANNOT_TELL, _unknown), (SAME, _nothing)):
        members = [delta for delta in group if delta.comparison.verdict == verdict]
        if members:
            clauses.append(told(members, universe, "" if clauses else words))
    return clauses


def against(deltas: Sequence[Delta]) -> str:
    """Several arms against one baseline: metric by metric, condition by condition."""
    first = deltas[0].comparison
    metrics = list(dict.fromkeys(d.comparison.metric for d in deltas))
    texts = [_arms([d for d in deltas if d.comparison.metric == m]) for m in metrics]
    left = len(texts) - METRICS_MAX
    more = f"; {left} more {'metric' if left == 1 else 'metrics'} in the table" if left > 0 else ""
    told = "; ".join(texts[:METRICS_MAX])
    return f"Against {first.factor}={first.baseline}, {told}{more}."


def _arms(deltas: Sequence[Delta]) -> str:
    """`requests per second is 1.06x higher with uring, undecided with epoll where pipeline=1`;
    conditions of which the same is told are told together.
    """
    universe = list(dict.fromkeys(d.comparison.conditions for d in deltas))
    places: dict[str, list[Conditions]] = {}
    for conditions in universe:
        members = [d for d in deltas if d.comparison.conditions == conditions]
        places.setdefault(_told(members), []).append(conditions)
    shown = list(places.items())[:CLAUSES_MAX]
    parts = [_joined(told, _place(where, universe)) for told, where in shown]
    left = len(universe) - sum(len(where) for _, where in shown)
    more = [f"{left} more {'condition' if left == 1 else 'conditions'} in the table"] * (left > 0)
    return f"{metric_words(deltas[0].comparison.metric)} is {'; '.join([*parts, *more])}"


def _place(where: Sequence[Conditions], universe: Sequence[Conditions]) -> str:
    return "everywhere" if len(where) == len(universe) > 1 else where_text(where, universe)


def _told(members: Sequence[Delta]) -> str:
    """`880x faster with one, the same within 1 % with writev and cork`, the largest first; of those
    undecided in the order of the comparisons, and without names where all are.
    """
    arms: dict[str, list[str]] = {}
    for delta in sorted(members, key=_by_size):
        c = delta.comparison
        text = "undecided" if c.verdict == CANNOT_TELL else change_text(c)
        arms.setdefault(f"{'the ' if c.verdict == SAME else ''}{text}", []).append(c.value)
    if [*arms] == ["undecided"] and len(members) > 1:
        return "undecided"
    return ", ".join(f"{text} with {_listed(values)}" for text, values in arms.items())


def _by_size(delta: Delta) -> float:
    return 0.0 if delta.comparison.verdict == CANNOT_TELL else -_log_size(delta)


def _listed(values: Sequence[str]) -> str:
    """`a`, `a and b`, `a, b and c`."""
    return " and ".join([*([", ".join(values[:-1])] if values[1:] else []), values[-1]])


def _clusters(different: Sequence[Delta]) -> list[list[Delta]]:
    """Differences of one verdict and like size, largest first."""
    ordered = sorted(different, key=lambda d: (d.comparison.verdict, -_log_size(d)))
    clusters: list[list[Delta]] = []
    for delta in ordered:
        last = clusters[-1] if clusters else None
        like = (
            last is not None
            and last[0].comparison.verdict == delta.comparison.verdict
            and _log_size(last[-1]) - _log_size(delta) <= GAP
        )
        if last is not None and like:
            last.append(delta)
        else:
            clusters.append([delta])
    return sorted(clusters, key=lambda cluster: -_log_size(cluster[0]))


def _log_size(delta: Delta) -> float:
    ratio = delta.comparison.ratio
    return abs(math.log(ratio)) if ratio else 0.0


def _difference(cluster: Sequence[Delta], universe: Sequence[Conditions]) -> str:
    sizes = sorted(size_of(d.comparison.ratio) for d in cluster if d.comparison.ratio)
    texts = list(dict.fromkeys([times(sizes[0]), times(sizes[-1])]))
    where = where_text([d.comparison.conditions for d in cluster], universe)
    text = f"{' to '.join(texts)} {verdict_word(cluster[0].comparison)}"
    if len(cluster) == len(universe) and len(universe) > 1:
        where = "everywhere"
    return " ".join(filter(None, (text, where, _detail(cluster), _unexplained(cluster, universe))))


def _unexplained(cluster: Sequence[Delta], universe: Sequence[Conditions]) -> str:
    """Which of the cells have no counter that moved; they are named where others have one."""
    without = [d.comparison.conditions for d in cluster if d.explained is False]
    if not without:
        return ""
    where = where_text(without, universe) if len(without) < len(cluster) else ""
    return f"({_joined('unexplained', where)}: no counter moved with it)"


def _detail(cluster: Sequence[Delta]) -> str:
    """`(43.9 ms -> 50.0 us, interval 860x to 900x)`; of several cells, values of the clearest."""
    first = cluster[0]
    values = _values(first)
    low, high = first.comparison.low, first.comparison.high
    if not values or low is None or high is None:
        return values
    if len(cluster) > 1:
        return f"(at most {values[1:-1]})"
    ends = sorted([size_of(low), size_of(high)])
    return f"({values[1:-1]}, interval {times(ends[0])} to {times(ends[1])})"


def _values(delta: Delta) -> str:
    """`(43.9 ms -> 50.0 us)`, or nothing."""
    if delta.value is None or delta.baseline_value is None:
        return ""
    before = format_quantity(delta.baseline_value, delta.unit)
    return f"({before} -> {format_quantity(delta.value, delta.unit)})"


def _unknown(open_: Sequence[Delta], universe: Sequence[Conditions], words: str) -> str:
    """`words` names the metric where no clause before did."""
    reasons = {d.comparison.reason for d in open_ if d.comparison.reason}
    start = f"leaves {words} undecided" if words else "it cannot be told"
    where = where_text([d.comparison.conditions for d in open_], universe)
    if not words and where.startswith("except"):  # all but what was told just before
        start, where = "elsewhere it cannot be told", ""
    clause = _joined(start, where, f"({reasons.pop()})" if len(reasons) == 1 else "")
    largest = max(open_, key=_log_size)
    if _log_size(largest) <= GAP:
        return clause
    place = where_text([largest.comparison.conditions], universe)
    seen = _joined(times(size_of(largest.comparison.ratio or 1.0)), place, _values(largest))
    return f"{clause}; the largest change seen there, untested, is {seen}"


def _joined(*parts: str) -> str:
    return " ".join(part for part in parts if part)


def _nothing(same: Sequence[Delta], universe: Sequence[Conditions], words: str) -> str:
    floor = floor_text(max(d.comparison.floor for d in same))
    if not words:
        return f"everywhere else it changes nothing beyond {floor}"
    if len(same) == len(universe) == 1:
        return f"changes {words} by less than {floor}"
    return f"changes {words} nowhere by more than {floor}"
