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
from pathlib import Path
from typing import Any

from zyphos_lab import (
    ceiling,
    disturb,
    environment,
    health,
    links,
    observer,
    pilot,
    record,
    room,
    rulers,
    simulated,
    stationarity,
    targets,
)
from zyphos_lab.child import Children, monotonic_ns
from zyphos_lab.environment import Environment
from zyphos_lab.errors import LoadError, MeasurementError
from zyphos_lab.packets import capture
from zyphos_lab.packets import columns as packet_columns
from zyphos_lab.probes import Probe, verdict_reasons
from zyphos_lab.probes.base import Pids, Role
from zyphos_lab.record import INVALID, Reason, Record, Row, Skipped
from zyphos_lab.spec import families
from zyphos_lab.spec.cell import Cell, ServerTarget
from zyphos_lab.spec.models import Capture, Repeat
from zyphos_lab.spec.target_models import AttachTarget, CodeTarget
from zyphos_lab.stage import CAPTURE, CEILING, MEASURE, PILOT, Planned
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
    subject: Collection[str] = ()  # codes of reasons that the experiment is about
    ceilings: Mapping[str, float] = field(default_factory=dict)  # ceiling.rates of the run
    capture: Capture | None = None  # whose packets are captured, and how many
    run: Path | None = None  # the run's folder, where they go


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
    start_ns: int = 0  # of the window
    probes: Sequence[Probe[Any]] = ()  # whose readings the edges hold, in their order
    port: int = 0  # the server's
    captured: dict[str, Any] | str | None = None  # what zyphos-capture says; None: not asked for


def run(planned: Planned, bench: Bench) -> Record:
    """Measures one cell once. A trial that fails is a Record too: INVALID, with the reason.

    Raises Interrupted, and LabError for what no other trial could do better (no zyphos-serve).
    """
    if planned.repeat is not None:
        bench = replace(bench, repeat=planned.repeat)
    bench = _with_probes(planned, bench)
    row = _identity(planned)
    if planned.stage == PILOT:
        row["settled_after_ns"] = None
    begun_ns = monotonic_ns()
    target = planned.cell.target
    try:
        if isinstance(target, CodeTarget):
            return _code(row, planned, target, bench)
        measured = _measure(planned, target, bench)
    except MeasurementError as error:
        row |= {"duration_ns": monotonic_ns() - begun_ns, "overhead_ns": None}
        row |= record.nothing_measured()
        code = getattr(
            error, "code", type(error).__name__.removesuffix("Error").lower() + "_failed"
        )
        skipped = {"load": "the trial failed", "overhead_ns": "the trial failed"}
        reasons = [Reason(INVALID, code, str(error)), *planned.against]
        return Record(record.close(row, reasons, skipped))
    row["duration_ns"] = monotonic_ns() - begun_ns
    asked_ns = (bench.repeat.warmup_ns or 0) + bench.repeat.window_ns
    row["overhead_ns"] = row["duration_ns"] - asked_ns
    return _record(row, planned, bench, measured)


def _with_probes(planned: Planned, bench: Bench) -> Bench:
    """In a plain trial only what slows nothing down, while the costly ones rest; else all awake."""
    if not observer.plain(planned):
        for probe in bench.probes:
            probe.wake()
        return bench
    for probe in bench.probes:
        if probe.costly:
            probe.rest()
    return replace(bench, probes=[probe for probe in bench.probes if not probe.costly])


def _code(row: Row, planned: Planned, target: CodeTarget, bench: Bench) -> Record:
    """A trial without load and server."""
    begun_ns = monotonic_ns()
    found, skipped, reasons = simulated.columns(target, bench.repeat, bench.children)
    row |= record.nothing_measured() | {"generator": None, "law": None, **found}
    row["duration_ns"] = monotonic_ns() - begun_ns
    row["overhead_ns"] = row["duration_ns"] - row["window_ns"]
    return Record(record.close(row, [*reasons, *planned.against], skipped))


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
        "link_kind": cell.link.kind,
        **_families(cell),
        **rulers.identity(cell.load),
        "start": planned.start,
        "seed": planned.seed,
        "started_ns": time.time_ns(),
        **({} if planned.instead_of is None else {"instead_of": planned.instead_of}),
    }


def _families(cell: Cell) -> Row:
    """Nothing where there is no network."""
    if isinstance(cell.target, CodeTarget) or cell.load.ipc is not None:
        return {}
    return {
        "server_family": families.listens(cell.target, cell.link),
        "client_family": families.connects(cell.load, cell.target, cell.link),
    }


