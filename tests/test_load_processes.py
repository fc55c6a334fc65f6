"""A load of several processes: what the file may say, how their results become one, and that it is
the load that one process with as many threads would be."""

from __future__ import annotations

import base64
import json
import os
import signal
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import Any

import pytest

from machine import assert_usable
from running import Load, Served, load, served
from spec_samples import ECHO
from test_links_runs import run
from zyphos_lab import ceiling, probes, record, spec, trial
from zyphos_lab.child import Children, monotonic_ns
from zyphos_lab.cli.main import run as command
from zyphos_lab.errors import LoadError, SpecError
from zyphos_lab.load_group import LoadGroup
from zyphos_lab.load_merge import merged
from zyphos_lab.probes.native import core
from zyphos_lab.stage import Planned

WINDOW_NS = 300_000_000
WORDS = ("protocol=echo", "warmup_ns=20000000", f"window_ns={WINDOW_NS}", "interval_ns=100000000")
CONSTANT = ("arrival.law=constant", "arrival.rate_per_second=1000")
POISSON = ("arrival.law=poisson", "arrival.rate_per_second=1000")
PATIENCE_NS = 60_000_000_000


def sample(keys: str) -> str:
    return ECHO.replace("  connections: 4", f"  connections: 4\n  {keys}", 1)


@pytest.mark.parametrize(
    ("keys", "complaint"),
    [
        ("processes: 0", "`load.processes`"),
        ("processes: 251", "`load.processes`"),
        ("processes: 5", "5 processes cannot share 4 connections"),
        ("processes: 3\n  threads: 2", "3 processes of 2 threads cannot share 4 connections"),
        ("processes: 2\n  generator: wrk", "generator wrk knows no `processes`"),
    ],
)
def test_what_cannot_be_has_its_line(keys: str, complaint: str) -> None:
    with pytest.raises(SpecError) as caught:
        spec.loads(sample(keys))
    assert complaint in str(caught.value)


def test_one_process_is_told_nothing_and_has_the_ceiling_that_it_had() -> None:
    texts = ECHO, sample("processes: 1"), sample("processes: 2")
    plain, one, two = map(spec.loads, texts)

    def words(experiment: spec.Experiment) -> list[str]:
        found = experiment.cells[0].load
        return spec.load_words(found, experiment.repeat, address="127.0.0.1", port=9, seed=7)

    assert words(plain) == words(one) == words(two)  # the runner says who is which
    shapes = [ceiling.shape(experiment.cells[0]) for experiment in (plain, one, two)]
    assert shapes[0] == shapes[1] != shapes[2]
    [cell, *_] = ceiling.cells(two.cells)
    assert cell.load.processes == 2


def encoded(*values: int) -> str:
    histogram = core().Histogram()
    for value in values:
        histogram.record(value)
    return base64.b64encode(histogram.encode()).decode()


def decoded(text: str) -> Any:
    return core().Histogram.decode(base64.b64decode(text))


def part(times: list[int], **more: Any) -> dict[str, Any]:
    """What a process of a closed load says that answered so many requests."""
    n = len(times)
    counts = dict.fromkeys(("scheduled", "sent", "done", "done_in_window", "sent_in_window"), n)
    return {
        "event": "result",
        "window_ns": 1_000_000_000,
        "interrupted": False,
        **{f"requests_{how}": count for how, count in counts.items()},
        "requests_failed": 1,
        "requests_censored": 0,
        "errors": {"reset": 1},
        "connections": 10,
        "reconnects": 2,
        "connection_errors": {},
        "bytes_out": 5,
        "bytes_in": 7,
        "requests_per_second": float(n),
        "rate_asked_per_second": None,
        "rate_ratio": None,
        "requests_in_flight_mean": sum(times) / 1e9,
        "little_ratio": 1.0,
        "times_beyond_range": 0,
        "client_cpu_ns": 300_000_000,
        "client_threads_spin_ns": 100_000_000,
        "client_threads": 2,
        "client_threads_run_delay_ns": 11,
        "histograms": {"latency_ns": encoded(*times), "censored_ns": encoded()},
        "intervals": [
            {"start_ns": 5, "requests_done": n, "latency_ns": encoded(*times)},
            {"start_ns": 9, "requests_done": 0, "latency_ns": encoded()},
        ],
        "entries": [
            {"requests_done": n, "requests_failed": 1, "requests_censored": 0,
             "latency_ns": encoded(*times)}
        ],
        **more,
    }  # fmt: skip


