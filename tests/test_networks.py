"""Both sides' networks: what the record holds of each, and where the two are not set alike."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from linking import needs
from store_factory import EXPERIMENT, make_store
from test_links_runs import EXPERIMENT as LINKED
from test_links_runs import run
from zyphos_lab import environment, report
from zyphos_lab.compare import baseline, source
from zyphos_lab.compare.between import compare_runs
from zyphos_lab.compare.blocks import Wanted
from zyphos_lab.report import networks
from zyphos_lab.report.page import render
from zyphos_lab.store import Store

REUSE, QUEUE = "net.ipv4.tcp_tw_reuse", "net.core.somaxconn"
P50 = Wanted(("latency_ns_p50",), {}, 1)


def side(**sysctls: str) -> dict[str, Any]:
    """One with a network namespace of its own."""
    settings = {REUSE: "2", QUEUE: "4096", **sysctls}
    interfaces = {"zy0": {"mtu_bytes": 1500, "gro": True}}
    return {"own_network_namespace": True, "sysctls": settings, "interfaces": interfaces}


HOST = {"sysctls": {REUSE: "2", QUEUE: "128", "vm.swappiness": "60"}, "lo": {"mtu_bytes": 65536}}
SHARED = {"host": HOST, "client": {"own_network_namespace": False}, "server": {}}
ALIKE = {"host": HOST, "client": side(), "server": side()}
APART = {"host": HOST, "client": side(**{REUSE: "0"}), "server": side()}
ATTACHED = {"host": HOST, "client": {"own_network_namespace": False}, "server": side()}
UNREAD = {**ATTACHED, "server": {"own_network_namespace": True, "sysctls": None}}


def made(folder: Path, facts: dict[str, Any], seed: int = 1, **more: Any) -> Store:
    """A run all of whose trials ran in this environment."""

    def change(row: dict[str, Any]) -> None:
        row["environment"] = "e1"

    store = make_store(folder, seed=seed, change=change, histograms=False, **more)
    with Store.open(store.path, write=True) as again:
        again._append_event({"event": "environment", "id": "e1", "facts": facts})
    return Store.open(store.path)


@pytest.mark.parametrize(
    ("facts", "words", "differ"),
    [
        (SHARED, networks.SHARED, set()),
        (ALIKE, networks.ALIKE, set()),
        (UNREAD, networks.UNREADABLE, set()),
        (APART, "1 setting differs between them", {(f"sysctls.{REUSE}", "0", "2")}),
        (
            ATTACHED,
            "4 settings differ between them",
            {
                (f"sysctls.{QUEUE}", "128", "4096"),
                ("interfaces.lo.mtu_bytes", "65536", "not there"),
                ("interfaces.zy0.mtu_bytes", "not there", "1500"),
                ("interfaces.zy0.gro", "not there", "true"),
            },
        ),
    ],
)
def test_what_differs_between_the_sides_is_told(
    tmp_path: Path, facts: dict[str, Any], words: str, differ: set[tuple[str, str, str]]
) -> None:
    store = made(tmp_path, facts)
    answer = report.answer(store)
    assert words in answer.sides
    assert {(one.name, one.client, one.server) for one in answer.side_differences} == differ
    assert all(len(one.cells) == len(answer.rows) for one in answer.side_differences)
    page = render(store, answer)
    for name, client, server in differ:
        assert (
            f"<td>{name}</td>" in page and f">{client}</td>" in page and f">{server}</td>" in page
        )
    assert ("Both sides:" in page) is bool(differ)


def test_a_run_without_environments_does_not_say(tmp_path: Path) -> None:
    assert report.answer(make_store(tmp_path, histograms=False)).sides == networks.NOT_KNOWN


def test_runs_with_other_networks_are_told_apart(tmp_path: Path) -> None:
    a, b = (source.of_store(made(tmp_path, facts, seed))
            for seed, facts in ((1, ALIKE), (2, APART)))  # fmt: skip
    table = compare_runs(a, b, P50)
    [one] = [one for one in table.differences if one.subject == "network"]
    assert (one.name, one.a, one.b) == (f"client.sysctls.{REUSE}", "2", "0")
    assert f"client.sysctls.{REUSE}" in confounded(table)


def test_what_an_experiment_asked_for_is_told_and_confounds_nothing(tmp_path: Path) -> None:
    link = {"kind": "veth", "sysctl": {"client": {REUSE: 0}}}
    a = source.of_store(made(tmp_path, ALIKE))
    b = source.of_store(made(tmp_path, APART, 2, experiment={**EXPERIMENT, "link": link}))
    table = compare_runs(a, b, P50)
    assert {"network", "experiment"} <= {one.subject for one in table.differences}
    assert confounded(table) == ""


def test_a_baseline_keeps_the_networks(tmp_path: Path) -> None:
    a = source.of_store(made(tmp_path, ALIKE))
    baseline.write(a, tmp_path / "baseline.json", ["latency_ns_p50"])
    saved = baseline.read(tmp_path / "baseline.json")
    b = source.of_store(made(tmp_path, APART, 2))
    assert saved.networks == a.networks
    assert f"client.sysctls.{REUSE}" in confounded(compare_runs(saved, b, P50))


def test_two_machines_confound(tmp_path: Path) -> None:
    """Two runs of one experiment, the second from another machine with another server side."""
    host = {"kernel": {"release": "6.18.0"}, "cpu": {"model": "A"}}
    other = {"server": {**host, "cpu": {"model": "B"}}, "client": host}
    a = source.of_store(made(tmp_path, SHARED, manifest={"host": host}))
    b = source.of_store(made(tmp_path, SHARED, 2, manifest={"host": other}))
    assert "server.cpu.model" in confounded(compare_runs(a, b, P50))
    assert "client.cpu.model" not in confounded(compare_runs(a, b, P50))


def confounded(table: Any) -> str:
    """What the warning says; '' where there is none."""
    return "".join(one.message for one in table.warnings if one.code == "confounded")


# --- real namespaces ------------------------------------------------------------------------------


@pytest.fixture
def elsewhere() -> Iterator[int]:
    """A process in a network namespace of its own, as a container's server is."""
    command = ["unshare", "--map-root-user", "--net", sys.executable, "-c",
               "print(flush=True); import sys; sys.stdin.read()"]  # fmt: skip
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdin is not None and process.stdout is not None
        if not process.stdout.readline():
            pytest.skip("no user or network namespace may be made here")
        yield process.pid
        process.stdin.close()


