"""Attacks in namespaces of the test's own: what each does to a server, what it cannot, and that
nothing but a run's own network is ever attacked."""

from __future__ import annotations

import os
import re
import socket
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import Any

import pytest

from linking import needs
from running import refused
from zyphos_lab import disturb, links, netns
from zyphos_lab.child import Children, monotonic_ns
from zyphos_lab.errors import MeasurementError
from zyphos_lab.spec import Link
from zyphos_lab.spec.models import Disturbance

pytestmark = [pytest.mark.native, pytest.mark.core]
PROGRAM = "zyphos-attack"
OWN = "netns=/run/netns/zy-1-2-client"
GOOD = (OWN, "address=198.18.0.2", "port=80", "rate=100", "for_ns=1000")
Network = tuple[links.Ends, socket.socket]


@pytest.fixture
def network(tmp_path: Path) -> Iterator[Network]:
    """A veth link and a listener at its server's end, whose SYN queue is small."""
    server = {"net.ipv4.tcp_syncookies": 1, "net.ipv4.tcp_max_syn_backlog": 16}
    spec = Link.model_validate({"kind": "veth", "sysctl": {"server": server}})
    link = links.make(spec, links.Setting(Children(tmp_path), seed=1))
    try:
        ends = link.up()
        assert ends.server_address is not None
        with netns.entered(ends.server):
            listener = socket.create_server((ends.server_address, 0), backlog=16)
        with listener:
            yield ends, listener
    finally:
        link.down()


def attacked(network: Network, folder: Path, **keys: Any) -> disturb.Event:
    """What was done in 200 ms."""
    ends, listener = network
    step = Disturbance.model_validate({"at": "50ms", "for": "200ms", **keys})
    scene = disturb.Scene([], ends, listener.getsockname()[1])
    running = disturb.make([step], scene, Children(folder))
    try:
        running.arm(monotonic_ns())
        [event] = running.events(monotonic_ns())
    finally:
        running.close()
    return event


def counted(namespace: str | None, name: str) -> int:
    """A counter of the namespace's TCP."""
    with netns.entered(namespace):
        lines = Path("/proc/thread-self/net/netstat").read_text().splitlines()
    names, values = (line.split() for line in lines[:2])
    return int(values[names.index(name)])


@needs("veth")
def test_a_syn_flood_is_answered_by_cookies(network: Network, tmp_path: Path) -> None:
    event = attacked(network, tmp_path, attack="syn_flood", rate="2000/s")
    assert event["packets_failed"] == 0
    assert 0 < event["packets_sent"] <= 400  # rate x time, at most
    ends, listener = network
    assert counted(ends.server, "SyncookiesSent") > 0
    assert counted(ends.client, "SyncookiesSent") == 0
    with netns.entered(ends.client):
        client = socket.create_connection(listener.getsockname(), timeout=10)
    with client, listener.accept()[0] as peer:
        peer.sendall(b"in")
        assert client.recv(2) == b"in"
    routes = os.popen(f"ip -n {Path(str(ends.server)).name} route").read()
    assert "198.19." not in routes
    assert disturb.columns([event], 10**9)["attack_packets_sent"] == event["packets_sent"]
    assert "listen_drops" in disturb.expected([event])


@needs("veth")
def test_the_filter_drops_it_before_the_kernel(network: Network, tmp_path: Path) -> None:
    keys = {"attack": "syn_flood", "rate": "2000/s", "filter": "xdp"}
    try:
        event = attacked(network, tmp_path, **keys)
    except MeasurementError as error:
        if "syn_filter" not in str(error):
            raise
        pytest.skip(str(error))
    ends, listener = network
    # What came before the filter was up, or after it went, it did not see.
    assert 0 < event["packets_filtered"] <= event["packets_sent"]
    assert disturb.columns([event], 10**9)["attack_packets_filtered"] == event["packets_filtered"]
    with netns.entered(ends.client):
        client = socket.create_connection(listener.getsockname(), timeout=10)
    client.close()
    links_there = os.popen(f"ip -n {Path(str(ends.server)).name} link show zy0").read()
    assert "zy0" in links_there and "xdp" not in links_there


