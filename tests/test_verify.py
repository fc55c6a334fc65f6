"""`report --verify` finds whatever differs from the store, in answer.json and on the page."""

from __future__ import annotations

import copy
import json
import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import store_factory
from zyphos_lab import report
from zyphos_lab.cli.main import run
from zyphos_lab.query.session import Session
from zyphos_lab.report import hdr, verify_flips
from zyphos_lab.report.verify import Verifier, metrics_of
from zyphos_lab.report.verify_check import Check
from zyphos_lab.report.verify_marks import PageVerifier
from zyphos_lab.report.verify_page import Mark, marks, misprints
from zyphos_lab.report.verify_run import verify
from zyphos_lab.report.verify_sql import Numbers
from zyphos_lab.stats import signflip
from zyphos_lab.store import Store

ROOT = Path(__file__).resolve().parent.parent


def experiment() -> dict[str, Any]:
    """Two families, an A/A cell, an expectation about a ratio."""
    base = store_factory.EXPERIMENT
    other = {"factor": "ack", "baseline": "delayed", "metrics": ["requests_per_second"],
             "floor": "5%", "family": "second"}  # fmt: skip
    ratio = {"id": "r", "that": "ratio(latency_ns_p50) < 0.5", "control": {"nodelay": False},
             "where": {"write": "two", "ack": "delayed"},
             "compare": {"factor": "nodelay", "value": True, "baseline": False}}  # fmt: skip
    return {**base, "compare": [*base["compare"], other], "expect": [*base["expect"], ratio]}


def spoil(row: dict[str, Any]) -> None:
    """An INVALID trial, a lower bound and a missing value."""
    if row["trial"] == 3:
        row["verdict"] = "INVALID"
    if row["trial"] == 9:
        row["latency_ns_p50_at_least"] = True
    if row["trial"] == 14:
        row["requests_per_second"] = None


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Store:
    """Its rows are their histograms' percentiles, as they are of real trials."""
    results = tmp_path_factory.mktemp("results")
    made = store_factory.make_store(
        results, experiment=experiment(), change=spoil, histograms=False
    )
    answer = report.answer(made)
    report.write_answer(made, answer)
    report.html(made, answer)
    return made


@pytest.fixture(scope="module")
def parts(store: Store) -> Iterator[tuple[dict[str, Any], dict[str, Any], Numbers, list[Mark]]]:
    answer = json.loads((store.path / "answer.json").read_text())
    with Session([store.path], print) as session:
        session.make("trials")
        numbers = Numbers(session.connection, metrics_of(answer))
        yield answer, store.manifest, numbers, marks((store.path / "report.html").read_text())


