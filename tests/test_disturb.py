"""Disturbances with real processes: stopped at the time asked for, let go whatever happens, and
what that makes of the latency of a load that keeps its schedule; killed, and who follows."""

from __future__ import annotations

import io
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from rich.console import Console

from zyphos_lab import disturb, links, proc, report, spec
from zyphos_lab.child import Child, Children, Command, monotonic_ns
from zyphos_lab.errors import SpecError
from zyphos_lab.report import verify_run
from zyphos_lab.report.timeline import stall_pictures, window_timelines
from zyphos_lab.spec.models import Disturbance
from zyphos_lab.store import Store

MS = 1_000_000
END_SECONDS = 60
# A server with a child of its own, both asleep; it says when the child is there.
FAMILY = """
import os, sys, time
if os.fork():
    print("up", flush=True)
time.sleep(600)
"""
EXPERIMENT = """
schema: 1
name: stalls
question: Does it stand still?
targets:
  s: {TARGET}
load: {protocol: http1, connections: 4, arrival: {law: constant, rate: 1000/s}, deadline: 5s}
factors:
  stopped: {set: disturb, values: {no: [], yes: [{at: 100ms, stop: server, for: FOR}]}}
repeat: {starts: 1, warmup: 0s, window: WINDOW}
probes: [rusage]
"""
ENGINE = "engine: epoll, protocol: http1"
PYTHON = 'command: [PY, -m, http.server, "{port}", --bind, 127.0.0.1]'.replace("PY", sys.executable)


# Nothing is measured in these: they are waited for no longer than until the server stands still.
LONG = ("--only", "stopped=yes", "--set", "design.ceiling=false", "--no-report")


def text(target: str, window: str = "1s", stop: str = "400ms") -> str:
    return EXPERIMENT.replace("TARGET", target).replace("WINDOW", window).replace("FOR", stop)


def states(pids: list[int]) -> set[str]:
    found = [proc.process(pid) for pid in pids]
    return {one.state if one is not None else "gone" for one in found}


def wait_for(pids: list[int], wanted: set[str]) -> None:
    """Until every process is in one of these states; pytest's timeout is the limit."""
    give_up = time.monotonic() + END_SECONDS
    while not states(pids) <= wanted:
        assert time.monotonic() < give_up, states(pids)
        time.sleep(0.002)


@pytest.fixture
def family(tmp_path: Path) -> Iterator[tuple[Child, Children]]:
    children = Children(tmp_path)
    child = Child(Command([sys.executable, "-c", FAMILY], pipe_stdout=True), children)
    try:
        assert child.stdout.readline() == b"up\n"
        assert len(child.pids()) == 2
        yield child, children
    finally:
        child.stop(signal.SIGTERM, 1.0)


def test_the_whole_tree_stands_still_and_goes_on(family: tuple[Child, Children]) -> None:
    child, children = family
    stop = Disturbance.model_validate({"at": "60ms", "stop": "server", "for": "50ms"})
    running = disturb.make([stop], disturb.Scene(child.pids(), links.Ends()), children)
    try:
        start_ns = monotonic_ns()
        running.arm(start_ns)
        wait_for(child.pids(), {"T"})
        [event] = running.events(start_ns + 200 * MS)
    finally:
        running.close()
    assert event["processes"] == 2
    assert event["stopped_ns"] >= stop.at_ns
    assert event["continued_ns"] - event["stopped_ns"] >= stop.for_ns
    assert (event["at_ns"], event["for_ns"]) == (stop.at_ns, stop.for_ns)
    wait_for(child.pids(), {"S"})


def test_closing_lets_go_at_once(family: tuple[Child, Children]) -> None:
    child, children = family
    stop = Disturbance.model_validate({"at": "0s", "stop": "server", "for": "1000s"})
    running = disturb.make([stop], disturb.Scene(child.pids(), links.Ends()), children)
    running.arm(monotonic_ns())
    wait_for(child.pids(), {"T"})
    running.close()
    wait_for(child.pids(), {"S"})