def test_a_server_that_is_attached_to_elsewhere_is_read_there(elsewhere: int) -> None:
    facts = environment.take({"server": [elsewhere], "client": [os.getpid()]}).facts
    assert facts["server"]["own_network_namespace"] and not facts["client"]["own_network_namespace"]
    both = environment.networks(facts)
    if both["server"] is None:
        pytest.skip("this user may not look into another network namespace")
    assert both["server"]["sysctls"][REUSE] == "2"  # a new namespace has the kernel's default
    assert both["server"]["interfaces"] == {}
    assert both["client"] is not None and "lo" in both["client"]["interfaces"]


@pytest.mark.native
@needs("veth")
def test_both_ends_of_a_link_are_in_the_record_and_the_report(tmp_path: Path) -> None:
    link = "{kind: veth, mtu: 1400, sysctl: {client: {net.ipv4.tcp_tw_reuse: 0}}}"
    _, store = run(tmp_path, LINKED.replace("{kind: veth}", link))
    for facts in store.environments().values():
        for role in ("client", "server"):
            [interface] = facts[role]["interfaces"].values()
            assert interface["mtu_bytes"] == 1400 and interface["qdisc"]
        assert facts["client"]["sysctls"][REUSE] == "0"
    answer = report.answer(store)
    found = {one.name: (one.client, one.server) for one in answer.side_differences}
    assert found == {f"sysctls.{REUSE}": ("0", "2")}
