"""What a link's routers do beside passing packets on, by nftables in their own namespaces.

One of them, at the client or at the server, may translate addresses (NAT); all may drop the
messages by which senders learn a path's MTU, or clamp the MSS that hosts announce. Where nothing of
this is asked for, no rule is written and nftables is not needed. Source: nft(8), ip-sysctl.rst,
nf_conntrack-sysctl.rst. One thread.
"""

from __future__ import annotations

import subprocess
from collections.abc import Sequence
from typing import Any

from zyphos_lab import netns
from zyphos_lab.errors import LinkError
from zyphos_lab.links.addresses import address
from zyphos_lab.links.base import Columns, Skipped
from zyphos_lab.links.network import FORWARDING, Network
from zyphos_lab.netfilter import Netfilter
from zyphos_lab.spec.link_models import Link as LinkSpec
from zyphos_lab.spec.link_models import Nat

NFT = "nft"
OUTSIDE = {"client": "zy1", "server": "zy0"}  # a NAT's interface away from whom it hides
STATISTICS = ("insert_failed", "drop", "early_drop", "invalid")
CONNTRACK = "net.netfilter.nf_conntrack_"
TOO_BIG = (
    "icmp type destination-unreachable icmp code frag-needed",
    "icmpv6 type packet-too-big",
)


class Routers:
    """The routers of one link that is being put up; `hosts` in their order from the client."""

    def __init__(self, spec: LinkSpec, network: Network, hosts: list[str]) -> None:
        self._spec = spec
        self._network = network
        self._hosts = hosts
        self._asked: list[Netfilter] = []

    def plan(self) -> None:
        """Adds them to the network."""
        for at, host in enumerate(self._hosts):
            nat = self._spec.nat if at == self._spec.nat_router else None
            forwarding = FORWARDING[self._spec.family]
            self._network.host(host, {**forwarding, **(_timeouts(nat) if nat else {})})

    def set_up(self) -> None:
        """Writes their rules. LinkError with what nft says against them."""
        if not self._spec.filters:
            return
        for at, host in enumerate(self._hosts):
            with netns.entered(self._network.path(host)):
                _load(rules(self._spec, at))
                self._asked.append(Netfilter())

    def snapshot(self) -> Any:
        """For each router: its counters, and its table of connections."""
        return [(one.counters(), one.connections()) for one in self._asked]

    def columns(self, before: Any, after: Any) -> tuple[Columns, Skipped]:
        """What they did between two snapshots, and how full the NAT was at the second."""
        if not before:
            return {}, {}
        grown = [
            {name: now[0][name] - was[0][name] for name in now[0]}
            for was, now in zip(before, after, strict=True)
        ]
        columns: Columns = {"link_too_big_packets": sum(each["too_big"] for each in grown)}
        nat = self._spec.nat_router
        if nat is None:
            return columns, {}
        for name in ("unsolicited", "unknown"):
            columns[f"link_nat_{name}_packets"] = grown[nat][name]
        return _connections(columns, before[nat][1], after[nat][1])

    def close(self) -> None:
        asked, self._asked = self._asked, []
        for one in asked:
            one.close()


def _connections(columns: Columns, before: Any, after: Any) -> tuple[Columns, Skipped]:
    names = ["link_nat_entries", *(f"link_nat_{name}" for name in STATISTICS)]
    if before is None or after is None:
        why = "this kernel shows no /proc/net/stat/nf_conntrack"
        return {**columns, **dict.fromkeys(names)}, dict.fromkeys(names, why)
    columns["link_nat_entries"] = after["entries"]
    for name in STATISTICS:
        columns[f"link_nat_{name}"] = after[name] - before[name]
    return columns, {}


def _timeouts(nat: Nat) -> dict[str, object]:
    """Kernel settings of a NAT: how long it remembers, and what it makes of what it forgot."""
    settings: dict[str, object] = {f"{CONNTRACK}tcp_loose": nat.unknown == "map"}
    if nat.tcp_timeout_ns is not None:
        settings[f"{CONNTRACK}tcp_timeout_established"] = nat.tcp_timeout_ns // 10**9
    if nat.udp_timeout_ns is not None:
        for name in ("udp_timeout", "udp_timeout_stream"):
            settings[f"{CONNTRACK}{name}"] = nat.udp_timeout_ns // 10**9
    return settings


def rules(spec: LinkSpec, at: int) -> str:
    """The nftables rules of router `at`, as `nft -f` reads them."""
    silent = " drop" if spec.routers.icmp == "drop" else ""
    lines = ["counter too_big { }", *_chain("output", "filter", 0)]
    lines += [f"{match} counter name too_big{silent}" for match in TOO_BIG]
    lines.append("}")
    if spec.routers.clamp_mss:
        lines += _chain("forward", "filter", -150)
        lines += ["tcp flags & (syn | rst) == syn tcp option maxseg size set rt mtu", "}"]
    if spec.nat is not None and at == spec.nat_router:
        hidden = (0, 1) if spec.nat.hides == "client" else (spec.router_count, 2)
        lines += _nat(spec.nat) + _forwards(spec.nat, address(spec.family, *hidden))
    return "\n".join(["table inet zyphos {", *lines, "}", ""])


def _nat(nat: Nat) -> list[str]:
    """From outside nobody gets in without a mapping; the router itself answers no such packet."""
    how, outside = " fully-random" if nat.ports == "new" else "", OUTSIDE[nat.hides]
    lines = ["counter unsolicited { }", "counter unknown { }"]
    lines += _chain("postrouting", "nat", 100)
    lines += [f'oifname "{outside}" masquerade{how}', "}"]
    lines += _chain("input", "filter", 0)
    lines += [f'iifname "{outside}" meta l4proto {{ tcp, udp }} counter name unsolicited drop', "}"]
    lines += _chain("forward", "filter", 0, "known")
    lines += ["ct state invalid counter name unknown drop", "}"]
    return lines


def _forwards(nat: Nat, hidden: str) -> list[str]:
    """What comes from outside to a forwarded port goes on to the address behind it."""
    if not nat.forward:
        return []
    place, version = (f"[{hidden}]", "ip6") if ":" in hidden else (hidden, "ip")
    lines = _chain("prerouting", "nat", -100)
    for one in nat.forward:
        for protocol in ("tcp", "udp"):
            asked = f'iifname "{OUTSIDE[nat.hides]}" {protocol} dport {one.port}'
            lines.append(f"{asked} dnat {version} to {place}:{one.to or one.port}")
    return [*lines, "}"]


def _chain(hook: str, kind: str, priority: int, name: str = "") -> list[str]:
    """A chain's head, left open."""
    return [f"chain {name or f'{kind}_{hook}'} {{", f"type {kind} hook {hook} priority {priority};"]


def _load(text: str) -> None:
    """In the namespace that the thread is in."""
    said = refusal(text)
    if said:
        raise LinkError(f"nftables: {said}")


def refusal(text: str, wrapped: Sequence[str] = ()) -> str:
    """Gives nft these rules, in a program of which `wrapped` are the first words; what it says
    against them in one line, '' when it took them.
    """
    argv = [*wrapped, NFT, "-f", "-"]
    try:
        done = subprocess.run(argv, input=text, capture_output=True, text=True)
    except FileNotFoundError as error:
        return f"no program `{error.filename}`"
    if done.returncode == 0:
        return ""
    lines = [line.partition("Error: ")[2] or line for line in done.stderr.splitlines()]
    return lines[0] if lines else f"exit code {done.returncode}"
