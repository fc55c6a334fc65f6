"""The doctor: every finding says what it is good for, nothing stays behind, the table fits."""

from __future__ import annotations

import io
import json
import os
import resource
import select
from pathlib import Path

import pytest
from rich.console import Console

from zyphos_lab import doctor, host
from zyphos_lab.doctor import abilities, check, namespaces, settings, uring


@pytest.fixture(scope="module")
def checks() -> list[doctor.Check]:
    return doctor.checks()


def test_every_check_is_whole(checks: list[doctor.Check]) -> None:
    assert len({check.id for check in checks}) == len(checks)
    for one in checks:
        assert one.state in ("ok", "missing", "warn", "info")
        assert one.subject and one.value and one.why, one
        assert "\n" not in one.fix


def test_what_is_well_needs_no_mending(checks: list[doctor.Check]) -> None:
    assert [one.id for one in checks if one.fix and one.state == "ok"] == []
    assert [one.id for one in checks if one.writes and one.state == "info"] == []


def test_data_is_json(checks: list[doctor.Check]) -> None:
    data = json.loads(json.dumps(doctor.as_data(checks)))
    assert [row["id"] for row in data] == [one.id for one in checks]
    facts = {"id", "subject", "state", "value", "why", "fix"}
    assert set(data[0]) == facts | {"measured", "not_measured"}


LONG_FIX = "echo performance | tee " + "/sys/devices/system/cpu/cpu0/cpufreq/scaling_governor " * 3
SAMPLE = [
    doctor.Check("a", "native module", "ok", "loads", "runs everything " * 8),
    doctor.Check("b", "CPU governor", "warn", "powersave", "light load looks slow " * 8, LONG_FIX),
    doctor.Check("c", "BPF", "missing", "refused for a long reason " * 8, "counts", "make build"),
]


@pytest.mark.parametrize("width", [60, 80, 160])
def test_table_fits_and_commands_stay_whole(width: int) -> None:
    out = io.StringIO()
    doctor.render(SAMPLE, Console(file=out, width=width, color_system=None))
    lines = out.getvalue().splitlines()
    assert f"    {LONG_FIX}".rstrip() in [line.rstrip() for line in lines]
    assert max(len(line.rstrip()) for line in lines if LONG_FIX.rstrip() not in line) <= width
    assert lines[-1] == "1 ok, 1 missing, 1 warn"


def test_namespaces_are_left_behind() -> None:
    here = os.readlink("/proc/self/ns/net")
    made, netem = namespaces.trial()
    assert os.readlink("/proc/self/ns/net") == here
    assert (netem is None) == (made != 0)


def test_uring_answers_or_says_why() -> None:
    before = len(os.listdir("/proc/self/fd"))
    works, reason = uring.abilities()
    assert bool(works) != bool(reason)
    assert len(os.listdir("/proc/self/fd")) == before
    if works:
        assert {"accept", "recv"} <= set(works)


