"""Routers of links that do more than pass packets on: NAT, path MTU, on the real kernel."""

from __future__ import annotations

import contextlib
import socket
from pathlib import Path
from typing import Any

import pytest

from linking import Joined, datagrams, needs, up
from zyphos_lab import disturb, links, netns
from zyphos_lab.child import Children, monotonic_ns
from zyphos_lab.errors import LinkError
from zyphos_lab.links import LinkMissingError, routers, sysctl
from zyphos_lab.links.addresses import address
from zyphos_lab.netfilter import Netfilter
from zyphos_lab.spec import Link
from zyphos_lab.spec.models import Disturbance

pytestmark = [pytest.mark.native, pytest.mark.core]

BEHIND = {"kind": "veth", "nat": {}}
CLIENT = "198.18.0.1"
ROUTER = "198.18.1.1"  # as the server sees it
IP_MTU_DISCOVER, IP_PMTUDISC_DO = 10, 2


def forget(link: Any) -> None:
    with netns.entered(link.network.path("router0")):
        asking = Netfilter()
    asking.forget()
    asking.close()


@needs("nftables")
def test_a_nat_hides_the_client_and_keeps_it_reachable(tmp_path: Path) -> None:
    with contextlib.ExitStack() as stack:
        link, ends = stack.enter_context(up(tmp_path, kind="veth", nat={}))
        before = link.snapshot()
        joined = Joined(ends, stack)
        assert joined.client.getsockname()[0] == CLIENT
        assert joined.seen[0] == ROUTER and joined.seen[1] != joined.client.getsockname()[1]
        joined.client.sendall(b"there")
        assert joined.server.recv(5) == b"there"
        joined.server.sendall(b"back")
        assert joined.client.recv(4) == b"back"
        columns, skipped = link.columns(before, link.snapshot())
        assert skipped == {}
        assert columns["link_hops"] == 1 and columns["link_nat_entries"] == 1
        assert columns["link_nat_unsolicited_packets"] == columns["link_nat_unknown_packets"] == 0


@needs("nftables")
@pytest.mark.parametrize(
    ("nat", "outcome"),
    [
        ({"unknown": "map", "ports": "new"}, ConnectionResetError),
        ({"unknown": "map", "ports": "kept"}, None),
        ({"unknown": "drop", "ports": "kept"}, TimeoutError),
    ],
    ids=["reset", "unharmed", "silence"],
)
def test_what_a_connection_sees_whose_mapping_is_lost(
    tmp_path: Path, nat: dict[str, str], outcome: type[OSError] | None
) -> None:
    with contextlib.ExitStack() as stack:
        link, ends = stack.enter_context(up(tmp_path, kind="veth", nat=nat))
        joined = Joined(ends, stack)
        joined.client.sendall(b"1")
        assert joined.server.recv(1) == b"1"
        forget(link)
        before = link.snapshot()
        joined.client.sendall(b"2")
        joined.server.settimeout(0.3 if outcome is TimeoutError else 5)
        if outcome is None:
            assert joined.server.recv(1) == b"2"
        elif outcome is TimeoutError:
            with pytest.raises(TimeoutError):
                joined.server.recv(1)
        else:
            with pytest.raises(ConnectionResetError):
                joined.client.recv(1)
        columns, _ = link.columns(before, link.snapshot())
        assert (columns["link_nat_unknown_packets"] > 0) == (outcome is TimeoutError)


@needs("nftables")
def test_a_rebinding_comes_when_it_is_to(tmp_path: Path) -> None:
    with contextlib.ExitStack() as stack:
        link, ends = stack.enter_context(up(tmp_path, **BEHIND))
        joined = Joined(ends, stack)
        assert link.routers.snapshot()[0][1]["entries"] == 1
        step = Disturbance.model_validate({"at": "20ms", "link": "rebind"})
        running = disturb.make([step], disturb.Scene([], ends), Children(tmp_path))
        stack.callback(running.close)
        running.arm(monotonic_ns())
        [event] = running.events(monotonic_ns())
        assert event["kind"] == "rebind" and event["rebound_ns"] >= 20_000_000
        assert link.routers.snapshot()[0][1]["entries"] == 0
        assert disturb.columns([event], 10**9)["link_nat_rebindings"] == 1
        assert "wrong_answers" in disturb.expected([event])
        joined.client.sendall(b"a stranger now")
        with pytest.raises(ConnectionResetError):
            joined.client.recv(1)