@pytest.mark.parametrize("stops", [[400], [300, 100], [200, 200], [50, 300, 120], []])
def test_the_truth_is_what_every_moment_of_the_window_would_wait(stops: list[int]) -> None:
    window = 1000
    waits = [np.zeros(window - sum(stops)), *(np.arange(1, stop + 1) for stop in stops)]
    every = np.sort(np.concatenate(waits))
    for q in (0.5, 0.7, 0.9, 0.99, 1.0):
        expected = every[max(0, int(np.ceil(q * window)) - 1)]
        assert abs(disturb.stalled(stops, window, q) - expected) <= 1


def start(folder: Path, *arguments: str) -> subprocess.Popen[str]:
    env = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    command = [sys.executable, "-m", "zyphos_lab.cli", "run", "x.yaml", *arguments]
    command += ["--no-notebook"]
    pipes: Any = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    return subprocess.Popen(command, cwd=folder, env=env, text=True, **pipes)


def server_of(folder: Path, process: subprocess.Popen[str]) -> int:
    """Pid of the run's Python server, once it stands still."""
    give_up = time.monotonic() + END_SECONDS
    while time.monotonic() < give_up and process.poll() is None:
        for one in proc.everyone():
            line = Path(f"/proc/{one.pid}/cmdline")
            if one.state == "T" and b"http.server" in line.read_bytes() and _ours(one, process.pid):
                return one.pid
        time.sleep(0.005)
    raise AssertionError(process.communicate())


def _ours(one: proc.Process, runner: int) -> bool:
    return one.pid in proc.tree([runner])


@pytest.mark.native
@pytest.mark.core
def test_a_killed_runner_leaves_nothing_standing_still(tmp_path: Path) -> None:
    (tmp_path / "x.yaml").write_text(text(PYTHON, "300s", "290s"))
    process = start(tmp_path, *LONG)
    pid = server_of(tmp_path, process)
    process.kill()
    process.communicate()
    wait_for([pid], {"S", "R"})  # let go: it waits for the sweep like any other orphan
    (tmp_path / "x.yaml").write_text(text(ENGINE, "200ms", "50ms"))
    again = start(tmp_path, "--no-report")
    assert again.communicate() and again.returncode in (0, 5)
    wait_for([pid], {"gone", "Z"})


@pytest.mark.native
@pytest.mark.core
def test_an_interrupted_run_ends_its_stopped_server(tmp_path: Path) -> None:
    (tmp_path / "x.yaml").write_text(text(PYTHON, "300s", "290s"))
    process = start(tmp_path, *LONG)
    pid = server_of(tmp_path, process)
    process.send_signal(signal.SIGINT)
    _, error = process.communicate(timeout=END_SECONDS)
    assert process.returncode == 130, error
    assert states([pid]) == {"gone"}


@pytest.mark.native
@pytest.mark.core
def test_the_tail_of_a_stopped_server_is_the_truth(tmp_path: Path) -> None:
    (tmp_path / "x.yaml").write_text(text(ENGINE))
    process = start(tmp_path)
    out, error = process.communicate(timeout=END_SECONDS)
    assert process.returncode in (0, 5), out + error
    store = Store.open(next((tmp_path / "results/stalls").iterdir()))
    events = {event["row"]["cell"]: event for event in store.trial_events()}
    stopped, plain = events["stopped=yes"], events["stopped=no"]
    row, [event] = stopped["row"], stopped["events"]
    # Nobody can be answered while the server stands still: these are facts, no timing.
    assert row["server_stopped_ns"] == event["continued_ns"] - event["stopped_ns"] >= 400 * MS
    assert row["stall_ns_max"] == row["server_stopped_ns"]
    assert row["latency_ns_p99"] >= 0.95 * row["stall_ns_p99"] > 370 * MS
    assert not {"arrivals_off", "not_stationary"} & {one["code"] for one in row["reasons"]}
    assert plain["events"] == [] and plain["row"]["stall_ns_p99"] == 0
    _check_report(store)


