"""Whether a trial stayed what it was: a change point within the measured window.

The warm-up was chosen before the run; what changes later only lowers the verdict. Looked at are the
median latency of the window's intervals and, where the load waits for answers, how many were done.
Laws that change by themselves (ramp, on-off, a trace) are left out, as are disturbed trials.
"""

from __future__ import annotations

import base64
from collections.abc import Mapping, Sequence
from typing import Any

from zyphos_lab.probes.native import core
from zyphos_lab.record import DEGRADED, Reason

# A trial has two series and a run a hundred trials: 1 % of each may be called changed by chance.
ALPHA = 0.01
FLOOR = 0.10  # smaller changes matter less than the next start does
CHANGING = ("ramp", "on-off", "trace")


def reasons(intervals: Sequence[Mapping[str, Any]], law: str) -> list[Reason]:
    """At most one reason, `not_stationary`. Some ms; the first time more, for statistics to load.

    Fewer intervals than stats.change.VALUES_MIN tell nothing.
    """
    if law in CHANGING:
        return []
    series = {"latency_ns_p50": [_median(part.get("latency_ns")) for part in intervals]}
    if law == "closed":
        series["requests_done"] = [float(part["requests_done"]) for part in intervals]
    found = (_change(name, values) for name, values in series.items())
    return [reason for reason in found if reason is not None][:1]


def _change(name: str, values: Sequence[float | None]) -> Reason | None:
    from zyphos_lab.stats.change import change_point

    known = [value for value in values if value is not None]
    change = change_point(known, ALPHA, FLOOR) if len(known) == len(values) else None
    if change is None:
        return None
    message = (
        f"not stationary: {name} changed from {change.before:.4g} to {change.after:.4g} in "
        f"interval {change.index} of {len(values)}"
    )
    evidence = {
        "metric": name,
        "before": change.before,
        "after": change.after,
        "interval": change.index,
        "intervals": len(values),
        "p": change.p,
    }
    return Reason(DEGRADED, "not_stationary", message, evidence)


def _median(text: str | None) -> float | None:
    """Of an interval's histogram; None where no request ended in it."""
    if not text:
        return None
    histogram = core().Histogram.decode(base64.b64decode(text))
    return float(histogram.quantile(0.5)) if histogram.count else None