def _present(cell: Cell, target: ServerTarget) -> None:
    """Whether this machine has all that the cell needs, before anything is started."""
    rulers.present(cell.load)
    links.ipv6_present(cell)
    targets.present(target)
    room.present(cell)


def _attach(probes: Sequence[Probe[Any]], sides: Pids, link: links.Link, port: int) -> None:
    """Those that are not there since before the load."""
    for probe in probes:
        if probe.early:
            probe.complete(sides)
        else:
            probe.attach({**sides, "link": link.pids()}, port)


def _measure(planned: Planned, target: ServerTarget, bench: Bench) -> Measured:
    cell = planned.cell
    _present(cell, target)
    with ExitStack() as stack:
        link = links.make(cell.link, links.Setting(bench.children, planned.seed))
        stack.callback(link.down)
        ends = link.up()
        children = _started_for(bench, "server")
        running = targets.make(cell.target_name, target, children, ends).start()
        stack.callback(running.stop)
        running.may_end = "target_failed" in bench.subject or disturb.may_end(cell.disturb)
        capturing = _capture(planned, bench, running, ends)
        if capturing is not None:
            stack.callback(capturing.close)
        for probe in (one for one in bench.probes if one.early):
            probe.attach({"server": running.pids()}, running.port)
        children = _started_for(bench, "client")
        load = rulers.start(cell.load, bench.repeat, running, planned.seed, children, ends)
        stack.callback(load.stop)
        sides: Pids = {"server": running.pids(), "client": load.pids()}
        bench = replace(bench, probes=[*bench.probes, links.LinkProbe(link)])
        _attach(bench.probes, sides, link, running.port)
        scene = disturb.Scene(running.pids(), ends, running.port)
        disturber = disturb.make(cell.disturb, scene, bench.children)
        stack.callback(disturber.close)
        around = environment.take(sides)
        try:
            measured = _window(load, running, bench, disturber, cell.load.deadline_ns)
        except LoadError:
            running.check(DEATH_WAIT_S)  # a target that died is the better explanation
            link.check()
            raise
        ended = _end_first(target, bench.probes)
        load.stop()
        if not ended:
            running.check()
        link.check()
        _load_ended(bench.probes)
        measured.environment = around
        measured.killed = running.stop()
        measured.port = running.port
        measured.captured = None if capturing is None else capturing.stop()
        return measured


def _started_for(bench: Bench, role: Role) -> Children:
    """Those of the run, for processes of this side: with the environment that probes ask for."""
    wanted = [probe.environment(role) for probe in bench.probes]
    return bench.children.adding({name: text for one in wanted for name, text in one.items()})


def _end_first(target: ServerTarget, probes: Sequence[Probe[Any]]) -> bool:
    """Whether a probe has ended the server before its load; never one that is not ours."""
    if isinstance(target, AttachTarget):
        return False
    ended = [probe.end_server() for probe in probes]
    return any(ended)


def _load_ended(probes: Sequence[Probe[Any]]) -> None:
    for probe in probes:
        probe.load_ended()


def _capture(
    planned: Planned, bench: Bench, running: targets.Running, ends: links.Ends
) -> capture.Run | None:
    """The capture of this trial's packets, begun; None where none is asked for."""
    settings, cell = bench.capture, planned.cell
    if settings is None or bench.run is None:
        return None
    if planned.stage != (MEASURE if settings.measured else CAPTURE):
        return None
    comment = f"trial {planned.trial}, {cell.id}, seed {planned.seed}"
    path = capture.file_of(bench.run, planned.trial)
    place = capture.place_of(ends)
    wanted = capture.Wanted(settings, path, running.port, place, comment, ends)
    cpus = capture.cpus_beside(getattr(cell.target, "cpus", ()), cell.load.cpus)
    return capture.Run(wanted, cpus, bench.children)


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
    known, start_ns = targets.truth_of(running, window), window["start_ns"]
    return Measured(
        result, before, after, events, truth=known, start_ns=start_ns, probes=bench.probes
    )


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
    _count(row, skipped, measured)
    known, unknown = truth.columns(measured.truth)
    row.update(known)
    skipped.update(unknown)
    if (
        row["client_threads_busy_ratio"] is None
    ):  # what a foreign generator does not say, rusage does
        row["client_threads_busy_ratio"] = record.busy(row)
    row["target_killed"] = measured.killed
    if bench.disturbed:
        row.update(disturb.columns(measured.events, result["window_ns"]))
        skipped |= disturb.skipped(measured.events)
    environment_id, facts = _environment(measured)
    row["environment"] = environment_id
    row["limited_by"] = record.limited_by(row, len(getattr(cell.target, "cpus", ())))
    if planned.stage != CEILING:
        row.update(ceiling.columns(row, bench.ceilings.get(ceiling.shape(cell))))
        skipped |= ceiling.skipped(row, bench.ceilings)
    reasons = [one for one in reasons if one.code not in bench.subject]
    reasons += _captured(row, skipped, planned, bench, measured)
    reasons += _against(row, cell, bench, measured)
    health.mark_limits(row, reasons)
    histograms = {name: text for name, text in result["histograms"].items() if text}
    series = _detail(histograms, measured)
    slices = list(result.get("intervals", []))
    if planned.stage == PILOT:
        row["settled_after_ns"] = pilot.settled_after_ns(slices, bench.repeat.interval_ns)
    closed = record.close(row, [*reasons, *planned.against], skipped)
    said = result.get("said", {})
    return Record(closed, histograms, slices, measured.events, facts, series, said)


