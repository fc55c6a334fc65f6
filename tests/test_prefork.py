"""Engine prefork from the experiment file to its processes: words, signals, the board, deaths."""

from __future__ import annotations

import http.client
import os
import signal
import time
from collections.abc import Callable
from pathlib import Path

import psutil
import pytest

from running import refused, served, shared_board
from spec_samples import ECHO
from test_bpftrace import probing
from zyphos_lab import _core, record, spec
from zyphos_lab.errors import SpecError

pytestmark = pytest.mark.native

NEW = (
    "workers",
    "workers_max",
    "accept",
    "steer",
    "recycle_requests",
    "trigger",
    "exclusive",
    "hand_out",
)
ACCEPT = ("reuse_port", "inherited", "passed")


def words_of(keys: str) -> list[str]:
    target = spec.loads(ECHO.replace("engine: epoll", keys, 1)).cells[0].target
    assert isinstance(target, spec.EngineTarget)
    return [word for word in spec.serve_words(target) if word.partition("=")[0] in NEW]


def test_keys_reach_the_program_and_only_where_they_differ_from_its_own() -> None:
    assert words_of("engine: prefork") == []
    keys = "engine: prefork, workers: 4, accept: passed, hand_out: least_connections"
    assert words_of(keys) == ["hand_out=least_connections", "workers=4", "accept=passed"]
    keys = "engine: prefork, accept: inherited, workers_max: 8"
    assert words_of(keys) == ["workers_max=8", "accept=inherited"]
    keys = "engine: prefork, steer: cpu, recycle_requests: 1000, trigger: edge"
    assert words_of(keys) == ["trigger=edge", "steer=cpu", "recycle_requests=1000"]


@pytest.mark.parametrize(
    ("keys", "complaint"),
    [
        ("engine: epoll, workers: 4", "`workers` is for engine prefork, this is engine epoll"),
        ("engine: uring, accept: passed", "`accept` is for engine prefork"),
        ("engine: prefork, threads: 2", "`workers` of one thread each"),
        ("engine: prefork, workers: 0", "`targets.echo.workers`"),
        ("engine: prefork, accept: inherited, steer: cpu", "`steer` chooses between listeners"),
        ("engine: prefork, workers_max: 4", "`accept: inherited` or `passed`"),
        ("engine: prefork, exclusive: true", "`accept: inherited`"),
        ("engine: prefork, hand_out: least_connections", "`accept: passed`"),
        ("engine: prefork, accepting: shared", "`accepting` is for the engines"),
    ],
)
def test_what_it_has_no_use_for_is_refused(keys: str, complaint: str) -> None:
    with pytest.raises(SpecError) as caught:
        words_of(keys)
    assert complaint in str(caught.value)


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("workers=0",), "workers=0: must be a whole number, 1 or more"),
        (("workers=1000",), "1 to 256 workers"),
        (("accept=gift",), "must be one of reuse_port inherited passed"),
        (("steer=cpu", "accept=passed"), "steer chooses between listeners"),
        (("cpus=100000",), "cannot run on cpu 100000"),
    ],
)
def test_the_program_refuses_it_in_one_line(words: tuple[str, ...], told: str) -> None:
    code, _, error = refused("zyphos-serve", "engine=prefork", *words)
    assert code in (1, 2) and error.count("\n") == 1
    assert told in error


def eventually(condition: Callable[[], bool], what: str) -> None:
    end = time.monotonic() + 30
    while not condition():
        assert time.monotonic() < end, f"never: {what}"


def ask(port: int) -> http.client.HTTPResponse:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
    connection.request("GET", "/")
    response = connection.getresponse()
    assert response.read() == b"Hello, world!"
    connection.close()
    return response


def workers_of(pid: int) -> list[psutil.Process]:
    """The children of the supervisor, which is the server's only one."""
    (supervisor,) = psutil.Process(pid).children()
    return supervisor.children()


