"""Links on the real kernel: namespaces made and removed, trials across them, crashes swept.

What a link needs of the machine is said where a test is skipped for want of it.
"""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from linking import datagrams, exchanged, listening, needs, up
from zyphos_lab import host_interfaces, links, netns, proc
from zyphos_lab.child import Child, Children, Command
from zyphos_lab.errors import LinkError, MeasurementError
from zyphos_lab.links import sysctl
from zyphos_lab.links.netem import disciplines
from zyphos_lab.links.network import Network, Plug
from zyphos_lab.spec import Link

pytestmark = [pytest.mark.native, pytest.mark.core]


def ours() -> list[str]:
    """Namespaces of this process."""
    return sorted(path.name for path in netns.FOLDER.glob(f"{netns.mark()}-*"))


@pytest.fixture(autouse=True)
def nothing_is_left() -> Iterator[None]:
    """After each test this machine has the interfaces that it had, and no namespace of ours."""
    before = socket.if_nameindex()
    yield
    assert ours() == []
    assert [name for _, name in socket.if_nameindex()] == [name for _, name in before]


def test_the_thread_is_back_where_it_was_whatever_happens(tmp_path: Path) -> None:
    own = os.readlink(netns.OWN)
    with pytest.raises(FileNotFoundError), netns.entered("/run/netns/no-such"):
        pass
    with netns.entered(None):
        assert os.readlink(netns.OWN) == own
    command = Command(["/bin/true"], namespace="/run/netns/no-such")
    with pytest.raises(MeasurementError, match="network namespace /run/netns/no-such: No such"):
        Child(command, Children(tmp_path))
    assert os.readlink(netns.OWN) == own


@needs("veth")
def test_a_child_starts_inside_and_the_runner_stays_outside(tmp_path: Path) -> None:
    own = os.readlink(netns.OWN)
    with up(tmp_path, kind="veth") as (_, ends):
        command = Command(
            ["/bin/readlink", "/proc/self/ns/net"], namespace=ends.server, pipe_stdout=True
        )
        child = Child(command, Children(tmp_path))
        there = child.stdout.read().decode().strip()
        child.stop(signal.SIGTERM, 1.0)
        assert ends.server is not None
        assert there == f"net:[{os.stat(ends.server).st_ino}]" != own
    assert os.readlink(netns.OWN) == own


@needs("veth")
@pytest.mark.parametrize("hops", [0, 2])
def test_veth_joins_two_namespaces(tmp_path: Path, hops: int) -> None:
    with up(tmp_path, kind="veth", hops=hops, mtu=1400) as (link, ends):
        assert len(ours()) == 2 + hops
        before = link.snapshot()
        assert exchanged(ends, 100_000) == 100_000
        columns, skipped = link.columns(before, link.snapshot())
        assert skipped == {}
        assert columns["link_mtu_bytes"] == 1400
        # Every packet fits the MTU, headers included; all that was sent came.
        assert columns["link_forward_packets"] >= 100_000 / (1400 - 40)
        assert columns["link_forward_bytes"] <= 1400 * columns["link_forward_packets"]
        assert columns["link_forward_bytes"] >= 100_000 + 40 * 72
        for name in ("packets", "bytes"):
            for way in ("forward", "backward"):
                sent = columns[f"link_{way}_{name}"]
                assert sent == columns[f"link_{way}_delivered_{name}"] > 0
        with pytest.raises(ConnectionRefusedError):
            # From outside the address is anybody's, not the namespace's.
            socket.create_connection(("127.0.0.1", 9), timeout=1)


@needs("veth")
def test_offloads_are_off_until_asked_for(tmp_path: Path) -> None:
    for asked in (False, True):
        with up(tmp_path, kind="veth", offloads=asked) as (_, ends), netns.entered(ends.client):
            with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as asking:
                found = {
                    name: host_interfaces.offload(asking, "zy0", host_interfaces.OFFLOADS[name])
                    for name in ("tso", "gso")
                }
            assert found == {"tso": asked, "gso": asked}


@needs("veth")
def test_settings_are_the_namespace_s_alone(tmp_path: Path) -> None:
    name = "net.ipv4.tcp_syncookies"
    machine = sysctl.read(name)
    asked = {"both": {name: 2}, "server": {"net.core.somaxconn": 77, name: 0}}
    with up(tmp_path, kind="veth", sysctl=asked) as (link, ends):
        for side, value in (("server", "0"), ("client", "2")):
            with netns.entered(getattr(ends, side)):
                assert sysctl.read(name) == value
        snapshot = link.snapshot()
        recorded = json.loads(link.columns(snapshot, snapshot)[0]["link_sysctls"])
        assert recorded == {
            "client": {name: "2"},
            "server": {name: "0", "net.core.somaxconn": "77"},
        }
    assert sysctl.read(name) == machine


