"""`zyphos-lab load`: the load generator on its own, against a server on this machine."""

from __future__ import annotations

import itertools
import socket
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import SplitResult, urlsplit

import click

from zyphos_lab.cli.load_law import arrival_options, arrival_words, law_of
from zyphos_lab.cli.shared import cpus, json_option, parsed, print_json
from zyphos_lab.errors import Interrupted, LabError, LoadError, MeasurementError, UsageError
from zyphos_lab.units import (
    format_count,
    format_duration,
    format_rate,
    format_size,
    parse_duration,
)

if TYPE_CHECKING:
    from zyphos_lab.child import Children
    from zyphos_lab.load import LoadRun
    from zyphos_lab.load_group import LoadGroup
    from zyphos_lab.record import Reason

EPILOG = """\b
Examples:
  zyphos-lab load http://127.0.0.1:8080/ --connections 64 --duration 5s
  zyphos-lab load http://127.0.0.1:8080/ --rate 10000/s --law poisson
  zyphos-lab load http://127.0.0.1:8080/ --connections 40000 --processes 3
  zyphos-lab load http://127.0.0.1:8080/ --rate 1000/s --law on-off --on 100ms --off 400ms
  zyphos-lab load http://127.0.0.1:8080/ --law ramp --from 100/s --to 5000/s --duration 30s
  zyphos-lab load http://127.0.0.1:8080/ --law trace --trace arrivals.txt
  zyphos-lab load http://127.0.0.1:8080/ --law partly-open --rate 100/s --session 5 --think 20ms
  zyphos-lab load http://[::1]:8080/path --method POST --body hello --header accept=*/*
  zyphos-lab load 127.0.0.1:7000 --protocol echo --message-bytes 64 --write-pattern two
  zyphos-lab load http://127.0.0.1:8080/ --rate 1000/s --requests mix.yaml --order sequential

Only addresses of this machine are loaded: loopback, or one of its own interfaces.
"""
PROGRAM = "zyphos-load"
RESULT_GRACE_NS = 15_000_000_000
QUANTILES = ("min", "p50", "p90", "p99", "p99_9", "max")


@dataclass(frozen=True, slots=True)
class Place:
    """Where to: protocol, address (resolved), port, and for HTTP the path."""

    protocol: str
    address: str
    port: int
    path: str


@dataclass(frozen=True, slots=True)
class Wanted:
    """What is started: so many zyphos-load with these words, on these CPUs."""

    words: list[str]
    processes: int
    on_cpus: list[int]
    warmup_ns: int


@click.command(epilog=EPILOG)
@click.argument("target", metavar="URL|HOST:PORT")
@click.option(
    "--protocol",
    type=click.Choice(["echo", "http1"]),
    default="http1",
    show_default=True,
    help="What HOST:PORT speaks; a URL says so itself.",
)
@click.option("--connections", "-c", type=click.IntRange(min=1), default=16, show_default=True)
@click.option("--threads", "-t", type=click.IntRange(min=1), default=1, show_default=True)
@click.option("--processes", type=click.IntRange(1, 250), default=1, show_default=True,
              help="That share it, where one may not have so many descriptors.")  # fmt: skip
@click.option("--cpus", default="", help="Processors to run on, like 1,2. Default: all.")
@click.option("--duration", "-d", default="5s", show_default=True, help="Measured window.")
@click.option("--warmup", default="500ms", show_default=True, help="Load before it, not counted.")
@arrival_options
@click.option("--pipeline", type=click.IntRange(min=1), default=1, show_default=True)
@click.option("--deadline", default="1s", show_default=True, help="Given up after, from schedule.")
@click.option("--method", default="GET", show_default=True)
@click.option("--header", "headers", multiple=True, metavar="NAME=VALUE", help="Repeatable.")
@click.option("--body", help="Body of each request.")
@click.option(
    "--requests",
    default="",
    metavar="FILE",
    help="A list (YAML, JSON) of {path, weight, method, headers, body, check}.",
)
@click.option("--order", type=click.Choice(["weighted", "sequential"]), help="Of it. [weighted]")
@click.option("--status", type=click.IntRange(100, 599), help="The only good one. [any 2xx]")
@click.option("--message-bytes", type=click.IntRange(min=1), default=64, show_default=True)
@click.option(
    "--write-pattern",
    type=click.Choice(["one", "two", "writev", "cork"]),
    default="one",
    show_default=True,
)
@click.option("--socket", "sockets", multiple=True, metavar="NAME=VALUE",
              help="Like tcp_nodelay=true. Repeatable.")  # fmt: skip
