"""Child processes: started pinned, in a session of their own, and never left behind.

Every child is written down in the run's `children.ndjson` (pid and start time) and has the run in
its environment (`ZYPHOS_RUN`, for a runner that is killed before it has written), so that the next
run can end what a SIGKILLed runner left. This file knows nothing of targets or loads.

Thread safety: a Child is used by one thread.
"""

from __future__ import annotations

import copy
import errno
import json
import os
import select
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from zyphos_lab import netns, orphans, proc, signals
from zyphos_lab.errors import MeasurementError

CHILDREN = "children.ndjson"
RUN_MARK = "ZYPHOS_RUN"
PRELOAD = "LD_PRELOAD"  # ld.so(8)
FOLDER_PREFIX = "zyphos-"
TAIL_BYTES = 4096
KILL_WAIT_S = 5.0
LINE_TIMEOUT_S = 10.0


class Children:
    """What is running on behalf of one run, on disk, and the private folders in use."""

    def __init__(self, run: Path) -> None:
        self._path = run / CHILDREN
        self._path.touch()
        self._boot = proc.boot_id()
        self.mark = {RUN_MARK: str(run.resolve())}
        self.plain: Children = self  # without what `adding` added

    def adding(self, environment: Mapping[str, str]) -> Children:
        """The same children, for some that are started with these variables besides."""
        found = copy.copy(self)
        found.mark = {**self.mark, **environment}
        return found

    def add(self, pids: Sequence[int]) -> None:
        """Notes processes as ours to end."""
        found = [one for one in map(proc.process, pids) if one is not None]
        self._write([{"pid": one.pid, "start_ticks": one.start_ticks, "boot_id": self._boot}
                     for one in found])  # fmt: skip

    def folder(self) -> Path:
        """A fresh private folder (others may read it: servers often drop their rights)."""
        path = Path(tempfile.mkdtemp(prefix=FOLDER_PREFIX))
        path.chmod(0o755)
        self._write([{"folder": str(path)}])
        return path

    def _write(self, entries: Sequence[Mapping[str, object]]) -> None:
        with self._path.open("a", encoding="utf-8") as file:
            file.writelines(json.dumps(entry) + "\n" for entry in entries)


def sweep(run: Path) -> int:
    """Ends what a killed runner left of `run`; how many processes that was.

    Only processes that have the run in their environment are ended, and those with the noted pid,
    start time and boot, with what is in their session.
    """
    path = run / CHILDREN
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except FileNotFoundError:
        return 0
    ended = _kill(_marked(run))
    for line in lines:
        try:
            entry = json.loads(line)
        except ValueError:  # torn by the same kill
            continue
        if "folder" in entry:
            _remove(Path(entry["folder"]))
        elif _is_same(entry):
            ended += _kill([one.pid for one in proc.session(entry["pid"])])
    path.unlink(missing_ok=True)
    return ended


def _marked(run: Path) -> list[int]:
    """Processes with this run in their environment."""
    mark = f"{RUN_MARK}={run.resolve()}".encode()
    others = (one.pid for one in proc.everyone() if one.pid != os.getpid())
    return [pid for pid in others if mark in proc.environment(pid)]


def _is_same(entry: Mapping[str, object]) -> bool:
    found = proc.process(int(str(entry["pid"])))
    same_boot = entry["boot_id"] == proc.boot_id()
    return found is not None and same_boot and found.start_ticks == entry["start_ticks"]


def _remove(folder: Path) -> None:
    if folder.parent == Path(tempfile.gettempdir()) and folder.name.startswith(FOLDER_PREFIX):
        shutil.rmtree(folder, ignore_errors=True)


def _kill(pids: Sequence[int]) -> int:
    """Kills and waits for the end (ports and files are free then); how many there were."""
    pidfds = []
    for pid in pids:
        try:
            pidfds.append(os.pidfd_open(pid))
            signal.pidfd_send_signal(pidfds[-1], signal.SIGKILL)
        except ProcessLookupError:
            continue
    for pidfd in pidfds:
        _ended(pidfd, KILL_WAIT_S)
        os.close(pidfd)
    return len(pidfds)


def _ended(pidfd: int, timeout_s: float) -> bool:
    poller = select.poll()
    poller.register(pidfd, select.POLLIN)
    return bool(poller.poll(max(timeout_s, 0.0) * 1000))


@dataclass(frozen=True, slots=True)
class Command:
    """What to start. `cpus` empty: wherever the scheduler likes; `env` is added to ours.

    `namespace` is the path of a network namespace (None: ours). stdin is empty and stdout is kept
    with stderr, unless they are piped.
    """

    argv: Sequence[str]
    cpus: Sequence[int] = ()
    env: Mapping[str, str] | None = None
    cwd: Path | None = None
    pass_fds: Sequence[int] = ()
    pipe_stdin: bool = False
    pipe_stdout: bool = False
    namespace: str | None = None


