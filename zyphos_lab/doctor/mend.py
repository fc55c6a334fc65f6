"""Settings set as the doctor advises, and put back: `doctor --fix` and `doctor --undo`.

Before the first setting is touched its original is in a journal that is on disk; an original that
stands there is never replaced, so a second --fix, or one after a crash, still knows the true ones.
--undo writes exactly those and removes the journal. A boot puts settings back by itself, so what
another boot journalled is void. It knows files and their texts, not what a setting means.

Thread safety: none; one doctor at a time (the journal's lock says so).
"""

from __future__ import annotations

import fcntl
import json
import os
import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from zyphos_lab.doctor.check import Check, sudo
from zyphos_lab.errors import UsageError
from zyphos_lab.files import write_atomically

BOOT_ID = "/proc/sys/kernel/random/boot_id"


@dataclass(frozen=True, slots=True)
class Change:
    """One file: what it held, what was written, and why that was refused ('': it was not)."""

    file: str
    before: str
    after: str
    refused: str = ""


def journal_path() -> Path:
    """Of this user (XDG base directories: state)."""
    state = os.environ.get("XDG_STATE_HOME") or os.path.expanduser("~/.local/state")
    return Path(state, "zyphos-lab", "doctor.json")


def fix(checks: Sequence[Check], journal: Path) -> list[Change]:
    """Writes what these checks advise. UsageError where the journal cannot be written or read."""
    writes = [write for check in checks for write in check.writes]
    with _locked(journal):
        originals = _read(journal)
        found = {file: text for file, _ in writes if (text := held(file)) is not None}
        if found.keys() - originals.keys():
            originals = found | originals
            _write(journal, originals)
        return [_set(file, wanted) for file, wanted in writes if file in found]


def undo(journal: Path) -> list[Change]:
    """Writes every original of the journal; it goes when none was refused."""
    with _locked(journal):
        done = [_set(file, text) for file, text in _read(journal).items()]
        if not any(change.refused for change in done):
            journal.unlink(missing_ok=True)
        return done


def held(file: str) -> str | None:
    """What a setting's file holds; of a choice ("always [madvise] never") the one that is chosen.

    None where it is not there.
    """
    try:
        text = Path(file).read_text(encoding="utf-8").strip()
    except OSError:
        return None
    chosen = re.search(r"\[(.+?)\]", text)
    return chosen[1] if chosen else " ".join(text.split())


def _set(file: str, wanted: str) -> Change:
    before = held(file) or ""
    try:
        Path(file).write_text(wanted, encoding="utf-8")
    except OSError as error:
        return Change(file, before, before, error.strerror or "refused")
    after = held(file) or ""
    return Change(file, before, after, "" if after == wanted else "the kernel kept its own value")


def _boot_id() -> str:
    return held(BOOT_ID) or ""


def _read(journal: Path) -> dict[str, str]:
    try:
        said = json.loads(journal.read_text(encoding="utf-8"))
        originals = {str(file): str(text) for file, text in said["originals"].items()}
        return originals if said["boot_id"] == _boot_id() else {}
    except FileNotFoundError:
        return {}
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        hint = "it holds the originals: mend it or, if nothing has to be put back, remove it"
        raise UsageError(f"{journal}: the doctor's journal cannot be read", hint) from error


def _write(journal: Path, originals: dict[str, str]) -> None:
    said = {"boot_id": _boot_id(), "originals": originals}
    write_atomically(journal, json.dumps(said, indent=1) + "\n")


@contextmanager
def _locked(journal: Path) -> Iterator[None]:
    lock = journal.with_suffix(".lock")
    try:
        lock.parent.mkdir(parents=True, exist_ok=True)
        with lock.open("w") as file:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            yield
    except BlockingIOError as error:
        raise UsageError("another doctor is at work") from error
    except PermissionError as error:
        hint = f"as root: {sudo('zyphos-lab doctor --fix')}"
        raise UsageError(f"{lock}: cannot be written", hint) from error
