"""`python -m zyphos_lab.stats.simulation`: runs every check; exit code 3 if a promise is broken."""

from __future__ import annotations

import json
import shlex
import sys
from pathlib import Path

import click

from zyphos_lab.files import write_atomically
from zyphos_lab.stats.simulation.checks import promises
from zyphos_lab.stats.simulation.counterexamples import counterexamples
from zyphos_lab.stats.simulation.designs import designs
from zyphos_lab.stats.simulation.page import markdown, record

RUNS, FAMILIES, SEED = 2_000, 2_000, 20_261_121
RECORD, PAGE = "statistics.json", "README.md"


@click.command()
@click.option("--runs", default=RUNS, show_default=True, type=click.IntRange(20), help="Per check.")
@click.option(
    "--families",
    default=FAMILIES,
    show_default=True,
    type=click.IntRange(10),
    help="Simulated runs of 24 contrasts each.",
)
@click.option("--seed", default=SEED, show_default=True, type=click.IntRange(0))
@click.option("--json", "as_json", is_flag=True, help="Print the record, not the page.")
@click.option(
    "--write",
    type=click.Path(path_type=Path, file_okay=False),
    help=f"Folder for {RECORD} and {PAGE}.",
)
def main(runs: int, families: int, seed: int, as_json: bool, write: Path | None) -> None:
    """Simulates runs with a known truth and says whether the statistics keep their promises."""
    findings = [
        *promises(runs, families, seed, _progress),
        *designs(runs, seed, _progress),
        *counterexamples(runs, seed, _progress),
    ]
    words = ["python", "-m", "zyphos_lab.stats.simulation"]
    words += ["--runs", str(runs), "--families", str(families), "--seed", str(seed)]
    data, text = record(findings, seed), markdown(findings, seed, shlex.join(words))
    if write is not None:
        write.mkdir(parents=True, exist_ok=True)
        write_atomically(write / RECORD, json.dumps(data, indent=1) + "\n")
        write_atomically(write / PAGE, text)
    click.echo(json.dumps(data, indent=1) if as_json else text)
    sys.exit(0 if data["holds"] else 3)


def _progress(what: str, done: int, total: int) -> None:
    print(f"\r{what}: {done} of {total}\033[K", end="\n" if done == total else "", file=sys.stderr)


if __name__ == "__main__":
    main()
