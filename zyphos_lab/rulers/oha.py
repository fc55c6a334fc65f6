"""oha: closed, or a rate shared by its connections (-q). Its JSON has the percentiles.

Latency is from its own wake-up; --latency-correction (an argument of the generator) makes it from
the moment that a request was due.
"""

from __future__ import annotations

import json
import re

from zyphos_lab.rulers.base import SECOND_NS, Job, Said

SUMMARY = {"min": "fastest", "mean": "average", "max": "slowest"}
PERCENTILES = {"p50": "p50", "p90": "p90", "p99": "p99", "p99_9": "p99.9"}


class Oha:
    """See base.Adapter."""

    name = "oha"
    package = "cargo install oha --locked"
    version = ("--version",)

    def words(self, job: Job) -> list[str]:
        load = job.load
        # -w: what is under way at the end is waited for, else the slowest are left out.
        words = [*job.arguments, "--no-tui", "--output-format", "json"]
        words += ["-o", str(job.folder / "oha.json"), "-w", "-z", f"{job.window_ns}ns"]
        words += ["-c", str(load.connections), "--worker-threads", str(load.threads)]
        words += ["-t", f"{load.deadline_ns}ns", "-m", load.method]
        if job.rate_per_second is not None:
            words += ["-q", f"{job.rate_per_second:.9g}"]
        words += [word for text in job.headers() for word in ("-H", text)]
        body = job.body()
        if body is not None:
            (job.folder / "body").write_bytes(body)
            words += ["-D", str(job.folder / "body")]
        return [*words, job.url]

    def read(self, job: Job, text: str) -> Said:
        found = json.loads((job.folder / "oha.json").read_text(encoding="utf-8"))
        codes = {int(code): int(n) for code, n in found["statusCodeDistribution"].items()}
        wrong = sum(count for code, count in codes.items() if not 200 <= code < 400)
        errors = {_code(name): int(n) for name, n in found["errorDistribution"].items()}
        if wrong:
            errors["status"] = wrong
        seconds = {name: found["summary"][key] for name, key in SUMMARY.items()}
        seconds |= {name: found["latencyPercentiles"][key] for name, key in PERCENTILES.items()}
        return Said(
            run_ns=round(found["summary"]["total"] * SECOND_NS),
            done=sum(codes.values()) - wrong,
            failed=sum(errors.values()),
            errors=errors,
            latency_ns={n: value * SECOND_NS for n, value in seconds.items() if value is not None},
        )


def _code(text: str) -> str:
    """`aborted due to deadline` as part of a column's name."""
    return re.sub(r"[^a-z0-9]+", "_", text.lower()).strip("_")[:40]
