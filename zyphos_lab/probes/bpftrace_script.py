"""A bpftrace script as an experiment uses it: which maps it fills and how, and its fitness to run.

Knows how bpftrace is called, not how it is talked to (bpftrace.py) nor what columns its maps make
(bpftrace_maps.py). Source: bpftrace(8), reference guide of 0.17.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import tempfile
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from zyphos_lab.errors import Complaint, SpecError

Kind = Literal["count", "sum", "min", "max", "avg", "stats", "hist", "lhist", "level"]
TRACEFS = "/sys/kernel/tracing"
PROGRAM = "{program}"  # stands for the server's executable, which is known only when it runs
CHECK_TIMEOUT_S = 60.0
DRY_RUN_SINCE = (0, 21)  # before that `-d` alone
# Ours, behind the script: a signal to bpftrace makes it print its maps, but only when its loop
# comes round, up to 100 ms later; an event of its own wakes it, and says when that was.
MARK = "zyphos_edge"
EDGE = f"""
tracepoint:signal:signal_generate /args->sig == 10 && args->comm == "bpftrace"/ {{
  @{MARK} = nsecs; printf("edge");
}}
"""

NOISE = re.compile(r'"(?:\\.|[^"\\])*"|//[^\n]*|/\*.*?\*/', re.DOTALL)
FILL = re.compile(r"@(\w*)\s*(\[[^\]]*\]\s*)*(?:=(?!=)\s*(\w+)\s*\(|(\+\+|--|\+=|-=)|=(?!=))")
AGGREGATES: tuple[Kind, ...] = ("count", "sum", "min", "max", "avg", "stats", "hist", "lhist")
POINT = re.compile(r"(?<![\w:])(usdt|U|uprobe|u|uretprobe|ur):([^\s:]+):([^\s{,]+)")
FAULT = re.compile(r"[^\n]*?\.bt:(\d+)(?:-\d+)?(?::(\d+)(?:-\d+)?)?: ERROR: ([^\n]+)")
PLAIN_ERROR = re.compile(r"^ERROR: (?!Unknown error -1: couldn't set RLIMIT_MEMLOCK)(.+)$", re.M)


@dataclass(frozen=True, slots=True)
class Script:
    """`name` is what messages call it. `maps`: name without the @ -> how it is filled; keyed maps
    of plain values are the script's own memory and not among them.
    """

    name: str
    text: str
    maps: Mapping[str, Kind] = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "maps", _maps(self.text))

    def for_program(self, program: str) -> str:
        """What bpftrace is given: lines as they were, ours behind them."""
        return self.text.replace(PROGRAM, program) + EDGE


def read(path: str) -> Script:
    """Raises OSError and UnicodeDecodeError as reading does."""
    return Script(path, Path(path).read_text(encoding="utf-8"))


def _maps(text: str) -> dict[str, Kind]:
    found: dict[str, Kind] = {}
    for match in FILL.finditer(NOISE.sub(" ", text)):
        name, key, call, step = match.groups()
        aggregate = next((one for one in AGGREGATES if one == call), None)
        if aggregate is not None:
            found[name] = aggregate
        elif step and found.get(name, "level") == "level":
            found[name] = "sum"
        elif not key:
            found.setdefault(name, "level")
    return found


def missing() -> str:
    """Why bpftrace cannot run here, "" where it can."""
    if shutil.which("bpftrace") is None:
        return "bpftrace is not on this machine (apt-get install bpftrace)"
    if os.geteuid() != 0:
        return "bpftrace needs root"
    if not _has_tracefs() and shutil.which("unshare") is None:
        return f"no tracefs: mount -t tracefs none {TRACEFS}"
    return ""


def _has_tracefs() -> bool:
    return any(os.path.isdir(f"{place}/events") for place in (TRACEFS, "/sys/kernel/debug/tracing"))


def argv(words: Sequence[str]) -> list[str]:
    """bpftrace with these words, as the process that is started: where tracefs is not mounted, in a
    mount namespace that has it, so that the machine's own stays as it is.
    """
    if _has_tracefs():
        return ["bpftrace", *words]
    inside = f'mount -t tracefs none {TRACEFS} && exec "$@"'
    return ["unshare", "--mount", "/bin/sh", "-c", inside, "sh", "bpftrace", *words]


def check_all(scripts: Iterable[Script]) -> None:
    """Lets bpftrace compile each script and attach nothing; without bpftrace nothing is checked.
    Raises SpecError with the first fault of the first that has one.
    """
    if missing():
        return
    with tempfile.TemporaryDirectory(prefix="zyphos-") as folder:
        for script in scripts:
            _check(script, Path(folder) / "script.bt")


def _check(script: Script, file: Path) -> None:
    """A script with {program} is checked when it runs: before that nobody knows which one it is."""
    if PROGRAM in script.text:
        return
    file.write_text(script.for_program(""), encoding="utf-8")
    dry = ["--dry-run"] if _version() >= DRY_RUN_SINCE else ["-d"]
    words = argv([*dry, str(file), str(os.getpid()), "1"])
    done = subprocess.run(
        words,
        capture_output=True,
        text=True,
        errors="replace",
        timeout=CHECK_TIMEOUT_S,
        check=False,
    )
    if done.returncode != 0:
        raise SpecError([fault(script, done.stderr + done.stdout)])


def points_missing(script: Script, program: str) -> str:
    """Which user-space point of the script its file does not have, "" where all are there.

    bpftrace itself attaches to what it finds and says nothing of the rest, whose count would be 0.
    """
    listed: dict[tuple[str, str], set[str]] = {}
    for kind, file, name in POINT.findall(NOISE.sub(" ", script.text.replace(PROGRAM, program))):
        lists = "usdt" if kind in ("usdt", "U") else "uprobe"
        if "*" in file + name or name.isdecimal() or name.startswith("0x"):
            continue
        if (lists, file) not in listed:
            words = argv(["-l", f"{lists}:{file}:*"])
            done = subprocess.run(
                words, capture_output=True, text=True, errors="replace", check=False
            )
            found = (line.removeprefix(f"{lists}:{file}:") for line in done.stdout.split())
            listed[lists, file] = set(found)
        if name.partition("+")[0] not in listed[lists, file]:
            return f"{script.name}: {file} has no {lists} point {name}"
    return ""


def fault(script: Script, output: str) -> Complaint:
    """The first thing that bpftrace had against the script."""
    if found := FAULT.search(output):
        line, column, message = found.groups()
        return Complaint(script.name, int(line), int(column or 1), message.strip())
    plain = PLAIN_ERROR.search(output)
    lines = [line for line in output.splitlines() if line.strip() and "MEMLOCK" not in line]
    said = plain[1] if plain else (lines[-1] if lines else "bpftrace refuses it and says nothing")
    return Complaint(script.name, 0, 0, said.strip())


def _version() -> tuple[int, ...]:
    done = subprocess.run(["bpftrace", "--version"], capture_output=True, text=True, check=False)
    found = re.search(r"v?(\d+)\.(\d+)", done.stdout)
    return tuple(map(int, found.groups())) if found else (0, 0)
