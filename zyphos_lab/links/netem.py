"""Kind netem: a veth pair whose two ends the kernel shapes, as tc-netem(8) and tc-tbf(8) do.

Delay, loss, reordering and duplicates are netem's; a rate is tbf's, with its drop-tail queue. What
leaves the client's interface is forward, what leaves the other end of that wire is backward.
"""

from __future__ import annotations

from collections.abc import Iterator

from zyphos_lab.errors import LinkError
from zyphos_lab.links.namespaced import (
    INTERFACE,
    Namespaced,
    first_missing,
    kinds_beside,
    run_inside,
)
from zyphos_lab.spec.link_models import DIRECTIONS, Loss, Shaping
from zyphos_lab.spec.link_models import Link as LinkSpec

UNDER_WAY_PACKETS = 1_000_000  # that netem may hold: a delay line drops nothing
QUEUE_PACKETS = 1000  # before a rate, where the experiment does not say
LAWS = {"normal": "normal", "pareto": "pareto", "uniform": ""}


class Netem(Namespaced):
    """See links.base.Link."""

    def missing(self) -> tuple[str, str]:
        return first_missing([kernel_needs(self.spec), *kinds_beside(self.spec)])

    def shape(self) -> None:
        for direction, host in zip(DIRECTIONS, self.hosts, strict=False):
            for words in disciplines(self.spec.shaping(direction), self.mtu):
                argv = ["tc", "qdisc", "add", "dev", INTERFACE, *words]
                said = run_inside(self.network.path(host), argv)
                if said:
                    raise LinkError(f"`{' '.join(argv)}`: {said}")


def kernel_needs(spec: LinkSpec) -> str:
    """The kind whose abilities a link takes: a rate alone is tbf's, which needs no netem."""
    if spec.kind != "netem":
        return spec.kind
    shapings = [spec.shaping(direction) for direction in DIRECTIONS]
    return "netem" if any([*_delay(one), *_chances(one)] for one in shapings) else "veth"


def disciplines(shaping: Shaping, mtu: int) -> Iterator[list[str]]:
    """Words of tc for each queue discipline of one direction, the outer one first."""
    words = [*_delay(shaping), *_chances(shaping)]
    place = ["root", "handle", "1:"]
    if words:
        yield [*place, "netem", "limit", str(UNDER_WAY_PACKETS), *words]
        place = ["parent", "1:1", "handle", "10:"]
    if shaping.rate_bits_per_second:
        yield [*place, "tbf", *_rate(shaping, mtu)]


def _delay(shaping: Shaping) -> list[str]:
    if not shaping.delay_ns:
        return []
    words = ["delay", f"{shaping.delay_ns}ns"]
    if shaping.jitter_ns:
        words.append(f"{shaping.jitter_ns}ns")
        law = LAWS[shaping.jitter_law or "uniform"]
        words += ["distribution", law] if law else []
    return words


def _chances(shaping: Shaping) -> list[str]:
    words = _loss(shaping.loss) if shaping.loss is not None else []
    for name, share in (
        ("reorder", shaping.reorder),
        ("duplicate", shaping.duplicate),
        ("corrupt", shaping.corrupt),
    ):
        words += [name, _percent(share)] if share else []
    return words


def _loss(loss: Loss) -> list[str]:
    """`loss gemodel P R 1-H 1-K`: 1-H is the loss in the bad state, 1-K that in the good one."""
    if loss.law == "random":
        return ["loss", "random", _percent(loss.share)] if loss.share else []
    parts = (loss.p or 0.0, loss.r or 0.0, loss.bad, loss.good)
    return ["loss", "gemodel", *map(_percent, parts)]


def _rate(shaping: Shaping, mtu: int) -> list[str]:
    """tbf with the least burst that a packet needs, or a millisecond's worth."""
    rate = shaping.rate_bits_per_second or 0
    queued = shaping.queue_bytes or (shaping.queue_packets or QUEUE_PACKETS) * mtu
    burst = max(2 * (mtu + 14), rate // 8 // 1000)
    return ["rate", f"{rate}bit", "burst", str(burst), "limit", str(queued + burst)]


def _percent(share: float) -> str:
    return f"{100 * share:.9g}%"
