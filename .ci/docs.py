"""Writes what the program says of itself into the documents: docs/commands.md and the JSON Schema
of experiment files, docs/verdicts.md, docs/doctor.md and docs/strictness.md. A test holds the
committed pages against the program."""

import sys
from collections.abc import Iterator
from pathlib import Path

import click

ROOT = Path(__file__).resolve().parent.parent
PAGE = ROOT / "docs" / "commands.md"
VERDICTS = ROOT / "docs" / "verdicts.md"
DOCTOR = ROOT / "docs" / "doctor.md"
STRICTNESS = ROOT / "docs" / "strictness.md"
HEAD = """# Commands

Written by `make docs` from the program's own help.
"""


def walk(command: click.Command, context: click.Context) -> Iterator[tuple[str, click.Command]]:
    """Each command with its full name, parents before children."""
    yield context.command_path, command
    if isinstance(command, click.Group):
        for name in command.list_commands(context):
            inner = command.get_command(context, name)
            assert inner is not None, name
            yield from walk(inner, click.Context(inner, parent=context, info_name=name))


def examples(epilog: str | None) -> str:
    """An epilog: command lines in a block, what it says besides behind them."""
    lines = [line.strip() for line in (epilog or "").replace("\b", "").splitlines()]
    typed = [line for line in lines if line.startswith("zyphos-lab ")]
    said = " ".join(line for line in lines if line not in (*typed, "Examples:", ""))
    block = "\n```sh\n" + "\n".join(typed) + "\n```\n" if typed else ""
    return block + (f"\n{said}\n" if said else "")


def option(parameter: click.Option) -> str:
    """One line of the list of options; click's own layout differs from version to version."""
    names = ", ".join(f"`{name}`" for name in (*parameter.opts, *parameter.secondary_opts))
    said = [" ".join(parameter.help.split()).rstrip(".")] if parameter.help else []
    if isinstance(parameter.type, click.Choice):
        said.append("one of " + ", ".join(f"`{choice}`" for choice in parameter.type.choices))
    shown = isinstance(parameter.default, str | int | float) and not parameter.is_flag
    if shown and parameter.default != "":
        said.append(f"default `{parameter.default}`")
    return f"- {names}{': ' if said else ''}{'; '.join(said)}\n"


def section(name: str, command: click.Command) -> str:
    options = [p for p in command.params if isinstance(p, click.Option)]
    arguments = [
        f" {(p.name or '').upper()}" for p in command.params if isinstance(p, click.Argument)
    ]
    meaning = " ".join((command.help or "").split())
    listed = "".join(option(p) for p in options)
    return f"## {name}{''.join(arguments)}\n\n{meaning}\n\n{listed}{examples(command.epilog)}"


def page() -> str:
    """docs/commands.md as it should be."""
    from zyphos_lab.cli.main import cli

    context = click.Context(cli, info_name="zyphos-lab")
    return "\n".join([HEAD, *(section(name, command) for name, command in walk(cli, context))])


def main() -> None:
    from zyphos_lab import verdicts
    from zyphos_lab.doctor import page as doctor
    from zyphos_lab.smuggle import strictness
    from zyphos_lab.spec import schema

    PAGE.parent.mkdir(exist_ok=True)
    PAGE.write_text(page(), encoding="utf-8")
    schema.FILE.write_text(schema.text(), encoding="utf-8")
    VERDICTS.write_text(verdicts.page(), encoding="utf-8")
    DOCTOR.write_text(doctor.page(), encoding="utf-8")
    STRICTNESS.write_text(strictness.page(), encoding="utf-8")
    for path in (PAGE, VERDICTS, DOCTOR, STRICTNESS, schema.FILE):
        sys.stdout.write(f"docs: {path.relative_to(ROOT)}\n")


if __name__ == "__main__":
    main()
