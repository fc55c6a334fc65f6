"""The probe `descriptors`: on a program that does as it is told, on our engine, on a named program
and on a live process.
"""

from __future__ import annotations

import json
import os
import shutil
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from machine import assert_usable
from probe_programs import Servant, servant
from running import served
from zyphos_lab.cli.main import run as command
from zyphos_lab.probes.base import Columns, Series, Skipped
from zyphos_lab.probes.descriptors import NAMES, DescriptorsProbe, Held, Tables
from zyphos_lab.store import Store

MANY = 300
OPEN = f"import os; kept = [os.open('/dev/null', 0) for _ in range({MANY})]"
EVERY_SECOND = "[os.close(fd) for fd in kept[::2]]; kept = kept[1::2]"
AGAIN = f"kept += [os.open('/dev/null', 0) for _ in range({MANY // 2})]"


@pytest.fixture
def probe() -> Iterator[DescriptorsProbe]:
    one = DescriptorsProbe()
    yield one
    one.close()


def sampled(probe: DescriptorsProbe, more: int = 2) -> None:
    """Until there are so many more samples than now, whole ones begun later than this call."""
    assert probe.sampler is not None
    wanted = len(probe.sampler.samples) + more
    while len(probe.sampler.samples) < wanted:
        time.sleep(0.001)


def watched(
    probe: DescriptorsProbe, one: Servant, *statements: str
) -> tuple[Columns, Skipped, Series]:
    probe.attach({"server": [one.pid]}, 0)
    before = probe.snapshot()
    sampled(probe)
    for statement in statements:
        one.do(statement)
        sampled(probe)
    after = probe.snapshot()
    [series] = probe.series(before, after)
    return *probe.columns(before, after, 1), series


def test_numbers_are_taken_from_below_and_the_table_only_grows(probe: DescriptorsProbe) -> None:
    with servant() as one:
        columns, skipped, series = watched(probe, one, OPEN, EVERY_SECOND, AGAIN)
    opened = list(series.values["descriptors"])
    highest = list(series.values["highest"])
    first, most = int(opened[0] or 0), int(opened[0] or 0) + MANY
    assert max(opened, key=lambda n: n or 0) == opened[-1] == most
    assert most - MANY // 2 in opened, "with every second one closed"
    # What was closed is taken again before the numbers rise: the highest is the same three times.
    assert max(highest, key=lambda n: n or 0) == highest[-1]
    assert columns["server_descriptors_open_max"] == most
    assert columns["server_descriptors_highest_max"] == highest[-1]
    holes_before = int(highest[0] or 0) + 1 - first
    holes = int(str(columns["server_descriptors_holes_max"]))
    assert MANY // 2 <= holes <= MANY // 2 + holes_before
    slots = [int(n or 0) for n in series.values["table_slots"]]
    assert slots == sorted(slots) and slots[-1] > int(highest[-1] or 0) >= slots[0]
    assert columns["server_descriptors_table_slots_first"] == slots[0]
    assert columns["server_descriptors_table_slots_max"] == slots[-1]
    assert int(str(columns["server_descriptors_table_growths"])) >= 1
    mean = float(str(columns["server_descriptors_open_mean"]))
    assert first < mean < most
    assert skipped == {"client_descriptors": "no process of this side is on this machine"}


def test_the_load_s_side_comes_later_and_nothing_is_lost(probe: DescriptorsProbe) -> None:
    with servant() as server, servant() as client:
        probe.attach({"server": [server.pid]}, 0)
        sampled(probe)
        begun = probe.snapshot()
        probe.complete({"server": [server.pid], "client": [client.pid]})
        sampled(probe)
        columns, skipped = probe.columns(begun, probe.snapshot(), 1)
        both = {one.name: one for one in probe.series(begun, probe.snapshot())}
    assert skipped == {} and None not in columns.values()
    assert set(both) == {"server_descriptors", "client_descriptors"}
    early = both["server_descriptors"].time_ns[0]
    assert early < begun <= both["client_descriptors"].time_ns[0]


def test_what_cannot_be_read_is_a_reason(probe: DescriptorsProbe) -> None:
    with servant() as one:
        gone = one.pid
    probe.attach({"server": [gone]}, 0)
    columns, skipped = probe.columns(probe.snapshot(), probe.snapshot(), 1)
    assert {columns[f"server_descriptors_{name}"] for name in NAMES} == {None}
    assert "no sample" in skipped["server_descriptors"]
    tables = Tables()
    assert tables.take([gone]) is None and not any([tables.take([])])
    assert any([Held(0, -1, 0, 64)]), "a process without any is one all the same"


