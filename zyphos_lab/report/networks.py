"""Where the networks of client and server are not set alike, from what every trial ran in.

Load and server are on one machine; a link puts them into network namespaces of their own, whose
settings and interfaces are a host's in small. Knows environments; no statistics. Pure functions.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any

from zyphos_lab import environment, host
from zyphos_lab.report.confounded import Environments, Facts
from zyphos_lab.report.model import Answer, SideDifference

SHARED = "Client and server share the machine's own network."
NOT_KNOWN = "The run does not say what networks client and server had."
UNREADABLE = "Client and server have networks of their own, whose settings could not be read."
ALIKE = "Client and server have networks of their own, set alike."


def with_sides(answer: Answer, around: Environments) -> Answer:
    """The answer with what is known of both sides' networks."""
    found = differences(around)
    return replace(answer, sides=sentence(around, found), side_differences=found)


def differences(around: Environments) -> tuple[SideDifference, ...]:
    """One per setting and pair of values, with the cells in which it is so."""
    found: dict[tuple[str, str, str], list[str]] = {}
    for cell, (client, server) in _known(around):
        for name, ends in host.diff(client, server).items():
            cells = found.setdefault((name, _shown(ends[0]), _shown(ends[1])), [])
            if cell not in cells:
                cells.append(cell)
    return tuple(SideDifference(*key, tuple(cells)) for key, cells in found.items())


def sentence(around: Environments, found: Iterable[SideDifference]) -> str:
    """What is known of the two sides' networks."""
    every = [environment.networks(facts) for _, facts in _by_cell(around)]
    count = len({one.name for one in found})
    if count:
        kinds = "setting differs" if count == 1 else "settings differ"
        return f"Client and server have networks of their own; {count} {kinds} between them."
    if not every:
        return NOT_KNOWN
    if not any(every):
        return SHARED
    return ALIKE if _known(around) else UNREADABLE


def of_cells(around: Environments) -> dict[str, dict[str, Any]]:
    """The networks of each cell's first trial (`environment.networks`), where it has such."""
    found: dict[str, dict[str, Any]] = {}
    for cell, (client, server) in _known(around):
        found.setdefault(cell, {"client": client, "server": server})
    return found


def _known(around: Environments) -> list[tuple[str, tuple[Facts, Facts]]]:
    """Client's and server's network of each cell that has such, and can be read."""
    every = ((cell, environment.networks(facts)) for cell, facts in _by_cell(around))
    pairs = ((cell, one.get("client"), one.get("server")) for cell, one in every)
    return [(cell, (a, b)) for cell, a, b in pairs if a is not None and b is not None]


def _by_cell(around: Environments) -> list[tuple[str, Mapping[str, Any]]]:
    """What each cell ran in, each once, in the order of the trials."""
    found = {(cell, id(facts)): facts for (cell, *_), facts in around.of.items()}
    return [(cell, facts) for (cell, _), facts in found.items()]


def _shown(value: Any) -> str:
    if value is None:
        return "not there"
    return value if isinstance(value, str) else json.dumps(value)
