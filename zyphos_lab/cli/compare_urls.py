"""`zyphos-lab compare --url A --url B`: servers that already run, each by its address.

A shorthand for `--target attach:PORT,pid=PID,address=IP` and `--load path=/x`: who listens on the
port is looked up. Loopback only: what runs elsewhere is not ours to load.
"""

from __future__ import annotations

import ipaddress
import shlex
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from zyphos_lab.errors import UsageError

EXAMPLE = "http://127.0.0.1:8080/path"


@dataclass(frozen=True, slots=True)
class Place:
    """Where a server listens and what it is asked for."""

    address: str
    port: int
    path: str


def place_of(text: str) -> Place:
    """Of `http://127.0.0.1:PORT/path`. UsageError for what is no such URL, or is not loopback."""
    try:
        url = urlsplit(text)
        port = url.port
    except ValueError as error:
        raise UsageError(f"--url {text}: {error}", EXAMPLE) from None
    if url.scheme != "http" or not url.hostname or not port:
        raise UsageError(f"--url {text}: not a URL with a port", EXAMPLE)
    host = "127.0.0.1" if url.hostname == "localhost" else url.hostname
    try:
        loopback = ipaddress.ip_address(host).is_loopback
    except ValueError:
        loopback = False
    if not loopback:
        raise UsageError(f"--url {text}: {host} is not a loopback address", EXAMPLE)
    return Place(host, port, (url.path or "/") + (f"?{url.query}" if url.query else ""))


def expanded(given: dict[str, Any]) -> dict[str, Any]:
    """The options with each `--url` as a target of its own, and their path as the load's."""
    urls: Sequence[str] = given.pop("urls", ())
    if not urls:
        return given
    if given["targets"]:
        raise UsageError("--url and --target: one of them", "--target attach:PORT,pid=PID")
    if len(urls) < 2:
        hint = "zyphos-lab compare --url A --url B"
        raise UsageError("one --url has nothing to be compared with: give another", hint)
    places = [place_of(text) for text in urls]
    path = _path(places)
    given["targets"] = tuple(map(_target, places))
    given["load"] = (*([shlex.join([f"path={path}"])] if path != "/" else []), *given["load"])
    if not given["names"] and len({one.port for one in places}) == len(places):
        given["names"] = tuple(f"port-{one.port}" for one in places)
    return given


def _path(places: Sequence[Place]) -> str:
    """The one that all are asked for."""
    paths = sorted({one.path for one in places})
    if len(paths) > 1:
        hint = "one path for all; two paths of a server are an experiment's factor `load.path`"
        raise UsageError(f"--url: the paths differ: {', '.join(paths)}", hint)
    return paths[0]


def _target(place: Place) -> str:
    from zyphos_lab.trace import subject

    with subject.of_port(place.port) as found:
        return f"attach:{place.port},pid={found.pid},address={place.address}"
