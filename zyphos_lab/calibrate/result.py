"""What a calibration leaves, `results/calibration/<id>/calibration.json`; how later runs find it.

`latest()` is what a run's manifest keeps under `calibration`: whether the ruler was measured on
this machine with this build, how long ago, and the bias that it has: one that polls while answers
are awaited (`load.poll`), and one that sleeps as it does unless told otherwise.
"""

from __future__ import annotations

import json
import secrets
import statistics
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from zyphos_lab import host
from zyphos_lab.calibrate.cases import CASES, PROTOCOLS
from zyphos_lab.calibrate.judge import CURVE, Judged
from zyphos_lab.files import store_error, write_atomically
from zyphos_lab.probes.native import core

SCHEMA_VERSION = 2  # 1: of the ruler asleep only, and its verdict
FOLDER = "calibration"
FILE = "calibration.json"
PAGE = "calibration.html"
NEEDED = {"id", "made_ns", "quick", "verdict", "whole", "bias_ns", "host", "build"}
FRESH_NS = 30 * 24 * 3600 * 1_000_000_000
# What the ruler's bias depends on; of another machine it says nothing.
MACHINE = (
    *("kernel.release", "kernel.clock_source", "kernel.boot_options", "cpu.model"),
    *("cpu.mitigations", "hypervisor", "virtualisation", "cgroup.cpu_quota"),
)


@dataclass(frozen=True, slots=True)
class Calibration:
    """One calibration, as it is kept. It is not whole where a case of a protocol is missing."""

    id: str
    made_ns: int
    quick: bool
    judged: tuple[Judged, ...]
    host: Mapping[str, Any]
    build: Mapping[str, Any]

    @property
    def polled(self) -> tuple[Judged, ...]:
        """Before the ruler that polls; empty where there was no processor for it."""
        return tuple(one for one in self.judged if one.poll)

    @property
    def asleep(self) -> tuple[Judged, ...]:
        """Before the ruler that sleeps."""
        return tuple(one for one in self.judged if not one.poll)

    @property
    def ruling(self) -> tuple[Judged, ...]:
        """Those that say what the ruler can do."""
        return self.polled or self.asleep

    @property
    def wrong(self) -> tuple[Judged, ...]:
        """Those in which the ruler is off by more than waking up explains."""
        return tuple(one for one in self.judged if one.wrong)

    @property
    def off(self) -> bool:
        return bool(self.wrong)

    @property
    def whole(self) -> bool:
        """Whether every case of every protocol was measured."""
        every = {(speech.protocol, case.name) for speech in PROTOCOLS for case in CASES}
        return every <= {(one.protocol, one.case) for one in self.judged}

    @property
    def verdict(self) -> str:
        """`good`, `off`, or `disturbed`: off only where other work was in the way."""
        return _verdict(self.wrong)

    @property
    def asleep_verdict(self) -> str:
        """The same of the sleeping ruler by the limits alone, waking up included."""
        return _verdict([one for one in self.asleep if one.off]) if self.asleep else "not measured"


def _verdict(off: Sequence[Judged]) -> str:
    if not off:
        return "good"
    return "disturbed" if all(one.disturbed for one in off) else "off"


def new_folder(results: Path) -> Path:
    """A fresh folder of a calibration. StoreError when it cannot be made."""
    stamp = datetime.now(UTC).strftime("%Y%m%dT%H%M%SZ")
    path = results / FOLDER / f"{stamp}-{secrets.token_hex(2)}"
    try:
        path.mkdir(parents=True)
    except OSError as error:
        raise store_error(path, error) from error
    return path


def made(folder: Path, judged: Sequence[Judged], quick: bool) -> Calibration:
    """The calibration of what was judged now, on this machine with this build."""
    return Calibration(
        folder.name,
        time.time_ns(),
        quick,
        tuple(judged),
        host.fingerprint(),
        dict(core().build_info()),
    )


def biases(judged: Sequence[Judged]) -> dict[str, dict[str, float]]:
    """The ruler's bias per protocol and quantile: the median over the cases with a delay, in ns."""
    found: dict[str, dict[str, list[float]]] = {}
    for one in judged:
        for point in one.points if one.kind == "latency" else ():
            found.setdefault(one.protocol, {}).setdefault(point.name, []).append(point.bias)
    return {
        protocol: {name: statistics.median(values) for name, values in points.items()}
        for protocol, points in found.items()
    }


