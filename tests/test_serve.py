"""zyphos-serve as a program: its first line, its signals, its complaints, its board."""

import contextlib
import http.client
import signal
import socket
import subprocess
import sys
from typing import get_args

import psutil
import pytest

from running import refused, served, shared_board
from zyphos_lab import _core
from zyphos_lab.native import program
from zyphos_lab.spec.target_models import Parser, Scan

pytestmark = pytest.mark.native

ENGINES = ["sequential", "thread", "pool", "select", "poll", "epoll", "coroutine", "uring"]
ENGINES += ["prefork"]
MINUTE_NS = 60_000_000_000


def ask(port: int, method: str = "GET", path: str = "/", body: bytes | None = None) -> bytes:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
    connection.request(method, path, body)
    response = connection.getresponse()
    assert response.status == 200
    content = response.read()
    connection.close()
    return content


@pytest.fixture(params=ENGINES)
def engine(request: pytest.FixtureRequest) -> str:
    """Each engine that this machine can run; the others are skipped with the reason."""
    name = str(request.param)
    able = _core.engines()[name]
    if able is not True:
        pytest.skip(f"engine {name}: {able}")
    return name


@pytest.mark.parametrize("ending", [signal.SIGTERM, signal.SIGINT])
def test_answers_and_ends_with_zero(engine: str, ending: signal.Signals) -> None:
    with served(f"engine={engine}") as server:
        assert ask(server.port) == b"Hello, world!"
        assert server.end(ending) == 0


def test_echo_answers_any_method_and_path(engine: str) -> None:
    body = bytes(range(256)) * 1000
    with served(f"engine={engine}", "app=echo") as server:
        for method in ("POST", "PUT", "PATCH", "DELETE", "BREW"):
            assert ask(server.port, method, f"/{method}?a=b", body) == body


@pytest.mark.parametrize("parser", get_args(Parser))
def test_each_parser_reads_requests(parser: str) -> None:
    with served(f"parser={parser}") as server:
        assert ask(server.port) == b"Hello, world!"


@pytest.mark.parametrize("scan", get_args(Scan))
def test_each_kernel_reads_requests_or_says_why_not(scan: str) -> None:
    words = ("parser=simd", f"scan={scan}")
    kernels = _core.scan_kernels()
    assert kernels["scalar"] is True
    able = kernels.get(scan, scan == "best" or "is none of this processor's")
    if able is True:
        with served(*words) as server:
            assert ask(server.port) == b"Hello, world!"
    elif scan in kernels:
        code, _, said = refused("zyphos-serve", *words)
        assert code == 1 and str(able) in said
        pytest.skip(f"kernel {scan}: {able}")
    else:
        assert refused("zyphos-serve", *words)[0] == 2
        pytest.skip(f"kernel {scan} {able}")


@pytest.mark.parametrize(
    ("word", "sent", "answer"),
    [
        ("idle_timeout_ns", b"", b""),
        ("idle_timeout_ns", b"GET / HTTP/1.1\r\nHost: x\r\n\r\n", b"HTTP/1.1 200 OK"),
        ("header_timeout_ns", b"GET / HTTP/1.1\r\nHo", b"HTTP/1.1 408 Request Timeout"),
    ],
    ids=["nothing came", "kept", "slow head"],
)
def test_a_connection_has_its_time(engine: str, word: str, sent: bytes, answer: bytes) -> None:
    """The other timeouts are a minute and ten seconds."""
    with (
        served(f"engine={engine}", f"{word}=50000000") as server,
        socket.create_connection(("127.0.0.1", server.port), timeout=5) as peer,
    ):
        peer.sendall(sent)
        got = b"".join(iter(lambda: peer.recv(4096), b""))
        assert got.partition(b"\r\n")[0] == answer


