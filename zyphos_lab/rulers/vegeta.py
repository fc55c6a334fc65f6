"""vegeta: a constant rate that waits for nobody (new workers and connections as needed), or closed.

Latency is from the actual send. Its results hold every request; `vegeta encode` makes them CSV.
"""

from __future__ import annotations

import csv
import re
import subprocess
from collections import Counter

from zyphos_lab.rulers.base import Job, Said, Samples

TIMESTAMP, CODE, LATENCY, ERROR = 0, 1, 2, 5  # columns of its CSV
DECODE_TIMEOUT_S = 60


class Vegeta:
    """See base.Adapter. `words` begins with options of vegeta itself, before its command."""

    name = "vegeta"
    package = "go install github.com/tsenart/vegeta/v12@latest"
    version = ("-version",)

    def words(self, job: Job) -> list[str]:
        load = job.load
        target = job.folder / "targets"
        lines = [f"{load.method} {job.url}", *job.headers()]
        body = job.body()
        if body is not None:
            (job.folder / "body").write_bytes(body)
            lines.append(f"@{job.folder / 'body'}")
        target.write_text("\n".join(lines) + "\n", encoding="utf-8")
        words = [f"-cpus={load.threads}", "attack", *job.arguments]
        words += [f"-targets={target}", "-max-body=0"]
        words += [f"-duration={job.window_ns}ns", f"-timeout={load.deadline_ns}ns"]
        words += [f"-output={job.folder / 'vegeta.bin'}"]
        if job.rate_per_second is None:
            most = load.connections
            words += ["-rate=0", f"-workers={most}", f"-max-workers={most}"]
        else:
            words += [f"-rate={_rate(job.rate_per_second)}", f"-workers={load.connections}"]
        return words

    def read(self, job: Job, text: str) -> Said:
        """What it printed is nothing; its results become CSV by the program that wrote them."""
        command = [job.program, "encode", "-to=csv", str(job.folder / "vegeta.bin")]
        done = subprocess.run(
            command, capture_output=True, text=True, timeout=DECODE_TIMEOUT_S, check=False
        )
        if done.returncode:
            raise ValueError(f"vegeta encode: {done.stderr.strip()[:80]}")
        return said_of(done.stdout)


def said_of(results: str) -> Said:
    """From its results as CSV."""
    import numpy as np

    rows = list(csv.reader(results.splitlines()))
    if not rows:
        raise ValueError("vegeta made no request")
    times = np.array([(row[TIMESTAMP], row[LATENCY]) for row in rows], dtype=np.int64)
    begun, took = times[:, 0], times[:, 1]
    good = np.array([not _wrong(row) for row in rows])
    errors = Counter(map(_code, filter(_wrong, rows)))
    return Said(
        run_ns=max(int((begun + took).max() - begun.min()), 1),
        done=int(good.sum()),
        failed=errors.total(),
        errors=errors,
        samples=Samples(begun[good], took[good]) if good.any() else None,
    )


def _wrong(row: list[str]) -> bool:
    return bool(row[ERROR]) or not 200 <= int(row[CODE]) < 400


def _rate(per_second: float) -> str:
    """It takes whole numbers per time: 62.5/s is 62500 per 1000 s."""
    if per_second == int(per_second):
        return f"{int(per_second)}/1s"
    return f"{round(per_second * 1000)}/1000s"


def _code(row: list[str]) -> str:
    if not row[ERROR]:
        return "status"
    last = row[ERROR].rpartition(": ")[2]
    return re.sub(r"[^a-z0-9]+", "_", last.lower()).strip("_")[:40] or "failed"
