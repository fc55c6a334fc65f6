"""Probe `sockets` against queues that were filled to a known length."""

from __future__ import annotations

import errno
import os
import socket
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from types import SimpleNamespace

import pytest

from probe_programs import Servant, own_network, servant
from zyphos_lab.metrics import lookup
from zyphos_lab.probes import native, processes, slab, sockets
from zyphos_lab.probes.base import Columns, Skipped
from zyphos_lab.probes.sockets import SocketsProbe

pytestmark = pytest.mark.core


@pytest.fixture
def probe() -> Iterator[SocketsProbe]:
    one = SocketsProbe()
    yield one
    one.close()


@contextmanager
def listening(backlog: int = 1) -> Iterator[socket.socket]:
    """A listener on a port that no socket has at either end. The kernel may give out one towards
    which connections of a server that is gone stand in TIME_WAIT, and sock_diag shows them."""
    with ExitStack() as stack:
        while True:
            listener = stack.enter_context(socket.create_server(("127.0.0.1", 0), backlog=backlog))
            if len(native.core().SockDiag().queues(listener.getsockname()[1])) == 1:
                yield listener
                return


def sampled(probe: SocketsProbe, least: int = 3) -> tuple[Columns, Skipped]:
    """The columns of a window that lasts until so many samples have been taken in it."""
    before = probe.snapshot()
    if probe.reason:
        return probe.columns(before, before, 1)
    have = len(probe._sampler.samples())
    while len(probe._sampler.samples()) < have + least:
        assert not probe._sampler.reason
    after = probe.snapshot()
    columns, skipped = probe.columns(before, after, 1)
    for one in probe.series(before, after):
        assert len(one.time_ns) == len(one.values["listen_queue"]) == columns["sockets_samples"]
    return columns, skipped


def test_queues_and_states_are_what_was_made(probe: SocketsProbe) -> None:
    with listening(backlog=7) as listener:
        place = listener.getsockname()
        waiting = [socket.create_connection(place) for _ in range(4)]
        for one in waiting:
            one.sendall(b"x" * 100)
        probe.attach({"server": [os.getpid()]}, place[1])
        columns, skipped = sampled(probe)
        for one in waiting:
            one.close()
    assert skipped == {}
    expected = {
        "listen_queue_mean": 4,
        "listen_queue_max": 4,
        "listen_queue_limit": 7,
        "receive_queue_bytes_mean": 400,
        "receive_queue_bytes_max": 400,
        "receive_queue_bytes_of_one_max": 100,
        "send_queue_bytes_max": 0,
        "drops": 0,
        "established": 4,
        "listen": 1,
        "time_wait": 0,
    }
    assert {name: columns[f"server_sockets_{name}"] for name in expected} == expected
    assert columns["client_sockets_established"] == 4
    assert columns["client_sockets_listen_queue_limit"] == 0
    memory = columns["server_sockets_memory_bytes_mean"]
    assert isinstance(memory, float) and memory >= 400
    cpu_ns = columns["observer_sockets_ns"]
    assert isinstance(cpu_ns, int) and cpu_ns > 0


def test_the_side_that_closed_first_waits(probe: SocketsProbe) -> None:
    with listening() as listener:
        place = listener.getsockname()
        client = socket.create_connection(place)
        accepted = listener.accept()[0]
        client.close()
        assert accepted.recv(1) == b""
        probe.attach({}, place[1])
        columns, _ = sampled(probe)
        assert columns["server_sockets_close_wait"] == 1
        assert columns["client_sockets_fin_wait2"] == 1
        accepted.close()
        probe.attach({}, place[1])
        columns, _ = sampled(probe)
    assert columns["client_sockets_time_wait"] == 1
    assert columns["server_sockets_close_wait"] == 0


def test_another_namespace_is_looked_into(probe: SocketsProbe) -> None:
    with servant() as server:
        own_network(server)
        server.do("import socket; s = socket.create_server(('127.0.0.1', 0), backlog=3)")
        server.do("c = [socket.create_connection(s.getsockname()) for i in range(2)]")
        port = int(server.do("answer = s.getsockname()[1]"))
        assert processes.net_namespaces({"server": [server.pid]}) == [f"/proc/{server.pid}/ns/net"]
        probe.attach({"server": [server.pid], "client": [os.getpid()]}, port)
        columns, skipped = sampled(probe)
    assert columns["server_sockets_listen_queue_max"] == 2
    assert columns["client_sockets_established"] == 2
    assert skipped == {}


