"""Probe `tcp_events` against connections whose life is known, here and in another network."""

from __future__ import annotations

import os
import socket
import struct
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from types import SimpleNamespace

import pytest

from probe_programs import own_network, servant
from zyphos_lab.metrics import lookup
from zyphos_lab.probes import native, tcp_events
from zyphos_lab.probes.base import Columns, Skipped, now_ns
from zyphos_lab.probes.tcp_events import TcpEventsProbe
from zyphos_lab.probes.tcp_info import TcpInfoProbe

pytestmark = pytest.mark.core


@pytest.fixture(scope="module")
def probe() -> Iterator[TcpEventsProbe]:
    one = TcpEventsProbe()
    if one.reason:
        pytest.skip(one.reason)
    yield one
    one.close()


@contextmanager
def listening(probe: TcpEventsProbe, backlog: int = 5) -> Iterator[socket.socket]:
    """A listener that the probe watches."""
    with socket.create_server(("127.0.0.1", 0), backlog=backlog) as listener:
        probe.attach({"server": [os.getpid()]}, listener.getsockname()[1])
        yield listener


@contextmanager
def pair(listener: socket.socket) -> Iterator[tuple[socket.socket, socket.socket]]:
    with socket.create_connection(listener.getsockname()) as client:
        server = listener.accept()[0]
        with server:
            yield client, server


def ended(probe: TcpEventsProbe, before: dict[str, bytes]) -> tuple[Columns, Skipped]:
    return probe.columns(before, probe.snapshot(), 1)  # type: ignore[arg-type]


def seen(columns: Columns, side: str, *names: str) -> list[object]:
    return [columns[f"{side}_tcp_events_{name}"] for name in names]


def test_a_connections_life_is_its_transitions(probe: TcpEventsProbe) -> None:
    with listening(probe) as listener:
        before = probe.snapshot()
        for _ in range(3):
            with pair(listener) as (client, server):
                client.shutdown(socket.SHUT_WR)
                assert server.recv(1) == b""
                server.close()
                assert client.recv(1) == b""
        columns, skipped = ended(probe, before)
    opened = ("closed_to_syn_sent", "syn_sent_to_established", "established_to_fin_wait1")
    assert seen(columns, "client", *opened) == [3, 3, 3]
    closed = ("syn_recv_to_established", "established_to_close_wait", "close_wait_to_last_ack",
              "last_ack_to_closed")  # fmt: skip
    assert seen(columns, "server", *closed) == [3, 3, 3, 3]
    assert columns["client_tcp_events_closed_to_syn_sent_per_request"] == 3
    assert seen(columns, "client", "retransmits", "resets_in", "drops", "lost") == [0, 0, 0, 0]
    for side in ("client", "server"):
        (connect,) = seen(columns, side, "connect_ns_p50")
        assert isinstance(connect, int) and connect > 0
    assert not [name for name in skipped if "connect" in name]


def test_a_state_that_is_set_twice_is_no_transition(probe: TcpEventsProbe) -> None:
    """close(2) after shutdown(2) of the side that ends second, and of the one that ends first."""
    with listening(probe) as listener:
        before = probe.snapshot()
        with pair(listener) as (client, server):
            client.shutdown(socket.SHUT_WR)
            assert server.recv(1) == b""
            client.close()
            server.shutdown(socket.SHUT_WR)
            server.close()
        columns, _ = ended(probe, before)
    steps = [name.rpartition("events_")[2].split("_to_") for name in columns if "_to_" in name]
    assert steps and not [step for step in steps if step[0] == step[1]]
    assert seen(columns, "client", "established_to_fin_wait1", "fin_wait2_to_closed") == [1, 1]
    assert seen(columns, "server", "close_wait_to_last_ack", "last_ack_to_closed") == [1, 1]


def test_a_reset_in_fin_wait2_is_told_from_the_way_to_time_wait(probe: TcpEventsProbe) -> None:
    """Both are `fin_wait2_to_closed`; the resets received tell them apart."""
    with listening(probe) as listener:
        before = probe.snapshot()
        with pair(listener) as (client, server):
            client.shutdown(socket.SHUT_WR)
            assert server.recv(1) == b""
            server.sendall(b"x")  # its acknowledgement of the FIN does not wait
            assert client.recv(1) == b"x"
            server.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            server.close()
            with pytest.raises(ConnectionResetError):
                client.recv(1)
        columns, _ = ended(probe, before)
    assert seen(columns, "client", "fin_wait2_to_closed", "resets_in") == [1, 1]


def test_time_in_a_state_is_between_its_ends(probe: TcpEventsProbe) -> None:
    with listening(probe) as listener:
        before = probe.snapshot()
        earliest = now_ns()
        with pair(listener) as (client, server):
            first = now_ns()
            client.sendall(b"x")
            server.recv(1)
            last = now_ns()
        columns, _ = ended(probe, before)
        latest = now_ns()
    for side in ("client", "server"):
        (time_ns,) = seen(columns, side, "state_established_ns")
        assert isinstance(time_ns, int) and last - first <= time_ns <= latest - earliest


