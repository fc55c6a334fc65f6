"""Any program that someone named: started, watched until it is ready, stopped by its own signal."""

from __future__ import annotations

import os
import random
import re
import shutil
import signal
import socket
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from zyphos_lab import netns
from zyphos_lab.board import Board
from zyphos_lab.child import Child, Children, Command
from zyphos_lab.errors import MeasurementError, TargetError
from zyphos_lab.targets import certificate
from zyphos_lab.targets.base import STOP_GRACE_S, Target, can_connect, family_of
from zyphos_lab.targets.missing import OURS, TargetMissingError

POLL_S = 0.002
CONNECT_TIMEOUT_S = 1.0
LOG_BYTES = 1 << 24
NO_BOARD = "only our own servers have a board"
BOARD = "{board}"


@dataclass(frozen=True, slots=True)
class CommandOptions:
    """As in the experiment file. `port` 0 is a free one; `{address}`, `{port}` and `{dir}` are
    filled in, and in `argv` `{board}`: the descriptor of a board, for programs of ours.

    Exactly one of `ready_http` (a path), `ready_log` (a regex for what it prints) is set, or
    neither: then it is ready when it accepts a connection.
    """

    argv: Sequence[str]
    address: str = "127.0.0.1"
    port: int = 0
    ready_http: str | None = None
    ready_log: str | None = None
    ready_timeout_ns: int = 10_000_000_000
    stop: str = "SIGTERM"
    cwd: str = "{dir}"
    env: Mapping[str, str] = field(default_factory=dict)
    files: Mapping[str, str] = field(default_factory=dict)
    file_bytes: Mapping[str, int] = field(default_factory=dict)  # random ones, always the same
    certificate: str | None = None  # of this host: certificate.pem and key.pem in `{dir}`
    cpus: Sequence[int] = ()


class CommandTarget(Target):
    """A program started by us; the whole of its process tree is measured."""

    def __init__(
        self,
        name: str,
        options: CommandOptions,
        children: Children,
        namespace: str | None = None,
    ) -> None:
        super().__init__(name, namespace)
        self._options = options
        self._children = children

    def start(self) -> RunningCommand:
        port = self._port()
        folder = self._children.folder()
        board = Board() if any(BOARD in word for word in self._options.argv) else None
        try:
            if self._options.certificate is not None:
                certificate.write(folder, self._options.certificate)
            child = Child(self._command(folder, port, board), self._children)
        except MeasurementError as error:
            shutil.rmtree(folder, ignore_errors=True)
            if board is not None:
                board.close()
            raise self.error(error.message, error.hint) from error
        running = RunningCommand(self, self._options, child, folder, port, board)
        try:
            running.wait_until_ready()
            self._children.add(running.pids())
        except BaseException:
            running.stop()
            raise
        return running

    def _port(self) -> int:
        """A free port, or the wanted one if it is free."""
        options = self._options
        try:
            with (
                netns.entered(self.namespace),
                socket.socket(family_of(options.address), socket.SOCK_STREAM) as probe,
            ):
                probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                probe.bind((options.address, options.port))
                return int(probe.getsockname()[1])
        except OSError as error:
            raise self.error(
                f"port {options.port} on {options.address}: {error.strerror}"
            ) from error

    def _command(self, folder: Path, port: int, board: Board | None) -> Command:
        def fill(text: str) -> str:
            # Not str.format: configuration files are full of other braces.
            text = text.replace("{address}", self._options.address)
            return text.replace("{port}", str(port)).replace("{dir}", str(folder))

        options = self._options
        contents = {fill(name): fill(text).encode() for name, text in options.files.items()}
        for name, size in options.file_bytes.items():
            contents[fill(name)] = random.Random(size).randbytes(size)
        for name, content in contents.items():
            path = folder / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content)
        env = {name: fill(value) for name, value in options.env.items()}
        own = "" if board is None else str(board.fd)
        return Command(
            [fill(word).replace(BOARD, own) for word in options.argv],
            options.cpus,
            env,
            Path(fill(options.cwd)),
            pass_fds=[] if board is None else [board.fd],
            namespace=self.namespace,
        )


class RunningCommand:
    """See targets.base.Running."""

    def __init__(
        self,
        target: Target,
        options: CommandOptions,
        child: Child,
        folder: Path,
        port: int,
        board: Board | None = None,
    ) -> None:
        self.address = options.address
        self.port = port
        self.may_end = False
        self.authority = None if options.certificate is None else folder / certificate.AUTHORITY
        self._target = target
        self._options = options
        self._child = child
        self._folder = folder
        self._board = board

    def wait_until_ready(self) -> None:
        give_up = time.monotonic() + self._options.ready_timeout_ns / 1e9
        while not self._ready():
            if self._child.wait(POLL_S) is not None:
                raise self._ended_early()
            if time.monotonic() > give_up:
                seconds = self._options.ready_timeout_ns / 1e9
                raise self._target.error(
                    f"not ready after {seconds:g} s ({self._awaited()}); {self._child.last_words()}"
                )

    def _ready(self) -> bool:
        options = self._options
        if options.ready_log is not None:
            return re.search(options.ready_log, self._child.output(LOG_BYTES)) is not None
        with netns.entered(self._target.namespace):
            if options.ready_http is not None:
                return _answers_http(self.address, self.port, options.ready_http)
            return can_connect(self.address, self.port, CONNECT_TIMEOUT_S)

    def _awaited(self) -> str:
        options = self._options
        if options.ready_log is not None:
            return f"it printed nothing that matches `{options.ready_log}`"
        if options.ready_http is not None:
            return f"GET {options.ready_http} on port {self.port} gave no 2xx or 3xx"
        return f"nothing listens on port {self.port}"

    def _ended_early(self) -> TargetError:
        code = self._child.poll()
        if code == os.EX_UNAVAILABLE and Path(self._options.argv[0]).name.startswith(OURS):
            return TargetMissingError(f"this machine cannot: {self._child.last_words()}")
        background = code == 0
        hint = "it must stay in the foreground (nginx: `daemon off;`)" if background else ""
        return self._target.error(f"ended before it was ready; {self._child.last_words()}", hint)

    def pids(self) -> list[int]:
        return self._child.pids()

    def board(self) -> dict[str, int] | str:
        return NO_BOARD if self._board is None else self._board.reading("server")

    def check(self, wait_s: float = 0.0) -> None:
        if not self.may_end and self._child.wait(wait_s) is not None:
            raise self._target.error(f"died during the trial; {self._child.last_words()}")

    def stop(self) -> bool:
        killed = self._child.stop(signal.Signals[self._options.stop], STOP_GRACE_S)
        if self._board is not None:
            self._board.close()
            self._board = None
        shutil.rmtree(self._folder, ignore_errors=True)
        return killed


def authority_of(running: object) -> Path | None:
    """The authority (PEM) that a target's certificate comes from; None where it has none."""
    return running.authority if isinstance(running, RunningCommand) else None


def _answers_http(address: str, port: int, path: str) -> bool:
    """Whether GET gives a 2xx or 3xx. By hand: http.client costs 30 ms to import."""
    host = f"[{address}]" if ":" in address else address
    request = f"GET {path} HTTP/1.1\r\nHost: {host}:{port}\r\nConnection: close\r\n\r\n"
    try:
        with socket.create_connection((address, port), timeout=CONNECT_TIMEOUT_S) as connection:
            connection.sendall(request.encode("ascii"))
            status = connection.makefile("rb").readline(256).split(b" ")
    except OSError:
        return False
    return len(status) > 1 and status[0].startswith(b"HTTP/1.") and status[1][:1] in (b"2", b"3")
