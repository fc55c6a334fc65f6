"""A reading as rows: a name, what it is now (a rate per second, or a value), and since the start.

What is 0 or absent since the start has no row. Knows no terminal.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from zyphos_lab import metrics
from zyphos_lab.probes.base import Value
from zyphos_lab.trace.session import Reading
from zyphos_lab.units import format_duration, format_quantity

SIDE = "server_"
# Unit of a column that metrics.py does not list (those of a script), by how its name ends.
ENDINGS = {"_ns": "ns", "_bytes": "bytes", "_ratio": "ratio", "_per_second": "per_second"}
# Evidence for a trial's verdict, which tells nothing of a process.
UNSHOWN = re.compile(r"host_(window_ns|hogs|pinned|cpus_watched|clock_.*)")


@dataclass(frozen=True, slots=True)
class Row:
    """`order` is what rows of one probe are sorted by, the busiest first; levels come after."""

    probe: str
    name: str
    now: str
    total: str
    order: float


def rows(interval: Reading, total: Reading) -> list[Row]:
    """In the order of probes, within one the busiest first."""
    found = []
    for probe, columns in total.columns.items():
        now = interval.columns.get(probe, {})
        part = [
            _row(probe, name, now.get(name), value, interval, total)
            for name, value in columns.items()
            if value and not UNSHOWN.fullmatch(name)
        ]
        found += sorted(part, key=lambda row: -row.order)
    return found


def _row(probe: str, name: str, now: Value, value: Value, interval: Reading, total: Reading) -> Row:
    short = name.removeprefix(SIDE)
    if isinstance(value, str | bool):
        return Row(probe, short, str(value), "", -2)
    assert value is not None
    unit = unit_of(name)
    if name not in total.counted:
        level = value if now is None or isinstance(now, str) else now
        return Row(probe, short, format_quantity(level, unit), format_quantity(value, unit), -1)
    seconds = max(interval.duration_ns, 1) / 1e9
    rate = "-" if now is None else rate_text(float(now) / seconds, unit)
    return Row(probe, short, rate, format_quantity(value, unit), float(value))


def unit_of(name: str) -> str:
    """As in metrics.py; of a column that it does not list, by the name's ending."""
    metric = metrics.lookup(name)
    if metric is not None:
        return metric.unit
    return next((unit for end, unit in ENDINGS.items() if name.endswith(end)), "count")


def rate_text(per_second: float, unit: str) -> str:
    """`203k/s`, `1.20 MiB/s`; time per second as `12.0 ms/s`."""
    if unit == "ns":
        return f"{format_duration(per_second)}/s"
    return f"{format_quantity(per_second, unit)}/s"


def by_value(reading: Reading, prefix: str, suffix: str = "") -> Iterator[tuple[str, float]]:
    """(rest of the name, value) of the counted columns of a family, the greatest first."""
    found = [
        (name.removeprefix(prefix).removesuffix(suffix), float(value))
        for name, value in reading.flat().items()
        if name.startswith(prefix) and name.endswith(suffix) and name in reading.counted
        and isinstance(value, int | float) and value
    ]  # fmt: skip
    yield from sorted(found, key=lambda pair: -pair[1])
