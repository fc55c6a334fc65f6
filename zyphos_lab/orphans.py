"""Processes that left their session and their parent (daemons): they come to us, and end with us.

The command makes its process the reaper of its descendants (prctl(2), PR_SET_CHILD_SUBREAPER): a
daemon that a target starts becomes our child instead of init's, so that it can be found and ended
by pid. Only while every child that is started is known here (`expect`); children from before are
left alone, and a library in somebody's process does not use `adopted`.

Thread safety: main thread only.
"""

from __future__ import annotations

import ctypes
import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager, suppress

from zyphos_lab import proc

PR_SET_CHILD_SUBREAPER = 36

_known: set[int] | None = None


@contextmanager
def adopted() -> Iterator[None]:
    """Meanwhile orphans come to this process. OSError where the kernel refuses."""
    global _known
    _reap(True)
    _known = {one.pid for one in _children()}
    try:
        yield
    finally:
        _known = None
        _reap(False)


def _reap(on: bool) -> None:
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.prctl(PR_SET_CHILD_SUBREAPER, int(on), 0, 0, 0) != 0:
        raise OSError(ctypes.get_errno(), "prctl(PR_SET_CHILD_SUBREAPER)")


def _children() -> list[proc.Process]:
    return [one for one in proc.everyone() if one.parent == os.getpid()]


def expect(pid: int) -> None:
    """A child that was started on purpose: it is none of the orphans until `forget`."""
    if _known is not None:
        _known.add(pid)


def forget(pid: int) -> None:
    """That child has ended."""
    if _known is not None:
        _known.discard(pid)


def end() -> int:
    """Kills and reaps every orphan with what it started; how many came. 0 unless `adopted`."""
    if _known is None:
        return 0
    found = [one for one in _children() if one.pid not in _known]
    for orphan in found:
        for pid in proc.tree([orphan.pid]):
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        with suppress(ChildProcessError):
            os.waitpid(orphan.pid, 0)
    return len(found)