FAST, SLOW = [1_000_000] * 90, [50_000_000] * 10


def test_counts_add_and_histograms_merge() -> None:
    whole = merged([part(FAST), part(SLOW, errors={"reset": 1, "eof": 2})], (), ())
    assert whole["requests_done"] == 100 and whole["requests_failed"] == 2
    assert whole["errors"] == {"reset": 2, "eof": 2}
    assert whole["connections"] == 20 and whole["client_threads"] == 4
    assert whole["requests_per_second"] == 100.0
    assert whole["client_threads_run_delay_ns"] == 22
    latency = decoded(whole["histograms"]["latency_ns"])
    together = decoded(encoded(*FAST, *SLOW))
    # Neither part's p90 nor p95 is the whole's, nor is their mean.
    assert [latency.quantile(q) for q in (0.5, 0.9, 0.95)] == [
        together.quantile(q) for q in (0.5, 0.9, 0.95)
    ]
    assert [one["requests_done"] for one in whole["intervals"]] == [100, 0]
    assert [one["start_ns"] for one in whole["intervals"]] == [5, 9]
    assert decoded(whole["intervals"][0]["latency_ns"]).count == 100
    assert whole["entries"][0]["requests_failed"] == 2
    assert "start_ns" not in whole["entries"][0]


def test_a_record_takes_it_as_that_of_one() -> None:
    row, skipped, reasons = record.load_columns(merged([part(FAST), part(SLOW)], (), ()))
    assert row["latency_ns_p50"] == decoded(encoded(*FAST, *SLOW)).quantile(0.5)
    assert row["request_0_done"] == 100 and row["error_reset"] == 2
    assert row["arrivals_ks"] is None and not reasons
    assert set(skipped) == {"service_ns", "schedule_lag_ns"}  # which these parts have not


@pytest.mark.parametrize(("cpus", "busy"), [((), 0.1), ((1,), 0.4), ((1, 2), 0.2)])
def test_a_core_that_they_share_is_one_core(cpus: tuple[int, ...], busy: float) -> None:
    """Two processes of two threads, 0.2 s of work each in a second: none has more than its CPUs."""
    whole = merged([part(FAST), part(FAST)], (), cpus)
    assert record.busy(whole) == pytest.approx(busy)


def test_littles_law_is_that_of_the_whole() -> None:
    """A part that is off counts as much as it has under way."""
    sound = part(FAST, requests_in_flight_mean=3.0, little_ratio=1.0)
    off = part(FAST, requests_in_flight_mean=1.0, little_ratio=2.0)
    idle = part([], requests_in_flight_mean=0.0, little_ratio=None)
    whole = merged([sound, off, idle], (), ())
    assert whole["requests_in_flight_mean"] == pytest.approx(4.0)
    assert whole["little_ratio"] == pytest.approx(4.0 / 3.5)
    assert merged([idle, idle], (), ())["little_ratio"] is None


def test_what_one_does_not_know_the_whole_does_not() -> None:
    whole = merged([part(FAST), part(FAST, client_threads_run_delay_ns=None)], (), ())
    assert whole["client_threads_run_delay_ns"] is None


def test_a_rate_that_was_missed_is_missed_by_the_whole() -> None:
    asked = {"rate_asked_per_second": 200.0}
    late = part(FAST, **asked, requests_sent_in_window=45)
    whole = merged([part(FAST, **asked), late], (), ())
    assert whole["rate_ratio"] == pytest.approx(135 / 180)
    assert whole["rate_asked_per_second"] == 200.0


def test_parts_of_other_windows_are_refused() -> None:
    other = part(FAST)
    other["intervals"][0]["start_ns"] = 6
    with pytest.raises(LoadError, match="do not agree when their intervals begin"):
        merged([part(FAST), other], (), ())
    other["intervals"].pop()
    with pytest.raises(LoadError, match="do not agree in their intervals"):
        merged([part(FAST), other], (), ())