def _detail(histograms: dict[str, str], measured: Measured) -> list[dict[str, Any]]:
    """Adds the probes' histograms to `histograms`; what they saw over time."""
    series: list[dict[str, Any]] = []
    edges = zip(measured.probes, measured.before.probes, measured.after.probes, strict=True)
    for probe, was, now in edges:
        histograms.update(probe.histograms(was, now))
        series += [one.as_dict(measured.start_ns) for one in probe.series(was, now)]
    return series


def _captured(
    row: Row, skipped: Skipped, planned: Planned, bench: Bench, measured: Measured
) -> list[Reason]:
    """Adds what the capture says, where one was asked for; what that says against the trial."""
    if measured.captured is None or bench.run is None:
        return []
    path = capture.file_of(bench.run, planned.trial)
    found, missing = packet_columns.columns(
        measured.captured, path, measured.port, row, measured.start_ns
    )
    row.update(found)
    skipped |= missing
    excused = found["capture_packets"] is None or "captured" in bench.subject
    return [] if excused else [packet_columns.reason(row)]


def _against(row: Row, cell: Cell, bench: Bench, measured: Measured) -> list[Reason]:
    """Everything that speaks against the trial but for what its percentiles say themselves."""
    law = row["law"]
    late_ns = (measured.before.late_ns, measured.after.late_ns)
    near = ceiling.reason(row)
    subject = (*bench.subject, *(["retransmits"] if cell.link.spoils else []))
    reasons = [
        *health.load_reasons(row, law, _apart(cell)),
        *([] if near is None else [near]),
        *record.edge_reasons(late_ns, bench.repeat.window_ns),
        *(Reason(**reason) for reason in verdict_reasons(row, subject)),
        *stationarity.reasons(measured.result.get("intervals", []), law),
    ]
    expected = (*disturb.expected(measured.events), *bench.subject, *_no_generator(cell))
    return [reason for reason in reasons if reason.code not in expected]


def _no_generator(cell: Cell) -> tuple[str, ...]:
    """Of two processes that talk, the one that asks is half of what is measured, no generator."""
    return () if cell.load.ipc is None else ("generator_limit",)


def _environment(measured: Measured) -> tuple[str | None, dict[str, Any] | None]:
    """Its hash and its text; None where it was not taken."""
    found = measured.environment
    return (found.id, found.facts) if found is not None else (None, None)


def _apart(cell: Cell) -> bool:
    """Whether load and target are pinned, and to different CPUs."""
    server = set(getattr(cell.target, "cpus", ()))
    return bool(server and cell.load.cpus) and server.isdisjoint(cell.load.cpus)


def _count(row: Row, skipped: Skipped, measured: Measured) -> None:
    """Adds what boards and probes counted between the edges, and what they could not."""
    before, after = measured.before, measured.after
    boards = ("client", before.load, after.load), ("server", before.server, after.server)
    for side, old, new in boards:
        found, missing = record.board_columns(side, old, new)
        row.update(found)
        skipped.update(missing)
    requests = record.requests_between_edges(row)
    for probe, was, now in zip(measured.probes, before.probes, after.probes, strict=True):
        counted, lacking = probe.columns(was, now, requests)
        told, missing = probe.of_load(was, now, measured.result)
        if row.get("client_threads") is not None:  # those that load, without each one's main thread
            counted.pop("client_threads", None)
        row.update(counted | told)
        skipped.update(lacking | missing)
