"""`zyphos-lab trace --life`: every system call of one connection, and the page made of it.

Of the released servers alone: a sanitizer's make calls of their own.
"""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from dataclasses import replace
from pathlib import Path

import pytest

from running import served
from zyphos_lab.child import Children
from zyphos_lab.cli.main import run as command
from zyphos_lab.errors import MeasurementError
from zyphos_lab.probes import native
from zyphos_lab.trace import life, life_text
from zyphos_lab.trace.calls import Call, why
from zyphos_lab.trace.life import ENGINES, Life

ROOT = Path(__file__).resolve().parent.parent
PAGE = ROOT / "docs" / "connection_life.md"
# What the C library does around a thread, which differs from version to version.
LIBC = {"clone", "clone3", "futex", "madvise", "mmap", "mprotect", "munmap", "rseq",
        "rt_sigprocmask", "set_robust_list"}  # fmt: skip
COMMAND = "zyphos-lab trace --life --output docs/connection_life.md"


@pytest.fixture(scope="module")
def lives(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Life]:
    children = Children(tmp_path_factory.mktemp("life"))
    found = {}
    for engine in ENGINES:
        try:
            found[engine] = life.of_engine(engine, children)
        except MeasurementError as error:
            if "no system calls one by one" in str(error):
                pytest.skip(str(error))
            raise
    return found


def names(one: Life, step: int) -> list[str]:
    return [call.name for call in one.steps[step].calls]


@pytest.mark.parametrize("engine", ["thread", "epoll"])
def test_a_connection_is_accepted_read_answered_and_closed(
    lives: dict[str, Life], engine: str
) -> None:
    opened, asked, ended = (names(lives[engine], step) for step in range(3))
    assert any(name.startswith("accept") for name in opened)
    read = next(at for at, name in enumerate(asked) if name in ("recvfrom", "read", "recvmsg"))
    sent = next(at for at, name in enumerate(asked) if name in ("sendto", "sendmsg", "write"))
    assert read < sent
    assert "close" in ended and "close" not in opened + asked
    fins = [call for call in lives[engine].steps[2].calls if call.kind == "recvfrom = 0"]
    assert len(fins) == 1


def test_a_ring_makes_no_other_calls_until_it_closes(lives: dict[str, Life]) -> None:
    assert {*names(lives["uring"], 0), *names(lives["uring"], 1)} == {"io_uring_enter"}
    assert set(names(lives["uring"], 2)) == {"io_uring_enter", "shutdown", "close"}


def test_times_run_on_and_calls_end_after_they_begin(lives: dict[str, Life]) -> None:
    for one in lives.values():
        for step in one.steps:
            ends = [call.end_ns for call in step.calls]
            assert ends == sorted(ends) and ends[0] >= step.begun_ns
            assert all(call.begin_ns <= call.end_ns for call in step.calls)


def test_a_call_that_the_kernel_makes_again_has_not_returned() -> None:
    def read(result: int) -> Call:
        return Call(1, 2, 3, 3, 0, result, (3, 1, 128, 0))

    assert [read(result).returned for result in (128, 0, -4, -512, -514, -516)] == [
        True, True, True, False, False, False,
    ]  # fmt: skip


def test_every_call_is_explained(lives: dict[str, Life]) -> None:
    calls = [call for one in lives.values() for step in one.steps for call in step.calls]
    assert [call.text for call in calls if not why(call)] == []


def test_the_committed_page_is_what_a_run_gives(lives: dict[str, Life]) -> None:
    """But for times, descriptors, pieces: steps, servers, and which calls each makes in them."""
    page = PAGE.read_text(encoding="utf-8")
    assert COMMAND in page and "not explained here" not in page
    now = life_text.page(list(lives.values()))
    assert outline(page) == outline(now), f"out of date: run `{COMMAND}`"


def outline(page: str) -> dict[tuple[str, str], list[str]]:
    """(step, server) -> the kinds of its own calls; how often one returns in a row may vary."""
    found: dict[tuple[str, str], list[str]] = {}
    for part in page.split("\n## ")[1:]:
        lines = part.splitlines()
        rows = [cells(line) for line in lines if line.startswith("|")]
        for row in rows[2:]:
            for server, cell in zip(rows[0][1:], row[1:], strict=True):
                kinds = found.setdefault((lines[0], server), [])
                if (kind := kind_in(cell)) and kinds[-1:] != [kind]:
                    kinds.append(kind)
    return found


def kind_in(cell: str) -> str:
    """Of the call in a cell; '' where there is none, or it is the C library's."""
    call = re.search(r"`(\w+)\(.*\) = (\S+)`", cell)
    if call is None or call[1] in LIBC:
        return ""
    return f"{call[1]} = {'n' if call[2].isdigit() and call[2] != '0' else call[2]}"


def cells(line: str) -> list[str]:
    return [cell.strip() for cell in re.split(r"(?<!\\)\|", line)[1:-1]]


def test_the_outline_sees_a_call_that_is_missing() -> None:
    page = PAGE.read_text(encoding="utf-8")
    without = "\n".join(line for line in page.splitlines() if "accept4" not in line)
    assert outline(page) and outline(without) != outline(page)
    assert {server for _, server in outline(page)} == set(ENGINES)