@click.option("--seed", type=click.IntRange(min=0), default=1, show_default=True)
@json_option
def command(**given: Any) -> None:
    """Put load on a server of this machine and print rate, latency, errors and health."""
    place = _place(given["target"], given["protocol"])
    words = list(_words(given, place))
    window_ns = _duration(given, "duration")
    _enough(given)
    wanted = Wanted(words, given["processes"], cpus(given["cpus"]), _duration(given, "warmup"))
    result, stop = _run(wanted, window_ns, _duration(given, "deadline"))
    columns, verdict, reasons = _judged(result, law_of(given))
    if given["as_json"]:
        print_json({**columns, "verdict": verdict, "reasons": [one.as_dict() for one in reasons]})
    else:
        _print(columns, verdict, [one.message for one in reasons])
    if stop is not None:
        raise stop
    if verdict == "INVALID":
        raise MeasurementError(next(one.message for one in reasons if one.severity == verdict))


def _place(text: str, protocol: str) -> Place:
    url = urlsplit(text if "://" in text else f"//{text}")
    if url.scheme not in ("", "http"):
        raise UsageError(f"{text}: `{url.scheme}` cannot be loaded yet", "http://HOST:PORT/PATH")
    port = _port(url)
    if not url.hostname or not port:
        raise UsageError(f"{text}: not a URL or HOST:PORT", "http://127.0.0.1:8080/")
    path = (url.path or "/") + (f"?{url.query}" if url.query else "")
    address = _own_address(url.hostname, port)
    return Place("http1" if url.scheme else protocol, address, port, path)


def _port(url: SplitResult) -> int:
    """0 where none is given, or one that is no port."""
    try:
        return url.port or (80 if url.scheme else 0)
    except ValueError:
        return 0


def _own_address(host: str, port: int) -> str:
    """The address of `host`, which must be of this machine: others are not ours to load."""
    try:
        family, _, _, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
    except socket.gaierror as error:
        raise UsageError(f"{host}: {error.strerror}") from None
    try:
        with socket.socket(family, socket.SOCK_DGRAM) as probe:
            probe.bind((address[0], 0))  # only an address of this machine can be bound
    except OSError:
        message = f"{address[0]} is not an address of this machine: other hosts are not loaded"
        raise UsageError(message) from None
    return str(address[0])


def _duration(given: dict[str, Any], name: str) -> int:
    return parsed(f"--{name}", given[name], parse_duration)


def _words(given: dict[str, Any], place: Place) -> Iterator[str]:
    names = ("connections", "threads", "pipeline", "cpus", "seed")
    yield from (f"{name}={given[name]}" for name in names if given[name] != "")
    yield from (f"{name}={getattr(place, name)}" for name in ("protocol", "address", "port"))
    yield from arrival_words(given)
    yield f"warmup_ns={_duration(given, 'warmup')}"
    yield f"window_ns={_duration(given, 'duration')}"
    yield f"deadline_ns={_duration(given, 'deadline')}"
    yield from _request_words(given, place)
    yield from (f"socket.{word}" for word in given["sockets"])


def _request_words(given: dict[str, Any], place: Place) -> Iterator[str]:
    if place.protocol == "echo":
        yield f"message_bytes={given['message_bytes']}"
        yield f"write_pattern={given['write_pattern']}"
        return
    if given["requests"]:
        yield from _listed_words(given)
    elif given["order"]:
        raise UsageError("--order is that of --requests FILE")
    else:
        yield f"method={given['method']}"
        yield f"path={place.path}"
    yield from (f"header.{word}" for word in given["headers"])
    if given["body"] is not None:
        yield f"body={given['body']}"
    if given["status"] is not None:
        yield f"check.status={given['status']}"


def _listed_words(given: dict[str, Any]) -> Iterator[str]:
    from zyphos_lab.spec import load_files, words

    if given["method"] != "GET" or given["body"] is not None:
        raise UsageError("--method and --body belong into the file of --requests")
    if given["order"]:
        yield f"order={given['order']}"
    yield from words.listed_words(load_files.listed_in(given["requests"]))


def _enough(given: dict[str, Any]) -> None:
    """As an experiment's rule: each process and each of its threads has a connection."""
    needed = given["processes"] * given["threads"]
    if given["processes"] > 1 and given["connections"] < needed:
        message = f"--processes {given['processes']} with --threads {given['threads']}"
        raise UsageError(f"{message} need {needed} connections at least")


def _started(wanted: Wanted, children: Children) -> LoadRun | LoadGroup:
    from zyphos_lab.load import LoadRun
    from zyphos_lab.load_group import LoadGroup

    words, on_cpus = wanted.words, wanted.on_cpus
    if wanted.processes == 1:
        return LoadRun(words, on_cpus, children, lambda: None)
    count, warmup_ns = wanted.processes, wanted.warmup_ns
    return LoadGroup(words, count, warmup_ns, on_cpus, children, lambda: None)


