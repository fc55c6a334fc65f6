"""The addresses of a link's wires, each a network of its own. Pure functions.

IPv4: 198.18.WIRE.SIDE/30, of 198.18.0.0/15, which is set aside for such tests (RFC 2544, C.2.2).
IPv6: fd00:198:18:WIRE::SIDE/64, unique local ones (RFC 4193; its random part would only make runs
differ: nothing outside the namespaces sees them). Wires count from 0 at the client, which is side 1
of the first; the far side is 2.
"""

from __future__ import annotations

from ipaddress import IPv6Address

from zyphos_lab.spec.target_models import Family

PREFIX = {"ipv4": 30, "ipv6": 64}


def address(family: Family, wire: int, side: int) -> str:
    """As the kernel prints it."""
    if family == "ipv4":
        return f"198.18.{wire}.{side}"
    return str(IPv6Address(f"fd00:198:18:{wire}::{side}"))


def with_prefix(family: Family, wire: int, side: int) -> str:
    """As `ip address add` takes it."""
    return f"{address(family, wire, side)}/{PREFIX[family]}"


def network(family: Family, wire: int) -> str:
    """As `ip route add` takes it."""
    base = f"198.18.{wire}.0" if family == "ipv4" else f"fd00:198:18:{wire}::"
    return f"{base}/{PREFIX[family]}"
