"""Each trial's percentiles once more: they lie in the bucket that its histograms have them in.

Where another tool gave no single requests they are what its own text says (verify_said.py).

A request that never finished stands at its lower bound. Where it would matter by more than 1 % that
it took for ever, the column must say that it is a lower bound, and else must not.
"""

from __future__ import annotations

import zlib
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from zyphos_lab.report import verify_said
from zyphos_lab.report.hdr import QUANTILES, Counts
from zyphos_lab.report.verify_check import Check, Difference
from zyphos_lab.tables import HISTOGRAMS, TRIALS

if TYPE_CHECKING:
    import duckdb

TIMES = ("latency_ns", "service_ns", "schedule_lag_ns", "wire_ns")
UNFINISHED = {
    "latency_ns": "censored_ns",
    "service_ns": "service_censored_ns",
    "schedule_lag_ns": "schedule_lag_censored_ns",
}
TOLERANCE = 0.01
LATENCY = "latency_ns"
UNSAID = "percentiles that another tool printed, whose own text is not in the store"
LEFT_OUT = "percentiles of trials whose histograms are not kept"
OURS = (None, "zyphos")
Texts = Mapping[int, tuple[str | None, Mapping[str, str]]]  # trial -> tool and what it wrote
Encoded = dict[tuple[int, str], bytes]


def hold(check: Check, connection: duckdb.DuckDBPyConnection, texts: Texts) -> None:
    """Every percentile of every trial in the views `trials` and `histograms`; `texts` are those of
    other tools.
    """
    wanted = _columns(connection)
    if not wanted:
        return
    names = ", ".join(f'"{name}"' for name in wanted)
    encoded = _encoded(connection)
    for trial, *values in connection.execute(f"SELECT trial, {names} FROM {TRIALS}").fetchall():
        told = dict(zip(wanted, values, strict=True))
        for metric in TIMES:
            if (trial, metric) in encoded:
                _hold(check, int(trial), metric, told, encoded)
            else:
                _printed(check, int(trial), metric, told, texts)


def _columns(connection: duckdb.DuckDBPyConnection) -> list[str]:
    """Those of percentiles, of what is only a lower bound, and of whose they are."""
    known = {str(row[0]) for row in connection.execute(f"DESCRIBE {TRIALS}").fetchall()}
    names = [f"{metric}_{name}" for metric in TIMES for name in QUANTILES]
    bounds = [f"{name}_at_least" for name in names]
    found = [name for name in [*names, *bounds] if name in known]
    return [*found, *({"generator"} & known)] if found else []


def _hold(check: Check, trial: int, metric: str, told: dict[str, Any], encoded: Encoded) -> None:
    """One metric of one trial."""
    try:
        done = Counts(encoded[trial, metric])
        late = encoded.get((trial, UNFINISHED.get(metric, "")))
        every = done.with_all(Counts(late)) if late else done
    except (ValueError, zlib.error, IndexError) as error:
        check.differences.append(Difference(f"trial {trial} {metric}", "a histogram", str(error)))
        return
    if not every.total:
        return
    for name, share in QUANTILES.items():
        column = f"{metric}_{name}"
        low, high = every.at_rank(share * every.total)
        value = told.get(column)
        check.verified += 1
        if value is None or not low <= value <= high:
            check.differences.append(
                Difference(f"trial {trial} {column}", value, f"{low} to {high}")
            )
        bound = is_bound(done, every.total, share, high)
        check.same(f"trial {trial} {column} is >=", bool(told.get(f"{column}_at_least")), bound)


def _printed(check: Check, trial: int, metric: str, told: dict[str, Any], texts: Texts) -> None:
    """The same of a trial without a histogram."""
    names = [name for name in QUANTILES if f"{metric}_{name}" in told]
    tool, said = texts.get(trial, (None, {}))
    if tool is None or metric != LATENCY or not verify_said.known(tool, said):
        given = [name for name in names if told[f"{metric}_{name}"] is not None]
        check.unverified[LEFT_OUT if told.get("generator") in OURS else UNSAID] += len(given)
        return
    for name in names:
        column = f"{metric}_{name}"
        found = verify_said.percentile(tool, said, name)
        check.same(f"trial {trial} {column}", told[column], found)


def is_bound(done: Counts, total: int, share: float, value: int) -> bool:
    """Whether the quantile would be another, had all of the unfinished taken for ever."""
    if total == done.total:
        return False
    if share * total > done.total:
        return True
    return done.at_rank(share * total)[1] > value * (1 + TOLERANCE)


def _encoded(connection: duckdb.DuckDBPyConnection) -> Encoded:
    """(trial, metric) -> histogram of the whole window."""
    rows = connection.execute(
        f"SELECT trial, metric, encoded FROM {HISTOGRAMS} WHERE interval IS NULL"
    ).fetchall()
    return {(int(trial), str(metric)): bytes(encoded) for trial, metric, encoded in rows}