@pytest.fixture(scope="module")
def echo() -> Iterator[Served]:
    with served("engine=epoll", "protocol=echo") as server:
        yield server


@contextmanager
def group(folder: Path, port: int, *words: str, processes: int = 3) -> Iterator[LoadGroup]:
    told = [*WORDS, f"port={port}", *words]
    with ExitStack() as stack:
        found = LoadGroup(told, processes, 20_000_000, (), Children(folder), lambda: None)
        stack.callback(found.stop)
        yield found


def event(load_group: LoadGroup, name: str) -> dict[str, Any]:
    return load_group.wait_for(name, monotonic_ns() + PATIENCE_NS)


@pytest.mark.native
def test_several_are_one_load(echo: Served, tmp_path: Path) -> None:
    with group(tmp_path, echo.port, "connections=7", *CONSTANT) as running:
        assert event(running, "connected")["connections"] == 7
        window = event(running, "window")
        assert window["end_ns"] - window["start_ns"] == WINDOW_NS
        running.idle_until(window["start_ns"])
        before = running.board()
        result = event(running, "result")
        assert len(running.pids()) == 3
        after = running.board()
    assert isinstance(before, dict) and isinstance(after, dict)
    assert before["connected"] == after["connected"] == 7
    # Exactly the law, though no third of it is the law.
    assert result["requests_scheduled"] == 300 and result["rate_asked_per_second"] == 1000
    ended = [result[f"requests_{how}"] for how in ("done", "failed", "censored")]
    assert sum(ended) == 300 and ended[1] == 0
    assert decoded(result["histograms"]["latency_ns"]).count == result["requests_done"]
    assert [one["start_ns"] - window["start_ns"] for one in result["intervals"]] == [
        0, 100_000_000, 200_000_000
    ]  # fmt: skip
    assert result["connections"] == 7 and result["client_threads"] == 3
    assert 0 <= result["arrivals_ks"] <= 1 and result["arrivals_observed"] <= 300


@pytest.mark.native
@pytest.mark.parametrize("law", [CONSTANT, POISSON], ids=["constant", "poisson"])
def test_the_schedule_is_that_of_as_many_threads(
    echo: Served, tmp_path: Path, law: tuple[str, ...]
) -> None:
    """Request by request, from the same seed: which interval each belongs to shows it."""
    words = ("connections=6", "seed=5", "deadline_ns=20000000000", *law)
    single = load(*WORDS, f"port={echo.port}", "threads=3", *words)
    with group(tmp_path, echo.port, *words) as running:
        event(running, "connected")
        event(running, "window")
        several = event(running, "result")
    assert single["requests_done"] == single["requests_scheduled"]
    assert [one["requests_done"] for one in several["intervals"]] == [
        one["requests_done"] for one in single["intervals"]
    ]
    assert several["requests_scheduled"] == single["requests_scheduled"]


def one_of_three(port: int, *words: str) -> Load:
    own = ("processes=3", "process=2", "connections=8", *words)
    return Load(*WORDS, f"port={port}", *own, told=True)


@pytest.mark.native
def test_each_has_its_share_and_begins_when_it_is_told(echo: Served) -> None:
    """And does not say how far it is from the law, which a third of it cannot follow."""
    hour_ns = 3_600_000_000_000
    start_ns = monotonic_ns() + hour_ns
    with one_of_three(echo.port, *CONSTANT) as running:
        assert running.event("connected")["connections"] == 2
        running.tell(str(start_ns))
        assert running.event("window")["start_ns"] == start_ns
        running.process.send_signal(signal.SIGINT)
        result = running.event("result")
    assert result["arrivals_ks"] is None and result["interrupted"] is True
    assert len(result["arrivals_seen"]) == 8192


@pytest.mark.native
@pytest.mark.parametrize(
    ("line", "told"),
    [("soon", "stdin must say when"), ("5", "too near for its warm-up")],
)
def test_a_start_that_cannot_be_is_refused(echo: Served, line: str, told: str) -> None:
    with one_of_three(echo.port) as running:
        running.event("connected")
        running.tell(line)
        assert told in running.event("error")["message"]
        assert running.end() == 1


