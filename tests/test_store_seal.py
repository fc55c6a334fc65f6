"""Sealed runs: read like plain ones, never added to, and after damage read as far as they go."""

from __future__ import annotations

import gzip
import json
import os
import random
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

import store_factory
from zyphos_lab import journal
from zyphos_lab.cli.main import run
from zyphos_lab.errors import StoreError
from zyphos_lab.store import JOURNAL, Store, damage_text
from zyphos_lab.store_seal import seal
from zyphos_lab.tables import HISTOGRAMS, TRIALS, file_of

ROOT = Path(__file__).resolve().parent.parent
TRIED = 40
SEED = 11


def finished(results: Path, **given: Any) -> Store:
    store = store_factory.make_store(results, **{"starts": 1, **given})
    store.set_status("complete")
    return store


def said(capsys: pytest.CaptureFixture[str], *words: str, results: Path) -> tuple[int, str, str]:
    capsys.readouterr()
    code = run([*words, "--results", str(results)])
    out, error = capsys.readouterr()
    return code, out, error


def test_the_same_journal_gives_the_same_file_without_name_or_time(tmp_path: Path) -> None:
    store = finished(tmp_path)
    plain = (store.path / JOURNAL).read_bytes()
    table = file_of(store.path, TRIALS).read_bytes()
    sealed = seal(store.path)
    first = sealed.read_bytes()
    assert not (store.path / JOURNAL).exists() and not list(store.path.glob(".*.tmp"))
    assert gzip.decompress(first) == plain and len(first) < len(plain)
    assert first[3:8] == bytes(5)  # flags: no name; time: none
    assert seal(store.path) == sealed
    (store.path / JOURNAL).write_bytes(plain)
    assert seal(store.path).read_bytes() == first
    assert file_of(store.path, TRIALS).read_bytes() == table


def test_a_sealed_run_is_read_as_before(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    store = finished(tmp_path, starts=3)
    commands = [
        ["list", "--json"],
        ["show", "--json", str(store.path)],
        ["query", "--json", "SELECT trials_finished FROM runs"],
        ["query", "--json", "SELECT metric, count(*), sum(octet_length(encoded)) FROM histograms "
         "GROUP BY metric ORDER BY metric"],
    ]  # fmt: skip
    before = [said(capsys, *words, results=tmp_path) for words in commands]
    assert said(capsys, "report", store.run, results=tmp_path)[0] == 0
    answer = (store.path / "answer.json").read_bytes()
    seal(store.path)
    assert [said(capsys, *words, results=tmp_path) for words in commands] == before
    again = Store.open(store.path)
    assert again.events() == store.events() and not again.damaged
    assert again.histograms("latency_ns").equals(store.histograms("latency_ns"))
    assert said(capsys, "report", store.run, results=tmp_path)[0] == 0
    assert (store.path / "answer.json").read_bytes() == answer
    file_of(store.path, HISTOGRAMS).unlink()
    _, out, error = said(capsys, *commands[-1], results=tmp_path)
    assert out == before[-1][1] and f"made again from {JOURNAL}.gz" in error


def test_nothing_is_added_to_a_sealed_run(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    request = {"profile": None, "sets": [], "only": [], "file": "x.yaml"}
    spec = {"request": request, "spec_text": json.dumps(store_factory.EXPERIMENT)}
    path = finished(tmp_path, manifest=spec).path
    seal(path)
    before = {file.name: file.read_bytes() for file in path.iterdir() if file.name != ".lock"}
    code, _, error = said(capsys, "run", "--resume", str(path), results=tmp_path)
    assert code == 2 and error.count("\n") == 1
    assert "sealed: nothing is added to it" in error and "gunzip" in error
    after = {file.name: file.read_bytes() for file in path.iterdir() if file.name != ".lock"}
    assert after == before


@pytest.mark.parametrize("kind", ["cut", "flipped"])
def test_a_damaged_sealed_run_is_read_up_to_the_damage_and_says_so(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], kind: str
) -> None:
    print("seed", SEED)
    random_ = random.Random(SEED)
    store = finished(tmp_path)
    rows, table = store.rows(), file_of(store.path, TRIALS).read_bytes()
    file_of(store.path, HISTOGRAMS).unlink()
    sealed = seal(store.path)
    whole = sealed.read_bytes()
    at = [0, 1, len(whole) - 1, *random_.sample(range(10, len(whole) - 9), TRIED)]
    for place in at:
        flipped = whole[:place] + bytes([whole[place] ^ 1]) + whole[place + 1 :]
        sealed.write_bytes(whole[:place] if kind == "cut" else flipped)
        found = Store.open(store.path)
        assert found.damaged, place
        assert all(row in rows for row in found.rows()), place
        # What stands before is read: nothing but the step with the damage is kept back.
        kept = sum(line.bytes for line in found._journal.lines)
        assert kept >= len(journal.inflated(whole[:place])[0]) - 2 * longest(whole), place
        assert "events.ndjson.gz is damaged" in damage_text(found.damaged[-1])
    middle = len(whole) // 2
    sealed.write_bytes(whole[:middle] + (whole[middle + 1 :] if kind == "flipped" else b""))
    for sql in ("SELECT count(*) AS n FROM trials", "SELECT count(*) AS n FROM histograms"):
        code, out, error = said(capsys, "query", "--json", sql, results=tmp_path)
        assert code == 0 and error.count("\n") == ("histograms" in sql), error
        if "histograms" not in sql:
            assert str(len(rows)) in out
    assert file_of(store.path, TRIALS).read_bytes() == table


def longest(sealed: bytes) -> int:
    return max(map(len, journal.inflated(sealed)[0].splitlines()))


def test_a_cut_sealed_run_degrades_its_verdict_in_one_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    store = finished(tmp_path, starts=6)
    sealed = seal(store.path)
    sealed.write_bytes(sealed.read_bytes()[:-2000])
    code, out, _ = said(capsys, "show", "--json", store.run, results=tmp_path)
    assert code == 0
    [line] = [text for text in texts(json.loads(out)) if "bytes at its end are lost" in text]
    assert "events.ndjson.gz is damaged (it was cut)" in line
    code, out, _ = said(capsys, "list", "--json", results=tmp_path)
    assert json.loads(out)["runs"][0]["finished"] == len(Store.open(store.path).rows())


def texts(data: Any) -> list[str]:
    """Every text in a JSON value."""
    if isinstance(data, str):
        return [data]
    parts = data.values() if isinstance(data, dict) else data if isinstance(data, list) else ()
    return [text for part in parts for text in texts(part)]


def test_what_is_not_whole_is_not_sealed(tmp_path: Path) -> None:
    store = store_factory.make_store(tmp_path, starts=1)
    store.set_status("interrupted")
    with pytest.raises(StoreError, match="only a complete run is sealed"):
        seal(store.path)
    store.set_status("complete")
    with Store.open(store.path, write=True), pytest.raises(StoreError, match="is writing to"):
        seal(store.path)
    plain = store.path / JOURNAL
    plain.write_bytes(plain.read_bytes().replace(b'"cell"', b'"call"', 1))
    with pytest.raises(StoreError, match="is damaged"):
        seal(store.path)
    assert plain.exists() and not list(store.path.glob("*.gz"))


def test_a_slice_keeps_its_time_and_counts_without_its_histogram() -> None:
    part = {"start_ns": 5, "requests_done": 7}
    trial = {"event": "trial", "row": {"trial": 0}, "histograms": {"latency_ns": "HIST"}}
    note = journal.encode({"event": "note", "code": "x"})
    text = journal.encode({**trial, "intervals": [part | {"latency_ns": "HIST"}]}) + note
    bare = journal.encode({**trial, "histograms": {}, "intervals": [part]}) + note
    assert journal.without_histograms(text) == bare


@pytest.mark.parametrize("sealed_before", [False, True])
def test_histograms_are_left_out_where_asked_and_it_is_said(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], sealed_before: bool
) -> None:
    store = finished(tmp_path, starts=6)
    rows, plain_bytes = store.rows(), (store.path / JOURNAL).stat().st_size
    if sealed_before:
        seal(store.path)
    sealed = seal(store.path, histograms=False)
    first = sealed.read_bytes()
    assert seal(store.path, histograms=False).read_bytes() == first
    assert not (store.path / JOURNAL).exists()
    found = Store.open(store.path)
    assert found.rows() == rows and not found.damaged
    assert found.histograms("latency_ns").empty and found.intervals("latency_ns").empty
    assert journal.text_bytes(found.journal_file) < plain_bytes
    code, out, error = said(
        capsys, "query", "--json", "SELECT count(*) AS n FROM histograms", results=tmp_path
    )
    assert code == 0 and error == "" and json.loads(out) == [{"n": 0}]
    code, out, _ = said(capsys, "show", "--json", store.run, results=tmp_path)
    assert code == 0
    assert [text for text in texts(json.loads(out)) if "histograms were left out" in text]


