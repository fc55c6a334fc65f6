"""Verifies one run's folder: its answer.json, its report.html, and its trials' percentiles."""

from __future__ import annotations

import re
import zlib
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from zyphos_lab.errors import MeasurementError, StoreError
from zyphos_lab.query.session import Session
from zyphos_lab.query.views import answer as read_answer
from zyphos_lab.query.views import manifest as read_manifest
from zyphos_lab.report.hdr import QUANTILES, Counts, quantile_bounds
from zyphos_lab.report.verify import Check, Difference, Verifier, metrics_of
from zyphos_lab.report.verify_page import marks
from zyphos_lab.report.verify_sql import Numbers
from zyphos_lab.tables import HISTOGRAMS, TRIALS

if TYPE_CHECKING:
    import duckdb

PAGE = "report.html"
CENSORED = "censored_ns"
TIMES = ("latency_ns", "service_ns", "schedule_lag_ns", "wire_ns")
SOURCES = re.compile("data-source=")


def verify(run: Path, say: Callable[[str], None]) -> Check:
    """StoreError where there is no answer to verify. Cost: some seconds for 150 trials."""
    answer = read_answer(run)
    if answer is None:
        raise StoreError(f"{run}: has no answer yet", f"`zyphos-lab report {run}` makes it")
    with Session([run], say) as session:
        session.make(TRIALS)
        numbers = Numbers(session.connection, metrics_of(answer))
        verifier = Verifier(answer, read_manifest(run), numbers)
        verifier.answer()
        _page(run / PAGE, verifier)
        session.make(HISTOGRAMS)
        _percentiles(session.connection, verifier.check)
    return verifier.check


def _page(path: Path, verifier: Verifier) -> None:
    """The page, where there is one."""
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError:
        return
    except (OSError, ValueError) as error:
        raise StoreError(f"{path}: cannot be read: {error}") from error
    try:
        found = marks(text)
    except ValueError as error:
        verifier.check.differences.append(Difference(path.name, f"not readable: {error}", ""))
        return
    whole = text.rstrip().endswith("</html>") and len(found) == len(SOURCES.findall(text))
    if not found or not whole:
        verifier.check.differences.append(
            Difference(path.name, f"{len(found)} marked numbers", "a whole page has more")
        )
    verifier.page(found)


def _percentiles(connection: duckdb.DuckDBPyConnection, check: Check) -> None:
    """Each trial's percentiles: they lie in the bucket that its histogram has them in."""
    described = connection.execute(f"DESCRIBE {TRIALS}").fetchall()
    columns = {str(row[0]) for row in described}
    wanted = [f"{m}_{q}" for m in TIMES for q in QUANTILES if f"{m}_{q}" in columns]
    names = ", ".join(f'"{name}"' for name in wanted)
    if not wanted:
        return
    encoded = _encoded(connection)
    for trial, *values in connection.execute(f"SELECT trial, {names} FROM {TRIALS}").fetchall():
        told = dict(zip(wanted, values, strict=True))
        for metric in TIMES:
            _hold(check, int(trial), metric, told, encoded)


def _hold(
    check: Check, trial: int, metric: str, told: dict[str, Any], encoded: dict[Any, bytes]
) -> None:
    """One metric of one trial; a trial without a histogram is counted as not verified."""
    if (trial, metric) not in encoded:
        check.unverified["percentiles of trials without a histogram"] += len(QUANTILES)
        return
    try:
        if metric == "latency_ns" and _count(encoded.get((trial, CENSORED))):
            check.unverified["percentiles with unfinished requests"] += len(QUANTILES)
            return
        bounds = quantile_bounds(encoded[trial, metric])
    except (ValueError, zlib.error, IndexError) as error:
        check.differences.append(Difference(f"trial {trial} {metric}", "a histogram", str(error)))
        return
    for name, (low, high) in bounds.items():
        value = told.get(f"{metric}_{name}")
        check.verified += 1
        if value is None or not low <= value <= high:
            place = f"trial {trial} {metric}_{name}"
            check.differences.append(Difference(place, value, f"{low} to {high}"))


def _encoded(connection: duckdb.DuckDBPyConnection) -> dict[tuple[int, str], bytes]:
    """(trial, metric) -> histogram of the whole window."""
    rows = connection.execute(
        f"SELECT trial, metric, encoded FROM {HISTOGRAMS} WHERE interval IS NULL"
    ).fetchall()
    return {(int(trial), str(metric)): bytes(encoded) for trial, metric, encoded in rows}


def _count(encoded: bytes | None) -> int:
    return Counts(encoded).total if encoded else 0


def lines(check: Check, most: int = 20) -> Iterator[str]:
    """What is printed: differences first, then the count."""
    for one in check.differences[:most]:
        yield f"differs: {one}"
    if len(check.differences) > most:
        yield f"and {len(check.differences) - most} more"
    for what, count in check.as_dict()["unverified"].items():
        yield f"not verified: {count} numbers ({what})"
    yield f"{check.verified} numbers verified, {len(check.differences)} differ"


def gate(checks: Sequence[Check]) -> None:
    """MeasurementError (5): a report that says what the store does not cannot be used."""
    wrong = sum(len(check.differences) for check in checks)
    if wrong:
        raise MeasurementError(
            f"{wrong} numbers are not what the store gives",
            "`zyphos-lab report RUN` makes them anew",
        )
