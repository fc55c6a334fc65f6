"""What must never leave the web server's root, and what becomes of it when a file, a reader or the
machine fails."""

import os
import re
import signal
import socket
from pathlib import Path

import psutil
import pytest

from website import TEXT, ask, make, serving
from zyphos_lab import _core

pytestmark = pytest.mark.native

WAYS = ["best", "sendfile", "mmap", "read"]


ESCAPES = [
    "/../secret",
    "/folder/../../secret",
    "/%2e%2e/secret",
    "/.%2e/secret",
    "/folder/%2E%2E/%2e%2e/secret",
    "/folder/..",
    "/..%2fsecret",
    "/%2e%2e%2fsecret",
    "/folder%2f..%2f..%2fsecret",
    "/..%5csecret",
    "/..\\secret",
    "/text.txt%00.html",
    "/%00",
    "/%",
    "/%2",
    "/%zz",
    "/a%0d%0ab",
    "/%7f",
    "/folder/..;/secret",
    "/%252e%252e/secret",
    "/%c0%ae%c0%ae/secret",
    "//../secret",
    "/./../secret",
    "http://x/../secret",
    "/.secret",
    "/%2esecret",
    "/folder/.hidden/x",
]


@pytest.mark.parametrize("target", ESCAPES)
def test_nothing_leaves_the_root(tmp_path: Path, target: str) -> None:
    (tmp_path / "secret").write_bytes(b"secret")
    make(tmp_path / "root")
    with serving(tmp_path / "root") as running:
        got = ask(running.port, target)
        assert got.status in {400, 404}
        assert b"secret" not in got.body
        assert ask(running.port, "/text.txt").body == TEXT


def test_links_out_of_the_root_are_refused(tmp_path: Path) -> None:
    (tmp_path / "secret").write_bytes(b"secret")
    root = make(tmp_path / "root")
    (root / "out").symlink_to("../secret")
    (root / "absolute").symlink_to(root / "text.txt")
    (root / "up").symlink_to("..")
    (root / "proc").symlink_to("/proc/self")
    (root / "within").symlink_to("folder/inner.txt")
    os.mkfifo(root / "fifo")
    with serving(root, "index=", f"error_log={tmp_path / 'errors'}") as running:
        for target in ("/out", "/absolute", "/up/secret", "/proc/environ", "/up/"):
            got = ask(running.port, target)
            assert got.status == 403 and got.body.count(b"secret") == 0
        assert ask(running.port, "/within").body == b"inner"
        assert ask(running.port, "/fifo").status == 403
        page = ask(running.port, "/").body.decode()
        assert "within" in page
        assert not re.search(r"out|absolute|fifo", page.partition("<tbody>")[2])
        assert running.end(signal.SIGTERM) == 0
    said = (tmp_path / "errors").read_text().splitlines()
    assert [line.partition("error: ")[2] for line in said] == [
        f"a link that leads out of the root: {target}"
        for target in ("/out", "/absolute", "/up/secret", "/proc/environ", "/up/")
    ]


@pytest.mark.parametrize("way", WAYS)
def test_the_end_of_a_large_file(tmp_path: Path, way: str) -> None:
    size = (5 << 30) + 1
    with (tmp_path / "sparse").open("wb") as file:
        file.seek(size - 4)
        file.write(b"last")
    with serving(tmp_path, f"sending={way}") as running:
        got = ask(running.port, "/sparse", fields={"Range": "bytes=-4"})
        assert (got.status, got.body) == (206, b"last")
        assert got.fields["content-range"] == f"bytes {size - 4}-{size - 1}/{size}"
        assert ask(running.port, "/sparse", "HEAD").fields["content-length"] == str(size)
        middle = {"Range": f"bytes={(4 << 30) - 2}-{(4 << 30) + 1}"}
        assert ask(running.port, "/sparse", fields=middle).body == bytes(4)


def drained(peer: socket.socket) -> bytes:
    """All until the end, or the reset."""
    found = bytearray()
    try:
        while part := peer.recv(1 << 20):
            found += part
    except ConnectionResetError:
        pass
    return bytes(found)


@pytest.mark.parametrize("engine", ["thread", "epoll", "uring"])
@pytest.mark.parametrize("way", WAYS)
def test_a_file_that_gets_shorter_while_it_is_sent(tmp_path: Path, engine: str, way: str) -> None:
    """What was promised cannot come: the connection is reset, the server goes on."""
    if _core.engines()[engine] is not True or (engine, way) == ("uring", "sendfile"):
        pytest.skip(f"engine {engine} has no {way}: {_core.engines()[engine]}")
    path = tmp_path / "file"
    path.write_bytes(bytes(64 << 20))  # more than any socket's buffers hold
    (tmp_path / "other").write_bytes(b"other")
    with serving(tmp_path, f"engine={engine}", f"sending={way}") as running:
        with socket.create_connection(("127.0.0.1", running.port), timeout=30) as peer:
            peer.sendall(b"GET /file HTTP/1.1\r\nHost: x\r\n\r\n")
            assert peer.recv(12) == b"HTTP/1.1 200"
            os.truncate(path, 0)
            assert len(drained(peer)) < 64 << 20
        assert ask(running.port, "/other").body == b"other"
        assert running.end(signal.SIGTERM) == 0


@pytest.mark.parametrize("engine", ["thread", "epoll", "uring"])
def test_slow_readers_get_it_whole_and_no_descriptor_is_left(tmp_path: Path, engine: str) -> None:
    """Who reads last, of four, has been sent as much as fits into its buffers long before."""
    if _core.engines()[engine] is not True:
        pytest.skip(f"engine {engine}: {_core.engines()[engine]}")
    content = os.urandom(1 << 20) * 16
    (tmp_path / "file").write_bytes(content)
    with serving(tmp_path, f"engine={engine}") as running:
        process = psutil.Process(running.process.pid)
        peers = [socket.create_connection(("127.0.0.1", running.port), 60) for _ in range(4)]
        for peer in peers:
            peer.sendall(b"GET /file HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
        assert peers[0].recv(1) == b"H"
        peers[0].close()  # in the middle of it
        for peer in peers[1:]:
            assert drained(peer).endswith(content)
            peer.close()
        assert ask(running.port, "/file").body == content
        while open_in(process, tmp_path) > 0:
            pass
        assert running.end(signal.SIGTERM) == 0


def open_in(process: psutil.Process, folder: Path) -> int:
    """Descriptors of files in the folder; its own for the root not counted."""
    return sum(Path(file.path).parent == folder for file in process.open_files())


def test_no_descriptor_left_is_said(tmp_path: Path) -> None:
    make(tmp_path / "root")
    words = ("descriptors_max=32", f"error_log={tmp_path / 'errors'}")
    with serving(tmp_path / "root", *words) as running:
        statuses = set()
        peers = []
        for _ in range(40):
            peer = socket.create_connection(("127.0.0.1", running.port), 30)
            peers.append(peer)
            peer.settimeout(30)
            peer.sendall(b"GET /text.txt HTTP/1.1\r\nHost: x\r\n\r\n")
            status = peer.recv(12)
            statuses.add(status)
            if status == b"HTTP/1.1 503":
                break
        assert statuses == {b"HTTP/1.1 200", b"HTTP/1.1 503"}
        peers[0].close()
        peers[1].close()
        assert running.end(signal.SIGTERM) == 0
        for peer in peers:
            peer.close()
    assert "Too many open files: /text.txt" in (tmp_path / "errors").read_text()