@pytest.mark.native
def test_whoever_is_told_nothing_ends(echo: Served) -> None:
    with one_of_three(echo.port) as running:
        running.event("connected")
        assert running.process.stdin is not None
        running.process.stdin.close()
        assert "stdin ended" in running.event("error")["message"]
        assert running.process.wait(60) == 1
        running.process.stdin = None  # closed once already


@pytest.mark.native
@pytest.mark.parametrize("when", ["connected", "window", "idle"])
def test_one_that_dies_is_named(echo: Served, tmp_path: Path, when: str) -> None:
    told = "load: process 2 of 3: zyphos-load ended early; killed by SIGKILL"
    with group(tmp_path, echo.port, "connections=6") as running:
        second = running.pids()[1]
        event(running, "connected")
        if when == "connected":
            os.kill(second, signal.SIGKILL)
        else:
            window = event(running, "window")
            os.kill(second, signal.SIGKILL)
        with pytest.raises(LoadError, match=told):
            if when == "idle":
                running.idle_until(window["end_ns"] + PATIENCE_NS)
            event(running, "result")


@pytest.mark.native
def test_one_that_cannot_connect_is_named(tmp_path: Path) -> None:
    with served("engine=epoll", "protocol=echo") as server:
        port = server.port
    told = "load: process 1 of 3: cannot connect to"
    with group(tmp_path, port, "connections=6") as running, pytest.raises(LoadError, match=told):
        event(running, "connected")


EXPERIMENT = """
schema: 1
name: demo
question: What do several carry?
targets: {http1: {engine: prefork, protocol: http1, workers: 2}}
load:
  protocol: http1
  connections: 9
  addresses: 3
  processes: 3
  arrival: {law: constant, rate: 300/s}
  deadline: 20s
repeat: {starts: 2, warmup: 50ms, window: 500ms}
probes: [rusage]
"""


@pytest.mark.native
def test_a_run_with_several(tmp_path: Path) -> None:
    """From the file to the record: a row like any other."""
    _, store = run(tmp_path, EXPERIMENT)
    rows = store.rows()
    assert len(rows) == 2
    for row in rows:
        assert_usable(row)
        assert row["client_processes"] == 3
        assert row["client_threads"] == 3  # those that load: in each process another one waits
        assert row["connections"] == 9 and row["requests_scheduled"] == 150
        assert row["requests_failed"] == 0 and row["latency_ns_p50"] > 0
        assert row["rate_asked_per_second"] == 300 and row["arrivals_ks"] is not None
        assert row["client_requests"] > 0  # of three boards


@pytest.mark.native
def test_the_trial_in_which_one_dies_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    began: Callable[..., None] = LoadGroup.idle_until

    def kill_the_third(load_group: LoadGroup, at_ns: int) -> None:
        with suppress(ProcessLookupError):
            os.kill(load_group._runs[2].pids()[0], signal.SIGKILL)
        began(load_group, at_ns)

    monkeypatch.setattr(LoadGroup, "idle_until", kill_the_third)
    experiment = spec.loads(EXPERIMENT)
    bench = trial.Bench(Children(tmp_path), probes.make([]), experiment.repeat)
    row = trial.run(Planned(0, 0, experiment.cells[0], 0, "", 1), bench).row
    [reason] = row["reasons"]
    assert (row["verdict"], reason["code"]) == ("INVALID", "load_failed")
    assert reason["message"].startswith("load: process 3 of 3: zyphos-load ended early")


@pytest.mark.native
def test_the_command_has_several_too(capsys: pytest.CaptureFixture[str]) -> None:
    with served("protocol=http1") as server:
        url = f"http://127.0.0.1:{server.port}/"
        words = [*("-c", "8", "--processes", "2"), *("--duration", "300ms", "--warmup", "0s")]
        # Whether the machine let it be VALID is not asked.
        assert command(["load", url, *words, "--rate", "200/s", "--json"]) in (0, 5)
        told = json.loads(capsys.readouterr().out)
        assert told["connections"] == 8 and told["client_threads"] == 2
        assert told["requests_scheduled"] == 60
        assert command(["load", url, "-c", "3", "--processes", "4"]) == 2
    assert "--processes 4 with --threads 1 need 4 connections" in capsys.readouterr().err
