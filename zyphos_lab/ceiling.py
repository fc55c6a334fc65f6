"""The ceiling: the rate that the same load reaches against a server that does nothing.

A measured rate near it says as much about the generator as about the server. Each distinct shape of
load in a run is tried a few times, closed-loop, against the no-op server (zyphos-reference) on the
target's CPUs, in the same session, before anything is measured. What makes a load slow on purpose
(think time, a schedule, split writes) is left out of its shape; socket options stay, as Nagle's
algorithm makes pipelined requests travel together. It runs over loopback whatever the link: the
ceiling is the generator's.
"""

from __future__ import annotations

import hashlib
import json
import statistics
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from zyphos_lab.record import DEGRADED, INVALID, Reason, Row
from zyphos_lab.spec.cell import Cell
from zyphos_lab.spec.link_models import Link
from zyphos_lab.spec.models import NO_LOAD, Load, Repeat
from zyphos_lab.spec.target_models import Reference, ReferenceTarget
from zyphos_lab.stage import CEILING, Outlook, Planned

if TYPE_CHECKING:
    from zyphos_lab.spec import Experiment

RATIO_MAX = 0.8
DISPROVED = 1.25  # more than noise above the ceiling: then it was none
TRIALS = 3
# `design.ceiling: auto` measures it where it takes at most this share of the run.
AUTO_SHARE = 0.1
NOT_MEASURED = "not measured in this run: the experiment's `design.ceiling` decides"
ID_DIGITS = 8
TARGET = "no-op"
BODY_BYTES = 13  # of an answer whose size the experiment does not tell

# Of the load, what its cost for the generator depends on.
LOAD_KEYS = (
    *("protocol", "connections", "pipeline", "threads", "cpus", "message_bytes", "socket"),
    *("path", "headers", "body", "body_bytes", "generator"),
)
REPEAT = Repeat.model_validate({"starts": TRIALS, "warmup": "100ms", "window": "300ms"})


class Ceiling:
    """The stage: a few short trials per shape, all of one shape in a row."""

    name = CEILING

    def __init__(self, measured: Sequence[Cell], seed: int, overhead_s: float) -> None:
        self._cells = cells(measured)
        self._seed = seed
        self._trial_s = ((REPEAT.warmup_ns or 0) + REPEAT.window_ns) / 1e9 + overhead_s

    def outlook(self) -> Outlook:
        trials = TRIALS * len(self._cells)
        text = f"{len(self._cells)} loads against a server that does nothing"
        return Outlook(trials, trials * self._trial_s, text)

    def next(self, rows: Sequence[Row]) -> list[Planned] | None:
        """All at once; nothing after them."""
        if any(row["stage"] == CEILING for row in rows):
            return None
        return [
            Planned(0, start, cell, start, "", self._seed, CEILING, REPEAT)
            for cell in self._cells
            for start in range(TRIALS)
        ]


def stages(experiment: Experiment, seed: int, run_s: float, overhead_s: float) -> list[Ceiling]:
    """The stage, or none, as `design.ceiling` has it; `run_s` is how long the rest takes."""
    wanted = experiment.design.ceiling
    stage = Ceiling(experiment.cells, seed, overhead_s)
    if wanted == "auto":
        wanted = experiment.evidence and stage.outlook().seconds <= AUTO_SHARE * run_s
    return [stage] if wanted and cells(experiment.cells) else []


def cells(measured: Iterable[Cell]) -> list[Cell]:
    """One cell per distinct shape of the measured ones, in their order."""
    found: dict[str, Cell] = {}
    for cell in measured:
        if cell.load is NO_LOAD or cell.load.by_itself:
            continue  # a fetcher is as slow as what it fetches, who asks is half of the subject
        found.setdefault(shape(cell), _cell(cell))
    return list(found.values())


def shape(cell: Cell) -> str:
    """A short hash of what the ceiling of a cell depends on."""
    facts = {**_load_facts(cell.load), "server": _target(cell).model_dump(mode="json")}
    text = json.dumps(facts, sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()[:ID_DIGITS]


def rates(rows: Iterable[Row]) -> dict[str, float]:
    """Shape to requests per second (median of its usable trials), from all rows recorded so far.

    Where the no-op server was full before the load was, the load's ceiling lies higher: not usable.
    """
    found: dict[str, list[float]] = {}
    for row in rows:
        usable = row["verdict"] != INVALID and row.get("limited_by") != "server"
        if row.get("stage") == CEILING and usable:
            name = str(row["cell"]).removeprefix(f"{CEILING}:")
            found.setdefault(name, []).append(float(row["requests_per_second"]))
    return {name: statistics.median(values) for name, values in found.items()}


def columns(row: Row, ceiling: float | None) -> Row:
    """The two columns of a row; None where there is no ceiling."""
    rate = row.get("requests_per_second")
    ratio = rate / ceiling if rate and ceiling else None
    return {"ceiling_requests_per_second": ceiling, "ceiling_ratio": ratio}


def skipped(row: Row, ceilings: Mapping[str, float]) -> dict[str, str]:
    """Why a measured row has no ceiling, or has one that it shows to be none."""
    ratio = row.get("ceiling_ratio")
    if not ceilings:
        return {"ceiling": NOT_MEASURED}
    if row.get("ceiling_requests_per_second") is None:
        return {
            "ceiling": "every trial against the no-op server was INVALID, or the server's limit"
        }
    if ratio is not None and ratio > DISPROVED:
        return {"ceiling": "the no-op server was slower than the target: it shows no ceiling"}
    return {}


def reason(row: Row) -> Reason | None:
    """Against a rate that the generator may have limited; a server with full cores did that."""
    ratio = row.get("ceiling_ratio")
    if (
        ratio is None
        or not RATIO_MAX < ratio <= DISPROVED
        or row.get("limited_by") in ("server", "both")
    ):
        return None
    message = (
        f"the rate is {ratio:.0%} of what the same load reaches against a server that does "
        "nothing: the generator may be the limit, rates are >="
    )
    names = ("requests_per_second", "ceiling_requests_per_second", "ceiling_ratio", "limited_by")
    return Reason(DEGRADED, "ceiling", message, {name: row.get(name) for name in names})


def _cell(cell: Cell) -> Cell:
    target = _target(cell)
    return Cell(f"{CEILING}:{shape(cell)}", {}, {}, TARGET, target, _load(cell.load), Link())


def _load_facts(load: Load) -> Mapping[str, Any]:
    plain = load.model_dump(mode="json")
    return {key: plain[key] for key in _keys(load) if key in plain}


def _keys(load: Load) -> Sequence[str]:
    """Several processes have more connections than one address has ports."""
    return (*LOAD_KEYS, "processes", "addresses") if load.processes > 1 else LOAD_KEYS


def _load(load: Load) -> Load:
    """The same work per request, as fast as answers come; only the status is checked."""
    kept = {key: getattr(load, key) for key in _keys(load) if key in Load.model_fields}
    plain = Load(protocol=load.protocol).model_copy(update=kept)
    method = "POST" if load.body is not None or load.body_bytes else "GET"
    return plain.model_copy(update={"method": method})


def _target(cell: Cell) -> ReferenceTarget:
    """The no-op server where the target is, with answers of its size."""
    load, target = cell.load, cell.target
    body_bytes = getattr(target, "response_bytes", load.check.body_bytes)
    return ReferenceTarget(
        reference=Reference(),
        protocol=load.protocol,
        message_bytes=load.message_bytes,
        response_bytes=BODY_BYTES if body_bytes is None else body_bytes,
        cpus=getattr(target, "cpus", ()),
    )
