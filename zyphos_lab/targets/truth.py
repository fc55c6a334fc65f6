"""The reference server's truth about one window as columns of a record.

From the kernel's RX timestamp of a request to the TX timestamp of its answer: no clock of the
ruler is in it. Pure functions.
"""

from __future__ import annotations

import base64
from collections.abc import Mapping
from typing import Any

from zyphos_lab.metrics import QUANTILES
from zyphos_lab.probes.native import core
from zyphos_lab.record import PROBABILITIES, Row, Skipped

METRIC = "server_delay_ns"
LOST = "server_requests_lost"


def columns(truth: Mapping[str, Any] | None) -> tuple[Row, Skipped]:
    """Columns of what the server said; nothing for other targets (None)."""
    if truth is None:
        return {}, {}
    if not truth["requests_received"]:
        names = [f"{METRIC}_{name}" for name in QUANTILES]
        return dict.fromkeys([*names, LOST]), {METRIC: "the reference server keeps no truth here"}
    delays = histogram(truth, "delay_ns")
    row: Row = {LOST: truth["requests_lost"]}
    values = {"mean": delays.mean, "min": delays.min, "max": delays.max}
    values |= {name: delays.quantile(q) for name, q in PROBABILITIES.items()}
    row.update({f"{METRIC}_{name}": values[name] for name in QUANTILES})
    return row, {} if delays.count else {METRIC: "the kernel gave no timestamps"}


def histogram(truth: Mapping[str, Any], name: str) -> Any:
    """`delay_ns` (kernel's) or `asked_ns` (the law's) of a truth, decoded."""
    return core().Histogram.decode(base64.b64decode(truth["histograms"][name]))
