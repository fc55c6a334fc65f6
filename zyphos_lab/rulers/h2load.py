"""h2load (nghttp2) over HTTP/1.1: closed, or each client at its share of a rate (--rps).

Latency is from the actual send. Its log has every request: when it began, and how long it took.
"""

from __future__ import annotations

import re

from zyphos_lab.rulers.base import SECOND_NS, Job, Said, Samples

SHORTEST_NS = 1_000  # of its log, which has whole microseconds


class H2load:
    """See base.Adapter."""

    name = "h2load"
    package = "apt-get install nghttp2-client"
    version = ("--version",)

    def words(self, job: Job) -> list[str]:
        load = job.load
        words = [*job.arguments, "--h1", "-D", str(job.seconds), "-c", str(load.connections)]
        words += ["-t", str(load.threads), f"--log-file={job.folder / 'h2load.log'}"]
        if job.rate_per_second is not None:
            words.append(f"--rps={job.rate_per_second / load.connections:.9g}")
        words += [f"--connection-inactivity-timeout={job.timeout_s}"]
        if load.method != "GET":
            words.append(f"--header=:method: {load.method}")
        words += [f"--header={text}" for text in job.headers()]
        body = job.body()
        if body is not None:
            (job.folder / "body").write_bytes(body)
            words.append(f"--data={job.folder / 'body'}")
        return [*words, job.url]

    def read(self, job: Job, text: str) -> Said:
        import numpy as np

        counts = re.search(r"^requests: .*?(\d+) succeeded, (\d+) failed", text, re.MULTILINE)
        took = re.search(r"^finished in ([\d.]+)(us|ms|s)", text, re.MULTILINE)
        if counts is None or took is None:
            raise ValueError("h2load did not say how many requests it made")
        unit = {"us": 1_000, "ms": 1_000_000, "s": SECOND_NS}[took[2]]
        log = np.loadtxt(job.folder / "h2load.log", dtype=np.int64, ndmin=2)
        good = log[(log[:, 1] >= 200) & (log[:, 1] < 400)] if log.size else log.reshape(0, 3)
        samples = None
        if len(good):
            latency_ns = np.maximum(good[:, 2] * 1_000, SHORTEST_NS)
            samples = Samples(good[:, 0] * 1_000, latency_ns)
        failed = int(counts[2])
        return Said(
            run_ns=round(float(took[1]) * unit),
            done=int(counts[1]),
            failed=failed,
            errors={"failed": failed} if failed else {},
            samples=samples,
        )
