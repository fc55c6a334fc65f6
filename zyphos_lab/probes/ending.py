"""Probe `ending`: how long the server takes to end while its connections are open.

Column `server_end_ns`: from SIGTERM to the end of the server's process, all its threads with it.
The load has its result and sends nothing more, but keeps its connections, so that the server is to
end with all of them. A server that a signal does not end within GRACE_NS has none: it is killed, as
ever (`target_killed`). One that was there before the trial (`attach`) is not ended.

The kernel tells of the end (pidfd_open(2), Linux 5.3); exact to the microseconds that it takes to
be told. A trace ends nothing: its column is null.
"""

from __future__ import annotations

import os
import select
import signal

from zyphos_lab.probes.base import NO_PROCESS, Columns, Pids, Probe, Skipped, now_ns

GRACE_NS = 5_000_000_000
COLUMN = "server_end_ns"
NOT_ENDED = "the server was not ended while this was watched"
TOO_LONG = f"the server did not end within {GRACE_NS // 1_000_000_000} s"


class EndingProbe(Probe[None]):
    """One signal, after the window."""

    name = "ending"

    def __init__(self) -> None:
        self._pid: int | None = None
        self._took_ns: int | None = None
        self._why_not = NOT_ENDED

    def attach(self, pids: Pids, port: int) -> None:
        self._pid = next(iter(pids.get("server", ())), None)
        self._took_ns, self._why_not = None, NOT_ENDED

    def snapshot(self) -> None:
        """Nothing to read: it all comes later."""

    def end_server(self) -> bool:
        if self._pid is None:
            return False
        try:
            pidfd = os.pidfd_open(self._pid)
        except ProcessLookupError:
            return False
        try:
            begun_ns = now_ns()
            signal.pidfd_send_signal(pidfd, signal.SIGTERM)
            waiting = select.poll()
            waiting.register(pidfd, select.POLLIN)
            if waiting.poll(GRACE_NS // 1_000_000):
                self._took_ns = now_ns() - begun_ns
            else:
                self._why_not = TOO_LONG
        finally:
            os.close(pidfd)
        return True

    def columns(self, before: None, after: None, requests: int) -> tuple[Columns, Skipped]:
        if self._pid is None:
            return {COLUMN: None}, {"ending": NO_PROCESS}
        missing = {COLUMN: self._why_not} if self._took_ns is None else {}
        return {COLUMN: self._took_ns}, missing