def _check_report(store: Store) -> None:
    """What the answer, the page and the terminal say of the stop."""
    found = report.answer(store)
    [one] = found.stalls
    assert one.label == "zyphos" and one.truth_ns["p99"] > 370 * MS
    assert found.sentence.startswith(("The server stood still for", "INVALID"))
    [bars], lines = stall_pictures(found), window_timelines(store, found)
    usable = [row["cell"] for row in store.rows() if row["verdict"] != "INVALID"]
    assert "p99 is" in bars.svg
    assert len(lines.pictures) == usable.count("stopped=yes")  # a starved machine may have none
    page = (store.path / "report.html").read_text()
    assert "The stop, and who noticed it" in page and bars.svg[:20] in page
    sound = verify_run.verify(store.path, lambda _: None)
    assert not sound.differences and "stalls" not in sound.unverified
    console = Console(width=80, record=True, file=io.StringIO())
    report.terminal(found, console)
    text = console.export_text()
    assert "the truth" in text and max(map(len, text.splitlines())) <= 80


# --- kills ---

# A parent that starts another child whenever its last one has ended; it says so.
SUPERVISOR = """
import os, time
while True:
    if os.fork() == 0:
        time.sleep(600)
        os._exit(0)
    print("up", flush=True)
    os.wait()
"""
LONER = 'import time; print("up", flush=True); time.sleep(600)'
KILLS = """
schema: 1
name: kills
question: Who serves on?
targets:
  s: {engine: prefork, protocol: http1, app: delay, delay: 5ms}
load:
  protocol: http1
  connections: 16
  arrival: {law: constant, rate: 1000/s}
  deadline: 2s
  socket: {so_linger: 0}
factors:
  engine: {set: targets.s.engine, values: [prefork, epoll]}
disturb: [{at: 200ms, kill: worker, for: 400ms}]
repeat: {starts: 1, warmup: 50ms, window: 700ms}
probes: [rusage]
"""


def killed(program: str, folder: Path, wait: str) -> tuple[disturb.Event, list[int], list[int]]:
    """What was done, and the pids before and after."""
    children = Children(folder)
    child = Child(Command([sys.executable, "-c", program], pipe_stdout=True), children)
    try:
        assert child.stdout.readline() == b"up\n"
        before = child.pids()
        kill = Disturbance.model_validate({"at": "60ms", "kill": "worker", "for": wait})
        running = disturb.make([kill], disturb.Scene(before, links.Ends()), children)
        try:
            running.arm(monotonic_ns())
            [event] = running.events(monotonic_ns() + 1000 * MS)
        finally:
            running.close()
        assert event["killed_ns"] >= kill.at_ns and event["processes"] == 1
        return event, before, child.pids()
    finally:
        child.stop(signal.SIGTERM, 1.0)


def test_a_killed_worker_is_followed_by_another(tmp_path: Path) -> None:
    event, before, after = killed(SUPERVISOR, tmp_path, "20s")  # over as soon as it is there
    parent, child = before
    assert event["followed_ns"] > event["killed_ns"]
    assert parent in after and child not in after and len(after) == 2
    found = disturb.columns([event], 10**9)
    assert found["server_killed"] == 1
    assert found["server_restart_ns"] == event["followed_ns"] - event["killed_ns"]
    assert disturb.skipped([event]) == {}
    assert "wrong_answers" in disturb.expected([event])


def test_nobody_follows_who_was_alone(tmp_path: Path) -> None:
    event, before, after = killed(LONER, tmp_path, "20ms")
    assert len(before) == 1 and after == []
    assert event["followed_ns"] is None
    assert disturb.columns([event], 10**9)["server_restart_ns"] is None
    assert disturb.skipped([event]) == {
        "server_restart_ns": "nobody took the killed process's place"
    }
    assert disturb.columns([], 10**9)["server_killed"] == 0
    assert disturb.skipped([]) == {"server_restart_ns": "nobody was killed"}


