"""The command line: one line per error, its exit code, nothing heavy for help."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

import fakes
from zyphos_lab.cli.main import COMMANDS, run

EXPERIMENT = """
schema: 1
name: demo
question: Is it shown?
targets:
  echo: {engine: epoll, protocol: echo}
load: {protocol: echo, connections: 2, deadline: 100ms}
factors:
  nodelay: {set: load.socket.tcp_nodelay, values: [false, true]}
compare: [{factor: nodelay, baseline: false, metrics: [latency_ns_p50]}]
repeat: {starts: 2, warmup: 0, window: 60ms}
probes: [rusage]
"""
HEAVY = {
    "numpy", "pandas", "pyarrow", "scipy", "matplotlib", "pydantic", "rich", "duckdb", "ruamel",
    "zyphos_lab._core",
}  # fmt: skip


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, quiet_machine: None) -> Path:
    """A folder with demo.yaml, the fakes in place."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("ZYPHOS_BIN", str(fakes.programs(tmp_path)))
    (tmp_path / "demo.yaml").write_text(EXPERIMENT)
    return tmp_path


def failing(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, str]:
    code = run(list(arguments))
    error = capsys.readouterr().err
    assert "Traceback" not in error
    assert all(line.startswith("zyphos-lab: ") for line in error.splitlines())
    return code, error


