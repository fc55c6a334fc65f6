"""The keys of the engines that wait for readiness, from the file to the program and its board."""

from __future__ import annotations

import signal
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from running import refused, served, shared_board
from spec_samples import ECHO
from zyphos_lab import _core, record, spec
from zyphos_lab.board_metrics import BOARD, BOARD_RATIOS
from zyphos_lab.errors import SpecError
from zyphos_lab.metrics import lookup

pytestmark = pytest.mark.native
ROOT = Path(__file__).resolve().parent.parent
NEW = ("trigger", "exclusive", "accepting", "hand_out", "receives_per_turn")


def words_of(keys: str) -> list[str]:
    target = spec.loads(ECHO.replace("engine: epoll", keys, 1)).cells[0].target
    assert isinstance(target, spec.EngineTarget)
    return [word for word in spec.serve_words(target) if word.partition("=")[0] in NEW]


def test_they_reach_the_program_and_only_where_they_differ_from_its_own() -> None:
    keys = "engine: epoll, trigger: oneshot, exclusive: true, accepting: shared"
    assert words_of(keys) == ["trigger=oneshot", "exclusive=true", "accepting=shared"]
    keys = "engine: poll, accepting: acceptor, hand_out: least_connections"
    assert words_of(keys) == ["accepting=acceptor", "hand_out=least_connections"]
    assert words_of("engine: select") == []
    assert words_of("engine: coroutine, receives_per_turn: 0") == ["receives_per_turn=0"]
    assert words_of("engine: prefork, receives_per_turn: 8") == []


@pytest.mark.parametrize(
    ("keys", "complaint"),
    [
        ("engine: poll, trigger: edge", "always told by level"),
        ("engine: thread, trigger: level", "waits for no readiness"),
        ("engine: select, exclusive: true", "no EPOLLEXCLUSIVE"),
        ("engine: uring, accepting: shared", "for the engines select, poll, epoll"),
        ("engine: epoll, hand_out: least_connections", "`accepting: acceptor`"),
        ("engine: uring, receives_per_turn: 1", "engines select, poll, epoll, coroutine, prefork"),
        ("engine: epoll, trigger: edges", "`targets.echo.trigger`"),
    ],
)
def test_what_an_engine_has_no_use_for_has_its_place(keys: str, complaint: str) -> None:
    with pytest.raises(SpecError) as caught:
        words_of(keys)
    assert complaint in str(caught.value)
    assert all(":" in str(one) for one in caught.value.complaints)


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("engine=poll", "trigger=edge"), "always told by level"),
        (("engine=uring", "accepting=acceptor"), "waits for no readiness"),
        (("engine=thread", "receives_per_turn=0"), "waits for no readiness"),
        (("engine=epoll", "trigger=edges"), "must be one of level edge oneshot"),
    ],
)
def test_the_program_refuses_the_same_in_one_line(words: tuple[str, ...], told: str) -> None:
    code, _, error = refused("zyphos-serve", *words)
    assert code in (1, 2) and error.count("\n") == 1
    assert told in error


@pytest.mark.parametrize(
    "words",
    [
        ("engine=select",),
        ("engine=poll", "threads=2", "accepting=acceptor", "hand_out=least_connections"),
        ("engine=epoll", "trigger=level"),
        ("engine=epoll", "trigger=oneshot", "threads=2", "accepting=shared", "exclusive=true"),
    ],
)
def test_each_serves_and_counts_its_wakeups(words: tuple[str, ...]) -> None:
    with shared_board(_core.board_bytes()) as (fd, board):
        echo = (*words, "protocol=echo", "message_bytes=4", f"board_fd={fd}")
        with served(*echo, pass_fds=(fd,)) as server:
            with socket.create_connection(("127.0.0.1", server.port), timeout=30) as peer:
                for _ in range(20):
                    peer.sendall(b"ping")
                    assert peer.recv(4, socket.MSG_WAITALL) == b"ping"
            assert server.end(signal.SIGTERM) == 0
        counted = dict(_core.board_snapshot(board))
    assert counted["requests"] == 20 and counted["accepted"] == counted["closed"] == 1
    sizes = [counted[f"wakeups_of_{1 << power}"] for power in range(8)]
    assert sum(sizes) == counted["wakeups"] >= 20
    asked_again = 20 if "trigger=oneshot" in words else 0
    assert (counted["epoll_ctl_calls"] >= asked_again) and counted["reads_spurious"] == 0
    assert bool(counted["epoll_ctl_calls"]) == ("engine=epoll" in words)


def test_the_command_says_them_to_the_program() -> None:
    command = [sys.executable, "-m", "zyphos_lab.cli", "serve", "--threads", "2"]
    good = ["--trigger", "oneshot", "--accepting", "shared", "--exclusive"]
    with subprocess.Popen([*command, *good], stdout=subprocess.PIPE, text=True) as server:
        assert server.stdout is not None
        assert server.stdout.readline().startswith("listening 127.0.0.1:")
        server.terminate()
        assert server.wait() == 0
    bad = [*command, "--engine", "poll", "--trigger", "edge"]
    done = subprocess.run(bad, capture_output=True, text=True, timeout=60)
    assert done.returncode == 1 and "always told by level" in done.stderr


def test_ratios_of_the_board_follow_from_its_counters() -> None:
    names = ("events", "wakeups", "accepts_spurious", "accepted", "turns", "turn_ns")
    before = dict.fromkeys(names, 10)
    after = {"events": 40, "wakeups": 20, "accepts_spurious": 17, "accepted": 10}
    row, skipped = record.board_columns("server", before, after | {"turns": 14, "turn_ns": 6010})
    row["window_ns"] = 500_000_000
    record.derive(row)
    assert skipped == {}
    assert row["server_events_per_wakeup"] == 3.0
    assert row["server_turn_ns_mean"] == 1500.0
    assert row["server_events_per_second"] == 60.0
    assert not [name for name in row if name.startswith("server_turn") and "per_request" in name]
    assert row["server_accepts_spurious_per_accept"] is None  # nobody was accepted
    assert lookup("server_events_per_wakeup") is not None


def test_every_counter_of_the_board_is_documented() -> None:
    page = (ROOT / "docs" / "probes.md").read_text(encoding="ascii")
    section = page.partition("## The board of our servers")[2].partition("\n## ")[0]
    rows = [line.split()[0] for line in f"{BOARD}{BOARD_RATIOS}".splitlines() if line]
    assert "requests" in rows
    powers = {name: f"`_{name.removeprefix('wakeups_of_')}`" for name in rows if "_of_" in name}
    missing = [name for name in rows if f"`{name}`" not in section]
    assert [name for name in missing if powers.get(name, "?") not in section] == []


def test_our_experiments_of_event_loops_are_here() -> None:
    for name in ("epoll_modes", "thundering_herd", "readiness", "select_limit"):
        assert spec.load(ROOT / "experiments" / "engines" / f"{name}.yaml").name == name
