"""The run folder: what is on disk stays, a torn line is dropped, one writer at a time."""

from __future__ import annotations

import base64
import json
import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pyarrow.parquet as parquet
import pytest

from zyphos_lab.errors import StoreError
from zyphos_lab.probes.base import Series
from zyphos_lab.record import Record
from zyphos_lab.store import JOURNAL, Store, damage_text

ENCODED = base64.b64encode(b"histogram").decode()


def new_store(folder: Path) -> Store:
    return Store.create(folder, {"experiment": {"name": "demo"}, "plan": []})


def record(trial: int, **columns: Any) -> Record:
    row = {
        "trial": trial,
        "cell": f"c{trial}",
        "target": "t",
        "reasons": [],
        "skipped": {},
        **columns,
    }
    interval = {"start_ns": 5, "requests_done": 3, "latency_ns": ENCODED}
    return Record(row, {"latency_ns": ENCODED}, [interval])


def test_what_was_appended_is_read_back(tmp_path: Path) -> None:
    with new_store(tmp_path) as store:
        store.append(record(1, server_cpu_ns=7, factor_x="a"))
        store.append(record(0, server_cpu_ns=None, factor_x=False))
    again = Store.open(store.path)
    assert again.finished() == {0, 1}
    assert again.experiment == "demo"
    frame = again.trials()
    assert list(frame["trial"]) == [0, 1]
    assert list(frame["factor_x"]) == ["false", "a"]
    assert frame["server_cpu_ns"].isna().tolist() == [True, False]
    assert json.loads(frame["reasons"][0]) == []
    assert list(again.histograms("latency_ns")["encoded"]) == [b"histogram", b"histogram"]
    assert list(again.intervals("latency_ns")["requests_done"]) == [3, 3]
    assert again.histograms("nothing").empty


def test_derived_tables_hold_every_trial(tmp_path: Path) -> None:
    with new_store(tmp_path) as store:
        for trial in range(3):
            store.append(record(trial))
        store.derive()
    assert parquet.read_table(store.path / "trials.parquet").num_rows == 3
    histograms = parquet.read_table(store.path / "histograms.parquet").to_pylist()
    assert [entry["interval"] for entry in histograms] == [None, 0] * 3
    assert histograms[0]["encoded"] == b"histogram"
    assert not list(store.path.glob(".*.tmp"))


def test_what_changed_over_time_comes_back_and_stays_out_of_memory(tmp_path: Path) -> None:
    seen = Series("server_tcp", "socket 7", [1_000, 3_000], {"cwnd": [10, None]})
    with new_store(tmp_path) as store:
        store.append(record(0))
        store.append(replace(record(1), series=[seen.as_dict(start_ns=1_000)]))
        found = list(store.series("server_tcp"))
        assert not list(store.series("client_tcp"))
        assert not any("series" in event for event in store.events())
    (one,) = found
    assert (one["trial"], one["of"]) == (1, "socket 7")
    assert (one["time_ns"], one["cwnd"]) == ([0, 2_000], [10, None])


def test_a_column_without_any_value_is_numeric(tmp_path: Path) -> None:
    with new_store(tmp_path) as store:
        store.append(record(0, server_migrations=None))
        assert str(store.trials()["server_migrations"].dtype) == "float64"


def test_every_cut_of_the_last_line_loses_only_that_line(tmp_path: Path) -> None:
    with new_store(tmp_path) as store:
        store.append(record(0))
        first_bytes = (store.path / JOURNAL).stat().st_size
        store.append(record(1))
    journal = store.path / JOURNAL
    whole = journal.read_bytes()
    for size in range(first_bytes, len(whole)):
        journal.write_bytes(whole[:size])
        assert Store.open(store.path).finished() == {0}
        with Store.open(store.path, write=True) as again:
            notes = [event["code"] for event in again.events() if event["event"] == "note"]
            assert notes == (["torn_line"] if size > first_bytes else []) + ["damaged_line"]
            again.append(record(1))
        assert journal.read_bytes().startswith(whole[:first_bytes])
        assert Store.open(store.path).finished() == {0, 1}


def test_every_flipped_byte_of_a_middle_line_loses_that_line_alone(tmp_path: Path) -> None:
    with new_store(tmp_path) as store:
        for trial in range(3):
            store.append(record(trial))
    journal = store.path / JOURNAL
    whole = journal.read_bytes()
    ends = [at for at, byte in enumerate(whole) if byte == ord("\n")]
    for at in range(ends[0] + 1, ends[1]):
        flipped = bytearray(whole)
        flipped[at] ^= 0x01
        journal.write_bytes(flipped)
        found = Store.open(store.path)
        assert found.finished() == {0, 2}, at
        assert found.damaged, at