def test_help_imports_nothing_heavy() -> None:
    code = "import sys\nfrom zyphos_lab.cli.main import run\nrun(['--help'])\nprint(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    loaded = set(done.stdout.splitlines()[-1].split())
    assert "click" in loaded
    assert not loaded & HEAVY


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_has_help_with_examples(
    name: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run([name, "--help"]) == 0
    assert f"zyphos-lab {name}" in capsys.readouterr().out.partition("Examples:")[2]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["rnu"], "did you mean `run`?"),
        (["run"], "which experiment?"),
        (["run", "nope.yaml"], "cannot read nope.yaml"),
        (["run", "demo.yaml", "--sed", "1"], "No such option"),
        (["run", "demo.yaml", "--profile", "nope"], "nope"),
        (["run", "demo.yaml", "--set", "load.conections=1"], "conections"),
        (["run", "demo.yaml", "--resume"], "no run of demo"),
        (["show"], "no run in results"),
        (["show", "nope"], "no run in results"),
        (["load", "http://192.0.2.1/"], "not an address of this machine"),
        (["load", "ftp://127.0.0.1/"], "cannot be loaded"),
        (["load", "127.0.0.1"], "not a URL or HOST:PORT"),
        (["load", "127.0.0.1:80", "--duration", "5"], "--duration"),
        (["load", "127.0.0.1:80", "--law", "poisson"], "--law poisson needs --rate"),
        (["load", "127.0.0.1:80", "--law", "ramp", "--from", "9/s"], "--law ramp needs --to"),
        (["load", "127.0.0.1:80", "--on", "1s"], "--on does not go with --law closed"),
        (["load", "127.0.0.1:80", "--law", "trace", "--trace", "/no"], "/no: No such file"),
        (["serve", "--cpus", "4000"], "there is no cpu 4000"),
        (["serve", "--engine", "epol"], "epoll"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_usage_errors_are_one_line_and_2(
    here: Path, capsys: pytest.CaptureFixture[str], arguments: list[str], message: str
) -> None:
    code, error = failing(capsys, *arguments)
    assert code == 2
    assert message in error
    assert len(error.splitlines()) == 1


def test_a_mistake_in_the_file_has_its_place(
    here: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (here / "demo.yaml").write_text(EXPERIMENT.replace("connections:", "conections:"))
    code, error = failing(capsys, "run", "demo.yaml")
    assert code == 2
    assert error.startswith("zyphos-lab: demo.yaml:7:24: ")
    assert "connections" in error


def test_a_bug_of_ours_is_one_line_and_a_file(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    monkeypatch.setattr("zyphos_lab.runs.find", lambda *_: 1 // 0)
    code, error = failing(capsys, "show")
    assert code == 1
    assert "internal error: ZeroDivisionError" in error
    [file] = tmp_path.iterdir()
    assert "Traceback" in file.read_text()


def test_programs_older_than_their_sources_are_told_to_be_rebuilt(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    def newer(*_: object) -> None:
        raise KeyError("link_forward_marked_packets")

    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    monkeypatch.setattr("zyphos_lab.runs.find", newer)
    monkeypatch.setattr("zyphos_lab.native.outdated", lambda: "cpp/link/counters.h")
    code, error = failing(capsys, "show")
    assert code == 1
    assert error.startswith(
        "zyphos-lab: the built programs are older than the sources (cpp/link/counters.h): "
        "rebuild them with `make build` (KeyError: 'link_forward_marked_packets'; traceback in "
    )
    assert "internal error" not in error and error.count("\n") == 1
    monkeypatch.setattr("zyphos_lab.native.outdated", lambda: "")
    assert "internal error: KeyError" in failing(capsys, "show")[1]


def test_a_source_is_newer_than_what_was_built(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    from zyphos_lab import native

    built, sources = tmp_path / "bin", tmp_path / "cpp" / "link"
    for folder, names in ((built, ["zyphos-link", "zyphos-load"]),
                          (sources, ["board.h", "board_test.cpp", "notes.md"])):  # fmt: skip
        folder.mkdir(parents=True)
        for at, name in enumerate(names):
            (folder / name).touch()
            os.utime(folder / name, (1000, 1000 + at))
    monkeypatch.setenv("ZYPHOS_BIN", str(built))
    monkeypatch.setattr(native, "__file__", str(tmp_path / "zyphos_lab" / "native.py"))
    monkeypatch.setattr(native, "_module", list)
    assert native.outdated() == ""
    for name in ("board_test.cpp", "notes.md"):  # no part of what runs
        os.utime(sources / name, (2000, 2000))
    assert native.outdated() == ""
    os.utime(sources / "board.h", (1002, 1002))
    assert native.outdated() == "cpp/link/board.h"
    os.utime(built / "zyphos-load", (1003, 1003))
    assert native.outdated() == ""
    (sources / "board.h").unlink()
    (sources / "board_test.cpp").unlink()
    assert native.outdated() == "", "an installed package has no sources beside it"


def test_plan_runs_nothing(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["run", "demo.yaml", "--plan"]) == 0
    out = capsys.readouterr().out
    assert "2 cells x 2 starts = 4 trials" in out
    assert not (here / "results").exists()
    assert run(["run", "demo.yaml", "--plan", "--json", "--seed", "5"]) == 0
    assert json.loads(capsys.readouterr().out)["seed"] == 5


def test_run_show_list_and_compare(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for _ in range(2):
        assert run(["run", "demo.yaml", "--no-notebook"]) == 0
    out = capsys.readouterr().out
    [first, second] = sorted((here / "results" / "demo").iterdir())
    assert f"results/demo/{second.name}" in out
    assert (second / "report.html").stat().st_size > 0
    assert json.loads((second / "answer.json").read_text())["run"] == second.name
    assert run(["show", "last", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["run"] == second.name
    assert run(["list", "--json", "--experiments", "."]) == 0
    listed = json.loads(capsys.readouterr().out)
    assert [entry["run"] for entry in listed["runs"]] == [first.name, second.name]
    assert listed["experiments"][0]["question"] == "Is it shown?"
    assert run(["compare", first.name, second.name]) == 0
    assert "nodelay=true" in capsys.readouterr().out


def test_json_is_one_event_per_line(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["run", "demo.yaml", "--json", "--no-notebook", "--no-report"]) == 0
    events = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [event["event"] for event in events] == ["run", *["trial"] * 4, "summary"]
    assert events[-1]["answer"]["trials_done"] == 4
    assert "report" not in events[-1]["files"]


def test_require_conclusive_is_4(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    arguments = ["run", "demo.yaml", "--no-notebook", "--no-report", "--require-conclusive"]
    assert run(arguments) == 2  # two starts cannot tell anything
    assert "refused: 2 starts" in capsys.readouterr().err
    code = run([*arguments, "--force"])
    assert code == 4
    assert "inconclusive" in capsys.readouterr().err


def test_a_run_without_a_valid_trial_is_5(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    fakes.programs(here, {"load": {"failed": 1}})
    code = run(["run", "demo.yaml", "--no-notebook", "--no-report"])
    assert code == 5
    assert "INVALID" in capsys.readouterr().err


def test_a_target_that_cannot_start_is_5(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    fakes.programs(here, {"serve": {"exit": 1, "say": "zyphos-serve: cannot bind"}})
    code = run(["run", "demo.yaml", "--no-notebook"])
    error = capsys.readouterr().err
    assert code == 5
    assert "zyphos-lab: target echo: zyphos-serve did not start; exit code 1" in error


def test_load_reads_back_what_the_load_says(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        place = f"http://127.0.0.1:{server.getsockname()[1]}/"
        quick = ["--duration", "20ms", "--warmup", "0"]
        assert run(["load", place, *quick]) == 0
        out = capsys.readouterr().out
        assert "500/s" in out and "p99.9 1.00 us" in out and "VALID" in out
        assert run(["load", place, *quick, "--json"]) == 0
        assert json.loads(capsys.readouterr().out)["requests_done"] == 10
        fakes.programs(here, {"load": {"failed": 2}})
        code, error = failing(capsys, "load", place, *quick)
        assert code == 5 and "wrong answers" in error
        fakes.programs(here, {"load": {"error": "connect_refused"}})
        code, error = failing(capsys, "load", place, *quick)
        assert code == 5 and "scripted connect_refused" in error


def test_serve_becomes_the_server(here: Path) -> None:
    command = [sys.executable, "-m", "zyphos_lab.cli", "serve", "--protocol", "echo"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=os.environ) as server:
        assert server.stdout is not None
        place = server.stdout.readline()
        assert place.startswith("listening 127.0.0.1:")
        server.terminate()
        assert server.wait() == 0


def test_schema_is_a_schema(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["schema"]) == 0
    schema: dict[str, Any] = json.loads(capsys.readouterr().out)
    assert "targets" in json.dumps(schema)


RARE = """
schema: 1
name: rare
question: Can so few requests have a p99?
targets: {echo: {engine: epoll, protocol: echo}}
load: {protocol: echo, connections: 2, arrival: {law: constant, rate: 100/s}}
factors: {nodelay: {set: load.socket.tcp_nodelay, values: [false, true]}}
compare: [{factor: nodelay, baseline: false, metrics: [latency_ns_p99]}]
repeat: {starts: 2, warmup: 0, window: 20ms}
"""


def test_what_arithmetic_forbids_is_refused_up_front(
    here: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (here / "rare.yaml").write_text(RARE)
    assert run(["run", "rare.yaml"]) == 2
    said = capsys.readouterr().err
    assert "refused: nodelay=false: 2 requests per start are too few for latency_ns_p99" in said
    assert "--force" in said
    assert not list(here.glob("results/rare/*"))
    assert run(["run", "rare.yaml", "--plan"]) == 2
    assert "refused: nodelay=true: 2 requests" in capsys.readouterr().out
    run(["run", "rare.yaml", "--force", "--no-notebook", "--no-report"])
    answer = json.loads(next(here.glob("results/rare/*/answer.json")).read_text())
    assert answer["command"].endswith("--force")
    assert "forced_too_few_requests" in [remark["code"] for remark in answer["remarks"]]


def test_a_plan_says_what_could_be_detected(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (here / "rare.yaml").write_text(RARE.replace("p99", "p50").replace("starts: 2", "starts: 8"))
    assert run(["run", "rare.yaml", "--plan", "--set", "repeat.window=1s"]) == 0
    said = capsys.readouterr().out
    noise = "latency_ns_p50: with 8 starts and run-to-run noise of 3 % (assumed) a difference of"
    assert noise in said
    assert "stage measure: 16 trials" in said
    run(["run", "rare.yaml", "--plan", "--set", "repeat.starts=4", "--set", "repeat.window=1s"])
    assert "no difference can be found" in capsys.readouterr().out
