"""What tests of links share: whether this machine can make one, said where it cannot; a link that
is up; what passes through it."""

from __future__ import annotations

import contextlib
import socket
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from zyphos_lab import links, netns
from zyphos_lab.child import Children
from zyphos_lab.spec import Link


def needs(kind: str) -> pytest.MarkDecorator:
    reason, hint = links.missing(kind)
    return pytest.mark.skipif(bool(reason), reason=f"link {kind}: {reason} ({hint})")


@contextlib.contextmanager
def up(tmp_path: Path, **keys: Any) -> Iterator[tuple[Any, links.Ends]]:
    """A link of these keys of the experiment file, and where its ends are."""
    spec = Link.model_validate(keys)
    link = links.make(spec, links.Setting(Children(tmp_path), seed=1))
    try:
        yield link, link.up()
    finally:
        link.down()


def listening(namespace: str | None, address: str) -> socket.socket:
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    with netns.entered(namespace):
        return socket.create_server((address, 0), family=family)


def exchanged(ends: links.Ends, octets: int) -> int:
    """Sends `octets` from the client's end to the server's; how many came."""
    assert ends.server_address is not None
    with contextlib.ExitStack() as stack:
        server = stack.enter_context(listening(ends.server, ends.server_address))
        with netns.entered(ends.client):
            client = socket.create_connection(server.getsockname()[:2], timeout=5)
        stack.enter_context(client)
        peer, _ = server.accept()
        stack.enter_context(peer)
        sending = threading.Thread(target=send, args=(client, octets))
        sending.start()
        came = sum(map(len, iter(lambda: peer.recv(1 << 16), b"")))
        sending.join()
        return came


def send(connection: socket.socket, octets: int) -> None:
    connection.settimeout(None)
    connection.sendall(b"x" * octets)
    connection.shutdown(socket.SHUT_WR)


class Joined:
    """A TCP connection across the link: its two ends, and the address that the server sees."""

    def __init__(self, ends: links.Ends, stack: contextlib.ExitStack) -> None:
        assert ends.server_address is not None
        listener = stack.enter_context(listening(ends.server, ends.server_address))
        with netns.entered(ends.client):
            self.client = socket.create_connection(listener.getsockname()[:2], timeout=5)
        stack.enter_context(self.client)
        self.server, self.seen = listener.accept()
        stack.enter_context(self.server)
        self.server.settimeout(5)


def datagrams(
    ends: links.Ends, role: str, stack: contextlib.ExitStack, port: int = 0
) -> socket.socket:
    """A UDP socket at an end of the link, with its address."""
    address = ends.server_address if role == "server" else ends.client_address
    assert address is not None
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    with netns.entered(getattr(ends, role)):
        one = stack.enter_context(socket.socket(family, socket.SOCK_DGRAM))
    one.bind((address, port))
    one.settimeout(5)
    return one