@needs("nftables")
def test_from_outside_nobody_gets_in_without_a_mapping(tmp_path: Path) -> None:
    with contextlib.ExitStack() as stack:
        link, ends = stack.enter_context(up(tmp_path, kind="veth", nat={"udp_timeout": "77s"}))
        with netns.entered(link.network.path("router0")):
            assert sysctl.read("net.netfilter.nf_conntrack_udp_timeout_stream") == "77"
        outside = datagrams(ends, "server", stack)
        with netns.entered(ends.client):
            inside = stack.enter_context(socket.socket(socket.AF_INET, socket.SOCK_DGRAM))
        inside.settimeout(5)
        before = link.snapshot()
        outside.sendto(b"knock", (ROUTER, 9))
        inside.sendto(b"there", outside.getsockname())
        said, mapped = outside.recvfrom(16)
        assert said == b"there" and mapped[0] == ROUTER
        outside.sendto(b"back", mapped)
        assert inside.recv(16) == b"back"
        columns, _ = link.columns(before, link.snapshot())
        assert columns["link_nat_unsolicited_packets"] == 1
        with pytest.raises(OSError, match="unreachable"):
            outside.sendto(b"private", (CLIENT, 9))


@needs("nftables")
@pytest.mark.parametrize("family", ["ipv4", "ipv6"])
def test_a_forwarded_port_leads_to_the_client(tmp_path: Path, family: str) -> None:
    nat = {"forward": [{"port": 8080, "to": 80}, {"port": 53}]}
    with contextlib.ExitStack() as stack:
        link, ends = stack.enter_context(up(tmp_path, kind="veth", family=family, nat=nat))
        router = address(link.spec.family, 1, 1)
        columns = link.columns(link.snapshot(), link.snapshot())[0]
        assert columns["link_nat_forward"] == "8080:80 53:53"
        assert ends.client_address is not None
        with netns.entered(ends.client):
            version = socket.AF_INET6 if family == "ipv6" else socket.AF_INET
            inside = socket.create_server((ends.client_address, 80), family=version)
        stack.enter_context(inside)
        with netns.entered(ends.server):
            outside = stack.enter_context(socket.create_connection((router, 8080), timeout=5))
            with pytest.raises(TimeoutError):  # a port that leads nowhere answers nobody
                socket.create_connection((router, 80), timeout=0.3)
        peer, seen = inside.accept()
        stack.enter_context(peer)
        assert seen[0] == ends.server_address  # only the destination is translated
        peer.sendall(b"from inside")
        assert outside.recv(16) == b"from inside"
        asked, answers = datagrams(ends, "client", stack, 53), datagrams(ends, "server", stack)
        answers.sendto(b"?", (router, 53))
        said, asker = asked.recvfrom(16)
        asked.sendto(b"!", asker)
        assert (said, answers.recvfrom(16)[0]) == (b"?", b"!")


HIDDEN = {"hides": "server", "forward": [{"port": 8080}]}


@needs("nftables")
@pytest.mark.parametrize("family", ["ipv4", "ipv6"])
@pytest.mark.parametrize("hops", [1, 2])
def test_a_hidden_server_is_reached_by_its_forwarded_port_alone(
    tmp_path: Path, family: str, hops: int
) -> None:
    keys = {"kind": "veth", "family": family, "hops": hops, "nat": HIDDEN}
    with contextlib.ExitStack() as stack:
        link, ends = stack.enter_context(up(tmp_path, **keys))
        assert ends.front_address == address(link.spec.family, hops - 1, 2)
        assert ends.server_address is not None and ends.port == 8080
        before = link.snapshot()
        with netns.entered(ends.server):
            version = socket.AF_INET6 if family == "ipv6" else socket.AF_INET
            one = socket.create_server((ends.server_address, ends.port), family=version)
        inside = stack.enter_context(one)
        with netns.entered(ends.client):
            outside = socket.create_connection((ends.front_address, ends.port), timeout=5)
            stack.enter_context(outside)
            with pytest.raises(OSError, match="unreachable"):
                socket.create_connection((ends.server_address, ends.port), timeout=5)
            with pytest.raises(TimeoutError):
                socket.create_connection((ends.front_address, 80), timeout=0.3)
        peer, seen = inside.accept()
        stack.enter_context(peer)
        assert seen[0] == ends.client_address  # only the destination is translated
        outside.sendall(b"from outside")
        assert peer.recv(16) == b"from outside"
        columns, _ = link.columns(before, link.snapshot())
        assert columns["link_nat_hides"] == "server" and columns["link_nat_entries"] >= 1
        assert columns["link_nat_unsolicited_packets"] >= 1


@needs("nftables")
@pytest.mark.parametrize("unknown", ["map", "drop"])
def test_what_a_connection_to_a_hidden_server_sees_whose_mapping_is_lost(
    tmp_path: Path, unknown: str
) -> None:
    with contextlib.ExitStack() as stack:
        nat = {**HIDDEN, "unknown": unknown, "ports": "new"}
        link, ends = stack.enter_context(up(tmp_path, kind="veth", nat=nat))
        assert ends.server_address is not None and ends.nat is not None
        with netns.entered(ends.server):
            inside = stack.enter_context(socket.create_server((ends.server_address, ends.port)))
        with netns.entered(ends.client):
            outside = socket.create_connection((ends.front_address, ends.port), timeout=5)
        stack.enter_context(outside)
        peer, _ = inside.accept()
        stack.enter_context(peer)
        forget(link)
        before = link.snapshot()
        outside.sendall(b"still there?")
        if unknown == "map":  # the forwarding leads it back, with the client's own port
            peer.settimeout(5)
            assert peer.recv(16) == b"still there?"
        else:
            peer.settimeout(0.3)
            with pytest.raises(TimeoutError):
                peer.recv(16)
        columns, _ = link.columns(before, link.snapshot())
        assert (columns["link_nat_unsolicited_packets"] > 0) == (unknown == "drop")


