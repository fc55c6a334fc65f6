"""The calibration: laws against enumeration, verdicts against planted bias, and the whole command
with the real server and the real ruler. How good the ruler is on this machine is not asserted."""

from __future__ import annotations

import json
import os
import random
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from zyphos_lab.calibrate import console, laws, page, result, run, words
from zyphos_lab.calibrate.bench import Disturbance, Place, load_of, target_of
from zyphos_lab.calibrate.cases import CASES, PROTOCOLS, STALL_FOR_NS, Setup
from zyphos_lab.calibrate.judge import CURVE, Judged, Point, allowed_ns
from zyphos_lab.calibrate.run import Wanted, chosen, expected_seconds
from zyphos_lab.calibrate.threat import threats, used_by
from zyphos_lab.calibrate.wire import beside
from zyphos_lab.child import Children
from zyphos_lab.cli.main import run as lab
from zyphos_lab.errors import UsageError
from zyphos_lab.load import LoadRun
from zyphos_lab.probes.native import core
from zyphos_lab.spec.models import Load, Protocol
from zyphos_lab.spec.target_models import Delay

MS = 1_000_000


def point(bias: float = 0.0, name: str = "p50", limit: float | None = 50_000) -> Point:
    return Point(name, 1 * MS + bias, 1 * MS, 1 * MS, 1 * MS, limit)


def judged(*points: Point, case: str = "constant_1ms", poll: bool = True, **more: Any) -> Judged:
    curve = tuple(range(MS, MS + len(CURVE)))
    times = {"reported_ns": curve, "truth_ns": curve}
    return Judged("http1", case, f"title of {case}", "latency", points, poll, **{**times, **more})


def calibration(*found: Judged, made_ns: int = 1) -> result.Calibration:
    made = result.made(Path("20260101T000000Z-0000"), found, quick=True)
    return replace(made, made_ns=made_ns)


def quantiles(bias: float) -> tuple[Point, Point]:
    return point(bias), point(bias, "p99", 200_000)


def constants(bias: float, **more: Any) -> list[Judged]:
    names = [case.name for case in CASES if case.name.startswith("constant_")]
    more = {"parts_ns": {"client": bias}, **more}
    return [judged(*quantiles(bias), case=name, **more) for name in names]


WOKEN = {"p50": 35_000.0, "p99": 150_000.0}


