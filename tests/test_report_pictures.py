"""METHOD.md names the pictures that people are shown: each is there where a run has its data."""

from __future__ import annotations

import base64
import html
import itertools
import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from store_factory import EXPERIMENT, Row, encode, make_store
from zyphos_lab import report
from zyphos_lab.report.page import render
from zyphos_lab.units import parse_duration

SLICE_NS = 100_000_000
BAND = "var(--band)"
AREA = re.compile(r'id="(?:FillBetween)?PolyCollection_\d+"')
WHEN = {
    "stop": {"stopped_ns": 300_000_000, "continued_ns": 600_000_000},
    "blackhole": {"dark_ns": 300_000_000, "light_ns": 600_000_000},
    "attack": {"begun_ns": 300_000_000, "ended_ns": 600_000_000},
    "rebind": {"rebound_ns": 300_000_000},
}


def compared(folder: Path) -> str:
    """Two arms with histograms, and a cell that runs twice."""
    return shown(folder)


def offered(folder: Path) -> str:
    """Two arms at three rates of an open law each."""
    factors = {
        "nodelay": EXPERIMENT["factors"]["nodelay"],
        "rate": {"set": "load.arrival.rate", "values": ["100/s", "200/s", "400/s"]},
    }

    def asked(row: Row) -> None:
        row["rate_asked_per_second"] = float(row["factor_rate"].removesuffix("/s"))

    load = {**EXPERIMENT["load"], "arrival": {"law": "constant", "rate": "100/s"}}
    more = {"factors": factors, "load": load, "compare": [], "expect": []}
    return shown(folder, change=asked, experiment={**EXPERIMENT, **more})


def disturbed(kind: str) -> Callable[[Path], str]:
    """Something is done to the server, or to the path, in every trial."""

    def made(folder: Path) -> str:
        def change(row: Row) -> None:
            stopped = 300_000_000 if kind == "stop" else 0
            row |= {"server_stopped_ns": stopped, "window_ns": 1_000_000_000, "law": "constant"}
            row |= {f"stall_ns_{q}": stopped for q in ("p50", "p90", "p99", "p99_9", "max")}

        def event(row: Row) -> list[Row]:
            return [{"kind": kind, "at_ns": 300_000_000, "for_ns": 0, **WHEN[kind]}]

        return shown(folder, change=change, intervals=slices, events=event)

    return made


def slices(row: Row) -> list[Row]:
    values = np.full(50, 50_000, dtype=np.int64)
    text = base64.b64encode(encode(values)).decode()
    return [
        {"start_ns": at * SLICE_NS, "requests_done": 50, "latency_ns": text} for at in range(10)
    ]


def shown(folder: Path, **more: Any) -> str:
    store = make_store(folder, **more)
    return render(store, report.answer(store))


def pictures(page: str, label: str) -> list[str]:
    found = re.findall(r"<svg.*?</svg>", page, re.DOTALL)
    return [one for one in found if re.search(f'aria-label="[^"]*{label}', html.unescape(one))]


def logarithmic(picture: str) -> bool:
    """Whether the durations of its axis are a constant factor apart."""
    texts = re.findall(r">(\d+ (?:ns|us|ms|s))<", picture)
    values = sorted({parse_duration(text.replace(" ", "")) for text in texts})
    steps = {round(b / a, 6) for a, b in itertools.pairwise(values)}
    return len(values) > 2 and len(steps) == 1


# Each as METHOD.md names it: its picture, the run that has its data, and what must be in it.
NAMED: Mapping[str, tuple[str, Callable[[Path], str], Callable[[str], bool]]] = {
    "latency against load with its band": (
        "latency against offered load", offered, lambda one: len(AREA.findall(one)) == 2 * 2,
    ),
    "percentile curves (log)": ("Latency percentiles", compared, logarithmic),
    "the shift between arms per quantile": (
        "Ratio of latency at each quantile", compared, lambda one: BAND in one,
    ),
    "timelines with marked events": (
        "Latency through the window", disturbed("stop"), lambda one: BAND in one,
    ),
    "A/A floor": ("each cell against itself", compared, lambda one: BAND in one),
}  # fmt: skip


@pytest.mark.parametrize("name", NAMED)
def test_each_picture_of_the_method_is_in_the_report(tmp_path: Path, name: str) -> None:
    label, run, whole = NAMED[name]
    found = pictures(run(tmp_path), label)
    assert found, name
    assert all(map(whole, found)), name


@pytest.mark.parametrize(
    ("kind", "words"),
    [
        ("stop", "shaded: the server stands still."),
        ("blackhole", "shaded: the path is dark."),
        ("attack", "shaded: the attack."),
        ("rebind", "the upright line: the NAT gives away its ports."),
    ],
)
def test_every_kind_of_event_is_marked_and_named(tmp_path: Path, kind: str, words: str) -> None:
    page = disturbed(kind)(tmp_path)
    assert words in page
    found = pictures(page, "Latency through the window")
    assert len(found) == 12
    assert all((BAND in one) is (kind != "rebind") for one in found)
    assert ("the truth: waits until it goes on" in page) is (kind == "stop")


def test_a_run_without_the_data_shows_no_empty_picture(tmp_path: Path) -> None:
    page = shown(tmp_path, histograms=False)
    for label in ("Latency percentiles", "Ratio of latency", "Latency through", "offered load"):
        assert pictures(page, label) == []
