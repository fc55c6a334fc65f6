"""Targets that are not ours: started, awaited, measured as a tree, stopped, and nothing left."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from zyphos_lab import child, proc
from zyphos_lab.child import Child, Children, Command
from zyphos_lab.errors import MeasurementError, TargetError
from zyphos_lab.targets.attach import AttachTarget
from zyphos_lab.targets.command import CommandOptions, CommandTarget

SERVER = """
import os, socket, sys, time
port, behaviour = int(sys.argv[1]), sys.argv[2]
if behaviour == "dies":
    sys.exit("server.py: no such module")
if behaviour == "silent":
    time.sleep(600)
listener = socket.create_server(("127.0.0.1", port))
if behaviour == "forks" and os.fork() == 0:
    os.setsid()
if behaviour == "stubborn":
    import signal
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
print("ready to serve", flush=True)
answer = b"HTTP/1.1 500 No\\r\\n\\r\\n" if behaviour == "fails" else b"HTTP/1.1 204 Yes\\r\\n\\r\\n"
while True:
    connection = listener.accept()[0]
    connection.settimeout(1)
    try:
        connection.recv(1000)
        connection.sendall(answer)
    except OSError:
        pass
    connection.close()
"""


def options(behaviour: str, **changes: object) -> CommandOptions:
    defaults = {
        "argv": [sys.executable, "{dir}/server.py", "{port}", behaviour],
        "files": {"server.py": SERVER},
    }
    return CommandOptions(**{**defaults, **changes})  # type: ignore[arg-type]


def target(tmp_path: Path, behaviour: str, **changes: object) -> CommandTarget:
    return CommandTarget("other", options(behaviour, **changes), Children(tmp_path))


@pytest.mark.parametrize(
    "ready", [{}, {"ready_http": "/"}, {"ready_log": "ready to serve"}], ids=str
)
def test_a_command_is_ready_serves_and_stops(tmp_path: Path, ready: dict[str, str]) -> None:
    running = target(tmp_path, "plain", **ready).start()
    try:
        assert running.port > 0
        socket.create_connection((running.address, running.port)).close()
        assert proc.process(running.pids()[0]) is not None
        running.check()
    finally:
        pids = running.pids()
        assert running.stop() is False
    assert all(proc.process(pid) is None for pid in pids)


def test_the_whole_tree_is_seen_and_ended(tmp_path: Path) -> None:
    running = target(tmp_path, "forks", ready_http="/").start()
    pids = running.pids()
    running.stop()
    assert len(pids) == 2
    left = [found for found in map(proc.process, pids) if found is not None]
    assert all(found.state == "Z" for found in left)


def test_a_target_that_ignores_its_stop_signal_is_killed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("zyphos_lab.targets.command.STOP_GRACE_S", 0.05)
    running = target(tmp_path, "stubborn", ready_log="ready").start()
    assert running.stop() is True


@pytest.mark.parametrize(
    ("behaviour", "changes", "message"),
    [
        ("dies", {}, "target other: ended before it was ready; exit code 1: server.py: no such"),
        ("silent", {"ready_timeout_ns": 50_000_000}, "not ready after 0.05 s (nothing listens on"),
        ("fails", {"ready_timeout_ns": 200_000_000, "ready_http": "/x"}, "GET /x on port"),
        ("plain", {"argv": ["/no/such/program"]}, "no such program: /no/such/program"),
        ("plain", {"argv": ["true"]}, "it must stay in the foreground"),
        ("plain", {"cwd": "/no/such/folder"}, "no such folder: /no/such/folder"),
        ("plain", {"cpus": (4000,)}, "cannot be pinned to cpu 4000"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_what_goes_wrong_is_one_clear_line(
    tmp_path: Path, behaviour: str, changes: dict[str, object], message: str
) -> None:
    with pytest.raises(TargetError) as caught:
        target(tmp_path, behaviour, **changes).start()
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_port_in_use_is_said(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as holder:
        port = holder.getsockname()[1]
        with pytest.raises(TargetError, match=f"port {port} on 127.0.0.1: Address already in use"):
            target(tmp_path, "plain", port=port).start()


def test_placeholders_and_environment_are_filled_in(tmp_path: Path) -> None:
    script = "echo $WHERE $(pwd) {port} ${HOME:+kept}; exec sleep 600"
    running = target(
        tmp_path,
        "plain",
        argv=["sh", "-c", script],
        env={"WHERE": "{dir}/here"},
        cwd="{dir}/sub",
        files={"sub/note": "{port} {other}"},
        ready_log="kept",
    ).start()
    try:
        where, folder, port, _ = running._child.output().split()
        assert where == f"{Path(folder).parent}/here"
        assert port == str(running.port)
        assert (Path(folder) / "note").read_text() == f"{running.port} {{other}}"
    finally:
        running.stop()
    assert not Path(folder).exists()


def test_a_command_never_runs_outside_its_processors(tmp_path: Path) -> None:
    cpu = min(os.sched_getaffinity(0))
    before = os.sched_getaffinity(0)
    running = target(tmp_path, "plain", cpus=(cpu,)).start()
    try:
        assert {frozenset(os.sched_getaffinity(pid)) for pid in running.pids()} == {
            frozenset({cpu})
        }
        assert os.sched_getaffinity(0) == before
    finally:
        running.stop()


def test_attach_measures_and_never_stops(tmp_path: Path) -> None:
    own = target(tmp_path, "plain").start()
    try:
        root = own.pids()[0]
        running = AttachTarget("theirs", "127.0.0.1", own.port, root).start()
        assert running.pids() == [root]
        assert running.stop() is False
        own.check()
        running.check()
    finally:
        own.stop()
    with pytest.raises(TargetError, match=f"process {root} ended"):
        running.check()


def test_attach_to_nothing_is_said(tmp_path: Path) -> None:
    with pytest.raises(TargetError, match="there is no process 99999999"):
        AttachTarget("theirs", "127.0.0.1", 1, 99_999_999).start()
    with socket.create_server(("127.0.0.1", 0)) as holder:
        port = holder.getsockname()[1]
    with pytest.raises(TargetError, match="nothing accepts connections"):
        AttachTarget("theirs", "127.0.0.1", port, os.getpid()).start()


def test_sweep_ends_what_is_noted_and_nothing_else(tmp_path: Path) -> None:
    children = Children(tmp_path)
    ours = Child(Command(["sleep", "600"]), children)
    folder = children.folder()
    theirs = subprocess.Popen(["sleep", "600"], start_new_session=True)
    found = proc.process(theirs.pid)
    assert found is not None
    with (tmp_path / child.CHILDREN).open("a") as file:
        # As if this pid had been ours in an earlier life; and a line that a kill tore.
        file.write(f'{{"pid":{theirs.pid},"start_ticks":1,"boot_id":"{proc.boot_id()}"}}\n{{"pi')
    try:
        assert child.sweep(tmp_path) == 1
        assert ours.poll() == -signal.SIGKILL
        assert theirs.poll() is None
        assert not folder.exists()
        assert child.sweep(tmp_path) == 0
    finally:
        ours.stop(signal.SIGTERM, 1.0)
        theirs.kill()
        theirs.wait()


def test_a_command_that_cannot_be_run_is_a_clear_line(tmp_path: Path) -> None:
    plain = tmp_path / "plain.txt"
    plain.write_text("no program")
    with pytest.raises(MeasurementError, match="Permission denied"):
        Child(Command([str(plain)]), Children(tmp_path))
