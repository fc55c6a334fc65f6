"""`zyphos-lab trace` on real processes: a server, nginx with its workers, commands."""

from __future__ import annotations

import io
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import urllib.request
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from running import served
from zyphos_lab.probes.syscalls import SyscallsProbe
from zyphos_lab.trace import summary, table
from zyphos_lab.trace.rows import Row, rows
from zyphos_lab.trace.session import Reading

TRACE = [sys.executable, "-m", "zyphos_lab.cli", "trace"]
SERVE = ("engine=epoll", "protocol=http1")


def traced(*arguments: str, code: int = 0, before: tuple[str, ...] = ()) -> list[dict[str, Any]]:
    """The events of `zyphos-lab trace --json`."""
    argv = [*before, *TRACE, "--json", *arguments]
    done = subprocess.run(argv, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == code, done.stderr
    assert "Traceback" not in done.stderr
    return [json.loads(line) for line in done.stdout.splitlines()]


def need_syscalls() -> None:
    probe = SyscallsProbe()
    reason = probe.reason
    probe.close()
    if reason:
        pytest.skip(f"system calls are not counted here: {reason}")


@pytest.mark.native
def test_a_command_is_counted_from_its_first_call_to_its_last() -> None:
    need_syscalls()
    blocks = 3000
    words = ["dd", "if=/dev/zero", "of=/dev/null", "bs=1", f"count={blocks}", "status=none"]
    start, *_, last = traced("--probe", "syscalls", "--interval", "100ms", "--", *words)
    assert (start["event"], last["event"]) == ("start", "summary")
    assert last["ended"] == "the process has ended"
    assert last["columns"]["server_syscall_write"] == blocks
    assert last["columns"]["server_syscall_execve"] == 1


@pytest.mark.native
def test_intervals_add_up_to_the_summary() -> None:
    need_syscalls()
    script = "for i in 1 2 3 4 5 6; do sleep 0.05; done"
    _, *parts, last = traced("--probe", "syscalls", "--interval", "50ms", "--", "sh", "-c", script)
    assert len(parts) > 2
    name = "server_syscalls"
    assert sum(part["columns"][name] for part in parts) == last["columns"][name] > 0


@pytest.mark.native
def test_a_server_is_found_by_its_port_and_its_sockets_are_seen() -> None:
    with served(*SERVE) as server:
        argv = [*TRACE, "--json", "--port", str(server.port), "--interval", "200ms"]
        with subprocess.Popen(argv, stdout=subprocess.PIPE, text=True) as process:
            assert process.stdout is not None
            start = json.loads(process.stdout.readline())
            assert start["pid"] == server.process.pid and start["port"] == server.port
            with socket.create_connection(("127.0.0.1", server.port)):
                for _ in range(20):
                    urllib.request.urlopen(f"http://127.0.0.1:{server.port}/").read()
                interval = json.loads(process.stdout.readline())
                assert interval["event"] == "interval"
                process.send_signal(signal.SIGINT)
                last = json.loads(process.stdout.read().splitlines()[-1])
        assert process.returncode == 130
    assert last["event"] == "summary" and last["ended"] == "stopped by a signal"
    columns = last["columns"]
    assert columns["server_cpu_ns"] > 0 and columns["net_tcp_passive_opens"] >= 20
    assert columns["server_sockets_listen"] == 1 and columns["server_tcp_sockets"] == 1
    assert not [name for name in columns if name.startswith("client_") or "per_request" in name]
    assert "perf" not in start["probes"]  # costly: only when asked for
    assert "--probe perf" in start["left_out"]["perf"]
    assert {"syscalls", "sched", "tcp_events"} <= {*start["probes"]}


@pytest.mark.native
def test_a_process_that_dies_ends_the_trace() -> None:
    with subprocess.Popen(["sleep", "0.4"]) as process:
        *_, last = traced(str(process.pid), "--interval", "100ms")
    assert last["ended"] == "the process has ended"
    assert last["columns"]["server_threads"] == 1  # as it was last seen


@pytest.mark.native
def test_a_command_that_fails_says_so() -> None:
    *_, summed, error = traced("--", "sh", "-c", "echo no such luck; exit 3", code=5)
    assert summed["event"] == "summary"
    assert error["message"] == "sh failed: exit code 3: no such luck"


@pytest.mark.native
def test_the_time_is_over_and_the_command_is_ended(tmp_path: Path) -> None:
    mark = tmp_path / "pid"
    script = f"echo $$ > {mark}; exec sleep 60"
    *_, last = traced("--for", "300ms", "--interval", "100ms", "--", "sh", "-c", script)
    assert last["ended"] == "the time is over"
    assert not Path(f"/proc/{mark.read_text().strip()}").exists()


@pytest.mark.native
def test_nginx_is_its_master_and_its_workers(tmp_path: Path) -> None:
    nginx = shutil.which("nginx", path=f"{os.environ['PATH']}:/usr/sbin")
    if nginx is None:
        pytest.skip("nginx is not on this machine")
    config = tmp_path / "nginx.conf"
    config.write_text(
        f"pid {tmp_path}/pid; error_log stderr; daemon off; worker_processes 2;\n"
        f"events {{}} http {{ access_log off; server {{ listen unix:{tmp_path}/socket; }} }}\n"
    )
    words = [nginx, "-p", str(tmp_path), "-c", str(config), "-e", "stderr"]
    *_, last = traced("--for", "500ms", "--interval", "100ms", "--", *words)
    assert last["columns"]["server_processes"] == 3


@pytest.mark.native
def test_without_rights_what_everybody_may_see_is_traced() -> None:
    if os.geteuid() != 0 or shutil.which("setpriv") is None:
        pytest.skip("needs root and setpriv, to be somebody else")
    before = ("setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", "--")
    can = subprocess.run([*before, sys.executable, "-c", "import zyphos_lab"], check=False)
    if can.returncode != 0:
        pytest.skip("this checkout may not be read by others")
    argv = [*before, *TRACE, str(os.getpid()), "--for", "100ms", "--json"]
    done = subprocess.run(argv, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
    assert "belongs to root: without root only what everybody may see" in done.stderr
    last = json.loads(done.stdout.splitlines()[-1])
    assert last["columns"]["server_cpu_ns"] is not None
    assert last["skipped"]["syscalls"]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ([], "trace what?"),
        (["999999999"], "there is no process 999999999"),
        (["--port", "1"], "nothing listens on port 1"),
        (["1", "--interval", "1ms"], "shorter than 10ms"),
        (["1", "--for", "soon"], "--for: `soon` is not a duration"),
        (["1", "--probe", "shed"], "no probe is called 'shed'"),
        (["--", "no-such-program"], "no such program: no-such-program"),
    ],
)
def test_what_cannot_be_traced_is_said_in_one_line(
    arguments: list[str], message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    from zyphos_lab.cli.main import run

    assert run(["trace", *arguments]) in (2, 5)
    [line] = capsys.readouterr().err.splitlines()
    assert message in line


def reading(seconds: float = 2.0) -> Reading:
    columns: dict[str, Any] = {
        "server_syscalls": 3000,
        "server_syscall_read": 1000,
        "server_syscall_epoll_wait": 2000,
        "server_syscall_close": 0,
        "server_cpu_ns": 500_000_000,
        "server_system_ns": 250_000_000,
        "server_rss_bytes": 4 << 20,
        "server_tcp_congestion": "bbr",
        "server_context_switches_voluntary": 10,
        "server_context_switches_involuntary": 2,
        "server_run_delay_ns": 1_500_000,
    }
    levels = {"server_rss_bytes", "server_tcp_congestion"}
    return Reading(round(seconds * 1e9), {"rusage": columns}, set(columns) - levels)


def test_rows_are_rates_for_counts_and_values_for_levels() -> None:
    shown = {row.name: (row.now, row.total) for row in rows(reading(), reading(2.0))}
    assert shown["syscall_epoll_wait"] == ("1.00k/s", "2.00k")
    assert shown["cpu_ns"] == ("250 ms/s", "500 ms")
    assert shown["rss_bytes"] == ("4.00 MiB", "4.00 MiB")
    assert shown["tcp_congestion"] == ("bbr", "")
    assert "syscall_close" not in shown  # nothing since the start


def test_the_summary_says_what_it_did_most() -> None:
    said = dict(summary.lines(reading()))
    assert said["CPU"] == "500 ms, 25.0 % of a core, 50.0 % of it in the kernel"
    assert said["system calls"].startswith("3.00k, 1.50k/s: epoll_wait 2.00k (66.7 %), read 1.00k")
    assert said["context switches"] == "12, 6/s: 10 went to sleep, 2 preempted"
    assert said["run-queue delay"] == "1.50 ms runnable and without a CPU"


def test_a_name_that_is_too_long_keeps_its_end() -> None:
    name = "syscall_epoll_wait_latency_ns_p99"
    assert table.elided(name, 40) == name
    assert table.elided(name, 20) == "syscal..tency_ns_p99"


@pytest.mark.parametrize("width", [60, 80, 120, 200])
def test_the_table_fits_the_terminal(width: int) -> None:
    file = io.StringIO()
    console = Console(file=file, width=width, height=12, force_terminal=False)
    found = rows(reading(), reading())
    found += [Row("syscalls", f"syscall_{'x' * 40}_{n}", "1.00k/s", "12.0k", n) for n in range(30)]
    console.print(table.table(found, width, console.height))
    lines = file.getvalue().splitlines()
    assert len(lines) <= 12
    assert all(len(line) <= width for line in lines)
    assert "since start" in lines[0] and "1.00k/s" in file.getvalue()
    assert "rusage" in file.getvalue() and "syscalls" in file.getvalue()
