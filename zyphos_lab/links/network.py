"""Hosts, bridges and routers in network namespaces of their own, put up and removed in one go.

    network = Network()
    for name in ("client", "server"):
        network.host(name)
    network.wire(Plug("client", "zy0", "198.18.0.1/30"), Plug("server", "zy0", "198.18.0.2/30"))
    network.up()      # network.path("server") can be entered now (netns.entered)
    network.down()

One `ip -batch -` makes all namespaces and wires, whose two ends are born where they belong: no
interface of ours is ever seen outside. One more in each namespace gives it addresses and routes.
Bridges and routers are hosts too. It needs root's CAP_SYS_ADMIN and CAP_NET_ADMIN, and iproute2.
Source: ip-netns(8), ip-link(8), veth(4). One thread.
"""

from __future__ import annotations

import subprocess
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from zyphos_lab import host_interfaces, netns
from zyphos_lab.errors import LinkError
from zyphos_lab.links import ipv6, sysctl

FORWARDING = {
    "ipv4": {"net.ipv4.ip_forward": 1},
    "ipv6": {"net.ipv6.conf.all.forwarding": 1},
}
BRIDGE = "br0"
RIGHTS = "namespaces need root: `sudo`, or the capabilities CAP_SYS_ADMIN and CAP_NET_ADMIN"


@dataclass(frozen=True, slots=True)
class Plug:
    """One end of a wire: the host, what the interface is called there, ADDRESS/PREFIX or ''."""

    host: str
    interface: str
    address: str = ""


@dataclass(frozen=True, slots=True)
class Wire:
    """A veth pair."""

    ends: tuple[Plug, Plug]
    mtu: int
    offloads: bool


@dataclass(slots=True)
class Host:
    """A namespace to be: what `ip` does in it, and its kernel settings."""

    lines: list[str] = field(default_factory=lambda: ["link set dev lo up"])
    last: list[str] = field(default_factory=list)  # routes: when every interface is up
    settings: dict[str, object] = field(default_factory=dict)
    ipv6: list[str] = field(default_factory=list)  # its addresses


