"""Two workers take every test once, and what belongs together goes to one of them."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections import defaultdict
from pathlib import Path

import pytest

from sharing import share

TESTS = Path(__file__).resolve().parent
HOOK = "from conftest import pytest_xdist_make_scheduler\n"
FILE = """
import pytest

PROGRAMS = ["a_test", "b_test"]

@pytest.mark.parametrize("case", [f"{name}-{n}" for n in range(20) for name in PROGRAMS])
def test_gtest(case):
    pass

@pytest.mark.parametrize("program", PROGRAMS)
def test_program_ends_well(program):
    pass
"""
RAN = re.compile(r"^\[(gw\d)\] \[ *\d+%\] PASSED (\S+)", re.M)


@pytest.mark.parametrize(
    ("nodeid", "expected"),
    [
        ("tests/test_x.py::test_one", "tests/test_x.py"),
        ("tests/test_x.py::TestY::test_two[a-b::c]", "tests/test_x.py"),
        ("tests/test_x.py::test_three[tests/test_native.py::test_gtest[a]", "tests/test_x.py"),
        ("tests/test_native.py::test_list_is_read", "tests/test_native.py"),
        ("tests/test_native.py::test_gtest[net_net_test-A/B.c/epoll_level]", "net_net_test"),
        ("tests/test_native.py::test_program_ends_well[net_net_test]", "net_net_test"),
        ("tests/test_native.py::test_bench_runs[base_json_bench]", "base_json_bench"),
    ],
)
def test_share_of_a_test(nodeid: str, expected: str) -> None:
    assert share(nodeid) == expected


def test_a_share_is_one_workers(tmp_path: Path) -> None:
    (tmp_path / "pytest.ini").write_text("[pytest]\n")
    (tmp_path / "plugin.py").write_text(HOOK)
    for name in ("test_native.py", "test_one.py", "test_two.py"):
        (tmp_path / name).write_text(FILE)
    words = ["-m", "pytest", "-n", "2", "-v", "-p", "plugin", "-p", "no:cacheprovider"]
    done = subprocess.run(
        [sys.executable, *words],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": f"{tmp_path}:{TESTS}"},
        capture_output=True,
        text=True,
        timeout=300,
    )
    workers, tests = defaultdict(set), []
    for worker, nodeid in RAN.findall(done.stdout):
        workers[share(nodeid)].add(worker)
        tests.append(nodeid)
    assert done.returncode == 0, done.stdout + done.stderr
    assert len(tests) == len(set(tests)) == 3 * 42
    assert set(workers) == {"a_test", "b_test", "test_one.py", "test_two.py"}
    assert all(len(names) == 1 for names in workers.values()), workers
    assert len(set.union(*workers.values())) == 2, "one worker had nothing to do"
