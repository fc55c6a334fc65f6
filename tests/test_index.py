"""The index over all runs, and the size of what is committed of them."""

from __future__ import annotations

import json
import subprocess
from html.parser import HTMLParser
from pathlib import Path

import pytest

import store_factory
from zyphos_lab import report
from zyphos_lab.cli.main import run

ROOT = Path(__file__).resolve().parent.parent
COMMITTED_BYTES_MAX = 20_000_000


class Links(HTMLParser):
    """Targets of the page's links, and its text."""

    def __init__(self) -> None:
        super().__init__()
        self.links: list[str] = []
        self.text = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.links += [value or "" for name, value in attrs if (tag, name) == ("a", "href")]

    def handle_data(self, data: str) -> None:
        self.text += data


def test_index_has_every_run_newest_first(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    stores = []
    for seed, name in ((1, "a"), (2, "a"), (3, "b")):
        experiment = {**store_factory.EXPERIMENT, "name": name, "question": f"Is it {name} & co?"}
        store = store_factory.make_store(tmp_path, 6, seed, experiment=experiment, histograms=False)
        report.write_answer(store, report.answer(store))
        stores.append(store)
    report.html(stores[2], report.answer(stores[2]))
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "page.html").write_text("<p>")
    (stores[0].path / "manifest.json").write_text("{")
    capsys.readouterr()
    assert run(["report", "--index", "--json", "--results", str(tmp_path)]) == 0
    said = capsys.readouterr()
    assert said.err.count("\n") == 1 and "note: left out: " in said.err
    page = Links()
    page.feed(Path(json.loads(said.out)["index"]).read_text())
    assert stores[0].run not in page.text
    assert page.text.index(stores[1].run) < page.text.index(stores[2].run)
    assert "Is it b & co?" in page.text and "Some CPU" in page.text and "faster" in page.text
    assert page.links == [f"b/{stores[2].run}/report.html", "other/page.html"]
    assert all((tmp_path / link).is_file() for link in page.links)


def test_committed_results_stay_small() -> None:
    listed = subprocess.run(
        ["git", "ls-files", "-z", "results"], cwd=ROOT, capture_output=True, check=True
    )
    files = [ROOT / name.decode() for name in listed.stdout.split(b"\0") if name]
    assert sum(file.stat().st_size for file in files if file.exists()) <= COMMITTED_BYTES_MAX
