"""Probe `bpftrace`: the maps of ad-hoc bpftrace scripts as columns (`bpftrace: file.bt`).

In a script $1 is the server's process (the root of its tree), $2 its port, and {program} its
executable. Columns are named after the maps, so a map's name should end with its unit:
  @x = count(), sum(), @x++       bpftrace_x: what was added in the window, and per request
  @x = stats(v)                   bpftrace_x_count, _total (likewise) and _mean, of the window
  @x = hist(v), lhist(v, ...)     bpftrace_x_count, and _p50, _p99: the greatest value of the bucket
                                  that the quantile lies in (hist: never below the truth, at most
                                  twice it)
  @x = avg(v), min(v), max(v)     bpftrace_x since the script was attached, warm-up included: what
                                  bpftrace prints of them cannot be taken apart
  @x = v                          bpftrace_x: its value at the window's end
A keyed map gives bpftrace_x_<key> for the 32 keys that grew most and bpftrace_x_keys, how many keys
there are. Keyed maps of plain values are the script's own memory and no columns.

Attached before the load connects; at the window's edges SIGUSR1 makes bpftrace print its maps
(exact as far as the map is: values are read one after the other). `bpftrace_late_ns` is how long
that took at the slower edge, from the edge's signal to the last map. What the script costs the
target is in no column: a run measures it in pairs of trials with and without (observer.py).
"""

from __future__ import annotations

import json
import os
import select
import signal
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from zyphos_lab.child import Child, Children, Command
from zyphos_lab.errors import MeasurementError
from zyphos_lab.probes import bpftrace_maps
from zyphos_lab.probes.base import Columns, Pids, Probe, Skipped, now_ns
from zyphos_lab.probes.bpftrace_script import MARK, Script, argv, fault, missing, points_missing

START_TIMEOUT_S = 30.0
DUMP_TIMEOUT_S = 2.0
ASK_AGAIN_S = 0.2
QUIET_S = 0.002  # newer versions print maps in any order: ours need not be the last
STOP_GRACE_S = 5.0
LATE = "bpftrace_late_ns"


@dataclass(frozen=True, slots=True)
class Dump:
    """One script's maps as printed, unparsed. `reason` says why there are none."""

    late_ns: int = 0
    lines: tuple[bytes, ...] = field(default=())
    reason: str = ""


RawBpftrace = tuple[Dump, ...]


class BpftraceProbe(Probe[RawBpftrace]):
    """One bpftrace for each script and trial; the scripts were checked (bpftrace_script)."""

    name = "bpftrace"
    early = True
    costly = "runs its scripts at every one of their events"

    def __init__(self, scripts: Sequence[Script], children: Children) -> None:
        self._scripts = tuple(scripts)
        self._children = children
        self._running: list[Tracer | str] = []
        self._folder = tempfile.TemporaryDirectory(prefix="zyphos-")
        self.reason = missing()

    def _file(self, at: int) -> Path:
        return Path(self._folder.name) / f"{at}.bt"

    def attach(self, pids: Pids, port: int) -> None:
        self._stop()
        servers = pids.get("server", ())
        if self.reason or not servers:
            return
        program = os.readlink(f"/proc/{servers[0]}/exe")
        words = [str(servers[0]), str(port)]
        for at, script in enumerate(self._scripts):
            file = self._file(at)
            file.write_text(script.for_program(program), encoding="utf-8")
            lacking = points_missing(script, program)
            started = lacking or _started(script, [str(file), *words], self._children)
            self._running.append(started)

    def snapshot(self) -> RawBpftrace:
        return tuple(
            Dump(reason=one) if isinstance(one, str) else one.dump() for one in self._running
        )

    def columns(
        self, before: RawBpftrace, after: RawBpftrace, requests: int
    ) -> tuple[Columns, Skipped]:
        columns: Columns = {LATE: None}
        skipped: Skipped = {}
        if self.reason or not before:
            return columns, {"bpftrace": self.reason or "no process of the server is here"}
        for script, old, new in zip(self._scripts, before, after, strict=True):
            found, lacking = _of_script(script, old, new, requests)
            columns.update(found)
            skipped.update(lacking)
        late_ns = max(dump.late_ns for dump in (*before, *after))
        columns[LATE] = late_ns or None
        return columns, skipped

    def rest(self) -> None:
        self._stop()

    def close(self) -> None:
        self._stop()
        self._folder.cleanup()
        self.reason = "the probe is closed"

    def _stop(self) -> None:
        for one in self._running:
            if isinstance(one, Tracer):
                one.stop()
        self._running = []


