"""What an engine is, as the kernel sees it: the calls that it makes, the threads that it has."""

from __future__ import annotations

import re
import shutil
import signal
import socket
import subprocess
from contextlib import ExitStack
from pathlib import Path

import psutil
import pytest

from running import served
from zyphos_lab import _core
from zyphos_lab.native import program

CONNECTIONS = 40


def opened(port: int, stack: ExitStack) -> socket.socket:
    """One connection that has been answered: it is the server's to keep."""
    peer = stack.enter_context(socket.create_connection(("127.0.0.1", port), timeout=30))
    peer.sendall(b"ping")
    assert peer.recv(4, socket.MSG_WAITALL) == b"ping"
    return peer


@pytest.mark.native
@pytest.mark.answers("m03.build.1", "m08.build.1")
@pytest.mark.parametrize("engine", ["thread", "select", "poll", "epoll", "coroutine", "uring"])
def test_a_thread_for_each_connection_or_a_loop_in_their_place(engine: str) -> None:
    able = _core.engines()[engine]
    if able is not True:
        pytest.skip(f"engine {engine}: {able}")
    with (
        served(f"engine={engine}", "protocol=echo", "message_bytes=4") as server,
        ExitStack() as stack,
    ):
        process = psutil.Process(server.process.pid)
        before = process.num_threads()
        for _ in range(CONNECTIONS):
            opened(server.port, stack)
        more = process.num_threads() - before
        assert more == (CONNECTIONS if engine == "thread" else 0)


@pytest.mark.answers("m01.build.1")
def test_a_server_of_plain_sockets(tmp_path: Path) -> None:
    """Every call of its own on the listener and the connection, in order, as strace sees them; of
    the released server alone, for a sanitizer's minds being traced.
    """
    if shutil.which("strace") is None:
        pytest.skip("no strace: apt-get install strace")
    log = tmp_path / "strace"
    traced = ["strace", "-f", "-o", str(log), "-e", "trace=%network,close,read,write"]
    words = ["engine=sequential", "protocol=echo", "message_bytes=4", "port=0"]
    with subprocess.Popen(
        [*traced, program("zyphos-serve"), *words], stdout=subprocess.PIPE, text=True
    ) as strace:
        assert strace.stdout is not None
        port = int(strace.stdout.readline().rsplit(":", 1)[1])
        with ExitStack() as stack:
            opened(port, stack)
        [server] = psutil.Process(strace.pid).children()
        server.send_signal(signal.SIGTERM)
        assert strace.wait(60) == 0
    text = log.read_text(encoding="utf-8")
    # Before it, what the machine can do was tried out on sockets of its own.
    text = text[text.rindex("socket(AF_INET, ", 0, text.rindex(" listen(")) :]
    [listener] = re.findall(r" listen\((\d+), ", text)
    [accepted] = re.findall(rf" accept4\({listener}, .* = (\d+)$", text, re.M)
    assert calls_on(listener, text)[:4] == ["bind", "listen", "getsockname", "accept4"]
    assert calls_on(accepted, text[text.index(" accept4(") :]) == [
        *("recvfrom", "sendto", "recvfrom", "shutdown", "close"),
    ]


def calls_on(descriptor: str, text: str) -> list[str]:
    """The names of the calls whose first argument is this descriptor, but for options."""
    names = re.findall(rf"^\d+ +(\w+)\({descriptor}[,)]", text, re.M)
    return [name for name in names if name != "setsockopt"]
