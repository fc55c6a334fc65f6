"""Disturbances on purpose, at exact times: the server stands still, the path goes dark, an attack.

A process of its own (disturber.py) does it, so that the runner sleeps through the window as ever.
Whatever ends the run, SIGKILL of it too, what was begun is ended: that process sees its standard
input end, and what it does to networks is done to namespaces that the run itself made.

It does not know experiments or records. Times are CLOCK_MONOTONIC.
"""

from __future__ import annotations

import json
import os
import select
import signal
import sys
from collections.abc import Collection, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, Protocol

from zyphos_lab import disturber
from zyphos_lab.child import Child, Children, Command, monotonic_ns
from zyphos_lab.errors import MeasurementError
from zyphos_lab.links import Ends
from zyphos_lab.links.namespaced import INTERFACE
from zyphos_lab.native import program

Event = disturber.Event

STOP_GRACE_S = 1.0
ANSWER_GRACE_NS = 5_000_000_000
QUANTILES = {"p50": 0.5, "p90": 0.9, "p99": 0.99, "p99_9": 0.999, "max": 1.0}
BROKEN = (
    *("arrivals_off", "not_stationary", "generator_limit", "littles_law"),
    *("wrong_answers", "late_answers", "nothing_done", "retransmits"),
)
# What each kind does to a trial by itself is no fault of the trial.
EXPECTED: dict[str, tuple[str, ...]] = {
    "stop": ("arrivals_off", "not_stationary"),
    "kill": BROKEN,
    "rebind": ("not_stationary", "wrong_answers", "late_answers", "retransmits"),
    "blackhole": BROKEN,
    "attack": (*BROKEN, "listen_drops", "softnet_drops", "socket_drops", "tun_dropped"),
}


class Disturbance(Protocol):
    """As in the experiment file: times from the window's start."""

    def step(self) -> dict[str, Any]:
        """`kind`, `at_ns`, `for_ns` and what the kind needs besides, as JSON has it."""


@dataclass(frozen=True, slots=True)
class Scene:
    """What a trial's disturbances may touch: the server's processes, and the link's two ends."""

    pids: Sequence[int]
    ends: Ends
    port: int = 0

    def words(self) -> dict[str, Any]:
        ends = self.ends
        namespaces = {"server": ends.server, "client": ends.client, "nat": ends.nat}
        return {
            "pids": list(self.pids),
            "namespaces": namespaces,
            "interface": INTERFACE,
            "address": ends.server_address,
            "client_address": ends.client_address,
            "port": self.port,
        }


class Disturber:
    """The runner's end: made while the target is at rest, armed when the window is known.

    `events` waits for the last of them; `close` lets everything go, whatever came before. Used by
    one thread.
    """

    def __init__(self, steps: Sequence[Disturbance], scene: Scene, children: Children) -> None:
        self._steps = [one.step() for one in steps]
        self._scene = scene
        attacks = any(step["kind"] == "attack" for step in self._steps)
        self._program = program("zyphos-attack") if attacks else ""
        argv = [sys.executable, "-m", "zyphos_lab.disturber"]
        env = {"PYTHONPATH": os.pathsep.join(path for path in sys.path if path)}
        self._child = Child(Command(argv, env=env, pipe_stdin=True, pipe_stdout=True), children)
        self._out = self._child.stdout.fileno()
        self._line(monotonic_ns() + ANSWER_GRACE_NS)  # it is up, and has nothing left to import

    def arm(self, start_ns: int) -> None:
        """Tells it when the measured window starts; all follows by itself."""
        scene = {**self._scene.words(), "program": self._program}
        order = {"start_ns": start_ns, "scene": scene, "steps": self._steps}
        with suppress(BrokenPipeError):  # `events` tells why it has ended
            self._child.stdin.write(json.dumps(order).encode() + b"\n")
            self._child.stdin.flush()

    def events(self, window_end_ns: int) -> list[Event]:
        """What was done: call it after the window's end. MeasurementError when it was not."""
        found = json.loads(self._line(window_end_ns + ANSWER_GRACE_NS))
        events: list[Event] = found["events"]
        if "error" in found:
            raise MeasurementError(found["error"])
        if len(events) != len(self._steps) or not all(
            event.get("processes", 1) for event in events
        ):
            raise MeasurementError("disturb: no process of the server could be stopped or killed")
        return events

    def close(self) -> None:
        """Ends it, and lets go what it may have left standing. Safe to repeat."""
        self._child.stop(signal.SIGTERM, STOP_GRACE_S)
        disturber.go_on([one.pid for one in disturber.members(self._scene.pids)])

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


def make(steps: Sequence[Disturbance], scene: Scene, children: Children) -> Disturber | Nothing:
    """What carries out `steps`, which do not overlap, in a trial's scene."""
    return Disturber(steps, scene, children) if steps else Nothing()


def expected(events: Sequence[Event]) -> Collection[str]:
    """Codes of reasons that speak against no trial in which this was done."""
    return {code for event in events for code in EXPECTED[event["kind"]]}


def may_end(steps: Sequence[Disturbance]) -> bool:
    """Whether these may be the server's end: that is then the trial's subject, and no failure."""
    return any(step.step()["kind"] == "kill" for step in steps)


def columns(events: Sequence[Event], window_ns: int) -> dict[str, int | None]:
    """Columns of a trial of a run with disturbances: those of `stall_columns`, and more."""
    dark_ns = sum(one["light_ns"] - one["dark_ns"] for one in events if one["kind"] == "blackhole")
    attacks = [one for one in events if one["kind"] == "attack"]
    more = {
        "link_dark_ns": dark_ns,
        "attack_packets_sent": sum(one["packets_sent"] for one in attacks),
        "attack_packets_filtered": sum(one["packets_filtered"] for one in attacks),
        "attack_connections_ended": sum(one.get("connections_ended", 0) for one in attacks),
        "link_nat_rebindings": sum(one["kind"] == "rebind" for one in events),
    }
    return {**stall_columns(events, window_ns), **kill_columns(events), **more}


def kill_columns(events: Sequence[Event]) -> dict[str, int | None]:
    """server_restart_ns: from a kill until another process was there, the longest; None where
    nobody came, or nobody was killed (`skipped` says which).
    """
    kills = [one for one in events if one["kind"] == "kill"]
    restarts = [one["followed_ns"] - one["killed_ns"] for one in kills if one["followed_ns"]]
    all_followed = bool(kills) and len(restarts) == len(kills)
    return {
        "server_killed": len(kills),
        "server_restart_ns": max(restarts) if all_followed else None,
    }


def skipped(events: Sequence[Event]) -> dict[str, str]:
    """Why there is no server_restart_ns, where there is none."""
    kills = [one for one in events if one["kind"] == "kill"]
    if kills and all(one["followed_ns"] for one in kills):
        return {}
    reason = "nobody took the killed process's place" if kills else "nobody was killed"
    return {"server_restart_ns": reason}


def stall_columns(events: Sequence[Event], window_ns: int) -> dict[str, int]:
    """Columns of a trial that was disturbed, from what was really done.

    server_stopped_ns: how long the server stood still. stall_ns_<quantile>: what that alone makes
    of the latency of requests that come at a constant rate whatever the server does. One that comes
    x before the end of a stop waits x, so each stop of length d gives waits evenly spread over
    (0, d], a share d / window of all.
    """
    done = [event for event in events if event["kind"] == "stop"]
    stops = [event["continued_ns"] - event["stopped_ns"] for event in done]
    waits = {f"stall_ns_{name}": stalled(stops, window_ns, q) for name, q in QUANTILES.items()}
    return {"server_stopped_ns": sum(stops), **waits}


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
