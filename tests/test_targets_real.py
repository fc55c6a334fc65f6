"""Real programs through the real command: our three engines and nginx as targets, attached servers,
the load generator against nginx, and a real run killed and resumed.

Short windows: what is asserted is that records are whole, never a speed.
"""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest

from machine import assert_usable
from running import served
from zyphos_lab.store import JOURNAL, Store

pytestmark = [pytest.mark.native, pytest.mark.core]
END_SECONDS = 60

NGINX = shutil.which("nginx", path=f"{os.environ.get('PATH', '')}:/usr/sbin:/usr/local/sbin")
needs_nginx = pytest.mark.skipif(not NGINX, reason="no nginx on this machine (apt: nginx-light)")
WORKERS = 2
CONFIG = """\
daemon off; worker_processes WORKERS; pid DIR/pid; error_log stderr;
events { worker_connections 256; }
http {
  access_log off; client_body_temp_path DIR/b; proxy_temp_path DIR/p; fastcgi_temp_path DIR/f;
  uwsgi_temp_path DIR/u; scgi_temp_path DIR/s;
  server { listen 127.0.0.1:PORT; location / { return 200 "hello"; } }
}
""".replace("WORKERS", str(WORKERS))
BASE = {
    "schema": 1,
    "name": "real",
    "question": "Are the records whole?",
    "load": {"protocol": "http1", "connections": 4, "check": {"status": 200}},
    "repeat": {"starts": 2, "warmup": "0s", "window": "300ms"},
    "probes": ["syscalls", "tcp_info", "rusage"],
}
ENGINES = {
    name: {"engine": name, "protocol": "http1"}
    for name in ("thread", "select", "poll", "epoll", "uring")
}
SWITCH = {"server": {"set": "target", "values": list(ENGINES)}}


def nginx_target() -> dict[str, Any]:
    return {
        "command": [str(NGINX), "-e", "stderr", "-c", "{dir}/n.conf"],
        "files": {"n.conf": CONFIG.replace("DIR", "{dir}").replace("PORT", "{port}")},
        "ready": {"http": "/"},
        "stop": "SIGQUIT",
    }


def lab(here: Path, *arguments: str) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "zyphos_lab.cli", *arguments]
    env = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    return subprocess.Popen(
        command, cwd=here, env=env, text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )


def done(here: Path, *arguments: str) -> str:
    """What the command printed; it must end well (5: measured, and INVALID)."""
    process = lab(here, *arguments)
    out, error = process.communicate(timeout=END_SECONDS)
    assert process.returncode in (0, 5), error
    return out


def run(here: Path, targets: dict[str, Any], **changes: Any) -> list[dict[str, Any]]:
    """The rows of a run of these targets."""
    text = json.dumps({**BASE, "targets": targets, **changes})  # JSON is YAML
    (here / "real.yaml").write_text(text)
    done(here, "run", "real.yaml", "--no-notebook", "--no-report")
    [journal] = here.glob(f"results/real/*/{JOURNAL}")
    return Store.open(journal.parent).rows()


def assert_whole(row: dict[str, Any]) -> None:
    """Load, CPU and system calls are there; what is not has its reason."""
    assert_usable(row)
    assert row["requests_done"] > 0
    assert row["requests_failed"] == 0
    assert row["latency_ns_p50"] > 0
    for side in ("server", "client"):
        assert row[f"{side}_cpu_ns"] > 0
        assert row[f"{side}_rss_bytes"] > 0
        counted = row.get(f"{side}_syscalls")
        assert counted or any("syscalls" in group for group in row["skipped"]), row["skipped"]


@contextlib.contextmanager
def nginx(folder: Path) -> Iterator[tuple[psutil.Process, int]]:
    """A running nginx (master and workers) that accepts connections."""
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    text = CONFIG.replace("DIR", str(folder)).replace("PORT", str(port))
    (folder / "n.conf").write_text(text)
    command = [str(NGINX), "-e", "stderr", "-c", str(folder / "n.conf")]
    with subprocess.Popen(command, stderr=subprocess.DEVNULL) as process:
        try:
            while process.poll() is None:
                with contextlib.suppress(OSError):
                    socket.create_connection(("127.0.0.1", port), 1).close()
                    break
            assert process.poll() is None, f"nginx ended: {process.returncode}"
            master = psutil.Process(process.pid)
            while len(master.children()) < WORKERS:  # one may accept before the other is there
                assert process.poll() is None, f"nginx ended: {process.returncode}"
            yield master, port
        finally:
            process.send_signal(signal.SIGQUIT)
            process.wait(END_SECONDS)


