"""The folder of one run: what was planned, what was measured, and the tables made from it.

`events.ndjson` is the truth: one line per finished trial, appended and synced, never rewritten
(journal.py knows a line). A line that a crash tore is dropped (and noted), so a crash loses at most
the trial under way; one that was damaged later is named, what stands around it is kept. A complete
run's journal may be sealed (`seal`): it is read as before, nothing is added to it. The Parquet
tables are derived from it (tables.py). This file does not know what a trial is made of, nor how one
is run; reports and statistics read runs only through it.

Thread safety: none; one writer per run, held by a lock on the folder. Readers need no lock.
"""

from __future__ import annotations

import base64
import fcntl
import json
import os
import secrets
import time
from collections.abc import Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from zyphos_lab import journal, makeup, tables
from zyphos_lab.errors import StoreError
from zyphos_lab.files import store_error, sync_folder, write_atomically
from zyphos_lab.journal import Damage, Journal, Line
from zyphos_lab.stage import MEASURE, SET_ASIDE

if TYPE_CHECKING:
    import pandas

    from zyphos_lab.record import Record

SCHEMA_VERSION = 1
JOURNAL = journal.NAME
MANIFEST = "manifest.json"
LOCK = ".lock"
LEFTOVERS = ".*.tmp"  # of files that were being replaced when the writer was killed
DERIVE_GROWTH = 2  # tables are made again when the trials have doubled: O(n) in all