@needs("veth")
@pytest.mark.parametrize(
    ("name", "value", "why"),
    [
        ("net.core.no_such", 1, "no such setting"),
        ("net.ipv4.tcp_congestion_control", "none", "a namespace has only what"),
        ("net.ipv4.tcp_max_orphans", 1, "net.ipv4.tcp_max_orphans=1: "),
    ],
)
def test_a_setting_that_the_kernel_refuses_is_said(
    tmp_path: Path, name: str, value: object, why: str
) -> None:
    with (
        pytest.raises(LinkError) as caught,
        up(tmp_path, kind="veth", sysctl={"both": {name: value}}),
    ):
        pass
    assert f"link veth: sysctl {name}={value}: " in str(caught.value)
    assert why in str(caught.value) and "\n" not in str(caught.value)
    assert ours() == []


@needs("veth")
def test_a_name_that_is_taken_is_said_in_one_line() -> None:
    mark = f"{netns.mark()}-taken"
    first, second = Network(mark), Network(mark)
    for network in (first, second):
        network.host("host")
    first.up()
    try:
        with pytest.raises(LinkError, match=f"{mark}-host is there already") as caught:
            second.up()
        assert "\n" not in str(caught.value)
        assert (netns.FOLDER / f"{mark}-host").exists()  # it was not the second's to remove
    finally:
        first.down()


@needs("veth")
def test_hosts_on_a_bridge_reach_each_other() -> None:
    network = Network()
    names = [f"h{at}" for at in range(12)]
    for name in names:
        network.host(name)
    plugs = [Plug(name, "zy0", f"198.18.0.{at + 1}/24") for at, name in enumerate(names)]
    network.bridge("switch", plugs)
    network.up()
    try:
        with listening(network.path("h0"), "198.18.0.1") as server:
            for name in names[1:]:
                with (
                    netns.entered(network.path(name)),
                    socket.create_connection(server.getsockname(), timeout=5) as one,
                ):
                    assert one.getsockname()[0].startswith("198.18.0.")
    finally:
        network.down()
        network.down()


@needs("veth")
def test_a_rate_of_the_kernel_s_own_needs_no_netem(tmp_path: Path) -> None:
    with up(tmp_path, kind="netem", rate="40Mbit/s", queue=50) as (link, ends):
        before, begun_ns = link.snapshot(), time.monotonic_ns()
        assert exchanged(ends, 1_000_000) == 1_000_000
        took_ns = time.monotonic_ns() - begun_ns
        columns, _ = link.columns(before, link.snapshot())
        # 8 Mbit at 40 Mbit/s take 200 ms; a burst of a millisecond may go ahead.
        assert took_ns >= 195_000_000
        assert columns["link_forward_rate_bits_per_second"] == 40_000_000


def words_of_tc(**keys: Any) -> list[str]:
    shaping = Link.model_validate({"kind": "netem", **keys}).shaping("forward")
    return [" ".join(words) for words in disciplines(shaping, 1500)]


def test_the_kernel_s_disciplines_are_told_what_the_file_says() -> None:
    netem = "root handle 1: netem limit 1000000"
    assert words_of_tc() == []
    assert words_of_tc(delay="5ms") == [f"{netem} delay 5000000ns"]
    assert words_of_tc(delay="5ms", jitter="1ms", jitter_law="pareto", loss="1%") == [
        f"{netem} delay 5000000ns 1000000ns distribution pareto loss random 1%"
    ]
    burst = {"law": "gilbert-elliott", "p": "1%", "r": "30%", "good": "0.1%", "bad": "50%"}
    assert words_of_tc(loss=burst) == [f"{netem} loss gemodel 1% 30% 50% 0.1%"]
    assert words_of_tc(delay="1ms", reorder="2%", duplicate="0.5%", rate="8Mbit/s", queue=10) == [
        f"{netem} delay 1000000ns reorder 2% duplicate 0.5%",
        "parent 1:1 handle 10: tbf rate 8000000bit burst 3028 limit 18028",
    ]


@needs("tun")
def test_tun_delays_what_it_is_told_to(tmp_path: Path) -> None:
    delays = {"forward": {"delay": "30ms"}, "backward": {"delay": "10ms"}}
    with up(tmp_path, kind="tun", hops=1, **delays) as (link, ends):
        before = link.snapshot()
        begun_ns = time.monotonic_ns()
        assert exchanged(ends, 20_000) == 20_000
        # A handshake, and the data behind it: three ways at least, the emulator is never early.
        assert time.monotonic_ns() - begun_ns >= 70_000_000
        after = link.snapshot()
        columns, skipped = link.columns(before, after)
        assert skipped == {}
        assert columns["link_forward_delay_ns"] == 30_000_000
        assert columns["link_backward_delay_ns"] == 10_000_000
        assert columns["link_forward_packets"] >= 20_000 / 1460
        assert columns["link_forward_delivered_packets"] > 0
        assert 0 <= columns["link_forward_late_ns_p50"] <= columns["link_forward_late_ns_max"]
        assert columns["link_forward_handed_late_ns_mean"] >= 0
        assert set(link.histograms(before, after)) == {
            "link_forward_late_ns",
            "link_backward_late_ns",
            "link_forward_handed_late_ns",
            "link_backward_handed_late_ns",
        }
        [emulator] = link.pids()
    assert not Path(f"/proc/{emulator}").exists()


