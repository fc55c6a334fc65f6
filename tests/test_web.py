"""The web server over real sockets: files by every engine and in every way of sending, conditional
and range requests (RFC 9110, 13 and 14), folders, and what must never leave the root."""

import json
import os
import re
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from running import Served, refused
from website import DATE, LARGE, TEXT, ask, make, pieces, serving
from zyphos_lab import _core

pytestmark = pytest.mark.native

ENGINES = ["sequential", "thread", "pool", "select", "poll", "epoll", "coroutine", "uring"]
ENGINES += ["prefork"]
WAYS = ["best", "sendfile", "mmap", "read"]


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make(tmp_path_factory.mktemp("root"))


@pytest.fixture(scope="module")
def server(root: Path) -> Iterator[Served]:
    with serving(root) as running:
        yield running


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("engine", ENGINES)
def test_files_come_whole(root: Path, engine: str, way: str) -> None:
    able = _core.engines()[engine]
    if able is not True:
        pytest.skip(f"engine {engine}: {able}")
    words = (f"engine={engine}", f"sending={way}")
    if (engine, way) == ("uring", "sendfile"):
        code, _, said = refused("zyphos-serve", f"root={root}", *words)
        assert code == 1 and "io_uring has no sendfile" in said
        return
    with serving(root, *words) as running:
        for name, content in (("text.txt", TEXT), ("large.bin", LARGE), ("empty", b"")):
            got = ask(running.port, f"/{name}")
            assert (got.status, got.body) == (200, content)
            assert got.fields["content-length"] == str(len(content))
        part = ask(running.port, "/large.bin", fields={"Range": "bytes=100000-299999"})
        assert (part.status, part.body) == (206, LARGE[100000:300000])
        parts = ask(running.port, "/large.bin", fields={"Range": "bytes=0-9,500000-799999"})
        assert parts.status == 206
        assert [content for _, content in pieces(parts)] == [LARGE[:10], LARGE[500000:800000]]
        assert running.end(signal.SIGTERM) == 0


def test_what_is_said_of_a_file(server: Served) -> None:
    got = ask(server.port, "/text.txt")
    assert got.fields["content-type"] == "text/plain; charset=utf-8"
    assert got.fields["last-modified"] == DATE
    assert got.fields["accept-ranges"] == "bytes"
    assert re.fullmatch(r'"[0-9a-f]+-[0-9a-f]+-[0-9a-f]+"', got.fields["etag"])
    assert "vary" not in got.fields
    head = ask(server.port, "/text.txt", "HEAD")
    assert head.body == b""
    assert {k: v for k, v in head.fields.items() if k != "date"} == {
        k: v for k, v in got.fields.items() if k != "date"
    }


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("a.html", "text/html; charset=utf-8"),
        ("a.PNG", "image/png"),
        ("a.js", "text/javascript; charset=utf-8"),
        ("a.json", "application/json"),
        ("a.svg", "image/svg+xml"),
        ("a.wasm", "application/wasm"),
        ("a.tar.gz", "application/gzip"),
        ("a", "application/octet-stream"),
        ("a.unheard", "application/octet-stream"),
        ("a.mine", "application/x-mine"),
        ("a.md", "text/x-own"),
    ],
)
def test_types(tmp_path: Path, name: str, kind: str) -> None:
    (tmp_path / name).write_bytes(b"x")
    own = tmp_path / ".types"
    own.write_text("# own\napplication/x-mine mine other\ntext/x-own md\n")
    with serving(tmp_path, f"types={own}") as running:
        assert ask(running.port, f"/{name}").fields["content-type"] == kind


def test_only_get_and_head(server: Served) -> None:
    for method in ("POST", "PUT", "DELETE", "OPTIONS"):
        got = ask(server.port, "/text.txt", method)
        assert (got.status, got.fields["allow"]) == (405, "GET, HEAD")


