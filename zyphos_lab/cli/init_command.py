"""`zyphos-lab init`: a commented experiment for one's own server, to be edited."""

from __future__ import annotations

import os
import re
import shlex
from pathlib import Path

import click

from zyphos_lab.errors import UsageError

TEMPLATE = Path(__file__).parent / "init.yaml.j2"
EPILOG = """\b
Examples:
  zyphos-lab init mine.yaml
  zyphos-lab init mine.yaml --command './server --port {port}' --ready http:/health
  zyphos-lab init mine.yaml --command './server' --port 8080 --path /api/items
"""


@click.command(epilog=EPILOG)
@click.argument("file", type=click.Path(path_type=Path, dir_okay=False), default="mine.yaml")
@click.option("--command", "words", metavar="COMMAND", help="What starts your server.")
@click.option("--port", type=click.IntRange(1, 65535),
              help="Where it listens, unless {port} stands in the command.")  # fmt: skip
@click.option("--ready", default="tcp", show_default=True, metavar="HOW",
              help="When it may be asked: tcp, http:/path or log:REGEX.")  # fmt: skip
@click.option("--protocol", type=click.Choice(["http1", "echo"]), default="http1",
              show_default=True)  # fmt: skip
@click.option("--path", default="/", show_default=True, help="What is asked for.")
def command(
    file: Path, words: str | None, port: int | None, ready: str, protocol: str, path: str
) -> None:
    """Write a commented experiment to FILE; without options one that runs as it is."""
    from zyphos_lab import spec

    if words is None and port is not None:
        raise UsageError("--port is about --command, and there is none")
    text = _text(file, words, port, ready, protocol, path)
    spec.loads(text, str(file))
    _write(file, text)
    click.echo(f"{file} written. Next:")
    for option in ("--plan", "--profile quick"):
        click.echo(f"  zyphos-lab run {shlex.quote(str(file))} {option}")


def _text(
    file: Path, words: str | None, port: int | None, ready: str, protocol: str, path: str
) -> str:
    import json

    from jinja2 import Environment, StrictUndefined

    from zyphos_lab.compare import adhoc

    server, client = adhoc.cpus_of((), 1)
    environment = Environment(undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True)
    template = environment.from_string(TEMPLATE.read_text(encoding="ascii"))
    split = adhoc.words_of("--command", words) if words is not None else []
    placed = any("{port}" in word for word in split)
    if split and not placed and port is None:
        hint = "put {port} into it, or give --port"
        raise UsageError(f"--command {words}: on which port will it listen?", hint)
    return (
        template.render(
            file=shlex.quote(str(file)),
            name=re.sub(r"[^A-Za-z0-9_.-]", "_", file.stem).lstrip(".-") or "mine",
            protocol=protocol,
            command=json.dumps(split) if split else "",
            port="auto" if placed else port,
            ready=json.dumps(adhoc.ready_of(ready)),
            path=json.dumps(path),
            server=server[:1],
            client=client,
        )
        + "\n"
    )


def _write(file: Path, text: str) -> None:
    """A new file; what is there already stays as it is."""
    try:
        fd = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o644)
    except FileExistsError:
        raise UsageError(f"{file} is there already", "give another name, or remove it") from None
    except OSError as error:
        raise UsageError(f"cannot write {file}: {(error.strerror or str(error)).lower()}") from None
    with os.fdopen(fd, "w", encoding="utf-8") as out:
        out.write(text)
