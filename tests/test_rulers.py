"""Other people's load generators: what they say is read from captured output, and each one that is
installed runs for real; their command lines follow the load; a missing one is skipped and said."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from zyphos_lab import spec
from zyphos_lab.errors import GeneratorError, SpecError
from zyphos_lab.rulers import found, go_build, identity, notes, result, vegeta
from zyphos_lab.rulers.base import Job, Said
from zyphos_lab.spec.models import Generator, Load
from zyphos_lab.spec.ruler_rules import TOOLS
from zyphos_lab.store import Store

CAPTURED = Path(__file__).parent / "rulers"  # 1 s, 2 connections, 20/s where it knows a rate
SECOND_NS = 1_000_000_000
END_SECONDS = 60
EXPERIMENT = """
schema: 1
name: peers
question: What do they say?
targets:
  s: {engine: epoll, protocol: http1}
load: {protocol: http1, connections: 4, arrival: {law: constant, rate: 200/s}, deadline: 5s}
factors:
  generator: {set: load.generator, values: VALUES}
repeat: {starts: 1, warmup: 0s, window: 1s}
probes: [rusage]
"""


def job(folder: Path, tool: str = "wrk", **load: Any) -> Job:
    made = Load.model_validate({"protocol": "http1", "generator": tool, "connections": 2, **load})
    return Job(tool, made, "http://127.0.0.1:80/", SECOND_NS, folder)


def read(tool: str) -> Said:
    folder = CAPTURED / tool
    if tool == "vegeta":
        return vegeta.said_of((folder / "vegeta.csv").read_text())
    output = folder / "output.txt"  # oha and vegeta print nothing
    text = output.read_text() if output.exists() else ""
    return found.ADAPTERS[tool].read(job(folder, tool), text)


@pytest.mark.parametrize("tool", TOOLS)
def test_what_a_tool_said_is_read(tool: str) -> None:
    said = read(tool)
    assert said.failed == 0 and not said.errors
    if TOOLS[tool].rate:
        assert said.done in (20, 21)  # oha sends one more at the end
    assert 0.9 * SECOND_NS < said.run_ns < 1.3 * SECOND_NS
    if said.samples is not None:
        assert len(said.samples.latency_ns) == said.done
        assert said.samples.latency_ns.min() > 0 and said.samples.latency_ns.max() < SECOND_NS
        assert 0.9 * SECOND_NS < np.ptp(said.samples.start_ns) < SECOND_NS


def test_numbers_are_those_of_the_captured_text() -> None:
    wrk, ab, oha = read("wrk"), read("ab"), read("oha")
    text = (CAPTURED / "wrk/output.txt").read_text()
    assert f"{wrk.done} requests in" in text
    assert wrk.latency_ns["max"] == json.loads(text.splitlines()[-1][7:])["max"] * 1000
    rows = dict(line.split(",") for line in (CAPTURED / "ab/ab.csv").read_text().splitlines())
    assert ab.latency_ns["p99"] == float(rows["99"]) * 1e6
    assert "p99_9" not in ab.latency_ns and "mean" not in ab.latency_ns
    told = json.loads((CAPTURED / "oha/oha.json").read_text())
    assert oha.latency_ns["p99_9"] == told["latencyPercentiles"]["p99.9"] * 1e9
    assert oha.latency_ns["max"] == told["summary"]["slowest"] * 1e9


def test_wrong_answers_are_no_right_ones(tmp_path: Path) -> None:
    line = "1,{code},2000,0,13,{error},,,0,GET,http://h/,"
    rows = [line.format(code=200, error=""), line.format(code=500, error="500 Oops"),
            line.format(code=0, error="dial tcp: connection refused")]  # fmt: skip
    said = vegeta.said_of("\n".join(rows))
    assert (said.done, said.failed) == (1, 2)
    assert said.errors == {"500_oops": 1, "connection_refused": 1}
    (tmp_path / "h2load.log").write_text("10\t200\t5\n20\t-1\t5\n30\t404\t5\n")
    text = "finished in 1.00s, 3.00 req/s\nrequests: 3 total, 3 done, 1 succeeded, 2 failed, 0 e\n"
    said = found.ADAPTERS["h2load"].read(job(tmp_path, "h2load"), text)
    assert (said.done, said.failed) == (1, 2)
    assert said.samples is not None and list(said.samples.latency_ns) == [5000]


@pytest.mark.parametrize("tool", TOOLS)
def test_nonsense_is_no_result(tool: str, tmp_path: Path) -> None:
    with pytest.raises((ValueError, OSError)):
        found.ADAPTERS[tool].read(job(tmp_path, tool), "nothing of the kind\n")


def test_the_command_line_follows_the_load(tmp_path: Path) -> None:
    load = {"threads": 2, "connections": 8, "method": "POST", "body": "hello",
            "headers": {"X-A": "b"}, "arrival": {"law": "constant", "rate": "100/s"}}  # fmt: skip
    lines = {
        tool: " ".join(found.ADAPTERS[tool].words(job(tmp_path, tool, **load))) for tool in TOOLS
    }
    assert "-t 2 -c 8 -d 1s --timeout 1s" in lines["wrk"]
    script = (tmp_path / "wrk.lua").read_text()
    assert "wrk.method" in script and r"\104\101\108\108\111" in script  # "hello"
    assert "--rps=12.5" in lines["h2load"] and "--header=:method: POST" in lines["h2load"]
    assert "-t 1 -n 1000000 -c 8" in lines["ab"] and "-p " in lines["ab"]
    assert "-q 100 " in lines["oha"] and "-z 1000000000ns" in lines["oha"]
    assert lines["vegeta"].startswith("-cpus=2 attack ") and "-rate=100/1s" in lines["vegeta"]
    assert "X-A: b" in (tmp_path / "targets").read_text()
    closed = found.ADAPTERS["vegeta"].words(job(tmp_path, "vegeta", connections=8))
    assert "-rate=0" in closed and "-max-workers=8" in closed
    assert "--rps" not in " ".join(found.ADAPTERS["h2load"].words(job(tmp_path, "h2load")))


def test_what_is_not_said_is_missing_with_its_reason(tmp_path: Path) -> None:
    arrival = {"law": "constant", "rate": "20/s"}
    there = found.Found(found.ADAPTERS["ab"], "ab", "2.3")
    made = result.result_of(read("ab"), job(tmp_path, "ab", arrival=arrival), there, 10**8, 0)
    assert made["law"] == "closed" and made["rate_asked_per_second"] is None
    assert made["reported"]["latency_ns_p99_9"] is None
    assert made["skipped"]["latency_ns mean, p99_9"] == "not said by ab"
    assert made["skipped"]["rate_asked_per_second"] == "ab knows no rate: it ran closed"


def test_single_requests_become_histograms_of_the_window(tmp_path: Path) -> None:
    there = found.Found(found.ADAPTERS["h2load"], "h2load", "1")
    said = read("h2load")
    assert said.samples is not None
    started_ns = int(said.samples.start_ns.min())
    made = result.result_of(said, job(tmp_path, "h2load"), there, 10**8, started_ns)
    assert [part["requests_done"] for part in made["intervals"]] == [2] * 10
    assert made["reported"] == {"generator_version": "1"}
    assert len(made["intervals"]) == 10
    assert sum(part["requests_done"] for part in made["intervals"]) == made["requests_done"] == 20


def test_a_missing_tool_is_named_with_its_source() -> None:
    with pytest.raises(GeneratorError) as caught:
        found.find(Generator(tool="wrk", path="/nowhere/wrk"))
    assert "no program `/nowhere/wrk`" in str(caught.value)
    assert "apt-get install wrk" in str(caught.value)


def built_by_go(modules: str, flags: int = 2) -> bytes:
    """What the Go linker leaves in a program: behind strings that only look like it."""
    guard = bytes(16)
    texts = [b"go1.24.1", guard + modules.encode() + guard]
    strings = b"".join(bytes([len(t) & 127 | 128, len(t) >> 7]) + t for t in texts)
    head = go_build.MAGIC + bytes([8, flags]) + bytes(16)
    return b"x" * 3 + go_build.MAGIC + bytes(1 + 14) + head + strings


@pytest.mark.parametrize(
    ("flags", "line", "version"),
    [
        (2, "mod\tgithub.com/tsenart/vegeta/v12\tv12.12.0\th1:x=", "v12.12.0"),
        (2, "build\t-buildmode=exe", "unknown"),
        (0, "mod\tgithub.com/tsenart/vegeta/v12\tv12.12.0", "unknown"),
    ],
)
def test_a_go_program_that_does_not_say_its_version_is_asked_otherwise(
    tmp_path: Path, flags: int, line: str, version: str
) -> None:
    program = tmp_path / "vegeta"
    script = b"#!/bin/sh\necho 'Version: '\nexit\n"
    module = "path\tgithub.com/tsenart/vegeta/v12\n" + line + "\n"
    program.write_bytes(script.ljust(48, b"#") + built_by_go(module, flags))
    program.chmod(0o755)
    assert found.find(Generator(tool="vegeta", path=str(program))).version == version


def test_go_itself_says_the_same() -> None:
    tool = shutil.which("go")
    if tool is None:
        pytest.skip("no Go here to compare with")
    command = [tool, "version", "-m", tool, "/usr/local/bin"]
    told = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    versions: dict[str, str | None] = {}
    for line in told.splitlines():
        if not line.startswith("\t"):
            program = line.rpartition(": ")[0]
            versions[program] = None
        elif line.startswith("\tmod\t"):
            versions[program] = line.split("\t")[3]
    assert versions
    assert {name: go_build.version(Path(name)) for name in versions} == versions


def started(folder: Path, values: str) -> tuple[int, Store, str]:
    """Exit code, run and stderr of the experiment with these generators."""
    (folder / "x.yaml").write_text(EXPERIMENT.replace("VALUES", values))
    command = [sys.executable, "-m", "zyphos_lab.cli", "run", "x.yaml"]
    command += ["--no-notebook", "--no-report"]
    env = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    done = subprocess.run(
        command, cwd=folder, env=env, capture_output=True, text=True, timeout=END_SECONDS
    )
    return done.returncode, Store.open(next((folder / "results/peers").iterdir())), done.stderr


@pytest.mark.native
@pytest.mark.core
@pytest.mark.parametrize("tool", TOOLS)
def test_an_installed_tool_runs_for_real(tool: str, tmp_path: Path) -> None:
    if shutil.which(tool) is None:
        pytest.skip(f"{tool} is not on this machine ({found.ADAPTERS[tool].package})")
    _, store, _ = started(tmp_path, f"[{tool}]")
    [event] = store.trial_events()
    row = event["row"]
    assert row["generator"] == tool and row["generator_version"]
    assert row["requests_failed"] == 0, row
    rated = TOOLS[tool].rate
    assert row["law"] == ("constant" if rated else "closed")
    # A rate of 200/s for 1 s, or as fast as it goes: the count is arithmetic, no speed.
    assert 150 <= row["requests_done"] <= (210 if rated else 10**7)
    assert 0 < row["latency_ns_min"] <= row["latency_ns_p50"] <= row["latency_ns_max"]
    assert row["client_cpu_ns"] > 0 and row["client_threads_busy_ratio"] > 0
    assert row["service_ns_p50"] is None and "service_ns" in row["skipped"]
    # What gives no single requests is kept in its own words.
    assert bool(event.get("said")) == ("latency_ns" not in event["histograms"])


@pytest.mark.native
@pytest.mark.core
def test_a_missing_tool_costs_its_own_cells_alone(tmp_path: Path) -> None:
    values = "{zyphos: zyphos, none: {tool: wrk, path: /nowhere/wrk}}"
    code, store, error = started(tmp_path, values)
    rows = {row["cell"]: row for row in store.rows()}
    ours, none = rows["generator=zyphos"], rows["generator=none"]
    assert code == (5 if ours["verdict"] == "INVALID" else 0), error  # on a starved machine
    assert ours["requests_done"] > 0 and ours["law"] == "constant"
    assert none["verdict"] == "INVALID" and none["latency_ns_p99"] is None
    assert [reason["code"] for reason in none["reasons"]] == ["generator_failed"]
    assert "generator wrk is not on this machine" in error
    answer = json.loads((store.path / "answer.json").read_text())
    told = {one["code"]: one["message"] for one in answer["reasons"]}
    assert "apt-get install wrk" in told["generator_failed"]
    assert "generator=none" not in told.get("cell_without_valid_trial", "")


def cells(change: tuple[str, str], values: str = "[zyphos, wrk]") -> Any:
    return spec.loads(EXPERIMENT.replace("VALUES", values).replace(*change)).cells


def test_a_law_that_is_not_kept_is_said_before_the_run() -> None:
    told = [message for code, message in notes(cells(("x", "x"))) if code == "law_not_kept"]
    assert told == ["generator wrk knows no rate: where law constant is asked it runs closed"]
    assert [identity(cell.load)["law"] for cell in cells(("x", "x"))] == ["constant", "closed"]


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        (("[zyphos, wrk]", "[zyphos, wkr]"), "did you mean `wrk`?"),
        (("law: constant", "law: poisson"), "generator wrk has no law poisson"),
        (("window: 1s", "window: 1500ms"), "generator wrk counts in whole seconds"),
        (("deadline: 5s", "socket: {tcp_nodelay: true}"), "generator wrk knows no `socket`"),
        (("deadline: 5s", "requests: [{path: /}]"), "generator wrk knows no `requests`"),
        (
            ("deadline: 5s", "requests_per_connection: 2"),
            "generator wrk knows no `requests_per_con",
        ),
        (("deadline: 5s", "read_rate: 1Mbit/s"), "generator wrk knows no `read_rate`"),
        (("deadline: 5s", "wire_timeout: 1s"), "generator wrk knows no `wire_timeout`"),
        (("[zyphos, wrk]", "{a: {tool: zyphos, path: x}}"), "neither path nor arguments"),
        (("[zyphos, wrk]", "{a: {tool: wrk, argumens: []}}"), "unknown key `argumens`"),
    ],
)
def test_what_a_tool_cannot_do_is_a_complaint(change: tuple[str, str], complaint: str) -> None:
    with pytest.raises(SpecError) as caught:
        spec.loads(EXPERIMENT.replace("VALUES", "[zyphos, wrk]").replace(*change))
    assert complaint in str(caught.value)
