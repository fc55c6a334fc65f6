"""clang-tidy over the native sources, those alone that changed since they were last clean.

    .venv/bin/python .ci/clang_tidy.py [FILE or FOLDER]...    without any: all but tests and benches

A source's stamp in build/tidy holds the fingerprint of all that its verdict depends on: the source
and every file of cpp/ that it includes, .clang-tidy, the program and the compiler's command.
Without that folder every source is checked.
"""

import hashlib
import json
import os
import re
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
CPP = ROOT / "cpp"
BUILD = ROOT / "build" / "release"
STAMPS = ROOT / "build" / "tidy"
PROGRAM = ROOT / ".venv" / "bin" / "clang-tidy"
INCLUDE = re.compile(r'^\s*#\s*include\s+"([^"]+)"', re.M)


@cache
def included(path: Path) -> frozenset[Path]:
    """The files of cpp/ that this one names; generated ones follow from what stands there."""
    named = (CPP / name for name in INCLUDE.findall(path.read_text(encoding="utf-8")))
    return frozenset(header for header in named if header.exists())


def reached(source: Path) -> set[Path]:
    """The source and all that it includes, at any depth."""
    seen: set[Path] = set()
    waiting = [source]
    while waiting:
        path = waiting.pop()
        if path not in seen:
            seen.add(path)
            waiting.extend(included(path))
    return seen


def fingerprint(source: Path, command: str, version: str) -> str:
    digest = hashlib.sha256(f"{version}\n{command}\n".encode())
    for path in [ROOT / ".clang-tidy", *sorted(reached(source))]:
        digest.update(f"{path}\n".encode() + path.read_bytes())
    return digest.hexdigest()


def clean(source: Path) -> bool:
    """Runs clang-tidy; what it found goes to stdout."""
    words = [str(PROGRAM), "--quiet", "-p", str(BUILD), str(source)]
    done = subprocess.run(words, capture_output=True, text=True)
    if done.returncode != 0:
        sys.stdout.write(done.stdout or done.stderr)
    return done.returncode == 0


def chosen(sources: list[Path], named: list[str]) -> list[Path]:
    """The files that are named, and what is no test or bench of the folders; without names, all."""
    plain = [one for one in sources if not one.name.endswith(("_test.cpp", "_bench.cpp"))]
    found: dict[Path, None] = {} if named else dict.fromkeys(plain)
    for name in named:
        path = Path(name).resolve()
        of_name = [path] if path in sources else [one for one in plain if path in one.parents]
        if not of_name:
            sys.exit(f"clang_tidy: {name}: no source that the build compiles")
        found |= dict.fromkeys(of_name)
    return list(found)


def main() -> None:
    version = subprocess.run([PROGRAM, "--version"], capture_output=True, text=True, check=True)
    entries = json.loads((BUILD / "compile_commands.json").read_text(encoding="utf-8"))
    every = {Path(entry["file"]): entry["command"] for entry in entries}
    # Not the precompiled headers' own, which stand in the build.
    commands = {path: command for path, command in every.items() if CPP in path.parents}
    STAMPS.mkdir(parents=True, exist_ok=True)

    def check(source: Path) -> bool:
        stamp = STAMPS / str(source.relative_to(CPP)).replace("/", "_")
        wanted = fingerprint(source, commands[source], version.stdout)
        if stamp.exists() and stamp.read_text(encoding="utf-8") == wanted:
            return True
        if not clean(source):
            return False
        stamp.write_text(wanted, encoding="utf-8")
        return True

    with ThreadPoolExecutor(os.cpu_count()) as pool:
        verdicts = list(pool.map(check, chosen(list(commands), sys.argv[1:])))
    sys.exit(0 if all(verdicts) else 1)


if __name__ == "__main__":
    main()
