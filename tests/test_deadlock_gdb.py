"""A real deadlock seen with GDB: the same two threads that the server's own report names.

docs/deadlock_in_gdb.md is such a session. Of the released server alone.
"""

from __future__ import annotations

import http.client
import re
import shutil
import subprocess
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from running import END_SECONDS
from zyphos_lab.native import program

PAGE = Path(__file__).resolve().parent.parent / "docs" / "deadlock_in_gdb.md"
WAITING = ["WatchedMutex::wait", "Transfer::lock_both", "Transfer::move"]
THREAD = re.compile(r"^Thread \d+ \(Thread 0x([0-9a-f]+) .*$", re.M)
REPORT = re.compile(
    r"deadlock: thread (\d+) waits for account (\d), which thread (\d+) holds, who waits for "
    r"account (\d), which the first of them holds"
)


@pytest.fixture(scope="module")
def seen() -> Iterator[tuple[str, str]]:
    """What the server reported, and all stacks as GDB shows them."""
    if shutil.which("gdb") is None:
        pytest.skip("no gdb: apt-get install gdb")
    words = ["engine=thread", "app=transfer", "hold_ns=20000000", "port=0"]
    pipe = subprocess.PIPE
    server = subprocess.Popen(
        [program("zyphos-serve"), *words], stdout=pipe, stderr=pipe, text=True
    )
    try:
        assert server.stdout is not None and server.stderr is not None
        port = int(server.stdout.readline().rsplit(":", 1)[1])
        with ThreadPoolExecutor(2) as pool:
            while all(pool.map(asked, [port, port])):  # until two meet
                pass
        gdb = ["gdb", "-nx", "-q", "-batch", "-p", str(server.pid)]
        asks = ["-ex", "set pagination off", "-ex", "thread apply all backtrace"]
        told = subprocess.run([*gdb, *asks], capture_output=True, text=True, timeout=END_SECONDS)
        if "ptrace" in told.stderr and not THREAD.search(told.stdout):
            pytest.skip(f"gdb may not attach here: {told.stderr.strip().splitlines()[-1]}")
        yield server.stderr.readline(), told.stdout
    finally:
        server.kill()
        server.communicate()


def asked(port: int) -> bool:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
    try:
        connection.request("GET", "/")
        return connection.getresponse().read() == b"Hello, world!"
    except OSError:
        return False
    finally:
        connection.close()


def stacks(session: str) -> dict[int, list[str]]:
    """Thread -> the functions of ours on its stack, the innermost first."""
    _, *parts = THREAD.split(session)  # what is before the first, then id and stack in turn
    return {
        int(thread, 16): re.findall(r"zyphos::(?:app::)?(\w+::\w+) \(", stack)
        for thread, stack in zip(parts[::2], parts[1::2], strict=True)
    }


def in_a_lock(session: str) -> set[int]:
    return {
        thread
        for thread, functions in stacks(session).items()
        if [name for name in functions if name in WAITING] == WAITING
    }


@pytest.mark.answers("s3.7")
def test_gdb_shows_the_two_threads_that_the_server_names(seen: tuple[str, str]) -> None:
    report, session = seen
    told = REPORT.search(report)
    assert told is not None, report
    assert {told[2], told[4]} == {"0", "1"}  # each waits for what the other holds
    assert in_a_lock(session) == {int(told[1]), int(told[3])}


def test_the_page_is_such_a_session() -> None:
    page = PAGE.read_text(encoding="ascii")
    told = REPORT.search(page)
    assert told is not None
    assert in_a_lock(page) == {int(told[1]), int(told[3])}
