"""`report --verify` where the report draws flips, and where it counts trials: a wrong number of
each kind is found."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import store_factory
from test_verify import checked
from zyphos_lab import report
from zyphos_lab.query.session import Session
from zyphos_lab.report import verify_drawn as drawn
from zyphos_lab.report import verify_flips as flips
from zyphos_lab.report.verify import metrics_of
from zyphos_lab.report.verify_check import Check
from zyphos_lab.report.verify_histograms import LEFT_OUT
from zyphos_lab.report.verify_run import lines, verify
from zyphos_lab.report.verify_sql import Numbers
from zyphos_lab.stats import signflip
from zyphos_lab.store import Store

BLOCKS = 24
CALLS = "server_syscalls_per_request"
SET_ASIDE = (
    "1 of 24 blocks were set aside and measured again, whatever they said: the machine disturbed "
    "them (other_load in 1 trials); 1 more count, disturbed as they are"
)


def noise(seed: int, blocks: int, mean: float = 0.01) -> Any:
    print("seed", seed)
    return np.random.default_rng(seed).normal(mean, 0.03, blocks)


def share_beyond(logs: Any, end: float) -> float:
    """Of the means over all subsets of blocks but the empty one."""
    numbers = np.arange(1, 2 ** len(logs))
    rows = (numbers[:, None] >> np.arange(len(logs))) & 1
    means = rows @ logs / rows.sum(axis=1)
    slack = 1e-12
    return float(np.mean(means <= end + slack if end < logs.mean() else means >= end - slack))


def test_the_law_of_the_sum_is_that_of_all_flips() -> None:
    for seed, blocks in ((1, 6), (2, 11), (3, 16)):
        logs = noise(seed, blocks)
        low, high = drawn.p_between(logs)
        p = flips.p_value(logs)
        assert low - 1e-12 <= p <= high + 1e-12
        assert high - low < 0.01 + 2 ** (2 - blocks)
        ends = flips.interval(logs)
        assert ends is not None
        for end in np.log(ends):
            share = share_beyond(logs, end)
            low, high = drawn.beyond(logs, end)
            assert low - 2**-blocks - 1e-12 <= share <= high + 2**-blocks + 1e-12


@pytest.mark.parametrize("blocks", [21, 30, 60])
@pytest.mark.parametrize("seed", range(3))
def test_what_the_statistics_draw_holds_and_what_is_wrong_does_not(blocks: int, seed: int) -> None:
    logs = noise(seed, blocks)
    p = signflip.sign_flip(logs, seed)
    ends = signflip.interval(logs, seed=seed)
    assert ends is not None
    sound = Check()
    drawn.hold_p(sound, "p", p, logs, drawn.BLOCKS)
    drawn.hold_ends(sound, "", np.exp(ends), logs, drawn.BLOCKS)
    assert not sound.differences, [str(one) for one in sound.differences]
    assert sound.within == {drawn.BLOCKS.kind: 3}
    moved = (ends[1] - ends[0]) / 20  # a tenth of the half-width
    for wrong in (p + 0.03, 0.8 * p - 0.01, None):
        check = Check()
        drawn.hold_p(check, "p", wrong, logs, drawn.BLOCKS)
        assert len(check.differences) == 1, wrong
    for low, high in ((ends[0] - moved, ends[1] + moved), (ends[0] + moved, ends[1] - moved)):
        check = Check()
        drawn.hold_ends(check, "", np.exp([low, high]), logs, drawn.BLOCKS)
        assert len(check.differences) == 2
    for nonsense in ((None, None), (0.0, 0.5), np.exp(ends)[::-1]):
        check = Check()
        drawn.hold_ends(check, "", nonsense, logs, drawn.BLOCKS)
        assert len(check.differences) == 2


@pytest.mark.parametrize("draws", [drawn.BLOCKS, drawn.COUNTERS])
def test_a_family_is_held_by_other_flips(draws: drawn.Draws) -> None:
    print("seed 8")
    random = np.random.default_rng(8)
    family = random.normal([0.0, 0.005, 0.01, 0.015, 0.02], 0.03, (BLOCKS, 5))
    family[3, 1] = np.nan
    chosen = signflip.Flips.over(BLOCKS, 0, 12, draws.count)
    told = signflip.step_down(family, flips=chosen)
    maps = [{b: v for b, v in enumerate(c) if np.isfinite(v)} for c in family.T]
    found = drawn.adjusted(maps, draws)
    for wrong in (False, True):
        check = Check()
        for p, other in zip(told, found, strict=True):
            drawn.hold_family(check, "p", p * 1.3 + 0.02 if wrong else p, other, draws)
        assert len(check.differences) == (5 if wrong else 0), (told, found)


def experiment() -> dict[str, Any]:
    base = store_factory.EXPERIMENT
    compare = {"factor": "nodelay", "baseline": False, "family": "primary", "floor": "2%",
               "metrics": ["latency_ns_p50", "latency_ns_p99"]}  # fmt: skip
    ratio = {"id": "r", "that": "ratio(latency_ns_p50) < 0.9", "control": {"nodelay": False},
             "where": {},
             "compare": {"factor": "nodelay", "value": True, "baseline": False}}  # fmt: skip
    factors = {"nodelay": base["factors"]["nodelay"]}
    return {**base, "factors": factors, "compare": [compare], "expect": [ratio]}


def against(code: str, trial: int, severity: str = "DEGRADED") -> dict[str, Any]:
    evidence = {"host_cpu_other_ratio": 0.05 + trial / 1000, "cpus": "0,1"}
    return {"code": code, "severity": severity, "message": f"{code} of 5 %", "evidence": evidence}


def spoken(trial: int, block: int, slow: bool) -> Iterator[dict[str, Any]]:
    """What speaks against a trial."""
    if block in (10, 11, 12):
        yield against("censored", trial)
    codes = {3: "other_load", 7: "steal", 15: "nothing_done"}
    if slow and block in codes:
        yield against(codes[block], trial, "INVALID" if block == 15 else "DEGRADED")


def change(row: dict[str, Any]) -> None:
    """A difference with a counter that moved, noise that leaves another open, and reasons."""
    trial, block = row["trial"], row["block"]
    random = np.random.default_rng(trial)
    slow = not row["factor_nodelay"]
    noises = np.exp(random.normal(0, [0.01, 0.2, 0.01])).tolist()
    for name, noisy in zip(("latency_ns_p50", "latency_ns_p99", CALLS), noises, strict=True):
        row[name] *= noisy * (1.3 if slow and name != "latency_ns_p99" else 1.0)
    row["limited_by"] = ("server", "neither")[slow]
    row["reasons"] = list(spoken(trial, block, slow))
    row["verdict"] = row["reasons"][0]["severity"] if row["reasons"] else "VALID"
    row["instead_of"] = 3 if block == BLOCKS - 1 else None


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Store:
    note = {"code": "set_aside", "message": SET_ASIDE}
    store = store_factory.make_store(
        tmp_path_factory.mktemp("results"),
        starts=BLOCKS,
        experiment=experiment(),
        change=change,
        manifest={"told": {"measure": [note]}, "planned": {"measure": 2 * (BLOCKS - 1)}},
        histograms=False,
    )
    answer = report.answer(store)
    report.write_answer(store, answer)
    report.html(store, answer)
    return store


@pytest.fixture(scope="module")
def parts(made: Store) -> Iterator[tuple[dict[str, Any], Any, Numbers]]:
    answer = json.loads((made.path / "answer.json").read_text())
    with Session([made.path], print) as session:
        session.make("trials")
        yield answer, made.manifest, Numbers(session.connection, metrics_of(answer))


def test_a_run_of_many_blocks_is_verified_whole(made: Store, parts: Any) -> None:
    check = verify(made.path, print)
    assert not check.differences, [str(one) for one in check.differences]
    assert list(check.as_dict()["unverified"]) == [LEFT_OUT]  # the factory's trials have none
    assert check.within.keys() == {drawn.BLOCKS.kind, drawn.COUNTERS.kind}
    text = "\n".join(lines(check))
    assert "within 5 standard errors of 50,000 drawn flips" in text
    answer = parts[0]
    codes = {one["code"] for one in (*answer["reasons"], *answer["remarks"])}
    assert codes == {"censored", "steal", "nothing_done", "blocks_dropped", "set_aside",
                     "limited_by"}  # fmt: skip
    deltas = [delta for row in answer["rows"] for delta in row["deltas"]]
    assert any(delta["carries"] for delta in deltas)
    assert any(delta["advice"] for delta in deltas)


def delta(answer: Any, part: str) -> Any:
    """The first comparison that has `part`."""
    found = (one for row in answer["rows"] for one in row["deltas"])
    return next(one for one in found if one[part])


def remark(answer: Any, code: str) -> Any:
    return next(one for one in (*answer["reasons"], *answer["remarks"]) if one["code"] == code)


def halve(name: str) -> Callable[[Any], None]:
    """Moves an end of an interval, a p or a plain number well beyond any error of drawing."""

    def wrong(told: Any) -> None:
        told[name] = told[name] * 1.5 + (0.05 if name.startswith("p") else 0)

    return wrong


def rewrite(old: str, new: str) -> Callable[[Any], None]:
    def wrong(told: Any) -> None:
        assert old in told["message"]
        told["message"] = told["message"].replace(old, new)

    return wrong


WRONG: list[tuple[str, Callable[[Any], Any], Callable[[Any], None]]] = [
    *((name, lambda a: delta(a, "comparison")["comparison"], halve(name))
      for name in ("low", "high", "p_raw", "p_adjusted")),
    *((f"counter {name}", lambda a: delta(a, "carries")["carries"][0], halve(name))
      for name in ("p", "low", "high", "ratio", "most")),
    *((f"advice {name}", lambda a: delta(a, "advice")["advice"], halve(name))
      for name in ("half_width", "target", "blocks_more")),
    *((f"expected {name}", lambda a: a["expectations"][0]["cells"][0]["measured"][
        "ratio(latency_ns_p50)"], halve(name)) for name in ("low", "high", "value")),
    ("trials", lambda a: remark(a, "censored"), halve("trials")),
    ("evidence", lambda a: remark(a, "censored")["evidence"], halve("host_cpu_other_ratio")),
    ("example", lambda a: remark(a, "censored"), rewrite("in 6 of", "in 7 of")),
    ("severity", lambda a: remark(a, "nothing_done"), lambda r: r.update(severity="DEGRADED")),
    ("code", lambda a: remark(a, "censored"), lambda r: r.update(code="thermal")),
    ("limits", lambda a: remark(a, "limited_by"), rewrite("nodelay=true", "nodelay=false")),
    ("set aside", lambda a: remark(a, "set_aside"), rewrite("1 of 24", "2 of 24")),
    ("why", lambda a: remark(a, "set_aside"), rewrite("in 1 trials", "in 2 trials")),
    ("left", lambda a: remark(a, "set_aside"), rewrite("1 more count", "3 more count")),
    ("dropped", lambda a: remark(a, "blocks_dropped"), rewrite("at most 1", "at most 2")),
    ("by arm", lambda a: remark(a, "blocks_dropped"), rewrite("false 1 of", "false 2 of")),
    ("spared", lambda a: remark(a, "blocks_dropped"), rewrite("other 1 none", "other 2 none")),
]  # fmt: skip


@pytest.mark.parametrize(("what", "place", "wrong"), WRONG, ids=[one[0] for one in WRONG])
def test_a_wrong_number_of_each_kind_is_found(
    parts: Any, what: str, place: Callable[[Any], Any], wrong: Callable[[Any], None]
) -> None:
    answer, manifest, numbers = parts
    planted = copy.deepcopy(answer)
    wrong(place(planted))
    assert checked(planted, manifest, numbers).differences, what


def test_what_must_not_be_advised_and_what_must(parts: Any) -> None:
    answer, manifest, numbers = parts
    silent, told = copy.deepcopy(answer), copy.deepcopy(answer)
    delta(silent, "advice")["advice"] = None
    decided = next(d for row in told["rows"] for d in row["deltas"] if not d["advice"])
    decided["advice"] = delta(told, "advice")["advice"]
    for planted in (silent, told):
        places = [one.place for one in checked(planted, manifest, numbers).differences]
        assert any(place.endswith("advice is given") for place in places)


def test_reasons_that_are_left_out_are_missed(parts: Any) -> None:
    answer, manifest, numbers = parts
    planted = copy.deepcopy(answer)
    planted["remarks"] = [one for one in planted["remarks"] if one["code"] != "steal"]
    assert checked(planted, manifest, numbers).differences


def test_words_with_numbers_of_no_kind_are_counted(parts: Any) -> None:
    answer, manifest, numbers = parts
    planted = copy.deepcopy(answer)
    said = {"code": "environment_changed", "message": "governor 1 -> 2", "trials": 0}
    planted["remarks"].append({**said, "severity": "", "evidence": {}})
    check = checked(planted, manifest, numbers)
    assert not check.differences
    assert sum(check.unverified.values()) == 2


def test_what_is_said_of_a_run_that_was_cut_short(tmp_path: Path) -> None:
    """A cell without a usable trial, and fewer trials than planned: both are counted again."""

    def spoil(row: dict[str, Any]) -> None:
        row["verdict"] = "VALID" if row["factor_nodelay"] else "INVALID"
        row["reasons"] = [] if row["factor_nodelay"] else [against("nothing_done", 0, "INVALID")]

    made = store_factory.make_store(
        tmp_path,
        starts=6,
        experiment=experiment(),
        change=spoil,
        manifest={"status": "interrupted"},
        histograms=False,
    )
    answer = json.loads(json.dumps(report.answer(made).as_dict()))
    with Session([made.path], print) as session:
        session.make("trials")
        numbers = Numbers(session.connection, metrics_of(answer))
        sound = checked(answer, made.manifest, numbers)
        assert not sound.differences, [str(one) for one in sound.differences]
        for code, old, new in (
            ("cell_without_valid_trial", "in 1 cells", "in 2 cells"),
            ("incomplete", "12 of 12", "11 of 12"),
            ("incomplete", "12 of 12", "12 of 13"),
        ):
            planted = copy.deepcopy(answer)
            rewrite(old, new)(remark(planted, code))
            assert len(checked(planted, made.manifest, numbers).differences) == 1
