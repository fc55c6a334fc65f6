"""Links of family ipv6 on the real kernel: every kind, routers, marks, black holes, whole runs."""

from __future__ import annotations

import contextlib
import os
import socket
import struct
from pathlib import Path

import pytest

from linking import Joined, datagrams, exchanged, needs, up
from test_links_runs import EXPERIMENT, run, whole
from zyphos_lab import disturb, links, netns
from zyphos_lab.child import Children, monotonic_ns
from zyphos_lab.errors import LinkError
from zyphos_lab.links import LinkMissingError, ability, sysctl
from zyphos_lab.spec import Link
from zyphos_lab.spec.models import Disturbance

pytestmark = [pytest.mark.native, pytest.mark.core, needs("veth"), needs("ipv6")]
KINDS = [pytest.param(kind, marks=needs(kind)) for kind in ("veth", "tun")]
CLIENT = "fd00:198:18::1"
IPV6_RECVTCLASS, IPV6_TCLASS = 66, 67  # <linux/in6.h>
IPV6_MTU_DISCOVER, IPV6_MTU, IPV6_PMTUDISC_DO = 23, 24, 2
ECT_0, CE = 2, 3
PAYLOAD_BYTES = 1500 - 40 - 8


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("hops", [0, 2])
def test_it_joins_two_namespaces(tmp_path: Path, kind: str, hops: int) -> None:
    with up(tmp_path, kind=kind, family="ipv6", hops=hops) as (link, ends):
        assert ends.client_address == CLIENT
        assert ends.server_address == ("fd00:198:18:2::2" if hops else "fd00:198:18::2")
        before = link.snapshot()
        assert exchanged(ends, 100_000) == 100_000
        columns, skipped = link.columns(before, link.snapshot())
        assert skipped == {} and columns["link_family"] == "ipv6"
        # 40 bytes of IPv6 and 32 of TCP with its timestamps in packets of 1500.
        assert columns["link_forward_packets"] >= 100_000 / (1500 - 72)
        assert columns["link_forward_bytes"] >= 100_000 + 72 * 70


@needs("tun")
def test_nothing_is_sent_on_a_tun_unasked(tmp_path: Path) -> None:
    loss = {"law": "index", "indices": [1]}
    with contextlib.ExitStack() as stack:
        link, ends = stack.enter_context(up(tmp_path, kind="tun", family="ipv6", loss=loss))
        server, client = datagrams(ends, "server", stack), datagrams(ends, "client", stack)
        before = link.snapshot()
        for text in (b"1", b"2"):
            client.sendto(text, server.getsockname())
        assert server.recv(8) == b"2"  # the first packet of the link was the first that we sent
        columns, _ = link.columns(before, link.snapshot())
        assert (columns["link_forward_packets"], columns["link_backward_packets"]) == (2, 0)
        assert columns["link_forward_bytes"] == 2 * (40 + 8 + 1)


@needs("tun")
def test_what_would_be_lost_is_marked(tmp_path: Path) -> None:
    with contextlib.ExitStack() as stack:
        keys = {"kind": "tun", "family": "ipv6", "forward": {"loss": "100%", "ecn": True}}
        link, ends = stack.enter_context(up(tmp_path, **keys))
        server, client = datagrams(ends, "server", stack), datagrams(ends, "client", stack)
        server.setsockopt(socket.IPPROTO_IPV6, IPV6_RECVTCLASS, 1)
        before = link.snapshot()
        for codepoint in (0, ECT_0):
            client.setsockopt(socket.IPPROTO_IPV6, IPV6_TCLASS, codepoint)
            client.sendto(bytes([codepoint]), server.getsockname())
        text, said, _, _ = server.recvmsg(8, 64)
        [traffic_class] = [struct.unpack("=i", data)[0] for _, kind, data in said]
        assert (text, traffic_class) == (bytes([ECT_0]), CE)
        columns, _ = link.columns(before, link.snapshot())
        assert columns["link_forward_ce_marked"] == columns["link_forward_dropped_loss"] == 1


@needs("tun")
def test_a_flipped_bit_of_the_payload_is_found(tmp_path: Path) -> None:
    with contextlib.ExitStack() as stack:
        keys = {"kind": "tun", "family": "ipv6", "forward": {"corrupt": "100%"}}
        link, ends = stack.enter_context(up(tmp_path, **keys))
        server, client = datagrams(ends, "server", stack), datagrams(ends, "client", stack)
        sent = os.urandom(PAYLOAD_BYTES)
        for _ in range(20):
            client.sendto(sent, server.getsockname())
        server.settimeout(0.3)
        came = []
        with contextlib.suppress(TimeoutError):
            while True:
                came.append(server.recv(2000))
        # IPv6's own header has no checksum: a flip in its hop limit or labels does no harm.
        assert set(came) <= {sent}
        assert len(came) < 20
        columns, _ = link.columns(link.snapshot(), link.snapshot())
        assert columns["link_forward_corrupt_ratio"] == 1


