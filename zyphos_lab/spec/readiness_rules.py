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
TURNS = (*READINESS, "coroutine", "prefork")  # loops that read by themselves
TRIGGERS: dict[str, tuple[str | None, ...]] = {
    **dict.fromkeys(get_args(Engine), (None,)),
    **dict.fromkeys(READINESS, (None, "level")),
    **dict.fromkeys(("epoll", "prefork"), (None, *get_args(Trigger))),
}


def readiness(cell: Cell, source: Source) -> Found:
    """Keys that the chosen engine, or its way to accept, has no use for."""
    target = cell.target
    if not isinstance(target, EngineTarget):
        return
    owner: Path = ("targets", cell.target_name)
    for key, message in (*_useless(target), *_useless_turns(target)):
        yield source.key_mark((*owner, key)).complaint(message)


def _useless(target: EngineTarget) -> Iterator[tuple[str, str]]:
    engine = target.engine
    if target.trigger not in TRIGGERS[engine]:
        said = "is always told by level" if engine in READINESS else "waits for no readiness"
        yield "trigger", f"engine {engine} {said}: edge and oneshot are epoll's"
    if target.exclusive and engine not in ("epoll", "prefork"):
        yield "exclusive", f"engine {engine} has no EPOLLEXCLUSIVE: that is for engine epoll"
    if target.accepting != "reuse_port" and engine not in READINESS:
        known = ", ".join(READINESS)
        yield "accepting", f"`accepting` is for the engines {known}, this is engine {engine}"
    if engine == "prefork":
        yield from _useless_to_workers(target)
    elif target.hand_out != "round_robin" and target.accepting != "acceptor":
        yield "hand_out", "`hand_out` is for `accepting: acceptor`, which hands connections out"


def _useless_turns(target: EngineTarget) -> Iterator[tuple[str, str]]:
    usual = EngineTarget.model_fields["receives_per_turn"].default
    if target.receives_per_turn != usual and target.engine not in TURNS:
        said = f"`receives_per_turn` is for the engines {', '.join(TURNS)}"
        yield "receives_per_turn", f"{said}, this is engine {target.engine}"


def _useless_to_workers(target: EngineTarget) -> Iterator[tuple[str, str]]:
    if target.hand_out != "round_robin" and target.accept != "passed":
        yield "hand_out", "`hand_out` is for `accept: passed`: a parent that hands connections out"
    if target.steer != "hash" and target.accept != "reuse_port":
        yield "steer", "`steer` chooses between listeners: there are several with `reuse_port` only"
    if target.exclusive and target.accept != "inherited":
        yield "exclusive", "`exclusive` is for a listener that workers share: `accept: inherited`"
    if target.workers_max > target.workers and target.accept == "reuse_port":
        message = "`workers_max` is for `accept: inherited` or `passed`: the kernel would go on"
        yield "workers_max", f"{message} choosing the listener of a worker that has gone"
    if target.app in ("counter", "transfer"):
        yield "app", f"app {target.app} counts in one process, engine prefork has several"
