"""What one trial gave: its row, its histograms, and how the columns are derived.

Every derived column (per request, ratio, percentile) is made here and nowhere else. It does not
know how a trial is run nor where records are kept.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True, slots=True)
class Record:
    """One trial: `row` has one entry per quantity (units in the names, None where it is missing).

    `histograms` maps a metric to base64 of an HdrHistogram V2 compressed; `intervals` lists the
    slices of the window, each {start_ns, requests_done, <metric>: base64}.
    """

    row: dict[str, Any]
    histograms: dict[str, str] = field(default_factory=dict)
    intervals: list[dict[str, Any]] = field(default_factory=list)
