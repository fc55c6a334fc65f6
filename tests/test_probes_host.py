"""Probe `host` on given readings and on this machine, and the verdict that its columns lead to."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import replace
from types import MappingProxyType
from typing import Any

import pytest

from probe_programs import servant
from zyphos_lab.probes import clocks, hogs, verdict_reasons
from zyphos_lab.probes.base import Columns
from zyphos_lab.probes.host import HostProbe, RawHost
from zyphos_lab.probes.rusage import TICK_NS

SECOND_NS = 1_000_000_000


def reading(
    time_ns: int,
    busy: tuple[int, int] = (0, 0),
    steal: tuple[int, int] = (0, 0),
    own_ns: int = 0,
    affinity: frozenset[int] = frozenset({0}),
    files: Mapping[str, bytes] = MappingProxyType({}),
) -> RawHost:
    """A machine of two CPUs; busy and steal in ticks, one process of the trial."""
    lines = [f"cpu{n} {busy[n]} 0 0 900 0 0 0 {steal[n]} 0 0" for n in (0, 1)]
    stat = "\n".join(["cpu 0 0 0 0 0 0 0 0 0 0", *lines, "ctxt 100"]).encode()
    pressure = {name: files.get(f"psi_{name}") for name in ("cpu", "memory", "io")}
    vmstat, throttle = files.get("vmstat"), files.get("throttle")
    return RawHost(time_ns, stat, vmstat, throttle, (), pressure, {7: own_ns}, {7: affinity})


def difference(before: RawHost, after: RawHost) -> tuple[Columns, dict[str, str]]:
    return HostProbe().columns(before, after, 1)


def test_steal_is_that_of_the_watched_cpus() -> None:
    after = reading(SECOND_NS, steal=(3, 50))
    columns, _ = difference(reading(0), after)
    assert columns["host_steal_ns"] == 3 * TICK_NS
    assert columns["host_steal_ratio"] == 3 * TICK_NS / SECOND_NS
    assert columns["host_cpus_watched"] == "0"


def test_other_load_is_what_is_left_on_the_pinned_cpus() -> None:
    after = reading(SECOND_NS, busy=(60, 100), own_ns=50 * TICK_NS)
    columns, _ = difference(reading(0), after)
    assert columns["host_pinned"] is True
    assert columns["host_cpu_own_ns"] == 50 * TICK_NS
    assert columns["host_cpu_other_ns"] == 10 * TICK_NS


def test_what_the_runner_took_to_watch_is_not_other_load() -> None:
    def difference_at(cpus: set[int]) -> tuple[Columns, dict[str, str]]:
        edges = (reading(0), reading(SECOND_NS, busy=(60, 100), own_ns=50 * TICK_NS))
        before, after = (replace(edge, runner_cpus=frozenset(cpus)) for edge in edges)
        return difference(before, replace(after, runner_ns=4 * TICK_NS))

    (at_home, _), (anywhere, skipped) = difference_at({0}), difference_at({0, 1})
    assert at_home["host_cpu_runner_ns"] == 4 * TICK_NS
    assert at_home["host_cpu_other_ns"] == 6 * TICK_NS
    assert anywhere["host_cpu_runner_ns"] is None and "host_cpu_runner" in skipped
    assert anywhere["host_cpu_other_ns"] == 10 * TICK_NS


def test_unpinned_other_load_is_a_reason() -> None:
    both = frozenset({0, 1})
    columns, skipped = difference(
        reading(0, affinity=both), reading(SECOND_NS, busy=(60, 0), affinity=both)
    )
    assert columns["host_pinned"] is False
    assert columns["host_cpu_other_ns"] is None
    assert "not pinned" in skipped["host_cpu_other"]


def test_files_of_both_cgroup_versions() -> None:
    for text, factor in (
        (b"nr_throttled 1\nthrottled_usec %d\n", 1000),
        (b"throttled_time %d\n", 1),
    ):
        columns, _ = difference(
            reading(0, files={"throttle": text % 5}),
            reading(SECOND_NS, files={"throttle": text % 8}),
        )
        assert columns["host_throttled_ns"] == 3 * factor


def test_swap_and_pressure() -> None:
    def at(pages: int, stalled_us: int) -> dict[str, bytes]:
        some = f"some avg10=0.00 avg60=0.00 avg300=0.00 total={stalled_us}\n"
        text = (some + some.replace("some", "full")).encode()
        vmstat = f"pswpin {pages}\npswpout 0\n".encode()
        return {"vmstat": vmstat, "psi_cpu": text, "psi_memory": text, "psi_io": text}

    earlier, later = at(5, 10), at(9, 30)
    columns, _ = difference(reading(0, files=earlier), reading(SECOND_NS, files=later))
    assert columns["host_swap_in_pages"] == 4
    assert columns["host_swap_out_pages"] == 0
    assert columns["host_psi_memory_full_ns"] == 20_000


def test_missing_sources_are_null_with_reasons() -> None:
    columns, skipped = difference(reading(0), reading(SECOND_NS))
    for column in ("host_swap_in_pages", "host_throttled_ns", "host_psi_cpu_some_ns"):
        assert columns[column] is None
    assert {"host_swap_in_pages", "host_throttled_ns", "host_psi"} <= set(skipped)


def test_this_machine() -> None:
    cpu = min(os.sched_getaffinity(0))
    with servant() as one:
        one.do(f"os.sched_setaffinity(0, [{cpu}])")
        probe = HostProbe()
        probe.attach({"server": [one.pid]}, 0)
        before, after = probe.snapshot(), probe.snapshot()
        columns, _ = probe.columns(before, after, 1)
    assert columns["host_window_ns"] == after.time_ns - before.time_ns
    assert columns["host_cpus_watched"] == str(cpu)
    assert isinstance(columns["host_steal_ns"], int)


WINDOW = {"host_window_ns": SECOND_NS, "host_cpus_watched": "0,1"}


@pytest.mark.parametrize(
    ("columns", "code", "severity"),
    [
        ({"host_steal_ratio": 0.03, "host_steal_ns": 30_000_000}, "steal", "DEGRADED"),
        ({"host_steal_ratio": 0.06, "host_steal_ns": 60_000_000}, "steal", "INVALID"),
        ({"host_throttled_ns": 20_000_000}, "throttled", "DEGRADED"),
        ({"host_throttled_ns": 60_000_000}, "throttled", "INVALID"),
        ({"host_thermal_throttles": 1}, "thermal", "DEGRADED"),
        ({"host_cpu_other_ns": 60_000_000}, "other_load", "DEGRADED"),
        ({"host_cpu_runner_ns": 60_000_000}, "runner_load", "DEGRADED"),
        ({"host_swap_out_pages": 1}, "swap", "DEGRADED"),
        ({"host_psi_memory_full_ns": 11_000_000}, "memory_stall", "DEGRADED"),
        ({"net_listen_drops": 2}, "listen_drops", "DEGRADED"),
        ({"net_softnet_drops": 2}, "softnet_drops", "DEGRADED"),
        ({"net_tcp_backlog_drops": 2}, "socket_drops", "DEGRADED"),
        ({"link_forward_tun_dropped": 1}, "tun_dropped", "DEGRADED"),
        ({"link_backward_dropped_memory": 1}, "tun_dropped", "DEGRADED"),
        ({"net_tcp_retrans_segs": 20, "net_tcp_segs_out": 1000}, "retransmits", "DEGRADED"),
        ({"host_clock_source": "hpet"}, "clock", "DEGRADED"),
        ({"host_clock_drift_ratio": -0.0006}, "clock", "DEGRADED"),
        ({"host_clock_step_ns": 2_000_000}, "clock", "DEGRADED"),
        ({"host_clock_resolution_ns": 4_000_000}, "clock", "DEGRADED"),
        ({"server_observer_bpf_ns": 11, "server_cpu_ns": 100}, "observer", "DEGRADED"),
    ],
)
def test_evidence_leads_to_its_reason(columns: dict[str, Any], code: str, severity: str) -> None:
    [reason] = verdict_reasons(WINDOW | columns)
    assert (reason["code"], reason["severity"]) == (code, severity)
    assert columns.items() <= reason["evidence"].items()
    assert reason["message"]


@pytest.mark.parametrize(
    "columns",
    [
        {},
        dict.fromkeys(("host_steal_ratio", "host_throttled_ns", "host_cpu_other_ns")),
        {"host_steal_ratio": 0.01, "host_steal_ns": 10_000_000},
        {"server_observer_bpf_ns": 9, "server_cpu_ns": 100},
        {"host_cpu_other_ns": 49_000_000, "host_throttled_ns": 9_000_000},
        {"host_clock_source": "tsc", "host_clock_step_ns": 900, "host_clock_drift_ratio": 1e-5},
        {"host_clock_drift_ratio": 0.0006, "host_clock_reading_ns": 200_000},
        {"net_tcp_retrans_segs": 20, "net_tcp_segs_out": 100_000},
        # Losses that a link was asked for.
        {"link_forward_tun_dropped": 0, "link_forward_dropped_loss": 5, "link_dropped_queue": 5},
    ],
)
def test_no_reason_without_evidence(columns: dict[str, Any]) -> None:
    assert verdict_reasons(WINDOW | columns) == []


def test_one_tick_of_a_short_window_is_rounding() -> None:
    short = {"host_window_ns": SECOND_NS // 5, "host_cpus_watched": "0"}
    one = {"host_steal_ratio": 0.05, "host_steal_ns": TICK_NS, "host_cpu_other_ns": 2 * TICK_NS}
    assert verdict_reasons(short | one) == []


def test_what_the_experiment_is_about_speaks_against_nothing() -> None:
    assert verdict_reasons(WINDOW | {"net_listen_drops": 2}, {"listen_drops"}) == []


def test_other_load_names_who_it_was() -> None:
    hogs = '[{"pid": 7, "comm": "spin", "cpu_ratio": 0.9}]'
    [reason] = verdict_reasons(WINDOW | {"host_cpu_other_ns": 900_000_000, "host_hogs": hogs})
    assert "spin (pid 7) 90%" in reason["message"]
    assert reason["evidence"]["host_hogs"] == [{"pid": 7, "comm": "spin", "cpu_ratio": 0.9}]


def test_the_processes_that_used_the_cpu_are_found() -> None:
    cpu = min(os.sched_getaffinity(0))
    with servant() as one:
        before = hogs.clocks()
        one.do("while time.process_time() < 0.1: pass")
        after = hogs.clocks()
        window_ns = after[one.pid] - before[one.pid]
        assert window_ns > 0
        alone = {one.pid: after[one.pid]}
        [found] = hogs.found(before, alone, window_ns, {cpu})
        assert found["pid"] == one.pid
        assert found["comm"].startswith("python")
        assert found["cpu_ratio"] == 1.0
        assert hogs.found(before, alone, window_ns, {4000}) == []
        assert hogs.found(before, alone, 1000 * window_ns, {cpu}) == []
    assert one.pid not in hogs.clocks({one.pid})


def test_a_step_of_the_wall_clock_shows() -> None:
    before, after = clocks.read(), clocks.read()
    stepped = replace(after, realtime_ns=after.realtime_ns + 5_000_000)
    found = clocks.columns(before, stepped)
    error_ns = found["host_clock_reading_ns"]
    assert abs(found["host_clock_step_ns"] - 5_000_000) <= error_ns
    bent = replace(after, raw_ns=before.raw_ns + 2 * (after.monotonic_ns - before.monotonic_ns))
    assert clocks.columns(before, bent)["host_clock_drift_ratio"] == pytest.approx(-0.5)
    assert found["host_clock_source"]
