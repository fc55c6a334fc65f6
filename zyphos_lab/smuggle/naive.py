"""A server and a front end that read in one of the ways of ways.py, weaknesses and all.

They are the matrix's control: a pair of two that disagree has to be found to be exploitable, or the
zeros of the others say nothing. Both are threads of this process, on loopback.

Thread safety: any thread may close them.
"""

from __future__ import annotations

import select
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress

from zyphos_lab.smuggle.answers import first_end
from zyphos_lab.smuggle.reader import Message, Split, split
from zyphos_lab.smuggle.ways import Ways

TIMEOUT_S = 5.0
BAD = b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"


@contextmanager
def server(ways: Ways) -> Iterator[int]:
    """Answers what it reads as peers.yaml's servers do; the port it listens on."""

    def serve(client: socket.socket) -> None:
        data = b""
        while part := client.recv(1 << 16):
            data += part
            found = split(data, ways)
            for one in found.messages:
                client.sendall(_answer(one))
                if b"\r\nconnection: close\r\n" in data[one.start : one.body].lower():
                    return
            if found.refused:
                client.sendall(BAD)
                return
            data = data[_end(found) :]

    with _listening(serve) as port:
        yield port


@contextmanager
def front(ways: Ways, back: int) -> Iterator[int]:
    """Passes on each request that it reads, byte for byte, over one connection that all clients
    share; expects one answer for each. The port it listens on.
    """
    pool = _Pool(back)

    def serve(client: socket.socket) -> None:
        data = b""
        while part := client.recv(1 << 16):
            data += part
            found = split(data, ways)
            for one in found.messages:
                client.sendall(pool.exchanged(data[one.start : one.end]))
            if found.refused:
                client.sendall(BAD)
                return
            data = data[_end(found) :]

    with _listening(serve) as port:
        try:
            yield port
        finally:
            pool.close()


def _end(found: Split) -> int:
    return found.messages[-1].end if found.messages else 0


def _answer(message: Message) -> bytes:
    body = f"read {message.method} {message.target} {message.end - message.body}\n".encode()
    return b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s" % (len(body), body)


class _Pool:
    """One connection to the server behind, made again where it has ended."""

    def __init__(self, port: int) -> None:
        self._port = port
        self._lock = threading.Lock()
        self._socket: socket.socket | None = None
        self._heard = b""
        self._closed = False

    def exchanged(self, request: bytes) -> bytes:
        """The next answer on the connection: where more was read than sent, another's."""
        with self._lock, suppress(OSError):
            return self._once(request)
        return BAD

    def _once(self, request: bytes) -> bytes:
        if self._socket is not None and _ended(self._socket):
            self._socket.close()
            self._socket, self._heard = None, b""
        if self._closed:
            return BAD
        if self._socket is None:
            self._socket = socket.create_connection(("127.0.0.1", self._port), TIMEOUT_S)
        self._socket.sendall(request)
        while not (end := first_end(self._heard)):
            part = self._socket.recv(1 << 16)
            if not part:
                return BAD
            self._heard += part
        answer, self._heard = self._heard[:end], self._heard[end:]
        return answer

    def close(self) -> None:
        """Whoever waits for an answer gets none."""
        self._closed = True
        if self._socket is not None:
            with suppress(OSError):
                self._socket.shutdown(socket.SHUT_RDWR)
        with self._lock:
            if self._socket is not None:
                self._socket.close()


def _ended(connection: socket.socket) -> bool:
    """Whether the other end has closed, with nothing left to be read."""
    try:
        readable = select.select([connection], [], [], 0)[0]
        return bool(readable) and connection.recv(1, socket.MSG_PEEK) == b""
    except OSError:
        return True


@contextmanager
def _listening(serve: object) -> Iterator[int]:
    """`serve(client)` in a thread for each connection; the port."""
    assert callable(serve)
    listener = socket.create_server(("127.0.0.1", 0))
    threads: list[threading.Thread] = []
    clients: list[socket.socket] = []

    def work(client: socket.socket) -> None:
        with client, suppress(OSError):
            serve(client)

    def accept() -> None:
        with suppress(OSError):  # the listener's end
            while True:
                client = listener.accept()[0]
                clients.append(client)
                threads.append(threading.Thread(target=work, args=(client,), daemon=True))
                threads[-1].start()

    threads.append(threading.Thread(target=accept, daemon=True))
    threads[0].start()
    try:
        yield int(listener.getsockname()[1])
    finally:
        for end in (listener, *clients):
            with suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)
        for thread in threads:
            thread.join()
        listener.close()
