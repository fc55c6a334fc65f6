"""A relay between a front end and the server behind it, which keeps what passes.

Thread safety: any thread. Each connection has a thread of its own.
"""

from __future__ import annotations

import select
import socket
import threading
from contextlib import suppress
from dataclasses import dataclass, field
from types import TracebackType

CONNECT_TIMEOUT_S = 5.0
KEPT_BYTES_MAX = 1 << 20


@dataclass(slots=True)
class Passed:
    """One connection of the front end's: what it sent to the server, and what came back."""

    asked: bytes = b""
    answered: bytes = b""
    ends: list[socket.socket] = field(default_factory=list)


class Tap:
    """Listens on loopback and passes all on to `to`. `port` 0 is a free one."""

    def __init__(self, to: int, port: int = 0) -> None:
        self._to = to
        self._lock = threading.Lock()
        self._passed: list[Passed] = []
        self._listener = socket.create_server(("127.0.0.1", port))
        self.port = int(self._listener.getsockname()[1])
        self._threads: list[threading.Thread] = []
        self._start(self._accept)

    def __enter__(self) -> Tap:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        at: TracebackType | None,
    ) -> None:
        with suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)  # wakes accept()
        self._listener.close()
        self.fresh()
        for thread in self._threads:
            thread.join()

    def fresh(self) -> None:
        """Ends all connections and forgets them: the next technique meets none that is in use."""
        with self._lock:
            passed, self._passed = self._passed, []
        for one in passed:
            for end in one.ends:
                with suppress(OSError):
                    end.shutdown(socket.SHUT_RDWR)

    def passed(self) -> list[tuple[bytes, bytes]]:
        """(asked, answered) of each connection since `fresh`, in their order."""
        with self._lock:
            return [(one.asked, one.answered) for one in self._passed]

    def _start(self, work: object, *words: object) -> None:
        assert callable(work)
        thread = threading.Thread(target=work, args=words, daemon=True)
        self._threads.append(thread)
        thread.start()

    def _accept(self) -> None:
        while True:
            try:
                front, _ = self._listener.accept()
                back = socket.create_connection(("127.0.0.1", self._to), CONNECT_TIMEOUT_S)
            except OSError:
                if self._listener.fileno() < 0:
                    return
                continue
            back.settimeout(None)
            passed = Passed(ends=[front, back])
            with self._lock:
                self._passed.append(passed)
            self._start(self._relay, passed, front, back)

    def _relay(self, passed: Passed, front: socket.socket, back: socket.socket) -> None:
        with front, back:
            reads = [front, back]
            while back in reads:
                for source in select.select(reads, [], [])[0]:
                    part = _received(source)
                    to = back if source is front else front
                    if part:
                        self._keep(passed, part, source is front)
                        with suppress(OSError):
                            to.sendall(part)
                        continue
                    reads.remove(source)
                    with suppress(OSError):
                        to.shutdown(socket.SHUT_WR)

    def _keep(self, passed: Passed, part: bytes, asked: bool) -> None:
        with self._lock:
            if asked:
                passed.asked = (passed.asked + part)[:KEPT_BYTES_MAX]
            else:
                passed.answered = (passed.answered + part)[:KEPT_BYTES_MAX]


def _received(source: socket.socket) -> bytes:
    try:
        return source.recv(1 << 16)
    except OSError:
        return b""