def test_a_close_on_unread_data_is_a_reset_with_its_reason(probe: TcpEventsProbe) -> None:
    with listening(probe) as listener:
        before = probe.snapshot()
        with pair(listener) as (client, server):
            server.sendall(b"x")
            client.recv(1, socket.MSG_PEEK)
            client.close()
            with pytest.raises(ConnectionResetError):
                server.recv(1)
        columns, _ = ended(probe, before)
    assert seen(columns, "client", "resets_out", "resets_in") == [1, 0]
    assert seen(columns, "server", "resets_out", "resets_in") == [0, 1]
    assert seen(columns, "client", "reset_tcp_abort_on_close") == [1]
    assert seen(columns, "server", "reset_tcp_abort_on_close") == [0]


def test_a_refused_connection_is_a_reset_for_want_of_a_socket(probe: TcpEventsProbe) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        place = listener.getsockname()
    probe.attach({"server": [os.getpid()]}, place[1])
    before = probe.snapshot()
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(place)
    columns, _ = ended(probe, before)
    assert seen(columns, "server", "resets_out", "reset_no_socket") == [1, 1]
    assert seen(columns, "server", "drop_no_socket") == [1]


def test_a_window_that_closes_and_opens(probe: TcpEventsProbe) -> None:
    with listening(probe) as listener:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        before = probe.snapshot()
        with pair(listener) as (client, server):
            client.setblocking(False)
            sent = 0
            give_up_ns = now_ns() + 10**10
            while not seen(ended(probe, before)[0], "client", "zero_windows")[0]:
                assert now_ns() < give_up_ns, "the window never closed"
                with suppress(BlockingIOError):  # the server's buffer and the client's are full
                    sent += client.send(b"x" * 65536)
            while sent:
                sent -= len(server.recv(1 << 20))
            columns, _ = ended(probe, before)
    zero, zero_ns = seen(columns, "client", "zero_windows", "zero_window_ns")
    assert isinstance(zero, int) and zero >= 1
    assert isinstance(zero_ns, int) and zero_ns > 0
    assert seen(columns, "server", "zero_windows") == [0]


def test_the_congestion_window_over_time(
    probe: TcpEventsProbe, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tcp_events, "SAMPLE_INTERVAL_NS", 0)
    info = TcpInfoProbe()
    with listening(probe) as listener:
        before = probe.snapshot()
        with pair(listener) as (client, server):
            for _ in range(50):
                client.sendall(b"x" * 64)
                server.sendall(server.recv(64))
                client.recv(64)
            info.attach({}, listener.getsockname()[1])
            open_now = {one.cookie: one for one in info.snapshot()}
            after = probe.snapshot()
        columns, _ = probe.columns(before, after, 50)
        series = probe.series(before, after)
    assert {one.name for one in series} == {"server_tcp", "client_tcp"}
    for one in series:
        cookie = int(one.of.removeprefix("socket "))
        assert cookie in open_now
        assert list(one.time_ns) == sorted(one.time_ns)
        assert all(len(values) == len(one.time_ns) for values in one.values.values())
        # Taken before the segment that has come in is worked on, which acknowledges 64 at most.
        acked, cwnd = one.values["bytes_acked"], one.values["cwnd"]
        assert open_now[cookie].bytes_acked - 64 <= acked[-1] <= open_now[cookie].bytes_acked
        assert cwnd[0] == 10 and set(one.values["retransmits"]) == {0}  # RFC 6928
        assert len(one.time_ns) > 50
    (srtt,) = seen(columns, "client", "srtt_ns_p50")
    assert isinstance(srtt, int) and srtt > 0


def test_another_network_and_only_the_watched_one(probe: TcpEventsProbe) -> None:
    """The same port, in a namespace of its own and in the runner's."""
    with servant() as server:
        own_network(server)
        server.do("import socket; s = socket.create_server(('127.0.0.1', 0))")
        port = int(server.do("answer = s.getsockname()[1]"))
        probe.attach({"server": [server.pid]}, port)
        before = probe.snapshot()
        with socket.socket() as here:
            here.settimeout(5)
            assert here.connect_ex(("127.0.0.1", port)) != 0  # nobody listens here
        columns, _ = ended(probe, before)
        assert seen(columns, "client", "closed_to_syn_sent") == [0]
        server.do("c = socket.create_connection(s.getsockname()); a = s.accept()[0]")
        columns, _ = ended(probe, before)
        assert seen(columns, "client", "syn_sent_to_established") == [1]
        assert seen(columns, "server", "syn_recv_to_established") == [1]


def test_an_unknown_port_is_a_reason(probe: TcpEventsProbe) -> None:
    probe.attach({"server": [os.getpid()]}, 0)
    columns, skipped = ended(probe, probe.snapshot())
    assert columns and set(columns.values()) == {None}
    assert skipped == {"tcp_events": "tcp_events: the target's port is not known"}


def test_a_refusal_is_null_and_a_reason(monkeypatch: pytest.MonkeyPatch) -> None:
    reason = "tcp_events: bpf(BPF_PROG_LOAD): Operation not permitted (errno 1); run as root"
    monkeypatch.setattr(native, "core", lambda: SimpleNamespace(load_tcp_events=lambda: reason))
    probe = TcpEventsProbe()
    probe.attach({"server": [os.getpid()]}, 80)
    columns, skipped = ended(probe, probe.snapshot())
    assert columns and set(columns.values()) == {None}
    assert skipped == {"tcp_events": reason}


def test_every_column_is_a_metric(probe: TcpEventsProbe) -> None:
    with listening(probe) as listener:
        before = probe.snapshot()
        with pair(listener):
            pass
        columns, _ = ended(probe, before)
    assert [name for name in columns if lookup(name) is None] == []
