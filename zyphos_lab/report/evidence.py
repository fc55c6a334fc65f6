"""A reason's evidence as people read it: each number with the unit of its column.

Knows metrics and units; does not know what the numbers mean for a verdict (verdicts.py does).
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from zyphos_lab.metrics import lookup
from zyphos_lab.units import format_quantity
from zyphos_lab.verdicts import KINDS

PLAIN = {
    "VALID": "Nothing was found that speaks against these numbers.",
    "DEGRADED": "The numbers stand, with the reasons below against them.",
    "INVALID": "These numbers must not be used, for the reasons below.",
}
# Numbers that people are shown only beside a verdict and an interval, which evidence has not. The
# values before and after a change say how large it is; answer.json has its p.
BARE = ("p",)
MEANINGS = {kind.code: kind.meaning for kind in KINDS}


def meaning(code: str) -> str:
    """What a reason with this code says, whatever the numbers; '' for an unknown one."""
    return MEANINGS.get(code, "")


def lines(evidence: Mapping[str, Any]) -> list[tuple[str, str]]:
    """(name, value as text) of each entry; what was not there is left out, and a p (BARE)."""
    known = {name: value for name, value in evidence.items() if value is not None}
    return [(name, shown(name, value)) for name, value in known.items() if name not in BARE]


def shown(name: str, value: Any) -> str:
    """`412 ms`, `0.913`, `stress (pid 7) 90%, ...`, or the value as JSON."""
    metric = lookup(name)
    if isinstance(value, bool) or value is None:
        return json.dumps(value)
    if isinstance(value, int | float):
        return format_quantity(value, metric.unit if metric and metric.unit != "text" else "ratio")
    if name == "host_hogs":
        return ", ".join(f"{h['comm']} (pid {h['pid']}) {h['cpu_ratio']:.0%}" for h in value)
    return value if isinstance(value, str) else json.dumps(value)
