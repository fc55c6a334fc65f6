"""A folder to serve, a server on it, and requests that nobody makes tidy on their way."""

import contextlib
import http.client
import os
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from running import Served, served

TEXT = b"0123456789" * 100
LARGE = bytes(range(256)) * 4096  # 1 MiB
TIME = 1_700_000_000  # 2023-11-14 22:13:20
DATE = "Tue, 14 Nov 2023 22:13:20 GMT"


def make(root: Path) -> Path:
    """The files that the tests ask for."""
    files = {
        "index.html": b"<!doctype html><h1>Hello</h1>",
        "text.txt": TEXT,
        "large.bin": LARGE,
        "empty": b"",
        "a b&c.txt": b"odd name",
        "folder/inner.txt": b"inner",
        "folder/deep/deeper.txt": b"deeper",
        ".secret": b"secret",
    }
    for name, content in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
        os.utime(path, (TIME, TIME))
    return root


@dataclass(frozen=True)
class Answer:
    """One answer, whole."""

    status: int
    fields: Mapping[str, str]
    body: bytes


def ask(
    port: int, target: str, method: str = "GET", fields: Mapping[str, str] | None = None
) -> Answer:
    """`target` goes out as it stands."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
    with contextlib.closing(connection):
        connection.putrequest(method, target, skip_accept_encoding=True)
        for name, value in (fields or {}).items():
            connection.putheader(name, value)
        connection.endheaders()
        answer = connection.getresponse()
        found = {name.lower(): value for name, value in answer.getheaders()}
        return Answer(answer.status, found, answer.read())


@contextlib.contextmanager
def serving(root: Path, *words: str, pass_fds: tuple[int, ...] = ()) -> Iterator[Served]:
    with served(f"root={root}", *words, pass_fds=pass_fds) as server:
        yield server


def pieces(answer: Answer) -> list[tuple[str, bytes]]:
    """The parts of a multipart answer, taken apart by its own boundary and the parts' lengths."""
    kind = re.fullmatch(r"multipart/byteranges; boundary=(\w+)", answer.fields["content-type"])
    assert kind is not None
    line = b"\r\n--" + kind[1].encode()
    assert answer.body.endswith(line + b"--\r\n")
    found, rest = [], answer.body
    while not rest.startswith(line + b"--"):
        assert rest.startswith(line + b"\r\n")
        head, _, rest = rest.partition(b"\r\n\r\n")
        where = re.search(rb"Content-Range: bytes (\d+)-(\d+)/\d+", head)
        assert where is not None
        size = int(where[2]) - int(where[1]) + 1
        found.append((where[0].decode(), rest[:size]))
        rest = rest[size:]
    assert len(answer.body) == int(answer.fields["content-length"])
    return found
