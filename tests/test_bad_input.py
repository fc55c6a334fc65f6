"""What users and machines do wrong, through the command itself: one clear line, its exit code, no
traceback, nothing measured lost, nothing left running. Targets are real programs; servers and load
are scripted (fakes.py), but where the real load matters.
"""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
from pathlib import Path

import pytest

import fakes
from running import served
from zyphos_lab.cli.main import run
from zyphos_lab.store import JOURNAL, Store

EXPERIMENT = """
schema: 1
name: demo
question: Is it said in one line?
targets:
  server: SERVER
load: {protocol: echo, connections: 2, deadline: 100ms}
repeat: {starts: 3, warmup: 0, window: 60ms}
probes: [rusage]
"""
OURS = "{engine: epoll, protocol: echo}"
QUIET = ["--no-notebook", "--no-report"]
END_SECONDS = 60


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, quiet_machine: None) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("ZYPHOS_BIN", str(fakes.programs(tmp_path)))
    write(tmp_path, OURS)
    return tmp_path


def write(here: Path, server: str) -> None:
    (here / "demo.yaml").write_text(EXPERIMENT.replace("SERVER", server))


def lab(here: Path, *arguments: str, stdout: int = subprocess.PIPE) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "zyphos_lab.cli", *arguments]
    env = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    return subprocess.Popen(
        command, cwd=here, env=env, text=True, stdout=stdout, stderr=subprocess.PIPE
    )


def last_line(capsys: pytest.CaptureFixture[str]) -> str:
    error = capsys.readouterr().err
    assert "Traceback" not in error and "internal error" not in error
    return error.splitlines()[-1]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "demo.yaml:1:1: an experiment is a mapping"),
        (b"- 1\n", "demo.yaml:1:1: an experiment is a mapping"),
        (b"\0" * 50, "demo.yaml:1:1: not YAML"),
        (b"\xff\xfe\x80", "cannot read demo.yaml: it is not UTF-8 text"),
        (b"schema: 1\n\tname: x\n", "demo.yaml:2:1: not YAML"),
        (b"load: [", "demo.yaml:1:"),
    ],
    ids=["empty", "list", "zeros", "binary", "tab", "torn"],
)
def test_a_file_that_is_none(
    here: Path, capsys: pytest.CaptureFixture[str], content: bytes, message: str
) -> None:
    (here / "demo.yaml").write_bytes(content)
    assert run(["run", "demo.yaml"]) == 2
    assert last_line(capsys).startswith(f"zyphos-lab: {message}")


def test_a_folder_is_no_file(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["run", "."]) == 2
    assert last_line(capsys) == "zyphos-lab: cannot read .: is a directory"


SHELL = "[sh, -c, 'TEXT', '{port}']"
TARGETS = {
    "no such program": ("{command: [no-such-program, '{port}']}", "no such program"),
    "ends at once": (f"{{command: {SHELL.replace('TEXT', 'echo boo; exit 7')}}}", "code 7: boo"),
    "never ready": (
        "{command: [sleep, '60', '{port}'], ready: {tcp: true, timeout: 100ms}}",
        "not ready after 0.1 s",
    ),
    "attached to none": ("{attach: {port: 1, pid: 4194303}}", "there is no process 4194303"),
    "attached to a deaf one": ("{attach: {port: 1, pid: 1}}", "nothing accepts connections"),
}


@pytest.mark.parametrize(("server", "message"), TARGETS.values(), ids=TARGETS)
def test_a_target_that_cannot_be_measured(
    here: Path, capsys: pytest.CaptureFixture[str], server: str, message: str
) -> None:
    write(here, server)
    assert run(["run", "demo.yaml", *QUIET]) == 5
    line = last_line(capsys)
    assert line.startswith("zyphos-lab: target server: ")
    assert message in line


