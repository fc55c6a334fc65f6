"""Stops of a server once more: the waits that follow from the journal's events of each trial.

By bisection on how much of the window waits longer, where the trial's columns come from a formula.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from zyphos_lab.report.hdr import QUANTILES
from zyphos_lab.report.verify_check import Check

SHARES = {**QUANTILES, "max": 1.0}
STEPS = 80
ROUNDED_NS = 1.0  # columns are whole nanoseconds


def hold(check: Check, events: Iterable[Mapping[str, Any]]) -> None:
    """The columns of every disturbed trial; `events` are the journal's of trials."""
    for event in events:
        row, done = event["row"], event.get("events") or []
        stops = [one for one in done if one["kind"] == "stop"]
        if not stops:
            continue
        lengths = [stop["continued_ns"] - stop["stopped_ns"] for stop in stops]
        place = f"trial {row['trial']}"
        check.same(f"{place} server_stopped_ns", row["server_stopped_ns"], sum(lengths))
        for name, share in SHARES.items():
            column = f"stall_ns_{name}"
            found = wait_ns(lengths, row["window_ns"], share)
            near = abs(row[column] - found) <= ROUNDED_NS
            check.same(f"{place} {column}", row[column], row[column] if near else found)


def wait_ns(lengths: Sequence[int], window_ns: int, share: float) -> float:
    """The least wait that no more than 1 - `share` of the window's moments exceed."""
    low, high = 0.0, float(max(lengths))
    for _ in range(STEPS):
        middle = (low + high) / 2
        longer = sum(max(0.0, length - middle) for length in lengths)
        low, high = (middle, high) if longer > (1 - share) * window_ns else (low, middle)
    return high if high > ROUNDED_NS / 2 else 0.0
