"""What the links with network namespaces share: the network, its counters, its columns.

    client zy0 -- [zy0 router0 zy1 -- ...] -- zy0 server        `hops` routers, none by default

The shaped wire is the first one, at the client. Nothing outside the namespaces sees its addresses.
"""

from __future__ import annotations

import json
import subprocess
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from zyphos_lab import netns
from zyphos_lab.errors import LinkError
from zyphos_lab.links import sysctl
from zyphos_lab.links.ability import IPV6, NFTABLES, missing
from zyphos_lab.links.addresses import address, network, with_prefix
from zyphos_lab.links.base import ROLES, Columns, Ends, LinkMissingError, Skipped, between
from zyphos_lab.links.configured import configured
from zyphos_lab.links.interface import Counters
from zyphos_lab.links.network import Network, Plug
from zyphos_lab.links.routers import Routers
from zyphos_lab.spec.link_models import Link as LinkSpec

INTERFACE = "zy0"
MTU_BYTES = 1500


class Namespaced:
    """A wire between two namespaces; see links.base.Link. What is special is in the subclasses."""

    def __init__(self, spec: LinkSpec) -> None:
        self.spec = spec
        self.mtu = spec.mtu_bytes or MTU_BYTES
        self.network = Network()
        self._counters: dict[str, Counters] = {}
        self._settings: dict[str, dict[str, str | None]] = {}
        between = [f"router{at}" for at in range(spec.router_count)]
        self.hosts = ["client", *between, "server"]
        self.routers = Routers(spec, self.network, between)

    def up(self) -> Ends:
        reason, hint = self.missing()
        if reason:
            raise LinkMissingError(f"link {self.spec.kind}: {reason}", hint)
        try:
            self._up()
        except OSError as error:
            self.down()
            place = f"{error.filename}: " if error.filename else ""
            raise LinkError(f"link {self.spec.kind}: {place}{error.strerror}") from error
        except BaseException as error:
            self.down()
            if isinstance(error, LinkError):
                error.message = f"link {self.spec.kind}: {error.message}"
            raise
        return self._ends()

    def _ends(self) -> Ends:
        family, last = self.spec.family, len(self.hosts) - 2
        server, client = self.network.path("server"), self.network.path("client")
        ends = Ends(server, client, address(family, last, 2), address(family, 0, 1))
        nat, router = self.spec.nat, self.spec.nat_router
        if nat is None or router is None:
            return ends
        ends = replace(ends, nat=self.network.path(self.hosts[1 + router]))
        if nat.hides == "client":
            return ends
        return replace(ends, front_address=address(family, last - 1, 2), port=nat.forward[0].port)

    def missing(self) -> tuple[str, str]:
        """As ability.missing."""
        return first_missing([self.spec.kind, *kinds_beside(self.spec)])

    def _up(self) -> None:
        self._plan()
        self.network.make()
        self.first_wire()
        self.network.configure()
        self.routers.set_up()
        self.shape()
        for role in ROLES:
            with netns.entered(self.network.path(role)):
                names = self.spec.sysctl.of(role)
                self._settings[role] = {name: sysctl.read(name) for name in names}
                self._counters[role] = Counters(INTERFACE)

    def _plan(self) -> None:
        """Hosts, wires and routes; the first wire is a veth pair unless `plan_first` says other."""
        for role in ROLES:
            self.network.host(role, self.spec.sysctl.of(role))
        self.routers.plan()
        for at, (near, far) in enumerate(zip(self.hosts, self.hosts[1:], strict=False)):
            sides = [with_prefix(self.spec.family, at, side) for side in (1, 2)]
            one = Plug(near, INTERFACE if near == "client" else "zy1", sides[0])
            other = Plug(far, INTERFACE, sides[1])
            if at:
                inner = set(ROLES).isdisjoint((near, far)) and self.spec.routers.mtu_bytes
                self.network.wire(one, other, inner or self.mtu, bool(self.spec.offloads))
            else:
                self.plan_first(one, other)
        self._routes()

    def _routes(self) -> None:
        """Each side sends what is not its own network's to its router, routers pass it on. What is
        behind a NAT nobody outside has a way to.
        """
        family, last = self.spec.family, len(self.hosts) - 2
        hides = "" if self.spec.nat is None else self.spec.nat.hides
        for at, host in enumerate(self.hosts):
            for wire in range(last + 1):
                if (hides == "client" and wire == 0) or (hides == "server" and wire == last):
                    continue
                if wire > at:
                    self.network.route(host, network(family, wire), address(family, at, 2))
                elif wire < at - 1:
                    self.network.route(host, network(family, wire), address(family, at - 1, 1))

    def plan_first(self, one: Plug, other: Plug) -> None:
        self.network.wire(one, other, self.mtu, bool(self.spec.offloads))

    def first_wire(self) -> None:
        """Makes what `plan_first` did not leave to the network."""

    def shape(self) -> None:
        """What is done to the first wire once it is up."""

    def pids(self) -> list[int]:
        return []

    def check(self) -> None:
        return

    def snapshot(self) -> Any:
        return self.counted(), self.routers.snapshot()

    def counted(self) -> Any:
        """What the first wire counts, for `delivered`."""
        return {role: counters.read() for role, counters in self._counters.items()}

    def columns(self, before: Any, after: Any) -> tuple[Columns, Skipped]:
        columns = configured(self.spec, self.mtu)
        columns["link_sysctls"] = json.dumps(self._settings, sort_keys=True)
        found, skipped = self.delivered(before[0], after[0])
        passed, missing = self.routers.columns(before[1], after[1])
        return columns | found | passed, skipped | missing

    def delivered(self, before: Any, after: Any) -> tuple[Columns, Skipped]:
        """What the two sides sent and received, by their interfaces' own counters."""
        columns: Columns = {}
        for direction, sender, receiver in (
            ("forward", "client", "server"),
            ("backward", "server", "client"),
        ):
            sent = between(before[sender].sent, after[sender].sent, f"link_{direction}_")
            received = between(before[receiver].received, after[receiver].received, "")
            columns |= sent
            for name, value in received.items():
                columns[f"link_{direction}_delivered_{name}"] = value
        return columns, {}

    def histograms(self, before: Any, after: Any) -> dict[str, str]:
        return {}

    def down(self) -> None:
        for counters in self._counters.values():
            counters.close()
        self._counters = {}
        self.routers.close()
        try:
            self.network.down()
        except OSError as error:
            raise LinkError(f"link: {error.filename}: {error.strerror}") from error


def kinds_beside(spec: LinkSpec) -> list[str]:
    """What a link takes beside its own kind, as ability.missing knows it."""
    wanted = {NFTABLES: spec.filters, IPV6: spec.family == "ipv6"}
    return [kind for kind, asked in wanted.items() if asked]


def first_missing(kinds: Sequence[str]) -> tuple[str, str]:
    """As ability.missing, of the first of `kinds` that there is not."""
    return next((lacking for lacking in map(missing, kinds) if lacking[0]), ("", ""))


def run_inside(namespace: str, argv: Sequence[str]) -> str:
    """Runs a short program in a namespace; what it says against it in one line, '' when it did."""
    with netns.entered(namespace):
        done = subprocess.run(argv, capture_output=True, text=True)
    if done.returncode == 0:
        return ""
    lines = (done.stderr or done.stdout).strip().splitlines()
    return lines[-1] if lines else f"exit code {done.returncode}"