@needs("nftables")
def test_datagrams_get_another_port_when_the_nat_forgets(tmp_path: Path) -> None:
    with contextlib.ExitStack() as stack:
        link, ends = stack.enter_context(up(tmp_path, **BEHIND))
        inside, outside = datagrams(ends, "client", stack), datagrams(ends, "server", stack)
        inside.connect(outside.getsockname())
        seen = []
        for _ in range(2):
            inside.send(b"here")
            seen.append(outside.recvfrom(16)[1])
            forget(link)
        assert seen[0] != seen[1]
        before = link.snapshot()
        outside.sendto(b"to where you were", seen[0])
        inside.settimeout(0.3)
        with pytest.raises(TimeoutError):  # until the client speaks, nobody reaches it
            inside.recv(64)
        assert link.columns(before, link.snapshot())[0]["link_nat_unsolicited_packets"] == 1
        inside.send(b"here")
        inside.settimeout(5)
        outside.sendto(b"to where you are", outside.recvfrom(16)[1])
        assert inside.recv(64) == b"to where you are"


def path_mtu(ends: links.Ends) -> int | None:
    """What the server learns when it sends the client 1500 bytes, by its error queue's errno."""
    assert ends.server_address is not None
    with netns.entered(ends.server):
        sender = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    with sender:
        sender.setsockopt(socket.IPPROTO_IP, IP_MTU_DISCOVER, IP_PMTUDISC_DO)
        sender.connect((CLIENT, 9))
        sender.settimeout(0.3)
        sender.send(b"x" * 1472)
        with contextlib.suppress(OSError):  # EMSGSIZE when the router said so
            sender.recv(1)
        return sender.getsockopt(socket.IPPROTO_IP, 14)  # IP_MTU


@needs("nftables")
@pytest.mark.parametrize(("icmp", "learnt"), [("send", 1400), ("drop", 1500)])
def test_a_sender_learns_the_path_s_mtu_unless_nobody_tells(
    tmp_path: Path, icmp: str, learnt: int
) -> None:
    asked = {"mtu": 1400, "icmp": icmp}
    with up(tmp_path, kind="veth", hops=2, routers=asked) as (link, ends):
        before = link.snapshot()
        assert path_mtu(ends) == learnt
        columns, skipped = link.columns(before, link.snapshot())
        assert skipped == {} and columns["link_too_big_packets"] == 1
        assert columns["link_router_mtu_bytes"] == 1400 and columns["link_router_icmp"] == icmp


@needs("nftables")
@pytest.mark.parametrize("clamped", [False, True])
def test_routers_clamp_the_mss_to_what_fits(tmp_path: Path, clamped: bool) -> None:
    asked = {"mtu": 1400, "icmp": "drop", "clamp_mss": clamped}
    with contextlib.ExitStack() as stack:
        _, ends = stack.enter_context(up(tmp_path, kind="tun", hops=2, routers=asked))
        joined = Joined(ends, stack)
        joined.server.settimeout(0.3)
        joined.server.sendall(b"x" * 5000)
        joined.client.settimeout(5 if clamped else 0.3)
        came = 0
        with contextlib.suppress(TimeoutError):
            while came < 5000:
                came += len(joined.client.recv(5000))
        assert came == (5000 if clamped else 0)


def test_rules_are_only_those_that_were_asked_for() -> None:
    plain = Link.model_validate({"kind": "veth", "hops": 2})
    assert not plain.filters
    both = Link.model_validate({"kind": "veth", "hops": 2, "nat": {}})
    assert "masquerade fully-random" in routers.rules(both, 0)
    assert "masquerade" not in routers.rules(both, 1)
    assert "maxseg" not in routers.rules(both, 0)


@needs("veth")
def test_a_machine_without_nftables_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(routers, "NFT", "nft-that-is-not-there")
    links.missing.cache_clear()
    try:
        said = "no program `nft-that-is-not-there`"
        with pytest.raises(LinkMissingError, match=said) as caught, up(tmp_path, **BEHIND):
            pass
        assert "nftables" in caught.value.hint
        [(code, note)] = links.notes([Link.model_validate(BEHIND)])
        assert code == "link_missing" and said in note and "\n" not in note
    finally:
        links.missing.cache_clear()
    assert not list(netns.FOLDER.glob(f"{netns.mark()}-*"))


@needs("nftables")
def test_what_nftables_refuses_is_said_in_one_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(routers, "rules", lambda spec, at: "table inet zyphos { nonsense; }\n")
    with pytest.raises(LinkError, match="link veth: nftables: ") as caught, up(tmp_path, **BEHIND):
        pass
    assert "\n" not in str(caught.value)
