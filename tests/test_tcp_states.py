"""Every transition of RFC 9293 that this kernel's TCP makes: provoked, and seen by `tcp_events`.

The peer is made by hand (tcp_peer.py), so that each state is held until the test goes on. Which
scenario shows which transition stands in docs/tcp_states.md, which is held to what happens here.
"""

from __future__ import annotations

import re
import socket
import struct
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from tcp_peer import ACK, FIN, KERNEL, PEER, RST, SYN, Peer, Place, eventually, wired
from zyphos_lab import netns
from zyphos_lab.probes import native
from zyphos_lab.probes.bpf import RawCounts
from zyphos_lab.probes.tcp_events import TcpEventsProbe

pytestmark = pytest.mark.core
PORT = 8080
PAGE = Path(__file__).resolve().parent.parent / "docs" / "tcp_states.md"
ROW = re.compile(r"\| ([A-Z0-9-]+ -> [A-Z0-9-]+) \| (.+?) \| (.+?) \| `(\w+)` \|")
# Figure 5, its notes 2 and 3, and what a reset does in each state (3.10.7).
RFC_9293 = """
CLOSED -> LISTEN, CLOSED -> SYN-SENT, LISTEN -> CLOSED, LISTEN -> SYN-RECEIVED, LISTEN -> SYN-SENT,
SYN-SENT -> CLOSED, SYN-SENT -> SYN-RECEIVED, SYN-SENT -> ESTABLISHED, SYN-RECEIVED -> ESTABLISHED,
SYN-RECEIVED -> FIN-WAIT-1, SYN-RECEIVED -> CLOSE-WAIT, SYN-RECEIVED -> LISTEN,
SYN-RECEIVED -> CLOSED, ESTABLISHED -> FIN-WAIT-1, ESTABLISHED -> CLOSE-WAIT,
ESTABLISHED -> CLOSED, FIN-WAIT-1 -> FIN-WAIT-2, FIN-WAIT-1 -> CLOSING, FIN-WAIT-1 -> TIME-WAIT,
FIN-WAIT-1 -> CLOSED, FIN-WAIT-2 -> TIME-WAIT, FIN-WAIT-2 -> CLOSED, CLOSING -> TIME-WAIT,
CLOSING -> CLOSED, CLOSE-WAIT -> LAST-ACK, CLOSE-WAIT -> CLOSED, LAST-ACK -> CLOSED,
TIME-WAIT -> CLOSED
"""
# As /proc/net/tcp has them.
FIN_WAIT2, TIME_WAIT, SYN_RECV = "05", "06", "03"


@dataclass
class Stage:
    """A listener on PORT in a namespace with a wire, and the peers that talk to it."""

    place: Place
    listener: socket.socket
    sockets: list[socket.socket] = field(default_factory=list)

    def peer(self) -> Peer:
        """One that would connect to the listener."""
        return self.place.peer(PORT)

    def states(self) -> Counter[str]:
        return self.place.states(PORT)

    def accepted(self) -> tuple[Peer, socket.socket]:
        peer = self.peer()
        peer.open()
        return peer, self.kept(self.listener.accept()[0])

    def connecting(self) -> tuple[Peer, socket.socket]:
        """A socket of the kernel's that has sent its SYN to the peer's PORT."""
        with netns.entered(self.place.namespace):
            one = self.kept(socket.socket())
        one.setblocking(False)
        one.connect_ex((PEER, PORT))
        peer = Peer(self.place.wire, PORT, one.getsockname()[1])
        peer.expect(SYN)
        return peer, one

    def kept(self, one: socket.socket) -> socket.socket:
        self.sockets.append(one)
        return one


def half_closed(stage: Stage) -> tuple[Peer, socket.socket]:
    """In FIN_WAIT1: its FIN is out and not acknowledged."""
    peer, one = stage.accepted()
    one.shutdown(socket.SHUT_WR)
    peer.ack = peer.expect(FIN).seq
    return peer, one


def requested(stage: Stage) -> Peer:
    """In SYN_RECV: what the listener has of it is a request."""
    peer = stage.peer()
    peer.send(SYN)
    peer.expect(SYN | ACK)
    return peer


def close(peer: Peer, one: socket.socket) -> None:
    """The kernel's side says that it is done."""
    one.close()
    peer.expect(FIN)


def end_time_wait(stage: Stage, peer: Peer) -> None:
    """Waits for it first: RFC 1337 has a reset end it."""
    eventually(lambda: stage.states()[TIME_WAIT] == 1, "TIME_WAIT")
    peer.send(RST)
    eventually(lambda: stage.states()[TIME_WAIT] == 0, "its end")


def acknowledge_fin(peer: Peer, flags: int = ACK) -> None:
    peer.ack += 1
    peer.send(flags)


