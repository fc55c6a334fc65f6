"""What a calibration leaves, `results/calibration/<id>/calibration.json`; how later runs find it.

`latest()` is what a run's manifest keeps under `calibration`: whether the ruler was measured on
this machine with this build, how long ago, and the bias that it has.
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

SCHEMA_VERSION = 1
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
    """One calibration, as it is kept. `bias_ns`: protocol to quantile to reported minus true."""

    id: str
    made_ns: int
    quick: bool
    judged: tuple[Judged, ...]
    host: Mapping[str, Any]
    build: Mapping[str, Any]
    bias_ns: Mapping[str, Mapping[str, float]]

    @property
    def off(self) -> bool:
        return any(one.off for one in self.judged)

    @property
    def whole(self) -> bool:
        """Whether every case of every protocol was measured."""
        every = {(speech.protocol, case.name) for speech in PROTOCOLS for case in CASES}
        return every <= {(one.protocol, one.case) for one in self.judged}

    @property
    def verdict(self) -> str:
        """`good`, `off`, or `disturbed`: off only where other work was in the way."""
        wrong = [one for one in self.judged if one.off]
        if not wrong:
            return "good"
        return "disturbed" if all(one.disturbed for one in wrong) else "off"


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
        biases(judged),
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
        "whole": calibration.whole,
        "bias_ns": calibration.bias_ns,
        "curve": CURVE,
    }
    plain["cases"] = [
        {
            **asdict(one),
            "off": one.off,
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
    machines), `none`. All but the last two come with `id`, `path`, `age_ns`, `quick`, `bias_ns`.
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
    fits = isinstance(found, dict) and found.get("schema_version") == SCHEMA_VERSION
    return found if fits and found.keys() >= NEEDED else None


def machine(facts: Mapping[str, Any]) -> dict[str, Any]:
    """Of a fingerprint what the ruler's bias depends on, as it comes back from a file."""
    return {name: json.loads(json.dumps(_at(facts, name), default=str)) for name in MACHINE}


def _at(facts: Mapping[str, Any], dotted: str) -> Any:
    found: Any = facts
    for name in dotted.split("."):
        found = found.get(name) if isinstance(found, Mapping) else None
    return found