def test_folders(server: Served) -> None:
    assert ask(server.port, "/").body == b"<!doctype html><h1>Hello</h1>"
    moved = ask(server.port, "/folder?q=1")
    assert (moved.status, moved.fields["location"]) == (301, "/folder/?q=1")
    # Not to another host.
    assert ask(server.port, "//folder").fields["location"] == "/folder/"
    assert ask(server.port, "/text.txt/").status == 404
    assert ask(server.port, "/nothing").status == 404


def test_a_listing(server: Served, root: Path) -> None:
    os.utime(root / "folder" / "deep", (1_700_000_000, 1_700_000_000))
    page = ask(server.port, "/folder/")
    assert page.fields["content-type"] == "text/html; charset=utf-8"
    text = page.body.decode()
    assert 'href="./inner.txt"' in text and 'href="./deep/"' in text and 'href="../"' in text
    assert text.index("deep/") < text.index("inner.txt")
    listed = ask(server.port, "/folder/", fields={"Accept": "application/json"})
    assert (listed.fields["content-type"], listed.fields["vary"]) == ("application/json", "Accept")
    assert json.loads(listed.body) == {
        "path": "/folder",
        "entries": [
            {"name": "deep", "type": "folder", "href": "deep", "modified_s": 1_700_000_000},
            {"name": "inner.txt", "type": "file", "href": "inner.txt", "size": 5,
             "modified_s": 1_700_000_000},
        ],
        "more": False,
    }  # fmt: skip
    both = ask(server.port, "/folder/", fields={"Accept": "text/html, application/json;q=0.9"})
    assert both.fields["content-type"].startswith("text/html")


def test_a_listing_answers_its_form(tmp_path: Path) -> None:
    """A GET form: what names contain, and the order of them."""
    for name, size in (("beta <i>.txt", 30), ("alpha.txt", 20), ("gamma&.bin", 10), (".x", 1)):
        (tmp_path / name).write_bytes(b"x" * size)

    def names(query: str) -> list[str]:
        found = json.loads(ask(running.port, f"/?format=json&{query}").body)["entries"]
        return [each["name"] for each in found]

    with serving(tmp_path) as running:
        assert names("") == ["alpha.txt", "beta <i>.txt", "gamma&.bin"]
        assert names("q=TXT") == ["alpha.txt", "beta <i>.txt"]
        assert names("q=beta+%3Ci") == ["beta <i>.txt"]
        assert names("q=%26") == ["gamma&.bin"]
        assert names("sort=size") == ["gamma&.bin", "alpha.txt", "beta <i>.txt"]
        assert names("sort=name&order=down") == ["gamma&.bin", "beta <i>.txt", "alpha.txt"]
        page = ask(running.port, "/?q=%22%3E%3Cscript%3E").body.decode()
        assert "<script>" not in page and 'value="&quot;&gt;&lt;script&gt;"' in page
        assert "beta &lt;i&gt;.txt" in ask(running.port, "/").body.decode()
        assert ask(running.port, "/beta%20%3Ci%3E.txt").body == b"x" * 30
    with serving(tmp_path, "listing=false") as running:
        assert ask(running.port, "/").status == 403
    with serving(tmp_path, "dotfiles=true") as running:
        assert names("q=.x") == [".x"] and ask(running.port, "/.x").body == b"x"


def test_error_pages(tmp_path: Path) -> None:
    make(tmp_path)
    (tmp_path / "errors").mkdir()
    (tmp_path / "errors" / "404.html").write_bytes(b"<p>Own page</p>")
    with serving(tmp_path, "error_pages=errors") as running:
        missing = ask(running.port, "/nothing")
        assert (missing.status, missing.body) == (404, b"<p>Own page</p>")
        assert missing.fields["content-type"] == "text/html; charset=utf-8"
        escaped = ask(running.port, "/../x")
        assert escaped.status == 400 and b"400 Bad Request" in escaped.body
        head = ask(running.port, "/nothing", "HEAD")
        assert (head.status, head.fields["content-length"], head.body) == (404, "15", b"")