def everything(bias: float, asleep: float = 31_000) -> list[Judged]:
    """As a calibration measures it: what is `bias` off when polled, and delays asleep as well."""
    return [
        replace(
            judged(*quantiles(off), case=one.case.name, poll=poll, wake_ns={} if poll else WOKEN),
            protocol=one.speech.protocol,
            kind=one.case.kind,
        )
        for one in chosen(Wanted(cpus=(0, 1)))
        for poll, off in [(one.poll, bias if one.poll else asleep)]
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


def test_off_because_of_other_work_is_not_held_against_the_ruler() -> None:
    busy = (Disturbance("other_load", "other work took a core"),)
    assert calibration(judged(point())).verdict == "good"
    assert calibration(judged(point(10**6))).verdict == "off"
    assert calibration(judged(point(10**6), disturbed=busy)).verdict == "disturbed"
    both = calibration(judged(point(10**6), disturbed=busy), judged(point(10**6)))
    assert both.verdict == "off"


def test_the_first_sentence_needs_no_statistics() -> None:
    assert words.sentence(calibration(*constants(31_000))) == (
        "The ruler is right: typical waits, from 50 us to 10 ms, come out at most 31.0 us off "
        "(50 us are allowed)."
    )
    assert "The ruler is off: in 3 of 3 cases" in words.sentence(calibration(*constants(10**6)))


def test_what_waking_up_explains_is_not_held_against_the_ruler() -> None:
    def asleep(bias: float, name: str = "p50", limit: float = 50_000) -> Judged:
        return judged(point(bias, name, limit), poll=False, wake_ns=WOKEN)

    assert not asleep(49_000).off
    assert asleep(84_000).off
    assert not asleep(84_000).wrong  # 50 us are allowed, waking up takes 35
    assert asleep(86_000).wrong
    assert asleep(-51_000).wrong  # nobody reads an answer before it is there
    assert not asleep(349_000, "p99", 200_000).wrong
    assert asleep(351_000, "p99", 200_000).wrong
    assert asleep(2, "lost", 1).wrong
    assert judged(point(51_000)).wrong  # polled: there is no waking up
    assert judged(point(51_000), poll=False).wrong  # not known what waking up costs


def test_the_verdict_is_about_the_ruler_that_polls() -> None:
    polled = constants(11_000)
    slow = calibration(*polled, *constants(59_000, poll=False, wake_ns=WOKEN))
    assert (slow.verdict, slow.asleep_verdict, slow.off) == ("good", "off", False)
    assert "at most 11.0 us off" in words.sentence(slow)
    told = words.asleep(slow)
    assert "adds up to 59.0 us" in told
    assert "any sleeping thread takes 35.0 us" in told
    assert "in 3 of 3 cases more than is allowed: use `load: {poll: true}`" in told
    fine = calibration(*polled, *constants(41_000, poll=False, wake_ns=WOKEN))
    assert fine.asleep_verdict == "good"
    assert "within the limits" in words.asleep(fine)
    assert "poll: true" not in words.asleep(fine)


def test_a_sleeping_ruler_that_waking_up_does_not_explain_is_off() -> None:
    late = calibration(*constants(11_000), *constants(10**6, poll=False, wake_ns=WOKEN))
    assert late.verdict == "off"
    assert "off where its thread sleeps: in 3 of 3 cases" in words.sentence(late)
    assert any("http1, asleep, title" in text for text in words.remarks(late))


def test_asleep_alone_is_said() -> None:
    alone = calibration(*constants(31_000, poll=False, wake_ns=WOKEN))
    assert "server and ruler had one between them" in words.asleep(alone)
    assert "at most 31.0 us off" in words.sentence(alone)
    over = calibration(*constants(59_000, poll=False, wake_ns=WOKEN))
    assert over.verdict == "good"
    assert "could only sleep here" in words.sentence(over)
    assert words.second(over) == ""


# --- what is kept -------------------------------------------------------------------------------


def test_later_runs_find_the_newest_that_fits(tmp_path: Path) -> None:
    import time

    def keep(name: str, one: result.Calibration) -> None:
        folder = tmp_path / "calibration" / name
        folder.mkdir(parents=True)
        result.save(replace(one, id=name), folder)

    assert result.latest(tmp_path) == {"state": "none"}
    good = calibration(*everything(11_000, 59_000), made_ns=time.time_ns())
    elsewhere = {**good.host, "cpu": {"model": "another"}}
    keep("5", replace(good, host=elsewhere))
    assert result.latest(tmp_path) == {"state": "foreign"}
    keep("2", good)
    found = result.latest(tmp_path)
    assert (found["state"], found["id"]) == ("good", "2")
    for name, bias in (("bias_ns", 59_000), ("polled_bias_ns", 11_000)):
        assert found[name] == {p.protocol: {"p50": bias, "p99": bias} for p in PROTOCOLS}
    assert found["asleep_verdict"] == "off"
    delays = [case.name for case in CASES if case.both_ways]
    assert found["asleep_off_cases"] == {one.protocol: delays for one in PROTOCOLS}
    assert (tmp_path / found["path"]).is_file()
    keep("3", replace(good, build={"build_id": "other"}))
    assert result.latest(tmp_path)["state"] == "stale"
    (tmp_path / "calibration" / "3" / result.FILE).write_text('{"schema_version": 1}')  # damaged
    assert result.latest(tmp_path)["id"] == "2"
    keep("6", calibration(*constants(10**6)))  # of some cases only: does not count
    assert result.latest(tmp_path)["id"] == "2"
    keep("4", replace(good, judged=tuple(everything(10**6))))
    assert result.latest(tmp_path)["state"] == "off"


def test_a_calibration_of_version_1_is_read(tmp_path: Path) -> None:
    """It is of the ruler asleep only, and so is its verdict."""
    folder = tmp_path / "calibration" / "1"
    folder.mkdir(parents=True)
    path = result.save(replace(calibration(*everything(11_000, 59_000)), id="1"), folder)
    old = json.loads(path.read_text())
    for name in ("polled_bias_ns", "asleep_verdict", "asleep_off_cases"):
        del old[name]
    path.write_text(json.dumps(old | {"schema_version": 1, "verdict": "off"}))
    found = result.latest(tmp_path)
    assert (found["state"], found["asleep_verdict"], found["polled_bias_ns"]) == ("off", "off", {})
    [off, over] = threats(found, {"protocol": "http1"})
    assert "was off" in off
    assert "+59.0 us in the median" in over
    assert "`load: {poll: true}`" in over
    [_, unknown] = threats(found, {"protocol": "http1", "poll": True})
    assert "that polls was not measured" in unknown


BIAS = {"http1": {"p50": 59_000, "p99": 246_000}, "echo": {"p50": 100, "p99": -200}}
POLLED = {"http1": {"p50": 11_000, "p99": 30_000}, "echo": {"p50": 50, "p99": -100}}
KNOWN = {"id": "x", "age_ns": 0, "bias_ns": BIAS, "polled_bias_ns": POLLED}
OVER = {"asleep_verdict": "off", "asleep_off_cases": {"http1": ["constant_10ms"], "echo": []}}
ECHO = "echo +100 ns in the median and -200 ns at p99"
ASLEEP, POLLING = [["http1", False]], [["http1", True]]


@pytest.mark.parametrize(
    ("known", "said"),
    [
        ({"state": "none"}, ["not calibrated"]),
        ({"state": "foreign"}, ["other machines"]),
        ({"state": "none", "used": []}, []),  # measured with another ruler
        ({"state": "off", **KNOWN}, ["was off", "own waking up"]),
        ({"state": "off", **KNOWN, "used": POLLING}, ["was off", "which polled"]),
        ({"state": "stale", **KNOWN, "asleep_verdict": "good"}, ["another build", "+59.0 us"]),
        ({"state": "good", **KNOWN, "used": [["echo", False]]}, [f"own time: {ECHO} (cal"]),
        ({"state": "good", **KNOWN, "used": POLLING}, ["which polled: http1 +11.0 us in the me"]),
        (  # over with http1 only
            {"state": "good", **KNOWN, **OVER, "used": [["echo", False]]},
            [f"Latencies hold the ruler's own time: {ECHO} (cal"],
        ),
        (
            {"state": "good", **KNOWN, **OVER, "used": ASLEEP},
            ["over its limits in http1 constant_10ms (calibration x"],
        ),
        (
            {"state": "good", **KNOWN, **OVER, "used": ASLEEP + POLLING},
            ["`load: {poll: true}` with a CPU of its own leaves it out (http1 +11.0", "own time, "],
        ),
    ],
)
def test_the_threat_says_what_is_known_of_the_ruler(known: dict[str, Any], said: list[str]) -> None:
    found = list(threats(known, {"protocol": "http1"}))
    assert len(found) == len(said)
    for text, part in zip(found, said, strict=True):
        assert part in text


def test_a_run_knows_which_rulers_its_cells_use() -> None:
    sleeping, other = Load(protocol="echo"), Load(protocol="http1", generator="wrk")
    polling = Load(protocol="http1", poll=True)
    assert used_by([sleeping, polling, other, sleeping]) == [["echo", False], ["http1", True]]
    assert used_by([other]) == []


def test_page_and_terminal_hold_the_same(tmp_path: Path) -> None:
    stall = judged(point(), case="stall")
    slow = constants(59_000, poll=False, wake_ns=WOKEN)
    one = calibration(*constants(31_000), *slow, replace(stall, kind="stall"))
    text = page.write(one, tmp_path).read_text(encoding="utf-8")
    assert words.sentence(one) in text
    assert text.count("<svg") == 3
    assert text.count(">over<") == len(slow)
    assert "use load: {poll: true}" in text
    assert "http://" not in text.replace("http://www.w3.org", "")
    for width in (60, 160):
        terminal = Console(width=width, record=True, file=(tmp_path / "out").open("w"))
        console.terminal(one, terminal)
        told = terminal.export_text()
        assert "at most 31.0 us off" in " ".join(told.split())
        assert told.count(" over") == len(slow)
        assert max(map(len, told.splitlines())) <= width


# --- the command --------------------------------------------------------------------------------


def test_names_that_are_none() -> None:
    with pytest.raises(UsageError, match="there is no `htp`"):
        chosen(Wanted(protocols=("htp",)))
    lost = chosen(Wanted(cases=("loss",), cpus=(0, 1)))
    assert [one.case.name for one in lost] == ["loss"] * len(PROTOCOLS)


def test_delays_are_measured_both_ways_and_on_one_processor_asleep() -> None:
    assert set(chosen_ways((0, 1), "latency")) == {(True, False)}
    assert set(chosen_ways((0, 1), "stall", "rate", "loss")) == {(True,)}
    assert set(chosen_ways((0,), "latency", "stall", "rate", "loss")) == {(False,)}


def chosen_ways(cpus: tuple[int, ...], *kinds: str) -> list[tuple[bool, ...]]:
    """Of each case of these kinds whether it polls, in the order measured."""
    ways: dict[str, list[bool]] = {}
    for one in chosen(Wanted(protocols=("echo",), cpus=cpus)):
        if one.case.kind in kinds:
            ways.setdefault(one.case.name, []).append(one.poll)
    return [tuple(found) for found in ways.values()]


def test_quick_is_well_under_a_minute_and_full_under_four() -> None:
    quick = expected_seconds(Wanted(quick=True, cpus=(0, 1)))
    longest = max(case.quick_ns for case in CASES) / 1e9 + run.EXTRA_S
    assert quick + run.QUICK_SPARE_S + 2 * longest < 55
    assert expected_seconds(Wanted(cpus=(0, 1))) + run.SPARE_S + 2 * longest < 240


@pytest.fixture
def once(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is off is not measured again: other tests may run beside this one."""
    monkeypatch.setattr(run, "QUICK_SPARE_S", 0.0)


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


@pytest.mark.usefixtures("once", "one_processor")
def test_one_processor_measures_the_sleeping_ruler(tmp_path: Path, capfd: Any) -> None:
    words_ = ["--case", "loss", "--protocol", "http1", "--results", str(tmp_path), "--json"]
    code = lab(["calibrate", "--quick", *words_])
    out, err = capfd.readouterr()
    told = json.loads(out)
    assert "only the ruler that sleeps is measured" in err
    assert "had one between them" in told["asleep"]
    assert [one["poll"] for one in told["cases"]] == [False]
    assert told["polled_bias_ns"] == {}
    assert code == (5 if told["verdict"] != "good" else 0)


def test_processors_that_cannot_be(tmp_path: Path, capfd: Any) -> None:
    assert lab(["calibrate", "--cpus", "0,0", "--results", str(tmp_path)]) == 2
    assert "two different processors" in capfd.readouterr().err


def test_what_waking_up_costs_is_the_kernels_and_not_the_servers(tmp_path: Path) -> None:
    """A server that answers after 1 ms: none of that is in the wire or in waking up."""
    cpus = sorted(os.sched_getaffinity(0))
    place = Place(cpus[0], cpus[-1], Children(tmp_path))
    found = beside(PROTOCOLS[0], place)
    assert found.wire_ns is not None
    assert set(found.wake_ns) == {"p50", "p99"}
    assert 0 < found.wake_ns["p50"] <= found.wake_ns["p99"]
    assert set(os.sched_getaffinity(0)) == set(cpus)


def test_on_one_processor_nothing_polls(tmp_path: Path) -> None:
    for case in CASES:
        alone = Setup(PROTOCOLS[0], case, poll=False)
        target = target_of(alone, Place(0, 0, Children(tmp_path)))
        assert target.reference.busy_poll is False
        apart = target_of(alone, Place(0, 1, Children(tmp_path)))
        assert apart.reference.busy_poll == case.reference.get("busy_poll")
        for poll in (True, False):
            load = load_of(replace(alone, poll=poll), Place(0, 1, Children(tmp_path)))
            assert (load.poll, load.cpus) == (poll, (1,))
