"""Files that a load names: arrivals of the law `trace`, lists of requests.

A relative name is looked for beside the file that names it (the experiment, or the working folder
for an option). What is in the file is judged here, before anything runs.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path as FilePath

from pydantic import TypeAdapter, ValidationError

from zyphos_lab.errors import Complaint, SpecError
from zyphos_lab.spec.complaints import complaints_of
from zyphos_lab.spec.models import Arrival, Listed, ListOfRequests, Load
from zyphos_lab.spec.source import Mark, Path, Source, read_list

TRACE: Path = ("load", "arrival", "file")
REQUESTS: Path = ("load", "requests")
_LISTED: TypeAdapter[tuple[Listed, ...]] = TypeAdapter(ListOfRequests)


def beside(name: str, mark: Mark) -> str:
    """Where the file `name` is that was named at `mark`."""
    namer = FilePath(mark.file)
    folder = namer.parent if namer.is_file() else FilePath()
    return str(folder / name)


def inlined(source: Source) -> Source:
    """The experiment with the list of requests in place of the name of its file.

    Complaints about the list then point into that file. Raises SpecError when it cannot be read.
    """
    name = source.at(REQUESTS)
    if not isinstance(name, str) or not name:
        return source
    mark = source.mark(REQUESTS)
    return source.put(REQUESTS, read_requests(beside(name, mark), mark))


def read_requests(path: str, mark: Mark) -> Source:
    """The list in the file at `path`, which was named at `mark`."""
    try:
        text = FilePath(path).read_text(encoding="utf-8")
    except OSError as error:
        reason = (error.strerror or str(error)).lower()
        raise SpecError([mark.complaint(f"cannot read {path}: {reason}")]) from None
    except UnicodeDecodeError:
        raise SpecError([mark.complaint(f"cannot read {path}: it is not UTF-8 text")]) from None
    return read_list(text, path, "requests such as `- {path: /, weight: 3}`")


def listed_in(path: str) -> tuple[Listed, ...]:
    """The requests listed in a file that an option names. Raises SpecError with all its faults."""
    source = read_requests(path, Mark("--requests"))
    try:
        found: tuple[Listed, ...] = _LISTED.validate_python(source.data)
    except ValidationError as error:
        placed = Source({}, {}, {(): Mark(path)}).put(REQUESTS, source)
        raise SpecError(complaints_of(error, placed, REQUESTS)) from None
    return found


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
