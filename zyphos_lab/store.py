"""The folder of one run: what was planned, what was measured, and the tables made from it.

`events.ndjson` is the truth: one line per finished trial, appended and synced, never rewritten. A
line that a crash tore is dropped (and noted), so a crash loses at most the trial under way. The
Parquet tables are derived from it and replaced whole (temporary file, then rename). This file does
not know what a trial is made of, nor how one is run; reports and statistics read runs only through
it.

Thread safety: none; one writer per run, held by a lock on the folder. Readers need no lock.
"""

from __future__ import annotations

import base64
import errno
import fcntl
import json
import os
import secrets
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from zyphos_lab.errors import StoreError

if TYPE_CHECKING:
    import pandas

    from zyphos_lab.record import Record

SCHEMA_VERSION = 1
JOURNAL = "events.ndjson"
MANIFEST = "manifest.json"
LOCK = ".lock"
DERIVE_INTERVAL_S = 5.0


class Store:
    """One run's folder.

    Units: as the column names say. Errors: StoreError, one line. Cost: everything that was read of
    the journal is held in memory (a few kB per trial).
    """

    def __init__(self, path: Path, manifest: dict[str, Any], events: list[dict[str, Any]]) -> None:
        self.path = path
        self.manifest = manifest
        self._events = events
        self._journal_fd = -1
        self._lock_fd = -1
        self._derived_at = 0.0

    # Opening and closing

    @classmethod
    def create(cls, results: Path, manifest: Mapping[str, Any]) -> Store:
        """Makes `results/<experiment name>/<run>/` and locks it for writing.

        `manifest` gives at least `experiment` (with its `name`); `schema_version`, `run`, `created`
        and `status` are filled in here.
        """
        name = str(manifest["experiment"]["name"])
        path = _new_folder(results / name)
        full = {
            "schema_version": SCHEMA_VERSION,
            "run": path.name,
            "created": _utc("%Y-%m-%dT%H:%M:%SZ"),
            "status": "running",
            **manifest,
        }
        store = cls(path, full, [])
        store._lock()
        store._write_manifest()
        store._open_journal()
        return store

    @classmethod
    def open(cls, path: Path, write: bool = False) -> Store:
        """Reads a run. With `write` it is locked and a torn last line is cut off and noted."""
        manifest = _read_manifest(path)
        store = cls(path, manifest, [])
        if write:
            store._lock()
        try:
            events, whole_bytes, torn_bytes = _read_journal(path / JOURNAL)
            store._events = events
            if write:
                store._open_journal()
                store._repair(whole_bytes, torn_bytes)
        except BaseException:
            store.close()
            raise
        return store

    def close(self) -> None:
        for fd in (self._journal_fd, self._lock_fd):
            if fd >= 0:
                os.close(fd)
        self._journal_fd = self._lock_fd = -1

    def __enter__(self) -> Store:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    # Writing

    def append(self, record: Record) -> None:
        """Adds one finished trial: on disk when this returns. Tables follow at most every 5 s."""
        self._append_event(
            {
                "event": "trial",
                "row": record.row,
                "histograms": record.histograms,
                "intervals": record.intervals,
            }
        )
        if time.monotonic() - self._derived_at >= DERIVE_INTERVAL_S:
            self.derive()

    def note(self, code: str, message: str) -> None:
        """Adds a remark about the run itself (torn line, interruption, resume) to the journal."""
        self._append_event(
            {"event": "note", "time_ns": time.time_ns(), "code": code, "message": message}
        )

    def set_status(self, status: str) -> None:
        """`running`, `complete` or `interrupted`, in the manifest."""
        self.manifest["status"] = status
        self._write_manifest()

    def derive(self) -> None:
        """Writes trials.parquet and histograms.parquet from the journal, each replaced whole."""
        import pyarrow.parquet as parquet

        from zyphos_lab.store_tables import histograms_table, trials_table

        tables = {
            "trials": trials_table(self.rows()),
            "histograms": histograms_table(self.trial_events()),
        }
        for name, table in tables.items():
            final = self.path / f"{name}.parquet"
            temporary = self.path / f".{name}.parquet.tmp"
            try:
                parquet.write_table(table, temporary, compression="zstd")
                temporary.replace(final)
            except OSError as error:
                temporary.unlink(missing_ok=True)
                raise _store_error(final, error) from error
        self._derived_at = time.monotonic()

    # Reading

    @property
    def run(self) -> str:
        return self.path.resolve().name

    @property
    def experiment(self) -> str:
        return str(self.manifest["experiment"]["name"])

    def events(self) -> list[dict[str, Any]]:
        """Every whole line of the journal, in order: trials and notes."""
        return list(self._events)

    def trial_events(self) -> Iterator[dict[str, Any]]:
        """The journal's trials: {"row", "histograms" (base64), "intervals"}, as they were
        measured.
        """
        return (event for event in self._events if event["event"] == "trial")

    def rows(self) -> list[dict[str, Any]]:
        """One dict per finished trial; `reasons` a list, `skipped` a dict, missing values None."""
        return [event["row"] for event in self.trial_events()]

    def finished(self) -> set[int]:
        """The numbers of the trials that are on disk."""
        return {int(row["trial"]) for row in self.rows()}

    def trials(self) -> pandas.DataFrame:
        """One row per trial, one column per quantity; `reasons` and `skipped` are JSON text.

        Missing numbers are NaN. Rows stand in the order of `trial`.
        """
        from zyphos_lab.store_tables import trials_table

        frame: pandas.DataFrame = trials_table(self.rows()).to_pandas()
        return frame

    def histograms(self, metric: str) -> pandas.DataFrame:
        """Columns trial, cell, target, encoded (HdrHistogram V2 compressed, bytes): whole
        windows.
        """
        import pandas

        rows = [
            {
                "trial": event["row"]["trial"],
                "cell": event["row"]["cell"],
                "target": event["row"]["target"],
                "encoded": base64.b64decode(event["histograms"][metric]),
            }
            for event in self.trial_events()
            if metric in event["histograms"]
        ]
        return pandas.DataFrame(rows, columns=["trial", "cell", "target", "encoded"])

    def intervals(self, metric: str) -> pandas.DataFrame:
        """Columns trial, cell, interval, start_ns, requests_done, encoded: the window in slices."""
        import pandas

        rows = [
            {
                "trial": event["row"]["trial"],
                "cell": event["row"]["cell"],
                "interval": index,
                "start_ns": part["start_ns"],
                "requests_done": part["requests_done"],
                "encoded": base64.b64decode(part[metric]),
            }
            for event in self.trial_events()
            for index, part in enumerate(event["intervals"])
            if metric in part
        ]
        columns = ["trial", "cell", "interval", "start_ns", "requests_done", "encoded"]
        return pandas.DataFrame(rows, columns=columns)

    # Private

    def _lock(self) -> None:
        path = self.path / LOCK
        try:
            self._lock_fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
            fcntl.flock(self._lock_fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
            os.ftruncate(self._lock_fd, 0)
            os.pwrite(self._lock_fd, f"{os.getpid()}\n".encode(), 0)
        except BlockingIOError as error:
            holder = path.read_text().strip() or "unknown"
            self.close()
            raise StoreError(
                f"{self.path}: another zyphos-lab (pid {holder}) is writing to this run; "
                "wait for it or stop it"
            ) from error
        except OSError as error:
            self.close()
            raise _store_error(path, error) from error

    def _open_journal(self) -> None:
        path = self.path / JOURNAL
        flags = os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC
        try:
            self._journal_fd = os.open(path, flags, 0o644)
            _sync_folder(self.path)
        except OSError as error:
            raise _store_error(path, error) from error

    def _repair(self, whole_bytes: int, torn_bytes: int) -> None:
        if torn_bytes:
            os.ftruncate(self._journal_fd, whole_bytes)
            self.note(
                "torn_line",
                f"dropped {torn_bytes} bytes of a line that was being written when the run stopped",
            )

    def _append_event(self, event: dict[str, Any]) -> None:
        if self._journal_fd < 0:
            raise StoreError(f"{self.path}: this run is open for reading only")
        line = json.dumps(event, separators=(",", ":"), allow_nan=False).encode() + b"\n"
        size_before = os.fstat(self._journal_fd).st_size
        try:
            _write_all(self._journal_fd, line)
            os.fdatasync(self._journal_fd)
        except OSError as error:
            os.ftruncate(self._journal_fd, size_before)
            raise _store_error(self.path / JOURNAL, error) from error
        self._events.append(event)

    def _write_manifest(self) -> None:
        write_atomically(self.path / MANIFEST, json.dumps(self.manifest, indent=1) + "\n")


def write_atomically(path: Path, text: str) -> None:
    """Replaces a file whole: readers see the old or the new one, also after a crash."""
    temporary = path.with_name(f".{path.name}.tmp")
    try:
        with temporary.open("w", encoding="utf-8") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
        _sync_folder(path.parent)
    except OSError as error:
        temporary.unlink(missing_ok=True)
        raise _store_error(path, error) from error


def is_locked(path: Path) -> bool:
    """Whether somebody writes to the run in `path` now."""
    try:
        fd = os.open(path / LOCK, os.O_RDONLY | os.O_CLOEXEC)
    except OSError:
        return False
    try:
        fcntl.flock(fd, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    finally:
        os.close(fd)
    return False


def _new_folder(parent: Path) -> Path:
    while True:
        path = parent / f"{_utc('%Y%m%dT%H%M%SZ')}-{secrets.token_hex(2)}"
        try:
            path.mkdir(parents=True)
            return path
        except (FileExistsError, NotADirectoryError):
            if not parent.is_dir():
                raise StoreError(f"{parent}: exists and is not a folder") from None
        except OSError as error:
            raise _store_error(path, error) from error


def _utc(form: str) -> str:
    return time.strftime(form, time.gmtime())


def _read_manifest(path: Path) -> dict[str, Any]:
    file = path / MANIFEST
    try:
        manifest = json.loads(file.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise StoreError(f"{path}: not a run (it has no {MANIFEST})") from error
    except (OSError, ValueError) as error:
        raise StoreError(f"{file}: cannot be read: {error}") from error
    if not isinstance(manifest, dict) or manifest.get("schema_version") != SCHEMA_VERSION:
        raise StoreError(f"{file}: not a run of schema version {SCHEMA_VERSION}")
    return manifest


def _read_journal(path: Path) -> tuple[list[dict[str, Any]], int, int]:
    """The whole lines, how many bytes they take, and how many torn bytes follow."""
    try:
        data = path.read_bytes()
    except FileNotFoundError:
        return [], 0, 0
    except OSError as error:
        raise _store_error(path, error) from error
    events: list[dict[str, Any]] = []
    whole_bytes = 0
    for number, line in enumerate(data.splitlines(keepends=True), 1):
        event = _parse(line)
        if event is None:
            if whole_bytes + len(line) < len(data):
                raise StoreError(
                    f"{path}:{number}: not a line of this journal; the file was changed by "
                    "something other than zyphos-lab"
                )
            break
        events.append(event)
        whole_bytes += len(line)
    return events, whole_bytes, len(data) - whole_bytes


def _parse(line: bytes) -> dict[str, Any] | None:
    if not line.endswith(b"\n"):
        return None
    try:
        event = json.loads(line)
    except ValueError:
        return None
    return event if isinstance(event, dict) and "event" in event else None


def _write_all(fd: int, data: bytes) -> None:
    while data:
        data = data[os.write(fd, data) :]


def _sync_folder(path: Path) -> None:
    fd = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)


def _store_error(path: Path, error: OSError) -> StoreError:
    full = error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
    hint = (
        "what was measured so far is kept; free some space and go on with --resume" if full else ""
    )
    failure = StoreError(f"{path}: cannot be written: {os.strerror(error.errno or 0)}", hint)
    failure.exit_code = 1  # the machine's fault, not the user's
    return failure
