"""The build of the BPF programs (cpp/probe/bpf.cmake): a broken one is an error, a missing tool is
a reason. In a small project of its own, with the compilers that this machine has.
"""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import pytest

from zyphos_lab.probes import native

BPF = Path(__file__).resolve().parent.parent / "cpp/probe/bpf.cmake"
PROJECT = f"""
cmake_minimum_required(VERSION 3.22)
project(sample LANGUAGES C)
set(BPF_FOLDER ${{CMAKE_SOURCE_DIR}})
include({BPF})
message(STATUS "libbpf=${{ZYPHOS_HAVE_LIBBPF}} reason=<${{ZYPHOS_NO_LIBBPF_REASON}}>")
"""
PROGRAM = """
#include <linux/bpf.h>

#include <bpf/bpf_helpers.h>

SEC("xdp")
int pass(struct xdp_md* packet) { return XDP_PASS; }
"""


def cmake(*words: str) -> subprocess.CompletedProcess[str]:
    program = shutil.which("cmake")
    if program is None:
        pytest.skip("no cmake here")
    return subprocess.run([program, *words], capture_output=True, text=True)


def configured(folder: Path, *words: str) -> tuple[str, str]:
    """(whether there is libbpf, and why not) as the project says."""
    (folder / "CMakeLists.txt").write_text(PROJECT)
    done = cmake("-S", str(folder), "-B", str(folder / "build"), *words)
    assert done.returncode == 0, done.stderr
    found = re.search(r"libbpf=(\d) reason=<(.*)>", done.stdout)
    assert found, done.stdout
    return found[1], found[2]


def built(folder: Path, program: str) -> subprocess.CompletedProcess[str]:
    (folder / "sample.bpf.c").write_text(program)
    return cmake("--build", str(folder / "build"), "--target", "bpf_skeletons")


def test_a_program_that_does_not_compile_fails_the_build(tmp_path: Path) -> None:
    (tmp_path / "sample.bpf.c").write_text(PROGRAM)
    able, reason = configured(tmp_path)
    if able != "1":
        pytest.skip(reason)
    assert built(tmp_path, PROGRAM).returncode == 0
    assert "sample_bpf__open" in (tmp_path / "build/generated/sample.skel.h").read_text()
    broken = built(tmp_path, PROGRAM.replace("XDP_PASS", "XDP_PAS"))
    assert broken.returncode != 0
    assert re.search(r"sample\.bpf\.c:\d+:\d+: error: .*XDP_PAS", broken.stdout + broken.stderr)


def test_a_tool_that_is_missing_is_named(tmp_path: Path) -> None:
    (tmp_path / "sample.bpf.c").write_text(PROGRAM)
    able, reason = configured(tmp_path, "-DBPF_CLANG=OFF")
    assert able == "0" and "clang" in reason and reason.startswith("built without ")
    assert built(tmp_path, PROGRAM).returncode == 0, "there is nothing to compile"
    assert not (tmp_path / "build/generated").exists()


@pytest.mark.core
def test_what_this_build_lacks_is_what_the_probes_say() -> None:
    """`zyphos-lab doctor` and a record's `skipped` have the probes' own reasons."""
    able = native.core().build_info()["features"]["libbpf"]
    loaded = native.core().load_sched_counter()
    if able is True:
        assert not isinstance(loaded, str) or "built without" not in loaded
    else:
        assert isinstance(loaded, str) and able in loaded and "apt install" in loaded
