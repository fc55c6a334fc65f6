"""The runner against a scripted target and load: order, records, verdicts, failures."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

import fakes
from machine import codes
from zyphos_lab import plan, record, runner, spec
from zyphos_lab.errors import Interrupted, MeasurementError, SpecError, StoreError
from zyphos_lab.plan import Plan
from zyphos_lab.record import Record
from zyphos_lab.schedule import Schedule
from zyphos_lab.stage import Note, Planned
from zyphos_lab.store import Store

EXPERIMENT = """
schema: 1
name: demo
question: Does the runner do what it says?
targets:
  echo: {engine: epoll, protocol: echo}
load: {protocol: echo, connections: 2, deadline: 100ms}
factors:
  nodelay: {set: load.socket.tcp_nodelay, values: [false, true]}
repeat: {starts: 3, warmup: 0, window: 20ms}
design: {seed: 7}
probes: [rusage]
"""


class Watcher:
    """A Progress that remembers, and may do something after a trial."""

    def __init__(self, after: Any = None) -> None:
        self.cells: list[str] = []
        self.finished = -1
        self._after = after

    def started(self, store: Store, plan: Plan, finished: int) -> None:
        self.finished = finished

    def extended(self, added: Sequence[Planned], schedule: Schedule) -> None:
        return

    def said(self, note: Note) -> None:
        return

    def trial_begins(self, planned: Planned) -> None:
        self.cells.append(planned.cell.id)

    def trial_ended(self, planned: Planned, record: Record) -> None:
        if self._after is not None:
            self._after(planned)

    def stopped(self) -> None:
        return


@pytest.fixture
def script(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Puts the fakes in place; called again it changes what they do."""

    def place(**roles: Any) -> None:
        monkeypatch.setenv("ZYPHOS_BIN", str(fakes.programs(tmp_path, roles)))

    place()
    return place


def run(tmp_path: Path, text: str = EXPERIMENT, watcher: Watcher | None = None) -> Store:
    experiment = spec.loads(text)
    return runner.execute(runner.begin(experiment, tmp_path / "results"), watcher or Watcher())


def test_a_run_follows_the_plan_and_fills_the_store(tmp_path: Path, script: Any) -> None:
    script(load={"latency_ns": {"socket.tcp_nodelay=true": 2000}})
    watcher = Watcher()
    store = run(tmp_path, watcher=watcher)
    planned = plan.make(spec.loads(EXPERIMENT)).trials
    assert watcher.cells == [one.cell.id for one in planned]
    rows = store.rows()
    assert [row["trial"] for row in rows] == list(range(6))
    assert {row["block"] for row in rows} == {0, 1, 2}
    for row in rows:
        expected = 2000 if row["factor_nodelay"] else 1000
        assert row["latency_ns_p50"] == pytest.approx(expected, rel=1e-3)
        assert row["requests_done"] == 10
        assert row["server_cpu_ns_per_request"] == row["server_cpu_ns"] / 10
        assert row["target"] == "echo"
        assert codes(row) == []
        assert row["overhead_ns"] == row["duration_ns"] - 20_000_000
        assert "board" in row["skipped"]["server_board"]
    assert store.manifest["status"] == "complete"
    assert (store.path / "trials.parquet").exists()
    assert not (store.path / "children.ndjson").exists()


def test_arms_of_a_block_share_the_schedule_of_the_load(tmp_path: Path, script: Any) -> None:
    seeds: dict[int, set[int]] = {}
    for row in run(tmp_path).rows():
        seeds.setdefault(row["block"], set()).add(row["seed"])
    assert [len(found) for found in seeds.values()] == [1, 1, 1]
    assert len(set.union(*seeds.values())) == 3


def test_wrong_answers_make_a_trial_invalid(tmp_path: Path, script: Any) -> None:
    script(load={"failed": 3})
    for row in run(tmp_path).rows():
        assert row["verdict"] == "INVALID"
        assert codes(row) == ["wrong_answers"]
        assert row["error_bad_answer"] == 3


def test_a_busy_client_may_be_the_limit(tmp_path: Path, script: Any) -> None:
    script(load={"cpu_ratio": 0.97})
    for row in run(tmp_path).rows():
        assert codes(row) == ["generator_limit"]
        assert row["requests_per_second_at_least"] is True
        assert row["verdict"] in ("DEGRADED", "INVALID")