def test_a_body_has_its_time(engine: str) -> None:
    """Its answer has begun, so that a reset is all that can still be said."""
    with (
        served(f"engine={engine}", "app=echo", "body_timeout_ns=50000000") as server,
        socket.create_connection(("127.0.0.1", server.port), timeout=5) as peer,
    ):
        peer.sendall(b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\nbegun")
        with pytest.raises(ConnectionResetError):
            while peer.recv(4096):
                pass


def test_echo_protocol_answers_whole_messages(engine: str) -> None:
    with (
        served(f"engine={engine}", "protocol=echo", "message_bytes=4") as server,
        socket.create_connection(("127.0.0.1", server.port), timeout=30) as peer,
    ):
        peer.sendall(b"abcdefg")
        assert recv_exactly(peer, 4) == b"abcd"
        peer.sendall(b"h")
        assert recv_exactly(peer, 4) == b"efgh"


def recv_exactly(peer: socket.socket, size: int) -> bytes:
    found = b""
    while len(found) < size:
        part = peer.recv(size - len(found))
        assert part, "closed early"
        found += part
    return found


def test_drains_what_is_under_way(engine: str) -> None:
    words = (f"engine={engine}", "app=delay", "delay_ns=300000000")
    request = b"GET / HTTP/1.1\r\nHost: x\r\n\r\n"
    with (
        shared_board(_core.board_bytes()) as (fd, board),
        served(*words, f"board_fd={fd}", pass_fds=(fd,)) as server,
        socket.create_connection(("127.0.0.1", server.port), timeout=30) as peer,
    ):
        peer.sendall(request)
        while _core.board_snapshot(board)["bytes_in"] < len(request):
            pass
        server.process.send_signal(signal.SIGTERM)
        answer = b""
        while part := peer.recv(4096):
            answer += part
        assert answer.startswith(b"HTTP/1.1 200") and answer.endswith(b"Hello, world!")
        assert server.process.wait(30) == 0


def test_second_signal_ends_at_once() -> None:
    slow = ("app=delay", f"delay_ns={10 * MINUTE_NS}", f"drain_timeout_ns={10 * MINUTE_NS}")
    with (
        served(*slow) as server,
        socket.create_connection(("127.0.0.1", server.port), timeout=30) as peer,
    ):
        peer.sendall(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
        server.process.send_signal(signal.SIGTERM)
        # It has begun to drain when it no longer listens.
        while listens(server.port):
            pass
        assert server.end(signal.SIGTERM) == -signal.SIGTERM


def listens(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def test_board_is_written_where_it_was_asked() -> None:
    with shared_board(_core.board_bytes()) as (fd, board):
        with served(f"board_fd={fd}", pass_fds=(fd,)) as server:
            for _ in range(3):
                ask(server.port)
            counters = _core.board_snapshot(board)
            assert counters["requests"] == 3
            assert counters["accepted"] == 3
            assert server.end(signal.SIGTERM) == 0
        assert _core.board_snapshot(board)["requests"] == 3


@pytest.mark.parametrize("engine", ["thread", "epoll"])
def test_processes_share_a_port_where_all_say_so(engine: str) -> None:
    words = (f"engine={engine}", "protocol=echo", "port_shared=true")
    with served(*words) as one, served(*words, f"port={one.port}") as other:
        assert other.port == one.port
        both = [psutil.Process(server.process.pid) for server in (one, other)]
        before = [process.num_fds() for process in both]
        with contextlib.ExitStack() as stack:
            address = ("127.0.0.1", one.port)
            for _ in range(64):  # by the kernel's hash: in 1 of 2^63 cases one of them gets none
                peer = stack.enter_context(socket.create_connection(address, 60))
                peer.sendall(b"x" * 64)
                assert recv_exactly(peer, 64) == b"x" * 64
            held = [process.num_fds() for process in both]
        assert all(more > few for more, few in zip(held, before, strict=True))
        assert sum(held) - sum(before) >= 64


def test_port_in_use_is_one_line() -> None:
    with served() as server:
        code, out, err = refused("zyphos-serve", f"port={server.port}")
    assert (code, out) == (1, "")
    assert err.startswith("zyphos-serve: ") and err.count("\n") == 1
    assert f"127.0.0.1:{server.port}: Address already in use" in err


@pytest.mark.parametrize(
    ("word", "complaint"),
    [
        ("thread=2", "unknown option 'thread'; did you mean 'threads'?"),
        ("threads=0", "threads=0: must be a whole number, 1 or more"),
        ("port=70000", "port=70000: must be a whole number, 0 or more"),
        ("engine=epol", "engine=epol: must be one of"),
        ("--port", "'--port' is not key=value"),
    ],
)
def test_wrong_words_are_one_line(word: str, complaint: str) -> None:
    code, out, err = refused("zyphos-serve", word)
    assert (code, out, err.count("\n")) == (2, "", 1)
    assert err.startswith(f"zyphos-serve: {complaint}")


def test_ends_with_its_parent() -> None:
    script = (
        "import subprocess, sys\n"
        f"child = subprocess.Popen([{program('zyphos-serve')!r}, 'parent_death=true'],"
        " stdout=subprocess.PIPE)\n"
        "child.stdout.readline()\n"
        "print(child.pid, flush=True)\n"
        "sys.stdin.read()\n"
    )
    parent = subprocess.Popen(
        [sys.executable, "-c", script], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert parent.stdout is not None
    child = psutil.Process(int(parent.stdout.readline()))
    parent.kill()
    parent.communicate()
    gone, alive = psutil.wait_procs([child], timeout=30)
    assert not alive and gone


@pytest.mark.core
def test_serve_in_this_process() -> None:
    with _core.serve(app="hello", response_bytes=5, socket={"tcp_nodelay": True}) as server:
        assert server.address == f"127.0.0.1:{server.port}"
        assert ask(server.port) == b"Hello"
        assert server.snapshot()["requests"] == 1
    server.stop()
    with pytest.raises(ValueError, match="did you mean 'engine'"):
        _core.serve(engin="epoll")
    with _core.serve() as other, pytest.raises(OSError, match="Address already in use"):
        _core.serve(port=other.port)


@pytest.mark.core
def test_parse_request() -> None:
    head = b"POST /a?b HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\n\r\nabc"
    found = _core.parse_request(head)
    assert (found["state"], found["method"], found["target"]) == ("done", b"POST", b"/a?b")
    assert (found["content_length"], found["size"]) == (3, len(head) - 3)
    assert found["headers"] == [(b"Host", b"x"), (b"Content-Length", b"3")]
    assert _core.parse_request(head[:20]) == {"state": "partial"}
    wrong = _core.parse_request(b"GET / HTTP/1.1\r\nHo st: x\r\n\r\n")
    assert (wrong["state"], wrong["error"], wrong["status"]) == ("bad", "bad_header", 400)
    assert wrong["offset"] == len(b"GET / HTTP/1.1\r\nHo")


def test_a_server_that_cannot_say_where_it_listens_ends() -> None:
    """As when its runner was killed before it could ask to die with it: nobody would end it."""
    with open("/dev/full", "w") as full:
        done = subprocess.run(
            [program("zyphos-serve"), "port=0"], stdout=full, stderr=subprocess.PIPE, text=True,
            timeout=60,
        )  # fmt: skip
    assert done.returncode == 1
    assert done.stderr.startswith("zyphos-serve: cannot say where it listens: ")
