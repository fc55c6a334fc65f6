"""Percentiles that another tool printed, once more from its own text in the run's journal.

Each tool's text is searched for the number itself, and not read as zyphos_lab/rulers reads it.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

# Tool -> the text, what stands before a percentile's number, and its unit in ns.
PATTERNS = {
    "wrk": ("output", r'^zyphos .*"{wrk}":', 1e3),
    "ab": ("ab.csv", r"^{ab},", 1e6),
    "oha": ("oha.json", r'"latencyPercentiles"[^}}]*"{oha}":\s*', 1e9),
}
NAMES = {
    "p50": {"wrk": "p50", "ab": "50", "oha": "p50"},
    "p90": {"wrk": "p90", "ab": "90", "oha": "p90"},
    "p99": {"wrk": "p99", "ab": "99", "oha": "p99"},
    "p99_9": {"wrk": "p99_9", "oha": r"p99\.9"},
}
NUMBER = r"([0-9.]+(?:[eE][-+]?[0-9]+)?)"


def known(tool: str | None, said: Mapping[str, str]) -> bool:
    """Whether there is a text to read."""
    return tool in PATTERNS and PATTERNS[tool][0] in said


def percentile(tool: str, said: Mapping[str, str], name: str) -> float | None:
    """`name` (p50, p99_9) in ns; None where the text does not have it."""
    file, before, unit = PATTERNS[tool]
    if tool not in NAMES[name]:
        return None
    found = re.search(before.format(**NAMES[name]) + NUMBER, said[file], re.MULTILINE)
    return float(found[1]) * unit if found else None
