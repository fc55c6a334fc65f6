"""What one should know before a run: what it cannot conclude, and what the machine makes of it.

A note that refuses says that arithmetic forbids what was asked for. Pure, but for two looks at the
machine: its CPUs and its congestion controls.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Mapping, Sequence
from itertools import starmap
from pathlib import Path
from typing import TYPE_CHECKING

from zyphos_lab import links, room, rulers, simulated, targets
from zyphos_lab.order import distances
from zyphos_lab.spec import socket_rules
from zyphos_lab.spec.cell import Cell
from zyphos_lab.spec.target_models import EngineTarget
from zyphos_lab.stage import Note, Planned
from zyphos_lab.stats.sizes import BLOCKS_MIN
from zyphos_lab.stats.sizes import requests_needed as requests_of_quantile

if TYPE_CHECKING:
    from zyphos_lab.spec import Experiment
    from zyphos_lab.spec.models import Load

STARTS_MIN = BLOCKS_MIN
QUANTILE = re.compile(r"_p(\d+)(?:_(\d+))?\Z")
FAST_OPEN = Path("/proc/sys/net/ipv4/tcp_fastopen")
CONGESTION = Path("/proc/sys/net/ipv4/tcp_available_congestion_control")


def requests_needed(metric: str) -> int:
    """Requests that every start needs for a quantile to mean something; 0 for what is no quantile.

    The rule is (1 - q) x requests >= 10: 1000 for p99, 10000 for p99.9.
    """
    found = QUANTILE.search(metric)
    return requests_of_quantile(float(f"0.{found[1]}{found[2] or ''}")) if found else 0


def _metrics(experiment: Experiment) -> list[str]:
    """Metrics that the experiment concludes from, without repetitions."""
    names = [name for compare in experiment.compare for name in compare.metrics]
    for expectation in experiment.expectations:
        names += (*expectation.statement.metrics, *expectation.statement.ratios)
    return list(dict.fromkeys(names))


def notes(experiment: Experiment, trials: Sequence[Planned]) -> Iterator[Note]:
    """What cannot be concluded, and what the machine or the design will make of it.

    `trials`: those of stage `measure` that are known before anything ran.
    """
    starts = len({one.block for one in trials})
    if starts < STARTS_MIN:
        message = f"{starts} starts: every contrast will say `cannot tell`, it takes {STARTS_MIN}"
        yield Note("too_few_starts", message)
    if not experiment.evidence:
        yield Note(
            "no_evidence", f"profile {experiment.profile}: a check that it works, no evidence"
        )
    yield from _quantile_notes(experiment)
    yield from _pilot_notes(experiment)
    yield from _left_out(experiment)
    if experiment.design.order == "sequential":
        yield Note("sequential", "sequential order: drift of the machine counts as a difference")
    yield from _apart(experiment, trials)
    yield from starmap(Note, rulers.notes(experiment.cells))
    yield from starmap(Note, simulated.notes(experiment.cells))
    yield from starmap(Note, links.notes(cell.link for cell in experiment.cells))
    yield from starmap(Note, links.ipv6_notes(experiment.cells))
    yield from starmap(Note, targets.notes(experiment.cells))
    yield from starmap(Note, room.notes(experiment.cells))
    yield from _cpu_notes(experiment.cells, os.sched_getaffinity(0))
    yield from _congestion_notes(experiment.cells)
    yield from _fast_open_notes(experiment.cells)


def _apart(experiment: Experiment, trials: Sequence[Planned]) -> Iterator[Note]:
    """How near the arms of each factor stand where not all contrasts can be neighbours."""
    if experiment.design.order != "adjacent_pairs":
        return
    orders = _orders(trials)
    for factor in dict.fromkeys(found.factor for found in experiment.contrasts):
        own = [found for found in experiment.contrasts if found.factor == factor]
        steps = [step for cells in orders for step in distances(own, cells)]
        share = sum(step == 1 for step in steps) / max(1, len(steps))
        if share < 1:
            message = (
                f"arms over `{factor}` are neighbours in {share:.0%} of their pairs, at most "
                f"{max(steps)} cells apart"
            )
            yield Note("not_adjacent", message)


def _orders(trials: Sequence[Planned]) -> list[list[Cell]]:
    """The cells of each block in the order of their first trial."""
    blocks: dict[int, dict[str, Cell]] = {}
    for one in trials:
        blocks.setdefault(one.block, {}).setdefault(one.cell.id, one.cell)
    return [list(cells.values()) for cells in blocks.values()]


def _quantile_notes(experiment: Experiment) -> Iterator[Note]:
    """How many requests each quantile needs, and the cells whose load cannot give them.

    The latter refuse a run that is to be evidence.
    """
    window_s = experiment.repeat.window_ns / 1e9
    for name in _metrics(experiment):
        needed = requests_needed(name)
        if not needed:
            continue
        yield Note("requests_needed", f"{name} needs at least {needed} requests in every start")
        for cell in experiment.cells:
            most = _rate_most(cell.load)
            if most is not None and most * window_s < needed:
                message = (
                    f"{cell.id}: {most * window_s:.0f} requests per start are too few for {name}, "
                    f"which needs {needed}"
                )
                yield Note("too_few_requests", message, refuses=experiment.evidence)


def _pilot_notes(experiment: Experiment) -> Iterator[Note]:
    """Generators whose warm-up nobody can see."""
    tools = {cell.load.ruler.tool for cell in experiment.cells} - {"zyphos"}
    if experiment.repeat.warmup_ns is None and tools:
        message = (
            f"`warmup: auto` watches slices of the window, which {', '.join(sorted(tools))} does "
            "not report: give a duration"
        )
        yield Note("no_slices", message, refuses=True)


def _rate_most(load: Load) -> float | None:
    """Requests per second that the load can send at most; None where it does not say."""
    arrival = load.arrival
    rate = arrival.mean_per_second()
    if rate is not None:
        return rate
    if arrival.law != "closed" or not arrival.think_ns:
        return None
    return load.connections * load.pipeline * 1e9 / arrival.think_ns


def _left_out(experiment: Experiment) -> Iterator[Note]:
    """What `--only` made impossible."""
    if not experiment.request.only:
        return
    run = {found.factor for found in experiment.contrasts}
    for compare in experiment.compare:
        if compare.factor not in run:
            yield Note("left_out", f"--only leaves nothing to compare over `{compare.factor}`")
    kept = {expectation.id: expectation for expectation in experiment.expectations}
    for expect in experiment.expect:
        if expect.id not in kept:
            yield Note("left_out", f"--only leaves out the expectation `{expect.id}`")
        elif any(case.control is None for case in kept[expect.id].cases):
            yield Note(
                "left_out", f"--only leaves out the control of the expectation `{expect.id}`"
            )


def _cpu_notes(cells: Sequence[Cell], present: set[int]) -> Iterator[Note]:
    """CPUs that this machine has not, and those that load and target share."""
    missing: dict[int, None] = {}
    shared: dict[int, None] = {}
    for cell in cells:
        target: Sequence[int] = getattr(cell.target, "cpus", ())
        missing.update(
            dict.fromkeys(cpu for cpu in (*cell.load.cpus, *target) if cpu not in present)
        )
        shared.update(dict.fromkeys(cpu for cpu in target if cpu in cell.load.cpus))
    if missing:
        have = _listed(dict.fromkeys(present))
        yield Note("no_such_cpu", f"CPU {_listed(missing)} is not there: this machine has {have}")
    if shared:
        yield Note("shared_cpu", f"load and target share CPU {_listed(shared)}")


def _congestion_notes(cells: Sequence[Cell]) -> Iterator[Note]:
    """Congestion controls that this kernel does not list."""
    try:
        listed = CONGESTION.read_text(encoding="ascii").split()
    except OSError:
        return  # an old or hidden /proc: the kernel will say it
    sockets = [cell.load.socket for cell in cells]
    sockets += [cell.target.socket for cell in cells if isinstance(cell.target, EngineTarget)]
    wanted = dict.fromkeys(socket.tcp_congestion for socket in sockets)
    for name in wanted:
        if name is not None and name not in listed:
            message = f"this kernel does not list congestion control {name}: {', '.join(listed)}"
            yield Note("no_such_congestion", message)


def _fast_open_notes(cells: Sequence[Cell]) -> Iterator[Note]:
    """TCP Fast Open on loopback, where this machine's own setting does not allow it."""
    try:
        setting = int(FAST_OPEN.read_text(encoding="ascii"))
    except (OSError, ValueError):
        return  # the programs will say it
    for role, bit in dict.fromkeys(
        (role, bit)
        for cell in cells
        if cell.link.kind == "loopback"
        for _, role, bit in socket_rules.needs(cell)
    ):
        if not setting & bit:
            message = (
                f"{socket_rules.FAST_OPEN} is {setting} on this machine, TCP Fast Open of the "
                f"{role} needs its bit {bit}: its cells fail; a link of its own can have "
                f"`sysctl: {{both: {{{socket_rules.FAST_OPEN}: 3}}}}`"
            )
            yield Note("no_fast_open", message)


def _listed(cpus: Mapping[int, None]) -> str:
    return ", ".join(str(cpu) for cpu in sorted(cpus))