@pytest.mark.native
@pytest.mark.core
def test_a_trial_goes_on_without_its_server(tmp_path: Path) -> None:
    """Of workers only one's requests are lost, of one process all that follow."""
    (tmp_path / "x.yaml").write_text(KILLS)
    process = start(tmp_path, "--set", "design.ceiling=false", "--no-report")
    out, error = process.communicate(timeout=END_SECONDS)
    assert process.returncode in (0, 5), out + error
    store = Store.open(next((tmp_path / "results/kills").iterdir()))
    rows = {row["factor_engine"]: row for row in store.rows()}
    prefork, epoll = rows["prefork"], rows["epoll"]
    assert prefork["server_workers_lost"] == prefork["server_workers_started"] == 1
    assert prefork["requests_failed"] <= prefork["server_error_worker_lost"] <= 16
    assert prefork["server_restart_ns"] > 0
    assert epoll["server_killed"] == 1 and epoll["server_restart_ns"] is None
    assert epoll["requests_failed"] + epoll["requests_censored"] > 0
    codes = {reason["code"] for row in rows.values() for reason in row["reasons"]}
    assert not codes & {"target_failed", "wrong_answers", "littles_law"}


ATTACHED = "attach: {port: 80, pid: 1}"


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        ((ENGINE, ATTACHED), "9:49: target `s` is not ours to stop: the lab did not start it"),
        (("stop: server, for: 400ms", "kill: worker"), "`kill` needs `for`"),
        (("stop: server", "kill: server"), "one of worker"),
        (("for: 400ms", "for: 950ms"), "the stop ends at 1.05 s, the window at 1.00 s"),
        (("stop: server", "stop: sever"), "one of server"),
        (("for: 400ms", "four: 400ms"), "did you mean `for`?"),
        (("400ms}", "400ms}, {at: 200ms, stop: server, for: 1ms}"), "the one above it is over"),
        (("set: disturb", "set: distrub"), "did you mean `disturb`?"),
        (("stop: server", "link: blackhole"), "only to networks that the run itself makes"),
        (("stop: server", "link: darkness"), "one of blackhole"),
        ((", for: 400ms", ""), "`stop` needs `for`"),
        (("stop: server", "link: rebind"), "`for` is not for `link: rebind`"),
        (("stop: server", "link: blackhole, stop: server"), "stop, kill, link, attack; it has 2"),
        (("stop: server, ", ""), "stop, kill, link, attack; it has 0"),
        (("stop: server", "stop: server, direction: both"), "`direction` is only for `link`"),
        (("stop: server", "stop: server, rate: 1/s"), "`rate` is only for `attack`"),
        (
            ("stop: server", "attack: reset, rate: 9/s"),
            "only to networks that the run itself makes",
        ),
        (
            ("stop: server", "attack: reset"),
            "`attack` needs a `rate`, above 0 and at most 200000/s",
        ),
        (("stop: server", "attack: syn_flood, rate: 1M/s"), "at most 200000/s"),
        (("stop: server", "attack: syn_flod, rate: 1/s"), "did you mean `syn_flood`?"),
        (
            ("stop: server", "attack: syn_flood, rate: 1/s, sequence: blind"),
            "`sequence` is only for `attack: reset`",
        ),
        (
            ("stop: server", "attack: reset, rate: 1/s, filter: xdp"),
            "`filter` is only for `attack: syn_flood`",
        ),
        (("stop: server", "attack: slow_head, rate: 1/s"), "`attack: slow_head` needs `conn"),
        (
            ("stop: server", "attack: reset, rate: 1/s, connections: 2"),
            "`connections` is only for `attack: slow_head`",
        ),
    ],
)
def test_what_cannot_be_done_is_said(change: tuple[str, str], complaint: str) -> None:
    with pytest.raises(SpecError) as caught:
        spec.loads(text(ENGINE).replace(*change))
    assert complaint in str(caught.value)
