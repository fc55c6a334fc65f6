"""Whole runs over links on the real kernel: both sides inside, nothing left after a SIGKILL."""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from linking import needs
from machine import codes
from zyphos_lab import links, netns, proc
from zyphos_lab.store import Store

pytestmark = [pytest.mark.native, pytest.mark.core]
END_SECONDS = 60

EXPERIMENT = """
schema: 1
name: demo
question: Does it cross namespaces?
targets: {echo: {engine: epoll, protocol: echo}}
load: {protocol: echo, connections: 2, deadline: 5s}
link: {kind: veth}
repeat: {starts: 2, warmup: 0s, window: 300ms}
probes: [syscalls, tcp_info]
"""
NGINX = shutil.which("nginx", path=f"{os.environ.get('PATH', '')}:/usr/sbin:/usr/local/sbin")
NGINX_TARGET = """
targets:
  nginx:
    command: [NGINX, -e, stderr, -c, "{dir}/n.conf"]
    ready: {http: /}
    stop: SIGQUIT
    files:
      n.conf: |
        daemon off; pid {dir}/pid; error_log stderr;
        events { worker_connections 256; }
        http {
          access_log off; keepalive_requests 100000000;
          client_body_temp_path {dir}/b; proxy_temp_path {dir}/p;
          fastcgi_temp_path {dir}/f; uwsgi_temp_path {dir}/u; scgi_temp_path {dir}/s;
          server { listen {address}:{port}; location / { return 200 "hello"; } }
        }
load: {protocol: http1, connections: 2, deadline: 5s}
"""


def run(here: Path, text: str, *arguments: str) -> tuple[subprocess.CompletedProcess[str], Store]:
    (here / "demo.yaml").write_text(text)
    command = [sys.executable, "-m", "zyphos_lab.cli", "run", "demo.yaml", "--no-notebook"]
    command += ["--no-report", *arguments]
    pipe = subprocess.PIPE
    with subprocess.Popen(command, cwd=here, stdout=pipe, stderr=pipe, text=True) as process:
        told = process.communicate(timeout=END_SECONDS)
    assert not list(netns.FOLDER.glob(f"zy-{process.pid}-*"))  # others may run beside it
    [path] = here.glob("results/demo/*/")
    return subprocess.CompletedProcess(command, process.returncode, *told), Store.open(path)


def whole(row: dict[str, Any]) -> None:
    """Both sides of a trial were found in their namespaces and counted there."""
    assert row["requests_done"] > 0 and row["requests_failed"] == 0, row["reasons"]
    for side in ("server", "client"):
        assert row[f"{side}_tcp_sockets"] == row["connections"], row["skipped"]
        assert row[f"{side}_tcp_data_segs_out"] > 0, row["skipped"]
        assert row[f"{side}_cpu_ns"] > 0
    # The namespaces' own counters see this trial alone, both sides of it. One after the other is
    # read, under load: where that took long, by the row's own account, they are not of one window.
    assert row["net_tcp_segs_in"] > 0
    if "edges_late" not in codes(row, frozenset()):
        both = row["server_tcp_segs_in"] + row["client_tcp_segs_in"]
        assert 0.7 * both <= row["net_tcp_segs_in"] <= 1.3 * both


@needs("veth")
def test_trials_run_across_namespaces(tmp_path: Path) -> None:
    done, store = run(tmp_path, EXPERIMENT)
    assert done.returncode in (0, 5), done.stderr  # 5: a busy machine may make its trials INVALID
    rows = store.rows()
    assert len(rows) == 2
    for row in rows:
        whole(row)
        assert row["link_kind"] == "veth"
        assert row["link_forward_delivered_packets"] > 0


