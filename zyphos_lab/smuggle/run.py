"""The campaign: everyone started, every technique sent to each, the matrix of what came of it.

Load is small: one request at a time for a pair, a few for a server alone.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass
from typing import TypeVar

from zyphos_lab.child import Children
from zyphos_lab.errors import MeasurementError
from zyphos_lab.smuggle import peers
from zyphos_lab.smuggle.matrix import Matrix, Pair
from zyphos_lab.smuggle.pairs import Passing, passing
from zyphos_lab.smuggle.reading import Reading
from zyphos_lab.smuggle.talk import ask
from zyphos_lab.smuggle.tap import Tap
from zyphos_lab.smuggle.technique import CONTROL, HOST, Technique

LOOPBACK = "127.0.0.1"
COLUMNS_AT_ONCE = 6
ASKED_AT_ONCE = 8
MODEL_KINDS = (CONTROL, "CL.TE", "TE.CL")

K = TypeVar("K")
V = TypeVar("V")
Say = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Wanted:
    """Whom to ask what. `patience_s`: how long somebody who says nothing is waited for."""

    techniques: Sequence[Technique]
    servers: Sequence[str]
    pairs: Sequence[Pair]
    patience_s: float = 2.0
    host: str = HOST


def run(wanted: Wanted, children: Children, say: Say) -> Matrix:
    """All of it; `say` hears of each column that is finished."""
    matrix = Matrix(wanted.techniques)
    servers = [one for one in wanted.servers if _here(peers.servers()[one], matrix)]
    pairs = [one for one in wanted.pairs if _both_here(one, matrix)]
    with ThreadPoolExecutor(COLUMNS_AT_ONCE) as pool:
        work = [pool.submit(_server, one, wanted, children, matrix, say) for one in servers]
        work += [pool.submit(_pair, one, wanted, children, matrix, say) for one in pairs]
        for done in work:
            done.result()
    matrix.readings = _ordered(matrix.readings, servers)
    matrix.passings = _ordered(matrix.passings, pairs)
    return matrix


def _ordered(found: dict[K, V], order: Sequence[K]) -> dict[K, V]:
    """As they were wanted, not as they were finished."""
    return {one: found[one] for one in order if one in found}


def _both_here(pair: Pair, matrix: Matrix) -> bool:
    here = [_here(peers.fronts()[pair.front], matrix), _here(peers.servers()[pair.back], matrix)]
    return all(here)


def _here(peer: peers.Peer, matrix: Matrix) -> bool:
    if why := peers.missing(peer):
        matrix.missing[peer.name] = why
    return not why


def _server(name: str, wanted: Wanted, children: Children, matrix: Matrix, say: Say) -> None:
    try:
        with peers.started(peers.servers()[name], children) as port:
            matrix.readings[name] = asked(LOOPBACK, port, wanted)
    except (MeasurementError, OSError) as error:
        matrix.missing[name] = str(error)
    say(name)


def asked(address: str, port: int, wanted: Wanted) -> dict[str, Reading]:
    """Every technique to one server, a few at a time."""

    def one(technique: Technique) -> Reading:
        return ask(address, port, technique.data, wanted.patience_s, wanted.host)

    with ThreadPoolExecutor(ASKED_AT_ONCE) as pool:
        found = pool.map(one, wanted.techniques)
        return {
            technique.name: got for technique, got in zip(wanted.techniques, found, strict=True)
        }


def _pair(pair: Pair, wanted: Wanted, children: Children, matrix: Matrix, say: Say) -> None:
    try:
        with ExitStack() as stack:
            back = stack.enter_context(peers.started(peers.servers()[pair.back], children))
            tap = stack.enter_context(Tap(back))
            matrix.passings[pair] = _through(pair, tap, wanted, children)
    except (MeasurementError, OSError) as error:
        matrix.missing[pair.name] = str(error)
    say(pair.name)


def _through(pair: Pair, tap: Tap, wanted: Wanted, children: Children) -> dict[str, Passing]:
    peer = peers.fronts()[pair.front]
    if not pair.is_model:
        with peers.started(peer, children, tap.port) as port:
            return own_front(LOOPBACK, port, tap, wanted)
    # A model has no sense to give up a connection that went wrong: it is a new one each time, and
    # is shown only what the two of the pair read differently.
    found: dict[str, Passing] = {}
    for one in wanted.techniques:
        if one.kind in MODEL_KINDS:
            with peers.started(peer, children, tap.port) as port:
                front = (LOOPBACK, port)
                found[one.name] = passing(front, tap, one.data, wanted.patience_s, wanted.host)
    return found


def own_front(address: str, port: int, tap: Tap, wanted: Wanted) -> dict[str, Passing]:
    """Every technique through one front end, which passes on to the tap."""
    return {
        one.name: passing((address, port), tap, one.data, wanted.patience_s, wanted.host)
        for one in wanted.techniques
    }
