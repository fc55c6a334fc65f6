"""A path that goes dark: what arrives from the link vanishes, and nobody is told.

A routing rule of the receiving namespace drops what comes in by the link (ip-rule(8), action
`blackhole`): no RST, no ICMP, no error at the sender, whatever the kind of link; what is under way
in the network is lost too, what is queued in a socket stays. The kernel asks the table of its own
addresses first (rule 0), so `prepare` puts copies behind it, and dark is the moment at which rule 0
goes. Everything ends with the namespace. Knows no experiments. One thread at a time.

IPv6: neighbours still find each other (their messages are ICMPv6, which is let in as ARP is), and
sockets may not keep the route of what they received before, which no rule would be asked about
(net/ipv6/ip6_input.c; for IPv4 a new rule ends such routes): net.ipv4.ip_early_demux, which is both
families', is off while the path may go dark.
"""

from __future__ import annotations

import json
import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from zyphos_lab import netns
from zyphos_lab.errors import LinkError

if TYPE_CHECKING:  # the disturber imports little
    from zyphos_lab.spec.target_models import Family

OWN_TABLE_FIRST = ("pref", "0", "lookup", "local")
EARLY = Path("/proc/sys/net/ipv4/ip_early_demux")  # of the namespace that the thread is in
VERSION = {"ipv4": "-4", "ipv6": "-6"}
# What a black hole takes, as ip-rule(8) selects it.
TAKEN: dict[str, tuple[tuple[str, ...], ...]] = {
    "ipv4": ((),),
    "ipv6": (("ipproto", "tcp"), ("ipproto", "udp")),
}


def prepare(namespace: str, interface: str, family: Family = "ipv4") -> None:
    """Everything but the last step, in the namespace at this path. LinkError where it cannot."""
    if family == "ipv6":
        _early(namespace, 0)
    _rule(namespace, family, "add", ("pref", "2", "lookup", "local"))
    for selector in TAKEN[family]:
        words = ("pref", "1", "iif", interface, *selector, "blackhole")
        _rule(namespace, family, "add", words)


def dark(namespace: str, family: Family = "ipv4") -> None:
    """From its return on (some 2 ms), nothing arrives there. It has to be prepared."""
    _rule(namespace, family, "del", OWN_TABLE_FIRST)


def light(namespace: str, family: Family = "ipv4") -> None:
    """What arrives is taken again. Nothing happens where it is light."""
    if not is_light(namespace, family):
        _rule(namespace, family, "add", OWN_TABLE_FIRST)


def clear(namespace: str, family: Family = "ipv4") -> None:
    """As it was before `prepare`."""
    light(namespace, family)
    for pref in ("2", *(["1"] * len(TAKEN[family]))):
        _rule(namespace, family, "del", ("pref", pref))
    if family == "ipv6":
        _early(namespace, 1)


def is_light(namespace: str, family: Family = "ipv4") -> bool:
    rules = json.loads(ip_in(namespace, (VERSION[family], "-json", "rule", "show")))
    return any(rule["priority"] == 0 for rule in rules)


def _rule(namespace: str, family: Family, verb: str, words: Sequence[str]) -> None:
    ip_in(namespace, (VERSION[family], "rule", verb, *words))


def _early(namespace: str, value: int) -> None:
    try:
        with netns.entered(namespace):
            EARLY.write_text(f"{value}\n", encoding="ascii")
    except OSError as error:
        raise LinkError(f"disturb: {error.filename}: {error.strerror}") from error


def ip_in(namespace: str, words: Sequence[str]) -> str:
    """What `ip WORDS...` prints in this namespace. LinkError with its words where it fails."""
    try:
        with netns.entered(namespace):
            done = subprocess.run(["ip", *words], capture_output=True, text=True)
    except OSError as error:
        raise LinkError(f"disturb: {error.filename}: {error.strerror}") from error
    if done.returncode != 0:
        said = (done.stderr.strip() or f"exit code {done.returncode}").splitlines()[-1]
        raise LinkError(f"disturb: `ip {' '.join(words)}`: {said}")
    return done.stdout