def leaves(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Paths of all numbers below rows, aa and expectations."""
    inner = value.items() if isinstance(value, dict) else enumerate(value)
    for key, part in inner:
        if isinstance(part, dict | list):
            yield from leaves(part, (*path, key))
        elif isinstance(part, int | float) and not isinstance(part, bool):
            yield (*path, key)


def checked(answer: Any, manifest: Any, numbers: Numbers, page: list[Mark] | None = None) -> Check:
    verifier = Verifier(answer, manifest, numbers, lambda cell, histogram: ())
    verifier.answer()
    if page is not None:
        PageVerifier(verifier).page(page)
    return verifier.check


def test_a_sound_report_passes(parts: Any) -> None:
    check = checked(*parts)
    assert not check.differences, [str(one) for one in check.differences]
    assert check.verified > 500
    answer = parts[0]
    verdicts = {delta["comparison"]["verdict"] for row in answer["rows"] for delta in row["deltas"]}
    assert {"faster", "same", "cannot tell"} <= verdicts


def test_every_number_of_the_answer_is_watched(parts: Any) -> None:
    """One number of every kind (its path without positions) is moved by a thousandth."""
    answer, manifest, numbers, _ = parts
    told = {name: answer[name] for name in ("rows", "aa", "expectations")}
    kinds: dict[tuple[Any, ...], tuple[Any, ...]] = {}
    for path in leaves(told):
        kinds.setdefault(tuple(key for key in path if isinstance(key, str)), path)
    ends = {path[-1] for path in kinds}
    assert ends >= {"share", "most", "p", "held", "failed", "undecided"}
    for path in [*kinds.values(), ("trials_done",), ("trials_planned",)]:
        planted = copy.deepcopy(answer)
        place = planted
        for key in path[:-1]:
            place = place[key]
        place[path[-1]] = place[path[-1]] * 1.001 + 1e-6
        assert checked(planted, manifest, numbers).differences, path


def test_a_wrong_verdict_is_found(parts: Any) -> None:
    answer, manifest, numbers, _ = parts
    planted = copy.deepcopy(answer)
    [delta] = [d for row in planted["rows"] for d in row["deltas"]
               if d["comparison"]["verdict"] == "faster"][:1]  # fmt: skip
    delta["comparison"]["verdict"] = "slower"
    [one] = checked(planted, manifest, numbers).differences
    assert (one.told, one.found) == ("slower", "faster")


def test_every_printed_number_is_watched(parts: Any) -> None:
    """The first digit of each marked text is changed; each kind of mark is there."""
    answer, manifest, numbers, page = parts
    kinds = {mark.source["kind"] for mark in page}
    assert kinds == {"prose", "trials", "estimate", "ratio", "change", "counter", "measured", "aa"}
    seen: set[str] = set()
    for mark in page:
        kind = mark.source["kind"]
        text = re.sub(r"(?<=ratio )[1-9]|\b[1-9](?=\d*\.\d|\d*x|\d* )|^[1-9]",
                      lambda found: str(int(found[0]) % 9 + 1), mark.text, count=1)  # fmt: skip
        if text == mark.text or kind in seen or (kind, mark.text[:4]) == ("change", "same"):
            continue
        seen.add(kind)
        assert checked(answer, manifest, numbers, [replace(mark, text=text)]).differences, text
    assert seen >= {"prose", "estimate", "ratio", "change", "counter", "measured", "aa"}


def test_a_wrong_value_behind_a_number_is_found(parts: Any) -> None:
    answer, manifest, numbers, page = parts
    mark = next(mark for mark in page if mark.source["kind"] == "estimate")
    values = [mark.values[0] * 1.0001, *mark.values[1:]]
    check = checked(answer, manifest, numbers, [replace(mark, values=values)])
    assert len(check.differences) == 1


def test_command_says_how_many_and_fails_with_5(
    store: Store, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["report", str(store.path), "--verify"]) == 0
    assert re.search(r"\d+ numbers verified, 0 differ\n\Z", capsys.readouterr().out)
    page = store.path / "report.html"
    whole = page.read_text()
    page.write_text(
        re.sub(r"(\d)(\.\d+ ms)", lambda m: f"{(int(m[1]) + 1) % 10}{m[2]}", whole, count=1)
    )
    try:
        assert run(["report", str(store.path), "--verify", "--json"]) == 5
        said = capsys.readouterr()
        assert len(json.loads(said.out)["differences"]) == 1
        assert said.err.count("\n") == 1
        page.write_text(whole[: len(whole) // 2])
        assert run(["report", str(store.path), "--verify"]) == 5
    finally:
        page.write_text(whole)


def test_trials_of_other_stages_do_not_count(tmp_path: Path) -> None:
    def search(row: dict[str, Any]) -> None:
        row["stage"] = "search"

    made = store_factory.make_store(tmp_path, starts=1, change=search, histograms=False)
    report.write_answer(made, report.answer(made))
    check = verify(made.path, print)
    assert not check.differences and check.verified
    assert json.loads((made.path / "answer.json").read_text())["trials_done"] == 0


def test_a_trial_that_is_not_its_histogram_is_found(tmp_path: Path) -> None:
    made = store_factory.make_store(tmp_path, starts=1)
    report.write_answer(made, report.answer(made))
    # The factory draws percentiles and histograms apart from each other.
    places = {one.place for one in verify(made.path, print).differences}
    assert "trial 0 latency_ns_p99" in places


@pytest.mark.parametrize(
    "path", sorted(ROOT.glob("results/*/*/manifest.json")), ids=lambda p: p.parts[-3]
)
def test_reference_results_are_what_their_store_gives(path: Path) -> None:
    check = verify(path.parent, print)
    assert not check.differences, [str(one) for one in check.differences[:5]]
    cells = {row["cell"] for row in Store.open(path.parent).rows()}
    assert check.verified > 30 * len(cells)


def test_histograms_are_read_as_our_binding_reads_them() -> None:
    from zyphos_lab import _core

    random = np.random.default_rng(3)
    print("seed 3")
    for scale in (3, 9, 13, 18):
        values = np.maximum(1, random.lognormal(scale, 1.5, 5000)).astype(np.int64)
        encoded = store_factory.encode(values)
        ours = _core.Histogram.decode(encoded)
        counts = hdr.Counts(encoded)
        assert counts.total == ours.count == 5000
        for q in hdr.QUANTILES.values():
            low, high = counts.at_rank(q * 5000)
            exact = np.sort(values)[int(np.ceil(q * 5000 - 1e-9)) - 1]
            assert low <= exact <= high and low <= (ours.quantile(q) or 0) <= high


def test_plain_enumeration_agrees_with_the_statistics() -> None:
    random = np.random.default_rng(4)
    print("seed 4")
    for n in (6, 8, 10):
        family = random.normal(0.01, 0.02, (n, 5))
        family[1, 2] = np.nan
        for values in family.T:
            logs = values[np.isfinite(values)]
            assert verify_flips.p_value(logs) == pytest.approx(signflip.sign_flip(logs))
            bounds = signflip.interval(logs)
            found = verify_flips.interval(logs)
            assert (bounds is None) == (found is None)
            if bounds is not None and found is not None:
                assert np.log(found) == pytest.approx(bounds)
        maps = [{b: v for b, v in enumerate(c) if np.isfinite(v)} for c in family.T]
        assert verify_flips.step_down(maps) == pytest.approx(list(signflip.step_down(family)))


def test_printed_numbers_with_their_units() -> None:
    assert not misprints("43.9 ms [43.7, 44.1]", [43.91e6, 43.68e6, 44.14e6])
    assert not misprints("203k/s", [203_400.0])
    assert not misprints("1.02k [925, 1.51k]", [1019.5, 925.0, 1512.0])
    assert misprints("1.02k [925, 1.51k]", [1019.5, 9250.0, 1512.0]) == ["925"]
    assert not misprints("1.50 KiB", [1536.0])
    assert not misprints("-9.77 and -1.23k", [-9.7677, -1234.0])
    assert misprints("-9.77", [9.7677]) == ["-9.77"]
    assert misprints("43.9 ms [43.7, 44.1]", [43.91e6, 43.68e6, 45.14e6]) == ["4.41e+07"]
    assert misprints("880x faster", [0.00114, 1 / 0.0012]) == ["880"]
