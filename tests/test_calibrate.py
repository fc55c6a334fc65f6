"""The calibration: laws against enumeration, verdicts against planted bias, and the whole command
with the real server and the real ruler. How good the ruler is on this machine is not asserted."""

from __future__ import annotations

import json
import random
import shutil
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from zyphos_lab.calibrate import console, laws, page, result, run, words
from zyphos_lab.calibrate.cases import CASES, PROTOCOLS, STALL_FOR_NS
from zyphos_lab.calibrate.judge import CURVE, Judged, Point, allowed_ns, middle
from zyphos_lab.calibrate.run import Wanted, chosen, expected_seconds
from zyphos_lab.calibrate.threat import threat
from zyphos_lab.cli.main import run as lab
from zyphos_lab.errors import UsageError
from zyphos_lab.load import LoadRun
from zyphos_lab.probes.native import core
from zyphos_lab.spec.models import Protocol
from zyphos_lab.spec.target_models import Delay

MS = 1_000_000


def point(bias: float = 0.0, name: str = "p50", limit: float | None = 50_000) -> Point:
    return Point(name, 1 * MS + bias, 1 * MS, 1 * MS, 1 * MS, limit)


def judged(*points: Point, case: str = "constant_1ms", **more: Any) -> Judged:
    curve = tuple(range(MS, MS + len(CURVE)))
    times = {"reported_ns": curve, "truth_ns": curve}
    return Judged("http1", case, f"title of {case}", "latency", points, **{**times, **more})


def calibration(*found: Judged, made_ns: int = 1) -> result.Calibration:
    made = result.made(Path("20260101T000000Z-0000"), found, quick=True)
    return replace(made, made_ns=made_ns)


def constants(bias: float) -> list[Judged]:
    names = [case.name for case in CASES if case.name.startswith("constant_")]
    return [judged(point(bias), case=name, parts_ns={"client": bias}) for name in names]


def everything(bias: float) -> list[Judged]:
    return [
        replace(judged(point(bias), case=case.name), protocol=speech.protocol, kind=case.kind)
        for speech in PROTOCOLS
        for case in CASES
    ]


# --- laws ---------------------------------------------------------------------------------------


def test_every_protocol_of_the_load_is_calibrated() -> None:
    assert {one.protocol for one in PROTOCOLS} == set(Protocol.__args__)


def test_quantiles_of_the_laws() -> None:
    assert laws.delay_quantile(Delay.model_validate("3ms"))(0.99) == 3 * MS
    two = {"law": "bimodal", "delay": "1ms", "slow": "9ms", "share": 0.05}
    bimodal = laws.delay_quantile(Delay.model_validate(two))
    assert [bimodal(q) for q in (0.5, 0.95, 0.96)] == [MS, MS, 9 * MS]
    tail = {"law": "pareto", "scale": "1ms", "shape": 2.0, "most": "50ms"}
    pareto = laws.delay_quantile(Delay.model_validate(tail))
    assert pareto(0.75) == pytest.approx(2 * MS)
    assert pareto(0.9999) == pareto(1) == 50 * MS


def test_stall_by_enumeration() -> None:
    """Ten arrivals a second over 3 s, a stall of 1 s: those at 1.0, 1.1, ... 1.9 s wait."""
    quantile = laws.stall_quantile(10, 3_000 * MS, 1_000 * MS, 1_000 * MS)
    waits = [round(quantile((k + 1) / 30) / MS) for k in range(30)]
    assert waits == [0] * 20 + [100 * k for k in range(1, 11)]


def test_a_sample_of_the_law_lies_in_its_band() -> None:
    draw = random.Random(7)
    tail = {"law": "pareto", "scale": "1ms", "shape": 1.5, "most": "50ms"}
    quantile = laws.delay_quantile(Delay.model_validate(tail))
    inside = 0
    for _ in range(200):
        sample = sorted(quantile(draw.random()) for _ in range(500))
        low, high = laws.band(quantile, 0.9, 500)
        inside += low <= sample[449] <= high
    assert inside >= 198  # 99.9 % each
    assert laws.band(quantile, 0.9, 50_000)[0] > laws.band(quantile, 0.9, 500)[0]


# --- verdicts -----------------------------------------------------------------------------------


def test_within_and_beyond_the_limits() -> None:
    assert not point(49_000).off
    assert point(51_000).off
    assert point(-51_000).off
    assert not point(10**9, "p90", None).off  # not judged
    assert judged(point(), point(51_000)).off


