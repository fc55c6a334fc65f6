"""The store under faults that really happen: a full disk, SIGKILL at any moment, two at once.

Nothing that was reported as measured is lost, the complaint is one line, nothing is left behind.
"""

from __future__ import annotations

import json
import os
import random
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

import store_factory
from machine import INVALID_RUN, assert_measured
from zyphos_lab.child import CHILDREN
from zyphos_lab.cli.main import run
from zyphos_lab.store import JOURNAL, MANIFEST, Store

HERE = Path(__file__).parent
EXPERIMENT = """
schema: 1
name: demo
question: Does it survive?
targets:
  echo: {engine: epoll, protocol: echo}
load: {protocol: echo, connections: 2, deadline: 100ms}
factors:
  size: {set: [targets.echo.message_bytes, load.message_bytes], values: [64, 128]}
repeat: {starts: 8, warmup: 0, window: 50ms, interval: 10ms}
design: {spare: 0%}  # as many trials as are asked for, also where the machine disturbs them
probes: []
"""
TRIALS = 16
KILLS = 20
QUIET = ["--no-notebook", "--no-report", "--json"]


@pytest.fixture
def here(tmp_path: Path) -> Path:
    (tmp_path / "demo.yaml").write_text(EXPERIMENT)
    (tmp_path / "tmp").mkdir()
    return tmp_path


def start(here: Path, *arguments: str, prefix: tuple[str, ...] = ()) -> subprocess.Popen[str]:
    command = [*prefix, sys.executable, "-m", "zyphos_lab.cli", "run", *arguments, *QUIET]
    env = {**os.environ, "TMPDIR": str(here / "tmp"), "PYTHONPATH": os.pathsep.join(sys.path)}
    return subprocess.Popen(
        command, cwd=here, env=env, text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )


def reported(out: str) -> list[int]:
    """The trials whose end was told; a line that was torn by a kill was not."""
    lines = [line for line in out.splitlines(keepends=True) if line.endswith("\n")]
    events = [json.loads(line) for line in lines]
    return [event["row"]["trial"] for event in events if event["event"] == "trial"]


def manifests(here: Path) -> list[Path]:
    return list(here.glob(f"results/demo/*/{MANIFEST}"))


def alive_below(folder: Path) -> list[str]:
    """Command lines of processes that work in `folder` or were given something in it."""
    found = []
    for entry in Path("/proc").glob("[0-9]*"):
        try:
            line = (entry / "cmdline").read_bytes().replace(b"\0", b" ").decode()
            cwd = os.readlink(entry / "cwd")
        except OSError:
            continue
        if int(entry.name) != os.getpid() and (str(folder) in line or cwd.startswith(str(folder))):
            found.append(line)
    return found


def test_twenty_kills_lose_nothing(here: Path) -> None:
    seed = 5
    print(f"seed {seed}")
    moments = random.Random(seed)
    told: list[int] = []
    for _ in range(KILLS):
        process = start(here, "demo.yaml", *(["--resume"] if manifests(here) else []))
        try:
            out, _ = process.communicate(timeout=moments.uniform(0.05, 0.9))
        except subprocess.TimeoutExpired:
            process.kill()
            out, _ = process.communicate()
        told += reported(out)
        if manifests(here):
            store = Store.open(manifests(here)[0].parent)
            assert set(told) <= store.finished()
            assert not store.damaged
    process = start(here, "demo.yaml", *(["--resume"] if manifests(here) else []))
    out, error = process.communicate()
    told += reported(out)
    [manifest] = manifests(here)
    assert_measured(process.returncode, Store.open(manifest.parent), error)
    rows = [row["trial"] for row in Store.open(manifest.parent).rows()]
    assert sorted(rows) == list(range(TRIALS))
    assert len(told) == len(set(told)) and set(told) <= set(rows)
    assert "Traceback" not in error
    nothing_is_left(here, manifest.parent)


def nothing_is_left(here: Path, run_folder: Path) -> None:
    left = [file.name for file in run_folder.iterdir() if file.name.endswith(".tmp")]
    assert not left and not (run_folder / CHILDREN).exists()
    assert list((here / "results" / "demo").iterdir()) == [run_folder]
    assert not list((here / "tmp").iterdir())
    assert not alive_below(here)


def test_a_run_under_way_is_not_resumed_and_another_may_run(here: Path) -> None:
    few = ("demo.yaml", "--set", "repeat.starts=2")
    first = start(here, *few)
    while first.poll() is None and not manifests(here):
        time.sleep(0.005)
    first.send_signal(signal.SIGSTOP)  # under way for as long as it takes
    [manifest] = manifests(here)
    refused = start(here, "--resume", str(manifest.parent))
    _, error = refused.communicate()
    assert refused.returncode == 2
    assert f"another zyphos-lab (pid {first.pid}) is writing to this run" in error
    assert error.count("\n") == 1
    second = start(here, *few)
    first.send_signal(signal.SIGCONT)
    ends = [process.communicate()[1] for process in (first, second)]
    assert {first.returncode, second.returncode} <= {0, INVALID_RUN}, ends
    assert len(manifests(here)) == 2
    for path in manifests(here):
        assert Store.open(path.parent).finished() == set(range(4))


