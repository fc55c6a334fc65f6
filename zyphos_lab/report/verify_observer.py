"""What the costly probes changed, once more: from the pairs in SQL, by plain enumeration."""

from __future__ import annotations

import math
from collections.abc import Mapping
from statistics import median
from typing import Any

import numpy as np

from zyphos_lab.report import verify_drawn as drawn
from zyphos_lab.report import verify_flips as flips
from zyphos_lab.report.verify_check import Check
from zyphos_lab.report.verify_sql import ALWAYS, Numbers

NUMBERS = ("pairs", "change", "plain", "instrumented", "low", "high")


def of_pairs(numbers: Numbers, metric: str, cell: str) -> dict[str, float | None]:
    """NUMBERS of a metric in a cell ('': all together); without `low` and `high` where there are
    too many pairs to enumerate.
    """
    found = [one for one in numbers.paired(metric) if cell in ("", one[0])]
    told: dict[str, float | None] = dict.fromkeys(NUMBERS)
    told["pairs"] = len(found)
    if not found:
        return told
    logs = [math.log(instrumented / plain) for _, plain, instrumented in found]
    told["change"] = math.exp(sum(logs) / len(logs)) - 1
    if cell or _cells(numbers) == 1:
        _, plain, instrumented = zip(*found, strict=True)
        told["plain"], told["instrumented"] = median(plain), median(instrumented)
    if len(logs) > flips.BLOCKS_MAX:
        del told["low"], told["high"]
    elif (ends := flips.interval(np.array(logs))) is not None:
        told["low"], told["high"] = ends[0] - 1, ends[1] - 1
    return told


def _cells(numbers: Numbers) -> int:
    """How many cells have pairs."""
    return len({cell for cell, _, _ in numbers.paired(ALWAYS)})


def hold(check: Check, numbers: Numbers, one: Mapping[str, Any]) -> None:
    """Every number of one metric in one cell."""
    found, place = of_pairs(numbers, one["metric"], one["cell"]), f"{one['cell']} {one['metric']}"
    for name, value in found.items():
        check.same(f"observer {place} {name}", one[name], value)
    if "low" not in found:
        pairs = numbers.paired(one["metric"])
        logs = [math.log(b / a) for cell, a, b in pairs if one["cell"] in ("", cell)]
        ends = [None if one[name] is None else 1 + one[name] for name in ("low", "high")]
        drawn.hold_ends(check, f"observer {place}", ends, np.array(logs), drawn.BLOCKS)
