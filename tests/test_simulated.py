"""Code paths and their simulated counts: exact to the unit, labelled, skipped loudly."""

from __future__ import annotations

import io
import json
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

from machine import codes
from running import refused
from zyphos_lab import plan, runner, spec
from zyphos_lab.child import Children
from zyphos_lab.errors import MeasurementError, SpecError
from zyphos_lab.native import program
from zyphos_lab.probe_metrics import CODE
from zyphos_lab.progress import JsonProgress
from zyphos_lab.report.words import estimate_text
from zyphos_lab.simulated import callgrind, columns, trial
from zyphos_lab.spec.code_rules import CODE_PATHS
from zyphos_lab.spec.models import Repeat
from zyphos_lab.spec.target_models import CodeTarget
from zyphos_lab.stats.cells import summarise
from zyphos_lab.stats.readings import Reading

SHORT = Repeat.model_validate({"warmup": "0s", "window": "1ms"})
EXPERIMENT = """\
schema: 1
name: sample
question: What does it cost?
targets:
  parser: {code: spin, iterations: 10, input: [{text: x, times: 7}]}
factors:
  size: {set: targets.parser.input.0.times, values: [1, 2, 3]}
repeat: {starts: 1, warmup: 0s, window: 1ms}
probes: []
"""
needs_valgrind = pytest.mark.skipif(bool(callgrind.missing()[0]), reason="no program `valgrind`")


def target(**keys: Any) -> CodeTarget:
    return CodeTarget.model_validate({"iterations": 10, **keys})


def counted(folder: Path, **keys: Any) -> dict[str, Any]:
    row, skipped, reasons = columns(target(**keys), SHORT, Children(folder))
    assert not reasons and set(skipped) <= {"load", "ns_per_iteration"}
    return row


def simulated(row: dict[str, Any]) -> dict[str, float]:
    return {name: row[name] for name in trial.COUNTS}


def test_the_registry_is_the_specs() -> None:
    lines = subprocess.run(
        [program("zyphos-code"), "list"], capture_output=True, text=True, check=True
    ).stdout.splitlines()
    names = [line.split()[0] for line in lines]
    assert names == sorted(names) == list(CODE_PATHS)


def test_every_count_is_a_metric() -> None:
    assert all(f"{name} " in CODE for name in trial.COUNTS)


@needs_valgrind
def test_a_known_loop_is_counted_exactly_and_again_the_same(tmp_path: Path) -> None:
    """`spin` has two instructions for each byte, one of them a branch."""
    short = counted(tmp_path, code="spin", input=["x" * 100])
    again = counted(tmp_path, code="spin", input=["x" * 100])
    long = counted(tmp_path, code="spin", input=[{"text": "x", "times": 350}])
    assert simulated(short) == simulated(again)
    for name, per_byte in (("instructions", 2), ("branches", 1), ("reads", 0), ("writes", 0)):
        column = f"{name}{trial.SUFFIX}"
        assert long[column] - short[column] == 250 * per_byte
    assert short["code_result"] == "100" and short["bytes_per_iteration"] == 100
    assert short["code_instruction_set_simulated"] != "avx512"


@needs_valgrind
def test_somebody_elses_function_is_counted(tmp_path: Path) -> None:
    source, library = tmp_path / "own.c", tmp_path / "own.so"
    source.write_text(
        "#include <stddef.h>\n"
        "int lines(const unsigned char *in, size_t n) {\n"
        "  int found = 0;\n"
        "  for (size_t i = 0; i < n; ++i) found += in[i] == 10;\n"
        "  return n > 3 ? found : -7;\n}\n"
    )
    compiler = shutil.which("gcc") or shutil.which("cc")
    assert compiler
    subprocess.run([compiler, "-O1", "-shared", "-fPIC", source, "-o", library], check=True)
    row = counted(tmp_path, code="lines", library=str(library), input=["a\nb\n"])
    assert row["code_result"] == "2"
    assert row[f"reads{trial.SUFFIX}"] > 4
    code, _, said = refused("zyphos-code", f"library={library}", "symbol=lines")
    assert (code, said) == (2, "zyphos-code: the input has what its function refuses: -7\n")


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["code=sping"], "there is no code path 'sping'; did you mean 'spin'?"),
        ([], "give code= or library=, one of them"),
        (["code=http1_request", "input=/dev/null/x"], "input=/dev/null/x: cannot be read"),
        (["code=spin", "iterations=0"], "iterations=0: must be"),
        (["library=./none.so"], "none.so"),
    ],
)
def test_the_programs_bad_words(words: list[str], said: str) -> None:
    code, out, error = refused("zyphos-code", *words)
    assert code == 2 and not out
    assert error.count("\n") == 1 and said in error