def test_a_limit_is_never_finer_than_a_bucket_of_the_histogram() -> None:
    assert [allowed_ns("p50", value) for value in (0, 50_000, 10 * MS)] == [50_000] * 3
    assert allowed_ns("p99", 100 * MS) == 200_000
    assert allowed_ns("p99", 980 * MS) == 200_000 + 2**19
    assert allowed_ns("p90", 980 * MS) is None
    histogram = core().Histogram()
    histogram.record(980 * MS)
    assert histogram.quantile(0.5) - histogram.quantile(0) == 2**19 - 1


def test_a_server_off_its_law_is_not_the_rulers_fault() -> None:
    late = Point("p50", 3 * MS, 3 * MS, MS, MS, 50_000)
    one = judged(late)
    assert not one.off
    assert not one.lawful
    assert any("off its law" in text for text in words.remarks(calibration(one)))


def test_the_middle_repetition_counts_whole() -> None:
    found = middle([judged(point(bias)) for bias in (400_000, 1_000, 30_000)])
    assert found.points[0].bias == 30_000
    assert found.repetitions == 3


def test_off_because_of_other_work_is_not_held_against_the_ruler() -> None:
    from zyphos_lab.calibrate.bench import Disturbance

    busy = (Disturbance("other_load", "other work took a core"),)
    assert calibration(judged(point())).verdict == "good"
    assert calibration(judged(point(10**6))).verdict == "off"
    assert calibration(judged(point(10**6), disturbed=busy)).verdict == "disturbed"
    both = calibration(judged(point(10**6), disturbed=busy), judged(point(10**6)))
    assert both.verdict == "off"


def test_the_first_sentence_needs_no_statistics() -> None:
    good = calibration(*constants(31_000))
    assert words.sentence(good) == "The ruler shows delays of 50 us to 10 ms to within 31.0 us."
    assert "The ruler is off: in 3 of 3 cases" in words.sentence(calibration(*constants(10**6)))


# --- what is kept -------------------------------------------------------------------------------


def test_later_runs_find_the_newest_that_fits(tmp_path: Path) -> None:
    import time

    def keep(name: str, one: result.Calibration) -> None:
        folder = tmp_path / "calibration" / name
        folder.mkdir(parents=True)
        result.save(replace(one, id=name), folder)

    assert result.latest(tmp_path) == {"state": "none"}
    good = calibration(*everything(31_000), made_ns=time.time_ns())
    elsewhere = {**good.host, "cpu": {"model": "another"}}
    keep("5", replace(good, host=elsewhere))
    assert result.latest(tmp_path) == {"state": "foreign"}
    keep("2", good)
    found = result.latest(tmp_path)
    assert (found["state"], found["id"]) == ("good", "2")
    assert found["bias_ns"] == {name: {"p50": 31_000} for name in ("http1", "echo")}
    assert (tmp_path / found["path"]).is_file()
    keep("3", replace(good, build={"build_id": "other"}))
    assert result.latest(tmp_path)["state"] == "stale"
    (tmp_path / "calibration" / "3" / result.FILE).write_text('{"schema_version": 1}')  # damaged
    assert result.latest(tmp_path)["id"] == "2"
    keep("6", calibration(*constants(10**6)))  # of some cases only: does not count
    assert result.latest(tmp_path)["id"] == "2"
    keep("4", replace(good, judged=tuple(everything(10**6))))
    assert result.latest(tmp_path)["state"] == "off"


@pytest.mark.parametrize(
    ("known", "said"),
    [
        ({"state": "none"}, "not calibrated"),
        ({"state": "foreign"}, "other machines"),
        ({"state": "off", "id": "x", "age_ns": 0}, "was off"),
        ({"state": "stale", "id": "x", "age_ns": 0, "bias_ns": {}}, "another build"),
        (
            {
                "state": "good",
                "id": "x",
                "age_ns": 0,
                "bias_ns": {"echo": {"p50": 100, "p99": -200}},
            },
            "echo +100 ns in the median and -200 ns at p99",
        ),
    ],
)
def test_the_threat_says_what_is_known_of_the_ruler(known: dict[str, Any], said: str) -> None:
    assert said in threat(known)


