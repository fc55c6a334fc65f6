"""The web server's logs: what stands in them, and that nobody writes a line of his own."""

import os
import re
import signal
import socket
from pathlib import Path

import pytest

from running import shared_board
from website import LARGE, TEXT, ask, make, serving
from zyphos_lab import _core

pytestmark = pytest.mark.native

# Apache's combined format: what any reader of such logs takes apart.
COMBINED = re.compile(
    r"(?P<host>\S+) - - \[(?P<time>\d\d/[A-Z][a-z]{2}/\d{4}:\d\d:\d\d:\d\d \+0000)\] "
    r'"(?P<request>(?:[^"\\]|\\.)*)" (?P<status>\d{3}) (?P<size>\d+) '
    r'"(?P<referer>(?:[^"\\]|\\.)*)" "(?P<agent>(?:[^"\\]|\\.)*)"'
)


def lines(path: Path) -> list[dict[str, str]]:
    found = [COMBINED.fullmatch(line) for line in path.read_text().splitlines()]
    assert all(found), path.read_text()
    return [each.groupdict() for each in found if each is not None]


@pytest.mark.parametrize("engine", ["thread", "epoll", "uring", "prefork"])
def test_every_request_is_a_line(tmp_path: Path, engine: str) -> None:
    if _core.engines()[engine] is not True:
        pytest.skip(f"engine {engine}: {_core.engines()[engine]}")
    make(tmp_path / "root")
    log = tmp_path / "access"
    order = ["GET /text.txt HTTP/1.1", "HEAD /text.txt HTTP/1.1", "GET /large.bin HTTP/1.1"]
    order += ["GET /nothing?q=1 HTTP/1.1", "GET /../x HTTP/1.1", "GET /folder/ HTTP/1.1"]
    with serving(tmp_path / "root", f"engine={engine}", f"access_log={log}") as running:
        agent = {"User-Agent": "tester/1.0", "Referer": "http://x/from"}
        ask(running.port, "/text.txt", fields=agent)
        ask(running.port, "/text.txt", "HEAD")
        ask(running.port, "/large.bin", fields={"Range": "bytes=0-99"})
        ask(running.port, "/nothing?q=1")
        ask(running.port, "/../x")
        ask(running.port, "/folder/")
        assert running.end(signal.SIGTERM) == 0
    found = lines(log)
    if engine == "prefork":  # its workers have each a writer of their own
        found.sort(key=lambda each: order.index(each["request"]))
    assert [each["request"] for each in found] == order
    assert [each["status"] for each in found] == ["200", "200", "206", "404", "400", "200"]
    assert [int(each["size"]) for each in found[:3]] == [len(TEXT), 0, 100]
    assert {each["host"] for each in found} == {"127.0.0.1"}
    assert (found[0]["referer"], found[0]["agent"]) == ("http://x/from", "tester/1.0")
    assert (found[1]["referer"], found[1]["agent"]) == ("-", "-")


def test_nobody_writes_lines_of_his_own(tmp_path: Path) -> None:
    make(tmp_path / "root")
    log, errors = tmp_path / "access", tmp_path / "errors"
    words = (f"access_log={log}", f"error_log={errors}")
    with serving(tmp_path / "root", *words) as running:
        agent = {"User-Agent": 'a" 200 1 "-" "b\\', "Referer": "\u00e9\t" + "x" * 1000}
        ask(running.port, "/text.txt", fields=agent)
        ask(running.port, "/..%2f%0a" + "y" * 2000)
        assert running.end(signal.SIGTERM) == 0
    found = lines(log)
    assert len(found) == 2
    assert found[0]["agent"] == r"a\x22 200 1 \x22-\x22 \x22b\x5C"
    assert found[0]["referer"].startswith(r"\xE9\x09xxx") and len(found[0]["referer"]) < 201
    assert found[1]["request"].startswith("GET /..%2f%0ayyy")
    [said] = errors.read_text().splitlines()
    assert "a path that leads out of the root: /..%2f%0ayyy" in said


def test_what_is_cut_short_is_logged_as_far_as_it_went(tmp_path: Path) -> None:
    make(tmp_path / "root")
    with (tmp_path / "root" / "huge").open("wb") as file:
        file.truncate(1 << 30)
    log = tmp_path / "access"
    with serving(tmp_path / "root", f"access_log={log}", "sending=read") as running:
        with socket.create_connection(("127.0.0.1", running.port), timeout=30) as peer:
            peer.sendall(b"GET /huge HTTP/1.1\r\nHost: x\r\n\r\n")
            assert peer.recv(1) == b"H"
        while not log.read_text():
            pass
        assert running.end(signal.SIGTERM) == 0
    [line] = lines(log)
    assert line["status"] == "200" and 0 < int(line["size"]) < 1 << 30


def test_lines_that_found_no_room_are_counted(tmp_path: Path) -> None:
    """The log is a full disk's: requests are answered all the same."""
    if not Path("/dev/full").exists():
        pytest.skip("no /dev/full on this machine")
    make(tmp_path)
    with serving(tmp_path, "access_log=/dev/full") as running:
        for _ in range(20):
            assert ask(running.port, "/large.bin").body == LARGE
        assert running.end(signal.SIGTERM) == 0


def test_a_log_that_nobody_reads_holds_nobody_up(tmp_path: Path) -> None:
    make(tmp_path / "root")
    log = tmp_path / "pipe"
    os.mkfifo(log)
    reader = os.open(log, os.O_RDONLY | os.O_NONBLOCK)
    request = b"GET /empty HTTP/1.1\r\nHost: x\r\nUser-Agent: " + b"a" * 150 + b"\r\n\r\n"
    total = 8000  # more than pipe and ring hold
    with (
        shared_board(_core.board_bytes()) as (fd, board),
        serving(
            tmp_path / "root", f"access_log={log}", f"board_fd={fd}", pass_fds=(fd,)
        ) as running,
    ):
        with socket.create_connection(("127.0.0.1", running.port), timeout=30) as peer:
            for _ in range(total // 50):
                peer.sendall(request * 50)
                got = bytearray()
                while got.count(b"HTTP/1.1 200") < 50 or not got.endswith(b"\r\n\r\n"):
                    part = peer.recv(1 << 20)
                    assert part
                    got += part
        lost = _core.board_snapshot(board)["log_lines_lost"]
        os.set_blocking(reader, True)
        running.process.send_signal(signal.SIGTERM)
        written = b"".join(iter(lambda: os.read(reader, 1 << 20), b"")).count(b"\n")
        assert running.process.wait(30) == 0
    os.close(reader)
    assert lost > 0
    assert written + lost == total