@needs("nftables")
@needs("veth")
@pytest.mark.parametrize(("icmp", "learnt"), [("send", 1400), ("drop", 1500)])
def test_a_sender_learns_the_path_s_mtu(tmp_path: Path, icmp: str, learnt: int) -> None:
    asked = {"mtu": 1400, "icmp": icmp}
    with contextlib.ExitStack() as stack:
        keys = {"kind": "veth", "family": "ipv6", "hops": 2, "routers": asked}
        link, ends = stack.enter_context(up(tmp_path, **keys))
        sender = datagrams(ends, "server", stack)
        sender.setsockopt(socket.IPPROTO_IPV6, IPV6_MTU_DISCOVER, IPV6_PMTUDISC_DO)
        before = link.snapshot()
        sender.connect((CLIENT, 9))
        sender.settimeout(0.3)
        sender.send(b"x" * PAYLOAD_BYTES)
        with contextlib.suppress(OSError):  # EMSGSIZE when the router said so
            sender.recv(1)
        assert sender.getsockopt(socket.IPPROTO_IPV6, IPV6_MTU) == learnt
        columns, _ = link.columns(before, link.snapshot())
        assert columns["link_too_big_packets"] == 1


@needs("nftables")
@needs("veth")
def test_a_nat_hides_the_client(tmp_path: Path) -> None:
    with contextlib.ExitStack() as stack:
        link, ends = stack.enter_context(up(tmp_path, kind="veth", family="ipv6", nat={}))
        joined = Joined(ends, stack)
        assert joined.client.getsockname()[0] == CLIENT
        assert joined.seen[0] == "fd00:198:18:1::1"
        joined.client.sendall(b"there")
        assert joined.server.recv(5) == b"there"
        assert link.columns(link.snapshot(), link.snapshot())[0]["link_nat_entries"] == 1


@pytest.mark.parametrize("kind", KINDS)
def test_an_open_connection_goes_dark_and_comes_back(tmp_path: Path, kind: str) -> None:
    step = Disturbance.model_validate({"at": "20ms", "link": "blackhole", "for": "300ms"})
    with contextlib.ExitStack() as stack:
        _, ends = stack.enter_context(up(tmp_path, kind=kind, family="ipv6"))
        joined = Joined(ends, stack)
        running = disturb.make([step], disturb.Scene([], ends), Children(tmp_path))
        stack.callback(running.close)
        running.arm(monotonic_ns())
        joined.server.settimeout(0.15)
        with pytest.raises(TimeoutError):  # dark: the first byte that does not come
            while True:
                joined.client.send(b"x")
                joined.server.recv(8)
        [event] = running.events(monotonic_ns() + 1_000_000_000)
        assert event["light_ns"] - event["dark_ns"] >= 300_000_000
        joined.server.settimeout(10)
        assert joined.server.recv(8) == b"x"  # sent again, now that it arrives
        with netns.entered(ends.server):
            assert sysctl.read("net.ipv4.ip_early_demux") == "1"


def test_settings_are_of_either_family(tmp_path: Path) -> None:
    name = "net.ipv6.conf.all.hop_limit"
    asked = {"server": {name: 7}, "client": {"net.ipv4.tcp_sack": 0}}
    keys = {"kind": "veth", "family": "ipv6", "sysctl": asked}
    with up(tmp_path, **keys) as (_, ends), netns.entered(ends.server):
        assert sysctl.read(name) == "7"
    with (
        pytest.raises(LinkError, match=r"sysctl net.ipv6.no_such=1: no such setting"),
        up(tmp_path, kind="veth", family="ipv6", sysctl={"both": {"net.ipv6.no_such": 1}}),
    ):
        pass


def test_a_kernel_without_ipv6_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ability, "TABLE_OF_ADDRESSES", str(tmp_path / "none"))
    links.missing.cache_clear()
    try:
        keys = {"kind": "veth", "family": "ipv6"}
        with pytest.raises(LinkMissingError, match="this kernel has no IPv6"), up(tmp_path, **keys):
            pass
        [(code, note)] = links.notes([Link.model_validate(keys)])
        assert code == "link_missing" and "this kernel has no IPv6" in note and "\n" not in note
    finally:
        links.missing.cache_clear()


@needs("tun")
def test_trials_run_over_ipv6(tmp_path: Path) -> None:
    values = "{wire: {kind: veth, family: ipv6}, far: {kind: tun, family: ipv6, delay: 5ms}}"
    text = EXPERIMENT.replace("link: {kind: veth}", "link: {}")
    factor = f"factors: {{way: {{set: link, values: {values}}}}}\n"
    done, store = run(tmp_path, text + factor, "--set", "repeat.starts=1")
    assert done.returncode in (0, 5), done.stderr
    rows = {row["cell"]: row for row in store.rows()}
    assert set(rows) == {"way=wire", "way=far"}
    for row in rows.values():
        whole(row)
        assert row["link_family"] == "ipv6"
    assert rows["way=far"]["latency_ns_min"] >= 10_000_000
