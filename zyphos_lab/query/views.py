"""The views that are made from manifests, answers and journals: their columns and their rows.

A column is (name, DuckDB type, unit, text). What is damaged is left out; the caller is told why.
Units: those of the metrics (zyphos_lab/metrics.py) where `unit` is "of the metric".
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

from zyphos_lab.errors import StoreError

ANSWER = "answer.json"
OF_METRIC = "of the metric"
Column = tuple[str, str, str, str]
Row = dict[str, Any]

RUN: list[Column] = [
    ("run", "VARCHAR", "", "the run's name"),
    ("experiment", "VARCHAR", "", "the experiment's name"),
]
RUNS: list[Column] = [
    *RUN,
    ("created", "VARCHAR", "", "UTC time of its start"),
    ("status", "VARCHAR", "", "complete, interrupted, running or killed"),
    ("profile", "VARCHAR", "", "profile of the experiment file"),
    ("evidence", "BOOLEAN", "", "whether it counts as evidence"),
    ("seed", "BIGINT", "", "seed of order and schedules"),
    ("trials_planned", "BIGINT", "count", "trials that were planned"),
    ("trials_finished", "BIGINT", "count", "trials in the store"),
    ("question", "VARCHAR", "", "the experiment's question"),
    ("kernel", "VARCHAR", "", "kernel release of the host"),
    ("cpu", "VARCHAR", "", "processor of the host"),
    ("hypervisor", "VARCHAR", "", "none: bare metal"),
    ("build", "JSON", "", "build of zyphos-lab: version, flags, git state"),
    ("host", "JSON", "", "the host's whole fingerprint"),
    ("path", "VARCHAR", "", "the run's folder"),
]
ANSWERS: list[Column] = [
    *RUN,
    ("verdict", "VARCHAR", "", "VALID, DEGRADED or INVALID"),
    ("sentence", "VARCHAR", "", "the answer in one sentence"),
    ("question", "VARCHAR", "", "the experiment's question"),
    ("answers", "JSON", "", "ids of the roadmap that it answers"),
    ("status", "VARCHAR", "", "complete, interrupted, running or killed"),
    ("evidence", "BOOLEAN", "", "whether it counts as evidence"),
    ("reasons", "JSON", "", "why it is not VALID"),
    ("remarks", "JSON", "", "what has to be known besides"),
    ("trials_planned", "BIGINT", "count", "trials that were planned"),
    ("trials_done", "BIGINT", "count", "trials that the answer rests on"),
]
CONTRASTS: list[Column] = [
    *RUN,
    ("cell", "VARCHAR", "", "the cell"),
    ("baseline_cell", "VARCHAR", "", "the cell that it is compared with"),
    ("factor", "VARCHAR", "", "the factor in which they differ"),
    ("value", "VARCHAR", "", "its value in the cell"),
    ("baseline", "VARCHAR", "", "its value in the baseline"),
    ("metric", "VARCHAR", "", "what is compared"),
    ("unit", "VARCHAR", "", "the metric's unit"),
    ("family", "VARCHAR", "", "comparisons that are adjusted together; aa: A/A"),
    ("cell_median", "DOUBLE", OF_METRIC, "median over starts in the cell"),
    ("baseline_median", "DOUBLE", OF_METRIC, "median over starts in the baseline"),
    ("ratio", "DOUBLE", "ratio", "geometric mean over blocks of cell / baseline"),
    ("low", "DOUBLE", "ratio", "lower end of its 95 % interval"),
    ("high", "DOUBLE", "ratio", "upper end of its 95 % interval"),
    ("p_raw", "DOUBLE", "ratio", "sign-flip test"),
    ("p_adjusted", "DOUBLE", "ratio", "step-down maxT within the family"),
    ("floor", "DOUBLE", "ratio", "least difference that matters"),
    ("n", "BIGINT", "count", "blocks used"),
    ("dropped", "BIGINT", "count", "blocks lost to INVALID or missing trials"),
    ("verdict", "VARCHAR", "", "faster, slower, lower, higher, same, cannot tell"),
    ("reason", "VARCHAR", "", "why it cannot be told"),
    ("carries", "JSON", "", "counters that moved with it, by the share they carry"),
    ("explained", "BOOLEAN", "", "whether anything moved with it; null: no difference"),
]
ESTIMATES: list[Column] = [
    *RUN,
    ("cell", "VARCHAR", "", "the cell"),
    ("target", "VARCHAR", "", "what was measured"),
    ("metric", "VARCHAR", "", "the metric"),
    ("value", "DOUBLE", OF_METRIC, "median over starts"),
    ("low", "DOUBLE", OF_METRIC, "lower end of its 95 % interval"),
    ("high", "DOUBLE", OF_METRIC, "upper end of its 95 % interval"),
    ("n", "BIGINT", "count", "starts"),
    ("at_least", "BOOLEAN", "", "the value is a lower bound"),
    ("reason", "VARCHAR", "", "why there is no value, or what it lacks"),
]
EXPECTATIONS: list[Column] = [
    *RUN,
    ("id", "VARCHAR", "", "the expectation"),
    ("that", "VARCHAR", "", "its statement"),
    ("outcome", "VARCHAR", "", "PASS, FAIL or INCONCLUSIVE"),
    ("reason", "VARCHAR", "", "why not PASS"),
]
EVENTS: list[Column] = [
    *RUN,
    ("line", "BIGINT", "count", "position among the journal's events, from 1"),
    ("event", "VARCHAR", "", "trial, note, plan"),
    ("time_ns", "BIGINT", "ns", "wall clock, since 1970"),
    ("trial", "BIGINT", "count", "the trial that it is about"),
    ("code", "VARCHAR", "", "what happened, for machines"),
    ("message", "VARCHAR", "", "what happened"),
]


def manifest(run: Path) -> Row:
    """StoreError where it is damaged."""
    from zyphos_lab.store import read_manifest

    return read_manifest(run)


def answer(run: Path) -> Row | None:
    """answer.json of the run; None where there is none. StoreError where it is damaged."""
    path = run / ANSWER
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return None
    except (OSError, ValueError) as error:
        raise StoreError(
            f"{path}: cannot be read: {error}", f"`zyphos-lab report {run}` makes it again"
        ) from error
    if not isinstance(found, dict) or not isinstance(found.get("rows"), list):
        raise StoreError(f"{path}: not an answer", f"`zyphos-lab report {run}` makes it again")
    return found


def that_count(runs: Iterable[Path], say: Callable[[str], None]) -> Iterator[tuple[Path, Row, Row]]:
    """Run, manifest and answer of those that are evidence and not INVALID, in the order given; what
    cannot be read is said and left out.
    """
    for run in runs:
        try:
            said, found = manifest(run), answer(run)
        except StoreError as error:
            say(f"left out: {error}")
            continue
        if found is None or not found.get("evidence", True) or found.get("verdict") == "INVALID":
            continue
        yield run, said, found


def name_of(run: Path) -> Row:
    full = run.resolve()
    return {"run": full.name, "experiment": full.parent.name}


def runs(run: Path) -> Iterator[Row]:
    from zyphos_lab.host import roles
    from zyphos_lab.store import count_planned, live_status
    from zyphos_lab.tables import count_finished

    said = manifest(run)
    host = roles(said.get("host"))["server"]
    experiment = said["experiment"]
    yield {
        **name_of(run),
        "created": said.get("created"),
        "status": live_status(said.get("status", ""), run),
        "profile": said.get("profile"),
        "evidence": bool(said.get("evidence", experiment.get("evidence", True))),
        "seed": said.get("seed"),
        "trials_planned": count_planned(said),
        "trials_finished": count_finished(run),
        "question": experiment.get("question"),
        "kernel": (host.get("kernel") or {}).get("release"),
        "cpu": (host.get("cpu") or {}).get("model"),
        "hypervisor": host.get("hypervisor"),
        "build": said.get("build"),
        "host": host,
        "path": str(run),
    }


def answers(run: Path) -> Iterator[Row]:
    found = answer(run)
    if found is not None:
        yield {name: found.get(name) for name, *_ in ANSWERS} | name_of(run)


def contrasts(run: Path) -> Iterator[Row]:
    found = answer(run) or {"rows": [], "aa": []}
    for row in found["rows"]:
        for delta in row.get("deltas", ()):
            yield {
                **delta["comparison"],
                **name_of(run),
                "unit": delta.get("unit"),
                "cell_median": delta.get("value"),
                "baseline_median": delta.get("baseline_value"),
                "carries": delta.get("carries"),
                "explained": delta.get("explained"),
            }
    for comparison in found.get("aa", ()):
        yield {**comparison, **name_of(run)}


def estimates(run: Path) -> Iterator[Row]:
    for row in (answer(run) or {"rows": []})["rows"]:
        for metric, estimate in row["estimates"].items():
            where = {"cell": row["cell"], "target": row["target"], "metric": metric}
            yield {**estimate, **where, **name_of(run)}


def expectations(run: Path) -> Iterator[Row]:
    for one in (answer(run) or {}).get("expectations", ()):
        yield {**one, **name_of(run)}


def events(run: Path) -> Iterator[Row]:
    from zyphos_lab.store import Store

    for number, event in enumerate(Store.open(run).events(), 1):
        row = event.get("row") or {}
        yield {
            **event,
            **name_of(run),
            "line": number,
            "trial": row.get("trial"),
            "time_ns": event.get("time_ns", row.get("started_ns")),
        }


SMALL: dict[str, tuple[list[Column], Callable[[Path], Iterator[Row]]]] = {
    "runs": (RUNS, runs),
    "answers": (ANSWERS, answers),
    "contrasts": (CONTRASTS, contrasts),
    "estimates": (ESTIMATES, estimates),
    "expectations": (EXPECTATIONS, expectations),
    "events": (EVENTS, events),
}