def test_a_daemon_is_refused_and_ended(tmp_path: Path) -> None:
    """It leaves its parent, its session and (as nginx does) nothing to know it by."""
    mark = f"{os.getpid()}.{int(tmp_path.stat().st_mtime)}"  # a number of seconds like no other
    script = f"env -i setsid sleep {mark} </dev/null >/dev/null 2>&1 & exit 0"
    command = ["sh", "-c", f"{script} # {{port}}"]
    targets = {"daemon": {"command": command, "ready": {"tcp": True}}}
    (tmp_path / "real.yaml").write_text(json.dumps({**BASE, "targets": targets}))
    process = lab(tmp_path, "run", "real.yaml", "--no-notebook", "--no-report")
    _, error = process.communicate(timeout=END_SECONDS)
    assert process.returncode == 5, error
    assert "foreground" in error, error
    left = [one for one in psutil.process_iter(["cmdline"]) if mark in (one.info["cmdline"] or ())]
    assert left == []


def test_our_engines_give_whole_records(tmp_path: Path) -> None:
    rows = run(tmp_path, ENGINES, factors=SWITCH)
    assert {row["target"] for row in rows} == set(ENGINES)
    assert len(rows) == 2 * len(ENGINES)
    for row in rows:
        assert_whole(row)
        assert row["server_requests"] > 0  # its board


def test_a_shell_may_start_programs_of_ours(tmp_path: Path) -> None:
    """Two servers on one port, found by their name though it is not the command's first word."""
    words = ["engine=thread", "protocol=http1", "port={port}", "port_shared=true"]
    command = ["sh", "-c", '"$@" & "$@" & wait', "two", "zyphos-serve", *words]
    two = {"command": command, "ready": {"log": r"listening [^\n]*\n(.*\n)*listening "}}
    for row in run(tmp_path, {"two": two}):
        assert_whole(row)
        assert row["server_processes"] == 3  # the shell, too


@needs_nginx
def test_nginx_gives_whole_records_of_its_process_tree(tmp_path: Path) -> None:
    rows = run(tmp_path, {"nginx": nginx_target()})
    assert len(rows) == 2
    for row in rows:
        assert_whole(row)
        assert row["target_killed"] is False
        # The master only waits: what serves is its workers.
        assert row["server_context_switches_voluntary"] > 0
        assert "server_board" in row["skipped"]


def test_attached_to_a_server_of_ours_it_goes_on_serving(tmp_path: Path) -> None:
    with served("engine=epoll", "protocol=http1") as server:
        target = {"attach": {"port": server.port, "pid": server.process.pid}}
        for row in run(tmp_path, {"ours": target}):
            assert_whole(row)
        assert server.process.poll() is None
        assert server.end(signal.SIGTERM) == 0


@needs_nginx
def test_attached_to_nginx_it_goes_on_serving(tmp_path: Path) -> None:
    with nginx(tmp_path) as (process, port):
        workers = process.children()
        for row in run(tmp_path, {"nginx": {"attach": {"port": port, "pid": process.pid}}}):
            assert_whole(row)
        assert process.is_running()
        assert process.children() == workers


@needs_nginx
def test_load_against_nginx(tmp_path: Path) -> None:
    with nginx(tmp_path) as (_, port):
        place = f"http://127.0.0.1:{port}/"
        quick = ["--duration", "50ms", "--warmup", "0s", "--json"]
        found = json.loads(done(tmp_path, "load", place, *quick))
        assert found["requests_done"] > 0
        assert found["requests_failed"] == 0
        assert_usable(found)


def whole_lines(journal: Path) -> list[bytes]:
    return [line for line in journal.read_bytes().splitlines(True) if line.endswith(b"\n")]


def kill_after(here: Path, process: subprocess.Popen[str], trials: int) -> list[psutil.Process]:
    """SIGKILL in the middle of the run; the processes it left."""
    with process:
        assert process.stdout is not None
        for line in process.stdout:
            trials -= json.loads(line)["event"] == "trial"
            if not trials:
                break
        left: list[psutil.Process] = []
        while not left and process.poll() is None:  # the next trial's server
            left = psutil.Process(process.pid).children(recursive=True)
        process.kill()
        process.stdout.read()
    return left


def is_alive(process: psutil.Process) -> bool:
    """A zombie is not: it waits for whoever is init here."""
    with contextlib.suppress(psutil.NoSuchProcess):
        return bool(process.is_running() and process.status() != psutil.STATUS_ZOMBIE)
    return False


def test_a_real_run_killed_in_the_middle_goes_on(tmp_path: Path) -> None:
    experiment = {**BASE, "targets": ENGINES, "factors": SWITCH}
    (tmp_path / "real.yaml").write_text(json.dumps(experiment))
    quiet = ["--no-notebook", "--no-report", "--json"]
    left = kill_after(tmp_path, lab(tmp_path, "run", "real.yaml", *quiet), trials=2)
    [journal] = tmp_path.glob(f"results/real/*/{JOURNAL}")
    before = whole_lines(journal)
    done(tmp_path, "run", "real.yaml", "--resume", *quiet)
    assert whole_lines(journal)[: len(before)] == before
    store = Store.open(journal.parent)
    assert store.manifest["status"] == "complete"
    assert [row["cell"] for row in store.rows()] == [one["cell"] for one in store.planned()]
    assert left
    assert [process for process in left if is_alive(process)] == []