@needs("tun")
def test_trials_run_through_the_emulator(tmp_path: Path) -> None:
    values = "{near: {kind: tun}, far: {kind: tun, delay: 20ms, sysctl: SETTING}}"
    setting = "{both: {net.ipv4.tcp_congestion_control: reno}}"
    text = EXPERIMENT.replace("link: {kind: veth}", "link: {}").replace("300ms", "1s")
    factor = f"{{set: link, values: {values.replace('SETTING', setting)}}}"
    done, store = run(tmp_path, f"{text}factors: {{way: {factor}}}\n", "--set", "repeat.starts=1")
    assert done.returncode in (0, 5), done.stderr
    rows = {row["cell"]: row for row in store.rows()}
    assert set(rows) == {"way=near", "way=far"}
    for row in rows.values():
        whole(row)
        assert row["link_cpu_ns"] > 0
    far = rows["way=far"]
    assert far["latency_ns_min"] >= 40_000_000
    assert far["server_tcp_rtt_ns_mean"] >= 40_000_000
    assert far["client_tcp_congestion"] == far["server_tcp_congestion"] == "reno"
    assert far["link_forward_delay_ns"] == far["link_backward_delay_ns"] == 20_000_000
    assert len(store.histograms("link_forward_late_ns")) == 2


@needs("tun")
@pytest.mark.parametrize("subject", ["[]", "[tun_dropped, retransmits, nothing_done]"])
def test_what_the_emulator_s_device_loses_speaks_against_a_trial(
    tmp_path: Path, subject: str
) -> None:
    """Ten segments at once find a queue of one packet; but where that is what it is about."""
    text = EXPERIMENT.replace("kind: veth", "kind: tun, tx_queue: 1").replace(
        "protocol: echo", "protocol: echo, message_bytes: 20000"
    )
    done, store = run(
        tmp_path, f"{text}design: {{subject: {subject}}}\n", "--set", "repeat.starts=1"
    )
    assert done.returncode in (0, 5), done.stderr
    [row] = store.rows()
    assert row["link_forward_tun_dropped"] + row["link_backward_tun_dropped"] > 0
    found = {reason["code"]: reason for reason in row["reasons"]}
    assert ("tun_dropped" in found) == (subject == "[]")
    if subject == "[]":
        assert found["tun_dropped"]["severity"] == "DEGRADED"
        lost = row["link_forward_tun_dropped"] + row["link_backward_tun_dropped"]
        assert f"lost {lost} packets" in found["tun_dropped"]["message"]


ROUTED = """
targets: {echo: {engine: epoll, protocol: echo, message_bytes: 20000}}
load: {protocol: echo, connections: 2, message_bytes: 20000, deadline: 500ms}
design: {subject: [late_answers, nothing_done, retransmits]}
factors:
  way:
    set: link
    values:
      nat: {kind: veth, nat: {tcp_timeout: 9s}}
      hole: {kind: veth, hops: 2, routers: {mtu: 1400, icmp: drop}}
"""


@needs("nftables")
def test_what_routers_do_is_in_the_record(tmp_path: Path) -> None:
    head, _, rest = EXPERIMENT.partition("targets:")
    text = head + ROUTED.lstrip() + "repeat: " + rest.partition("repeat: ")[2]
    done, store = run(tmp_path, text, "--set", "repeat.starts=1")
    assert done.returncode in (0, 5), done.stderr
    rows = {row["cell"]: row for row in store.rows()}
    behind, hole = rows["way=nat"], rows["way=hole"]
    assert behind["requests_done"] > 0 and behind["link_nat_entries"] == 2
    assert behind["link_nat_tcp_timeout_ns"] == 9_000_000_000
    assert behind["link_nat_unsolicited_packets"] == 0 and behind["link_nat_ports"] == "new"
    # Nothing that large passes, nobody is told, and that is what this experiment is about.
    assert hole["requests_done"] == 0 and hole["link_too_big_packets"] > 0
    assert "nothing_done" not in str(hole["reasons"])


