"""What a cell may ask of a disturbance. Rules as in rules.py."""

from __future__ import annotations

from collections.abc import Iterator

from pydantic import ValidationError

from zyphos_lab.errors import Complaint
from zyphos_lab.spec.cell import Cell
from zyphos_lab.spec.models import Repeat
from zyphos_lab.spec.source import Path, Source
from zyphos_lab.spec.target_models import AttachTarget
from zyphos_lab.units import format_duration

Found = Iterator[Complaint]


def disturbances(cell: Cell, source: Source) -> Found:
    if not cell.disturb:
        return
    if isinstance(cell.target, AttachTarget):
        message = f"target `{cell.target_name}` is not ours to stop: the lab did not start it"
        yield source.key_mark(("disturb",)).complaint(message)
        return
    ended_ns, window_ns = 0, window_ns_of(source)
    for index, one in enumerate(cell.disturb):
        path: Path = ("disturb", index)
        if one.at_ns < ended_ns:
            message = "a stop begins before the one above it is over"
            yield source.mark((*path, "at")).complaint(message)
        ended_ns = one.at_ns + one.for_ns
        if ended_ns > window_ns:
            message = f"the stop ends at {format_duration(ended_ns)}, the window at"
            hint = "it has to end within the measured window"
            mark = source.mark((*path, "for"))
            yield mark.complaint(f"{message} {format_duration(window_ns)}", hint)


def window_ns_of(source: Source) -> int:
    """The window as the file has it; what is wrong with `repeat` is complained about elsewhere."""
    try:
        return Repeat.model_validate(source.at(("repeat",)) or {}).window_ns
    except ValidationError:
        return Repeat().window_ns
