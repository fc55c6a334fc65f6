"""Disturbances: the server stands still for a while, on purpose, at an exact time, and is let go.

A process of its own (this module as `python -m zyphos_lab.disturb PID...`) sends SIGSTOP and
SIGCONT to every process of the trees below the given pids, so that the runner sleeps through the
window as ever. It reads one line of JSON, {"start_ns", "stops": [{"at_ns", "for_ns"}]}, and prints
one when all is done: {"events": [...]}. When its standard input ends (the runner died, even by
SIGKILL, or gave up) everything that stands still is let go at once.

It does not know experiments or records. Times are CLOCK_MONOTONIC.
"""

from __future__ import annotations

import json
import os
import select
import signal
import sys
from collections.abc import Iterator, Sequence
from contextlib import suppress
from typing import Any, Protocol

from zyphos_lab import proc
from zyphos_lab.child import Child, Children, Command, monotonic_ns
from zyphos_lab.errors import MeasurementError

STOP_GRACE_S = 1.0
ANSWER_GRACE_NS = 5_000_000_000
TREE_ROUNDS = 5
LOOK_AHEAD_NS = 50_000_000
# What a stop of the server does to a trial by itself is no fault of the trial.
EXPECTED = ("arrivals_off", "not_stationary")
QUANTILES = {"p50": 0.5, "p90": 0.9, "p99": 0.99, "p99_9": 0.999, "max": 1.0}

Event = dict[str, Any]


class Stop(Protocol):
    """As in the experiment file: from the window's start, in nanoseconds."""

    @property
    def at_ns(self) -> int: ...

    @property
    def for_ns(self) -> int: ...


class Disturber:
    """The runner's end: made while the target is at rest, armed when the window is known.

    `events` waits for the last of them; `close` lets everything go, whatever came before. Used by
    one thread.
    """

    def __init__(self, stops: Sequence[Stop], pids: Sequence[int], children: Children) -> None:
        self._stops = [{"at_ns": one.at_ns, "for_ns": one.for_ns} for one in stops]
        self._pids = list(pids)
        argv = [sys.executable, "-m", "zyphos_lab.disturb", *map(str, pids)]
        env = {"PYTHONPATH": os.pathsep.join(path for path in sys.path if path)}
        self._child = Child(Command(argv, env=env, pipe_stdin=True, pipe_stdout=True), children)
        self._out = self._child.stdout.fileno()
        self._line(monotonic_ns() + ANSWER_GRACE_NS)  # it is up, and has nothing left to import

    def arm(self, start_ns: int) -> None:
        """Tells it when the measured window starts; the signals follow by themselves."""
        order = json.dumps({"start_ns": start_ns, "stops": self._stops}) + "\n"
        with suppress(BrokenPipeError):  # `events` tells why it has ended
            self._child.stdin.write(order.encode())
            self._child.stdin.flush()

    def events(self, window_end_ns: int) -> list[Event]:
        """What was done: call it after the window's end. MeasurementError when it was not."""
        found = json.loads(self._line(window_end_ns + ANSWER_GRACE_NS))
        events: list[Event] = found["events"]
        if len(events) != len(self._stops) or not all(event["processes"] for event in events):
            raise MeasurementError("disturb: no process of the server could be stopped")
        return events

    def close(self) -> None:
        """Ends it, and lets go what it may have left standing. Safe to repeat."""
        self._child.stop(signal.SIGTERM, STOP_GRACE_S)
        for one in _members(self._pids):
            with suppress(ProcessLookupError):
                os.kill(one.pid, signal.SIGCONT)

    def _line(self, give_up_ns: int) -> bytes:
        line = b""
        while not line.endswith(b"\n"):
            left_ns = max(0, give_up_ns - monotonic_ns())
            ready = select.select([self._out], [], [], left_ns / 1e9)[0]
            part = os.read(self._out, 1 << 16) if ready else b""
            if not part:
                self._child.wait(0.1)
                raise MeasurementError(f"disturb: no answer; {self._child.last_words()}")
            line += part
        return line


class Nothing:
    """A trial that nobody disturbs."""

    def arm(self, start_ns: int) -> None:
        """Nothing will happen."""

    def events(self, window_end_ns: int) -> list[Event]:
        return []

    def close(self) -> None:
        """Nothing has to be let go."""


