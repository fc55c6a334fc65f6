"""The web server in a real browser: headless Chromium loads a folder's page, follows a link, sees
an image, and is told that there is nothing."""

import json
import os
import shutil
import subprocess
import zlib
from collections.abc import Iterator
from pathlib import Path

import pytest

from website import make, serving

pytestmark = pytest.mark.native

# What the page says of itself once it and the image have come.
SCRIPTED = """<!doctype html><title>seen</title><img id="i" src="picture.png">
<link rel="stylesheet" href="style.css"><pre id="out"></pre>
<script type="module">
  import {word} from "./word.mjs";
  const picture = document.getElementById("i");
  await picture.decode();
  const missing = await fetch("missing");
  const listed = await fetch("sub/", {headers: {accept: "application/json"}});
  const part = await fetch("word.mjs", {headers: {range: "bytes=0-5"}});
  const again = await fetch("word.mjs", {cache: "no-cache"});
  document.getElementById("out").textContent = JSON.stringify({
    word, width: picture.naturalWidth, colour: getComputedStyle(document.body).color,
    missing: missing.status, entries: (await listed.json()).entries.map(each => each.name),
    part: [part.status, await part.text()], again: again.status,
  });
</script>"""


def png(width: int, height: int) -> bytes:
    """A red picture."""

    def chunk(name: bytes, data: bytes) -> bytes:
        check = zlib.crc32(name + data).to_bytes(4, "big")
        return len(data).to_bytes(4, "big") + name + data + check

    size = width.to_bytes(4, "big") + height.to_bytes(4, "big")
    rows = b"".join(b"\0" + b"\xff\0\0" * width for _ in range(height))
    head = chunk(b"IHDR", size + b"\x08\x02\0\0\0")
    body = chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + head + body


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = make(tmp_path_factory.mktemp("root"))
    (root / "index.html").unlink()
    (root / "page").mkdir()
    (root / "page" / "index.html").write_text(SCRIPTED)
    (root / "page" / "word.mjs").write_text('export const word = "came";\n')
    (root / "page" / "style.css").write_text("body { color: rgb(1, 2, 3); }\n")
    (root / "page" / "picture.png").write_bytes(png(37, 11))
    (root / "page" / "sub").mkdir()
    (root / "page" / "sub" / "one").write_bytes(b"1")
    return root


@pytest.fixture(scope="module")
def base(root: Path) -> Iterator[str]:
    with serving(root) as running:
        yield f"http://127.0.0.1:{running.port}"


def dom(url: str, profile: Path) -> str:
    """The page as the browser has it in the end."""
    chromium = shutil.which("chromium") or shutil.which("chromium-browser")
    if chromium is None:
        pytest.skip("Chromium is not installed: apt-get install chromium")
    command = [chromium, "--headless=new", "--disable-gpu", "--no-first-run"]
    command += ["--no-sandbox"] if os.getuid() == 0 else []
    command += [f"--user-data-dir={profile}", "--virtual-time-budget=20000", "--dump-dom", url]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr[-2000:]
    return done.stdout


def test_a_folder_is_shown_and_its_links_lead_on(base: str, tmp_path: Path) -> None:
    page = dom(f"{base}/", tmp_path)
    assert "<table>" in page and 'href="./a%20b%26c.txt">a b&amp;c.txt</a>' in page
    assert 'href="./folder/"' in page and ".secret" not in page
    inner = dom(f"{base}/folder/", tmp_path)
    assert "inner.txt" in inner and 'href="../"' in inner
    assert "odd name" in dom(f"{base}/a%20b%26c.txt", tmp_path)


def test_a_page_gets_all_that_it_names(base: str, tmp_path: Path) -> None:
    """A module, a style and a picture, by their types; JSON, a part, and what is still the same."""
    page = dom(f"{base}/page/", tmp_path)
    said = page.partition('<pre id="out">')[2].partition("</pre>")[0]
    assert json.loads(said) == {
        "word": "came",
        "width": 37,
        "colour": "rgb(1, 2, 3)",
        "missing": 404,
        "entries": ["one"],
        "part": [206, "export"],
        "again": 200,
    }


def test_a_missing_page_is_said_to_be_missing(base: str, tmp_path: Path) -> None:
    assert "404 Not Found" in dom(f"{base}/nothing/here", tmp_path)
