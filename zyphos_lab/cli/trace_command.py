"""`zyphos-lab trace`: the probes on a process that lives, or on a command that it starts."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AbstractContextManager, ExitStack
from pathlib import Path
from typing import TYPE_CHECKING

import click

from zyphos_lab.cli.shared import json_option, parsed, print_json
from zyphos_lab.errors import EXIT_OK, UsageError
from zyphos_lab.units import parse_duration

if TYPE_CHECKING:
    from zyphos_lab.trace.life import Life
    from zyphos_lab.trace.subject import Subject

EPILOG = """\b
Examples:
  zyphos-lab trace 1234
  zyphos-lab trace --port 8080 --for 10s
  zyphos-lab trace --port 8080 --probe syscalls --probe sched --interval 500ms
  zyphos-lab trace 1234 --bpftrace experiments/probes/run_queue.bt
  zyphos-lab trace --json -- curl http://127.0.0.1:8080/
  zyphos-lab trace --life
  zyphos-lab trace --life epoll uring --output docs/connection_life.md
  zyphos-lab trace --life --port 8080

Ctrl-C ends it with a summary (exit code 130), and so does the end of the process (0; 5 where a
command that it started failed). What the machine or your rights do not allow is skipped, with one
line each that says why. With --life the words are engines, and a connection of its own is made,
asked once and closed: to each of them, or to the HTTP server on --port.
"""
INTERVAL_MIN_NS = 10_000_000


@click.command(epilog=EPILOG, context_settings={"allow_interspersed_args": True})
@click.argument("what", nargs=-1, metavar="PID|COMMAND...", type=click.UNPROCESSED)
@click.option(
    "--port",
    type=click.IntRange(1, 65535),
    help="Trace what listens there; beside a pid, the port whose sockets are looked at.",
)
@click.option("--probe", "probes", multiple=True, metavar="NAME", help="Only this one. Repeatable.")
@click.option(
    "--bpftrace",
    "scripts",
    multiple=True,
    metavar="FILE",
    help="The maps of this script; then only the probes named beside. Repeatable.",
)
@click.option("--for", "duration", default="", help="End after, like 10s. Default: when it ends.")
@click.option("--interval", default="1s", show_default=True, help="Time between two readings.")
@click.option("--life", is_flag=True, help="Every system call of one connection, in order.")
@click.option(
    "--output",
    type=click.Path(dir_okay=False, path_type=Path),
    help="With --life: write the page (Markdown) there.",
)
@json_option
def command(
    what: tuple[str, ...],
    port: int | None,
    probes: tuple[str, ...],
    scripts: tuple[str, ...],
    duration: str,
    interval: str,
    life: bool,
    output: Path | None,
    as_json: bool,
) -> int:
    """Watch a process tree with the probes: a live table, and a summary at the end.

    The process is a pid, what listens on a port, or a command behind `--`, which ends with the
    trace and whose output is not shown.
    """
    if life:
        if probes or scripts or duration:
            raise UsageError("--life goes with --port, --output and --json only")
        return _life(what, port or 0, output, as_json)
    if output is not None:
        raise UsageError("--output goes with --life")
    from zyphos_lab.trace import run

    times = run.Times(*_times(duration, interval))
    with ExitStack() as stack:
        made = stack.enter_context(run.probes_of(probes, scripts))
        subject = stack.enter_context(_subject(what, port or 0))
        return run.run(subject, made, times, as_json)


def _times(duration: str, interval: str) -> tuple[int, int | None]:
    """Of --interval and --for."""
    for_ns = parsed("--for", duration, parse_duration) if duration else None
    interval_ns = parsed("--interval", interval, parse_duration)
    if interval_ns < INTERVAL_MIN_NS:
        raise UsageError(f"--interval {interval}: shorter than 10ms disturbs what it watches")
    if for_ns == 0:
        raise UsageError("--for 0: nothing can be read in no time")
    return interval_ns, for_ns


def _life(engines: Sequence[str], port: int, output: Path | None, as_json: bool) -> int:
    from rich.console import Console

    from zyphos_lab.files import write_atomically
    from zyphos_lab.trace import life_text

    lives = _lives(engines, port)
    if output is not None:
        write_atomically(output, life_text.page(lives))
    if as_json:
        print_json([life_text.plain(one) for one in lives])
    elif output is None:
        life_text.shown(Console(), lives)
    return EXIT_OK


def _lives(engines: Sequence[str], port: int) -> list[Life]:
    """Of these engines (none: all), or of what listens on the port."""
    import tempfile

    from zyphos_lab.child import Children
    from zyphos_lab.trace import life, subject

    unknown = [one for one in engines if one not in life.ENGINES]
    if unknown:
        known = ", ".join(life.ENGINES)
        raise UsageError(f"--life: there is no engine {unknown[0]!r}", f"engines are: {known}")
    if engines and port:
        raise UsageError("--life: engines, or --port, not both")
    if port:
        with subject.of_port(port) as server:
            return [life.of_server(server.name, server.pid, port)]
    with tempfile.TemporaryDirectory(prefix="zyphos-") as folder:
        children = Children(Path(folder))
        return [life.of_engine(one, children) for one in engines or life.ENGINES]


def _subject(what: Sequence[str], port: int) -> AbstractContextManager[Subject]:
    from zyphos_lab.trace import subject

    if not what and not port:
        raise UsageError("trace what?", "a pid, --port N, or `-- command args`")
    if not what:
        return subject.of_port(port)
    if len(what) == 1 and what[0].isdecimal():
        return subject.of_pid(int(what[0]), port)
    return subject.of_command(what, port)
