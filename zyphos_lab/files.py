"""Files that are replaced whole, and what a disk that refuses is called. Knows no run."""

from __future__ import annotations

import errno
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from zyphos_lab.errors import StoreError


def write_atomically(path: Path, text: str, synced: bool = True) -> None:
    """Replaces a file whole: readers see the old or the new one, also after a crash."""
    with replaced(path, synced) as temporary:
        temporary.write_text(text, encoding="utf-8")


@contextmanager
def replaced(path: Path, synced: bool = True) -> Iterator[Path]:
    """A file to write in place of `path`, renamed at the end, gone after a failure.

    `synced`: on disk before it is renamed; what can be made again does without.
    """
    temporary = path.with_name(f".{path.name}.tmp")
    try:
        yield temporary
        if synced:
            _sync(temporary)
        temporary.replace(path)
        if synced:
            sync_folder(path.parent)
    except OSError as error:
        temporary.unlink(missing_ok=True)
        raise store_error(path, error) from error
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise


def sync_folder(path: Path) -> None:
    _sync(path)


def _sync(path: Path) -> None:
    fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)


def store_error(path: Path, error: OSError) -> StoreError:
    """One line for a write that failed; a full disk says how to go on."""
    full = error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
    hint = (
        "what was measured so far is kept; free some space and go on with --resume" if full else ""
    )
    failure = StoreError(f"{path}: cannot be written: {os.strerror(error.errno or 0)}", hint)
    failure.exit_code = 1  # the machine's fault, not the user's
    return failure