def test_a_server_of_one_s_own_is_asked_too(capsys: pytest.CaptureFixture[str]) -> None:
    need_sequence()
    with served("engine=epoll", "protocol=http1") as server:
        assert command(["trace", "--life", "--port", str(server.port), "--json"]) == 0
    [told] = json.loads(capsys.readouterr().out)
    assert [step["step"] for step in told["steps"]] == list(life.STEPS)
    calls = [call for step in told["steps"] for call in step["calls"]]
    assert "accept4" in {call["name"] for call in calls}
    assert all(call["took_ns"] >= 0 and call["why"] for call in calls)


def test_side_by_side_on_a_terminal(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    need_sequence()
    assert command(["trace", "--life", "epoll", "uring"]) == 0
    out = capsys.readouterr().out
    assert "the client connects" in out and "accept4(" in out and "io_uring_enter(" in out
    page = tmp_path / "page.md"
    assert command(["trace", "--life", "epoll", "--output", str(page)]) == 0
    assert "| step | epoll |" in page.read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (
            ["--life", "epol"],
            "there is no engine 'epol' (engines are: thread, select, poll, epoll, uring)",
        ),
        (["--life", "--probe", "sched"], "--life goes with --port, --output and --json only"),
        (["--life", "epoll", "--port", "1"], "engines, or --port, not both"),
        (["--output", "x.md", "1"], "--output goes with --life"),
        (["--life", "--port", "1"], "nothing listens on port 1"),
    ],
)
def test_mistakes_are_one_line(
    words: list[str], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert command(["trace", *words]) == 2
    told = capsys.readouterr().err
    assert said in told and told.count("\n") == 1


def need_sequence() -> None:
    sequence, reason = native.opened(lambda core: core.load_syscall_sequence())
    if sequence is None:
        pytest.skip(reason)


@pytest.mark.answers("m01.build.4")
def test_strace_sees_the_same_calls(tmp_path: Path) -> None:
    """Of one and the same connection: names and results, in order."""
    need_sequence()
    if shutil.which("strace") is None:
        pytest.skip("no strace")
    log = tmp_path / "strace"
    with served("engine=epoll", "protocol=http1") as server:
        words = ["strace", "-f", "-o", str(log), "-p", str(server.process.pid)]
        with subprocess.Popen(words, stderr=subprocess.PIPE, text=True) as strace:
            assert strace.stderr is not None
            try:
                if "attached" not in strace.stderr.readline():
                    pytest.skip("strace may not attach here")
                ours = life.of_server("epoll", server.process.pid, server.port)
            finally:
                strace.terminate()
                strace.communicate(timeout=60)
    lines = log.read_text(encoding="utf-8").splitlines()
    told = [kind for kind in map(kind_of, lines) if kind and "futex" not in kind]
    kinds = [call.kind for step in ours.steps for call in step.calls]
    # Its detaching may end a call that ours was not asked about any more.
    assert kinds in [told[at : at + len(kinds)] for at in range(len(told))], (kinds, told)


def kind_of(line: str) -> str:
    found = re.search(r"(?:\d+ +)(?:<\.\.\. )?(\w+)(?:\(| resumed).* = (-?\w+)(?: (E\w+))?", line)
    if found is None or "unfinished" in line:
        return ""
    result = found[3] or ("n" if found[2].isdigit() and found[2] != "0" else found[2])
    return f"{found[1]} = {result}"


@pytest.mark.core
def test_a_thread_that_keeps_the_time_is_left_out() -> None:
    serving = replace(call("recvfrom", 1, 7), thread=2)
    woken, clock = (replace(call("futex", 0, 1), thread=thread) for thread in (2, 3))
    [step] = life.without_clocks([life.Step("", 0, (clock, woken, serving))])
    assert step.calls == (woken, serving)


def call(number_of: str, result: int, *arguments: int) -> Call:
    numbers = {native.core().syscall_name(number): number for number in range(512)}
    padded = (*arguments, 0, 0, 0, 0)[:4]
    return Call(0, 1, 1, 1, numbers[number_of], result, padded)


@pytest.mark.core
def test_calls_read_like_strace_s() -> None:
    minus_one = (1 << 64) - 1
    assert call("epoll_wait", 1, 5, 1, 64, minus_one).text == "epoll_wait(5, *, 64, -1) = 1"
    assert call("recvfrom", -11, 7, 1, 512, 0x40).text == (
        "recvfrom(7, *, 512, MSG_DONTWAIT) = EAGAIN"
    )
    assert call("accept4", 7, 3, 0, 0, 0o2004000).text == (
        "accept4(3, NULL, NULL, SOCK_NONBLOCK|SOCK_CLOEXEC) = 7"
    )
    assert call("epoll_ctl", 0, 5, 2, 7, 0).text == "epoll_ctl(5, DEL, 7, NULL) = 0"
    assert call("shutdown", 0, 7, 1).text == "shutdown(7, SHUT_WR) = 0"
    assert call("recvfrom", 31, 7, 1, 512, 0).kind == "recvfrom = n"
