"""A load of datagrams in a run: the columns of both sides, and cells that a machine cannot do."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

import linking
from machine import INVALID_RUN, assert_usable
from running import END_SECONDS
from zyphos_lab.store import Store

pytestmark = [pytest.mark.native, pytest.mark.core, linking.needs("veth")]

EXPERIMENT = """
schema: 1
name: packets
question: What does a datagram cost?
targets:
  udp:
    command: &recvmmsg [zyphos-datagram, role=answer, by=recvmmsg, "address={address}",
                        "port={port}", "board_fd={board}"]
    ready: {log: "^listening"}
load:
  protocol: echo
  connections: 1
  datagrams: {in_flight: 8}
link: {kind: veth}
factors:
  by:
    set: targets.udp.command
    values:
      recvmmsg: *recvmmsg
      zerocopy: [zyphos-datagram, role=answer, by=xdp, interface=zy0, xdp.copy=zerocopy,
                 "address={address}", "port={port}", "board_fd={board}"]
repeat: {starts: 1, warmup: 20ms, window: 200ms}
probes: [rusage]
"""


def test_a_whole_run(tmp_path: Path) -> None:
    (tmp_path / "packets.yaml").write_text(EXPERIMENT)
    command = [sys.executable, "-m", "zyphos_lab.cli", "run", "packets.yaml"]
    command += ["--no-notebook", "--no-report"]
    env = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    done = subprocess.run(
        command, cwd=tmp_path, env=env, capture_output=True, text=True, timeout=END_SECONDS
    )
    [run] = (tmp_path / "results" / "packets").iterdir()
    store = Store.open(run)
    assert done.returncode in (0, INVALID_RUN), done.stderr
    rows = {row["factor_by"]: row for row in store.rows()}
    row = rows["recvmmsg"]
    assert row["requests_done"] > 0 == row["requests_failed"]
    assert_usable(row)
    assert row["server_datagrams_in"] > 0 and row["client_datagrams_out"] > 0
    assert row["server_datagrams_dropped"] == row["server_datagrams_unsent"] == 0
    assert row["server_cpu_ns"] is not None and row["ceiling_ratio"] is None
    away = rows["zerocopy"]
    assert [one["code"] for one in away["reasons"]] == ["target_missing"]
    assert "this machine cannot" in away["reasons"][0]["message"]
