"""Somebody's own server, or their own front end with our server behind it."""

from __future__ import annotations

import ipaddress
import socket
from urllib.parse import urlsplit

from zyphos_lab.child import Children
from zyphos_lab.errors import TargetError, UsageError
from zyphos_lab.smuggle import peers
from zyphos_lab.smuggle.matrix import Matrix, Pair
from zyphos_lab.smuggle.run import Wanted, asked, own_front
from zyphos_lab.smuggle.tap import Tap

PORT_DEFAULT = 80


def place(url: str) -> tuple[str, int]:
    """Address and port of `http://HOST:PORT/`. UsageError where it is none, or not loopback."""
    parts = urlsplit(url)
    try:
        port = parts.port or PORT_DEFAULT
    except ValueError:
        port = 0
    if parts.scheme != "http" or not parts.hostname or not port:
        raise UsageError(f"{url}: not the URL of a server", "http://127.0.0.1:8080/")
    try:
        found = socket.getaddrinfo(parts.hostname, port, type=socket.SOCK_STREAM)
    except OSError as error:
        raise UsageError(f"{url}: {error.strerror}") from error
    address = str(found[0][4][0])
    if not ipaddress.ip_address(address).is_loopback:
        hint = "run it on the server's machine, or through a tunnel that ends on loopback"
        raise UsageError(f"{address} is not on loopback: techniques of attack go there only", hint)
    return address, port


def server(url: str, address: str, port: int, wanted: Wanted) -> Matrix:
    """What the server makes of every technique, sent to it directly."""
    try:
        return Matrix(wanted.techniques, readings={url: asked(address, port, wanted)})
    except OSError as error:
        raise TargetError(f"{url}: {error.strerror or error}") from error


def front(at: tuple[str, str, int], behind: int, wanted: Wanted, children: Children) -> Matrix:
    """What a front end (URL, address, port) that passes on to our port `behind` sends there; our
    server reads it. TargetError where it has gone.
    """
    url, address, port = at
    back = wanted.pairs[0].back
    pair = Pair(url, back)
    try:
        with (
            peers.started(peers.servers()[back], children) as server_port,
            Tap(server_port, behind) as tap,
        ):
            found = own_front(address, port, tap, wanted)
            return Matrix(wanted.techniques, passings={pair: found})
    except OSError as error:
        raise TargetError(f"{url}: {error.strerror or error}") from error