class Store:
    """One run's folder.

    Units: as the column names say. Errors: StoreError, one line. Cost: the rows are held in memory
    (some 20 kB per trial), histograms are read from the journal when they are asked for.
    """

    def __init__(self, path: Path, manifest: dict[str, Any], found: Journal) -> None:
        self.path = path
        self.manifest = manifest
        self._journal = found
        self._journal_fd = -1
        self._lock_fd = -1
        self._trials_derived = 0
        self._trials_now = 0

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
            "journal_checksum": journal.CHECKSUM,
            **manifest,
        }
        store = cls(path, full, Journal())
        store._lock()
        try:
            store._write_manifest()
            store._open_journal()
        except StoreError:
            store.close()
            _forget(path)
            raise
        return store

    @classmethod
    def open(cls, path: Path, write: bool = False) -> Store:
        """Reads a run. With `write` it is locked and a torn last line is cut off and noted."""
        manifest = read_manifest(path)
        store = cls(path, manifest, Journal())
        if write:
            store._lock()
        try:
            store._read()
            if write:
                store._open_journal()
                store._repair()
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
        """Adds one finished trial: on disk when this returns. Tables follow now and then.

        An environment that no earlier trial had is written before it.
        """
        known = str(record.row.get("environment"))
        if record.environment is not None and known not in self.environments():
            self._append_event({"event": "environment", "id": known, "facts": record.environment})
        self._append_event(
            {
                "event": "trial",
                "row": {"stage": MEASURE, **record.row},
                "histograms": record.histograms,
                "intervals": record.intervals,
                "events": record.events,
                "series": record.series,
                **({"said": record.said} if record.said else {}),
            }
        )
        self._trials_now += 1
        if self._trials_now >= DERIVE_GROWTH * self._trials_derived:
            # The trial is on disk, whatever becomes of tables that can be made again.
            with suppress(StoreError):
                self.derive()

    def plan(self, event: dict[str, Any]) -> None:
        """Adds an extension of the schedule: {"event": "plan", "stage", "trials": [...]}."""
        self._append_event(event)
        self._write_manifest()

    def note(self, code: str, message: str) -> None:
        """Adds a remark about the run itself (torn line, interruption, resume) to the journal."""
        self._append_event(
            {"event": "note", "time_ns": time.time_ns(), "code": code, "message": message}
        )

    def told(self, stage: str, notes: list[dict[str, Any]]) -> None:
        """What a stage found, in the manifest: each {code, message, refuses}."""
        self.manifest.setdefault("told", {})[stage] = notes
        self._write_manifest()

    def set_status(self, status: str) -> None:
        """`running`, `complete` or `interrupted`, in the manifest."""
        self.manifest["status"] = status
        self._write_manifest()

    def derive(self, folder: Path | None = None) -> None:
        """Writes trials.parquet and histograms.parquet from the journal, each replaced whole.

        `folder`: somewhere else than in the run's own.
        """
        read_bytes = self._journal.whole_bytes
        rows = [row for _, row in self._staged()]
        tables.write(folder or self.path, rows, self.trial_events(), read_bytes)
        self._trials_derived = self._trials_now

    # Reading

    @property
    def run(self) -> str:
        return self.path.resolve().name

    @property
    def experiment(self) -> str:
        return str(self.manifest["experiment"]["name"])

    @property
    def journal_file(self) -> Path:
        """The journal, plain or sealed."""
        return journal.file_of(self.path)

    @property
    def damaged(self) -> list[Damage]:
        """The journal's lines that cannot be read any more."""
        return list(self._journal.damaged)

    def events(self) -> list[dict[str, Any]]:
        """Every whole event of the journal, in order: trials (without histograms), notes, plans."""
        return [line.light for line in self._journal.lines]

    def plan_events(self) -> list[dict[str, Any]]:
        """The extensions of the schedule in order; of older runs the one in the manifest."""
        found = [event for event in self.events() if event["event"] == "plan"]
        if not found and self.manifest.get("plan"):
            return [{"event": "plan", "stage": MEASURE, "trials": self.manifest["plan"]}]
        return found

    def planned(self, stage: str | None = MEASURE) -> list[dict[str, Any]]:
        """The trials scheduled so far, of one stage or (None) of all."""
        aside = makeup.replaced(self.rows())
        return [
            trial
            for event in self.plan_events()
            for trial in event["trials"]
            if stage in (None, makeup.counts_to(event["stage"], trial, aside))
        ]

    def trial_events(self, stage: str | None = None) -> Iterator[dict[str, Any]]:
        """The journal's trials: {"row", "histograms" (base64), "intervals"}, as they were
        measured; of one stage or (None) of all. Read from the file, one at a time.
        """
        return journal.full(self.journal_file, self._trial_lines(stage))

    def rows(self, stage: str | None = None) -> list[dict[str, Any]]:
        """One dict per finished trial; `reasons` a list, `skipped` a dict, missing values None.

        All of them (`stage` None) stand as they were measured: none is `set_aside` yet.
        """
        if stage is None:
            return [line.light["row"] for line in self._trial_lines()]
        return [row for _, row in self._staged() if row["stage"] == stage]

    def environments(self) -> dict[str, dict[str, Any]]:
        """What trials ran in, by the id in their column `environment`."""
        found = (event for event in self.events() if event["event"] == "environment")
        return {str(event["id"]): event["facts"] for event in found}

    def finished(self) -> set[int]:
        """The numbers of the trials that are on disk."""
        return {int(row["trial"]) for row in self.rows()}

    def trials(self, stage: str | None = MEASURE) -> pandas.DataFrame:
        """One row per trial, one column per quantity; `reasons` and `skipped` are JSON text.

        Missing numbers are NaN. Rows stand in the order of `trial`. `stage`: None for all; only
        those of `measure` may enter statistics.
        """
        from zyphos_lab.store_tables import trials_table

        frame: pandas.DataFrame = trials_table(self.rows(stage)).to_pandas()
        return frame

    def histograms(self, metric: str, stage: str | None = MEASURE) -> pandas.DataFrame:
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
            for event in self.trial_events(stage)
            if metric in event["histograms"]
        ]
        return pandas.DataFrame(rows, columns=["trial", "cell", "target", "encoded"])

    def intervals(self, metric: str, stage: str | None = MEASURE) -> pandas.DataFrame:
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
            for event in self.trial_events(stage)
            for index, part in enumerate(event["intervals"])
            if metric in part
        ]
        columns = ["trial", "cell", "interval", "start_ns", "requests_done", "encoded"]
        return pandas.DataFrame(rows, columns=columns)

    def series(self, name: str, stage: str | None = MEASURE) -> Iterator[dict[str, Any]]:
        """What probes saw over time under this name, trial by trial: {trial, cell, target, name,
        of, time_ns (from the window's start), <column>: values}.
        """
        for event in self.trial_events(stage):
            of_trial = {key: event["row"][key] for key in ("trial", "cell", "target")}
            for one in event.get("series", ()):
                if one["name"] == name:
                    yield of_trial | one

    # Private

    def _read(self) -> None:
        path = self.journal_file
        try:
            self._journal = journal.read(path, "journal_checksum" in self.manifest)
        except FileNotFoundError:
            self._journal = Journal()
        except OSError as error:
            raise StoreError(f"{path}: cannot be read: {error.strerror}") from error
        for line in self._journal.lines:
            if line.light["event"] == "trial":  # runs from before there were stages
                line.light["row"].setdefault("stage", MEASURE)
        self._trials_now = len(self.rows())
        index = tables.read_index(self.path)
        cut_bytes = self._journal.torn_bytes if self._journal.broken else 0
        if index is not None:
            self._trials_derived = index.trials
            cut_bytes = max(index.journal_bytes - self._journal.whole_bytes, cut_bytes)
        if cut_bytes > 0 or self._journal.broken:
            self._journal.damaged.append(Damage(0, cut_bytes, self._journal.broken))

    def _trial_lines(self, stage: str | None = None) -> list[Line]:
        if stage is None:
            return [line for line in self._journal.lines if line.light["event"] == "trial"]
        return [line for line, row in self._staged() if row["stage"] == stage]

    def _staged(self) -> list[tuple[Line, dict[str, Any]]]:
        """Every trial's line, and its row under the stage that it counts to."""
        aside = makeup.replaced(self.rows())
        rows = [(line, line.light["row"]) for line in self._trial_lines()]
        return [
            (line, row | {"stage": makeup.counts_to(row["stage"], row, aside)})
            for line, row in rows
        ]

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
            raise store_error(path, error) from error

    def _open_journal(self) -> None:
        path = self.journal_file
        if journal.is_sealed(path):
            hint = f"to go on with it all the same: gunzip {path}"
            raise StoreError(f"{self.path}: the run is sealed: nothing is added to it", hint)
        flags = os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC
        try:
            self._journal_fd = os.open(path, flags, 0o644)
            sync_folder(self.path)
        except OSError as error:
            raise store_error(path, error) from error

    def _repair(self) -> None:
        """Cuts a torn last line off; a damaged one stays where it is, and is noted once."""
        found = self._journal
        for left in self.path.glob(LEFTOVERS):
            left.unlink(missing_ok=True)
        if found.torn_bytes:
            os.ftruncate(self._journal_fd, found.whole_bytes)
            self.note(
                "torn_line",
                f"dropped {found.torn_bytes} bytes of a line that was being written when the run "
                "stopped",
            )
        noted = {str(event.get("message")) for event in self.events()}
        for damage in self.damaged:
            if damage_text(damage) not in noted:
                self.note("damaged_line", damage_text(damage))

    def _append_event(self, event: dict[str, Any]) -> None:
        if self._journal_fd < 0:
            raise StoreError(f"{self.path}: this run is open for reading only")
        line = journal.encode(event)
        size_before = os.fstat(self._journal_fd).st_size
        try:
            _write_all(self._journal_fd, line)
            os.fdatasync(self._journal_fd)
        except OSError as error:
            os.ftruncate(self._journal_fd, size_before)
            raise store_error(self.path / JOURNAL, error) from error
        self._journal.lines.append(Line(size_before, len(line) - 1, journal.light(event)))
        self._journal.whole_bytes = size_before + len(line)

    def _write_manifest(self) -> None:
        """`planned` counts the trials of each stage, for those who do not read the journal."""
        if "plan" not in self.manifest:
            stages = {event["stage"] for event in self.plan_events()} | {SET_ASIDE}
            counts = {stage: len(self.planned(stage)) for stage in sorted(stages)}
            self.manifest["planned"] = {stage: count for stage, count in counts.items() if count}
        write_atomically(self.path / MANIFEST, json.dumps(self.manifest, indent=1) + "\n")