def test_an_input_that_is_not_for_it(tmp_path: Path) -> None:
    for text, why in (("GET / HTTP/1.1\r\n", "cut off"), ("GET\x01/ \r\n\r\n", "refused")):
        (tmp_path / "input").write_text(text)
        code, _, error = refused("zyphos-code", "code=http1_request", f"input={tmp_path}/input")
        assert code == 2 and why in error and error.count("\n") == 1


def test_without_valgrind(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    row, skipped, _ = columns(target(code="nothing"), SHORT, Children(tmp_path))
    assert skipped["simulated counters"] == "no program `valgrind`"
    assert set(simulated(row).values()) == {None}
    assert row["cpu_ns_per_iteration"] > 0
    [note] = [n for n in plan.make(spec.loads(EXPERIMENT)).notes if n.code == "valgrind_missing"]
    assert "skipped" in note.message and "install" in note.message


@needs_valgrind
def test_an_experiment_without_load(tmp_path: Path) -> None:
    running = runner.begin(spec.loads(EXPERIMENT), tmp_path)
    rows = runner.execute(running, JsonProgress(io.StringIO())).rows()
    found = [row[f"instructions{trial.SUFFIX}"] for row in sorted(rows, key=lambda r: r["cell"])]
    assert found[1] - found[0] == found[2] - found[1] == 2
    assert [codes(row) for row in rows] == [[]] * len(rows)
    assert all(row["latency_ns_p50"] is None and "load" in row["skipped"] for row in rows)


@pytest.mark.parametrize(
    ("old", "new", "place", "said"),
    [
        ("code: spin", "code: sping", "5:18", "there is no code path `sping` (did you mean `spin`"),
        ("code: spin", "code: f, library: no.so", "5:30", "cannot read"),
        ("text: x", "hex: 0g", "5:54", "does not fit the pattern"),
        ("text: x,", "text: x, hex: '00',", "5:48", "needs exactly one of text, hex, file"),
        ("text: x", "file: nowhere", "5:48", "cannot read nowhere"),
        ("probes", "load: {protocol: echo}\nprobes", "9:1", "is pure code: it takes no load"),
        ("probes", "link: {kind: veth}\nprobes", "9:1", "is pure code: there is no link"),
        ("code: spin, iterations: 10", "engine: epoll, protocol: echo", "", "unknown key `input`"),
    ],
)
def test_mistakes_in_the_file(old: str, new: str, place: str, said: str) -> None:
    with pytest.raises(SpecError) as caught:
        spec.loads(EXPERIMENT.replace(old, new, 1), "x.yaml")
    lines = str(caught.value).splitlines()
    assert any(said in line and line.startswith(f"x.yaml:{place}") for line in lines), lines


def test_a_server_needs_a_load() -> None:
    text = EXPERIMENT.split("targets:")[0] + "targets: {s: {engine: epoll, protocol: echo}}\n"
    with pytest.raises(SpecError, match="the experiment lacks the key `load`"):
        spec.loads(text)


def test_dumps_that_cannot_be_read(tmp_path: Path) -> None:
    with pytest.raises(MeasurementError, match="wrote no"):
        callgrind.per_iteration(tmp_path, 1)
    for call in (2, 3):
        (tmp_path / f"{callgrind.OUT}.{call}").write_text("events: Ir\ntotals: 5\n")
    with pytest.raises(MeasurementError, match="cannot be read"):
        callgrind.per_iteration(tmp_path, 1)


def test_exact_counts_are_told_apart_from_estimates() -> None:
    readings = ([Reading(float(v)) for v in values] for values in ([1358] * 3, [1, 2, 3], [7]))
    same, differ, alone = readings
    assert estimate_text(summarise(same), "simulated") == "1358 exact, simulated"
    assert estimate_text(summarise(differ), "simulated") == "2 simulated, starts differ [1, 3]"
    assert estimate_text(summarise(alone), "simulated") == "7 simulated, one start"


def test_dumped_input_reads_back() -> None:
    made = target(code="spin", input=["a", {"hex": "00ff", "times": 2}])
    assert CodeTarget.model_validate(json.loads(made.model_dump_json())) == made
