"""Captures the packets of a trial: zyphos-capture in a process of its own, on a CPU that neither
the server nor, where there is one more, the load is pinned to.

It begins before the load connects and ends after the server has: handshakes and closes are in it,
unless a limit ends it before. What the machine or the user cannot do is a reason, and the trial
goes on without. One thread.
"""

from __future__ import annotations

import json
import os
import select
import signal
import subprocess
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from zyphos_lab import proc
from zyphos_lab.child import Child, Children, Command
from zyphos_lab.errors import LabError
from zyphos_lab.links.base import HERE, Ends
from zyphos_lab.links.namespaced import INTERFACE
from zyphos_lab.native import program
from zyphos_lab.packets import kernel_states
from zyphos_lab.spec.models import Capture

FOLDER = "packets"
SUFFIX = ".pcapng"
READY_S, RESULT_S = 5.0, 10.0
READ_BYTES = 65536


@dataclass(frozen=True, slots=True)
class Place:
    """The interface between client and server, and the path of its network namespace ('': ours)."""

    interface: str = "lo"
    netns: str = ""


@dataclass(frozen=True, slots=True)
class Wanted:
    """What is captured of one trial, and into which file."""

    settings: Capture
    path: Path
    port: int
    place: Place
    comment: str
    ends: Ends = HERE


def file_of(run: Path, trial: int) -> Path:
    """Where the packets of a trial are."""
    return run / FOLDER / f"{trial}{SUFFIX}"


def place_of(ends: Ends) -> Place:
    """Where to listen: the client's end of a link with namespaces, else loopback."""
    return Place() if ends.client is None else Place(INTERFACE, ends.client)


def cpus_beside(server: Collection[int], load: Collection[int]) -> tuple[int, ...]:
    """Where a capture disturbs least: beside both, else beside the server; () is anywhere."""
    allowed = proc.cpus_online() & os.sched_getaffinity(0)
    for taken in ({*server, *load}, {*server}):
        if free := sorted(allowed - taken):
            return tuple(free) if taken else ()
    return ()


def missing() -> str:
    """Why nothing can be captured here, '' where it can; tried for real, on loopback."""
    try:
        words = [program("zyphos-capture"), "port=1", "file=/dev/null", "time_ns=1"]
        done = subprocess.run(words, capture_output=True, text=True, timeout=READY_S)
        return str(json.loads(done.stdout.partition("\n")[0]).get("reason", ""))
    except (LabError, OSError, ValueError, subprocess.TimeoutExpired) as error:
        return str(error)


class Run:
    """One capture. `reason` says why there is none, '' while all is well."""

    def __init__(self, wanted: Wanted, cpus: Collection[int], children: Children) -> None:
        self.reason = ""
        self._wanted = wanted
        self._unread = b""
        self._child: Child | None = None
        self._states: kernel_states.Watch | None = None
        try:
            wanted.path.parent.mkdir(exist_ok=True)
            command = Command(_argv(wanted), sorted(cpus), pipe_stdout=True)
            self._child = Child(command, children)
            self._begin()
        except (LabError, OSError) as error:
            self.reason = f"the capture could not be started: {error}"

    def _begin(self) -> None:
        event = self._event(READY_S)
        if event is None or event["event"] != "ready":
            self.reason = self._why("the capture did not begin", event)
            self.close()
            return
        self._states = kernel_states.Watch(self._wanted.port, self._wanted.ends)

    def stop(self) -> dict[str, Any] | str:
        """Ends it: its result (zyphos-capture's `result`, and how many `states` the kernel told),
        or why there is none.
        """
        if self._child is None or self._states is None:
            return self.reason
        states = self._states.stop()
        self._child.signal(signal.SIGTERM)
        event = self._event(RESULT_S)
        if event is None or event["event"] != "result":
            self.reason = self._why("the capture has no result", event)
        self.close()
        if self.reason:
            return self.reason
        kernel_states.save(states, self._wanted.path)
        told = {"states": None if states.reason else len(states.changes)}
        return {**(event or {}), **told, "states_reason": states.reason}

    def close(self) -> None:
        """Nothing of it is left running. Safe to repeat."""
        if self._child is not None:
            self._child.stop(signal.SIGTERM, READY_S)
            self._child = None

    def _why(self, what: str, event: dict[str, Any] | None) -> str:
        if event is not None and event.get("reason"):
            return str(event["reason"])
        words = self._child.last_words() if self._child is not None else ""
        return f"{what}: {words}"

    def _event(self, timeout_s: float) -> dict[str, Any] | None:
        """The next line that it says; None where none comes."""
        assert self._child is not None
        fd = self._child.stdout.fileno()
        while b"\n" not in self._unread:
            if not select.select([fd], [], [], timeout_s)[0]:
                return None
            part = os.read(fd, READ_BYTES)
            if not part:
                self._child.wait(timeout_s)
                return None
            self._unread += part
        line, _, self._unread = self._unread.partition(b"\n")
        found: dict[str, Any] = json.loads(line)
        return found


def _argv(wanted: Wanted) -> list[str]:
    settings, place = wanted.settings, wanted.place
    return [
        program("zyphos-capture"),
        f"interface={place.interface}",
        f"netns={place.netns}",
        f"port={wanted.port}",
        f"packets={settings.packets}",
        f"bytes={settings.file_bytes}",
        f"snap_bytes={settings.snap_bytes}",
        f"time_ns={settings.time_ns}",
        f"file={wanted.path}",
        f"comment={wanted.comment}",
        "parent_death=true",
    ]
