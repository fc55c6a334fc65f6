"""A path that goes dark: what arrives vanishes in both directions or one, nobody is told, and it
comes back; the endpoints' own timers find it when their settings say."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from linking import needs
from zyphos_lab import blackhole, disturb, links, netns
from zyphos_lab.child import Children, monotonic_ns
from zyphos_lab.errors import LinkError, MeasurementError
from zyphos_lab.spec import Link
from zyphos_lab.spec.models import Disturbance

pytestmark = [pytest.mark.native, pytest.mark.core]
KINDS = [pytest.param(kind, marks=needs(kind)) for kind in ("veth", "tun")]
Pair = tuple[socket.socket, socket.socket]
WAIT_S = 0.2  # a lost byte stays lost: too short a wait could only hide that it came
COMES_S = 10.0


@pytest.fixture
def ends(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[links.Ends]:
    spec = Link.model_validate({"kind": request.param})
    link = links.make(spec, links.Setting(Children(tmp_path), seed=1))
    try:
        yield link.up()
    finally:
        link.down()


@pytest.fixture
def pair(ends: links.Ends) -> Iterator[Pair]:
    """A datagram socket at each end, connected to each other: (client's, server's)."""
    with ExitStack() as stack:
        sockets = []
        for namespace in (ends.client, ends.server):
            with netns.entered(namespace):
                one = stack.enter_context(socket.socket(socket.AF_INET, socket.SOCK_DGRAM))
            one.bind(("198.18.0.1" if namespace == ends.client else "198.18.0.2", 0))
            sockets.append(one)
        client, server = sockets
        client.connect(server.getsockname())
        server.connect(client.getsockname())
        yield client, server


def passes(sender: socket.socket, receiver: socket.socket, wait_s: float = COMES_S) -> bool:
    """Whether a datagram comes. Sending must never fail: nobody is told."""
    sender.send(b"x")
    receiver.settimeout(wait_s)
    try:
        return receiver.recv(8) == b"x"
    except TimeoutError:
        return False


@pytest.mark.parametrize("ends", KINDS, indirect=True)
def test_what_arrives_vanishes_until_it_is_light(ends: links.Ends, pair: Pair) -> None:
    client, server = pair
    assert ends.server is not None
    assert passes(client, server) and passes(server, client)
    blackhole.prepare(ends.server, "zy0")
    assert passes(client, server)
    blackhole.dark(ends.server)
    assert not passes(client, server, WAIT_S)
    assert passes(server, client)  # one direction is its receiver's
    blackhole.light(ends.server)
    blackhole.light(ends.server)
    assert passes(client, server)
    blackhole.dark(ends.server)
    blackhole.clear(ends.server)
    assert passes(client, server)


@pytest.mark.parametrize("ends", KINDS[:1], indirect=True)
def test_in_the_dark_the_user_timeout_is_what_tells(ends: links.Ends, tmp_path: Path) -> None:
    step = Disturbance.model_validate({"at": "20ms", "link": "blackhole", "for": "100s"})
    with ExitStack() as stack:
        with netns.entered(ends.server):
            listener = stack.enter_context(socket.create_server(("198.18.0.2", 0)))
        with netns.entered(ends.client):
            client = stack.enter_context(socket.create_connection(listener.getsockname()))
        peer = stack.enter_context(listener.accept()[0])
        client.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, 300)
        running = disturb.make([step], disturb.Scene([], ends), Children(tmp_path))
        stack.callback(running.close)
        running.arm(monotonic_ns())
        peer.settimeout(WAIT_S)
        with pytest.raises(TimeoutError):
            while True:  # dark: the first byte that does not come
                client.send(b"x")
                peer.recv(8)
        client.settimeout(60)
        with pytest.raises(TimeoutError) as told:
            client.recv(8)
        assert told.value.errno == 110  # the kernel's ETIMEDOUT, not the socket's own timeout


@pytest.mark.parametrize("ends", KINDS[:1], indirect=True)
def test_the_record_says_what_was_done(ends: links.Ends, pair: Pair, tmp_path: Path) -> None:
    keys = {"at": "10ms", "link": "blackhole", "for": "30ms", "direction": "backward"}
    step = Disturbance.model_validate(keys)
    running = disturb.make([step], disturb.Scene([], ends), Children(tmp_path))
    try:
        running.arm(monotonic_ns())
        [event] = running.events(monotonic_ns())
    finally:
        running.close()
    assert (event["kind"], event["direction"]) == ("blackhole", "backward")
    assert event["dark_ns"] >= 10_000_000
    assert event["light_ns"] - event["dark_ns"] >= 30_000_000
    found = disturb.columns([event], 10**9)
    assert found["link_dark_ns"] == event["light_ns"] - event["dark_ns"]
    assert found["server_stopped_ns"] == 0
    assert "wrong_answers" in disturb.expected([event]) and not disturb.expected([])
    client, server = pair
    assert passes(server, client)


def test_no_namespace_is_a_line(tmp_path: Path) -> None:
    with pytest.raises(LinkError, match="disturb: /run/netns/zy-none: No such file"):
        blackhole.dark("/run/netns/zy-none")
    step = Disturbance.model_validate({"at": "0s", "link": "blackhole", "for": "1s"})
    gone = links.Ends("/run/netns/zy-none", "/run/netns/zy-none")
    running = disturb.make([step], disturb.Scene([], gone), Children(tmp_path))
    try:
        running.arm(monotonic_ns())
        with pytest.raises(MeasurementError, match="zy-none: No such file"):
            running.events(monotonic_ns())
    finally:
        running.close()