@pytest.mark.parametrize(
    ("busy", "server_cpu_ns", "cpus", "limit"),
    [
        (0.97, 990, 1, "both"),
        (0.97, 500, 1, "generator"),
        (0.97, 990, 0, "generator"),  # not pinned: nobody knows what its cores are
        (0.97, 990, 2, "generator"),
        (0.50, 990, 1, "server"),
        (0.50, 500, 1, "neither"),
        (None, 990, 1, None),
        (0.97, None, 1, None),
    ],
)
def test_whose_cores_were_full(
    busy: float | None, server_cpu_ns: int | None, cpus: int, limit: str | None
) -> None:
    row = {"client_threads_busy_ratio": busy, "server_cpu_ns": server_cpu_ns, "window_ns": 1000}
    assert record.limited_by(row, cpus) == limit


OPEN_LOOP = EXPERIMENT.replace(
    "deadline: 100ms", "deadline: 100ms, arrival: {law: poisson, rate: 100/s}"
)


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"rate_ratio": 0.9}, "generator_limit"),
        ({"arrivals_ks": 0.6}, "arrivals_off"),
        ({"censored": 4}, "censored"),
    ],
)
def test_open_loop_health(tmp_path: Path, script: Any, change: Any, code: str) -> None:
    script(load=change)
    for row in run(tmp_path, OPEN_LOOP).rows():
        assert codes(row) == [code]


def test_what_an_experiment_is_about_speaks_against_nothing(tmp_path: Path, script: Any) -> None:
    script(load={"censored": 4, "arrivals_ks": 0.6})
    about = OPEN_LOOP.replace("seed: 7", "seed: 7, subject: [censored, arrivals_off]")
    for row in run(tmp_path, about).rows():
        assert codes(row) == []
        assert row["latency_ns_max_at_least"] is True  # a bound is told as one all the same


def test_the_rulers_own_limit_is_no_subject() -> None:
    with pytest.raises(SpecError):
        spec.loads(EXPERIMENT.replace("seed: 7", "seed: 7, subject: [generator_limit]"))


def test_quantiles_beyond_unfinished_requests_are_lower_bounds(tmp_path: Path, script: Any) -> None:
    script(load={"censored": 10})
    row = run(tmp_path, OPEN_LOOP).rows()[0]
    # Ten at 1 us are done, ten are unfinished after 5 us.
    assert row["latency_ns_p50"] == pytest.approx(1000, rel=1e-3)
    assert "latency_ns_p50_at_least" not in row
    assert row["latency_ns_max_at_least"] is True
    assert row["latency_ns_p99"] == pytest.approx(5000, rel=1e-3)
    assert row["latency_ns_p99_at_least"] is True
    assert row["service_ns_p99"] == pytest.approx(1000, rel=1e-3)


def test_few_unfinished_requests_leave_the_median_exact() -> None:
    histograms = {metric: fakes.encoded()["2000"] for metric in record.TIMES}
    histograms["censored_ns"] = fakes.encoded(1)["1000"]
    row, _, reasons = record.load_columns({"histograms": histograms})
    # Ten at 2 us; the one that is unfinished after 1 us may last for ever.
    assert row["latency_ns_p50"] == pytest.approx(2000, rel=1e-3)
    names = ["mean", "min", "p99", "p99_9", "max"]
    assert reasons[0].evidence["columns"] == [f"latency_ns_{name}" for name in names]


def failing_run(tmp_path: Path, text: str = EXPERIMENT) -> tuple[str, Store]:
    """The message that the run ends with after three failures, and its store."""
    with pytest.raises(MeasurementError) as caught:
        run(tmp_path, text)
    assert caught.value.exit_code == 5
    message = str(caught.value)
    assert "\n" not in message
    [path] = (tmp_path / "results" / "demo").iterdir()
    store = Store.open(path)
    assert len(store.rows()) == runner.FAILURES_MAX
    assert {row["verdict"] for row in store.rows()} == {"INVALID"}
    assert store.manifest["status"] == "interrupted"
    return message, store


def test_a_target_that_ends_at_once(tmp_path: Path, script: Any) -> None:
    script(serve={"exit": 1, "say": "zyphos-serve: cannot bind"})
    message, _ = failing_run(tmp_path)
    assert "target echo" in message
    assert "exit code 1: zyphos-serve: cannot bind" in message


def test_a_target_that_dies_during_the_trial(tmp_path: Path, script: Any) -> None:
    script(serve={"die_when_connected": True})
    message, _ = failing_run(tmp_path)
    assert "died during the trial; exit code 9: zyphos-serve: something broke" in message


