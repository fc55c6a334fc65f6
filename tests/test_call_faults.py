"""Every system call of a server fails once: each row of docs/call_faults.md, made true by strace.

Of the released servers alone: a sanitizer does not bear being traced. Without strace it is skipped.
"""

from __future__ import annotations

import re
import shutil
import signal
import socket
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from running import END_SECONDS, Served, served, shared_board
from zyphos_lab import _core
from zyphos_lab.native import program

PAGE = Path(__file__).resolve().parent.parent / "docs" / "call_faults.md"
CLIENTS = 3
WORDS = ("protocol=echo", "message_bytes=4")
SERVED, RESET = "served", "reset"


@dataclass(frozen=True)
class Fault:
    """A row: `told` is the line on stderr, or the counters of the board that have to be 1."""

    engine: str
    call: str
    time: str
    error: str
    rule: str
    told: str

    def __str__(self) -> str:
        return f"{self.engine}-{self.call}-{self.error}"

    def strace(self) -> list[str]:
        inject = f"inject={self.call}:error={self.error}:when={self.time}"
        return ["strace", "-f", "-e", f"trace={self.call}", "-e", inject]


def faults(title: str) -> Iterator[Fault]:
    part = PAGE.read_text(encoding="ascii").partition(f"## {title}\n")[2].partition("\n## ")[0]
    for line in re.findall(r"^\| (?!engine)(\w.*) \|$", part, re.M):
        engines, *rest = (cell.strip() for cell in line.split("|"))
        yield from (Fault(engine, *rest) for engine in engines.split(", "))


def present(fault: Fault) -> None:
    if shutil.which("strace") is None:
        pytest.skip("no strace: apt-get install strace")
    able = _core.engines()[fault.engine]
    if able is not True:
        pytest.skip(f"engine {fault.engine}: {able}")


@pytest.mark.answers("m01.build.3", "s1.2")
@pytest.mark.parametrize("fault", list(faults("While it starts")), ids=str)
def test_who_cannot_start_says_why(fault: Fault, tmp_path: Path) -> None:
    present(fault)
    log = tmp_path / "strace"
    words = [program("zyphos-serve"), f"engine={fault.engine}", "port=0", *WORDS]
    done = subprocess.run(
        [*fault.strace(), "-o", str(log), *words],
        capture_output=True, text=True, timeout=END_SECONDS,
    )  # fmt: skip
    assert "(INJECTED)" in log.read_text(encoding="utf-8")
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == f"zyphos-serve: {fault.told}\n"


@pytest.mark.answers("m01.build.3", "s1.2")
@pytest.mark.parametrize("fault", list(faults("While it serves")), ids=str)
def test_who_serves_goes_on_by_the_rule(fault: Fault, tmp_path: Path) -> None:
    present(fault)
    log = tmp_path / "strace"
    with shared_board(_core.board_bytes()) as (fd, board):
        words = (f"engine={fault.engine}", *WORDS, f"board_fd={fd}")
        with served(*words, pass_fds=(fd,)) as server:
            traced = [*fault.strace(), "-o", str(log), "-p", str(server.process.pid)]
            with subprocess.Popen(traced, stderr=subprocess.PIPE, text=True) as strace:
                try:
                    assert strace.stderr is not None
                    if "attached" not in strace.stderr.readline():
                        pytest.skip("strace may not attach here")
                    met = [asked(server) for _ in range(CLIENTS)]
                    code = server.end(signal.SIGTERM)
                finally:
                    strace.terminate()
                    strace.communicate(timeout=END_SECONDS)
        counted = dict(_core.board_snapshot(board))
    assert "(INJECTED)" in log.read_text(encoding="utf-8")
    judge(fault, met, code, counted)


def asked(server: Served) -> str:
    """What became of one client."""
    try:
        with socket.create_connection(("127.0.0.1", server.port), timeout=30) as peer:
            peer.sendall(b"ping")
            return SERVED if peer.recv(4, socket.MSG_WAITALL) == b"ping" else "closed"
    except ConnectionError:
        return RESET


def judge(fault: Fault, met: list[str], code: int, counted: dict[str, int]) -> None:
    if fault.rule == "end":
        assert code == -signal.SIGABRT and SERVED not in met[1:]
        return
    assert code == 0
    assert met == ([RESET] if fault.rule == "close" else [SERVED]) + [SERVED] * (CLIENTS - 1)
    wanted = fault.told.split(", ") if fault.told else []
    # What ends it interrupts a call once more.
    least = {name: min(counted[name], 1) if name == "interrupted" else counted[name]
             for name in wanted}  # fmt: skip
    assert least == dict.fromkeys(wanted, 1)
    errors = {name: count for name, count in counted.items() if name.startswith("error_") and count}
    assert set(errors) <= set(wanted)
    assert counted["accepted"] == counted["closed"] == CLIENTS


def test_every_call_of_a_connection_stands_on_the_page() -> None:
    """What an engine calls while it serves, and what it opens before, is in the table."""
    page = {(fault.engine, fault.call) for fault in faults("While it serves")}
    for engine, calls in {
        "sequential": ("accept4", "recvfrom", "sendto", "shutdown", "close"),
        "epoll": ("accept4", "epoll_ctl", "epoll_wait", "recvfrom", "sendto", "shutdown", "close"),
        "uring": ("io_uring_enter", "shutdown"),
    }.items():
        assert {call for name, call in page if name == engine} == set(calls)
