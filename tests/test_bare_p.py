"""METHOD.md: never a bare p. Wherever people look, a p has its verdict and interval next to it.

A place is a line of a terminal, a row of a table, an entry of a list, a paragraph. Every place in
which a p is told is looked for by its words, in everything that shows comparisons.
"""

from __future__ import annotations

import html
import io
import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from store_factory import EXPERIMENT, Row, make_store
from zyphos_lab import report
from zyphos_lab.compare import pages, source, text
from zyphos_lab.compare.between import compare_runs
from zyphos_lab.compare.blocks import Wanted
from zyphos_lab.compare.model import Table
from zyphos_lab.compare.within import compare_factor
from zyphos_lab.report import console, notes
from zyphos_lab.report.model import Answer
from zyphos_lab.report.page import render
from zyphos_lab.store import Store

ROOT = Path(__file__).resolve().parent.parent
# A p: `p`, `p-value`, `p_raw`, ... with a number after it, or as a column; p50 and p99 are none.
TOLD = re.compile(
    r"(?<![\w.{])p(?:[-_ ](?:value|raw|adjusted))?(?![\w%}])\s*(?:[=<>:|]|below|of\b|0?\.\d)",
    re.IGNORECASE,
)
INTERVAL = re.compile(r"\[[^\]]*\d[^\]]*,[^\]]*\]")
VERDICT = re.compile(r"cannot tell|same within|faster|slower|higher|lower|\bless\b|\bmore\b|differ")
# Words about p, without one: what a column means, and how many A/A comparisons lie below 5 %, of
# which chance gives so many; verdict and interval of each stand in the list of the same page.
ABOUT = (
    re.compile(r"\bp: (sign-flip test of paired starts|permutation test of the starts), adjusted"),
    re.compile(r"\b(\d+|none|has|have)( of \d+| a)? raw p below 0\.05(?!\d)|^raw p below 0\.05,"),
)


def bare(places: Iterator[str]) -> list[str]:
    """The places that tell a p without a verdict and an interval."""
    told = [one for one in places if TOLD.search(one) and not any(a.search(one) for a in ABOUT)]
    return [one for one in told if not (INTERVAL.search(one) and VERDICT.search(one))]


def of_html(page: str) -> Iterator[str]:
    """Rows (a cell is told with its column's head), entries, paragraphs, captions."""
    page = re.sub(r"<(style|script|svg)\b.*?</\1>", " ", page, flags=re.DOTALL)
    for table in re.findall(r"<table.*?</table>", page, re.DOTALL):
        heads = [_plain(head) for head in re.findall(r"<th\b[^>]*>(.*?)</th>", table, re.DOTALL)]
        for row in re.findall(r"<tr\b.*?</tr>", table, re.DOTALL):
            cells = [_plain(cell) for cell in re.findall(r"<td\b[^>]*>(.*?)</td>", row, re.DOTALL)]
            yield from _row(heads, cells)
    rest = re.sub(r"<table.*?</table>", " ", page, flags=re.DOTALL)
    # A term and its description are one place.
    rest = re.sub(r"</dt>\s*<dd>", ": ", rest)
    for part in re.split(r"</?(?:p|li|dl|dt|dd|ul|h\d|summary|figcaption|caption)\b[^>]*>", rest):
        yield _plain(part)


def of_markdown(page: str) -> Iterator[str]:
    for block in page.split("\n\n"):
        rows = [re.split(r"(?<!\\)\|", line)[1:-1] for line in block.splitlines()]
        if len(rows) > 2 and all(rows):
            heads = [cell.strip() for cell in rows[0]]
            for row in rows[2:]:
                cells = [re.sub(r"\\(.)", r"\1", cell).strip() for cell in row]
                yield from _row(heads, cells)
        else:
            yield from block.splitlines()


def of_terminal(lines: str) -> Iterator[str]:
    """A table's line is told with the head above it where that has a column `p`."""
    head = ""
    for line in lines.splitlines():
        if re.search(r"\bp +n +verdict", line):
            head = "p: "
        elif not line.strip():
            head = ""
        elif "not tested" not in line:  # the geometric mean has no p
            yield head + line


def _row(heads: list[str], cells: list[str]) -> Iterator[str]:
    pairs = zip(heads, cells, strict=False)
    named = {head: cell for head, cell in pairs if cell}
    yield "; ".join(f"{head}: {cell}" for head, cell in named.items()) or "; ".join(cells)


def _plain(markup: str) -> str:
    return " ".join(html.unescape(re.sub(r"<[^>]+>", " ", markup)).split())


@pytest.mark.parametrize(
    ("line", "found"),
    [
        ("p = 0.031", True),
        ("latency_ns_p50 differs, p < 0.001", True),
        ("1.2x slower [1.1, 1.3], p 0.02 of 8 pairs", False),
        ("p: 0.0010", True),
        ("p: 1.2x slower [1.1, 1.3] 0.001", False),
        ("p_adjusted: 0.2", True),
        ("p99 = 4 ms, p50: 1 ms, p {color: red}", False),
        ("0 differ, 0 raw p below 0.05, 40 of 40 tested", False),
    ],
)
def test_a_bare_p_is_seen(line: str, found: bool) -> None:
    assert bool(bare(iter([line]))) is found


