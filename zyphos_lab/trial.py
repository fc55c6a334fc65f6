"""One trial: link, target, load and probes up, warm-up, the measured window, and all down again.

The target and the load run in pinned processes of their own; this process sleeps through the window
and reads the counters at its two edges, which the load announces as absolute CLOCK_MONOTONIC times.
Whatever happens, nothing of the trial is left running when `run` returns or raises.

It does not know the order of trials, nor where records are kept. Main thread only.
"""

from __future__ import annotations

import time
from collections.abc import Collection, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from typing import Any

from zyphos_lab import (
    ceiling,
    disturb,
    environment,
    health,
    links,
    pilot,
    record,
    rulers,
    stationarity,
    targets,
)
from zyphos_lab.child import Children, monotonic_ns
from zyphos_lab.environment import Environment
from zyphos_lab.errors import LoadError, MeasurementError
from zyphos_lab.probes import Probe, verdict_reasons
from zyphos_lab.probes.base import Pids
from zyphos_lab.record import INVALID, Reason, Record, Row, Skipped
from zyphos_lab.spec.cell import Cell
from zyphos_lab.spec.models import Repeat
from zyphos_lab.stage import CEILING, PILOT, Planned
from zyphos_lab.targets import truth

CONNECT_TIMEOUT_NS = 20_000_000_000
RESULT_GRACE_NS = 10_000_000_000
DEATH_WAIT_S = 0.2


@dataclass(frozen=True, slots=True)
class Bench:
    """What all trials of a run share."""

    children: Children
    probes: Sequence[Probe[Any]]
    repeat: Repeat
    disturbed: bool = False  # whether any cell of the run is
    subject: Collection[str] = ()  # codes of drops that the experiment is about
    ceilings: Mapping[str, float] = field(default_factory=dict)  # ceiling.rates of the run


@dataclass(slots=True)
class Edge:
    """All counters at one edge of the window, and how late they were read."""

    late_ns: int
    load: dict[str, int] | str
    server: dict[str, int] | str
    probes: list[Any]


@dataclass(slots=True)
class Measured:
    """What the window gave, before it is made into columns."""

    result: dict[str, Any]
    before: Edge
    after: Edge
    events: list[disturb.Event] = field(default_factory=list)
    killed: bool = False
    environment: Environment | None = None
    truth: dict[str, Any] | None = None  # of the reference server


def run(planned: Planned, bench: Bench) -> Record:
    """Measures one cell once. A trial that fails is a Record too: INVALID, with the reason.

    Raises Interrupted, and LabError for what no other trial could do better (no zyphos-serve).
    """
    if planned.repeat is not None:
        bench = replace(bench, repeat=planned.repeat)
    row = _identity(planned)
    if planned.stage == PILOT:
        row["settled_after_ns"] = None
    begun_ns = monotonic_ns()
    try:
        measured = _measure(planned, bench)
    except MeasurementError as error:
        row |= {"duration_ns": monotonic_ns() - begun_ns, "overhead_ns": None}
        row |= record.nothing_measured()
        code = type(error).__name__.removesuffix("Error").lower() + "_failed"
        skipped = {"load": "the trial failed", "overhead_ns": "the trial failed"}
        reasons = [Reason(INVALID, code, str(error)), *planned.against]
        return Record(record.close(row, reasons, skipped))
    row["duration_ns"] = monotonic_ns() - begun_ns
    asked_ns = (bench.repeat.warmup_ns or 0) + bench.repeat.window_ns
    row["overhead_ns"] = row["duration_ns"] - asked_ns
    return _record(row, planned, bench, measured)


def _identity(planned: Planned) -> Row:
    cell = planned.cell
    return {
        "trial": planned.trial,
        "stage": planned.stage,
        "block": planned.block,
        "cell": cell.id,
        "arm": planned.arm,
        **{f"factor_{name}": value for name, value in cell.factors.items()},
        "target": cell.target_name,
        **rulers.identity(cell.load),
        "start": planned.start,
        "seed": planned.seed,
        "started_ns": time.time_ns(),
    }


def _measure(planned: Planned, bench: Bench) -> Measured:
    cell = planned.cell
    rulers.present(cell.load)  # before anything is started
    with ExitStack() as stack:
        link = links.make(cell.link.kind)
        stack.callback(link.down)
        link.up()
        running = targets.make(cell.target_name, cell.target, bench.children).start()
        stack.callback(running.stop)
        load = rulers.start(cell.load, bench.repeat, running, planned.seed, bench.children)
        stack.callback(load.stop)
        sides: Pids = {"server": running.pids(), "client": load.pids()}
        for probe in bench.probes:
            probe.attach(sides, running.port)
        disturber = disturb.make(cell.disturb, running.pids(), bench.children)
        stack.callback(disturber.close)
        around = environment.take(sides)
        try:
            measured = _window(load, running, bench, disturber, cell.load.deadline_ns)
        except LoadError:
            running.check(DEATH_WAIT_S)  # a target that died is the better explanation
            raise
        load.stop()
        running.check()
        measured.environment = around
        measured.killed = running.stop()
        return measured


