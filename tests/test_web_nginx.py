"""nginx as a judge of the web server: the same requests of the same files, the same answers, but
where this list says why not."""

import contextlib
import os
import shutil
import socket
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from running import Served
from test_web_conditions import BEFORE, CONDITIONS, MANY, RANGES, TAG
from website import Answer, ask, make, serving

pytestmark = pytest.mark.native

CONFIGURATION = """
daemon off;
worker_processes 1;
pid {folder}/nginx.pid;
error_log {folder}/errors;
events {{ worker_connections 64; }}
http {{
  access_log off;
  types {{ text/plain txt; text/html html; }}
  default_type application/octet-stream;
  if_modified_since before;
  client_body_temp_path {folder}/body;
  proxy_temp_path {folder}/proxy;
  fastcgi_temp_path {folder}/fastcgi;
  uwsgi_temp_path {folder}/uwsgi;
  scgi_temp_path {folder}/scgi;
  server {{ listen 127.0.0.1:{port}; root {root}; }}
}}
"""

# What nginx 1.22 answers otherwise, and why ours stays.
BY_DATE_TOO = "it asks dates besides the tags, which RFC 9110, 13.2.2 says to ignore then"
SLOPPY_DATE = "it takes a text for a date that is none"
REFUSED = "it refuses a Range that it cannot read (416); RFC 9110, 14.2 allows both"
OTHERWISE = {
    str({"If-Match": TAG, "If-Unmodified-Since": BEFORE}): BY_DATE_TOO,
    str({"If-None-Match": TAG, "If-Modified-Since": BEFORE}): BY_DATE_TOO,
    str({"If-Unmodified-Since": "yesterday"}): SLOPPY_DATE,
    str({"If-Modified-Since": "Tue, 14 Nov 2023 22:13:20 CET"}): SLOPPY_DATE,
    str({"Range": "bytes= 1-2 ,"}): "it takes no empty element of a list",
    str({"Range": "bytes=0-99999999999999999999"}): "it takes a large number for none",
    str({"Range": "bytes=5-1"}): REFUSED,
    str({"Range": "bytes=a-b"}): REFUSED,
    str({"Range": "bytes=1"}): REFUSED,
    str({"Range": "bytes=-"}): REFUSED,
    str({"Range": "bytes=+1-2"}): REFUSED,
    str({"Range": MANY}): "it sends as many pieces as it is asked for",
}


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def answers(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = make(tmp_path_factory.mktemp("root"))
    for path in (folder, *folder.parents):  # workers of a server that root starts are nobody
        if (
            path.stat().st_uid == os.getuid()
            and path.is_relative_to("/tmp")
            and path != Path("/tmp")
        ):
            path.chmod(0o755)
    return folder


@pytest.fixture(scope="module")
def ours(root: Path) -> Iterator[Served]:
    with serving(root) as running:
        yield running


@pytest.fixture(scope="module")
def nginx(root: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[int]:
    program = shutil.which("nginx") or shutil.which("nginx", path="/usr/sbin")
    if program is None:
        pytest.skip("nginx is not installed: apt-get install nginx-light")
    folder = tmp_path_factory.mktemp("nginx")
    port = free_port()
    (folder / "n.conf").write_text(CONFIGURATION.format(folder=folder, port=port, root=root))
    process = subprocess.Popen(
        [program, "-p", str(folder), "-c", str(folder / "n.conf")], stderr=subprocess.DEVNULL
    )
    with contextlib.ExitStack() as stack:
        stack.callback(process.wait, 30)
        stack.callback(process.terminate)
        while not answers(port):
            assert process.poll() is None, (folder / "errors").read_text()
        yield port


def same(mine: Answer, theirs: Answer) -> bool:
    several = mine.fields.get("content-type", "").startswith("multipart/byteranges")
    if several:
        return theirs.fields.get("content-type", "").startswith("multipart/byteranges")
    where = mine.fields.get("content-range") == theirs.fields.get("content-range")
    pages = mine.status >= 300  # each has its own
    return mine.status == theirs.status and where and (pages or mine.body == theirs.body)


def judged(ours: Served, nginx: int, target: str, fields: dict[str, str]) -> None:
    def asked(port: int) -> Answer:
        tag = ask(port, "/text.txt").fields["etag"]
        return ask(port, target, fields={k: v.replace(TAG, tag) for k, v in fields.items()})

    mine, theirs = asked(ours.port), asked(nginx)
    why = OTHERWISE.get(str(fields) if fields else target)
    told = f"{target} {fields}: ours {mine.status}, nginx {theirs.status}"
    if why is None:
        assert same(mine, theirs), told
    else:
        assert not same(mine, theirs), f"{told}, which is no longer otherwise: {why}"


@pytest.mark.parametrize("fields", [each for each, _ in CONDITIONS], ids=lambda f: str(f)[:60])
def test_conditions(ours: Served, nginx: int, fields: dict[str, str]) -> None:
    judged(ours, nginx, "/text.txt", fields)


@pytest.mark.parametrize("asked", [each for each, _, _ in RANGES], ids=lambda r: r[:40])
def test_ranges(ours: Served, nginx: int, asked: str) -> None:
    judged(ours, nginx, "/text.txt", {"Range": asked})


@pytest.mark.parametrize(
    "target",
    ["/", "/text.txt", "/folder", "/folder/inner.txt", "/a%20b%26c.txt", "/empty", "/text.txt/",
     "/nothing", "//text.txt", "/./text.txt", "/text.txt?x=../..", "/%74ext.txt"],
)  # fmt: skip
def test_targets(ours: Served, nginx: int, target: str) -> None:
    judged(ours, nginx, target, {})
