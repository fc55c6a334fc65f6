"""`zyphos-lab schema`: what an experiment file may contain, for editors."""

from __future__ import annotations

import click

EPILOG = """\b
Examples:
  zyphos-lab schema > experiment.schema.json
"""


@click.command(epilog=EPILOG)
def command() -> None:
    """Print the JSON Schema of experiment files."""
    from zyphos_lab.spec import schema

    click.echo(schema.text(), nl=False)
