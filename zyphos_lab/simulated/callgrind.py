"""callgrind: how zyphos-code is run under it, and what its dumps say.

The caches have one fixed geometry, whatever the machine's own are; environment, arguments and
working folder are fixed too, so that the same build counts the same to the unit. Of AVX-512
valgrind knows nothing and hides it from cpuid. It starts nothing. Source: the Callgrind Format
Specification of the Valgrind manual.
"""

from __future__ import annotations

import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path

from zyphos_lab.doctor.check import apt
from zyphos_lab.errors import MeasurementError

# zyphos-code calls it three times: a warm-up, then n iterations, then 2 n.
MEASURED = "zyphos_code_measured"
OUT = "callgrind.out"
ENVIRONMENT = ("PATH=/usr/bin:/bin", "LC_ALL=C")
OPTIONS = (
    "--tool=callgrind",
    "--quiet",
    "--cache-sim=yes",
    "--branch-sim=yes",
    "--I1=32768,8,64",
    "--D1=32768,8,64",
    "--LL=8388608,16,64",
    f"--toggle-collect={MEASURED}",
    f"--dump-after={MEASURED}",
    f"--callgrind-out-file={OUT}",
)
# Column (without _simulated_per_iteration) to the events that it is the sum of.
EVENTS = {
    "instructions": ("Ir",),
    "reads": ("Dr",),
    "writes": ("Dw",),
    "branches": ("Bc", "Bi"),
    "branches_indirect": ("Bi",),
    "branch_mispredictions": ("Bcm", "Bim"),
    "branch_mispredictions_indirect": ("Bim",),
    "l1i_misses": ("I1mr",),
    "l1d_misses": ("D1mr", "D1mw"),
    "ll_misses": ("ILmr", "DLmr", "DLmw"),
}


def missing() -> tuple[str, str]:
    """(reason, how to get it), both '' where valgrind is there."""
    if shutil.which("valgrind") is None:
        return "no program `valgrind`", apt("valgrind")
    return "", ""


def command(words: Sequence[str]) -> list[str]:
    """The command line that counts the program `words`, in a folder of its own."""
    found = shutil.which("valgrind")
    if found is None:
        raise MeasurementError(*missing())
    return ["/usr/bin/env", "-i", *ENVIRONMENT, found, *OPTIONS, *words]


def per_iteration(folder: Path, iterations: int) -> dict[str, float]:
    """What each column of EVENTS is for one iteration, by the dumps in `folder`.

    Whole numbers where every iteration is the same to the machine. MeasurementError where the
    dumps are not those of two calls with `iterations` and twice as many.
    """
    once, twice = (_totals(folder / f"{OUT}.{call}") for call in (2, 3))
    return {
        column: sum(twice[event] - once[event] for event in events) / iterations
        for column, events in EVENTS.items()
    }


def _totals(path: Path) -> Mapping[str, int]:
    """The counts of one dump by event; trailing zeros are left out there."""
    try:
        lines = path.read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError as error:
        raise MeasurementError(f"callgrind wrote no {path.name}: {error.strerror}") from error
    held = dict(line.split(": ", 1) for line in lines if line.startswith(("events: ", "totals: ")))
    events = held.get("events", "").split()
    counts = [int(word) for word in held.get("totals", "").split()]
    if not counts or {name for names in EVENTS.values() for name in names} - set(events):
        raise MeasurementError(f"what callgrind wrote cannot be read: {path.name}")
    counts += [0] * (len(events) - len(counts))
    return dict(zip(events, counts, strict=True))
