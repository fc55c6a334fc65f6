"""Whatever puts the load on a trial: our generator, alone or in several processes, our fetcher
(fetch.py), messages to another process of this machine (ipc.py), UDP datagrams (datagram.py), and
other people's generators: wrk, h2load, ab, oha, vegeta.

`start` gives the run of whichever a cell asks for; all have the face of LoadRun. To add a tool: an
adapter (base.Adapter) in a file of its own, a line in found.ADAPTERS and in the spec's
TOOLS.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from zyphos_lab.child import Children
from zyphos_lab.errors import GeneratorError
from zyphos_lab.links.base import Ends
from zyphos_lab.load import LoadRun
from zyphos_lab.load_group import LoadGroup
from zyphos_lab.rulers.base import place_of
from zyphos_lab.rulers.datagram import DatagramRun
from zyphos_lab.rulers.fetch import FetchRun
from zyphos_lab.rulers.found import find
from zyphos_lab.rulers.ipc import IpcRun
from zyphos_lab.rulers.run import ForeignRun
from zyphos_lab.spec import load_words
from zyphos_lab.spec.cell import Cell
from zyphos_lab.spec.models import Load, Repeat
from zyphos_lab.spec.ruler_rules import law_run
from zyphos_lab.targets import Running

__all__ = ["AnyRun", "identity", "notes", "present", "start"]

OURS = "zyphos"
AnyRun = LoadRun | LoadGroup | ForeignRun


def start(
    load: Load,
    repeat: Repeat,
    running: Running,
    seed: int,
    children: Children,
    ends: Ends,
) -> AnyRun:
    """The load of a trial against `running`, connected or at rest, at the client's end."""
    if load.fetch is not None:
        return FetchRun(load, repeat, running, seed, children, ends)
    if load.ipc is not None:
        return IpcRun(load, repeat, running, children)
    if load.datagrams is not None:
        return DatagramRun(load, repeat, running, children, ends)
    address, port = place_of(load, running, ends), running.port
    namespace = ends.client
    if load.ruler.tool == OURS:
        words = load_words(load, repeat, address=address, port=port, seed=seed)
        if load.processes > 1:
            how = load.processes, repeat.warmup_ns or 0, load.cpus
            return LoadGroup(words, *how, children, running.check, namespace)
        return LoadRun(words, load.cpus, children, running.check, namespace)
    host = f"[{address}]" if ":" in address else address
    url = f"http://{host}:{port}{load.path}"
    return ForeignRun(load, repeat, url, children, running.check, namespace)


def present(load: Load) -> None:
    """Raises GeneratorError where the generator of `load` is not on this machine."""
    if load.ruler.tool != OURS:
        find(load.ruler)


def identity(load: Load) -> dict[str, str]:
    """Columns that say whose numbers these are, and which arrival law really ran."""
    tool = load.ruler.tool
    return {"generator": tool, "law": law_run(tool, load.arrival.law)}


def notes(cells: Sequence[Cell]) -> Iterator[tuple[str, str]]:
    """(code, message) of what one should know before the run: missing tools, laws not kept."""
    told: set[tuple[str, str]] = set()
    for cell in cells:
        for note in _notes(cell.load):
            if note not in told:
                told.add(note)
                yield note


def _notes(load: Load) -> Iterator[tuple[str, str]]:
    try:
        present(load)
    except GeneratorError as error:
        yield "generator_missing", f"{error}: its cells are skipped"
    tool, law = load.ruler.tool, load.arrival.law
    if law_run(tool, law) != law:
        yield (
            "law_not_kept",
            f"generator {tool} knows no rate: where law {law} is asked it runs closed",
        )
