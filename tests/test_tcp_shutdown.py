"""Each engine is told to end while a connection of its is in each of TCP's states: it ends cleanly.

The peer is made by hand (tcp_peer.py) and says nothing more, so that the state lasts. Exit code 0
means that all threads were joined; what was still under way is aborted after the drain timeout.
"""

from __future__ import annotations

import signal
from collections.abc import Callable, Iterator

import pytest

from running import served
from tcp_peer import ACK, FIN, KERNEL, SYN, Peer, Place, eventually, wired
from zyphos_lab import _core, netns

pytestmark = [pytest.mark.native, pytest.mark.core]
GET = b"GET / HTTP/1.1\r\nHost: a\r\n\r\n"
LAST_GET = b"GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n"
LARGE = ("response_bytes=1000000", "socket.so_sndbuf=16384")
SMALL_WINDOW = 1000
Meet = Callable[[Place, int], None]


@pytest.fixture(scope="module")
def place() -> Iterator[Place]:
    with wired("shutdown") as one:
        yield one


@pytest.fixture(
    params=["sequential", "thread", "pool", "select", "poll", "epoll", "coroutine", "uring"]
)
def engine(request: pytest.FixtureRequest) -> str:
    able = _core.engines()[str(request.param)]
    if able is not True:
        pytest.skip(f"engine {request.param}: {able}")
    return str(request.param)


def asked(place: Place, port: int, request: bytes, window: int = 65535) -> Peer:
    """A peer whose request has been answered, or has begun to be."""
    peer = place.peer(port, window)
    peer.open()
    peer.send(ACK, request)
    while not peer.expect(ACK).data:
        pass
    return peer


def nobody(place: Place, port: int) -> None:
    """Nobody is there but the listener."""


def syn_recv(place: Place, port: int) -> None:
    peer = place.peer(port)
    peer.send(SYN)
    peer.expect(SYN | ACK)


def idle(place: Place, port: int) -> None:
    asked(place, port, GET).send(ACK)


def in_a_request(place: Place, port: int) -> None:
    peer = place.peer(port)
    peer.open()
    peer.send(ACK, GET[:10])


def in_an_answer(place: Place, port: int) -> None:
    asked(place, port, GET, SMALL_WINDOW)


def fin_wait1(place: Place, port: int) -> None:
    asked(place, port, LAST_GET)


def fin_wait2(place: Place, port: int) -> None:
    peer = place.peer(port)
    peer.open()
    peer.send(ACK, LAST_GET)
    peer.expect(FIN)
    peer.send(ACK)


def closing(place: Place, port: int) -> None:
    peer = place.peer(port)
    peer.open()
    peer.send(ACK, LAST_GET)
    peer.ack = peer.expect(FIN).seq
    peer.send(FIN | ACK)


def close_wait(place: Place, port: int) -> None:
    peer = asked(place, port, GET, SMALL_WINDOW)
    peer.send(FIN | ACK)


def last_ack(place: Place, port: int) -> None:
    peer = asked(place, port, GET)
    peer.send(FIN | ACK)
    peer.expect(FIN)


def time_wait(place: Place, port: int) -> None:
    peer = place.peer(port)
    peer.open()
    peer.send(ACK, LAST_GET)
    peer.expect(FIN)
    peer.send(FIN | ACK)


# What leads to it, and its number in /proc/net/tcp.
STATES: dict[Meet, str] = {
    nobody: "0A",
    syn_recv: "03",
    idle: "01",
    in_a_request: "01",
    in_an_answer: "01",
    fin_wait1: "04",
    fin_wait2: "05",
    closing: "0B",
    close_wait: "08",
    last_ack: "09",
    time_wait: "06",
}


@pytest.mark.answers("m01.exit.3.floor", "m01.exit.3.goal", "s1.4")
@pytest.mark.parametrize("meet", STATES, ids=lambda one: one.__name__)
def test_a_server_ends_in_any_state_of_its_connection(
    place: Place, engine: str, meet: Meet
) -> None:
    words = [f"engine={engine}", f"address={KERNEL}", "drain_timeout_ns=50000000"]
    words += LARGE if meet in (in_an_answer, close_wait) else ()
    with netns.entered(place.namespace), served(*words) as server:
        meet(place, server.port)
        state = STATES[meet]
        eventually(lambda: place.states(server.port)[state] == 1, f"state {state}")
        assert server.end(signal.SIGTERM) == 0
        assert place.states(server.port)["0A"] == 0
