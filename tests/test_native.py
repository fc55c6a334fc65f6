"""The native tests under pytest: each gtest case is one item, each bench runs once, each fuzzer
replays its corpus. Knows nothing of what they test; a failing item shows the program's output."""

import functools
import json
import os
import re
import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path

import pytest

from conftest import BUILD, ROOT

pytestmark = [pytest.mark.native, pytest.mark.gtest]

LIMIT_SECONDS = 300
SANITIZER = re.compile(r"WARNING: ThreadSanitizer|ERROR: \w+Sanitizer|: runtime error: ")


@dataclass(frozen=True)
class Finished:
    """One run of a native program."""

    code: int
    output: str

    def tail(self) -> str:
        """Its last lines, or those from the first report of a sanitizer on."""
        lines = self.output.splitlines()
        reports = [n for n, line in enumerate(lines) if SANITIZER.search(line)]
        shown = lines[reports[0] :][:200] if reports else lines[-200:]
        return f"exit code {self.code}\n" + "\n".join(shown)

    def interrupted(self) -> str:
        """The gtest case that was under way when the program ended, if any."""
        started = re.findall(r"^\[ RUN      \] (\S+)$", self.output, re.M)
        return "" if not started or self.ended(started[-1]) else started[-1]

    def ended(self, case: str) -> bool:
        end = rf"^\[ +(?:OK|FAILED|SKIPPED) +\] {re.escape(case)}\b"
        return re.search(end, self.output, re.M) is not None

    def skip_reason(self, case: str) -> str:
        """What a case printed before it was skipped (gtest 1.12 leaves it out of its report)."""
        name = re.escape(case)
        pattern = rf"^\[ RUN      \] {name}$(.*?)^\[  SKIPPED \] {name}"
        found = re.search(pattern, self.output, re.M | re.S)
        lines = found[1].strip().splitlines() if found else []
        return " ".join(line for line in lines if not re.match(r"\S+:\d+: Skipped", line))


def run(program: Path, *arguments: str, **environment: str) -> Finished:
    """Runs a program to its end; output and errors together, in order."""
    try:
        done = subprocess.run(
            [str(program), *arguments],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
            timeout=LIMIT_SECONDS,
            cwd=tempfile.gettempdir(),
            env={**os.environ, **environment},
        )
    except subprocess.TimeoutExpired as late:
        output = late.output or b""
        text = output if isinstance(output, str) else output.decode(errors="replace")
        return Finished(-1, f"{text}\nstill running after {LIMIT_SECONDS} s")
    return Finished(done.returncode, done.stdout)


def built(kind: str, build: Path = BUILD) -> list[Path]:
    """The programs of one kind that the build made: `test`, `bench` or `fuzz`."""
    paths = sorted((build / kind).glob(f"*_{kind}"))
    return [path for path in paths if os.access(path, os.X_OK)]


def written(kind: str) -> list[str]:
    """The names of the programs that the sources promise."""
    sources = sorted((ROOT / "cpp").rglob(f"*_{kind}.cpp"))
    return [str(s.relative_to(ROOT / "cpp").with_suffix("")).replace("/", "_") for s in sources]


def parse_list(text: str) -> list[str]:
    """The full names in the output of --gtest_list_tests (`Suite.` lines, indented cases)."""
    names, suite = [], ""
    for line in text.splitlines():
        name = line.split("#")[0].rstrip()
        if name.endswith(".") and not name.startswith(" "):
            suite = name
        elif name.startswith("  ") and suite:
            names.append(suite + name.strip())
    return names


@functools.cache
def cases(program: Path) -> list[str]:
    """The gtest cases of a program; a program that cannot even list them is one failing case."""
    listed = run(program, "--gtest_list_tests")
    return parse_list(listed.output) if listed.code == 0 else ["*"]


@functools.cache
def results(program: Path) -> tuple[Finished, dict[str, str]]:
    """Runs a gtest program once: what became of each case ('' passed, else why not)."""
    with tempfile.TemporaryDirectory() as folder:
        report = Path(folder) / "report.json"
        done = run(program, f"--gtest_output=json:{report}")
        outcomes = parse_report(report.read_text()) if report.exists() else {}
    return done, outcomes


def parse_report(text: str) -> dict[str, str]:
    """Per case of a gtest JSON report: '' passed, 'skipped: ...', or its failures."""
    return {
        f"{case['classname']}.{case['name']}": outcome(case)
        for suite in json.loads(text)["testsuites"]
        for case in suite["testsuite"]
    }


def outcome(case: dict) -> str:
    failures = [failure["failure"] for failure in case.get("failures", [])]
    if failures:
        return "\n".join(failures)
    if case.get("result") == "SKIPPED":
        return "skipped: " + " ".join(entry["message"] for entry in case.get("skipped", []))
    return "" if case.get("result") == "COMPLETED" else "did not run"


def items() -> list:
    return [
        pytest.param(program, case, id=f"{program.name}-{case}")
        for program in built("test")
        for case in cases(program)
    ]


