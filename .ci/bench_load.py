"""The ruler beside wrk: requests/s and CPU per request of both, one core each, the same servers.

    .venv/bin/python .ci/bench_load.py [--rounds 8] [--seconds 1] [--json results/x.json]

In each round both run next to each other in random order against one server (nginx and our epoll
engine, as experiments/engines_hello.yaml names them), plain and with 16 requests pipelined.
Ratios are ours over wrk's, paired by round, with the inverted sign-flip interval. Needs wrk.
"""

from __future__ import annotations

import json
import math
import os
import random
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

import click
import numpy as np

from zyphos_lab import host, spec, targets
from zyphos_lab.child import Children
from zyphos_lab.native import program
from zyphos_lab.rulers.base import Job
from zyphos_lab.rulers.wrk import Wrk
from zyphos_lab.spec import Load
from zyphos_lab.stats import interval

EXPERIMENT = Path(__file__).resolve().parent.parent / "experiments/engines_hello.yaml"
SERVERS = ("nginx", "epoll")
PIPELINES = (1, 16)
CPU = 1
CONNECTIONS = 64
Figures = dict[str, float]  # requests_per_second, cpu_ns_per_request


def measured(argv: list[str]) -> tuple[str, float]:
    """Output and CPU seconds of a command, pinned."""
    before = os.times()
    argv = ["taskset", "-c", str(CPU), *argv]
    text = subprocess.run(argv, check=True, capture_output=True, text=True).stdout
    after = os.times()
    user = after.children_user - before.children_user
    return text, user + after.children_system - before.children_system


def run_wrk(port: int, pipeline: int, seconds: int, folder: Path) -> Figures:
    load = Load(protocol="http1", generator="wrk", connections=CONNECTIONS, pipeline=pipeline)
    job = Job("wrk", load, f"http://127.0.0.1:{port}/", seconds * 10**9, folder)
    text, cpu_s = measured(["wrk", *Wrk().words(job)])
    said = Wrk().read(job, text)
    if said.failed:
        raise click.ClickException(f"wrk: {said.errors}")
    rate = said.done * 1e9 / said.run_ns
    return {"requests_per_second": rate, "cpu_ns_per_request": cpu_s * 1e9 / said.done}


def run_ours(port: int, pipeline: int, seconds: int) -> Figures:
    words = [f"port={port}", "protocol=http1", f"connections={CONNECTIONS}", f"cpus={CPU}",
             f"pipeline={pipeline}", "warmup_ns=0", f"window_ns={seconds * 10**9}",
             "check.status=200", "check.body_bytes=13"]  # fmt: skip
    text, cpu_s = measured([program("zyphos-load"), *words])
    result = json.loads(text.splitlines()[-1])
    if result["event"] != "result" or result["requests_failed"]:
        raise click.ClickException(f"zyphos-load: {result}")
    per_request = cpu_s * 1e9 / result["requests_done"]
    rate = result["requests_per_second"]
    return {"requests_per_second": rate, "cpu_ns_per_request": per_request}


def paired(ours: list[Figures], wrk: list[Figures], name: str) -> dict[str, float | None]:
    """Geometric mean of the rounds' ratios, and its interval."""
    logs = np.array([math.log(a[name] / b[name]) for a, b in zip(ours, wrk, strict=True)])
    found = interval(logs)
    low, high = (None, None) if found is None else (math.exp(found[0]), math.exp(found[1]))
    return {"ratio": math.exp(float(logs.mean())), "low": low, "high": high}


def compare(port: int, pipeline: int, rounds: int, seconds: int, folder: Path) -> dict[str, object]:
    order = random.Random(42 + pipeline)
    arms: dict[str, list[Figures]] = {"wrk": [], "zyphos_load": []}
    runs: dict[str, Callable[[], Figures]] = {
        "wrk": lambda: run_wrk(port, pipeline, seconds, folder),
        "zyphos_load": lambda: run_ours(port, pipeline, seconds),
    }
    for _ in range(rounds):
        for name in order.sample(sorted(runs), 2):
            arms[name].append(runs[name]())
    ratios = {
        name: paired(arms["zyphos_load"], arms["wrk"], name)
        for name in ("requests_per_second", "cpu_ns_per_request")
    }
    return {"pipeline": pipeline, "ratios": ratios, "rounds": arms}


def show(server: str, row: dict[str, object]) -> None:
    ratios = row["ratios"]
    assert isinstance(ratios, dict)
    texts = []
    for name, ratio in ratios.items():
        bounds = "" if ratio["low"] is None else f" [{ratio['low']:.3f}, {ratio['high']:.3f}]"
        texts.append(f"{name} x{ratio['ratio']:.3f}{bounds}")
    print(f"{server:6} pipeline {row['pipeline']:2}: zyphos-load / wrk  {', '.join(texts)}")


@click.command()
@click.option("--rounds", default=8, show_default=True)
@click.option("--seconds", default=1, show_default=True)
@click.option("--json", "output", type=click.Path(path_type=Path), help="Keep the record there.")
def main(rounds: int, seconds: int, output: Path | None) -> None:
    """Runs zyphos-load beside wrk."""
    if shutil.which("wrk") is None:
        sys.exit("bench_load: skipped: wrk is not installed (apt-get install wrk)")
    experiment = spec.load(EXPERIMENT)
    cells = {cell.target_name: cell for cell in experiment.cells}
    rows: list[dict[str, object]] = []
    with tempfile.TemporaryDirectory() as folder:
        children = Children(Path(folder))
        for server in SERVERS:
            running = targets.make(server, cells[server].target, children).start()
            try:
                for pipeline in PIPELINES:
                    row = compare(running.port, pipeline, rounds, seconds, Path(folder))
                    show(server, row)
                    rows.append({"server": server, **row})
            finally:
                running.stop()
    if output is not None:
        output.parent.mkdir(parents=True, exist_ok=True)
        record = {"host": host.fingerprint(), "rounds": rounds, "seconds": seconds, "rows": rows}
        output.write_text(json.dumps(record, indent=1, default=str) + "\n")
        print(f"record: {output}")


if __name__ == "__main__":
    main()
