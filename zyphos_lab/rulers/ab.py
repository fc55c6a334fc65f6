"""ab (ApacheBench): closed, one thread, HTTP/1.0 with keep-alive. Its CSV has the percentiles.

It knows whole percents only: there is no p99.9.
"""

from __future__ import annotations

import csv
import re

from zyphos_lab.rulers.base import SECOND_NS, Job, Said

PERCENTS = {"0": "min", "50": "p50", "90": "p90", "99": "p99", "100": "max"}
# ab keeps 32 bytes for each request that it may make: this is more than any core can answer.
REQUESTS_PER_SECOND_MAX = 1_000_000


class Ab:
    """See base.Adapter."""

    name = "ab"
    package = "apt-get install apache2-utils"
    version = ("-V",)

    def words(self, job: Job) -> list[str]:
        # -n after -t: a time limit alone stands for 50000 requests.
        words = [*job.arguments, "-q", "-k", "-t", str(job.seconds)]
        words += ["-n", str(REQUESTS_PER_SECOND_MAX * job.seconds)]
        words += ["-c", str(job.load.connections), "-s", str(job.timeout_s)]
        words += ["-e", str(job.folder / "ab.csv")]
        words += [word for text in job.headers() for word in ("-H", text)]
        return [*words, *_request(job), job.url]

    def read(self, job: Job, text: str) -> Said:
        complete, failed = _number("Complete requests", text), _number("Failed requests", text)
        wrong = _number("Non-2xx responses", text, 0)
        errors = {"failed": int(failed), "status": int(wrong)}
        with (job.folder / "ab.csv").open(encoding="ascii", newline="") as file:
            rows = {row[0]: row[1] for row in csv.reader(file)}
        latency = {name: float(rows[at]) * 1e6 for at, name in PERCENTS.items() if at in rows}
        return Said(
            run_ns=round(_number("Time taken for tests", text) * SECOND_NS),
            done=int(complete - failed - wrong),
            failed=int(failed + wrong),
            errors={name: count for name, count in errors.items() if count},
            latency_ns=latency,
        )


def _request(job: Job) -> list[str]:
    """Words for a method and a body."""
    body = job.body()
    if body is None:
        return [] if job.load.method == "GET" else ["-m", job.load.method]
    path = job.folder / "body"
    path.write_bytes(body)
    return ["-u" if job.load.method == "PUT" else "-p", str(path)]


def _number(name: str, text: str, otherwise: float | None = None) -> float:
    found = re.search(rf"^{name}:\s+([\d.]+)", text, re.MULTILINE)
    if found is None and otherwise is None:
        raise ValueError(f"ab said nothing of `{name}`")
    return float(found[1]) if found else float(otherwise or 0)
