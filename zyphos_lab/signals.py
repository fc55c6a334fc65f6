"""SIGINT and SIGTERM as an exception that waits where it would leave something behind.

Starting a child and writing down that it exists must not be torn apart, nor a tear-down be cut
short: such steps stand in `deferred()`, and the exception is raised when they are done. A third
signal is given the system's default treatment, so that a stuck program can always be ended.

Thread safety: main thread only, where Python runs its signal handlers.
"""

from __future__ import annotations

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

from zyphos_lab.errors import Interrupted

SIGNALS = (signal.SIGINT, signal.SIGTERM)
IGNORED_BEFORE_DEFAULT = 2


class _State:
    depth = 0
    pending = 0
    received = 0


def _handle(signum: int, _frame: FrameType | None) -> None:
    _State.received += 1
    if _State.received > IGNORED_BEFORE_DEFAULT:
        signal.signal(signum, signal.SIG_DFL)
        signal.raise_signal(signum)
    if _State.depth:
        _State.pending = signum
    else:
        raise Interrupted(_message(signum), signum)


def _message(signum: int) -> str:
    return f"stopped by {signal.Signals(signum).name}; what was measured is saved"


@contextmanager
def deferred() -> Iterator[None]:
    """Holds the exception back until the block is left (also by another exception)."""
    _State.depth += 1
    try:
        yield
    finally:
        _State.depth -= 1
        if _State.pending and not _State.depth:
            signum, _State.pending = _State.pending, 0
            raise Interrupted(_message(signum), signum)


@contextmanager
def handled() -> Iterator[None]:
    """Within it SIGINT and SIGTERM raise `Interrupted`; the old handlers come back after it."""
    _State.depth = _State.pending = _State.received = 0
    before = {signum: signal.signal(signum, _handle) for signum in SIGNALS}
    try:
        yield
    finally:
        for signum, handler in before.items():
            signal.signal(signum, handler)
