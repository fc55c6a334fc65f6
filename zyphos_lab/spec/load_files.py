"""Files that a load names: arrivals of the law `trace`.

A relative name is looked for beside the file that names it (the experiment, or the working folder
for an option). What is in the file is judged here, before anything runs.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path as FilePath

from zyphos_lab.errors import Complaint
from zyphos_lab.spec.models import Arrival, Load
from zyphos_lab.spec.source import Mark, Path, Source

TRACE: Path = ("load", "arrival", "file")


def beside(name: str, mark: Mark) -> str:
    """Where the file `name` is that was named at `mark`."""
    namer = FilePath(mark.file)
    folder = namer.parent if namer.is_file() else FilePath()
    return str(folder / name)


def located(load: Load, source: Source) -> Load:
    """The load with the place of its file in place of its name."""
    if load.arrival.file is None:
        return load
    found = beside(load.arrival.file, source.mark(TRACE))
    arrival = load.arrival.model_copy(update={"file": found})
    return load.model_copy(update={"arrival": arrival})


def trace(arrival: Arrival, source: Source) -> Iterator[Complaint]:
    """What is wrong with the file of a `trace`, which is `located`."""
    from zyphos_lab.probes.native import core

    if arrival.law != "trace" or arrival.file is None:
        return
    mark = source.mark(TRACE)
    try:
        found = core().read_trace(arrival.file)
    except ValueError as error:
        yield mark.complaint(str(error), "one offset a line: whole ns, or seconds like 0.25")
        return
    if arrival.period_ns is None and not found["natural_period_ns"]:
        message = f"all arrivals of {arrival.file} are at one time: it needs `period`"
        yield mark.complaint(message, "such as `period: 1s`: the trace repeats after it")
    elif arrival.period_ns is not None and arrival.period_ns <= found["last_ns"]:
        message = f"the trace is longer than `period`: its last offset is {found['last_ns']} ns"
        yield source.mark(("load", "arrival", "period")).complaint(message)
