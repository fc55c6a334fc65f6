"""Files that an experiment names: arrivals of the law `trace`, lists of requests, bpftrace scripts.

A relative name is looked for beside the file that names it (the experiment, or the working folder
for an option). What is in the file is judged here, before anything runs.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path as FilePath
from typing import TYPE_CHECKING, Any

from pydantic import TypeAdapter, ValidationError

from zyphos_lab.errors import Complaint, SpecError, UsageError
from zyphos_lab.spec.cell import Cell
from zyphos_lab.spec.complaints import complaints_of
from zyphos_lab.spec.link_models import DIRECTIONS, Link
from zyphos_lab.spec.models import Arrival, Listed, ListOfRequests, Load
from zyphos_lab.spec.source import Mark, Path, Source, read_list

if TYPE_CHECKING:
    from zyphos_lab.probes.bpftrace_script import Script

BPFTRACE = "bpftrace"
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


def located_link(link: Link, source: Source) -> Link:
    """The link with the places of its traces in place of their names. SpecError where one is not
    there.
    """
    changes: dict[str, Any] = {}
    for path in (("link",), *(("link", direction) for direction in DIRECTIONS)):
        held = link if len(path) == 1 else getattr(link, path[1])
        if held.trace is None:
            continue
        mark = source.mark((*path, "trace"))
        found = {"trace": beside(held.trace, mark)}
        if not FilePath(found["trace"]).is_file():
            raise SpecError([mark.complaint(f"there is no file {found['trace']}")])
        changes |= found if len(path) == 1 else {path[1]: held.model_copy(update=found)}
    return link.model_copy(update=changes)


def scripts(names: Sequence[str], source: Source) -> tuple[Script, ...]:
    """The bpftrace scripts of an experiment. SpecError where one cannot be read, or two would give
    the same columns.
    """
    from zyphos_lab.probes import bpftrace_script

    found: list[Script] = []
    filled: dict[str, str] = {}
    for at, name in enumerate(names):
        mark = source.mark((BPFTRACE, at))
        path = beside(name, mark)
        try:
            script = bpftrace_script.read(path)
        except OSError as error:
            reason = (error.strerror or str(error)).lower()
            raise SpecError([mark.complaint(f"cannot read {path}: {reason}")]) from None
        except UnicodeDecodeError:
            raise SpecError([mark.complaint(f"cannot read {path}: it is not UTF-8 text")]) from None
        if not script.maps:
            message = f"{path} fills no map, so it would give no column"
            raise SpecError([mark.complaint(message, "such as `@calls = count();`")])
        for one in script.maps.keys() & filled.keys():
            raise SpecError([mark.complaint(f"{path} and {filled[one]} both fill @{one}")])
        filled.update(dict.fromkeys(script.maps, path))
        found.append(script)
    return tuple(found)


def digests(cells: Iterable[Cell], scripts: Iterable[Script] = ()) -> dict[str, str]:
    """SHA-256 (hex) of each file that is read while it is measured; a list of requests is in the
    experiment itself. UsageError where one has gone.
    """
    names: set[str | None] = {script.name for script in scripts}
    for cell in cells:
        names |= {cell.load.arrival.file, *(cell.link.shaping(way).trace for way in DIRECTIONS)}
    names.discard(None)
    return {name: _digest(name) for name in sorted(map(str, names))}


def _digest(name: str) -> str:
    try:
        with FilePath(name).open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise UsageError(f"cannot read {name}: {(error.strerror or str(error)).lower()}") from None


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