def test_page_and_terminal_hold_the_same(tmp_path: Path) -> None:
    stall = judged(point(), case="stall")
    one = calibration(*constants(31_000), replace(stall, kind="stall"))
    text = page.write(one, tmp_path).read_text(encoding="utf-8")
    assert words.sentence(one) in text
    assert text.count("<svg") == 3
    assert "http://" not in text.replace("http://www.w3.org", "")
    for width in (60, 160):
        terminal = Console(width=width, record=True, file=(tmp_path / "out").open("w"))
        console.terminal(one, terminal)
        told = terminal.export_text()
        assert "to within 31.0 us." in " ".join(told.split())
        assert max(map(len, told.splitlines())) <= width


# --- the command --------------------------------------------------------------------------------


def test_names_that_are_none() -> None:
    with pytest.raises(UsageError, match="there is no `htp`"):
        chosen(Wanted(protocols=("htp",)))
    assert len(chosen(Wanted())) == len(PROTOCOLS) * len(CASES)
    assert [case.name for _, case in chosen(Wanted(cases=("loss",)))] == ["loss"] * len(PROTOCOLS)


def test_quick_is_under_a_minute() -> None:
    assert expected_seconds(Wanted(quick=True)) < 45
    assert expected_seconds(Wanted()) < 240


@pytest.fixture
def once(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is off is not measured again: other tests may run beside this one."""
    monkeypatch.setattr(run, "QUICK_S", 0.0)


def calibrated(tmp_path: Path, capfd: Any, *words_: str) -> tuple[int, dict[str, Any]]:
    code = lab(["calibrate", "--quick", "--results", str(tmp_path), "--json", *words_])
    return code, json.loads(capfd.readouterr().out)


@pytest.mark.usefixtures("once")
def test_loss_and_rate_are_reported_as_they_are(tmp_path: Path, capfd: Any) -> None:
    """Counts and rates do not depend on how busy this machine is."""
    code, told = calibrated(tmp_path, capfd, "--case", "loss", "--protocol", "http1")
    lost, requests = told["cases"][0]["points"]
    assert lost["truth"] > 0
    assert requests["truth"] > 900
    assert code == (5 if told["verdict"] != "good" else 0)
    folder = next((tmp_path / "calibration").iterdir())
    assert {path.name for path in folder.iterdir()} == {result.FILE, result.PAGE}


@pytest.mark.usefixtures("once")
def test_a_stall_is_seen_in_the_tail(tmp_path: Path, capfd: Any) -> None:
    _, told = calibrated(tmp_path, capfd, "--case", "stall", "--protocol", "echo")
    points = {one["name"]: one for one in told["cases"][0]["points"]}
    # Whatever else the machine does: who came early in the stall waited for nearly all of it.
    assert points["p99"]["truth"] > 0.9 * STALL_FOR_NS
    assert points["p99"]["reported"] > 0.9 * STALL_FOR_NS


@pytest.mark.usefixtures("once")
def test_planted_bias_is_found_and_is_exit_code_5(tmp_path: Path, capfd: Any) -> None:
    words_: Sequence[str] = ("--case", "constant_1ms", "--protocol", "echo", "--plant-bias", "1s")
    code, told = calibrated(tmp_path, capfd, *words_)
    assert code == 5
    assert told["verdict"] in ("off", "disturbed")
    assert told["whole"] is False
    assert all(one["off"] for one in told["cases"][0]["points"] if one["limit"] is not None)


def test_nothing_is_kept_of_what_failed(
    tmp_path: Path, capfd: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert lab(["calibrate", "--case", "nothing", "--results", str(tmp_path)]) == 2
    assert "constant_50us" in capfd.readouterr().err
    monkeypatch.setattr(LoadRun, "wait_for", _interrupted)
    assert lab(["calibrate", "--quick", "--case", "loss", "--results", str(tmp_path)]) == 130
    assert "nothing of it is kept" in capfd.readouterr().err
    assert not list((tmp_path / "calibration").iterdir())


def _interrupted(*_: Any) -> dict[str, Any]:
    import signal

    signal.raise_signal(signal.SIGINT)
    return {}


def test_needs_two_processors(tmp_path: Path, capfd: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("os.sched_getaffinity", lambda _: {0})
    assert lab(["calibrate", "--quick", "--results", str(tmp_path)]) == 5
    assert "two processors" in capfd.readouterr().err
    shutil.rmtree(tmp_path / "calibration")