def test_a_flipped_line_break_loses_nothing(tmp_path: Path) -> None:
    with new_store(tmp_path) as store:
        for trial in range(3):
            store.append(record(trial))
    journal = store.path / JOURNAL
    whole = bytearray(journal.read_bytes())
    whole[whole.index(b"\n")] = 0
    journal.write_bytes(whole)
    found = Store.open(store.path)
    assert found.finished() == {0, 1, 2}
    assert [damage.bytes for damage in found.damaged] == [1]
    assert list(found.histograms("latency_ns")["encoded"]) == [b"histogram"] * 3


def test_a_damaged_line_is_noted_once_and_its_trial_is_to_be_run_again(tmp_path: Path) -> None:
    with new_store(tmp_path) as store:
        for trial in range(3):
            store.append(record(trial))
    journal = store.path / JOURNAL
    lines = journal.read_bytes().splitlines(keepends=True)
    journal.write_bytes(b"".join([lines[0], lines[1].replace(b"c1", b"c7"), lines[2]]))
    for _ in range(2):
        with Store.open(store.path, write=True) as again:
            notes = [event for event in again.events() if event["event"] == "note"]
            assert [note["code"] for note in notes] == ["damaged_line"]
            assert "line 2 of events.ndjson" in notes[0]["message"]
            assert again.finished() == {0, 2}
    with Store.open(store.path, write=True) as again:
        again.append(record(1))
    assert Store.open(store.path).finished() == {0, 1, 2}


def test_a_journal_that_was_cut_between_lines_is_said_to_be(tmp_path: Path) -> None:
    with new_store(tmp_path) as store:
        for trial in range(2):
            store.append(record(trial))
    journal = store.path / JOURNAL
    lines = journal.read_bytes().splitlines(keepends=True)
    journal.write_bytes(lines[0])
    [damage] = Store.open(store.path).damaged
    assert f"{len(lines[1])} bytes shorter" in damage_text(damage)


def test_a_journal_from_before_the_checksum_is_read(tmp_path: Path) -> None:
    with new_store(tmp_path) as store:
        store.append(record(0))
    manifest = json.loads((store.path / "manifest.json").read_text())
    del manifest["journal_checksum"]
    (store.path / "manifest.json").write_text(json.dumps(manifest))
    event = {"event": "trial", "row": record(5).row, "histograms": {}, "intervals": []}
    (store.path / JOURNAL).write_text(json.dumps(event) + "\n")
    assert Store.open(store.path).finished() == {5}


def test_two_writers_are_refused_and_readers_are_not(tmp_path: Path) -> None:
    with new_store(tmp_path) as store:
        with pytest.raises(StoreError, match="is writing to this run"):
            Store.open(store.path, write=True)
        assert Store.open(store.path).finished() == set()
    Store.open(store.path, write=True).close()


def test_a_reader_cannot_append(tmp_path: Path) -> None:
    with new_store(tmp_path) as store:
        pass
    with pytest.raises(StoreError, match="reading only"):
        Store.open(store.path).append(record(0))


def test_a_folder_that_is_no_run_is_said_to_be_none(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match="not a run"):
        Store.open(tmp_path)


FULL_DISK = """
import resource, sys
from pathlib import Path
from test_store import new_store, record
store = new_store(Path(sys.argv[1]))
store.append(record(0))
size = (store.path / "events.ndjson").stat().st_size
resource.setrlimit(resource.RLIMIT_FSIZE, (size + 40, resource.RLIM_INFINITY))
try:
    store.append(record(1))
except Exception as error:
    print(type(error).__name__, error)
print(store.path)
"""


def test_a_full_disk_is_one_line_and_keeps_what_was_measured(tmp_path: Path) -> None:
    # A limit on file sizes stands in for the full disk: the write stops half-way.
    here = Path(__file__).parent
    done = subprocess.run(
        [sys.executable, "-c", FULL_DISK, str(tmp_path)],
        capture_output=True,
        text=True,
        check=True,
        env={**os.environ, "PYTHONPATH": os.pathsep.join([str(here), *sys.path])},
    )
    message, path = done.stdout.splitlines()
    assert message.startswith("StoreError") and "kept" in message
    assert Store.open(Path(path)).finished() == {0}
    assert (Path(path) / JOURNAL).read_bytes().endswith(b"\n")