@pytest.mark.parametrize(
    ("accepted", "encoding"),
    [
        (None, None),
        ("gzip", "gzip"),
        ("x-gzip", "gzip"),
        ("gzip, br, zstd", "br"),
        ("gzip;q=1.0, br;q=0.5", "gzip"),
        ("gzip;q=0, br;q=0", None),
        ("gzip;q=0.5, identity", None),
        ("*", "br"),
        ("br;q=0, *;q=0.1", "zstd"),
        ("gzip;q=2", None),
        ("deflate, compress", None),
        ("GZIP;Q=0.9", "gzip"),
    ],
)
@pytest.mark.parametrize("open_files", [0, 16])
def test_precompressed(
    tmp_path: Path, accepted: str | None, encoding: str | None, open_files: int
) -> None:
    for suffix in ("", ".gz", ".br", ".zst"):
        (tmp_path / f"page.html{suffix}").write_bytes(f"as{suffix}".encode())
    fields = {} if accepted is None else {"Accept-Encoding": accepted}
    words = ("precompressed=true", f"open_files_max={open_files}")
    with serving(tmp_path, *words) as running:
        for _ in range(2):
            got = ask(running.port, "/page.html", fields=fields)
            assert got.fields.get("content-encoding") == encoding
            ending = {None: "", "gzip": ".gz", "br": ".br", "zstd": ".zst"}[encoding]
            assert got.body == f"as{ending}".encode()
            assert got.fields["vary"] == "Accept-Encoding"
            assert got.fields["content-type"] == "text/html; charset=utf-8"
            plain = ask(running.port, "/page.html.gz")
            assert "content-encoding" not in plain.fields
            assert plain.fields["content-type"] == "application/gzip"


def test_files_that_are_kept_open(root: Path, tmp_path: Path) -> None:
    """What has been changed, replaced or removed is seen as soon as it is looked at again."""
    path = tmp_path / "file.txt"
    path.write_bytes(b"first")
    with serving(tmp_path, "open_files_max=2", "open_files_ns=0") as running:
        first = ask(running.port, "/file.txt")
        path.write_bytes(b"second one")
        second = ask(running.port, "/file.txt")
        assert (first.body, second.body) == (b"first", b"second one")
        assert first.fields["etag"] != second.fields["etag"]
        path.unlink()
        assert ask(running.port, "/file.txt").status == 404
    with serving(tmp_path, "open_files_max=2", "open_files_ns=60000000000") as running:
        for name in ("a", "b", "c"):
            (tmp_path / name).write_bytes(name.encode())
            assert ask(running.port, f"/{name}").body == name.encode()
        for name in ("a", "b", "c"):
            (tmp_path / name).unlink()
        # Two are kept, the last ones used, and not looked at for a minute.
        assert ask(running.port, "/c").body == b"c"
        assert ask(running.port, "/b").body == b"b"
        assert ask(running.port, "/a").status == 404


def test_where_it_is_served_is_said(root: Path) -> None:
    with serving(root) as running:
        assert running.process.stdout is not None
        line = running.process.stdout.readline()
        assert line == f"serving {root} at http://127.0.0.1:{running.port}/\n"


@pytest.mark.parametrize(
    ("words", "complaint"),
    [
        (["root=/nowhere/at/all"], "root=/nowhere/at/all: No such file or directory"),
        (["engine=prefork", "root=/nowhere/at/all"], "root=/nowhere/at/all: No such file"),
        (["root=.", "protocol=echo"], "root: belongs to protocol=http1"),
        (["root=.", "types=/nowhere"], "types=/nowhere: cannot be read"),
        (["root=.", "access_log=/nowhere/log"], "log /nowhere/log: No such file"),
    ],
)
def test_what_cannot_be_served_is_one_line(words: list[str], complaint: str) -> None:
    code, out, err = refused("zyphos-serve", "port=0", *words)
    assert (code, out, err.count("\n")) == (1, "", 1)
    assert complaint in err
