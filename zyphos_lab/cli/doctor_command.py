"""`zyphos-lab doctor`: abilities and settings of this machine, and how to mend them."""

from __future__ import annotations

import click

from zyphos_lab.cli.shared import json_option, print_json

EPILOG = """\b
Examples:
  zyphos-lab doctor
  zyphos-lab doctor --json
"""


@click.command(epilog=EPILOG)
@json_option
def command(as_json: bool) -> None:
    """Say what this machine can measure, what spoils results on it, and how to mend it.

    Changes nothing.
    """
    from zyphos_lab import doctor

    checks = doctor.checks()
    if as_json:
        print_json(doctor.as_data(checks))
        return
    from rich.console import Console

    doctor.render(checks, Console())
