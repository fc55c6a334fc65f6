"""`zyphos-lab`: finds the command, loads only its module, and turns errors into one line each.

Exit codes (METHOD.md): 0 ok; 1 internal; 2 usage or experiment file; 3 an expectation failed;
4 inconclusive; 5 invalid measurement; 130/143 interrupted.
"""

from __future__ import annotations

import errno
import importlib
import os
import signal
import sys
import tempfile
import traceback
from contextlib import suppress

import click

from zyphos_lab import __version__, native
from zyphos_lab.cli.shared import begin_output, print_json_error
from zyphos_lab.errors import LabError

# Command -> its line in --help. The module zyphos_lab.cli.<command> is loaded when it is used.
COMMANDS = {
    "run": "Run an experiment file and answer its question.",
    "list": "List experiments and runs.",
    "show": "Show the answer of a run.",
    "compare": "Hold runs, programs or a saved baseline against each other.",
    "query": "Ask all runs by SQL.",
    "roadmap": "The whole subject, and how far the lab is.",
    "choose": "When to use which, by what the kept runs say.",
    "report": "Write a run's report.html again.",
    "notebook": "Make and execute a run's notebook again.",
    "init": "Write a commented experiment for your own server.",
    "calibrate": "Measure the ruler itself against a server of known truth.",
    "doctor": "What this machine can measure, and how to mend what it cannot.",
    "serve": "Run one of our servers.",
    "load": "Put load on a server and say how it did.",
    "smuggle": "Who reads an ambiguous request how: techniques against servers and pairs.",
    "trace": "Watch a process, by pid, port or command, with the probes.",
    "schema": "Print the JSON Schema of experiment files.",
}

# What Python meets where it asks what was built for more than that has.
STALE = (KeyError, AttributeError, TypeError, ValueError)

EPILOG = """\b
Examples:
  zyphos-lab run experiments/tcp_nodelay.yaml
  zyphos-lab run experiments/tcp_nodelay.yaml --profile quick --plan
  zyphos-lab show last
  zyphos-lab serve --engine epoll --protocol http1 --port 8080
  zyphos-lab load http://127.0.0.1:8080/ --connections 64 --duration 5s
"""


class Lazy(click.Group):
    """Commands whose modules are imported when they are called."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in COMMANDS:
            return None
        module = importlib.import_module(f"zyphos_lab.cli.{cmd_name}_command")
        command: click.Command = module.command
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        # The table stands here, so that help loads none of the commands.
        with formatter.section("Commands"):
            formatter.write_dl(list(COMMANDS.items()))

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        name = args[0] if args else ""
        if name and not name.startswith("-") and name not in COMMANDS:
            import difflib

            close = difflib.get_close_matches(name, COMMANDS, 1)
            hint = f"did you mean `{close[0]}`?" if close else f"one of {', '.join(COMMANDS)}"
            raise click.UsageError(f"no command `{name}` ({hint})")
        return super().resolve_command(ctx, args)


@click.command(cls=Lazy, epilog=EPILOG, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="zyphos-lab")
def cli() -> None:
    """A laboratory for servers and network protocols: experiments in, trustworthy answers out."""


def main(arguments: list[str] | None = None) -> None:
    """Runs the command line and ends the process with its exit code."""
    sys.exit(run(sys.argv[1:] if arguments is None else arguments))


def run(arguments: list[str]) -> int:
    """Runs the command line; the exit code. Never raises, never prints a traceback."""
    begin_output()
    try:
        result = cli.main(arguments, prog_name="zyphos-lab", standalone_mode=False)
        return result if isinstance(result, int) else 0
    except click.exceptions.Exit as leave:
        return leave.exit_code
    except SystemExit:
        # click's answer to EPIPE: whoever read our output has gone (`| head`).
        return _unread()
    except BaseException as error:
        return _failed(error, "--json" in arguments)


def _failed(error: BaseException, as_json: bool) -> int:
    """Says an error in one line (a line for each mistake in a file); its exit code."""
    message, code = _explained(error)
    for line in message.splitlines():
        print(f"zyphos-lab: {line}", file=sys.stderr)
    if as_json:
        try:
            print_json_error(error, message, code)
            sys.stdout.flush()
        except OSError:
            return _unread()
    return code


def _explained(error: BaseException) -> tuple[str, int]:
    if isinstance(error, click.Abort | KeyboardInterrupt):
        return "interrupted", 130
    if isinstance(error, click.ClickException):
        return _one_line(error), error.exit_code
    if isinstance(error, LabError):
        return str(error), error.exit_code
    if isinstance(error, OSError) and error.errno == errno.ENOSPC:
        where = error.filename or "the output"
        return f"{where} cannot be written: {error.strerror}", 1
    return _unexpected(error), 1


def _unread() -> int:
    """Ends as SIGPIPE would end us; what is still buffered goes nowhere."""
    with suppress(OSError, ValueError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    return 128 + signal.SIGPIPE


def _one_line(error: click.ClickException) -> str:
    message = " ".join(error.format_message().split())
    context = getattr(error, "ctx", None)
    where = f" (see `{context.command_path} --help`)" if context is not None else ""
    return message + where


def _unexpected(error: BaseException) -> str:
    """A bug of ours: one line, and the traceback in a file. Programs that are older than their
    sources are the likelier cause, where they are.
    """
    with tempfile.NamedTemporaryFile(
        "w", prefix="zyphos-lab-", suffix=".traceback", delete=False, encoding="utf-8"
    ) as file:
        traceback.print_exception(error, file=file)
    text = " ".join(str(error).split()) or "no message"
    if isinstance(error, STALE) and (newer := native.outdated()):
        return (
            f"the built programs are older than the sources ({newer}): rebuild them with "
            f"`make build` ({type(error).__name__}: {text}; traceback in {file.name})"
        )
    return f"internal error: {type(error).__name__}: {text} (traceback in {file.name})"
