"""zyphos-serve and zyphos-load as tests run them: started, listened to, ended. Every server binds
port 0; nothing outlives its `with`."""

import contextlib
import json
import mmap
import os
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from zyphos_lab.native import program

END_SECONDS = 60


@dataclass
class Served:
    """A running zyphos-serve."""

    process: subprocess.Popen[str]
    port: int

    def end(self, signal: int) -> int:
        """Its exit code after this signal."""
        self.process.send_signal(signal)
        return self.process.wait(END_SECONDS)


@contextlib.contextmanager
def served(*words: str, pass_fds: tuple[int, ...] = ()) -> Iterator[Served]:
    """A server on a free port; killed at the end if it is still there."""
    command = [program("zyphos-serve"), "port=0", *words]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, pass_fds=pass_fds)
    try:
        assert process.stdout is not None
        line = process.stdout.readline()
        assert line.startswith("listening "), f"{command}: first line {line!r}"
        yield Served(process, int(line.rsplit(":", 1)[1]))
    finally:
        process.kill()
        process.wait(END_SECONDS)
        if process.stdout is not None:
            process.stdout.close()


def refused(name: str, *words: str) -> tuple[int, str, str]:
    """Exit code, stdout and stderr of a program that ends by itself."""
    done = subprocess.run(
        [program(name), *words], capture_output=True, text=True, timeout=END_SECONDS
    )
    return done.returncode, done.stdout, done.stderr


class Load:
    """A running zyphos-load: its events one by one. `told`: it is spoken to, too."""

    def __init__(self, *words: str, pass_fds: tuple[int, ...] = (), told: bool = False) -> None:
        self.process = subprocess.Popen(
            [program("zyphos-load"), *words],
            stdin=subprocess.PIPE if told else None,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            pass_fds=pass_fds,
        )

    def __enter__(self) -> "Load":
        return self

    def __exit__(self, *_: object) -> None:
        self.process.kill()
        self.process.communicate()

    def event(self, name: str) -> dict[str, Any]:
        assert self.process.stdout is not None
        found: dict[str, Any] = json.loads(self.process.stdout.readline())
        assert found["event"] == name, found
        return found

    def tell(self, line: str) -> None:
        assert self.process.stdin is not None
        self.process.stdin.write(f"{line}\n")
        self.process.stdin.flush()

    def end(self) -> int:
        return self.process.wait(END_SECONDS)


def load(*words: str) -> dict[str, Any]:
    """The result of a whole run that ends well."""
    with Load(*words) as running:
        running.event("connected")
        running.event("window")
        result = running.event("result")
        assert running.end() == 0
    return result


@contextlib.contextmanager
def shared_board(size: int) -> Iterator[tuple[int, mmap.mmap]]:
    """A memfd to inherit, and its mapping."""
    fd = os.memfd_create("board", 0)
    try:
        os.ftruncate(fd, size)
        with mmap.mmap(fd, size) as mapped:
            yield fd, mapped
    finally:
        os.close(fd)