class Child:
    """One running command. What it writes (stdout unless piped) goes to a file without a name."""

    def __init__(self, command: Command, children: Children) -> None:
        self.name = Path(command.argv[0]).name
        self._output: IO[bytes] = tempfile.TemporaryFile()  # noqa: SIM115
        with signals.deferred():
            self._process = _spawn(command, self._output, children.mark)
            children.add([self._process.pid])
            orphans.expect(self._process.pid)
        self.pidfd = os.pidfd_open(self._process.pid)

    @property
    def pid(self) -> int:
        return self._process.pid

    @property
    def stdout(self) -> IO[bytes]:
        assert self._process.stdout is not None
        return self._process.stdout

    @property
    def stdin(self) -> IO[bytes]:
        assert self._process.stdin is not None
        return self._process.stdin

    def close_stdin(self) -> None:
        """Its piped stdin ends here."""
        if self._process.stdin is not None:
            self._process.stdin.close()

    def poll(self) -> int | None:
        """The exit code once it has ended (minus the signal), None while it runs."""
        return self._process.poll()

    def wait(self, timeout_s: float) -> int | None:
        """As `poll`, but waits up to `timeout_s` for the end."""
        _ended(self.pidfd, timeout_s)
        return self.poll()

    def pids(self) -> list[int]:
        return [one.pid for one in proc.session(self.pid)]

    def signal(self, signum: int) -> None:
        """Sends it a signal, if it is still there."""
        if self.poll() is None:
            os.kill(self.pid, signum)

    def output(self, tail_bytes: int = TAIL_BYTES) -> str:
        """What it wrote so far, at most the last `tail_bytes`."""
        fd = self._output.fileno()
        size = os.fstat(fd).st_size
        start = max(0, size - tail_bytes)
        return os.pread(fd, size - start, start).decode("utf-8", "replace")

    def last_words(self) -> str:
        """How it ended and the last line that it wrote, for a message of one line."""
        code = self.poll()
        lines = [line.strip() for line in self.output().splitlines() if line.strip()]
        end = "still running" if code is None else _ending(code)
        return f"{end}: {lines[-1]}" if lines else f"{end}, and it said nothing"

    def stop(self, signum: int, grace_s: float) -> bool:
        """Asks it to end, then ends its whole tree. Whether it had to be killed. Safe to repeat."""
        with signals.deferred():
            # Before it ends: what leaves its session is found as a descendant only while it lives.
            before = self.pids()
            killed = False
            if self.poll() is None:
                os.kill(self.pid, signum)
                killed = self.wait(grace_s) is None
            if killed:
                os.kill(self.pid, signal.SIGKILL)
            _kill([pid for pid in {*before, *self.pids()} if pid != self.pid and _alive(pid)])
            self._process.wait()
            orphans.forget(self._process.pid)
            orphans.end()
            self._close()
            return killed

    def _close(self) -> None:
        if self.pidfd >= 0:
            os.close(self.pidfd)
            self.pidfd = -1
        self.close_stdin()
        if self._process.stdout is not None:
            self._process.stdout.close()


def _alive(pid: int) -> bool:
    found = proc.process(pid)
    return found is not None and found.state != "Z"


def _ending(code: int) -> str:
    return f"exit code {code}" if code >= 0 else f"killed by {signal.Signals(-code).name}"


def _spawn(command: Command, output: IO[bytes], mark: Mapping[str, str]) -> subprocess.Popen[bytes]:
    """Starts it with affinity and namespace already in place: no thread of it is ever elsewhere."""
    _check_cpus(command.cpus)
    ours = os.sched_getaffinity(0)
    try:
        if command.cpus:
            os.sched_setaffinity(0, command.cpus)
        with netns.entered(command.namespace):
            return subprocess.Popen(
                list(command.argv),
                stdin=subprocess.PIPE if command.pipe_stdin else subprocess.DEVNULL,
                stdout=subprocess.PIPE if command.pipe_stdout else output,
                stderr=output,
                cwd=command.cwd,
                env=_environment(command, mark),
                pass_fds=tuple(command.pass_fds),
                start_new_session=True,
            )
    except OSError as error:
        raise MeasurementError(_why_not(command, error)) from error
    finally:
        os.sched_setaffinity(0, ours)


def _environment(command: Command, mark: Mapping[str, str]) -> dict[str, str]:
    """`mark` goes before the command's own; of libraries to preload there may be several."""
    own = {**os.environ, **(command.env or {})}
    libraries = [one[PRELOAD] for one in (mark, own) if one.get(PRELOAD)]
    return {**own, **mark, **({PRELOAD: ":".join(libraries)} if libraries else {})}


def _check_cpus(cpus: Sequence[int]) -> None:
    """The kernel would silently leave out the processors that there are not."""
    missing = sorted(set(cpus) - proc.cpus_online())
    if missing:
        online = ", ".join(map(str, sorted(proc.cpus_online())))
        raise MeasurementError(f"cannot be pinned to cpu {missing[0]}: this machine has {online}")


def _why_not(command: Command, error: OSError) -> str:
    if command.namespace is not None and error.filename == command.namespace:
        return f"cannot enter the network namespace {command.namespace}: {error.strerror}"
    if error.errno == errno.EINVAL and command.cpus:
        return f"cannot be pinned to cpus {list(command.cpus)}: they are outside this cpuset"
    if command.cwd is not None and not command.cwd.is_dir():
        return f"cannot be started: no such folder: {command.cwd}"
    if isinstance(error, FileNotFoundError):
        return f"cannot be started: no such program: {command.argv[0]}"
    return f"cannot be started: {command.argv[0]}: {os.strerror(error.errno or 0)}"


def line_of(stream: IO[bytes]) -> bytes:
    """The next line of `stream`; what there is of it at its end, or when no more comes in time."""
    poller = select.poll()
    poller.register(stream, select.POLLIN | select.POLLHUP)
    line = b""
    while not line.endswith(b"\n"):
        part = os.read(stream.fileno(), 1 << 16) if poller.poll(LINE_TIMEOUT_S * 1000) else b""
        if not part:
            break
        line += part
    return line


def monotonic_ns() -> int:
    """CLOCK_MONOTONIC, the clock that zyphos-load gives its window in."""
    return time.clock_gettime_ns(time.CLOCK_MONOTONIC)
