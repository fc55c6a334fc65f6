"""`zyphos-lab calibrate`: the ruler against a server of known truth."""

from __future__ import annotations

import shutil
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from zyphos_lab.cli.shared import cpus, json_option, parsed, print_json, results_option

if TYPE_CHECKING:
    from zyphos_lab.calibrate.judge import Judged
    from zyphos_lab.calibrate.result import Calibration
    from zyphos_lab.calibrate.run import Wanted

OFF = 5
EPILOG = """\b
Examples:
  zyphos-lab calibrate --quick
  zyphos-lab calibrate
  zyphos-lab calibrate --protocol http1 --case constant_50us --case stall
  zyphos-lab calibrate --quick --json > calibration.json

The load generator is put before a server whose delays, rate and losses are known, and confirmed by
the kernel's timestamps of its sockets; delays twice, as it polls while answers are awaited and as
it sleeps. Let nothing else run meanwhile. What is found is kept in results/calibration/, and later
runs on this machine name it. Exit code 5: the ruler is off, by more than waking up explains where
it sleeps.
"""


@click.command(epilog=EPILOG)
@click.option("--quick", is_flag=True, help="Under a minute, instead of two to three.")
@click.option("--protocol", "protocols", multiple=True, metavar="NAME", help="Repeatable. [all]")
@click.option("--case", "cases", multiple=True, metavar="NAME",
              help="constant_50us, constant_1ms, constant_10ms, bimodal, heavy_tail, stall, "
              "rate_cap, loss. Repeatable. [all]")  # fmt: skip
@click.option(
    "--cpus",
    "on_cpus",
    default="",
    help="Of the server and of the ruler, like 0,1, or one for both.",
)
@click.option("--seed", type=click.IntRange(min=0), default=1, show_default=True)
@click.option(
    "--plant-bias", default="0", hidden=True, help="As if the ruler reported so much more."
)
@results_option
@json_option
def command(results: Path, as_json: bool, **given: Any) -> int:
    """Measure the ruler: what it reports against what was so."""
    from zyphos_lab.calibrate import page, result, run
    from zyphos_lab.errors import Interrupted

    wanted = _wanted(given)
    run.chosen(wanted)  # a wrong name is told before anything is made
    folder = result.new_folder(results)
    try:
        _say(f"calibration: some {run.expected_seconds(wanted):.0f} s; {folder}")
        if len(run.cpus(wanted)) < 2:
            _say("one processor for server and ruler: only the ruler that sleeps is measured")
        judged = run.calibrate(wanted, folder, _tell)
        calibration = result.made(folder, judged, wanted.quick)
        result.save(calibration, folder)
    except Interrupted as stop:
        shutil.rmtree(folder, ignore_errors=True)
        raise Interrupted("calibration stopped; nothing of it is kept", stop.signum) from stop
    except BaseException:
        shutil.rmtree(folder, ignore_errors=True)
        raise
    page.write(calibration, folder)
    _show(calibration, folder, as_json)
    return OFF if calibration.off else 0


def _wanted(given: dict[str, Any]) -> Wanted:
    from zyphos_lab.calibrate.run import Wanted
    from zyphos_lab.errors import UsageError
    from zyphos_lab.units import parse_duration

    pinned = cpus(given["on_cpus"])
    if len(pinned) > 2 or len(set(pinned)) != len(pinned):
        raise UsageError("--cpus: two different processors, the server's and the ruler's, or one")
    return Wanted(
        quick=given["quick"],
        protocols=given["protocols"],
        cases=given["cases"],
        cpus=tuple(pinned),
        seed=given["seed"],
        planted_ns=parsed("--plant-bias", given["plant_bias"], parse_duration),
    )


def _say(line: str) -> None:
    click.echo(line, file=sys.stderr)


def _tell(one: Judged, number: int, count: int) -> None:
    """One line for each case, between measurements."""
    from zyphos_lab.calibrate.words import asleep_verdict_text, difference_text

    found = ", ".join(f"{p.name} {difference_text(p)}" for p in one.points if p.limit is not None)
    again = f" (middle of {one.repetitions})" if one.repetitions > 1 else ""
    way = "polled" if one.poll else "asleep"
    verdict = asleep_verdict_text(one)
    _say(f"[{number}/{count}] {one.protocol} {one.case}, {way}: {found}: {verdict}{again}")


def _show(calibration: Calibration, folder: Path, as_json: bool) -> None:
    if as_json:
        from zyphos_lab.calibrate import words
        from zyphos_lab.calibrate.result import as_dict

        told = {"sentence": words.sentence(calibration), "asleep": words.asleep(calibration)}
        print_json(told | as_dict(calibration))
        return
    from rich.console import Console

    from zyphos_lab.calibrate.console import terminal
    from zyphos_lab.calibrate.result import PAGE

    terminal(calibration, Console())
    click.echo(f"page:  {folder / PAGE}")
