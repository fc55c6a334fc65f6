"""From the maps that bpftrace prints as JSON, at two moments, to columns. Pure.

Shapes (src/output.cpp of bpftrace): a value, `{count, average, total}` or a list of buckets
`{min, max, count}`; a keyed map is a mapping of these by key (parts of a key joined by commas).
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from zyphos_lab.probes.base import Columns, Skipped, Value, add_per_request
from zyphos_lab.probes.bpftrace_script import Kind

KEYS_MAX = 32
QUANTILES = {"p50": 0.5, "p99": 0.99}
NOTHING = "the script stored nothing in it"
Maps = Mapping[str, Any]


def parsed(lines: Sequence[bytes]) -> dict[str, Any]:
    """Name without @ -> what was printed, of one dump; the last one where it came twice."""
    found: dict[str, Any] = {}
    for line in lines:
        try:
            event = json.loads(line)
        except ValueError:  # what the script prints by itself
            continue
        data = event.get("data") if isinstance(event, dict) else None
        if event_is_map(event) and isinstance(data, dict):
            found.update({name.removeprefix("@"): value for name, value in data.items()})
    return found


def event_is_map(event: Any) -> bool:
    return isinstance(event, dict) and event.get("type") in ("map", "hist", "stats")


def columns(
    maps: Mapping[str, Kind], before: Maps, after: Maps, requests: int
) -> tuple[Columns, Skipped]:
    """Of every map of a script; `before` and `after` are dumps of it."""
    found: Columns = {}
    skipped: Skipped = {}
    counted: list[str] = []
    for name, kind in maps.items():
        base = f"bpftrace_{name or 'map'}"
        for column, old, new in _entries(base, kind, before.get(name), after.get(name), skipped):
            _add(found, skipped, counted, column, kind, old, new)
        if _keyed(kind, after.get(name)):
            found[f"{base}_keys"] = len(after[name])
    add_per_request(found, counted, requests)
    return found, skipped


def _keyed(kind: Kind, value: Any) -> bool:
    if not isinstance(value, dict):
        return False
    return kind != "stats" or not {"count", "average", "total"} <= value.keys()


def _entries(
    base: str, kind: Kind, old: Any, new: Any, skipped: Skipped
) -> Iterator[tuple[str, Any, Any]]:
    """(column, at the first edge, at the second) of each key, those that grew most first."""
    if not _keyed(kind, new):
        yield base, old, new
        return
    earlier = old if isinstance(old, dict) else {}
    keys = sorted(new, key=lambda key: -_weight(kind, earlier.get(key), new[key]))
    if len(keys) > KEYS_MAX:
        skipped[f"{base}_keys"] = f"of its {len(keys)} keys only the {KEYS_MAX} that grew most"
    used: set[str] = set()
    for key in keys[:KEYS_MAX]:
        column = f"{base}_{re.sub('[^A-Za-z0-9]+', '_', key).strip('_') or 'empty'}"
        while column in used:  # keys that differ only in what a column's name cannot hold
            column += "_"
        used.add(column)
        yield column, earlier.get(key), new[key]


def _weight(kind: Kind, old: Any, new: Any) -> float:
    if kind in ("hist", "lhist"):
        return float(sum(_buckets(old, new).values()))
    if kind == "stats":
        return float(new["count"] - (old["count"] if old else 0))
    difference = kind in ("count", "sum") and isinstance(old, int)
    return float(new - old if difference else new) if isinstance(new, int | float) else 0.0


def _add(
    found: Columns,
    skipped: Skipped,
    counted: list[str],
    column: str,
    kind: Kind,
    old: Any,
    new: Any,
) -> None:
    if kind in ("count", "sum"):
        found[column] = (new or 0) - (old or 0)
        counted.append(column)
    elif kind == "stats":
        _add_stats(found, skipped, counted, column, old, new)
    elif kind in ("hist", "lhist"):
        _add_histogram(found, skipped, counted, column, _buckets(old, new))
    else:
        found[column] = _plain(new)
        if new is None:
            skipped[column] = NOTHING


def _plain(value: Any) -> Value:
    return value if isinstance(value, int | float | str) else None


def _add_stats(
    found: Columns, skipped: Skipped, counted: list[str], column: str, old: Any, new: Any
) -> None:
    was, now = (edge or {"count": 0, "total": 0} for edge in (old, new))
    count, total = (now[one] - was[one] for one in ("count", "total"))
    found |= {f"{column}_count": count, f"{column}_total": total}
    found[f"{column}_mean"] = total / count if count else None
    if not count:
        skipped[f"{column}_mean"] = NOTHING
    counted += [f"{column}_count", f"{column}_total"]


Buckets = dict[tuple[float, float], int]


def _buckets(old: Any, new: Any) -> Buckets:
    """{(least, greatest) value: how many came between the edges}, ascending."""
    counts: Buckets = {}
    for edge, sign in ((new, 1), (old, -1)):
        for one in edge or ():
            bounds = (one.get("min", -math.inf), one.get("max", math.inf))
            counts[bounds] = counts.get(bounds, 0) + sign * one["count"]
    return dict(sorted(counts.items()))


def _add_histogram(
    found: Columns, skipped: Skipped, counted: list[str], column: str, buckets: Buckets
) -> None:
    total = sum(buckets.values())
    found[f"{column}_count"] = total
    counted.append(f"{column}_count")
    for name, quantile in QUANTILES.items():
        value = _quantile(buckets, total, quantile)
        found[f"{column}_{name}"] = None if value is None or math.isinf(value) else round(value)
        if value is None:
            skipped[f"{column}_{name}"] = NOTHING
        elif math.isinf(value):
            skipped[f"{column}_{name}"] = "it lies beyond the last bucket of lhist()"


def _quantile(buckets: Buckets, total: int, quantile: float) -> float | None:
    """The greatest value of the bucket that it lies in."""
    rank, seen = math.ceil(quantile * total), 0
    for (_, greatest), count in buckets.items():
        seen += count
        if seen >= rank > 0:
            return greatest
    return None