def test_old_kernel_lacks_what_the_engine_needs(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(uring, "abilities", lambda: (["accept", "recv"], ""))
    found = abilities.io_uring()
    assert (found.state, found.value) == (
        "missing",
        "this kernel lacks defer_taskrun and buffer_rings",
    )


def test_an_old_kernel_has_no_exclusive_wakeups(monkeypatch: pytest.MonkeyPatch) -> None:
    assert abilities.event_loops().state == "ok"
    refused = select.EPOLLEXCLUSIVE | select.EPOLLONESHOT  # by every kernel, with EINVAL
    monkeypatch.setattr(select, "EPOLLEXCLUSIVE", refused)
    found = abilities.event_loops()
    assert (found.state, found.value) == ("missing", "no EPOLLEXCLUSIVE: Invalid argument")


def test_missing_tool_names_its_package(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(host, "which", lambda program: None)
    monkeypatch.setattr(check, "_is_ubuntu", lambda: False)
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    fixes = {one.id: one.fix for one in abilities.tools()}
    assert fixes["tool_wrk"] == "sudo apt install -y wrk"
    assert fixes["tool_perf"] == "sudo apt install -y linux-perf"
    monkeypatch.setattr(check, "_is_ubuntu", lambda: True)
    fixes = {one.id: one.fix for one in abilities.tools()}
    assert fixes["tool_perf"] == "sudo apt install -y linux-tools-$(uname -r)"


def test_governor(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(host, "SYS_CPU", str(tmp_path))
    assert settings.governor().state == "info"
    folder = tmp_path / "cpu0/cpufreq"
    folder.mkdir(parents=True)
    (folder / "scaling_governor").write_text("powersave\n")
    assert settings.governor().state == "warn" and "performance" in settings.governor().fix
    (folder / "scaling_governor").write_text("performance\n")
    assert settings.governor().state == "ok"


RMEM, WMEM = "net.ipv4.tcp_rmem", "net.ipv4.tcp_wmem"


@pytest.mark.parametrize(
    ("sysctls", "check_name", "state"),
    [
        ({"net.ipv4.tcp_congestion_control": "bbr"}, "congestion", "warn"),
        ({"net.ipv4.tcp_congestion_control": "cubic"}, "congestion", "ok"),
        ({"net.core.somaxconn": "128"}, "backlog", "warn"),
        ({"net.core.somaxconn": "4096"}, "backlog", "ok"),
        ({}, "backlog", "info"),
        ({"net.ipv4.ip_local_port_range": "60000 60999"}, "ports", "warn"),
        ({"net.ipv4.ip_local_port_range": "32768 60999"}, "ports", "ok"),
        ({"net.ipv4.tcp_tw_reuse": "0"}, "tw_reuse", "warn"),
        ({"net.ipv4.tcp_tw_reuse": "1"}, "tw_reuse", "ok"),
        ({"net.ipv4.tcp_tw_reuse": "2"}, "tw_reuse", "info"),
        ({"net.ipv4.tcp_slow_start_after_idle": "0"}, "slow_start_after_idle", "ok"),
        ({}, "slow_start_after_idle", "info"),
        ({RMEM: "4096 131072 6291456", WMEM: "4096 16384 4194304"}, "buffers", "ok"),
        ({RMEM: "4096 131072 6291456", WMEM: "4096 16384 131072"}, "buffers", "warn"),
        ({RMEM: "4096 131072 6291456"}, "buffers", "info"),
    ],
)
def test_sysctls(
    sysctls: dict[str, str], check_name: str, state: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(host, "sysctl", sysctls.get)
    found: doctor.Check = getattr(settings, check_name)()
    assert found.state == state
    assert bool(found.fix) == (state == "warn")


def test_slow_start_is_told_and_left_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(host, "sysctl", lambda name: "1")
    found = settings.slow_start_after_idle()
    assert (found.state, found.writes) == ("info", ())
    assert found.fix.endswith("sysctl -w net.ipv4.tcp_slow_start_after_idle=0")


@pytest.mark.parametrize(("soft", "state"), [(256, "warn"), (20_000, "ok"), (-1, "ok")])
def test_descriptors(soft: int, state: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(resource, "getrlimit", lambda which: (soft, -1))
    found = settings.descriptors()
    assert found.state == state
    assert found.fix == ("ulimit -n 4096" if state == "warn" else "")


@pytest.mark.parametrize(
    ("quota", "state"),
    [(None, "ok"), ("max 100000", "ok"), ("-1 100000", "ok"), ("50000 100000", "warn")],
)
def test_cpu_quota(quota: str | None, state: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(host, "cgroup", lambda: {"version": 2, "cpu_quota": quota})
    assert settings.cpu_quota().state == state


@pytest.mark.answers("s5.5")
@pytest.mark.parametrize(
    ("nodes", "state", "told"), [(2, "ok", "2 nodes"), (1, "info", "one node"), (0, "info", "none")]
)
def test_numa_is_there_or_skipped_with_its_reason(
    tmp_path: Path, nodes: int, state: str, told: str
) -> None:
    for number in range(nodes):
        (tmp_path / f"node{number}").mkdir()
    (tmp_path / "has_cpu").write_text("0")
    found = abilities.numa(tmp_path)
    assert found.state == state and told in found.value