def test_a_target_that_never_gets_ready(
    tmp_path: Path, script: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    script(serve={"silent": True})
    monkeypatch.setattr("zyphos_lab.child.LINE_TIMEOUT_S", 0.05)
    message, _ = failing_run(tmp_path)
    assert "zyphos-serve did not start; still running" in message


def test_a_load_that_cannot_connect(tmp_path: Path, script: Any) -> None:
    script(load={"error": "connect_refused"})
    message, store = failing_run(tmp_path)
    assert "scripted connect_refused" in message
    assert codes(store.rows()[0]) == ["load_failed"]


def test_a_load_that_breaks_off(tmp_path: Path, script: Any) -> None:
    script(load={"exit": 3, "say": "zyphos-load: no"})
    message, _ = failing_run(tmp_path)
    assert "ended early; exit code 3: zyphos-load: no" in message


def test_a_processor_that_is_not_there(tmp_path: Path, script: Any) -> None:
    text = EXPERIMENT.replace("protocol: echo}\nload", "protocol: echo, cpus: [4000]}\nload")
    message, _ = failing_run(tmp_path, text)
    assert "cannot be pinned to cpu 4000" in message


def test_a_single_failure_is_recorded_and_the_run_goes_on(tmp_path: Path, script: Any) -> None:
    def once(planned: Planned) -> None:
        script(load={"error": "connect_refused"} if planned.trial == 1 else {})

    store = run(tmp_path, watcher=Watcher(once))
    verdicts = [codes(row) for row in store.rows()]
    assert verdicts == [[], [], ["load_failed"], [], [], []]
    assert store.rows()[2]["latency_ns_p50"] is None
    assert list(store.trials()["trial"]) == list(range(6))


def interrupted_after(tmp_path: Path, trial: int) -> Path:
    import signal

    def press(planned: Planned) -> None:
        if planned.trial == trial:
            signal.raise_signal(signal.SIGINT)

    with pytest.raises(Interrupted) as caught:
        run(tmp_path, watcher=Watcher(press))
    assert caught.value.exit_code == 130
    [path] = (tmp_path / "results" / "demo").iterdir()
    return path


def test_an_interrupted_run_goes_on_where_it_was(tmp_path: Path, script: Any) -> None:
    path = interrupted_after(tmp_path, 2)
    journal = path / "events.ndjson"
    before = journal.read_bytes()
    assert Store.open(path).manifest["status"] == "interrupted"
    watcher = Watcher()
    store = runner.execute(runner.resume(spec.loads(EXPERIMENT), path), watcher)
    assert watcher.finished == 3
    assert len(watcher.cells) == 3
    assert journal.read_bytes().startswith(before)
    assert [row["trial"] for row in store.rows()] == list(range(6))
    assert store.manifest["status"] == "complete"


def test_a_changed_trace_cannot_resume(tmp_path: Path, script: Any) -> None:
    trace = tmp_path / "arrivals.txt"
    trace.write_text("0\n5000000\n")
    arrival = f"connections: 2, arrival: {{law: trace, file: {trace}}}"
    text = EXPERIMENT.replace("connections: 2", arrival)
    experiment = spec.loads(text)
    running = runner.begin(experiment, tmp_path / "results")
    running.store.close()
    path = running.store.path
    digest = hashlib.sha256(trace.read_bytes()).hexdigest()
    assert Store.open(path).manifest["files"] == {str(trace): digest}
    runner.resume(experiment, path).store.close()
    trace.write_text("0\n5000001\n")
    with pytest.raises(StoreError, match=r"arrivals\.txt is not what this run was begun with"):
        runner.resume(experiment, path)


def test_a_changed_experiment_cannot_resume(tmp_path: Path, script: Any) -> None:
    path = interrupted_after(tmp_path, 0)
    changed = spec.loads(EXPERIMENT.replace("connections: 2", "connections: 3"))
    with pytest.raises(StoreError, match=r"`load\.connections` was 2, is 3"):
        runner.resume(changed, path)
    with pytest.raises(StoreError, match="plan is no longer"):
        runner.resume(spec.loads(EXPERIMENT, only=["nodelay=true"]), path)


def test_the_manifest_says_what_was_planned(tmp_path: Path, script: Any) -> None:
    store = run(tmp_path)
    manifest = json.loads((store.path / "manifest.json").read_text())
    assert manifest["seed"] == 7
    assert manifest["spec_text"] == EXPERIMENT
    [event] = store.plan_events()
    assert (event["stage"], store.events()[0]) == ("measure", event)
    assert [entry["trial"] for entry in event["trials"]] == list(range(6))
    assert {"block", "cell", "factors", "start", "seed"} <= set(event["trials"][0])
    assert manifest["build"]["version"]
    assert manifest["host"]


def test_the_error_ratio_counts_what_failed_and_what_never_ended() -> None:
    row: dict[str, Any] = {"requests_scheduled": 200, "requests_failed": 1, "requests_censored": 3}
    record.derive(row)
    assert row["requests_error_ratio"] == 0.02
    for missing in ({"requests_scheduled": 0}, {"requests_failed": None}):
        unknown = {**row, **missing}
        del unknown["requests_error_ratio"]
        record.derive(unknown)
        assert unknown["requests_error_ratio"] is None
