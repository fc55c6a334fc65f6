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
    change_words,
    floor_text,
    metric_words,
    size_of,
    times,
    where_text,
)
from zyphos_lab.stats import CANNOT_TELL, SAME, differs
from zyphos_lab.units import format_quantity

CLAUSES_MAX = 3
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
    same = [delta for delta in group if delta.comparison.verdict == SAME]
    open_ = [delta for delta in group if delta.comparison.verdict == CANNOT_TELL]
    clauses = [_difference(cluster, universe) for cluster in _clusters(different)]
    if clauses:
        clauses[0] = f"makes {words} {clauses[0]}"
    if open_:
        clauses.append(_unknown(open_, universe, "" if clauses else words))
    if same:
        clauses.append(_nothing(same, universe, "" if clauses else words))
    return Finding(
        opening=change_words(first.factor, first.value, first.baseline),
        metric=first.metric,
        clauses=tuple(clauses),
        strength=max((_log_size(delta) for delta in different), default=0.0),
    )


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
    text = f"{' to '.join(texts)} {cluster[0].comparison.verdict}"
    if len(cluster) == len(universe) and len(universe) > 1:
        where = "everywhere"
    return " ".join(part for part in (text, where, _detail(cluster)) if part)


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
    where = where_text([d.comparison.conditions for d in open_], universe)
    reasons = list(dict.fromkeys(d.comparison.reason for d in open_ if d.comparison.reason))
    why = f"({reasons[0]})" if len(reasons) == 1 else ""
    start = f"leaves {words} undecided" if words else "it cannot be told"
    clause = " ".join(part for part in (start, where, why) if part)
    largest = max(open_, key=_log_size)
    if _log_size(largest) <= GAP:
        return clause
    place = where_text([largest.comparison.conditions], universe)
    size = times(size_of(largest.comparison.ratio or 1.0))
    seen = " ".join(part for part in (size, place, _values(largest)) if part)
    return f"{clause}; the largest change seen there, untested, is {seen}"


def _nothing(same: Sequence[Delta], universe: Sequence[Conditions], words: str) -> str:
    floor = floor_text(max(d.comparison.floor for d in same))
    if not words:
        return f"everywhere else it changes nothing beyond {floor}"
    if len(same) == len(universe) == 1:
        return f"changes {words} by less than {floor}"
    return f"changes {words} nowhere by more than {floor}"