@needs("veth")
@pytest.mark.parametrize(
    ("sequence", "ends_it", "challenged"),
    [("exact", True, False), ("window", False, True), ("blind", False, False)],
)
def test_a_forged_reset(
    network: Network, tmp_path: Path, sequence: str, ends_it: bool, challenged: bool
) -> None:
    ends, listener = network
    with ExitStack() as stack:
        with netns.entered(ends.client):
            client = stack.enter_context(socket.create_connection(listener.getsockname()))
        peer = stack.enter_context(listener.accept()[0])
        peer.settimeout(0.001)
        before = counted(ends.server, "TCPChallengeACK")
        step = {"attack": "reset", "sequence": sequence, "rate": "1000/s"}
        keys = {"at": "0s", "for": "60s", **step}
        scene = disturb.Scene([], ends, listener.getsockname()[1])
        running = disturb.make([Disturbance.model_validate(keys)], scene, Children(tmp_path))
        stack.callback(running.close)
        running.arm(monotonic_ns())
        give_up_ns = monotonic_ns() + (30_000_000_000 if ends_it or challenged else 1_000_000_000)
        was_reset = False
        while monotonic_ns() < give_up_ns and not was_reset:
            was_reset = _ask(client, peer)
            if challenged and counted(ends.server, "TCPChallengeACK") > before:
                break
        assert was_reset == ends_it
        if not ends_it:  # one that comes after the client's next byte is challenged, if exact too
            assert (counted(ends.server, "TCPChallengeACK") > before) == challenged


def _ask(client: socket.socket, peer: socket.socket) -> bool:
    """One question and its answer; whether the server's end was reset."""
    try:
        client.sendall(b"?")
        peer.sendall(b"!")
        peer.recv(100)
        client.recv(100)
    except TimeoutError:
        return False
    except ConnectionError:
        return True
    return False


@needs("veth")
def test_a_greedy_peer_asks_on_and_takes_its_answers(network: Network, tmp_path: Path) -> None:
    _, listener = network
    read = bytearray()

    def serve() -> None:
        peer, _ = listener.accept()
        with peer:
            while part := peer.recv(1 << 16):
                read.extend(part)
                peer.sendall(b"!" * len(part))  # more than any answer: it has to be taken

    with ThreadPoolExecutor(1) as pool:
        served = pool.submit(serve)
        event = attacked(network, tmp_path, attack="greedy", rate="1000/s")
        served.result(30)
    assert 0 < event["packets_sent"] <= 200  # requests: rate x time, at most
    requests = bytes(read).split(b"\r\n\r\n")
    assert len(requests) - 1 == event["packets_sent"] == len(read) // 1024
    assert all(one.startswith(b"GET / HTTP/1.1\r\nHost: 198.18.") for one in requests[:-1])


class Held(threading.Thread):
    """A server that holds what comes, never answers a part, and ends the first `ends` of it."""

    def __init__(self, listener: socket.socket, ends: int, answer: bytes = b"") -> None:
        super().__init__()
        self._listener, self._ends, self._answer = listener, ends, answer
        self._over = threading.Event()
        self.peers: list[socket.socket] = []
        self.read: list[bytes] = []

    def run(self) -> None:
        self._listener.settimeout(0.05)
        while True:
            try:
                peer, _ = self._listener.accept()
            except TimeoutError:
                if self._over.is_set():  # and nobody waits to be let in
                    return
                continue
            peer.settimeout(0.05)
            self.peers.append(peer)
            if len(self.peers) <= self._ends:
                peer.shutdown(socket.SHUT_RDWR)
            elif self._answer:
                peer.setblocking(False)
                peer.send(self._answer)

    def finish(self) -> list[bytes]:
        """What each connection has said, in the order in which they came."""
        self._over.set()
        self.join()
        for peer in self.peers:
            peer.settimeout(5)
            text = bytearray()
            with peer, suppress(ConnectionError, TimeoutError):
                while part := peer.recv(1 << 16):
                    text.extend(part)
            self.read.append(bytes(text))
        return self.read


