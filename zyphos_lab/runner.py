"""Runs a plan: stage after stage, trial after trial into the store, resumable, stoppable.

Each stage says what comes next from what is recorded; what it says goes into the journal before it
runs, and a resumed run must come to the same. What is finished is never run again. Progress is told
to a Progress between trials only, so that nothing of ours moves within a measured window. It knows
no statistics: the answer comes from zyphos_lab.report. Main thread only.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, Protocol

from zyphos_lab import ceiling, child, host, netns, plan, probes, signals, targets, trial
from zyphos_lab.calibrate import result as calibration
from zyphos_lab.calibrate.threat import used_by
from zyphos_lab.errors import LabError, MeasurementError, StoreError, UsageError
from zyphos_lab.plan import Plan
from zyphos_lab.probes import bpftrace_script
from zyphos_lab.probes.bpftrace import BpftraceProbe
from zyphos_lab.probes.native import core
from zyphos_lab.record import INVALID, Record
from zyphos_lab.schedule import Journalled, Schedule, plan_event
from zyphos_lab.spec import Experiment, load_files
from zyphos_lab.stage import Note, Planned, Stage, Telling
from zyphos_lab.store import Store, sweep_unborn

FAILURES_MAX = 3
FAILED_CODES = ("target_failed", "load_failed", "link_failed", "measurement_failed")


class Progress(Protocol):
    """Who is told how the run goes; called between trials."""

    def started(self, store: Store, plan: Plan, finished: int) -> None: ...

    def extended(self, added: Sequence[Planned], schedule: Schedule) -> None: ...

    def said(self, note: Note) -> None: ...

    def trial_begins(self, planned: Planned) -> None: ...

    def trial_ended(self, planned: Planned, record: Record) -> None: ...

    def stopped(self) -> None: ...


@dataclass(frozen=True, slots=True)
class Running:
    """A run that is under way: its folder, its plan, its stages, and what to measure with."""

    store: Store
    plan: Plan
    experiment: Experiment
    stages: Sequence[Stage]


def begin(
    experiment: Experiment, results: Path, seed: int | None = None, forced: bool = False
) -> Running:
    """A new run folder for `experiment`. Also ends what killed runs left behind.

    `forced`: the user was told what arithmetic forbids, and went on; it is kept in the manifest.
    """
    made = plan.make(experiment, seed)
    bpftrace_script.check_all(experiment.scripts)
    sweep_all(results)
    ruler = calibration.latest(results) | {"used": used_by([cell.load for cell in made.cells])}
    known = {"calibration": ruler, "forced": forced}
    store = Store.create(results, _manifest(experiment, made) | known)
    return Running(store, made, experiment, plan.stages(experiment, made.seed))


def resume(experiment: Experiment, path: Path, seed: int | None = None) -> Running:
    """Goes on with the run in `path`. StoreError when it is another experiment, or is complete."""
    store = Store.open(path, write=True)
    try:
        return _resume(experiment, store, seed)
    except BaseException:
        store.close()
        raise


def _resume(experiment: Experiment, store: Store, seed: int | None) -> Running:
    manifest = store.manifest
    if seed is not None and seed != manifest["seed"]:
        raise UsageError(f"--seed {seed}: the run was planned with seed {manifest['seed']}")
    made = plan.make(experiment, manifest["seed"])
    changed = _difference(manifest["experiment"], _plain(experiment.data))
    if changed:
        raise StoreError(
            f"{store.path}: this run was made from a different experiment: {changed}",
            "start a new run, or resume with the experiment, profile and --set of then",
        )
    _same_files(store, load_files.digests(made.cells, experiment.scripts))
    stages = plan.stages(experiment, made.seed)
    Journalled(store.plan_events()).check(stages, store.rows())
    child.sweep(store.path)
    netns.sweep()
    known = len(store.planned(None))
    store.note("resumed", f"{len(store.finished())} of {known} trials were finished")
    return Running(store, made, experiment, stages)


def _same_files(store: Store, files: Mapping[str, str]) -> None:
    """Runs from before files were hashed name none."""
    for name, digest in store.manifest.get("files", {}).items():
        if files.get(name) != digest:
            raise StoreError(
                f"{store.path}: {name} is not what this run was begun with",
                "start a new run, or put the file back",
            )


def execute(running: Running, progress: Progress) -> Store:
    """Runs what is not finished yet. The store is open for reading afterwards, also when it raises.

    Raises Interrupted (what was done is saved), MeasurementError after three failures in a row.
    """
    store = running.store
    with store, signals.handled():
        try:
            _trials(running, progress)
        except (LabError, OSError) as stop:  # OSError: whoever read the progress has gone
            _finish(store, "interrupted", str(stop))
            raise
        finally:
            progress.stopped()
        _finish(store, "complete", "")
    return store


def _trials(running: Running, progress: Progress) -> None:
    store = running.store
    progress.started(store, running.plan, len(store.finished()))
    children = child.Children(store.path)
    made_probes = probes.make(running.experiment.probes)
    if running.experiment.scripts:
        made_probes.append(BpftraceProbe(running.experiment.scripts, children))
    disturbed = any(cell.disturb for cell in running.plan.cells)
    bench = trial.Bench(children, made_probes, running.experiment.repeat, disturbed)
    bench = replace(bench, subject=running.experiment.design.subject)
    bench = replace(bench, capture=running.experiment.capture, run=store.path)
    try:
        if store.manifest["status"] != "running":
            store.set_status("running")
        _stages(running, bench, progress)
    finally:
        for probe in made_probes:
            probe.close()
        with signals.deferred():
            child.sweep(store.path)


def _stages(running: Running, bench: trial.Bench, progress: Progress) -> None:
    """Every extension of the schedule: into the journal unless it is there, then run."""
    store, schedule = running.store, Schedule(running.stages)
    journalled = Journalled(store.plan_events())
    failures = 0
    while added := schedule.extend(store.rows()):
        _tell(store, schedule, progress)
        bench = replace(bench, ceilings=ceiling.rates(store.rows()))
        if not journalled.holds(added):
            with signals.deferred():
                store.plan(plan_event(added))
        progress.extended(added, schedule)
        finished = store.finished()
        for planned in added:
            if planned.trial not in finished:
                failures = _one(planned, bench, store, progress, failures)
    _tell(store, schedule, progress)


def _tell(store: Store, schedule: Schedule, progress: Progress) -> None:
    """What the stages that have ended found: said once, and kept in the manifest."""
    told: dict[str, Any] = store.manifest.get("told", {})
    for stage in schedule.over:
        if isinstance(stage, Telling) and stage.name not in told:
            notes = stage.tell(store.rows())
            store.told(stage.name, [asdict(note) for note in notes])
            for note in notes:
                progress.said(note)


def _one(
    planned: Planned, bench: trial.Bench, store: Store, progress: Progress, failures: int
) -> int:
    """Runs one trial; `failures` in a row so far, the same afterwards."""
    progress.trial_begins(planned)
    record = trial.run(planned, bench)
    with signals.deferred():
        store.append(record)
    progress.trial_ended(planned, record)
    failed = failure(record)
    failures = failures + 1 if failed else 0
    if failures == FAILURES_MAX:
        hint = f"{FAILURES_MAX} trials in a row failed; what was measured before is kept"
        raise MeasurementError(failed, hint)
    return failures


def failure(record: Record) -> str:
    """Why the trial could not be made at all; '' when it was (whatever its verdict)."""
    if record.row["verdict"] != INVALID:
        return ""
    found = (reason for reason in record.row["reasons"] if reason["code"] in FAILED_CODES)
    return next((str(reason["message"]) for reason in found), "")


def _finish(store: Store, status: str, why: str) -> None:
    """Leaves the folder whole; a full disk must not hide why the run ended."""
    try:
        if why:
            store.note(status, why)
        store.set_status(status)
        store.derive()
    except StoreError:
        if status == "complete":
            raise


def _manifest(experiment: Experiment, made: Plan) -> dict[str, Any]:
    request = experiment.request
    return {
        "experiment": _plain(experiment.data),
        "profile": request.profile,
        "request": {
            "file": request.file,
            "profile": request.profile,
            "sets": list(request.sets),
            "only": list(request.only),
        },
        "spec_text": request.text,
        "files": load_files.digests(made.cells, experiment.scripts),
        "packages": targets.packages(made.cells),
        "bpftrace": {script.name: script.text for script in experiment.scripts},
        "seed": made.seed,
        "host": {"server": host.fingerprint(), "client": host.SAME},
        "build": _build(),
        "aa_cells": list(made.aa_cells),
        "notes": [asdict(note) for note in made.notes],
    }


def _build() -> dict[str, Any]:
    return dict(core().build_info())


def _plain(value: Any) -> Any:
    """As it comes back from a file."""
    return json.loads(json.dumps(value))


def _difference(then: Any, now: Any, path: str = "") -> str:
    """The first place where two plain trees differ, as words; '' when they are equal."""
    if then == now:
        return ""
    if not (isinstance(then, dict) and isinstance(now, dict)):
        return f"`{path}` was {_shown(then)}, is {_shown(now)}"
    key = next(key for key in (*then, *now) if then.get(key) != now.get(key))
    return _difference(then.get(key), now.get(key), f"{path}.{key}" if path else str(key))


def _shown(value: Any) -> str:
    return "not there" if value is None else json.dumps(value)


def sweep_all(results: Path) -> None:
    """Ends what SIGKILLed runs left running; runs that someone still writes to are left alone.

    Their network namespaces go too, wherever their results are: the names say whose they were.
    """
    sweep_unborn(results)
    for path in results.glob(f"*/*/{child.CHILDREN}"):
        # Locked means that it is alive.
        with suppress(StoreError), Store.open(path.parent, write=True):
            child.sweep(path.parent)
    netns.sweep()
