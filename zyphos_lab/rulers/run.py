"""Runs somebody else's load generator with the face of zyphos_lab.load.LoadRun.

The process is there before the window, at rest: a shell that waits for one line and then becomes
the generator, in the same pid. The window begins when that line is written and lasts as long as the
tool was told to run: these tools have no warm-up here, what they say of a run is of the whole run.
A tool starts a few milliseconds into the window and ends as much after it.
"""

from __future__ import annotations

import select
import shutil
import signal
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

from zyphos_lab.child import Child, Children, Command, monotonic_ns
from zyphos_lab.errors import LoadError
from zyphos_lab.rulers.base import SECOND_NS, Job
from zyphos_lab.rulers.found import find
from zyphos_lab.rulers.result import result_of
from zyphos_lab.spec.models import Load, Repeat
from zyphos_lab.spec.ruler_rules import TOOLS

GATE = 'read -r go && exec "$@" </dev/null'
AHEAD_NS = 20_000_000
STOP_GRACE_S = 2.0
WATCH_EVERY_NS = 200_000_000
OUTPUT_BYTES = 1 << 24
OUTPUT = "output"  # what it printed, among the texts that are kept
RESULTS = (".csv", ".json")
SAID_BYTES = 1 << 16


class ForeignRun:
    """One run of a foreign generator. `watch` as in LoadRun. Used by one thread.

    Raises GeneratorError where the generator is not there, before anything is started.
    """

    def __init__(
        self,
        load: Load,
        repeat: Repeat,
        url: str,
        children: Children,
        watch: Callable[[], None],
        namespace: str | None = None,
    ) -> None:
        self._found = find(load.ruler)
        self._repeat = repeat
        self._watch = watch
        self._waiting = True
        self._started_ns = 0  # of the window, by the wall clock: the one that tools log
        window_ns = _window_ns(load.ruler.tool, repeat.window_ns)
        self._job = Job(self._found.path, load, url, window_ns, children.folder())
        try:
            words = self._found.adapter.words(self._job)
            argv = ["/bin/sh", "-c", GATE, "sh", self._found.path, *words]
            folder = self._job.folder
            command = Command(argv, load.cpus, cwd=folder, pipe_stdin=True, namespace=namespace)
            self._child = Child(command, children)
        except BaseException:
            self._remove()
            raise

    def pids(self) -> list[int]:
        return self._child.pids()

    def board(self) -> dict[str, int] | str:
        return f"generator {self._found.adapter.name} has no board"

    def wait_for(self, name: str, give_up_ns: int) -> dict[str, Any]:
        """Events as zyphos-load has them: `connected` (at once), `window`, `result`."""
        if name == "connected":
            return {"event": name}
        if name == "window":
            start_ns = monotonic_ns() + AHEAD_NS
            end_ns = start_ns + self._job.window_ns
            return {"event": name, "start_ns": start_ns, "end_ns": end_ns}
        return self._result(give_up_ns)

    def idle_until(self, at_ns: int) -> None:
        """Sleeps to `at_ns`; the first time it then lets the generator go."""
        while (left_ns := at_ns - monotonic_ns()) > 0:
            if left_ns < 3_000_000:
                select.select([], [], [], left_ns / 1e9)
            elif self._child.wait(min(left_ns - 2_000_000, WATCH_EVERY_NS) / 1e9) is not None:
                break  # ended before its time: `result` says how
            self._watch()
        if self._waiting:
            self._waiting = False
            self._started_ns = time.time_ns() - (monotonic_ns() - at_ns)
            with suppress(BrokenPipeError):
                self._child.stdin.write(b"go\n")
                self._child.stdin.flush()

    def stop(self) -> bool:
        """Ends it if it is not done. Whether it had to be killed. Safe to repeat."""
        killed = self._child.stop(signal.SIGTERM, STOP_GRACE_S)
        self._remove()
        return killed

    def _result(self, give_up_ns: int) -> dict[str, Any]:
        while (code := self._child.poll()) is None:
            left_ns = give_up_ns - monotonic_ns()
            if left_ns <= 0:
                raise LoadError(f"load: {self._name()} did not end in time")
            self._child.wait(min(left_ns, WATCH_EVERY_NS) / 1e9)
            self._watch()
        if code:
            raise LoadError(f"load: {self._name()} failed; {self._child.last_words()}")
        return {"event": "result", **self._said()}

    def _said(self) -> dict[str, Any]:
        text = self._child.output(OUTPUT_BYTES)
        try:
            said = self._found.adapter.read(self._job, text)
        except (ValueError, KeyError, OSError, IndexError) as error:
            [line] = text.strip().splitlines()[-1:] or ["nothing"]
            message = f"load: what {self._name()} said cannot be read ({error})"
            raise LoadError(f"{message}; it ended with `{line[:80]}`") from error
        interval_ns = self._repeat.interval_ns
        made = result_of(said, self._job, self._found, interval_ns, self._started_ns)
        # Its own words stay with the record: its percentiles can be read from them once more.
        words = {OUTPUT: text, **_written(self._job.folder)} if said.samples is None else {}
        return {**made, "said": words}

    def _name(self) -> str:
        return f"{self._found.adapter.name} {self._found.version}"

    def _remove(self) -> None:
        shutil.rmtree(self._job.folder, ignore_errors=True)


def _written(folder: Path) -> dict[str, str]:
    """What the tool wrote of its results: by name, texts of at most SAID_BYTES."""
    files = [path for path in sorted(folder.iterdir()) if path.suffix in RESULTS]
    texts = {path.name: path.read_text(encoding="utf-8", errors="replace") for path in files}
    return {name: text for name, text in texts.items() if len(text) <= SAID_BYTES}


def _window_ns(tool: str, window_ns: int) -> int:
    """What the tool can keep of it: an experiment's own is whole where it has to be, that of a
    stage before it may be shorter.
    """
    return -(-window_ns // SECOND_NS) * SECOND_NS if TOOLS[tool].whole_seconds else window_ns
