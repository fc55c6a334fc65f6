"""The derived tables of a run's folder: trials.parquet, histograms.parquet, and tables.json.

tables.json says from how much of the journal the tables were made and what their bytes must be, so
that a reader knows without the journal whether a table is whole and up to date. What is not is made
again from the journal. This file does not know what a trial is made of.
"""

from __future__ import annotations

import itertools
import json
import zlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from zyphos_lab import journal
from zyphos_lab.files import replaced, store_error, write_atomically

if TYPE_CHECKING:
    import pyarrow

INDEX = "tables.json"
TRIALS, HISTOGRAMS = "trials", "histograms"
BATCH_TRIALS = 500
CHUNK_BYTES = 1 << 20


@dataclass(frozen=True, slots=True)
class Index:
    """What tables.json says. `files`: table -> [bytes, CRC-32]."""

    journal_bytes: int
    trials: int
    files: dict[str, list[int]]


def file_of(run: Path, name: str) -> Path:
    return run / f"{name}.parquet"


def write(
    run: Path, rows: list[dict[str, Any]], events: Iterable[dict[str, Any]], journal_bytes: int
) -> None:
    """Both tables and their index, each file replaced whole. StoreError where that fails."""
    from zyphos_lab.store_tables import trials_table

    files = {
        TRIALS: _write_table(file_of(run, TRIALS), iter([trials_table(rows)])),
        HISTOGRAMS: _write_table(file_of(run, HISTOGRAMS), _batches(events)),
    }
    said = {"journal_bytes": journal_bytes, "trials": len(rows), "files": files}
    write_atomically(run / INDEX, json.dumps(said) + "\n", synced=False)


def _batches(events: Iterable[dict[str, Any]]) -> Iterator[pyarrow.Table]:
    """At least one table, so that there is a schema."""
    from zyphos_lab.store_tables import histograms_table

    left = iter(events)
    batch = list(itertools.islice(left, BATCH_TRIALS))
    yield histograms_table(batch)
    while batch := list(itertools.islice(left, BATCH_TRIALS)):
        yield histograms_table(batch)


def _write_table(final: Path, batches: Iterator[pyarrow.Table]) -> list[int]:
    """[bytes, CRC-32] of the file."""
    import pyarrow.parquet as parquet

    first = next(batches)
    with replaced(final, synced=False) as temporary:
        try:
            with parquet.ParquetWriter(temporary, first.schema, compression="zstd") as writer:
                for table in itertools.chain([first], batches):
                    writer.write_table(table)
        except OSError as error:
            raise store_error(final, error) from error
        return checksum(temporary)


def checksum(path: Path) -> list[int]:
    """[bytes, CRC-32] of a file. Cost: about 1 ms per MB."""
    size = crc = 0
    with path.open("rb") as file:
        while chunk := file.read(CHUNK_BYTES):
            size, crc = size + len(chunk), zlib.crc32(chunk, crc)
    return [size, crc]


def read_index(run: Path) -> Index | None:
    """None where there is none, or it is damaged."""
    try:
        found = json.loads((run / INDEX).read_text(encoding="utf-8"))
        files = {str(name): [int(n) for n in pair] for name, pair in found["files"].items()}
        return Index(int(found["journal_bytes"]), int(found["trials"]), files)
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return None


def fault(run: Path, name: str) -> str:
    """Why a table cannot be used as it stands; "" when it is whole and up to date."""
    index = read_index(run)
    if index is None:
        return f"{INDEX} is missing or damaged"
    try:
        if journal.has_line(journal.file_of(run), index.journal_bytes):
            return "older than the journal"
        whole = checksum(file_of(run, name)) == index.files.get(name)
    except FileNotFoundError:
        return "missing"
    except OSError as error:
        return f"cannot be read: {error.strerror}"
    return "" if whole else "damaged"


def count_finished(run: Path) -> int:
    """Trials in the run, from the index and what was appended since. Cost: O(what is new)."""
    index = read_index(run)
    file = journal.file_of(run)
    if index is None or not file.exists():
        return journal.count_trials(file)
    if journal.is_sealed(file):
        whole = journal.text_bytes(file) == index.journal_bytes
        return index.trials if whole else journal.count_trials(file)
    if file.stat().st_size < index.journal_bytes:
        return journal.count_trials(file)
    return index.trials + journal.count_trials(file, index.journal_bytes)