@pytest.mark.parametrize("words", [(), ("--rows",)])
def test_keep_verifies_seals_and_stages(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], words: tuple[str, ...]
) -> None:
    (tmp_path / ".ci").mkdir()
    tool = shutil.copy(ROOT / ".ci" / "keep.py", tmp_path / ".ci")
    subprocess.run(["git", "init", "-q"], cwd=tmp_path, check=True)
    results = tmp_path / "results"
    store = finished(results, starts=6, histograms=False)
    shutil.copy(ROOT / "results" / ".gitignore", results)

    def keep() -> subprocess.CompletedProcess[str]:
        env = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
        command = [sys.executable, str(tool), *words, "last"]
        return subprocess.run(command, cwd=tmp_path, env=env, capture_output=True, text=True)

    done = keep()
    assert done.returncode == 2 and done.stderr.count("\n") == 1, done.stderr
    assert "answer.json is missing" in done.stderr
    assert said(capsys, "report", store.run, results=results)[0] == 0
    done = keep()
    assert done.returncode == 0, done.stderr
    codes = [event.get("code") for event in Store.open(store.path).events()]
    assert ("histograms_left_out" in codes) == bool(words)
    staged = subprocess.run(
        ["git", "ls-files"], cwd=tmp_path, capture_output=True, text=True, check=True
    ).stdout.splitlines()
    kept = ("answer.json", f"{JOURNAL}.gz", "manifest.json")
    assert staged == [f"results/tcp_nodelay/{store.run}/{name}" for name in kept]
    assert "bytes of 20,000,000" in done.stdout
    answer = json.loads((store.path / "answer.json").read_text())
    answer["rows"][0]["estimates"]["latency_ns_p50"]["value"] += 1000
    (store.path / "answer.json").write_text(json.dumps(answer))
    assert keep().returncode == 5