@pytest.mark.parametrize("accept", ACCEPT)
def test_the_board_sums_over_workers_and_outlives_the_dead(accept: str) -> None:
    with shared_board(_core.board_bytes()) as (fd, board):
        words = ("engine=prefork", "workers=3", f"accept={accept}", f"board_fd={fd}")
        with served(*words, pass_fds=(fd,)) as server:
            for _ in range(30):
                ask(server.port)
            victim, *others = workers_of(server.process.pid)
            os.kill(victim.pid, signal.SIGKILL)
            eventually(
                lambda: _core.board_snapshot(board)["workers_started"] == 4, "the next worker"
            )
            for _ in range(30):
                ask(server.port)
            assert {one.pid for one in others} <= {
                one.pid for one in workers_of(server.process.pid)
            }
            assert server.end(signal.SIGTERM) == 0
        counters = _core.board_snapshot(board)
    assert (counters["requests"], counters["accepted"], counters["closed"]) == (60, 60, 60)
    assert (counters["workers_lost"], counters["error_worker_lost"]) == (1, 0)
    assert sum(counters[f"requests_of_worker_{place}"] for place in range(8)) == 60


def test_shares_are_those_of_the_greatest() -> None:
    places = {f"server_requests_of_worker_{place}": 0 for place in range(8)}
    row = record.nothing_measured() | places | {"server_requests_of_worker_1": 30}
    row |= {"server_requests_of_worker_2": 10}
    record.derive(row)
    assert row["server_requests_share_most"] == 0.75


@pytest.mark.parametrize("accept", ACCEPT)
def test_workers_forked_while_someone_looks_at_the_points_live(tmp_path: Path, accept: str) -> None:
    """Linux 6.18 ends with SIGSEGV what was forked after a point was passed and passes one itself
    (docs/probes.md): the supervisor, which forks, must pass none."""
    point = "usdt:{program}:zyphos:%s { @%s = count(); }"
    script = "\n".join(point % (name, name) for name in ("wakeup", "request_end"))
    with shared_board(_core.board_bytes()) as (fd, board), probing(tmp_path, script) as probe:
        words = ("engine=prefork", "workers=2", f"accept={accept}", f"board_fd={fd}")
        with served(*words, pass_fds=(fd,)) as server:
            probe.attach({"server": [server.process.pid]}, server.port)
            before = probe.snapshot()
            for kill in range(1, 4):
                for _ in range(10):
                    ask(server.port)
                os.kill(workers_of(server.process.pid)[0].pid, signal.SIGKILL)
                eventually(
                    lambda started=kill + 2: (
                        _core.board_snapshot(board)["workers_started"] == started
                    ),
                    "the next worker",
                )
            for _ in range(10):
                ask(server.port)
            columns, skipped = probe.columns(before, probe.snapshot(), 40)
            assert server.end(signal.SIGTERM) == 0
        assert _core.board_snapshot(board)["workers_lost"] == 3
    assert not skipped
    # At least: a point is seen in every process of the program, those of other tests too.
    assert columns["bpftrace_request_end"] >= 40 and columns["bpftrace_wakeup"]


@pytest.mark.parametrize("accept", ACCEPT)
def test_hangup_replaces_the_workers(accept: str) -> None:
    with served("engine=prefork", f"accept={accept}") as server:
        old = {one.pid for one in workers_of(server.process.pid)}
        assert len(old) == 2
        server.process.send_signal(signal.SIGHUP)
        eventually(
            lambda: (
                len(now := {one.pid for one in workers_of(server.process.pid)}) == 2
                and not now & old
            ),
            "new workers alone",
        )
        ask(server.port)
        assert server.end(signal.SIGTERM) == 0


def test_the_date_goes_on_in_every_worker() -> None:
    """It is set in the parent's process alone."""
    with served("engine=prefork", "workers=1") as server:
        first = ask(server.port).headers["Date"]
        eventually(lambda: ask(server.port).headers["Date"] != first, "the next second")


def test_a_worker_has_its_own_timers() -> None:
    with served("engine=prefork", "app=delay", "delay_ns=1000000") as server:
        for _ in range(4):
            ask(server.port)


def test_without_its_supervisor_the_server_ends() -> None:
    with served("engine=prefork") as server:
        (supervisor,) = psutil.Process(server.process.pid).children()
        os.kill(supervisor.pid, signal.SIGKILL)
        assert server.process.wait(30) == 1


@pytest.mark.parametrize("victim", ["server", "supervisor"])
def test_nothing_outlives_a_kill(victim: str) -> None:
    with served("engine=prefork", "workers=4") as server:
        parent = psutil.Process(server.process.pid)
        (supervisor,) = parent.children()
        family = parent.children(recursive=True)
        assert len(family) == 5
        os.kill(parent.pid if victim == "server" else supervisor.pid, signal.SIGKILL)
        server.process.wait(30)
        _, alive = psutil.wait_procs(family, timeout=30)
        assert not [one for one in alive if one.status() != psutil.STATUS_ZOMBIE]
