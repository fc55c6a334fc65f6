"""wrk: closed, each connection sends when its answer has come. Its own Lua gives the numbers.

wrk 4 mends coordinated omission in its own way: beside each answer that took longer than the mean
time between requests of a connection it counts made-up ones (stats_correct), in `latency` too.
"""

from __future__ import annotations

import json

from zyphos_lab.rulers.base import Job, Said

MARK = "zyphos "
DONE = """
done = function(summary, latency, requests)
  local e = summary.errors
  local form = 'zyphos {"us":%d,"requests":%d,"connect":%d,"read":%d,"write":%d,"status":%d,'
    .. '"timeout":%d,"min":%f,"mean":%f,"max":%f,"p50":%f,"p90":%f,"p99":%f,"p99_9":%f}\\n'
  io.write(string.format(form,
    summary.duration, summary.requests, e.connect, e.read, e.write, e.status, e.timeout,
    latency.min, latency.mean, latency.max, latency:percentile(50), latency:percentile(90),
    latency:percentile(99), latency:percentile(99.9)))
end
"""
PIPELINED = """
init = function(args)
  local many = {{}}
  for i = 1, {pipeline} do many[i] = wrk.format() end
  all = table.concat(many)
end
request = function() return all end
"""
ERRORS = ("connect", "read", "write", "status", "timeout")
LATENCY = ("min", "mean", "max", "p50", "p90", "p99", "p99_9")


class Wrk:
    """See base.Adapter."""

    name = "wrk"
    package = "apt-get install wrk"
    version = ("-v",)

    def words(self, job: Job) -> list[str]:
        script = job.folder / "wrk.lua"
        script.write_text(_script(job), encoding="ascii")
        load = job.load
        words = [*job.arguments, "-t", str(load.threads), "-c", str(load.connections)]
        words += ["-d", f"{job.seconds}s"]
        words += ["--timeout", f"{job.timeout_s}s", "-s", str(script)]
        return [*words, *(word for text in job.headers() for word in ("-H", text)), job.url]

    def read(self, job: Job, text: str) -> Said:
        line = next((line for line in text.splitlines() if line.startswith(MARK)), "")
        found = json.loads(line.removeprefix(MARK))
        errors = {name: int(found[name]) for name in ERRORS if found[name]}
        # Answers of another status are among the requests, broken connections are not.
        wrong = int(found["status"])
        return Said(
            run_ns=int(found["us"]) * 1000,
            done=int(found["requests"]) - wrong,
            failed=sum(errors.values()),
            errors=errors,
            latency_ns={name: found[name] * 1000 for name in LATENCY},
        )


def _script(job: Job) -> str:
    lines = []
    if job.load.method != "GET":
        lines.append(f"wrk.method = {_quoted(job.load.method.encode())}")
    body = job.body()
    if body is not None:
        lines.append(f"wrk.body = {_quoted(body)}")
    pipelined = PIPELINED.format(pipeline=job.load.pipeline) if job.load.pipeline > 1 else ""
    return "\n".join(lines) + pipelined + DONE


def _quoted(data: bytes) -> str:
    """A Lua string of any bytes."""
    return '"' + "".join(f"\\{byte:03d}" for byte in data) + '"'
