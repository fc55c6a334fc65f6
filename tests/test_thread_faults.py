"""What befalls a server of threads, as a real server: no thread for a connection, a stack that is
too small, threads that wait for each other for ever."""

from __future__ import annotations

import http.client
import os
import signal
import socket
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from conftest import BUILD
from running import refused, served, shared_board
from zyphos_lab import _core, spec
from zyphos_lab.errors import SpecError

pytestmark = pytest.mark.native

EXPERIMENT = """
schema: 1
name: faults
question: Does it survive?
targets:
  s: {engine: thread, protocol: http1, KEYS}
load: {protocol: http1, connections: 4, arrival: {law: closed}, deadline: 1s}
repeat: {starts: 1, warmup: 0s, window: 1s}
"""
ROOT = pytest.mark.skipif(os.geteuid() != 0, reason="only root may become another user")


def eventually(condition: Callable[[], bool], what: str) -> None:
    end = time.monotonic() + 30
    while not condition():
        assert time.monotonic() < end, f"never: {what}"


def ask(port: int, timeout: float = 30, path: str = "/") -> bool:
    """Whether the server's answer came whole."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=timeout)
    try:
        connection.request("GET", path)
        return connection.getresponse().read() == b"Hello, world!"
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()


@ROOT
def test_without_threads_it_serves_on_and_recovers() -> None:
    words = ("engine=thread", "protocol=echo", "threads_max=10")
    with shared_board(_core.board_bytes()) as (fd, board):
        with served(*words, f"board_fd={fd}", pass_fds=(fd,)) as server:
            peers = [socket.create_connection(("127.0.0.1", server.port), 30) for _ in range(30)]
            for peer in peers:
                peer.sendall(bytes(64))
            eventually(
                lambda: _core.board_snapshot(board)["error_thread_limit"] >= 2, "no more threads"
            )
            assert _core.board_snapshot(board)["accepted"] < 30
            for peer in peers:  # each in its turn, as the threads of those before end
                assert peer.recv(64, socket.MSG_WAITALL) == bytes(64)
                peer.close()
            assert server.end(signal.SIGTERM) == 0
        assert _core.board_snapshot(board)["accepted"] == 30


@ROOT
def test_it_is_another_users_and_no_less_its_parents() -> None:
    with served("engine=thread", "threads_max=20", "parent_death=true") as server:
        status = Path(f"/proc/{server.process.pid}/status").read_text()
        assert f"Uid:\t{1_000_000 + server.process.pid}" in status
        assert ask(server.port)


@pytest.mark.skipif(os.geteuid() == 0, reason="root may")
def test_who_may_not_become_another_user_is_told() -> None:
    code, _, error = refused("zyphos-serve", "port=0", "threads_max=20")
    assert code == 1 and "cannot become a user of 20 threads" in error


def test_an_overflown_stack_is_counted_though_the_process_ends() -> None:
    if BUILD.name in ("asan", "tsan"):
        pytest.skip("a sanitizer answers SIGSEGV itself, on a stack of its own")
    words = ("engine=thread", "app=nest", "nest_bytes=102400")
    with shared_board(_core.board_bytes()) as (fd, board):
        for stack, ends in ((262144, False), (65536, True)):
            own = (f"stack_bytes={stack}", f"board_fd={fd}")
            with served(*words, *own, pass_fds=(fd,)) as server:
                assert ask(server.port)
                assert ask(server.port, path="/deep") is not ends
                if ends:
                    assert server.process.wait(30) == -signal.SIGSEGV
            assert _core.board_snapshot(board)["error_stack_overflow"] == int(ends)


def test_a_deadlock_is_found_and_stays() -> None:
    words = ("engine=thread", "app=transfer", "hold_ns=20000000")
    with (
        shared_board(_core.board_bytes()) as (fd, board),
        ThreadPoolExecutor(2) as pool,
        served(*words, f"board_fd={fd}", pass_fds=(fd,)) as server,
    ):
        answers = [True]
        while all(answers):  # until two meet
            answers = list(pool.map(lambda _: ask(server.port, 5), range(2)))
        eventually(
            lambda: _core.board_snapshot(board)["error_deadlock"] == 1, "the circle is found"
        )
        assert not ask(server.port, 0.2)  # whoever comes waits for them


@pytest.mark.answers("s3.7")
@pytest.mark.parametrize(
    "words",
    [
        ("engine=thread", "locking=ranked"),
        ("engine=thread", "locking=retry"),
        ("engine=epoll", "locking=given"),
    ],
)
def test_its_cures(words: tuple[str, ...]) -> None:
    with served("app=transfer", "hold_ns=100000", *words) as server:
        with ThreadPoolExecutor(8) as pool:
            assert all(pool.map(lambda _: ask(server.port), range(100)))
        assert server.end(signal.SIGTERM) == 0


@pytest.mark.parametrize(
    ("keys", "words"),
    [
        ("app: hello", []),
        ("threads_max: 40", ["threads_max=40"]),
        ("app: transfer, locking: retry, hold: 1ms", ["locking=retry", "hold_ns=1000000"]),
        ("app: nest, nest_bytes: 100KiB", ["nest_bytes=102400"]),
    ],
)
def test_keys_reach_the_program(keys: str, words: list[str]) -> None:
    target = spec.loads(EXPERIMENT.replace("KEYS", keys)).cells[0].target
    assert isinstance(target, spec.EngineTarget)
    new = ("threads_max", "locking", "hold_ns", "nest_bytes")
    assert [word for word in spec.serve_words(target) if word.partition("=")[0] in new] == words


@pytest.mark.parametrize(
    ("keys", "complaint"),
    [
        ("locking: ranked", "`locking` is for app transfer, this is app hello"),
        ("app: transfer, nest_bytes: 1KiB", "`nest_bytes` is for app nest"),
        ("app: transfer, locking: never", "one of given, ranked, retry"),
        ("threads_max: 1", "threads_max"),
    ],
)
def test_what_has_no_use_is_refused(keys: str, complaint: str) -> None:
    with pytest.raises(SpecError) as caught:
        spec.loads(EXPERIMENT.replace("KEYS", keys))
    assert complaint in str(caught.value)
