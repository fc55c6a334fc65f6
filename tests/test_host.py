"""The host's fingerprint: complete, comparable, and silent about what is nobody's business."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from zyphos_lab import host, host_interfaces


@pytest.fixture(scope="module")
def facts() -> dict[str, Any]:
    return host.fingerprint()


def test_fingerprint_is_plain_data(facts: dict[str, Any]) -> None:
    assert json.loads(json.dumps(facts)) == facts


def test_nothing_changes_by_itself(facts: dict[str, Any]) -> None:
    assert host.diff(facts, host.fingerprint()) == {}


def test_diff_names_the_place() -> None:
    a = {"cpu": {"governor": "performance", "smt": False}, "git": {"commit": "1"}}
    b = {"cpu": {"governor": "powersave", "smt": False}, "lo": {"mtu_bytes": 65536}}
    assert host.diff(a, b) == {
        "cpu.governor": ("performance", "powersave"),
        "git.commit": ("1", None),
        "lo.mtu_bytes": (None, 65536),
    }


def test_the_sides_of_a_manifest_old_and_new() -> None:
    one, other = {"cpu": {"smt": False}}, {"cpu": {"smt": True}}
    new, two = {"server": one, "client": host.SAME}, {"server": one, "client": other}
    assert host.roles(one) == host.roles(new) == {"server": one, "client": one}
    assert host.roles(two) == {"server": one, "client": other}
    assert host.roles(None) == {"server": {}, "client": {}}
    assert host.difference(one, new) == {}
    assert host.difference(one, {"server": other, "client": host.SAME}) == {
        "cpu.smt": (False, True)
    }
    assert host.difference(new, two) == {"client.cpu.smt": (False, True)}
    assert host.shown(new) == one
    assert host.shown(two) == two


def test_diff_knows_a_fingerprint_that_was_json() -> None:
    assert host.diff({"cpus": (0, 1)}, {"cpus": [0, 1]}) == {}


def test_what_every_linux_has(facts: dict[str, Any]) -> None:
    assert facts["kernel"]["system"] == "Linux"
    assert facts["kernel"]["release"]
    assert facts["memory"]["total_bytes"] > 0
    assert facts["sysctls"]["net.core.somaxconn"].isdigit()
    assert facts["lo"]["mtu_bytes"] > 0
    assert facts["lo"]["qdisc"] or host_interfaces.root_qdiscs() == {}
    assert "lo" not in facts["cards"]
    assert facts["hypervisor"]
    assert facts["cpu"]["usable"]


def test_command_line_keeps_its_secrets(monkeypatch: pytest.MonkeyPatch) -> None:
    line = "root=/dev/sda1 mitigations=off processor.max_cstate=1 token=abc isolcpus=2,3 -- --key=x"
    monkeypatch.setattr(host, "read", lambda path: line)
    assert host.boot_options() == ["mitigations=off", "processor.max_cstate=1", "isolcpus=2,3"]


@pytest.mark.parametrize(
    ("signature", "vendor", "flags", "kind"),
    [
        ("KVMKVMKVM", None, "hypervisor", "kvm"),
        ("SomethingNew", None, "hypervisor", "unknown"),
        (None, "Amazon EC2", "", "amazon"),
        (None, None, "hypervisor", "unknown"),
        (None, "Dell Inc.", "", "none"),
    ],
)
def test_hypervisor(
    signature: str | None,
    vendor: str | None,
    flags: str,
    kind: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def read(path: str) -> str | None:
        return f"flags : fpu {flags}" if path == "/proc/cpuinfo" else None

    evidence = {"signature": signature, "vendor": vendor, "product": None, "container": None}
    monkeypatch.setattr(host, "virtualisation", lambda: evidence)
    monkeypatch.setattr(host, "read", read)
    assert host.hypervisor() == kind


def test_missing_files_are_none(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(host, "SYS_CPU", str(tmp_path))
    assert host.turbo() is None
    assert host.smt() is None
    assert host.cpu()["governor"] is None
    assert host.sysctl("net.no.such_thing") is None


def test_turbo_of_both_drivers(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(host, "SYS_CPU", str(tmp_path))
    (tmp_path / "cpufreq").mkdir()
    (tmp_path / "cpufreq/boost").write_text("1\n")
    assert host.turbo() is True
    (tmp_path / "intel_pstate").mkdir()
    (tmp_path / "intel_pstate/no_turbo").write_text("1\n")
    assert host.turbo() is False


def test_unknown_interface_is_none() -> None:
    assert set(host_interfaces.facts("nosuch0").values()) == {None}