@pytest.mark.parametrize(("program", "case"), items())
def test_gtest(program: Path, case: str) -> None:
    done, outcomes = results(program)
    found = outcomes.get(case)
    if found is None:
        ended_in = done.interrupted()
        why = done.tail() if ended_in in {case, ""} else f"did not run: it ended in {ended_in}"
        pytest.fail(f"{program.name} ended without a result for {case}: {why}")
    if found.startswith("skipped: "):
        pytest.skip(done.skip_reason(case) or found.removeprefix("skipped: "))
    assert not found, f"{found}\n\n{done.tail()}"


@pytest.mark.parametrize("program", built("test"), ids=lambda path: path.name)
def test_program_ends_well(program: Path) -> None:
    """Leaks and races found at exit show in the exit code alone."""
    done, outcomes = results(program)
    expected = any(text and not text.startswith("skipped: ") for text in outcomes.values())
    assert (done.code != 0) == expected, done.tail()


@pytest.mark.parametrize("program", built("bench"), ids=lambda path: path.name)
def test_bench_runs(program: Path) -> None:
    done = run(program, "--benchmark_min_time=0.001", ZYPHOS_BENCH_SMOKE="1")
    assert done.code == 0, done.tail()
    assert "ERROR OCCURRED" not in done.output, done.tail()
    assert re.search(r"^\S+ +[\d.]+ [num]?s ", done.output, re.M), f"no result: {done.tail()}"


@pytest.mark.parametrize("program", built("fuzz"), ids=lambda path: path.name)
def test_fuzz_replay(program: Path) -> None:
    done = run(program)
    assert done.code == 0, done.tail()
    assert re.search(r"^replayed [1-9]\d* inputs$", done.output, re.M), done.tail()


def has_tests(build: Path) -> bool:
    cache = build / "CMakeCache.txt"
    return cache.exists() and "ZYPHOS_TESTS:BOOL=ON" in cache.read_text(errors="replace")


@pytest.mark.parametrize("kind", ["test", "bench", "fuzz"])
def test_every_source_became_a_program(kind: str) -> None:
    """A test that is not built would otherwise look like one that passes."""
    if not has_tests(BUILD):
        pytest.skip(f"{BUILD} was built without native tests (libgtest-dev missing?)")
    if kind == "bench" and not (BUILD / "bench").is_dir():
        pytest.skip(f"{BUILD} has no benches (a sanitizer build, or libbenchmark-dev missing)")
    assert [path.name for path in built(kind)] == sorted(written(kind))


def test_tests_are_compiled_quickly() -> None:
    """Lost in a merge, this would cost ten minutes and no test would fail."""
    if not has_tests(BUILD):
        pytest.skip(f"{BUILD} was built without native tests (libgtest-dev missing?)")
    entries = json.loads((BUILD / "compile_commands.json").read_text())
    commands = {one["file"]: one["command"] for one in entries}
    slow = [
        name
        for name, command in commands.items()
        if name.endswith("_test.cpp") and not ("cmake_pch.hxx" in command and "-O0" in command)
    ]
    # Other code generation than the precompiled header's.
    assert slow == [str(ROOT / "cpp/probe/usdt_test.cpp")]


# --- the reader of gtest's own output ------------------------------------------------------------


def test_list_is_read() -> None:
    text = "Running main() from gtest_main.cc\nA.\n  one\n  two  # GetParam() = 3\nB/C.\n  x/0\n"
    assert parse_list(text) == ["A.one", "A.two", "B/C.x/0"]


def test_report_is_read() -> None:
    suite = [
        {"classname": "A", "name": "good", "result": "COMPLETED"},
        {"classname": "A", "name": "bad", "result": "COMPLETED", "failures": [{"failure": "1!=2"}]},
        {"classname": "A", "name": "idle", "result": "SKIPPED", "skipped": [{"message": "no"}]},
    ]
    found = parse_report(json.dumps({"testsuites": [{"testsuite": suite}]}))
    assert found == {"A.good": "", "A.bad": "1!=2", "A.idle": "skipped: no"}


def test_interrupted_case_and_skip_reason_are_read() -> None:
    start = "[ RUN      ] A.idle\nx.cpp:3: Skipped\nno ring here\n\n[  SKIPPED ] A.idle (0 ms)\n"
    done = Finished(-11, start + "[ RUN      ] A.dies\nx: runtime error: bad\n")
    assert done.skip_reason("A.idle") == "no ring here"
    assert done.interrupted() == "A.dies"
    assert done.tail() == "exit code -11\nx: runtime error: bad"
    assert Finished(0, start).interrupted() == ""


def test_a_crash_is_a_failure(tmp_path: Path) -> None:
    crash = tmp_path / "x_test"
    crash.write_text("#!/bin/sh\necho about to die\nkill -SEGV $$\n")
    crash.chmod(0o755)
    done, outcomes = results(crash)
    assert done.code == -11 and "about to die" in done.output and outcomes == {}
    assert cases(crash) == ["*"]