@needs("tun")
def test_tun_loses_the_packets_that_it_is_told_to(tmp_path: Path) -> None:
    loss = {"law": "index", "indices": [4, 6]}
    with up(tmp_path, kind="tun", delay="1ms", forward={"loss": loss}) as (link, ends):
        before = link.snapshot()
        assert exchanged(ends, 50_000) == 50_000
        columns, _ = link.columns(before, link.snapshot())
        assert columns["link_forward_dropped_loss"] == 2
        assert columns["link_backward_dropped_loss"] == 0
        assert columns["link_forward_loss_law"] == "index"


@needs("tun")
def test_what_a_tun_drops_unread_is_counted(tmp_path: Path) -> None:
    with ExitStack() as stack:
        link, ends = stack.enter_context(up(tmp_path, kind="tun", tx_queue=10))
        server, client = datagrams(ends, "server", stack), datagrams(ends, "client", stack)
        before = link.snapshot()
        [emulator] = link.pids()
        os.kill(emulator, signal.SIGSTOP)
        while (found := proc.process(emulator)) is not None and found.state != "T":
            time.sleep(0.001)
        for _ in range(100):
            client.sendto(b"x", server.getsockname())
        os.kill(emulator, signal.SIGCONT)
        for _ in range(10):
            assert server.recv(8) == b"x"
        for _ in range(10_000):  # a packet is counted after it was written
            columns, skipped = link.columns(before, link.snapshot())
            if columns["link_forward_delivered_packets"] == 10:
                break
        assert skipped == {"link_backward_queued_ns_mean": "no packet left the link in the window"}
        assert columns["link_tx_queue_packets"] == 10
        assert columns["link_forward_tun_dropped"] == 90
        assert columns["link_forward_packets"] == columns["link_forward_delivered_packets"] == 10
        assert columns["link_backward_tun_dropped"] == 0


@needs("tun")
@pytest.mark.parametrize(
    ("aqm", "keys"),
    [
        ("codel", {"codel_target": "1ms"}),
        ("pie", {"pie_target": "1ms", "pie_burst": "0s"}),
        ("red", {"red_min": 1, "red_max": 9, "red_weight": "10%"}),
    ],
)
def test_tun_keeps_a_rate_and_its_queue_is_managed(
    tmp_path: Path, aqm: str, keys: dict[str, object]
) -> None:
    managed = {"rate": "20Mbit/s", "queue": 1000, "aqm": aqm, **keys}
    with up(tmp_path, kind="tun", forward=managed, poll=False) as (link, ends):
        before, begun_ns = link.snapshot(), time.monotonic_ns()
        assert exchanged(ends, 500_000) == 500_000
        # 4 Mbit at 20 Mbit/s.
        assert time.monotonic_ns() - begun_ns >= 190_000_000
        columns, _ = link.columns(before, link.snapshot())
        assert columns["link_forward_rate_bits_per_second"] == 20_000_000
        assert columns["link_forward_aqm"] == aqm
        assert columns["link_forward_delivered_bytes"] >= 500_000
        assert columns["link_forward_dropped_queue"] == 0
        # They wait for one another, but never all of them: that would be 200 ms.
        assert 0 < columns["link_forward_queued_ns_mean"] < 100_000_000


@needs("tun")
def test_an_emulator_that_dies_is_said(tmp_path: Path) -> None:
    with up(tmp_path, kind="tun", delay="1ms") as (link, _):
        link.check()
        [emulator] = link.pids()
        os.kill(emulator, signal.SIGKILL)
        while not ended(emulator):
            time.sleep(0.001)
        with pytest.raises(LinkError, match="link tun: zyphos-link died; killed by SIGKILL"):
            link.check()


def ended(pid: int) -> bool:
    found = proc.process(pid)
    return found is None or found.state == "Z"


@needs("tun")
def test_what_the_emulator_refuses_is_said_in_one_line(tmp_path: Path) -> None:
    spec = Link.model_validate({"kind": "tun", "reorder": "1%"})  # the file's rules forbid it
    link = links.make(spec, links.Setting(Children(tmp_path), seed=1))
    with pytest.raises(LinkError, match="reorder needs delay_ns") as caught:
        link.up()
    assert "\n" not in str(caught.value)


MAKER = """
import sys, time
from zyphos_lab.links.network import Network
network = Network()
network.host("left")
network.host("right")
network.up()
print("up", flush=True)
time.sleep(600)
"""


@needs("veth")
def test_what_a_killed_process_left_is_swept_and_nothing_else(tmp_path: Path) -> None:
    pipe = subprocess.PIPE
    with up(tmp_path, kind="veth"):
        own = ours()
        maker = subprocess.Popen([sys.executable, "-c", MAKER], stdout=pipe, text=True)
        assert maker.stdout is not None and maker.stdout.readline() == "up\n"
        theirs = sorted(path.name for path in netns.FOLDER.glob(f"zy-{maker.pid}-*"))
        assert len(theirs) == 2
        assert not set(netns.sweep()) & {*own, *theirs}  # both live
        maker.kill()
        maker.communicate()
        assert set(theirs) <= set(netns.sweep())
        assert ours() == own
    assert not list(netns.FOLDER.glob(f"zy-{maker.pid}-*"))
