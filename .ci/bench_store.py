"""How long `list` and `query` take over large stores, start of the interpreter included.

    .venv/bin/python .ci/bench_store.py [FOLDER]

Builds two results folders (one run of 10,000 trials; 200 runs of 50) with rows as wide as real ones
and prints the median, least and most of 5 calls of each command. FOLDER is kept and used again.
"""

import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "tests"))

COMMAND = [str(ROOT / ".venv/bin/zyphos-lab")]
QUESTIONS = {
    "list": ["list"],
    "runs": ["query", "SELECT experiment, count(*), sum(trials_finished) FROM runs GROUP BY ALL"],
    "trials": ["query", "SELECT cell, median(latency_ns_p99), count(*) FROM trials GROUP BY cell"],
    "histograms": ["query", "SELECT metric, count(*) FROM histograms GROUP BY metric"],
}
CALLS = 5


def widen(row: dict[str, Any]) -> None:
    """Every number that a real trial has."""
    from zyphos_lab.metrics import METRICS

    for name, metric in METRICS.items():
        if metric.unit != "text":
            row.setdefault(name, row["trial"] * 7919 % 10_007)


def build(results: Path, runs: int, starts: int) -> None:
    """`runs` runs of one cell per value of one factor."""
    import store_factory

    factor = {"size": {"set": "load.message_bytes", "values": list(range(50))}}
    experiment = {**store_factory.EXPERIMENT, "factors": factor, "compare": [], "expect": []}
    for seed in range(runs):
        store_factory.make_store(
            results, starts, seed, widen, experiment, {"seed": seed}, histograms=True
        )


def measure(results: Path, arguments: list[str]) -> list[float]:
    """Seconds of each call."""
    taken = []
    for _ in range(CALLS):
        begun = time.perf_counter()
        line = [*COMMAND, *arguments, "--results", str(results)]
        subprocess.run(line, check=True, stdout=subprocess.DEVNULL, cwd=ROOT)
        taken.append(time.perf_counter() - begun)
    return taken


def main() -> None:
    folder = Path(sys.argv[1] if len(sys.argv) > 1 else tempfile.mkdtemp(prefix="bench-store-"))
    for name, runs, starts in (("one-run-of-10000", 1, 200), ("200-runs-of-50", 200, 1)):
        results = folder / name
        if not results.exists():
            build(results, runs, starts)
        size = sum(file.stat().st_size for file in results.rglob("*") if file.is_file())
        print(f"{name}: {size / 1e6:.0f} MB")
        for title, arguments in QUESTIONS.items():
            taken = measure(results, arguments)
            print(
                f"  {title:10} median {statistics.median(taken):.3f} s,"
                f" {min(taken):.3f} to {max(taken):.3f}"
            )


if __name__ == "__main__":
    main()
