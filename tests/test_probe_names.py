"""Threads of our programs are called after their job: perf, bpftrace and ps tell them apart."""

from __future__ import annotations

import socket
from collections import Counter
from contextlib import ExitStack
from pathlib import Path

import pytest

from running import Load, served
from zyphos_lab import _core
from zyphos_lab.probes.perf import PerfProbe

pytestmark = [pytest.mark.native, pytest.mark.core]

REQUEST = b"GET / HTTP/1.1\r\nHost: x\r\n\r\n"


def names(pid: int) -> Counter[str]:
    folder = Path(f"/proc/{pid}/task")
    return Counter((one / "comm").read_text().strip() for one in folder.iterdir())


def own(found: Counter[str]) -> Counter[str]:
    """Without the threads of io_uring in the kernel, and those of a sanitizer (as the program)."""
    some = {name: n for name, n in found.items() if not name.startswith("iou-")}
    return Counter({name: 1 if name.startswith("zyphos") else n for name, n in some.items()})


@pytest.mark.parametrize("engine", ["epoll", "uring"])
def test_loops_have_the_engines_name(engine: str) -> None:
    able = _core.engines()[engine]
    if able is not True:
        pytest.skip(f"engine {engine}: {able}")
    with served(f"engine={engine}", "threads=2") as server:
        expected = ["zyphos-serve", "zy-date", f"zy-{engine}-0", f"zy-{engine}-1"]
        assert own(names(server.process.pid)) == Counter(expected)


def test_each_connection_has_its_number_and_perf_tells_it() -> None:
    with served("engine=thread", "app=delay") as server, ExitStack() as stack:
        for _ in range(2):
            place = ("127.0.0.1", server.port)
            peer = stack.enter_context(socket.create_connection(place, timeout=30))
            peer.sendall(REQUEST)
            assert peer.recv(4096).endswith(b"Hello, world!")
        expected = ["zy-accept", "zy-conn-0", "zy-conn-1", "zy-date", "zy-timer", "zyphos-serve"]
        assert own(names(server.process.pid)) == Counter(expected)
        probe = PerfProbe()
        probe.attach({"server": [server.process.pid]}, server.port)
        columns, skipped = probe.columns(probe.snapshot(), probe.snapshot(), 1)
        probe.close()
        if "server_perf" in skipped:
            pytest.skip(skipped["server_perf"])
        assert set(expected) <= {columns.get(f"server_perf_thread{at}_name") for at in range(6)}


def test_the_load_has_names_too() -> None:
    with served("engine=epoll") as server:
        words = (f"port={server.port}", "protocol=http1", "connections=4", "threads=2")
        words += ("window_ns=300000000",)
        with Load(*words) as load:
            load.event("connected")
            found = names(load.process.pid)
            assert {"zyphos-load", "zy-load-0", "zy-load-1"} <= set(found)
            load.event("window")
            load.event("result")
            assert load.end() == 0