def _window(
    load: rulers.AnyRun,
    running: targets.Running,
    bench: Bench,
    disturber: disturb.Disturber | disturb.Nothing,
    deadline_ns: int,
) -> Measured:
    load.wait_for("connected", monotonic_ns() + CONNECT_TIMEOUT_NS)
    warmup_ns = bench.repeat.warmup_ns or 0
    window = load.wait_for("window", monotonic_ns() + warmup_ns + CONNECT_TIMEOUT_NS)
    disturber.arm(window["start_ns"])
    load.idle_until(window["start_ns"])
    before = _edge(window["start_ns"], load, running, bench.probes)
    load.idle_until(window["end_ns"])
    after = _edge(window["end_ns"], load, running, bench.probes)
    result = load.wait_for("result", window["end_ns"] + deadline_ns + RESULT_GRACE_NS)
    events = disturber.events(window["end_ns"])
    return Measured(result, before, after, events, truth=targets.truth_of(running, window))


def _edge(
    at_ns: int, load: rulers.AnyRun, running: targets.Running, probes: Sequence[Probe[Any]]
) -> Edge:
    boards = load.board(), running.board()
    readings = [probe.snapshot() for probe in probes]
    return Edge(monotonic_ns() - at_ns, *boards, readings)


def _record(row: Row, planned: Planned, bench: Bench, measured: Measured) -> Record:
    result, cell = measured.result, planned.cell
    columns, skipped, reasons = record.load_columns(result)
    row.update(columns)
    _count(row, skipped, bench.probes, measured)
    known, unknown = truth.columns(measured.truth)
    row.update(known)
    skipped.update(unknown)
    if (
        row["client_threads_busy_ratio"] is None
    ):  # what a foreign generator does not say, rusage does
        row["client_threads_busy_ratio"] = record.busy(row)
    row["target_killed"] = measured.killed
    if bench.disturbed:
        row.update(disturb.stall_columns(measured.events, result["window_ns"]))
    environment_id, facts = _environment(measured)
    row["environment"] = environment_id
    row["limited_by"] = record.limited_by(row, len(getattr(cell.target, "cpus", ())))
    if planned.stage != CEILING:
        row.update(ceiling.columns(row, bench.ceilings.get(ceiling.shape(cell))))
        skipped |= ceiling.skipped(row, bench.ceilings)
    reasons += _against(row, cell, bench, measured)
    health.mark_limits(row, reasons)
    histograms = {name: text for name, text in result["histograms"].items() if text}
    slices = list(result.get("intervals", []))
    if planned.stage == PILOT:
        row["settled_after_ns"] = pilot.settled_after_ns(slices, bench.repeat.interval_ns)
    closed = record.close(row, [*reasons, *planned.against], skipped)
    return Record(closed, histograms, slices, measured.events, facts)


def _against(row: Row, cell: Cell, bench: Bench, measured: Measured) -> list[Reason]:
    """Everything that speaks against the trial but for what its percentiles say themselves."""
    law = row["law"]
    late_ns = (measured.before.late_ns, measured.after.late_ns)
    near = ceiling.reason(row)
    reasons = [
        *health.load_reasons(row, law, _apart(cell)),
        *([] if near is None else [near]),
        *record.edge_reasons(late_ns, bench.repeat.window_ns),
        *(Reason(**reason) for reason in verdict_reasons(row, bench.subject)),
        *stationarity.reasons(measured.result.get("intervals", []), law),
    ]
    expected = disturb.EXPECTED if measured.events else ()
    return [reason for reason in reasons if reason.code not in expected]


def _environment(measured: Measured) -> tuple[str | None, dict[str, Any] | None]:
    """Its hash and its text; None where it was not taken."""
    found = measured.environment
    return (found.id, found.facts) if found is not None else (None, None)


def _apart(cell: Cell) -> bool:
    """Whether load and target are pinned, and to different CPUs."""
    server = set(getattr(cell.target, "cpus", ()))
    return bool(server and cell.load.cpus) and server.isdisjoint(cell.load.cpus)


def _count(row: Row, skipped: Skipped, probes: Sequence[Probe[Any]], measured: Measured) -> None:
    """Adds what boards and probes counted between the edges, and what they could not."""
    before, after = measured.before, measured.after
    boards = ("client", before.load, after.load), ("server", before.server, after.server)
    for side, old, new in boards:
        found, missing = record.board_columns(side, old, new)
        row.update(found)
        skipped.update(missing)
    requests = record.requests_between_edges(row)
    for probe, was, now in zip(probes, before.probes, after.probes, strict=True):
        counted, lacking = probe.columns(was, now, requests)
        row.update(counted)
        skipped.update(lacking)
