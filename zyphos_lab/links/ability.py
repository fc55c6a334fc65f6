"""Why this machine cannot make a kind of link, and how it could. Each is tried once a process.

The doctor, which knows how to try and to mend, is asked only when a link is wanted.
"""

from __future__ import annotations

import functools
import os
import shutil

from zyphos_lab.errors import LabError
from zyphos_lab.native import program
from zyphos_lab.spec.link_models import Link

TUN = "/dev/net/tun"
EMULATOR = "zyphos-link"
NETEM = "sch_netem"
NFTABLES = "nftables"
IPV6 = "ipv6"
TABLE_OF_ADDRESSES = "/proc/net/if_inet6"
LOOPBACK_IPV6 = f"{1:032x} "  # as that table has ::1
ROOT = "run it with `sudo`, or in a user namespace: docs/links.md"


@functools.cache
def missing(kind: str) -> tuple[str, str]:
    """(reason, how to get it), both '' where it can be made; NFTABLES, IPV6: what some take."""
    if kind == "loopback":
        return "", ""
    shared = _namespaces()
    if shared[0] or kind == "veth":
        return shared
    return {"netem": _netem, "tun": _tun, NFTABLES: _nftables, IPV6: _ipv6}[kind]()


@functools.cache
def _namespaces() -> tuple[str, str]:
    from zyphos_lab.doctor import namespaces
    from zyphos_lab.doctor.check import apt

    if shutil.which("ip") is None:
        return "no program `ip`", apt("iproute2")
    made, _ = namespaces.trial()
    if made:
        return f"no network namespaces: {namespaces.reason(made)}", ROOT
    if not _privileged():
        return "named network namespaces need root's rights", ROOT
    return "", ""


def _privileged() -> bool:
    """CAP_SYS_ADMIN and CAP_NET_ADMIN, in effect. Source: capabilities(7), proc(5)."""
    with open("/proc/self/status", encoding="ascii", errors="replace") as status:
        [effective] = [int(line.split()[1], 16) for line in status if line.startswith("CapEff:")]
    return all(effective >> bit & 1 for bit in (12, 21)) and os.access("/run", os.W_OK)


def _netem() -> tuple[str, str]:
    from zyphos_lab.doctor import namespaces
    from zyphos_lab.doctor.check import modprobe

    _, netem = namespaces.trial()
    if not netem:
        return "", ""
    load = modprobe(NETEM)
    return f"this kernel has no {NETEM}", f"`kind: tun`{f', or {load}' if load else ''}"


def _nftables() -> tuple[str, str]:
    """Tried in a namespace of its own that ends with the trial."""
    from zyphos_lab.doctor.check import apt, modprobe
    from zyphos_lab.links import routers

    if shutil.which(routers.NFT) is None:
        return f"no program `{routers.NFT}`", apt("nftables")
    asked = {"kind": "veth", "nat": {}, "routers": {"icmp": "drop", "clamp_mss": True}}
    said = routers.refusal(routers.rules(Link.model_validate(asked), 0), ["unshare", "-n"])
    return (f"nftables: {said}", modprobe("nf_tables nft_masq nft_ct")) if said else ("", "")


def _ipv6() -> tuple[str, str]:
    """A kernel that was booted with ipv6.disable=1 shows no table of addresses."""
    if os.path.exists(TABLE_OF_ADDRESSES):
        return "", ""
    return "this kernel has no IPv6", "`family: ipv4`"


def no_ipv6_here() -> tuple[str, str]:
    """As `missing`, of IPv6 on this machine's own loopback."""
    reason, hint = _ipv6()
    if reason:
        return reason, hint
    with open(TABLE_OF_ADDRESSES, encoding="ascii") as table:
        there = any(line.startswith(LOOPBACK_IPV6) for line in table)
    return ("", "") if there else ("the loopback has no IPv6 address", "`family: ipv4`")


def _tun() -> tuple[str, str]:
    from zyphos_lab.doctor.check import modprobe, sudo

    try:
        program(EMULATOR)
    except LabError as error:
        return error.message, error.hint
    if not os.access(TUN, os.R_OK | os.W_OK):
        if os.path.exists(TUN):
            return f"{TUN} is not ours to open", f"{sudo(f'chmod a+rw {TUN}')}, or `kind: veth`"
        return f"there is no {TUN}", modprobe("tun") or "`kind: veth`"
    return "", ""