def test_a_port_in_use(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        write(here, f"{{command: [sleep, '60'], port: {port}}}")
        assert run(["run", "demo.yaml", *QUIET]) == 5
    assert f"port {port} on 127.0.0.1: Address already in use" in last_line(capsys)


def test_results_that_cannot_be_written(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (here / "results").mkdir()
    (here / "results" / "demo").write_text("a file")
    assert run(["run", "demo.yaml", *QUIET]) == 2
    assert "exists and is not a folder" in last_line(capsys)


def test_a_full_output_is_one_line(here: Path) -> None:
    with open("/dev/full", "w") as full:
        process = lab(here, "run", "demo.yaml", "--plan", stdout=full.fileno())
        _, error = process.communicate(timeout=END_SECONDS)
    assert process.returncode == 1
    assert error == "zyphos-lab: the output cannot be written: No space left on device\n"


def test_who_closes_the_pipe_loses_nothing(here: Path) -> None:
    with lab(here, "run", "demo.yaml", "--json", *QUIET) as process:
        assert process.stdout is not None and process.stderr is not None
        assert json.loads(process.stdout.readline())["event"] == "run"
        process.stdout.close()
        assert "Traceback" not in process.stderr.read()
        assert process.wait(END_SECONDS) == 128 + signal.SIGPIPE
    [journal] = here.glob(f"results/demo/*/{JOURNAL}")
    store = Store.open(journal.parent)
    assert store.manifest["status"] == "interrupted"
    assert len(store.rows()) == 1
    assert run(["run", "--resume", *QUIET]) == 0
    assert len(Store.open(journal.parent).rows()) == 3


def test_a_killed_run_is_listed_as_killed(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with lab(here, "run", "demo.yaml", "--json", *QUIET) as process:
        assert process.stdout is not None
        process.stdout.readline()
        process.kill()
        process.stdout.read()
    assert run(["list", "--json"]) == 0
    [entry] = json.loads(capsys.readouterr().out)["runs"]
    assert entry["status"] == "killed"
    assert run(["list"]) == 0
    assert capsys.readouterr().out.splitlines()[-2].split() == [
        "run", "experiment", "profile", "trials", "status",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        (["run", "demo.yaml", "--set", "load.conections=1"], 2),
        (["run", "demo.yaml", "--seed", "x"], 2),
        (["run", "nope.yaml", "--plan"], 2),
        (["show", "nope"], 2),
        (["compare", "nope", "last"], 2),
        (["load", "127.0.0.1:80", "--cpus", "x"], 2),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_errors_are_json_too(
    here: Path, capsys: pytest.CaptureFixture[str], arguments: list[str], code: int
) -> None:
    assert run([*arguments, "--json"]) == code
    found = json.loads(capsys.readouterr().out)
    assert (found["event"], found["exit_code"]) == ("error", code)
    assert found["message"]


def test_complaints_are_json_with_their_place(
    here: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write(here, "{engine: epol, protocol: echo}")
    assert run(["run", "demo.yaml", "--json"]) == 2
    [complaint] = json.loads(capsys.readouterr().out)["complaints"]
    assert (complaint["file"], complaint["line"], complaint["column"]) == ("demo.yaml", 6, 20)
    assert complaint["hint"] == "did you mean `epoll`?"


@pytest.mark.native
@pytest.mark.core
@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (["--status", "404"], 5, "wrong answers: "),
        (["--socket", "nope=1"], 2, "unknown option 'socket.nope'"),
        (["--header", "nope"], 2, "'header.nope' is not key=value"),
        (["--cpus", "4000"], 2, "there is no cpu 4000"),
        (["--cpus", "x"], 2, "--cpus x: not a list of processors"),
        (["--rate", "5"], 2, "--rate: `5` is not a rate (did you mean `5/s`?)"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_the_real_load_refuses_in_one_line(
    capsys: pytest.CaptureFixture[str], arguments: list[str], code: int, message: str
) -> None:
    with served("engine=epoll", "protocol=http1") as server:
        place = f"http://127.0.0.1:{server.port}/"
        assert run(["load", place, "--duration", "50ms", "--warmup", "0s", *arguments]) == code
    assert message in last_line(capsys)
