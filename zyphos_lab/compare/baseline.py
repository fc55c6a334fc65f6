"""A saved baseline: what a later run is compared with, small enough to be committed.

One JSON file with a line per trial (the metrics that matter, not the histograms), and the facts of
the run that a comparison needs: experiment, machine, build, verdict. Written by `compare RUN
--save-baseline FILE`.
"""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from zyphos_lab.compare.model import Side
from zyphos_lab.compare.source import Source, with_invalid
from zyphos_lab.errors import MeasurementError, UsageError
from zyphos_lab.metrics import ALIASES
from zyphos_lab.report.model import Remark, plain

KEY = "zyphos_lab_baseline"
VERSION = 1
IDENTITY = ("trial", "block", "cell", "arm", "target", "start", "verdict", "rate_asked_per_second")
ALWAYS = (
    *ALIASES.values(),
    "latency_ns_mean",
    "service_ns_p50",
    "service_ns_p99",
    "server_cpu_ns_per_request",
    "server_syscalls_per_request",
    "server_rss_bytes_max",
)
FACTS = ("profile", "seed", "host", "build", "experiment")


def write(source: Source, path: Path, metrics: Sequence[str]) -> None:
    """Saves what `source` measured of `metrics` and of what always matters: 0.5 kB per trial."""
    from zyphos_lab.files import write_atomically

    names = list(dict.fromkeys([*metrics, *ALWAYS]))
    rows = [_row(dict(row), names) for _, row in source.frame.iterrows()]
    spec = str(source.manifest.get("spec_text", ""))
    facts = {
        KEY: VERSION,
        "run": source.side.name,
        "created": source.side.created,
        "verdict": source.side.verdict,
        "reasons": [{"code": r.code, "message": r.message} for r in source.side.reasons],
        "evidence": source.side.evidence,
        "spec_sha256": hashlib.sha256(spec.encode()).hexdigest(),
        "networks": source.networks,
        **{name: source.manifest.get(name) for name in FACTS},
    }
    head = [f'"{key}": {json.dumps(plain(value))}' for key, value in facts.items()]
    trials = ",\n".join(json.dumps(row) for row in rows)
    write_atomically(path, "{\n" + ",\n".join(head) + ',\n"trials": [\n' + trials + "\n]}\n")


def refuse_invalid(source: Source) -> None:
    """MeasurementError where nothing should be held against this run."""
    if source.side.verdict == "INVALID":
        why = "; ".join(reason.message for reason in source.side.reasons)
        raise MeasurementError(f"{source.side.name}: an INVALID run is no baseline: {why}")


def _row(row: dict[str, Any], metrics: Sequence[str]) -> dict[str, Any]:
    names = [name for name in row if name in IDENTITY or name.startswith("factor_")]
    kept: dict[str, Any] = {name: _plain(row[name]) for name in names}
    for name in metrics:
        value = _plain(row.get(name))
        if value is not None:
            kept[name] = value
        if row.get(f"{name}_at_least") is True:
            kept[f"{name}_at_least"] = True
    return kept


def _plain(value: Any) -> Any:
    """As JSON has it; NaN is nothing."""
    value = value.item() if hasattr(value, "item") else value
    if isinstance(value, float):
        return None if not math.isfinite(value) else int(value) if value.is_integer() else value
    return value


def read(path: Path, include_invalid: bool = False) -> Source:
    """A saved baseline. UsageError, one line, when the file is none."""
    import pandas as pd

    facts = _facts(path)
    try:
        frame = pd.DataFrame(facts["trials"])
        reasons = tuple(Remark(str(r["code"]), str(r["message"])) for r in facts["reasons"])
        side = Side(
            kind="baseline",
            name=str(facts["run"]),
            path=str(path),
            experiment=str(facts["experiment"]["name"]),
            created=str(facts["created"]),
            verdict=str(facts["verdict"]),
            reasons=reasons,
            evidence=bool(facts["evidence"]),
        )
        missing = {"cell", "block", "verdict"} - set(frame.columns)
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise UsageError(f"{path}: a damaged baseline: {type(error).__name__} {error}") from None
    if missing:
        raise UsageError(f"{path}: a damaged baseline: no {', '.join(sorted(missing))}")
    frame = with_invalid(frame) if include_invalid else frame
    return Source(side, frame, facts, facts.get("networks") or {})


def _facts(path: Path) -> dict[str, Any]:
    try:
        facts = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise UsageError(f"cannot read {path}: {(error.strerror or str(error)).lower()}") from None
    except ValueError:
        raise UsageError(f"{path}: not a baseline: no JSON") from None
    if not isinstance(facts, dict) or KEY not in facts:
        hint = "zyphos-lab compare RUN --save-baseline FILE"
        raise UsageError(f"{path}: not a baseline", hint)
    if facts[KEY] != VERSION:
        raise UsageError(f"{path}: baseline version {facts[KEY]}, this version reads {VERSION}")
    return facts
