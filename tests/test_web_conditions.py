"""The web server's conditional and range requests, clause by clause (RFC 9110, 13 and 14)."""

from collections.abc import Iterator

import pytest

from running import Served
from website import DATE, TEXT, ask, make, pieces, serving

pytestmark = pytest.mark.native


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    with serving(make(tmp_path_factory.mktemp("root"))) as running:
        yield running


LATER = "Wed, 15 Nov 2023 00:00:00 GMT"
BEFORE = "Tue, 14 Nov 2023 00:00:00 GMT"
TAG = "(the file's tag)"
CONDITIONS = [
    # RFC 9110, 13.2.2, step by step.
    ({"If-Match": TAG}, 200),
    ({"If-Match": "*"}, 200),
    ({"If-Match": '"other"'}, 412),
    ({"If-Match": f'"other", {TAG}'}, 200),
    ({"If-Match": f"W/{TAG}"}, 412),
    ({"If-Match": TAG, "If-Unmodified-Since": BEFORE}, 200),
    ({"If-Unmodified-Since": DATE}, 200),
    ({"If-Unmodified-Since": BEFORE}, 412),
    ({"If-Unmodified-Since": "yesterday"}, 200),
    ({"If-None-Match": TAG}, 304),
    ({"If-None-Match": f"W/{TAG}"}, 304),
    ({"If-None-Match": "*"}, 304),
    ({"If-None-Match": '"other"'}, 200),
    ({"If-None-Match": f'"a,b", W/"c" ,{TAG}'}, 304),
    ({"If-None-Match": '"other"', "If-Modified-Since": LATER}, 200),
    ({"If-None-Match": TAG, "If-Modified-Since": BEFORE}, 304),
    ({"If-Match": '"other"', "If-None-Match": TAG}, 412),
    ({"If-Modified-Since": DATE}, 304),
    ({"If-Modified-Since": LATER}, 304),
    ({"If-Modified-Since": BEFORE}, 200),
    ({"If-Modified-Since": "Tuesday, 14-Nov-23 22:13:20 GMT"}, 304),
    ({"If-Modified-Since": "Tue Nov 14 22:13:20 2023"}, 304),
    ({"If-Modified-Since": "Tue, 14 Nov 2023 22:13:20 CET"}, 200),
    # Step 5: If-Range.
    ({"Range": "bytes=0-9", "If-Range": TAG}, 206),
    ({"Range": "bytes=0-9", "If-Range": f"W/{TAG}"}, 200),
    ({"Range": "bytes=0-9", "If-Range": '"other"'}, 200),
    ({"Range": "bytes=0-9", "If-Range": DATE}, 206),
    ({"Range": "bytes=0-9", "If-Range": LATER}, 200),
    ({"Range": "bytes=0-9", "If-Range": "garbage"}, 200),
    ({"Range": "bytes=0-9", "If-None-Match": TAG}, 304),
    ({"Range": "bytes=5000-", "If-Match": '"other"'}, 412),
]


@pytest.mark.parametrize("method", ["GET", "HEAD"])
@pytest.mark.parametrize(("fields", "status"), CONDITIONS, ids=lambda each: str(each)[:60])
def test_conditions(server: Served, fields: dict[str, str], status: int, method: str) -> None:
    tag = ask(server.port, "/text.txt").fields["etag"]
    asked = {name: value.replace(TAG, tag) for name, value in fields.items()}
    got = ask(server.port, "/text.txt", method, asked)
    if method == "HEAD" and status == 206:
        status = 200  # RFC 9110, 14.2: Range is of GET alone
    assert got.status == status
    if status == 304:
        assert got.body == b"" and got.fields["etag"] == tag
        assert "content-type" not in got.fields
    if status == 206:
        assert got.body == TEXT[:10]


MANY = "bytes=" + ",".join("0-0" for _ in range(33))
RANGES = [
    ("bytes=0-0", 206, "0-0"),
    ("bytes=-1", 206, "999-999"),
    ("bytes=990-", 206, "990-999"),
    ("bytes=990-5000", 206, "990-999"),
    ("bytes=-5000", 206, "0-999"),
    ("BYTES=1-2", 206, "1-2"),
    ("bytes= 1-2 ,", 206, "1-2"),
    ("bytes=1-2,2000-3000", 206, "1-2"),
    ("bytes=1000-", 416, ""),
    ("bytes=-0", 416, ""),
    ("bytes=99999999999999999999-", 416, ""),
    ("bytes=0-99999999999999999999", 206, "0-999"),
    ("bytes=5-1", 200, ""),
    ("bytes=a-b", 200, ""),
    ("bytes=1", 200, ""),
    ("bytes=", 200, ""),
    ("bytes=-", 200, ""),
    ("bytes=+1-2", 200, ""),
    ("lines=1-2", 200, ""),
    ("bytes=0-999,0-999", 200, ""),
    (MANY, 200, ""),
]


@pytest.mark.parametrize(("asked", "status", "where"), RANGES, ids=lambda each: str(each)[:40])
def test_ranges(server: Served, asked: str, status: int, where: str) -> None:
    got = ask(server.port, "/text.txt", fields={"Range": asked})
    assert got.status == status
    if status == 206:
        first, last = map(int, where.split("-"))
        assert got.fields["content-range"] == f"bytes {where}/1000"
        assert got.body == TEXT[first : last + 1]
    elif status == 416:
        assert got.fields["content-range"] == "bytes */1000"
    else:
        assert got.body == TEXT


def test_several_ranges(server: Served) -> None:
    got = ask(server.port, "/text.txt", fields={"Range": "bytes=1-3, 990-, -2, 5000-6000"})
    assert got.status == 206
    assert pieces(got) == [
        ("Content-Range: bytes 1-3/1000", b"123"),
        ("Content-Range: bytes 990-999/1000", TEXT[990:]),
        ("Content-Range: bytes 998-999/1000", b"89"),
    ]
    bomb = ",".join(f"{first}-{first + 9}" for first in range(32))
    parts = ask(server.port, "/text.txt", fields={"Range": f"bytes={bomb}"})
    assert parts.status == 206 and len(pieces(parts)) == 32
