"""Verifies one run's folder: its answer.json, its report.html, and its trials' percentiles."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from zyphos_lab.errors import MeasurementError, StoreError
from zyphos_lab.query.session import Session
from zyphos_lab.query.views import answer as read_answer
from zyphos_lab.query.views import manifest as read_manifest
from zyphos_lab.report import verify_histograms, verify_stops
from zyphos_lab.report.verify import Verifier, metrics_of
from zyphos_lab.report.verify_check import Check, Difference
from zyphos_lab.report.verify_marks import PageVerifier
from zyphos_lab.report.verify_page import marks
from zyphos_lab.report.verify_sql import Numbers
from zyphos_lab.store import Store
from zyphos_lab.tables import HISTOGRAMS, TRIALS

if TYPE_CHECKING:
    import duckdb

PAGE = "report.html"
SOURCES = re.compile("data-source=")


def verify(run: Path, say: Callable[[str], None]) -> Check:
    """StoreError where there is no answer to verify. Cost: some seconds for 150 trials."""
    answer = read_answer(run)
    if answer is None:
        raise StoreError(f"{run}: has no answer yet", f"`zyphos-lab report {run}` makes it")
    store = Store.open(run)
    with Session([run], say) as session:
        session.make(TRIALS)
        numbers = Numbers(session.connection, metrics_of(answer))
        slices = WindowSlices(store, session.connection)
        verifier = Verifier(answer, read_manifest(run), numbers, slices)
        verifier.answer()
        _page(run / PAGE, verifier)
        session.make(HISTOGRAMS)
        verify_histograms.hold(verifier.check, session.connection, _texts(store))
        if answer.get("stalls"):
            verify_stops.hold(verifier.check, store.trial_events())
    return verifier.check


def _texts(store: Store) -> dict[int, tuple[str | None, dict[str, str]]]:
    """What other tools wrote, by trial."""
    said = [event for event in store.events() if event.get("said")]
    return {event["row"]["trial"]: (event["row"].get("generator"), event["said"]) for event in said}


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
    PageVerifier(verifier).page(found)


class WindowSlices:
    """The slices of the windows of every trial that counts, read when they are first asked for."""

    def __init__(self, store: Store, connection: duckdb.DuckDBPyConnection) -> None:
        asked = connection.execute("SELECT trial FROM trials WHERE verdict <> 'INVALID'")
        self._store, self._usable = store, {int(row[0]) for row in asked.fetchall()}
        self._found: dict[str, dict[str, dict[int, list[tuple[int, bytes]]]]] = {}

    def __call__(self, cell: str, histogram: str) -> list[list[tuple[int, bytes]]]:
        if histogram not in self._found:
            cells = self._found.setdefault(histogram, {})
            for row in self._store.intervals(histogram).to_dict("records"):
                if row["trial"] in self._usable:
                    starts = cells.setdefault(row["cell"], {})
                    slices = starts.setdefault(int(row["trial"]), [])
                    slices.append((int(row["requests_done"]), row["encoded"]))
        return list(self._found[histogram].get(cell, {}).values())


def lines(check: Check, most: int = 20) -> Iterator[str]:
    """What is printed: differences first, then the count."""
    for one in check.differences[:most]:
        yield f"differs: {one}"
    if len(check.differences) > most:
        yield f"and {len(check.differences) - most} more"
    for what, count in check.within.items():
        yield f"verified within an error: {count} numbers ({what})"
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