@needs("veth")
@pytest.mark.skipif(not NGINX, reason="no nginx on this machine (apt: nginx-light)")
def test_nginx_and_a_foreign_generator_run_inside(tmp_path: Path) -> None:
    head, _, rest = EXPERIMENT.partition("targets:")
    text = head + NGINX_TARGET.replace("NGINX", str(NGINX), 1).lstrip()
    text += "link: " + rest.partition("link: ")[2]
    [factor] = ["factors: {load: {set: load.generator, values: [zyphos, wrk]}}\n"]
    text = text.replace("window: 300ms", "window: 1s").replace("starts: 2", "starts: 1")
    has_wrk = shutil.which("wrk") is not None
    done, store = run(tmp_path, text + (factor if has_wrk else ""))
    assert done.returncode in (0, 5), done.stderr
    rows = {row["generator"]: row for row in store.rows()}
    whole(rows["zyphos"])
    if has_wrk:
        assert rows["wrk"]["requests_done"] > 0, rows["wrk"]["reasons"]


@needs("veth")
def test_a_link_that_the_machine_has_not_costs_its_own_cells_alone(tmp_path: Path) -> None:
    if not links.missing("netem")[0]:
        pytest.skip("this kernel has netem")
    values = "{wire: {kind: veth}, far: {kind: netem, delay: 1ms}}"
    text = EXPERIMENT.replace("link: {kind: veth}", "link: {}")
    done, store = run(tmp_path, f"{text}factors: {{way: {{set: link, values: {values}}}}}\n")
    assert "link netem: this kernel has no sch_netem (`kind: tun`" in done.stderr
    assert done.stderr.count("note: link netem") == 1
    rows = store.rows()
    far = [row for row in rows if row["cell"] == "way=far"]
    assert [reason["code"] for row in far for reason in row["reasons"]] == ["link_missing"] * 2
    for row in rows:
        if row not in far:
            whole(row)


@needs("veth")
def test_a_killed_run_leaves_nothing_to_the_next_one(tmp_path: Path) -> None:
    short = "profiles: {short: {repeat: {starts: 1, window: 100ms}}}\n"
    text = EXPERIMENT.replace("window: 300ms", "window: 60s") + short
    if not links.missing("tun")[0]:  # then there is an emulator to sweep as well
        text = text.replace("kind: veth", "kind: tun")
    (tmp_path / "demo.yaml").write_text(text)
    command = [sys.executable, "-m", "zyphos_lab.cli", "run", "demo.yaml", "--no-notebook"]
    command.append("--no-report")
    runner = subprocess.Popen(command, cwd=tmp_path, stderr=subprocess.PIPE, text=True)
    left = f"zy-{runner.pid}-*"
    deadline = time.monotonic() + END_SECONDS
    while len(inside := processes_of(left)) < 2:
        assert runner.poll() is None and time.monotonic() < deadline, runner.communicate()
        time.sleep(0.01)
    runner.kill()
    runner.communicate()
    assert len(list(netns.FOLDER.glob(left))) == 2
    started = subprocess.run(
        [*command, "--profile", "short"], cwd=tmp_path, capture_output=True, timeout=END_SECONDS
    )
    assert started.returncode in (0, 5), started.stderr
    assert not list(netns.FOLDER.glob(left))
    left_over = [proc.process(pid) for pid in inside]
    assert not [one for one in left_over if one is not None and one.state != "Z"]


INSIDE = "mount -t tmpfs tmpfs /run && ip link set lo up && exec"


def test_a_user_namespace_is_enough() -> None:
    """As docs/links.md has it; root's rights over the machine are not there inside."""
    unshare = ["unshare", "-Urnm", "sh", "-c"]
    tried = subprocess.run([*unshare, f"{INSIDE} true"], capture_output=True, text=True)
    if tried.returncode:
        pytest.skip(f"no user namespaces here: {tried.stderr.strip()}")
    done = subprocess.run(
        [*unshare, f'{INSIDE} "$0" -m zyphos_lab.links 3', sys.executable],
        capture_output=True,
        text=True,
        timeout=END_SECONDS,
    )
    assert done.stdout.startswith("3 hosts on a bridge: up in"), done.stderr


def processes_of(pattern: str) -> list[int]:
    """Processes inside the namespaces of these names."""
    inodes = {f"net:[{path.stat().st_ino}]" for path in netns.FOLDER.glob(pattern)}
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            with contextlib.suppress(OSError):
                if os.readlink(entry / "ns" / "net") in inodes:
                    found.append(int(entry.name))
    return found
