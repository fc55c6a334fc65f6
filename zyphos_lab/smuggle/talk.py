"""A connection that says something and listens until the other end has closed or says no more."""

from __future__ import annotations

import select
import socket
import time
from contextlib import suppress
from types import TracebackType

from zyphos_lab.smuggle.answers import answers
from zyphos_lab.smuggle.reading import AFTER_TARGET, End, Reading
from zyphos_lab.smuggle.technique import HOST

CONNECT_TIMEOUT_S = 5.0
HEARD_BYTES_MAX = 1 << 20


class Talk:
    """One connection. Thread safety: one thread."""

    def __init__(self, address: str, port: int) -> None:
        self._socket = socket.create_connection((address, port), timeout=CONNECT_TIMEOUT_S)
        self.heard = b""
        self.closed = False

    def __enter__(self) -> Talk:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        at: TracebackType | None,
    ) -> None:
        self._socket.close()

    def say(self, data: bytes) -> None:
        """Sends all of it; that the other end has closed before is no error."""
        with suppress(OSError):  # what it answered before is still to be heard
            self._socket.sendall(data)

    def listen(self, patience_s: float, enough: int = 0) -> None:
        """Until it closes, for so long without a byte, or after so many answers (0: any number)."""
        give_up = time.monotonic() + patience_s
        while not self.closed and len(self.heard) < HEARD_BYTES_MAX:
            left = give_up - time.monotonic()
            if left <= 0 or not select.select([self._socket], [], [], left)[0]:
                return
            try:
                part = self._socket.recv(1 << 16)
            except OSError:
                part = b""
            self.closed = not part
            self.heard += part
            if enough and len(answers(self.heard)) >= enough:
                return
            give_up = time.monotonic() + patience_s

    def reading(self) -> Reading:
        end: End = "closed" if self.closed else "open"
        return Reading(tuple(answers(self.heard)), end)


def last_request(target: str, host: str = HOST) -> bytes:
    """A request behind which the connection ends."""
    return f"GET {target} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n".encode()


def ask(address: str, port: int, data: bytes, patience_s: float, host: str = HOST) -> Reading:
    """How a server reads `data` and one request behind it. OSError where nobody listens."""
    with Talk(address, port) as talk:
        talk.say(data + last_request(AFTER_TARGET, host))
        talk.listen(patience_s)
        return talk.reading()
