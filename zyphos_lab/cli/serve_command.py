"""`zyphos-lab serve`: any of our engines with any of our protocols, as a real server.

Becomes zyphos-serve (exec), so that signals and exit code are the server's own.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from typing import Any, get_args

import click

from zyphos_lab.cli.serve_site import site_options, site_words
from zyphos_lab.cli.shared import cpus, parsed
from zyphos_lab.spec.target_models import (
    Accepting,
    Engine,
    HandOut,
    Listens,
    Parser,
    Strictness,
    Trigger,
    WorkerAccept,
)

EPILOG = """\b
Examples:
  zyphos-lab serve --root . --port 8080
  zyphos-lab serve --root site --precompressed --open-files 1000 --access-log access.log
  zyphos-lab serve --engine epoll --protocol http1 --port 8080
  zyphos-lab serve --engine uring --protocol http1 --app echo --threads 2 --cpus 0,1
  zyphos-lab serve --engine epoll --trigger oneshot --threads 2 --accepting shared --exclusive
  zyphos-lab serve --engine poll --threads 2 --accepting acceptor --hand-out least_connections
  zyphos-lab serve --engine epoll --family dual --device lo
  zyphos-lab serve --engine prefork --workers 4 --accept passed
  zyphos-lab serve --engine thread --protocol echo --message-bytes 64 --socket tcp_nodelay=true

The first line of output is `listening ADDRESS:PORT`; with --root the next has the URL. SIGTERM and
SIGINT let running requests finish and end the server with exit code 0. SIGHUP makes engine prefork
replace its workers.
"""


@click.command(epilog=EPILOG)
@click.option("--engine", type=click.Choice(get_args(Engine)), default="epoll", show_default=True)
@click.option(
    "--trigger",
    type=click.Choice(get_args(Trigger)),
    help="How epoll tells what is ready. Default: edge.",
)
@click.option(
    "--accepting",
    type=click.Choice(get_args(Accepting)),
    help="Several threads: a listener each, one for all, or a thread that hands out.",
)
@click.option("--exclusive", is_flag=True, help="EPOLLEXCLUSIVE at the listener.")
@click.option(
    "--hand-out",
    type=click.Choice(get_args(HandOut)),
    help="To whom an acceptor gives a connection. Default: to each in turn.",
)
@click.option("--workers", type=click.IntRange(1, 256), help="Processes of engine prefork.")
@click.option(
    "--accept",
    type=click.Choice(get_args(WorkerAccept)),
    help="Of its workers: a listener each, one for all, or what their parent passes to them.",
)
@click.option(
    "--protocol", type=click.Choice(["echo", "http1"]), default="http1", show_default=True
)
@click.option(
    "--app",
    type=click.Choice(["hello", "echo"]),
    default="hello",
    show_default=True,
    help="What answers HTTP requests: a fixed text, or the request's own body.",
)
@site_options
@click.option(
    "--parser", type=click.Choice(get_args(Parser)), help="What reads HTTP heads. Default: best."
)
@click.option(
    "--strictness",
    type=click.Choice(get_args(Strictness)),
    help="What of malformed HTTP heads is put up with. Default: strict, nothing.",
)
@click.option("--address", default="", help="Default: loopback of the family; dual: all there is.")
@click.option(
    "--family",
    type=click.Choice(get_args(Listens)),
    help="IP versions: one alone, or one socket for both. Default: the address's.",
)
@click.option("--device", default="", help="Take what comes in by this interface alone, like lo.")
@click.option(
    "--port", type=click.IntRange(0, 65535), default=0, show_default=True, help="0: a free one."
)
@click.option("--threads", type=click.IntRange(min=1), default=1, show_default=True)
@click.option("--cpus", default="", help="Processors to run on, like 0,1. Default: all.")
@click.option(
    "--message-bytes",
    type=click.IntRange(min=1),
    default=64,
    show_default=True,
    help="Size of a message (echo protocol).",
)
@click.option(
    "--response-bytes",
    type=click.IntRange(min=0),
    default=13,
    show_default=True,
    help="Size of the body (http1, app hello).",
)
@click.option("--idle-timeout", default="", help="Close idle connections after, like 30s.")
@click.option("--header-timeout", default="", help="Answer 408 to a head that takes longer.")
@click.option("--body-timeout", default="", help="Answer 408 to a body that takes longer.")
@click.option(
    "--socket",
    "sockets",
    multiple=True,
    metavar="NAME=VALUE",
    help="tcp_nodelay, tcp_quickack, tcp_congestion, so_sndbuf, so_rcvbuf. Repeatable.",
)
def command(**given: Any) -> None:
    """Run one of our servers until SIGTERM or SIGINT."""
    from zyphos_lab.native import program

    path = program("zyphos-serve")
    if wanted := cpus(given["cpus"]):
        os.sched_setaffinity(0, wanted)
    sys.stdout.flush()
    os.execv(path, [path, *_words(given)])


def _words(given: dict[str, Any]) -> Iterator[str]:
    from zyphos_lab.units import parse_duration

    names = ["engine", "protocol", "address", "family", "device", "port", "threads", "cpus"]
    if given["root"]:
        if given["protocol"] == "echo":
            raise click.UsageError("--root is served by --protocol http1")
        yield from site_words(given)
    elif given["protocol"] == "echo":
        names += ["message_bytes"]
    else:
        names += ["app", "response_bytes"]
    names += ["parser", "strictness", "trigger", "accepting", "hand_out", "workers", "accept"]
    yield from (f"{name}={given[name]}" for name in names if given[name] not in ("", None))
    if given["exclusive"]:
        yield "exclusive=true"
    for name in ("idle_timeout", "header_timeout", "body_timeout"):
        if given[name]:
            option = f"--{name.replace('_', '-')}"
            yield f"{name}_ns={parsed(option, given[name], parse_duration)}"
    yield from (f"socket.{word}" for word in given["sockets"])