def _run(
    wanted: Wanted, window_ns: int, deadline_ns: int
) -> tuple[dict[str, Any], Interrupted | None]:
    """The load's result; with Ctrl-C what it had by then, and the exception to end with."""
    from zyphos_lab import signals
    from zyphos_lab.child import Children, monotonic_ns

    with tempfile.TemporaryDirectory() as folder, signals.handled():
        load = _started(wanted, Children(Path(folder)))
        try:
            try:
                load.wait_for("connected", monotonic_ns() + RESULT_GRACE_NS)
                window = load.wait_for("window", monotonic_ns() + RESULT_GRACE_NS)
                _tell(window, window_ns)
                return load.wait_for(
                    "result", window["end_ns"] + deadline_ns + RESULT_GRACE_NS
                ), None
            except Interrupted as stop:
                load.interrupt()
                result = load.wait_for("result", monotonic_ns() + RESULT_GRACE_NS)
                return result, Interrupted("stopped before its time", stop.exit_code - 128)
        except LoadError as error:
            raise _own(error) from None
        finally:
            load.stop()


def _own(error: LoadError) -> LabError:
    """An option that zyphos-load refuses (exit code 2) was refused by this command."""
    refused = error.message.partition(f"exit code 2: {PROGRAM}: ")[2]
    if refused:
        return UsageError(refused)
    return LoadError(error.message.removeprefix("load: "), error.hint, error.errc)


def _tell(window: dict[str, Any], window_ns: int) -> None:
    from zyphos_lab.child import monotonic_ns

    if sys.stderr.isatty():
        left = format_duration(window["end_ns"] - monotonic_ns())
        text = f"measuring {format_duration(window_ns)}, done in {left} (Ctrl-C ends it early)"
        print(text, file=sys.stderr, flush=True)


def _judged(result: dict[str, Any], law: str) -> tuple[dict[str, Any], str, list[Reason]]:
    from zyphos_lab import health, record

    columns, _, reasons = record.load_columns(result)
    columns |= {f"client_{name}": result[name] for name in ("bytes_out", "bytes_in")}
    reasons += health.load_reasons(columns, law)
    health.mark_limits(columns, reasons)
    return columns, record.worst(reasons), reasons


def _print(columns: dict[str, Any], verdict: str, messages: list[str]) -> None:
    at_least = ">= " if columns.get("requests_per_second_at_least") else ""
    asked = columns["rate_asked_per_second"]
    of = f" of {format_rate(asked)} asked" if asked else ""
    window = format_duration(columns["window_ns"])
    done = format_count(columns["requests_done"])
    click.echo(f"rate        {at_least}{format_rate(columns['requests_per_second'])}{of}")
    click.echo(f"requests    {done} done, {columns['requests_failed']} failed, "
               f"{columns['requests_censored']} unfinished in {window}")  # fmt: skip
    for metric, name in (("latency_ns", "latency"), ("service_ns", "service")):
        click.echo(f"{name:12}{_quantiles(columns, metric)}")
    for at in itertools.takewhile(lambda at: f"request_{at}_done" in columns, itertools.count()):
        click.echo(f"{f'request {at}':12}{_listed(columns, f'request_{at}')}")
    sent, received = columns["client_bytes_out"], columns["client_bytes_in"]
    click.echo(f"bytes       {format_size(sent)} out, {format_size(received)} in")
    errors = {name[6:]: count for name, count in columns.items() if name.startswith("error_")}
    if errors:
        listed = ", ".join(f"{name} {count}" for name, count in errors.items())
        click.echo(f"errors      {listed}")
    click.echo(f"health      {_health(columns)}")
    click.echo(f"verdict     {verdict}" + "".join(f"\n            {text}" for text in messages))


def _listed(columns: dict[str, Any], name: str) -> str:
    counts = f"{format_count(columns[f'{name}_done'])} done, {columns[f'{name}_failed']} failed"
    p50, p99 = (columns[f"{name}_latency_ns_{which}"] for which in ("p50", "p99"))
    if p50 is None:
        return counts
    return f"{counts}, p50 {format_duration(p50)}, p99 {format_duration(p99)}"


def _quantiles(columns: dict[str, Any], metric: str) -> str:
    parts = []
    for name in QUANTILES:
        value = columns[f"{metric}_{name}"]
        bound = ">= " if columns.get(f"{metric}_{name}_at_least") else ""
        shown = "-" if value is None else f"{bound}{format_duration(value)}"
        parts.append(f"{name.replace('_', '.')} {shown}")
    return "  ".join(parts)


def _health(columns: dict[str, Any]) -> str:
    parts = []
    if columns["client_threads_busy_ratio"] is not None:
        parts.append(f"load's threads {columns['client_threads_busy_ratio']:.0%} busy")
    if columns["rate_ratio"] is not None:
        parts.append(f"rate ratio {columns['rate_ratio']:.3f}")
    if columns["schedule_lag_ns_p99"] is not None:
        parts.append(f"schedule lag p99 {format_duration(columns['schedule_lag_ns_p99'])}")
    if columns["arrivals_ks"] is not None:
        parts.append(f"arrivals off by {columns['arrivals_ks']:.4f}")
    return ", ".join(parts)
