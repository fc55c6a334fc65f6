"""One connection's life in system calls: every call of a server from connect to close, in order.

A server is connected to, asked once, and left, step by step: each step waits until every thread of
the server sleeps again and nothing more is told, so that a call belongs to the step that made it
return. A connection before it, which is not told, makes the server wait with its role known and
whatever is made once be made. The calls come from BPF (cpp/probe/syscall_sequence.h), which adds
some 0.3 us to each.

It does not know how calls are shown (calls.py, life_text.py). Main thread only.
"""

from __future__ import annotations

import socket
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any

from zyphos_lab import proc
from zyphos_lab.child import Child, Children, Command, monotonic_ns
from zyphos_lab.errors import MeasurementError, TargetError
from zyphos_lab.native import program
from zyphos_lab.probes import native
from zyphos_lab.trace.calls import Call

ENGINES = ("thread", "select", "poll", "epoll", "uring")
REQUEST = b"GET / HTTP/1.1\r\nHost: life\r\n\r\n"
STEPS = ("the client connects", "the client sends a request", "the client closes")
SETTLED_S, ANSWER_S, STOP_S = 5.0, 5.0, 5.0
LOOK_S = 0.001
QUIET_LOOKS = 5  # in a row: all asleep, and nothing new
READ_BYTES = 65536


@dataclass(frozen=True, slots=True)
class Step:
    """What the client did at `begun_ns` (CLOCK_MONOTONIC), and the calls that returned then."""

    name: str
    begun_ns: int
    calls: tuple[Call, ...]


@dataclass(frozen=True, slots=True)
class Life:
    """Of one server; `name` is its engine, or its program's name."""

    name: str
    steps: tuple[Step, ...]


@contextmanager
def served(engine: str, children: Children) -> Iterator[tuple[int, int]]:
    """(pid, port) of our server with one worker; ended on leaving. TargetError where it is not."""
    words = [program("zyphos-serve"), f"engine={engine}", "protocol=http1", "port=0", "threads=1"]
    child = Child(Command(words, pipe_stdout=True), children)
    try:
        line = child.stdout.readline().decode()
        if not line.startswith("listening "):
            child.wait(STOP_S)
            raise TargetError(f"zyphos-serve engine={engine}: {child.last_words()}")
        yield child.pid, int(line.rsplit(":", 1)[1])
    finally:
        child.stop(15, STOP_S)


def of_engine(engine: str, children: Children) -> Life:
    """The life of a connection with our server of this engine."""
    with served(engine, children) as (pid, port):
        return of_server(engine, pid, port)


def of_server(name: str, pid: int, port: int) -> Life:
    """The life of a connection with the HTTP server that is this process (and its children).

    Raises MeasurementError where calls cannot be told here, were lost, or the server does not
    answer or does not come to rest.
    """
    sequence, reason = native.opened(lambda core: core.load_syscall_sequence())
    if sequence is None:
        raise MeasurementError(f"no system calls one by one: {reason}")
    for one in proc.tree([pid]):
        sequence.follow(one, 0)
    _visit(pid, port, sequence)
    steps = _visit(pid, port, sequence)
    if sequence.lost:
        raise MeasurementError(f"{sequence.lost} system calls were lost")
    return Life(name, without_clocks(steps))


def without_clocks(steps: Sequence[Step]) -> tuple[Step, ...]:
    """Without the threads that do nothing but sleep by futex and wake: they keep the time (ours
    writes the Date field once a second) and serve no connection.
    """
    calls = [call for step in steps for call in step.calls]
    serving = {call.thread for call in calls if call.name != "futex"}
    return tuple(
        replace(step, calls=tuple(call for call in step.calls if call.thread in serving))
        for step in steps
    )


def _visit(pid: int, port: int, sequence: Any) -> tuple[Step, ...]:
    try:
        return _acted(pid, port, sequence)
    except OSError as error:
        raise MeasurementError(f"port {port}: {error}") from error


def _acted(pid: int, port: int, sequence: Any) -> tuple[Step, ...]:
    client = socket.socket()
    client.settimeout(ANSWER_S)
    acts: Sequence[Callable[[], object]] = (
        lambda: client.connect(("127.0.0.1", port)),
        lambda: _asked(client),
        client.close,
    )
    try:
        _rested(pid, sequence)
        made = []
        for name, act in zip(STEPS, acts, strict=True):
            begun_ns = monotonic_ns()
            act()
            made.append(Step(name, begun_ns, tuple(_rested(pid, sequence))))
        return tuple(made)
    finally:
        client.close()


def _asked(client: socket.socket) -> None:
    """One request, and the whole of its answer."""
    client.sendall(REQUEST)
    got = b""
    while not _whole(got):
        part = client.recv(READ_BYTES)
        if not part:
            raise ConnectionError("the server closed before its answer was whole")
        got += part


def _whole(answer: bytes) -> bool:
    head, found, body = answer.partition(b"\r\n\r\n")
    fields = (line.partition(b":") for line in head.lower().split(b"\r\n")[1:])
    length = next((value for name, _, value in fields if name == b"content-length"), b"0")
    return bool(found) and len(body) >= int(length)


def _rested(pid: int, sequence: Any) -> list[Call]:
    """Waits until the server sleeps; what it called meanwhile, by the time of return."""
    found: list[Call] = []
    quiet = 0
    end_s = time.monotonic() + SETTLED_S
    while quiet < QUIET_LOOKS:
        if time.monotonic() > end_s:
            raise MeasurementError(f"process {pid} does not come to rest between requests")
        time.sleep(LOOK_S)
        new = [Call.of(told) for told in sequence.take()]
        quiet = quiet + 1 if not new and _asleep(pid) else 0
        found += [call for call in new if call.returned]
    return sorted(found, key=lambda one: one.end_ns)


def _asleep(pid: int) -> bool:
    """Every thread of the tree waits for something; proc_pid_stat(5), state."""
    states = [
        proc.read(f"/proc/{one}/task/{thread}/stat")
        for one in proc.tree([pid])
        for thread in proc.threads(one)
    ]
    return all((state or b"").rpartition(b")")[2].split()[:1] == [b"S"] for state in states)
