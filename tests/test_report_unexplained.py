"""Differences that no counter moved with are told pair by pair: nobody has to guess which."""

from __future__ import annotations

import io
import re
from pathlib import Path

import pytest
from rich.console import Console

from zyphos_lab import report
from zyphos_lab.report.console import terminal
from zyphos_lab.report.model import Answer
from zyphos_lab.report.page import render
from zyphos_lab.store import Store

ROOT = Path(__file__).resolve().parent.parent
TEXT = "unexplained: no counter moved with it"


@pytest.fixture(scope="module")
def capacity() -> tuple[Store, Answer]:
    """The reference run of `capacity`: two arms at three loads, several of them unexplained."""
    [path] = (ROOT / "results" / "capacity").iterdir()
    store = Store.open(path)
    return store, report.answer(store)


def unexplained(answer: Answer) -> int:
    count = sum(delta.explained is False for delta in answer.deltas)
    assert count > 1
    return count


def test_each_pair_has_its_own_name_on_the_terminal(capacity: tuple[Store, Answer]) -> None:
    out = io.StringIO()
    terminal(capacity[1], Console(file=out, width=160, color_system=None))
    lines = [line.strip() for line in out.getvalue().splitlines()]
    at = lines.index(TEXT)
    named = []
    for line in reversed(lines[:at]):
        if not re.fullmatch(r"\w+: .*-> .*", line):
            break
        named.append(line)
    assert len(set(named)) == len(named) == unexplained(capacity[1])


def test_each_pair_has_a_row_of_its_own_on_the_page(capacity: tuple[Store, Answer]) -> None:
    store, answer = capacity
    row = r"<tr\b[^>]*>\s*<td>([^<]*)</td>(?:(?!</tr>).)*?" + TEXT
    rows = re.findall(row, render(store, answer), re.DOTALL)
    assert len(set(rows)) == len(rows) == unexplained(answer)