def crossed(stage: Stage) -> tuple[Peer, socket.socket]:
    """In SYN_RECV: both have sent a SYN before either came."""
    peer, one = stage.connecting()
    peer.send(SYN)
    peer.expect(SYN | ACK)
    return peer, one


def left_behind(stage: Stage) -> tuple[Peer, socket.socket]:
    """In CLOSE_WAIT."""
    peer, one = stage.accepted()
    peer.send(FIN | ACK)
    assert one.recv(1) == b""
    return peer, one


def listener(place: Place) -> socket.socket:
    with netns.entered(place.namespace):
        return socket.create_server((KERNEL, PORT))


# --- the scenarios, by the names that the page has ---


def listening(stage: Stage) -> None:
    stage.listener.close()
    stage.listener = listener(stage.place)


def connect_while_listening(stage: Stage) -> None:
    with pytest.raises(OSError, match="already connected"):  # EISCONN
        stage.listener.connect((PEER, PORT))


def active_open(stage: Stage) -> None:
    peer, one = stage.connecting()
    peer.send(SYN | ACK)
    peer.expect(ACK)
    eventually(lambda: one.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR) == 0, "connected")
    peer.send(RST)


def refused(stage: Stage) -> None:
    peer, _ = stage.connecting()
    peer.send(RST | ACK)


def given_up(stage: Stage) -> None:
    _, one = stage.connecting()
    one.close()


def passive_open_and_reset(stage: Stage) -> None:
    stage.accepted()[0].send(RST)


def request_reset(stage: Stage) -> None:
    peer = requested(stage)
    assert stage.states()[SYN_RECV] == 1
    peer.send(RST)
    eventually(lambda: stage.states()[SYN_RECV] == 0, "the request is gone")


def simultaneous_open(stage: Stage) -> None:
    peer, _ = crossed(stage)
    peer.send(ACK)
    peer.send(RST)


def reset_in_syn_recv(stage: Stage) -> None:
    crossed(stage)[0].send(RST)


def closed_in_syn_recv(stage: Stage) -> None:
    peer, one = crossed(stage)
    close(peer, one)
    peer.send(RST)


def fin_with_the_handshake(stage: Stage) -> None:
    peer = requested(stage)
    peer.send(FIN | ACK)
    one = stage.kept(stage.listener.accept()[0])
    assert one.recv(1) == b""
    peer.send(RST)


def active_close(stage: Stage) -> None:
    peer, _ = half_closed(stage)
    acknowledge_fin(peer)
    peer.send(FIN | ACK)
    end_time_wait(stage, peer)


def orphan_close(stage: Stage) -> None:
    peer, one = stage.accepted()
    close(peer, one)
    peer.send(ACK)
    eventually(lambda: stage.states()[FIN_WAIT2] == 1, "FIN_WAIT2 without a socket")
    peer.send(FIN | ACK)
    end_time_wait(stage, peer)


def fin_and_ack_at_once(stage: Stage) -> None:
    peer, _ = half_closed(stage)
    acknowledge_fin(peer, FIN | ACK)
    end_time_wait(stage, peer)


def simultaneous_close(stage: Stage) -> None:
    peer, _ = half_closed(stage)
    peer.send(FIN | ACK)
    acknowledge_fin(peer)
    end_time_wait(stage, peer)


def passive_close(stage: Stage) -> None:
    peer, one = left_behind(stage)
    close(peer, one)
    peer.send(ACK)


def abort(stage: Stage) -> None:
    peer, one = stage.accepted()
    one.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    one.close()
    peer.expect(RST)


def reset_in_fin_wait1(stage: Stage) -> None:
    half_closed(stage)[0].send(RST)


def reset_in_fin_wait2(stage: Stage) -> None:
    peer, _ = half_closed(stage)
    acknowledge_fin(peer)
    peer.send(RST)


def reset_in_closing(stage: Stage) -> None:
    peer, _ = half_closed(stage)
    peer.send(FIN | ACK)
    peer.send(RST)


def reset_in_close_wait(stage: Stage) -> None:
    left_behind(stage)[0].send(RST)


def reset_in_last_ack(stage: Stage) -> None:
    peer, one = left_behind(stage)
    close(peer, one)
    peer.send(RST)