class Network:
    """`mark` begins the namespaces' names; the default is swept when this process is dead."""

    def __init__(self, mark: str = "") -> None:
        self._mark = mark or netns.mark()
        self._hosts: dict[str, Host] = {}
        self._wires: list[Wire] = []
        self._made: list[str] = []

    def name(self, host: str) -> str:
        """The namespace's name."""
        return f"{self._mark}-{host}"

    def path(self, host: str) -> str:
        """Where it can be entered."""
        return str(netns.FOLDER / self.name(host))

    def host(self, name: str, settings: Mapping[str, object] | None = None) -> None:
        """A host; `settings` are sysctls by name, written before anything is up."""
        self._hosts[name] = Host(settings=dict(settings or {}))

    def bridge(self, name: str, plugs: Iterable[Plug], mtu: int = 1500) -> None:
        """A switch in a namespace of its own, wired to all of `plugs`, whose hosts are known."""
        self.host(name)
        lines = self._hosts[name].lines
        lines += [f"link add name {BRIDGE} type bridge", f"link set dev {BRIDGE} up"]
        for at, plug in enumerate(plugs):
            port = f"port{at}"
            self.wire(Plug(name, port), plug, mtu)
            lines.append(f"link set dev {port} master {BRIDGE}")

    def wire(self, one: Plug, other: Plug, mtu: int = 1500, offloads: bool = False) -> None:
        """A veth pair between two hosts. Without offloads packets are what the protocol sent."""
        self._wires.append(Wire((one, other), mtu, offloads))
        for plug in (one, other):
            self.address(plug, mtu)

    def rename(self, host: str, old: str, new: str) -> None:
        """An interface that somebody else makes there, between `make` and `configure`."""
        self._hosts[host].lines.append(f"link set dev {old} name {new}")

    def address(self, plug: Plug, mtu: int) -> None:
        """What an interface gets that is there when the hosts are set up."""
        lines = self._hosts[plug.host].lines
        # Without IPv6 addresses of its own it says nothing unasked.
        lines.append(f"link set dev {plug.interface} addrgenmode none mtu {mtu}")
        if plug.address:
            lines.extend(f"address add {each}" for each in self._addresses(plug))
        lines.append(f"link set dev {plug.interface} up")

    def _addresses(self, plug: Plug) -> Iterator[str]:
        """IPv6: nobody else can have it, so it is used at once, not after a second's asking (DAD).
        Whoever forwards asks for neighbours in its link-local name (net/ipv6/ndisc.c), which is
        the same within each wire but for the side.
        """
        if ":" not in plug.address:
            yield f"{plug.address} dev {plug.interface}"
            return
        yield f"{plug.address} dev {plug.interface} nodad"
        self._hosts[plug.host].ipv6.append(plug.address.partition("/")[0])
        if FORWARDING["ipv6"].items() <= self._hosts[plug.host].settings.items():
            side = plug.address.rpartition("::")[2]
            yield f"fe80::{side} dev {plug.interface} nodad"

    def route(self, host: str, destination: str, via: str) -> None:
        """`destination` (`default`, a network) goes through the neighbour `via`."""
        self._hosts[host].last.append(f"route add {destination} via {via}")

    def up(self) -> None:
        """All of it. LinkError with nothing left where something fails."""
        try:
            self.make()
            self.configure()
        except BaseException:
            self.down()
            raise

    def make(self) -> None:
        """The namespaces and wires, nothing configured yet."""
        names = [self.name(host) for host in self._hosts]
        for name in names:
            if (netns.FOLDER / name).exists():  # and so it is not ours to remove
                raise LinkError(f"the network namespace {name} is there already")
        self._made = names
        lines = [f"netns add {name}" for name in self._made]
        _finish([(lines, _start(None))])
        _finish([([self._pair(wire) for wire in self._wires], _start(None))])

    def _pair(self, wire: Wire) -> str:
        one, other = wire.ends
        return (
            f"link add name {one.interface} netns {self.name(one.host)} mtu {wire.mtu} type veth "
            f"peer name {other.interface} netns {self.name(other.host)} mtu {wire.mtu}"
        )

    def configure(self) -> None:
        """Kernel settings, offloads, addresses and routes of every host."""
        for name, host in self._hosts.items():
            with netns.entered(self.path(name)):
                sysctl.write(host.settings)
                for wire in self._wires:
                    own = [plug.interface for plug in wire.ends if plug.host == name]
                    for interface in own if not wire.offloads else ():
                        host_interfaces.set_offloads(interface, on=False)
        batches = [([*host.lines, *host.last], name) for name, host in self._hosts.items()]
        _finish([(lines, _start(self.path(name))) for lines, name in batches])
        for name, host in self._hosts.items():
            self._settle(name, host)

    def _settle(self, name: str, host: Host) -> None:
        if host.ipv6:
            with netns.entered(self.path(name)):
                ipv6.wait_for(host.ipv6)

    def down(self) -> None:
        """Takes the namespaces away, with all that is in them. Safe to repeat."""
        made, self._made = self._made, []
        for name in made:
            netns.remove(name)


def _start(namespace: str | None) -> subprocess.Popen[str]:
    pipe = subprocess.PIPE
    try:
        with netns.entered(namespace):
            return subprocess.Popen(["ip", "-batch", "-"], stdin=pipe, stderr=pipe, text=True)
    except FileNotFoundError as error:
        if error.filename != "ip":
            raise
        raise LinkError("no program `ip`", "apt install iproute2") from None


def _finish(batches: Sequence[tuple[Sequence[str], subprocess.Popen[str]]]) -> None:
    """Feeds every batch its lines and waits for all; LinkError with the first that failed."""
    failed = []
    for lines, process in batches:
        _, error = process.communicate("\n".join(lines) + "\n")
        if process.returncode:
            failed.append(_explained(lines, error))
    if failed:
        raise failed[0]


def _explained(lines: Sequence[str], error: str) -> LinkError:
    """What `ip` says of the line that it stopped at, in one line."""
    said, _, place = error.strip().partition("Command failed -:")
    line = f"`ip {lines[int(place) - 1]}`" if place.isdecimal() else "`ip -batch`"
    words = said.strip().splitlines()
    why = (words[-1] if words else "it does not say why").removeprefix("RTNETLINK answers: ")
    hint = RIGHTS if "permitted" in why or "ermission" in why else ""
    return LinkError(f"{line}: {why}", hint)