def test_an_unknown_port_is_a_reason(probe: SocketsProbe) -> None:
    probe.attach({}, 0)
    columns, skipped = sampled(probe)
    assert columns and set(columns.values()) == {None}
    assert skipped == {"sockets": "sockets: the target's port is not known"}


def test_of_too_many_only_the_slabs_are_read(
    probe: SocketsProbe, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sockets, "SOCKETS_MAX", 0)
    with listening() as listener:
        probe.attach({"server": [os.getpid()]}, listener.getsockname()[1])
        before, after = probe.snapshot(), probe.snapshot()
        columns, skipped = probe.columns(before, after, 1)
        assert probe.series(before, after) == []
    told = slab.socket_slab_bytes() is not None
    assert skipped == {"sockets": sockets.TOO_MANY} | (
        {} if told else {"sockets_slab_bytes": slab.NOT_TOLD}
    )
    assert (columns.pop("sockets_slab_bytes") is not None) == told
    assert (columns.pop("sockets_slab_growth_bytes") is not None) == told
    assert set(columns.values()) == {None}


def test_a_refusal_is_null_and_a_reason(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(netns: str) -> None:
        raise OSError(errno.EPERM, "enter the network namespace: Operation not permitted")

    monkeypatch.setattr(native, "core", lambda: SimpleNamespace(SockDiag=refuse))
    probe = SocketsProbe()
    probe.attach({"server": [os.getpid()]}, 80)
    columns, skipped = sampled(probe)
    assert columns["server_sockets_established"] is None
    assert "Operation not permitted" in skipped["sockets"]


def test_a_window_between_two_samples_says_so(
    probe: SocketsProbe, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sockets, "INTERVAL_NS", 3600 * 10**9)
    with socket.create_server(("127.0.0.1", 0)) as listener:
        probe.attach({}, listener.getsockname()[1])
        while not probe._sampler.samples():
            pass
        before = probe.snapshot()
        columns, skipped = probe.columns(before, probe.snapshot(), 1)
    assert columns["server_sockets_listen_queue_mean"] is None
    assert columns["server_sockets_listen"] == 1
    assert "too short" in skipped["sockets_samples"]


def test_every_column_is_a_metric() -> None:
    names = [*sockets._names(), *sockets.OF_MACHINE]
    assert [name for name in names if lookup(name) is None] == []


def test_servants_in_one_namespace_are_one() -> None:
    def both(one: Servant, other: Servant) -> list[str]:
        return processes.net_namespaces({"server": [one.pid], "client": [other.pid]})

    with servant() as one, servant() as other:
        assert both(one, other) == [""]
        own_network(other)
        assert both(one, other) == ["", f"/proc/{other.pid}/ns/net"]


# Name, sizes and, behind `slabdata`, the number of slabs; `pages` of the fifth are one slab.
ROW = "{} 60 120 320 {objects} {pages} : tunables 0 0 0 : slabdata {slabs} {slabs} 0\n"
SLABINFO = "slabinfo - version: 2.1\n" + "".join(
    [
        ROW.format("request_sock_TCP", objects=12, pages=1, slabs=10),
        ROW.format("TCP", objects=13, pages=8, slabs=10),
        ROW.format("dentry", objects=21, pages=1, slabs=52),
    ]
)


def test_slabs_are_whole_pages_of_the_caches_of_sockets() -> None:
    assert slab.counted(SLABINFO) == (10 * 1 + 10 * 8) * slab.PAGE_BYTES
    assert slab.counted(SLABINFO.replace("\nTCP ", "\nUDP ")) is None
    assert slab.counted("") is None


def test_the_kernel_holds_kilobytes_for_each_connection(probe: SocketsProbe) -> None:
    with socket.create_server(("127.0.0.1", 0), backlog=600) as listener:
        place = listener.getsockname()
        probe.attach({"server": [os.getpid()]}, place[1])
        before = slab.socket_slab_bytes()
        if before is None:
            pytest.skip(slab.NOT_TOLD)
        ends = [socket.create_connection(place) for _ in range(600)]
        columns, skipped = sampled(probe)
        for one in ends:
            one.close()
    assert skipped == {}
    after = columns["sockets_slab_bytes"]
    # Two sockets of more than 2 KB each; slabs that were half empty before take some of them.
    assert isinstance(after, int) and after > before + 600 * 2048