def _of_script(script: Script, old: Dump, new: Dump, requests: int) -> tuple[Columns, Skipped]:
    if reason := old.reason or new.reason:
        names = {f"bpftrace_{name or 'map'}": None for name in script.maps}
        return dict(names), {f"bpftrace_{Path(script.name).stem}": reason}
    was, now = (bpftrace_maps.parsed(one.lines) for one in (old, new))
    return bpftrace_maps.columns(script.maps, was, now, requests)


def _started(script: Script, words: Sequence[str], children: Children) -> Tracer | str:
    """Running and attached; or why not."""
    try:
        command = Command(argv(["-f", "json", *words]), pipe_stdout=True)
        tracer = Tracer(script, Child(command, children))
    except MeasurementError as error:
        return f"{script.name}: {error.message}"
    reason = tracer.attached()
    if reason:
        tracer.stop()
        return reason
    return tracer


class Tracer:
    """One bpftrace: what it prints is read line by line."""

    def __init__(self, script: Script, child: Child) -> None:
        self._script = script
        self._child = child
        self._rest = b""

    def attached(self) -> str:
        """Waits until its probes are in place; why they are not.

        It says so before they are: they are when it prints its maps.
        """
        give_up = time.monotonic() + START_TIMEOUT_S
        while (line := self._line(give_up)) is not None:
            if b"attached_probes" in line:
                break
        else:
            return self._failure()
        while time.monotonic() < give_up and self._child.poll() is None:
            if not self._printed(ASK_AGAIN_S).reason:
                return ""
        return self._failure()

    def dump(self) -> Dump:
        """Its maps now."""
        return self._printed(DUMP_TIMEOUT_S)

    def _printed(self, timeout_s: float) -> Dump:
        asked_ns = now_ns()
        self._child.signal(signal.SIGUSR1)
        give_up = time.monotonic() + timeout_s
        lines: list[bytes] = []
        while (line := self._line(give_up)) is not None:
            lines.append(line)
            if _edge_ns(line) >= asked_ns:
                break
        else:
            name = self._script.name
            return Dump(reason=f"{name}: bpftrace printed no maps: {self._child.last_words()}")
        late_ns = now_ns() - asked_ns
        while (line := self._line(time.monotonic() + QUIET_S)) is not None:
            lines.append(line)
        return Dump(late_ns, tuple(lines))

    def _failure(self) -> str:
        if self._child.wait(0.1) is None:
            return f"{self._script.name}: bpftrace was not ready after {START_TIMEOUT_S:g} s"
        return str(fault(self._script, self._child.output()))

    def stop(self) -> None:
        self._child.stop(signal.SIGINT, STOP_GRACE_S)

    def _line(self, give_up: float) -> bytes | None:
        """The next whole line; None at the end of its output, or when none comes in time."""
        poller = select.poll()
        poller.register(self._child.stdout, select.POLLIN | select.POLLHUP)
        while b"\n" not in self._rest:
            if not poller.poll(max(0.0, give_up - time.monotonic()) * 1000):
                return None
            part = os.read(self._child.stdout.fileno(), 1 << 16)
            if not part:
                return None
            self._rest += part
        line, _, self._rest = self._rest.partition(b"\n")
        return line


def _edge_ns(line: bytes) -> int:
    """When the signal came that this dump answers; -1 for any other line."""
    if MARK.encode() not in line:
        return -1
    try:
        event: Any = json.loads(line)
        return int(event["data"][f"@{MARK}"])
    except (ValueError, KeyError, TypeError):
        return -1