def damage_text(damage: Damage) -> str:
    """What is said of a damaged line, or (line 0) of a journal whose end is gone."""
    if damage.sealed:
        lost = f"{damage.bytes} bytes at its end are lost; " if damage.bytes else ""
        return (
            f"{JOURNAL}{journal.SEALED} is damaged ({damage.sealed}); {lost}every whole line that "
            "can be read is used"
        )
    if not damage.line:
        return (
            f"{JOURNAL} is {damage.bytes} bytes shorter than when its tables were made; what stood "
            "at its end is lost"
        )
    return (
        f"line {damage.line} of {JOURNAL} is damaged ({damage.bytes} bytes are lost); every whole "
        "line before and after it is used"
    )


def count_planned(manifest: Mapping[str, Any]) -> int:
    """Trials that were scheduled so far, of all stages."""
    planned = manifest.get("planned")
    return len(manifest.get("plan", ())) if planned is None else sum(planned.values())


def sweep_unborn(results: Path) -> None:
    """Removes folders whose run was killed before it had a manifest; nothing was measured there."""
    for lock in results.glob(f"*/*/{LOCK}"):
        if not (lock.parent / MANIFEST).exists() and not is_locked(lock.parent):
            _forget(lock.parent)


def _forget(path: Path) -> None:
    """Removes a folder that never became a run; one that holds anything else stays."""
    for left in (*path.glob(LEFTOVERS), path / JOURNAL, path / LOCK):
        left.unlink(missing_ok=True)
    with suppress(OSError):
        path.rmdir()


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


def live_status(noted: str, path: Path) -> str:
    """A run that says `running`, and that nobody writes to, was killed."""
    return "killed" if noted == "running" and not is_locked(path) else noted


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
            raise store_error(path, error) from error


def _utc(form: str) -> str:
    return time.strftime(form, time.gmtime())


def read_manifest(path: Path) -> dict[str, Any]:
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


def _write_all(fd: int, data: bytes) -> None:
    while data:
        data = data[os.write(fd, data) :]