OPENED = "listen_to_syn_recv syn_recv_to_established"
DIALED = "closed_to_syn_sent"
CROSSED = f"{DIALED} syn_sent_to_syn_recv"
HALF = f"{OPENED} established_to_fin_wait1"
LEFT = f"{OPENED} established_to_close_wait"
Scenario = Callable[[Stage], None]
# What each makes the kernel report, all of it.
SCENARIOS: dict[Scenario, str] = {
    listening: "listen_to_closed closed_to_listen",
    connect_while_listening: "",
    active_open: f"{DIALED} syn_sent_to_established established_to_closed",
    refused: f"{DIALED} syn_sent_to_closed",
    given_up: f"{DIALED} syn_sent_to_closed",
    passive_open_and_reset: f"{OPENED} established_to_closed",
    request_reset: "",
    simultaneous_open: f"{CROSSED} syn_recv_to_established established_to_closed",
    reset_in_syn_recv: f"{CROSSED} syn_recv_to_closed",
    closed_in_syn_recv: f"{CROSSED} syn_recv_to_fin_wait1 fin_wait1_to_closed",
    fin_with_the_handshake: f"{LEFT} close_wait_to_closed",
    active_close: f"{HALF} fin_wait1_to_fin_wait2 fin_wait2_to_closed",
    orphan_close: f"{HALF} fin_wait1_to_fin_wait2 fin_wait2_to_closed",
    fin_and_ack_at_once: f"{HALF} fin_wait1_to_fin_wait2 fin_wait2_to_closed",
    simultaneous_close: f"{HALF} fin_wait1_to_closing closing_to_closed",
    passive_close: f"{LEFT} close_wait_to_last_ack last_ack_to_closed",
    abort: f"{OPENED} established_to_closed",
    reset_in_fin_wait1: f"{HALF} fin_wait1_to_closed",
    reset_in_fin_wait2: f"{HALF} fin_wait1_to_fin_wait2 fin_wait2_to_closed",
    reset_in_closing: f"{HALF} fin_wait1_to_closing closing_to_closed",
    reset_in_close_wait: f"{LEFT} close_wait_to_closed",
    reset_in_last_ack: f"{LEFT} close_wait_to_last_ack last_ack_to_closed",
}


@pytest.fixture(scope="module")
def probe() -> Iterator[TcpEventsProbe]:
    one = TcpEventsProbe()
    if one.reason:
        pytest.skip(one.reason)
    yield one
    one.close()


@pytest.fixture(scope="module")
def stage() -> Iterator[Stage]:
    with wired("states") as place:
        found = Stage(place, listener(place))
        yield found
        found.listener.close()


def transitions(probe: TcpEventsProbe, before: RawCounts) -> Counter[str]:
    """What the probe has counted since, of both sides together."""
    columns, _ = probe.columns(before, probe.snapshot(), 1)
    found: Counter[str] = Counter()
    for column, count in columns.items():
        name = re.fullmatch(r"(?:server|client)_tcp_events_(\w+_to_\w+)", column)
        if name and not column.endswith("_per_request") and isinstance(count, int) and count:
            found[name[1]] += count
    return found


@pytest.mark.parametrize("scenario", SCENARIOS, ids=lambda one: one.__name__)
def test_a_transition_is_provoked_and_seen(
    stage: Stage, probe: TcpEventsProbe, scenario: Scenario
) -> None:
    wanted = Counter(SCENARIOS[scenario].split())
    probe.attach({"server": [stage.place.pid]}, PORT)
    before = probe.snapshot()
    try:
        scenario(stage)
        eventually(
            lambda: transitions(probe, before).total() >= wanted.total(),
            f"{dict(wanted)}, but {dict(transitions(probe, before))}",
        )
        assert transitions(probe, before) == wanted
    finally:
        for one in stage.sockets:
            one.close()
        stage.sockets.clear()


def test_connections_by_state_over_time(stage: Stage) -> None:
    """The sampler of the probe `sockets` counts them as they change."""
    sampler = native.core().SocketSampler([stage.place.namespace], PORT, 1_000_000)
    try:
        left_behind(stage)
        peer, _ = half_closed(stage)
        acknowledge_fin(peer)
        stage.accepted()
        held = {"close_wait": 1, "fin_wait2": 1, "established": 1, "last_ack": 0}

        def now() -> dict[str, int]:
            sides = sampler.samples()[-1:]
            return {one: sides[0][2]["server"][one] for one in held} if sides else {}

        eventually(lambda: now() == held, f"{held}")
        for one in stage.sockets:
            one.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            one.close()
        eventually(lambda: now() == dict.fromkeys(held, 0), "their ends")
    finally:
        sampler.stop()
        stage.sockets.clear()


def test_the_page_has_every_transition_and_says_how_it_is_seen() -> None:
    rows = ROW.findall(PAGE.read_text(encoding="ascii"))
    legal = {one.strip() for one in RFC_9293.replace("\n", " ").split(",")}
    assert {row[0] for row in rows} == legal
    by_name = {scenario.__name__: told.split() for scenario, told in SCENARIOS.items()}
    assert {row[3] for row in rows} <= by_name.keys()
    for transition, _, seen, scenario in rows:
        named = re.findall(r"`(\w+_to_\w+)`", seen)
        assert named or "not reported" in seen, transition
        assert set(named) <= set(by_name[scenario]), (transition, scenario)
