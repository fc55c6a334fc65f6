"""The probe `leaks` against a program whose leaks are known."""

from __future__ import annotations

import os

from probe_programs import Servant, own_network, servant
from zyphos_lab.probes import leaks
from zyphos_lab.probes.base import Columns, Skipped
from zyphos_lab.probes.leaks import LeaksProbe

MIB = 1 << 20
OPEN = "import os; kept = [os.open('/dev/null', 0) for _ in range(3)]"
SLEEP = "import threading; stop = threading.Event(); threading.Thread(target=stop.wait).start()"
GROW = f"block = bytearray(b'x' * {8 * MIB})"


def hunted(one: Servant, *statements: str, requests: int = 1000) -> tuple[Columns, Skipped]:
    probe = LeaksProbe()
    probe.attach({"server": [one.pid]}, 0)
    before = probe.snapshot()
    for statement in statements:
        one.do(statement)
    after = probe.snapshot()
    probe.load_ended()
    return probe.columns(before, after, requests)


def left(columns: Columns) -> list[object]:
    return [columns[f"server_left_{name}"] for name in ("descriptors", "threads", "sockets")]


def test_what_was_opened_and_kept_is_left() -> None:
    with servant() as one:
        columns, _ = hunted(one, OPEN, SLEEP, GROW)
        assert left(columns)[:2] == [3, 1]
        growth = columns["server_rss_growth_bytes"]
        assert isinstance(growth, int) and 8 * MIB <= growth < 16 * MIB
        assert columns["server_rss_growth_bytes_per_request"] == growth / 1000
        one.do("stop.set()")


def test_nothing_is_left_by_who_closes() -> None:
    with servant() as one:
        columns, _ = hunted(one, OPEN, "[os.close(fd) for fd in kept]")
        assert left(columns)[:2] == [0, 0]


def test_sockets_of_a_namespace_of_its_own() -> None:
    with servant() as one:
        one.do("import socket")
        own_network(one)
        columns, skipped = hunted(one, "held = socket.create_server(('127.0.0.1', 0))")
        assert left(columns) == [1, 0, 1]
        assert skipped == {}


def test_without_one_the_reason_stands_there() -> None:
    with servant() as one:
        columns, skipped = hunted(one, OPEN)
        assert columns["server_left_sockets"] is None
        assert skipped == {"server_left_sockets": leaks.SHARED}


def test_a_load_that_has_not_ended_says_nothing() -> None:
    probe = LeaksProbe()
    probe.attach({"server": [os.getpid()]}, 0)
    columns, skipped = probe.columns(probe.snapshot(), probe.snapshot(), 0)
    assert left(columns) == [None, None, None]
    assert skipped["server_left_descriptors"] == leaks.NOT_ENDED
    assert isinstance(columns["server_rss_growth_bytes"], int)


def test_without_a_process_there_is_a_reason() -> None:
    probe = LeaksProbe()
    probe.attach({}, 0)
    probe.load_ended()
    columns, skipped = probe.columns(probe.snapshot(), probe.snapshot(), 0)
    assert set(columns.values()) == {None} and "leaks" in skipped
