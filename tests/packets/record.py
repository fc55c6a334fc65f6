"""How the captures in this folder were made: real traffic over loopback, by zyphos-capture.

    .venv/bin/python tests/packets/record.py [NAME...]

Loss is made by a socket filter that lets nothing through, so that no namespace and no tool is
needed; capturing itself needs CAP_NET_RAW. Times and numbers differ from recording to recording:
the tests look at structure.
"""

import contextlib
import ctypes
import json
import os
import signal
import socket
import struct
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent))

from running import load, served  # noqa: E402
from zyphos_lab.native import program  # noqa: E402

SO_ATTACH_FILTER, SO_DETACH_FILTER = 26, 27
Pair = tuple[socket.socket, socket.socket]


@contextlib.contextmanager
def captured(name: str, port: int, packets: int = 400) -> Iterator[None]:
    """Packets of the block go into NAME.pcapng."""
    words = [f"port={port}", f"file={HERE / name}.pcapng", f"packets={packets}", "snap_bytes=128"]
    with subprocess.Popen(
        [program("zyphos-capture"), *words], stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        ready = json.loads(process.stdout.readline())
        assert ready["event"] == "ready", ready
        try:
            yield
        finally:
            process.send_signal(signal.SIGTERM)
            print(name, process.stdout.readline().strip())


def listening(family: int = socket.AF_INET, receive_bytes: int = 0) -> socket.socket:
    listener = socket.socket(family)
    if receive_bytes:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_bytes)
    listener.bind(("::1" if family == socket.AF_INET6 else "127.0.0.1", 0))
    listener.listen()
    return listener


def connected(listener: socket.socket) -> Pair:
    client = socket.create_connection(listener.getsockname()[:2])
    return client, listener.accept()[0]


def deaf(sock: socket.socket) -> None:
    """Everything that comes is dropped as if it had been lost: classic BPF, `ret #0`."""
    code = ctypes.create_string_buffer(struct.pack("HBBI", 0x06, 0, 0, 0))
    program_of_one = struct.pack("HL", 1, ctypes.addressof(code))
    sock.setsockopt(socket.SOL_SOCKET, SO_ATTACH_FILTER, program_of_one)


def hearing(sock: socket.socket) -> None:
    sock.setsockopt(socket.SOL_SOCKET, SO_DETACH_FILTER, 0)


def nagle() -> None:
    """Two writes of 32 bytes a message, three messages, 16 ms apart; the server delays its ACK."""
    words = ["engine=epoll", "protocol=echo", "message_bytes=64", "socket.tcp_nodelay=true"]
    with served(*words) as server, captured("nagle", server.port, 60):
        load(
            f"port={server.port}", "protocol=echo", "message_bytes=64", "write_pattern=two",
            "connections=1", "warmup_ns=0", "window_ns=150000000", "arrival.think_ns=16000000",
            "socket.tcp_nodelay=false", "socket.tcp_congestion=cubic",
        )  # fmt: skip


def http() -> None:
    """One GET over IPv6 and its answer, then an orderly close from the client."""
    words = ["engine=epoll", "protocol=http1", "address=::1"]
    with served(*words) as server, captured("http", server.port):
        client = socket.create_connection(("::1", server.port))
        client.sendall(b"GET /hello HTTP/1.1\r\nHost: localhost\r\n\r\n")
        assert client.recv(4096).startswith(b"HTTP/1.1 200")
        client.shutdown(socket.SHUT_WR)
        assert client.recv(1) == b""
        client.close()


def reset() -> None:
    """A connection that its client aborts (SO_LINGER 0), and one that nobody takes."""
    listener = listening()
    port = listener.getsockname()[1]
    with captured("reset", port):
        client, server = connected(listener)
        client.sendall(b"x" * 100)
        assert len(server.recv(100)) == 100
        client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        client.close()
        server.close()
        listener.close()
        with contextlib.suppress(ConnectionRefusedError):
            socket.create_connection(("127.0.0.1", port))


def loss() -> None:
    """The second of two messages is lost until its retransmission timer has fired twice."""
    listener = listening()
    with captured("loss", listener.getsockname()[1]):
        client, server = connected(listener)
        client.sendall(b"a" * 1000)
        assert len(server.recv(1000)) == 1000
        deaf(server)
        client.sendall(b"b" * 1000)
        while struct.unpack_from("B", client.getsockopt(6, 11, 8), 2)[0] < 2:  # TCP_INFO
            time.sleep(0.001)
        hearing(server)
        assert len(server.recv(1000)) == 1000
        client.close()
        server.close()


def window() -> None:
    """A reader that does not read: its window closes, the sender probes, then it reads."""
    listener = listening(receive_bytes=4096)
    with captured("window", listener.getsockname()[1]):
        client, server = connected(listener)
        client.setblocking(False)
        sent = 0
        with contextlib.suppress(BlockingIOError):
            while sent < 65536:
                sent += client.send(b"w" * 4096)
        time.sleep(0.5)
        left = sent
        while left:
            left -= len(server.recv(65536))
        client.close()
        server.close()


RECORDINGS: dict[str, Callable[[], None]] = {
    "nagle": nagle, "http": http, "reset": reset, "loss": loss, "window": window,
}  # fmt: skip

if __name__ == "__main__":
    os.environ.setdefault("ZYPHOS_BIN", str(HERE.parent.parent / "build/release/bin"))
    for wanted in sys.argv[1:] or RECORDINGS:
        RECORDINGS[wanted]()
