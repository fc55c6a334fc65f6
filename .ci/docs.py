"""Writes what the program says of itself into the documents: docs/commands.md and the JSON Schema
of experiment files. A test holds the committed page against the program."""

import sys
from collections.abc import Iterator
from pathlib import Path

import click

ROOT = Path(__file__).resolve().parent.parent
PAGE = ROOT / "docs" / "commands.md"
HEAD = """# Commands

Written by `make docs` from the program's own help.
"""


def walk(command: click.Command, context: click.Context) -> Iterator[tuple[str, str]]:
    """Each command's full name and help, parents before children."""
    yield context.command_path, command.get_help(context)
    if isinstance(command, click.Group):
        for name in command.list_commands(context):
            inner = command.get_command(context, name)
            assert inner is not None, name
            yield from walk(inner, click.Context(inner, parent=context, info_name=name))


def page() -> str:
    """docs/commands.md as it should be."""
    from zyphos_lab.cli.main import cli

    context = click.Context(cli, info_name="zyphos-lab", terminal_width=96, max_content_width=96)
    parts = [f"## {name}\n\n```text\n{text.rstrip()}\n```\n" for name, text in walk(cli, context)]
    return "\n".join([HEAD, *parts])


def main() -> None:
    from zyphos_lab.spec import schema

    PAGE.parent.mkdir(exist_ok=True)
    PAGE.write_text(page(), encoding="utf-8")
    schema.FILE.write_text(schema.text(), encoding="utf-8")
    for path in (PAGE, schema.FILE):
        sys.stdout.write(f"docs: {path.relative_to(ROOT)}\n")


if __name__ == "__main__":
    main()
