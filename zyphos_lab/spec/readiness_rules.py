"""What the engines that wait for readiness have a use for, and the others have not. See rules.py;
cpp/engine/readiness_options.cpp refuses the same.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import get_args

from zyphos_lab.errors import Complaint
from zyphos_lab.spec.cell import Cell
from zyphos_lab.spec.source import Path, Source
from zyphos_lab.spec.target_models import Engine, EngineTarget, Trigger

Found = Iterator[Complaint]

READINESS = ("select", "poll", "epoll")
TRIGGERS: dict[str, tuple[str | None, ...]] = {
    **dict.fromkeys(get_args(Engine), (None,)),
    **dict.fromkeys(READINESS, (None, "level")),
    "epoll": (None, *get_args(Trigger)),
}


def readiness(cell: Cell, source: Source) -> Found:
    """Keys that the chosen engine, or its way to accept, has no use for."""
    target = cell.target
    if not isinstance(target, EngineTarget):
        return
    owner: Path = ("targets", cell.target_name)
    for key, message in _useless(target):
        yield source.key_mark((*owner, key)).complaint(message)


def _useless(target: EngineTarget) -> Iterator[tuple[str, str]]:
    engine = target.engine
    if target.trigger not in TRIGGERS[engine]:
        said = "is always told by level" if engine in READINESS else "waits for no readiness"
        yield "trigger", f"engine {engine} {said}: edge and oneshot are epoll's"
    if target.exclusive and engine != "epoll":
        yield "exclusive", f"engine {engine} has no EPOLLEXCLUSIVE: that is for engine epoll"
    if target.accepting != "reuse_port" and engine not in READINESS:
        known = ", ".join(READINESS)
        yield "accepting", f"`accepting` is for the engines {known}, this is engine {engine}"
    if target.hand_out != "round_robin" and target.accepting != "acceptor":
        yield "hand_out", "`hand_out` is for `accepting: acceptor`, which hands connections out"
