"""Which of a difference's carriers are shown, and how: `net_tcp_delayed_acks 1.00 -> 0 (93 %)`.

What moved and what it carries is stats' (`explain`); here only the choice and the words. An answer
holds up to KEPT_MAX carriers, a line of text shows SHOWN_MAX of them.
"""

from __future__ import annotations

from collections.abc import Sequence

from zyphos_lab.stats import Carrier
from zyphos_lab.units import format_quantity

KEPT_MAX = 8
SHOWN_MAX = 3
TIMES_MAX = 2  # of those, so that a count is not crowded out by CPU time and its parts


def kept(carriers: Sequence[Carrier]) -> tuple[Carrier, ...]:
    """Those that an answer holds: what moved the other way explains nothing."""
    return tuple(carrier for carrier in carriers if carrier.carries)[:KEPT_MAX]


def shown(carriers: Sequence[Carrier]) -> list[Carrier]:
    """At most SHOWN_MAX, one of several that moved in step; parts of the metric only if alone."""
    found: list[Carrier] = []
    for carrier in [one for one in carriers if not one.part] or carriers:
        if not _crowded(carrier, found):
            found.append(carrier)
    return found[:SHOWN_MAX]


def _crowded(carrier: Carrier, found: Sequence[Carrier]) -> bool:
    """Whether its like is there: moved in step with it, or enough of times."""
    if any(carrier.name in other.together for other in found):
        return True
    return carrier.unit == "ns" and sum(other.unit == "ns" for other in found) == TIMES_MAX


def carriers_text(carriers: Sequence[Carrier]) -> str:
    """One line for a difference's carriers."""
    return ", ".join(carrier_text(carrier) for carrier in shown(carriers))


def carrier_text(carrier: Carrier) -> str:
    """`net_tcp_delayed_acks 0.991 -> ~0 (93 %)`: values per request, share of the difference."""
    ends = (carrier.baseline, carrier.value)
    texts = [
        "~0" if 0 < end < 0.005 * max(ends) else format_quantity(end, carrier.unit) for end in ends
    ]
    share = f"{100 * carrier.share:.0f} %" if carrier.share is not None else ""
    also = f"with {_short(carrier.together[0])}" if carrier.together else ""
    more = len(carrier.together) - 1
    also += f" and {more} more" if more > 0 else ""
    note = ", ".join(part for part in (share, also) if part)
    return f"{_short(carrier.name)} {' -> '.join(texts)}" + (f" ({note})" if note else "")


def _short(name: str) -> str:
    return name.removesuffix("_per_request")
