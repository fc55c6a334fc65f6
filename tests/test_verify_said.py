"""Percentiles that other tools printed are read once more from their own words in the journal."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Any

import pytest

import store_factory
from test_rulers import CAPTURED, read
from zyphos_lab import report
from zyphos_lab.record import Record
from zyphos_lab.report import verify_said
from zyphos_lab.report.hdr import QUANTILES
from zyphos_lab.report.verify_run import verify
from zyphos_lab.store import Store

TOOLS = ("wrk", "ab", "oha")


def words(tool: str) -> dict[str, str]:
    """As a run keeps them."""
    names = {"output.txt": "output"}
    return {names.get(p.name, p.name): p.read_text() for p in (CAPTURED / tool).iterdir()}


@pytest.mark.parametrize("tool", TOOLS)
def test_each_tools_words_are_read_in_two_ways(tool: str) -> None:
    said, latency_ns = words(tool), read(tool).latency_ns
    assert verify_said.known(tool, said) and not verify_said.known(tool, {})
    found = {name: verify_said.percentile(tool, said, name) for name in QUANTILES}
    assert found == {name: pytest.approx(latency_ns.get(name)) for name in QUANTILES}
    assert (found["p99_9"] is None) == (tool == "ab")


def run_of(folder: Path, tool: str, said: dict[str, str], p99: float, **patched: Any) -> Store:
    """A run whose trials were all measured by `tool`; trial 3 says another p99 than it printed."""
    latency_ns = read(tool).latency_ns

    def change(row: dict[str, Any]) -> None:
        row["generator"] = tool
        row |= {f"latency_ns_{name}": latency_ns.get(name) for name in QUANTILES}
        row["latency_ns_p99"] *= p99 if row["trial"] == 3 else 1

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(store_factory, "Record", partial(Record, said=said))
        made = store_factory.make_store(folder, starts=1, change=change, histograms=False)
    report.write_answer(made, report.answer(made))
    return made


@pytest.mark.parametrize("tool", TOOLS)
def test_what_a_tool_did_not_print_is_found(tmp_path: Path, tool: str) -> None:
    sound = verify(run_of(tmp_path / "sound", tool, words(tool), 1.0).path, print)
    assert not sound.differences and not sound.as_dict()["unverified"]
    wrong = verify(run_of(tmp_path / "wrong", tool, words(tool), 1.001).path, print)
    assert [one.place for one in wrong.differences] == ["trial 3 latency_ns_p99"]


def test_without_its_words_nothing_is_verified_and_that_is_said(tmp_path: Path) -> None:
    check = verify(run_of(tmp_path, "wrk", {}, 1.001).path, print)
    [kind] = check.as_dict()["unverified"]
    assert "own text is not in the store" in kind
