"""A sanitizer build finds what it is for: a program with faults, compiled as the build compiles a
library and as it compiles a test, with their own commands. Knows nothing of the lab."""

from __future__ import annotations

import json
import re
import shlex
import subprocess
from pathlib import Path

import pytest

from conftest import BUILD, ROOT

pytestmark = pytest.mark.native

FAULTS = """
#include <climits>
#include <cstdlib>
#include <string_view>
#include <thread>

int* volatile held = nullptr;
int counted = 0;

[[gnu::noinline]] int freed() {
  held = new int(1);
  delete held;
  return *held;
}

[[gnu::noinline]] int lost() {
  for (int n = 0; n < 100; ++n) held = new int(n);
  held = nullptr;
  return 0;
}

[[gnu::noinline]] int overflowed() {
  volatile int most = INT_MAX;
  most = most + 1;
  return 0;
}

[[gnu::noinline]] int raced() {
  std::thread other([] { ++counted; });
  ++counted;
  other.join();
  return 0;
}

int main(int argc, char** argv) {
  const std::string_view which = argc > 1 ? argv[1] : "";
  if (which == "freed") freed();
  if (which == "lost") lost();
  if (which == "overflowed") overflowed();
  if (which == "raced") raced();
  return 0;
}
"""
FINDS = {
    "address": {
        "freed": "ERROR: AddressSanitizer: heap-use-after-free",
        "lost": "ERROR: LeakSanitizer: detected memory leaks",
    },
    "undefined": {"overflowed": "runtime error: signed integer overflow"},
    "thread": {"raced": "WARNING: ThreadSanitizer: data race"},
}
COMPILED_AS = {"library": "cpp/base/check.cpp", "test": "cpp/base/base_test.cpp"}


def sanitizers() -> list[str]:
    """Those of the build under test."""
    cache = (BUILD / "CMakeCache.txt").read_text(errors="replace")
    found = re.search(r"^ZYPHOS_SANITIZE:\w+=(.*)$", cache, re.M)
    return found[1].split(",") if found and found[1] else []


def compiled(source: Path, like: str) -> Path:
    """The program that becomes of a source when it is compiled like one of the build's."""
    entries = json.loads((BUILD / "compile_commands.json").read_text())
    [entry] = [one for one in entries if one["file"] == str(ROOT / like)]
    words = shlex.split(entry["command"])
    words[words.index("-o") + 1] = str(source.with_suffix(".o"))
    words[words.index("-c") + 1] = str(source)
    subprocess.run(words, cwd=entry["directory"], check=True)
    compiler = words[next(n for n, word in enumerate(words) if word.endswith("++"))]
    program = source.with_suffix("")
    link = [compiler, f"-fsanitize={','.join(sanitizers())}", str(source.with_suffix(".o"))]
    subprocess.run([*link, "-pthread", "-o", str(program)], check=True)
    return program


@pytest.mark.parametrize("way", COMPILED_AS)
def test_a_sanitizer_build_finds_faults(way: str, tmp_path: Path) -> None:
    if not sanitizers():
        pytest.skip(f"{BUILD} has no sanitizer")
    source = tmp_path / "faults.cpp"
    source.write_text(FAULTS)
    program = compiled(source, COMPILED_AS[way])
    assert run(program, "none") == (0, "")
    for sanitizer in sanitizers():
        for fault, expected in FINDS[sanitizer].items():
            code, output = run(program, fault)
            assert code != 0 and expected in output, (sanitizer, fault, code, output)


def run(program: Path, fault: str) -> tuple[int, str]:
    done = subprocess.run([program, fault], capture_output=True, text=True, timeout=60)
    return done.returncode, done.stderr