@needs("veth")
@pytest.mark.parametrize(
    ("attack", "opening"),
    [
        ("slow_head", rb"GET / HTTP/1\.1\r\nHost: 198\.18\.\d+\.\d+\r\n"),
        ("slow_body", rb"POST / HTTP/1\.1\r\nHost: [\d.]+\r\nContent-Length: 1000000\r\n\r\n"),
    ],
)
def test_a_slow_peer_drips(network: Network, tmp_path: Path, attack: str, opening: bytes) -> None:
    held = Held(network[1], ends=0)
    held.start()
    event = attacked(network, tmp_path, attack=attack, connections=5, rate="1000/s")
    read = held.finish()
    assert event["connections_ended"] == 0
    dripped = [re.fullmatch(opening + rb"((?:X-More: a\r\n)*[^\n]*)", text) for text in read]
    sizes = [len(match[1]) for match in dripped if match]
    assert len(sizes) == 5
    assert sum(sizes) == event["packets_sent"] and 0 < sum(sizes) <= 200  # rate x time, at most
    assert max(sizes) - min(sizes) <= 1 + max(sizes) // 2  # in turn, as soon as they were there


@needs("veth")
def test_a_slow_peer_that_is_ended_comes_again(network: Network, tmp_path: Path) -> None:
    held = Held(network[1], ends=2)
    held.start()
    keys = {"attack": "slow_head", "connections": 5, "rate": "1000/s", "for": "1s"}
    event = attacked(network, tmp_path, **keys)
    read = held.finish()
    assert 1 <= event["connections_ended"] <= 2
    assert 5 < len(read) <= 5 + event["connections_ended"]


@needs("veth")
def test_a_slow_reader_holds_an_answer(network: Network, tmp_path: Path) -> None:
    held = Held(network[1], ends=0, answer=bytes(1 << 16))
    held.start()
    event = attacked(network, tmp_path, attack="slow_read", connections=3, rate="1000/s")
    read = held.finish()
    assert [text.startswith(b"GET / HTTP/1.1\r\n") for text in read] == [True] * 3
    assert event["connections_ended"] == 0
    assert 0 < event["packets_sent"] <= 200


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        ({}, "cannot enter /run/netns/zy-1-2-client: No such file or directory"),
        ({"netns": "/proc/self/ns/net"}, "attacks are only for namespaces that a run made"),
        ({"netns": "/run/netns/other"}, "attacks are only for namespaces that a run made"),
        ({"netns": ""}, "attacks are only for namespaces that a run made"),
        ({"address": "127.0.0.1"}, "attacks are only for addresses of 198.18.0.0/15"),
        ({"address": "10.0.0.1"}, "attacks are only for addresses of 198.18.0.0/15"),
        ({"address": "server"}, "attacks are only for addresses of 198.18.0.0/15"),
        ({"rate": "1000000"}, "rate must be above 0 and at most 200000 packets a second"),
        ({"for_ns": "61000000000"}, "for_ns must be at most 60 s"),
        ({"kind": "teardrop"}, "kind=teardrop: must be one of syn_flood reset greedy slow_head"),
        ({"connections": "10001"}, "connections must be 1 to 10000"),
    ],
)
def test_nothing_else_is_attacked(change: dict[str, str], complaint: str) -> None:
    words = dict(word.split("=", 1) for word in GOOD) | change
    code, out, error = refused(PROGRAM, *(f"{name}={value}" for name, value in words.items()))
    assert code == (2 if change else 1)
    assert complaint in error and error.count("\n") == 1 and out == ""