EXPERIMENT = """
schema: 1
name: demo
question: Which numbers do descriptors get?
targets: {one: TARGET}
load: {protocol: http1, connections: CONNECTIONS, arrival: {law: closed, think: 1ms}, deadline: 5s}
repeat: {starts: 1, warmup: 50ms, window: 300ms}
design: {ceiling: false}
evidence: false
probes: [descriptors]
"""
ENGINE = "{engine: epoll, protocol: http1}"
NGINX = """
    command: [NGINX, -e, stderr, -c, "{dir}/n.conf"]
    ready: {http: /}
    files:
      n.conf: |
        daemon off; pid {dir}/pid; error_log stderr;
        events { worker_connections 512; }
        http {
          access_log off; keepalive_requests 100000000;
          client_body_temp_path {dir}/b; proxy_temp_path {dir}/p;
          fastcgi_temp_path {dir}/f; uwsgi_temp_path {dir}/u; scgi_temp_path {dir}/s;
          server { listen {address}:{port}; location / { return 200 "hello"; } }
        }
"""


def row_of(
    folder: Path, target: str, connections: int, *words: str
) -> tuple[Store, dict[str, Any]]:
    text = EXPERIMENT.replace("CONNECTIONS", str(connections))
    text = text.replace("{one: TARGET}", f"\n  one: {target}")
    (folder / "demo.yaml").write_text(text)
    given = ["run", str(folder / "demo.yaml"), "--results", str(folder / "results")]
    assert command([*given, "--no-notebook", *words]) in (0, 5)
    [path] = (folder / "results" / "demo").iterdir()
    store = Store.open(path)
    [row] = store.rows("measure")
    return store, row


@pytest.mark.native
def test_our_engine_s_are_in_the_record_and_on_the_page(tmp_path: Path) -> None:
    store, row = row_of(tmp_path, ENGINE, 600)
    if not row["descriptors_samples"]:  # of a window in which the sampler had no CPU
        pytest.skip(row["skipped"]["server_descriptors"])
    for side in ("server", "client"):
        assert 600 < row[f"{side}_descriptors_open_max"] < 660, side
        assert row[f"{side}_descriptors_table_slots_max"] > row[f"{side}_descriptors_highest_max"]
    # The table that it began with is as large as the one of who started it.
    assert row["server_descriptors_table_slots_first"] < 600
    assert row["server_descriptors_table_growths"] >= 1
    [series] = [one for one in next(iter(store.trial_events("measure")))["series"]
                if one["name"] == "server_descriptors"]  # fmt: skip
    assert series["time_ns"][0] < 0 and series["descriptors"][0] < 60
    assert max(series["descriptors"]) == row["server_descriptors_open_max"]
    page = (store.path / "report.html").read_text(encoding="utf-8")
    assert_usable(row)
    drawn = row["verdict"] != "INVALID"  # what the machine disturbed so much is not
    assert page.count("<h2>Descriptors over time</h2>") == int(drawn)


@pytest.mark.native
def test_connections_that_come_and_go_do_not_move_the_numbers_up(tmp_path: Path) -> None:
    """Some thousand of them, four at a time."""
    _, row = row_of(tmp_path, ENGINE, 4, "--set", "load.requests_per_connection=1",
                    "--set", "load.arrival.think=0s", "--no-report")  # fmt: skip
    if not row["descriptors_samples"]:
        pytest.skip(row["skipped"]["server_descriptors"])
    assert row["server_descriptors_highest_max"] < 60 <= row["requests_done"]
    assert row["server_descriptors_table_slots_max"] == row["server_descriptors_table_slots_first"]


@pytest.mark.native
def test_a_named_program_s_are_those_of_all_its_processes(tmp_path: Path) -> None:
    path = shutil.which("nginx", path=f"{os.environ.get('PATH', '')}:/usr/sbin")
    if path is None:
        pytest.skip("no nginx here")
    _, row = row_of(tmp_path, NGINX.replace("NGINX", path), 100, "--no-report")
    if not row["descriptors_samples"]:
        pytest.skip(row["skipped"]["server_descriptors"])
    assert 100 < row["server_descriptors_open_max"] < 180
    assert row["server_descriptors_highest_max"] >= 100


@pytest.mark.native
def test_a_live_process_is_traced(capsys: pytest.CaptureFixture[str]) -> None:
    with served("engine=epoll") as server:
        words = ["trace", str(server.process.pid), "--for", "500ms", "--probe", "descriptors"]
        assert command([*words, "--interval", "200ms", "--json"]) == 0
    told = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    columns = told[-1]["columns"]
    assert columns["server_descriptors_open_max"] >= 3
