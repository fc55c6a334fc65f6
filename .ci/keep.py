"""Puts complete runs among the reference results: verifies and seals each, and stages it for git.

    make keep ARGS="[--rows] RUN..."    RUN: a folder, a run's name or the start of one, or `last`

Stays: the manifest, the sealed journal, the answer; of the method's own proofs the page too. What
one command makes again from the journal is left out: tables, page, notebook. With `--rows` the
journal's histograms are left out as well, when all has been verified with them: nine tenths of it,
for experiments about counts. Says how much of the 20 MB that tests/test_index.py allows is taken.
Nothing is committed.
"""

import argparse
import os
import subprocess
import sys
from pathlib import Path

from zyphos_lab import journal, runs
from zyphos_lab.errors import LabError, StoreError
from zyphos_lab.finish import Wanted, finish
from zyphos_lab.report.verify_run import gate, verify
from zyphos_lab.store import Store
from zyphos_lab.store_seal import seal

ROOT = Path(__file__).resolve().parent.parent
RESULTS = ROOT / "results"
ANSWER, PAGE = "answer.json", "report.html"
KEPT = ("manifest.json", journal.NAME + journal.SEALED, ANSWER)
WITH_PAGE = ("aa", "coordinated_omission")


def keep(run: Path, histograms: bool) -> None:
    """Errors: StoreError, MeasurementError where a number of its report is not the store's."""
    if not (run / ANSWER).exists():
        raise StoreError(f"{run}: {ANSWER} is missing", f"`zyphos-lab report {run}` makes it")
    checked(run)
    seal(run, histograms)
    if not histograms:
        finish(Store.open(run), Wanted(notebook=False, table=False))
        checked(run)
    kept = [run / name for name in (*KEPT, *((PAGE,) if run.parent.name in WITH_PAGE else ()))]
    git("rm", "-rq", "--cached", "--ignore-unmatch", "--", str(run))
    git("add", "-f", "--", *map(str, kept))
    print(f"kept: {run}, {sum(file.stat().st_size for file in kept):,} bytes")


def checked(run: Path) -> None:
    gate([verify(run, lambda line: print(f"note: {line}", file=sys.stderr))])


def git(*arguments: str) -> str:
    done = subprocess.run(["git", *arguments], cwd=ROOT, check=True, capture_output=True, text=True)
    return done.stdout


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rows", action="store_true", help="leave the histograms out")
    parser.add_argument("runs", nargs="+", metavar="RUN")
    asked = parser.parse_args()
    os.chdir(ROOT)  # the answer names its folder, and no machine's
    try:
        for name in asked.runs:
            keep(runs.find(RESULTS, name).resolve().relative_to(ROOT), not asked.rows)
    except LabError as error:
        print(f"keep: {error}", file=sys.stderr)
        return error.exit_code
    taken = sum((ROOT / path).stat().st_size for path in git("ls-files", "results").splitlines())
    print(f"results: {taken:,} bytes of 20,000,000")
    return 0


if __name__ == "__main__":
    sys.exit(main())