def make(stops: Sequence[Stop], pids: Sequence[int], children: Children) -> Disturber | Nothing:
    """What carries out `stops` on the trees below `pids`."""
    return Disturber(stops, pids, children) if stops else Nothing()


def stall_columns(events: Sequence[Event], window_ns: int) -> dict[str, int]:
    """Columns of a trial that was disturbed, from what was really done.

    server_stopped_ns: how long the server stood still. stall_ns_<quantile>: what that alone makes
    of the latency of requests that come at a constant rate whatever the server does. One that comes
    x before the end of a stop waits x, so each stop of length d gives waits evenly spread over
    (0, d], a share d / window of all.
    """
    stops = [event["continued_ns"] - event["stopped_ns"] for event in events]
    columns = {f"stall_ns_{name}": stalled(stops, window_ns, q) for name, q in QUANTILES.items()}
    return {"server_stopped_ns": sum(stops), **columns}


def stalled(stops: Sequence[int], window_ns: int, q: float) -> int:
    """The wait that a share `q` of the window's moments does not exceed, in nanoseconds.

    More than `wait` wait those moments of a stop of length d that lie more than it before its end:
    max(0, d - wait). The answer is the least wait where these make up no more than 1 - q.
    """
    beyond = (1 - q) * window_ns
    left = sorted(stops, reverse=True)
    for count in range(len(left), 0, -1):
        wait = (sum(left[:count]) - beyond) / count
        shorter = left[count] if count < len(left) else 0
        if shorter <= wait <= left[count - 1]:
            return round(wait)
    return 0


def _members(pids: Sequence[int]) -> list[proc.Process]:
    """The trees below `pids`, with all that is in their sessions."""
    sessions = {one.session for one in map(proc.process, pids) if one is not None}
    found = {one.pid: one for pid in (*sessions, *pids) for one in proc.tree(pid, session=True)}
    return list(found.values())


def _stop(known: Sequence[int], pids: Sequence[int]) -> list[int]:
    """Stops all of `known`, then what was born below `pids` meanwhile; whom it stopped."""
    stopped: dict[int, None] = {}
    new = list(known)
    for _ in range(TREE_ROUNDS):
        for pid in new:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGSTOP)
                stopped[pid] = None
        new = [one.pid for one in _members(pids) if one.pid not in stopped]
        if not new:
            break
    return list(stopped)


def _go_on(pids: Sequence[int]) -> None:
    for pid in pids:
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGCONT)


def _abandoned(at_ns: int) -> bool:
    """Sleeps to `at_ns`; True, at once, when standard input has ended before."""
    while (left_ns := at_ns - monotonic_ns()) > 0:
        if select.select([0], [], [], left_ns / 1e9)[0] and not os.read(0, 4096):
            return True
    return False


def _carry_out(order: dict[str, Any], pids: Sequence[int]) -> Iterator[Event]:
    start_ns = int(order["start_ns"])
    for stop in order["stops"]:
        at_ns = start_ns + stop["at_ns"]
        if _abandoned(at_ns - LOOK_AHEAD_NS):
            return
        known = [one.pid for one in _members(pids)]  # takes milliseconds: not when it counts
        if _abandoned(at_ns):
            return
        stopped_ns = monotonic_ns()
        standing = _stop(known, pids)
        try:
            given_up = _abandoned(stopped_ns + stop["for_ns"])
        finally:
            continued_ns = monotonic_ns()  # before: whom it wakes may take this CPU
            _go_on(standing)
        yield {
            "kind": "stop",
            "what": "server",
            "at_ns": stop["at_ns"],
            "for_ns": stop["for_ns"],
            "stopped_ns": stopped_ns - start_ns,
            "continued_ns": continued_ns - start_ns,
            "processes": len(standing),
        }
        if given_up:
            return


def main(arguments: Sequence[str]) -> None:
    """The process that sends the signals. SIGTERM ends it the way any exception does."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    pids = [int(text) for text in arguments]
    print("ready", flush=True)
    with os.fdopen(0, "rb", buffering=0, closefd=False) as unbuffered:
        line = unbuffered.readline()
    if line:
        print(json.dumps({"events": list(_carry_out(json.loads(line), pids))}), flush=True)


if __name__ == "__main__":
    main(sys.argv[1:])