def test_a_bare_p_is_seen_in_each_kind_of_page() -> None:
    head, row = "<tr><th>cell</th><th>p</th></tr>", "<tr><td>a</td><td>0.02</td></tr>"
    assert bare(of_html(f"<table>{head}{row}</table>"))
    assert bare(of_html("<dl><dt><code>p</code></dt><dd>0.001</dd></dl>"))
    assert bare(of_markdown("| cell | p |\n| --- | --- |\n| a | 0.02 |"))
    assert bare(of_terminal("cell  delta  p  n  verdict\na  +3%  0.02  8  1.03x slower"))


# --- what is really shown -------------------------------------------------------------------------


def unsteady(row: Row) -> None:
    """Differences of every verdict, a trial with the evidence of a change point, drops."""
    if row["factor_write"] == "cork" and row["factor_nodelay"]:
        row["latency_ns_p50"] *= 1 + 0.02 * (row["block"] % 3)
    if row["trial"] % 5 == 0:
        message = "not stationary: requests_done changed from 75 to 158 in interval 9 of 20"
        evidence = {"metric": "requests_done", "before": 75.0, "after": 158.0, "p": 0.000999}
        reason = {"code": "not_stationary", "severity": "DEGRADED", "message": message}
        row["reasons"] = [{**reason, "evidence": evidence}]
        row["verdict"] = "DEGRADED"


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> tuple[Store, Answer]:
    design = {**EXPERIMENT["design"], "aa": {"cells": 1, "alarms": 1}}
    experiment = {**EXPERIMENT, "design": design}
    folder = tmp_path_factory.mktemp("results")
    store = make_store(folder, change=unsteady, experiment=experiment, histograms=False)
    answer = report.answer(store)
    verdicts = {delta.comparison.verdict for delta in answer.deltas}
    assert {"cannot tell", "same", "faster"} <= verdicts, "the run has all that can be shown"
    return store, answer


def wide(show: Any, width: int) -> str:
    out = io.StringIO()
    show(Console(file=out, width=width, color_system=None))
    return out.getvalue()


@pytest.mark.parametrize("width", [80, 160])
def test_none_on_the_terminal(made: tuple[Store, Answer], width: int) -> None:
    shown = wide(lambda out: console.terminal(made[1], out), width)
    assert "A/A" in shown and bare(of_terminal(shown)) == []


def test_none_on_the_page(made: tuple[Store, Answer]) -> None:
    page = render(*made)
    assert "not stationary" in page and bare(of_html(page)) == []


def test_none_in_a_notebook(made: tuple[Store, Answer]) -> None:
    """All that its cells show, as Jupyter does; the last one are rows of trials."""
    store, answer = made
    frames = notes.comparisons(answer), notes.cells(answer), notes.expectations(answer)
    for frame in (*frames, store.trials().head()):
        assert bare(of_html(frame.to_html())) == []
        assert not {"p", "p_raw", "p_adjusted"} & set(frame.columns)
    for shown in (notes.headline(answer), notes.trust(answer)):
        assert bare(of_markdown(shown)) == []


def tables(folder: Path) -> list[Table]:
    """Of two runs, and of a factor of one."""
    stores = [make_store(folder, seed=seed, change=unsteady, histograms=False) for seed in (1, 2)]
    a, b = map(source.of_store, stores)
    wanted = Wanted(("latency_ns_p50", "latency_ns_p99"), {}, 1)
    return [compare_runs(a, b, wanted), compare_factor(a, "nodelay", "false", wanted)]


@pytest.fixture(scope="module")
def compared(tmp_path_factory: pytest.TempPathFactory) -> list[Table]:
    found = tables(tmp_path_factory.mktemp("compared"))
    assert all(line.comparison.p_adjusted is not None
               for table in found for block in table.blocks for line in block.lines)  # fmt: skip
    return found


@pytest.mark.parametrize("width", [80, 160])
def test_none_in_a_comparison_on_the_terminal(compared: list[Table], width: int) -> None:
    for table in compared:
        shown = wide(lambda out, table=table: text.terminal(table, out), width)
        assert bool(re.search(r"\bp +n +verdict", shown)) is (width >= text.WIDE)
        assert bare(of_terminal(shown)) == []


def test_none_in_a_comparison_for_a_pull_request_or_a_page(compared: list[Table]) -> None:
    for table in compared:
        assert "| p |" in pages.markdown(table)
        assert bare(of_markdown(pages.markdown(table))) == []
        assert bare(of_html(pages.html(table))) == []


def test_a_p_whose_interval_is_not_known_is_not_shown(compared: list[Table]) -> None:
    line = compared[0].blocks[0].lines[0]
    unbounded = replace(line.comparison, low=None, high=None, verdict="cannot tell")
    alone = replace(line, comparison=unbounded)
    table = replace(compared[0], blocks=(replace(compared[0].blocks[0], lines=(alone,)),))
    assert bare(of_markdown(pages.markdown(table))) == []
    assert bare(of_html(pages.html(table))) == []


@pytest.mark.parametrize("page", sorted((ROOT / "results").glob("*/*/*.html")), ids=str)
def test_none_in_a_reference_page(page: Path) -> None:
    assert bare(of_html(page.read_text(encoding="utf-8"))) == []