def in_small_disk() -> tuple[str, ...]:
    """Runs a command with a tmpfs of 400 kB on ./results, in a mount namespace of its own."""
    script = 'mount -t tmpfs -o size=400k none results && "$@"; code=$?; tar cf kept.tar results; '
    grow = "mount -o remount,size=50m results"
    if not shutil.which("unshare"):
        pytest.skip("unshare is not there: no disk can be made full")
    probe = subprocess.run(
        ["unshare", "-rm", "sh", "-c", "mount -t tmpfs none /mnt"], capture_output=True, text=True
    )
    if probe.returncode:
        pytest.skip(f"no mount namespace: {probe.stderr.strip()}")
    return ("unshare", "-rm", "sh", "-c", f'{script}{grow}; echo "$code" >&2; "$@" --resume', "sh")


def test_a_full_disk_stops_the_run_and_resume_completes_it(here: Path) -> None:
    (here / "results").mkdir()
    process = start(here, "demo.yaml", "--set", "repeat.starts=10", prefix=in_small_disk())
    out, error = process.communicate()
    assert process.returncode in (0, INVALID_RUN), error
    first, code, *rest = error.splitlines()
    assert first.startswith("zyphos-lab: ") and "No space left on device" in first
    assert "free some space and go on with --resume" in first
    assert code == "1" and len(rest) == (process.returncode != 0), error
    told = reported(out)
    assert sorted(told) == list(range(20))
    assert len(told) == len(set(told))  # none was run again
    kept = subprocess.run(["tar", "xf", "kept.tar"], cwd=here, capture_output=True)
    assert kept.returncode == 0
    [manifest] = manifests(here)
    before = Store.open(manifest.parent)
    assert 0 < len(before.finished()) < 20
    assert before.finished() == set(told[: len(before.finished())])
    assert not list(manifest.parent.glob(".*.tmp"))


EACH_WRITE = HERE / "full_disk.py"


def test_every_write_on_a_full_disk_is_one_line_and_harms_nothing(tmp_path: Path) -> None:
    in_small_disk()
    (tmp_path / "disk").mkdir()
    script = 'mount -t tmpfs -o size=2m none disk && exec "$0" "$@"'
    command = ["unshare", "-rm", "sh", "-c", script, sys.executable, str(EACH_WRITE), "disk"]
    env = {**os.environ, "PYTHONPATH": os.pathsep.join([str(HERE), *sys.path])}
    done = subprocess.run(command, cwd=tmp_path, env=env, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    told: list[dict[str, Any]] = [json.loads(line) for line in done.stdout.splitlines()]
    assert [one["write"] for one in told] == ["journal", "manifest", "tables", "answer", "report"]
    for one in told:
        assert "cannot be written: No space left on device" in one["message"], one
        assert "\n" not in one["message"] and one["exit_code"] == 1, one
        assert one["finished_before"] == one["finished_after"], one
        assert one["unchanged"] and not one["left"], one
        assert one["again"], one


@pytest.mark.parametrize("kind", ["trial", "plan"])
def test_after_a_damaged_line_what_is_lost_is_run_again_and_nothing_else(
    here: Path, kind: str
) -> None:
    process = start(here, "demo.yaml", "--set", "repeat.starts=2")
    _, error = process.communicate()
    [manifest] = manifests(here)
    assert_measured(process.returncode, Store.open(manifest.parent), error)
    journal = manifest.parent / JOURNAL
    lines = journal.read_bytes().splitlines(keepends=True)
    at = next(i for i, line in enumerate(lines) if f'"event":"{kind}"'.encode() in line)
    lines[at] = lines[at].replace(b'"cell"', b'"call"', 1)
    journal.write_bytes(b"".join(lines))
    lost = set(range(4)) - Store.open(manifest.parent).finished()
    assert len(lost) == (kind == "trial")
    process = start(here, "--resume")
    out, error = process.communicate()
    again = Store.open(manifest.parent)
    assert_measured(process.returncode, again, error)
    assert set(reported(out)) == lost
    assert sorted(row["trial"] for row in again.rows()) == list(range(4))
    notes = [event["code"] for event in again.events() if event["event"] == "note"]
    assert notes[0] == "damaged_line"


@pytest.mark.parametrize("command", ["show", "report", "run --resume", "notebook"])
def test_a_cut_manifest_is_one_line_and_the_trials_stay_readable(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], command: str
) -> None:
    store = store_factory.make_store(tmp_path, starts=1)
    whole = (store.path / MANIFEST).read_bytes()
    for size in (0, 1, len(whole) // 2, len(whole) - 2):
        (store.path / MANIFEST).write_bytes(whole[:size])
        capsys.readouterr()
        assert run([*command.split(), str(store.path), "--results", str(tmp_path)]) == 2
        error = capsys.readouterr().err
        assert error.count("\n") == 1 and MANIFEST in error, error
    assert run(["query", "SELECT count(*) AS n FROM trials", "--results", str(tmp_path)]) == 0
    assert "17" in capsys.readouterr().out
    assert run(["list", "--results", str(tmp_path)]) == 0
    assert "damaged: " in capsys.readouterr().out


def test_tables_are_made_again_so_rarely_that_all_of_it_is_linear(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from zyphos_lab import tables

    sizes: list[int] = []
    write = tables.write

    def counted(path: Path, rows: list[Any], *rest: Any) -> None:
        sizes.append(len(rows))
        write(path, rows, *rest)

    monkeypatch.setattr(tables, "write", counted)
    store_factory.make_store(tmp_path, starts=16, histograms=False)
    assert sizes == [1, 2, 4, 8, 16, 32, 64, 128, 256, 272]
