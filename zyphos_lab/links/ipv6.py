"""When the IPv6 addresses of a namespace are in effect.

`ip` returns before they are: the kernel gives an address its route, without which what comes for
it is dropped, in work that it does later (net/ipv6/addrconf.c, addrconf_dad_work), also where
nobody is to be asked whether it is free.
"""

from __future__ import annotations

import time
from collections.abc import Iterable
from ipaddress import IPv6Address
from pathlib import Path

from zyphos_lab.errors import LinkError

ROUTES = Path("/proc/thread-self/net/ipv6_route")  # of the namespace that the thread is in
RTF_LOCAL = 0x80000000
NAP_S = 0.001
PATIENCE_S = 10.0


def wait_for(addresses: Iterable[str]) -> None:
    """Returns when all of them are the thread's namespace's own. LinkError when they stay out."""
    wanted = {IPv6Address(address).packed.hex() for address in addresses}
    give_up = time.monotonic() + PATIENCE_S
    while wanted - _local():
        if time.monotonic() > give_up:
            raise LinkError(f"IPv6 addresses were not in effect after {PATIENCE_S:g} s")
        time.sleep(NAP_S)


def _local() -> set[str]:
    rows = (line.split() for line in ROUTES.read_text(encoding="ascii").splitlines())
    return {row[0] for row in rows if int(row[8], 16) & RTF_LOCAL}