def off_cases(judged: Sequence[Judged]) -> dict[str, list[str]]:
    """Per protocol the names of the cases that are beyond a limit; [] where none is."""
    found: dict[str, list[str]] = {one.protocol: [] for one in judged}
    for one in judged:
        if one.off:
            found[one.protocol].append(one.case)
    return found


def save(calibration: Calibration, folder: Path) -> Path:
    """Writes calibration.json; its path."""
    path = folder / FILE
    write_atomically(path, json.dumps(as_dict(calibration), indent=1, default=str) + "\n")
    return path


def as_dict(calibration: Calibration) -> dict[str, Any]:
    """As the file has it: the curves' quantiles stand in `curve`, units in the names."""
    plain: dict[str, Any] = {
        "schema_version": SCHEMA_VERSION,
        "id": calibration.id,
        "made_ns": calibration.made_ns,
        "quick": calibration.quick,
        "verdict": calibration.verdict,
        "asleep_verdict": calibration.asleep_verdict,
        "asleep_off_cases": off_cases(calibration.asleep),
        "whole": calibration.whole,
        "bias_ns": biases(calibration.asleep),
        "polled_bias_ns": biases(calibration.polled),
        "curve": CURVE,
    }
    plain["cases"] = [
        {
            **asdict(one),
            "off": one.off,
            "wrong": one.wrong,
            "lawful": one.lawful,
            "points": [{**asdict(p), "bias": p.bias, "off": p.off} for p in one.points],
        }
        for one in calibration.judged
    ]
    return plain | {"host": calibration.host, "build": calibration.build}


def latest(results: Path) -> dict[str, Any]:
    """The newest calibration in `results` that fits this machine, for a run's manifest.

    Those of some cases only, and disturbed ones, do not count. `state`: `good`, `off` (the ruler
    was off), `stale` (made by another build, or over 30 days ago), `foreign` (only of other
    machines), `none`. All but the last two come with `id`, `path`, `age_ns`, `quick`, `bias_ns` of
    the ruler that sleeps, `asleep_verdict` (is that within its limits), `asleep_off_cases` and
    `polled_bias_ns` (both {} in calibrations of version 1).
    """
    paths = sorted((results / FOLDER).glob(f"*/{FILE}"), reverse=True)
    found = [one for one in map(_read, paths) if one]
    known = [one for one in found if one["whole"] and one["verdict"] != "disturbed"]
    here = machine(host.fingerprint())
    fitting = next((one for one in known if machine(one["host"]) == here), None)
    if fitting is None:
        return {"state": "foreign" if known else "none"}
    age_ns = time.time_ns() - fitting["made_ns"]
    return {
        "state": _state(fitting, age_ns),
        "id": fitting["id"],
        "path": f"{FOLDER}/{fitting['id']}/{FILE}",
        "age_ns": age_ns,
        "quick": fitting["quick"],
        "bias_ns": fitting["bias_ns"],
        "polled_bias_ns": fitting.get("polled_bias_ns", {}),
        "asleep_off_cases": fitting.get("asleep_off_cases", {}),
        "asleep_verdict": fitting.get("asleep_verdict", fitting["verdict"]),
    }


def _state(fitting: Mapping[str, Any], age_ns: int) -> str:
    if fitting["verdict"] == "off":
        return "off"
    other_build = fitting["build"].get("build_id") != core().build_info()["build_id"]
    return "stale" if other_build or age_ns > FRESH_NS else "good"


def _read(path: Path) -> dict[str, Any] | None:
    """A calibration's file; None for one that is damaged or of a newer version."""
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    fits = isinstance(found, dict) and found.get("schema_version") in (1, SCHEMA_VERSION)
    return found if fits and found.keys() >= NEEDED else None


def machine(facts: Mapping[str, Any]) -> dict[str, Any]:
    """Of a fingerprint what the ruler's bias depends on, as it comes back from a file."""
    return {name: json.loads(json.dumps(_at(facts, name), default=str)) for name in MACHINE}


def _at(facts: Mapping[str, Any], dotted: str) -> Any:
    found: Any = facts
    for name in dotted.split("."):
        found = found.get(name) if isinstance(found, Mapping) else None
    return found
