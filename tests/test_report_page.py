"""report.html, the notebook, and two runs side by side, from synthetic runs."""

from __future__ import annotations

import base64
import json
import os
import re
import subprocess
import sys
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import nbformat
import numpy as np
import pytest

import store_factory
from store_factory import EXPERIMENT, encode, make_store
from zyphos_lab import report
from zyphos_lab.report import notebooks
from zyphos_lab.report.figures import UNFINISHED, percentile_panels
from zyphos_lab.report.percentiles import curve, merge

ROOT = Path(__file__).resolve().parent.parent

pytestmark = pytest.mark.skipif(
    "ZYPHOS_CORE" in os.environ, reason="draws pictures and starts kernels: not for sanitizers"
)


@pytest.fixture(autouse=True)
def in_the_project(monkeypatch: pytest.MonkeyPatch) -> None:
    """Notebooks are found from the project's folder, wherever the package is installed."""
    monkeypatch.chdir(ROOT)


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Any:
    store = make_store(tmp_path_factory.mktemp("results"))
    answer = report.answer(store)
    return store, answer, report.html(store, answer).read_text(encoding="utf-8")


class Links(HTMLParser):
    """Every address that a page would load, and whether its tags close."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        loads = {"src", "href", "xlink:href", "data", "srcset"}
        self.found += [value or "" for name, value in attrs if name in loads]
        assert tag not in ("script", "iframe", "link")


def test_the_page_stands_alone(made: Any) -> None:
    *_, page = made
    links = Links()
    links.feed(page)
    assert [link for link in links.found if not link.startswith("#")] == []
    assert "@import" not in page
    assert re.findall(r"url\((?!#)", page) == []


def test_the_page_shows_what_the_answer_holds(made: Any) -> None:
    _, answer, page = made
    text = re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", page)).replace("&gt;", ">")
    assert answer.sentence in text
    assert answer.scope in text
    assert answer.command in text
    for threat in answer.threats:
        assert threat.replace("'", "&#39;") in text
    assert "no PMU: perf_event_open fails with ENOENT" in text
    assert "net_tcp_delayed_acks" in text
    # Forest, percentiles and shift per condition, A/A, timeline.
    assert page.count("<svg") == 1 + 8 + 8 + 1 + 1
    assert "#010203" not in page, "ink is the page's colour"


def test_ids_of_pictures_do_not_collide(made: Any) -> None:
    *_, page = made
    pictures = re.findall(r"<svg.*?</svg>", page, flags=re.DOTALL)
    clips = [set(re.findall(r'<clipPath id="(\w+)"', picture)) for picture in pictures]
    assert sum(map(len, clips)) == len(set().union(*clips))


def test_the_same_run_gives_the_same_page(made: Any) -> None:
    store, answer, page = made
    assert report.html(store, answer).read_text(encoding="utf-8") == page


def test_names_from_the_experiment_are_escaped(tmp_path: Path) -> None:
    experiment = {**EXPERIMENT, "question": "<script>alert(1)</script> & more?"}
    store = make_store(tmp_path, starts=1, experiment=experiment, histograms=False)
    page = report.html(store, report.answer(store)).read_text(encoding="utf-8")
    assert "<script>" not in page
    assert "&lt;script&gt;" in page


@pytest.mark.parametrize("starts", [0, 1])
def test_hardly_anything_measured_still_makes_a_page(tmp_path: Path, starts: int) -> None:
    store = make_store(tmp_path, starts=starts, histograms=False)
    page = report.html(store, report.answer(store)).read_text(encoding="utf-8")
    assert "no histograms of latency_ns in this run" in page


def test_quick_is_marked_all_over_the_page(tmp_path: Path) -> None:
    experiment = {**EXPERIMENT, "evidence": False}
    store = make_store(tmp_path, 2, experiment=experiment, manifest={"profile": "quick"})
    page = report.html(store, report.answer(store)).read_text(encoding="utf-8")
    assert page.count("Not evidence") >= 3
    assert "(not evidence)</title>" in page


def test_curves_come_from_merged_histograms() -> None:
    import pandas as pd

    halves = [np.arange(1, 501) * 1000, np.arange(501, 1001) * 1000]
    frame = pd.DataFrame({"cell": ["a", "a"], "encoded": [encode(half) for half in halves]})
    found = curve(merge(frame)["a"])
    assert found is not None
    assert found.count == 1000
    assert found.nines[-1] == pytest.approx(3.0)
    at_p90 = np.interp(1.0, found.nines, found.value_ns)
    assert at_p90 == pytest.approx(900_000, rel=0.01)


def test_the_notebook_is_executed_with_this_python(made: Any) -> None:
    store, answer, _ = made
    path = report.notebook(store)
    node = nbformat.read(path, as_version=4)
    code = [cell for cell in node.cells if cell.cell_type == "code"]
    assert all(cell.execution_count for cell in code)
    shown = json.dumps([cell.outputs for cell in code])
    assert answer.sentence in shown
    assert code[0].source.startswith('run = "."')  # its own folder, wherever that is moved to


def test_a_failing_notebook_is_one_line(
    made: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store, *_ = made
    source = json.loads((ROOT / "notebooks" / "experiment.ipynb").read_text())
    code = [cell for cell in source["cells"] if cell["cell_type"] == "code"]
    code[1]["source"] = "raise ValueError('first line\\nsecond line')"
    broken = tmp_path / "broken.ipynb"
    broken.write_text(json.dumps(source))
    monkeypatch.setattr(notebooks, "template", lambda _: broken)
    with pytest.raises(report.NotebookError) as error:
        report.notebook(store)
    assert str(error.value) == "broken.ipynb: ValueError: first line"
    assert len(report.answer(store).rows) == 16


def test_a_notebook_that_hangs_is_stopped(
    made: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store, *_ = made
    source = json.loads((ROOT / "notebooks" / "experiment.ipynb").read_text())
    code = [cell for cell in source["cells"] if cell["cell_type"] == "code"]
    code[1]["source"] = "import threading; threading.Event().wait()"
    hanging = tmp_path / "hanging.ipynb"
    hanging.write_text(json.dumps(source))
    monkeypatch.setattr(notebooks, "template", lambda _: hanging)
    with pytest.raises(report.NotebookError, match="took longer than 1 s"):
        report.notebook(store, timeout_s=1)


def test_templates_are_committed_without_outputs_and_with_one_parameters_cell() -> None:
    paths = sorted((ROOT / "notebooks").glob("*.ipynb"))
    assert {path.stem for path in paths} >= {"experiment", "tcp_nodelay", "engines_hello"}
    for path in paths:
        node = nbformat.read(path, as_version=4)
        nbformat.validate(node)
        code = [cell for cell in node.cells if cell.cell_type == "code"]
        assert all(not c.outputs and c.execution_count is None for c in code), path.name
        tagged = [c for c in code if "parameters" in c.metadata.get("tags", ())]
        assert len(tagged) == 1, path.name


def test_an_experiment_without_a_notebook_gets_the_generic_one() -> None:
    assert notebooks.template("tcp_nodelay").name == "tcp_nodelay.ipynb"
    assert notebooks.template("nothing_special").name == "experiment.ipynb"


def test_importing_the_report_loads_nothing_heavy() -> None:
    script = (
        "import sys, zyphos_lab.report; "
        "print([m for m in ('pandas', 'matplotlib', 'numpy', 'jinja2', 'nbclient', 'scipy') "
        "if m in sys.modules])"
    )
    path = os.pathsep.join(entry for entry in sys.path if entry)
    done = subprocess.run(
        [sys.executable, "-c", script],
        env={**os.environ, "PYTHONPATH": path},
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.strip() == "[]"


def test_curves_say_where_they_pass_into_unfinished_requests(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """5 % of each trial's requests never finished: `>=` in every panel, and what it means."""
    whole = store_factory._histograms

    def with_unfinished(latency_ns: float, noise: np.random.Generator) -> dict[str, str]:
        late = base64.b64encode(encode(np.full(20, 10**9))).decode()
        return {**whole(latency_ns, noise), "censored_ns": late}

    factors = {name: EXPERIMENT["factors"][name] for name in ("nodelay", "ack")}
    experiment = {**EXPERIMENT, "factors": factors, "expect": []}
    plain = make_store(tmp_path / "plain", starts=2, experiment=experiment)
    monkeypatch.setattr(store_factory, "_histograms", with_unfinished)
    store = make_store(tmp_path / "late", starts=2, experiment=experiment)
    for made_store, marked in ((plain, False), (store, True)):
        panels = percentile_panels(made_store, report.answer(made_store))
        assert len(panels.pictures) == 2
        assert {"&gt;=" in picture.svg for picture in panels.pictures} == {marked}
        assert (UNFINISHED in panels.note) is marked


def test_an_expectation_without_a_control_says_that_it_needs_none(tmp_path: Path) -> None:
    design = {**EXPERIMENT["design"], "aa": {"cells": 1, "alarms": 1}}
    experiment = {**EXPERIMENT, "design": design}
    store = make_store(tmp_path, experiment=experiment, histograms=False)
    page = report.html(store, report.answer(store)).read_text(encoding="utf-8")
    [aa] = re.findall(r"<td>aa<br>.*?</tr>", page, re.DOTALL)
    assert "none needed" in aa and "undecided" not in aa
