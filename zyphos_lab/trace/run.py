"""A whole trace: probes up, a reading each interval, the end and what is said then.

Text goes to stdout: a live table on a terminal, elsewhere only the last one. As JSON it is one
event a line: `start`, `interval`, `summary`; columns are named as in a trial's record.
"""

from __future__ import annotations

import json
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rich.console import Console

from zyphos_lab import probes as all_probes
from zyphos_lab import signals
from zyphos_lab.child import Children, monotonic_ns
from zyphos_lab.errors import EXIT_OK, Interrupted, TargetError, UsageError
from zyphos_lab.probes import bpftrace_script
from zyphos_lab.probes.base import Probe, Skipped
from zyphos_lab.probes.bpftrace import BpftraceProbe
from zyphos_lab.trace import summary, table
from zyphos_lab.trace.rows import rows
from zyphos_lab.trace.session import Reading, Session
from zyphos_lab.trace.subject import Subject, owner
from zyphos_lab.units import format_duration

# Costly, and yet what a trace is there for; the other costly ones want to be asked for.
UNASKED = ("syscalls", "sched", "futex", "uring", "tcp_events")


@dataclass(frozen=True, slots=True)
class Times:
    """`for_ns` None: until it ends."""

    interval_ns: int
    for_ns: int | None


@dataclass(frozen=True, slots=True)
class Made:
    """The probes of a trace, and why others are not among them."""

    probes: Sequence[Probe[Any]]
    left_out: Skipped


@contextmanager
def probes_of(names: Sequence[str], files: Sequence[str] = ()) -> Iterator[Made]:
    """Those named, and one for the bpftrace scripts in `files`; without either those that are
    UNASKED or cost nothing. Raises UsageError for an unknown name, a file that cannot be read, a
    fault in a script.
    """
    with ExitStack() as stack:
        scripts = _scripts(files)
        made = stack.enter_context(_made(names, only=bool(scripts)))
        if scripts:
            folder = stack.enter_context(tempfile.TemporaryDirectory(prefix="zyphos-"))
            probe = BpftraceProbe(scripts, Children(Path(folder)))
            stack.callback(probe.close)
            made = Made([*made.probes, probe], made.left_out)
        yield made


def _scripts(files: Sequence[str]) -> list[bpftrace_script.Script]:
    found = []
    for file in files:
        try:
            found.append(bpftrace_script.read(file))
        except (OSError, UnicodeDecodeError) as error:
            said = getattr(error, "strerror", None) or "it is not UTF-8 text"
            raise UsageError(f"--bpftrace: cannot read {file}: {said.lower()}") from None
        if not found[-1].maps:
            raise UsageError(f"--bpftrace: {file} fills no map, so it would give no column")
    bpftrace_script.check_all(found)
    return found


@contextmanager
def _made(names: Sequence[str], only: bool) -> Iterator[Made]:
    """`only`: something else is asked for, so nothing is made that is not named."""
    if only and not names:
        yield Made([], {})
        return
    made = all_probes.make(names or all_probes.NAMES)
    try:
        yield _chosen(made, names)
    finally:
        for one in made:
            one.close()


def _chosen(made: Sequence[Probe[Any]], names: Sequence[str]) -> Made:
    if names:
        return Made([one for one in made if one.name in names], {})
    asked_for = [one for one in made if one.costly and one.name not in UNASKED]
    left_out = {one.name: f"{one.costly}; ask for it with --probe {one.name}" for one in asked_for}
    return Made([one for one in made if one not in asked_for], left_out)


class Voice:
    """Who tells the reader."""

    def __init__(self, subject: Subject, as_json: bool) -> None:
        self._title = f"{subject.name} (pid {subject.pid})"
        self._json = as_json
        self._console = Console()
        self._screen: table.Screen | None = None
        self._subject = subject

    def start(self, made: Made, stack: ExitStack) -> None:
        other = owner(self._subject.pid)
        if other:
            print(f"note: process {self._subject.pid} belongs to {other}: without root only what"
                  " everybody may see of it is traced", file=sys.stderr)  # fmt: skip
        if self._json:
            names = [one.name for one in made.probes]
            self._event("start", pid=self._subject.pid, name=self._subject.name,
                        port=self._subject.port, probes=names, left_out=made.left_out)  # fmt: skip
        elif self._console.is_terminal:
            self._screen = stack.enter_context(table.Screen(self._console, self._title))

    def interval(self, part: Reading, total: Reading) -> None:
        if self._json:
            self._event("interval", at_ns=total.duration_ns, interval_ns=part.duration_ns,
                        columns=part.flat())  # fmt: skip
        elif self._screen is not None:
            after = f"after {format_duration(total.duration_ns)}"
            self._screen.show(rows(part, total), after)

    def end(self, total: Reading, how: str, skipped: Skipped) -> None:
        if self._json:
            self._event("summary", duration_ns=total.duration_ns, ended=how, columns=total.flat(),
                        skipped=skipped)  # fmt: skip
            return
        whole = Reading(total.duration_ns, total.columns, total.counted)
        self._console.print(table.table(rows(whole, total), self._console.width))
        self._console.print()
        title = f"{self._title}: {format_duration(total.duration_ns)}; {how}"
        table.summary(self._console, title, summary.lines(total))
        table.skipped(self._console, skipped)

    def _event(self, event: str, **fields: Any) -> None:
        print(json.dumps({"event": event, **fields}), flush=True)


def run(subject: Subject, made: Made, times: Times, as_json: bool) -> int:
    """Traces until the time is over, the process has ended, or a signal comes; the exit code.

    Raises TargetError where a command that we started has failed.
    """
    voice = Voice(subject, as_json)
    session = Session(subject, made.probes)
    try:
        code, how, total = _watched(subject, made, times, session, voice)
        failure = subject.failure()
        voice.end(total, how, {**made.left_out, **session.reasons()})
    finally:
        session.close()
    if failure and code == EXIT_OK:
        raise TargetError(f"{subject.name} failed: {failure}")
    return code


def _watched(
    subject: Subject, made: Made, times: Times, session: Session, voice: Voice
) -> tuple[int, str, Reading]:
    """(exit code, how it ended, what there was since the start)."""
    begun_ns = monotonic_ns()
    end_ns = None if times.for_ns is None else begun_ns + times.for_ns
    tick_ns = begun_ns
    code, how, lives = EXIT_OK, "", True
    with ExitStack() as stack:
        try:
            with signals.handled():
                voice.start(made, stack)
                subject.release()
                while not how:
                    tick_ns = max(tick_ns + times.interval_ns, monotonic_ns())
                    tick_ns = tick_ns if end_ns is None else min(tick_ns, end_ns)
                    lives = subject.wait(tick_ns)
                    with signals.deferred():
                        part, total = session.read()
                    voice.interval(part, total)
                    if not lives:
                        how = "the process has ended"
                    elif end_ns is not None and monotonic_ns() >= end_ns:
                        how = "the time is over"
        except Interrupted as stop:
            code, how = stop.exit_code, "stopped by a signal"
            _, total = session.read()
    return code, how, total
