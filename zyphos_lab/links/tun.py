"""Kind tun: two network namespaces, and the emulator zyphos-link between their TUN interfaces.

The program makes the interfaces, says so and runs (cpp/link/emulator.h); names, addresses and
routes are given here. Its counters, and how late it wrote what was due, lie on a board of its own;
what the interfaces dropped before it could read is the kernel's own count.
"""

from __future__ import annotations

import base64
import signal
from collections.abc import Iterator
from typing import Any

from zyphos_lab import board, netns
from zyphos_lab.child import Child, Children, Command, line_of
from zyphos_lab.errors import LinkError
from zyphos_lab.links.base import Columns, Skipped, between
from zyphos_lab.links.interface import Counters
from zyphos_lab.links.namespaced import INTERFACE, Namespaced
from zyphos_lab.links.network import Plug
from zyphos_lab.native import program
from zyphos_lab.spec.link_models import DIRECTIONS, Shaping
from zyphos_lab.spec.link_models import Link as LinkSpec
from zyphos_lab.spec.words import words_of

PROGRAM = "zyphos-link"
NAME = "zy"  # of its interfaces, NAME-left and NAME-right, until they are ours
STOP_GRACE_S = 2.0
# Of Shaping, as zyphos-link calls them too.
OPTIONS = (
    *("delay_ns", "jitter_ns", "jitter_law", "keep_order", "reorder", "duplicate", "corrupt"),
    *("rate_bits_per_second", "queue_packets", "queue_bytes", "trace"),
    *("aqm", "codel_target_ns", "codel_interval_ns", "ecn"),
    *("pie_target_ns", "pie_period_ns", "pie_burst_ns"),
    *("red_min_packets", "red_max_packets", "red_probability", "red_weight"),
)


class Tun(Namespaced):
    """See links.base.Link. `seed` is that of its losses and jitter."""

    def __init__(self, spec: LinkSpec, children: Children, seed: int) -> None:
        super().__init__(spec)
        self._children = children
        self._seed = seed
        self._child: Child | None = None
        self._board: board.LinkBoard | None = None
        self._senders: dict[str, Counters] = {}

    def plan_first(self, one: Plug, other: Plug) -> None:
        for side, plug in (("left", one), ("right", other)):
            self.network.rename(plug.host, f"{NAME}-{side}", plug.interface)
            self.network.address(plug, self.mtu)

    def first_wire(self) -> None:
        self._board = board.LinkBoard()
        own = [
            f"left_netns={self.network.path(self.hosts[0])}",
            f"right_netns={self.network.path(self.hosts[1])}",
            f"name={NAME}",
            f"board_fd={self._board.fd}",
            "parent_death=true",
        ]
        words = [*own, *link_words(self.spec, self.mtu, self._seed)]
        command = Command(
            [program(PROGRAM), *words],
            self.spec.cpus,
            pass_fds=[self._board.fd],
            pipe_stdout=True,
        )
        self._child = Child(command, self._children)
        if not line_of(self._child.stdout).startswith(b"ready "):
            self._child.wait(1.0)
            raise LinkError(f"{PROGRAM} did not start; {self._child.last_words()}")

    def shape(self) -> None:
        for direction, host in zip(DIRECTIONS, self.hosts, strict=False):
            with netns.entered(self.network.path(host)):
                self._senders[direction] = Counters(INTERFACE)

    def pids(self) -> list[int]:
        return [] if self._child is None else [self._child.pid]

    def check(self) -> None:
        if self._child is not None and self._child.poll() is not None:
            raise LinkError(f"link tun: {PROGRAM} died; {self._child.last_words()}")

    def counted(self) -> Any:
        totals = None if self._board is None else self._board.totals()
        if totals is None:
            return None
        dropped = {
            f"{way}_tun_dropped": one.read().sent_dropped for way, one in self._senders.items()
        }
        return {**totals[0], **dropped}, totals[1]

    def delivered(self, before: Any, after: Any) -> tuple[Columns, Skipped]:
        if before is None or after is None:
            return {}, {"link": f"{PROGRAM} wrote no board"}
        columns = between(before[0], after[0], "link_")
        skipped: Skipped = {}
        for way in (f"link_{direction}_" for direction in DIRECTIONS):
            left = columns[f"{way}delivered_packets"] + columns[f"{way}write_failed"]
            columns[f"{way}queued_ns_mean"] = columns[f"{way}queued_ns"] / left if left else None
            if not left:
                skipped[f"{way}queued_ns_mean"] = "no packet left the link in the window"
        for name, late in _lateness(before, after):
            columns[f"{name}_mean"] = late.mean
            columns[f"{name}_p50"] = late.quantile(0.5)
            columns[f"{name}_p99"] = late.quantile(0.99)
            columns[f"{name}_max"] = late.max
        return columns, skipped

    def histograms(self, before: Any, after: Any) -> dict[str, str]:
        before, after = before[0], after[0]
        if before is None or after is None:
            return {}
        return {
            name: base64.b64encode(late.encode()).decode("ascii")
            for name, late in _lateness(before, after)
        }

    def down(self) -> None:
        child, self._child = self._child, None
        if child is not None:
            child.stop(signal.SIGTERM, STOP_GRACE_S)
        if self._board is not None:
            self._board.close()
            self._board = None
        senders, self._senders = self._senders, {}
        for one in senders.values():
            one.close()
        super().down()


def _lateness(before: Any, after: Any) -> Iterator[tuple[str, Any]]:
    """Histograms by name between two snapshots: due to written, due to handed to the kernel."""
    for direction in DIRECTIONS:
        for stage in ("", "_handed"):
            late = after[1][direction + stage].since(before[1][direction + stage])
            yield f"link_{direction}{stage}_late_ns", late


def link_words(spec: LinkSpec, mtu: int, seed: int) -> list[str]:
    """The link as `key=value` words of zyphos-link."""
    words = [f"mtu={mtu}", f"seed={seed}", *words_of("poll", spec.poll or None)]
    words += words_of("tx_queue_packets", spec.tx_queue_packets)
    for direction in DIRECTIONS:
        words += _path_words(f"{direction}.", spec.shaping(direction))
    return words


def _path_words(way: str, shaping: Shaping) -> Iterator[str]:
    for name in OPTIONS:
        yield from words_of(f"{way}{name}", getattr(shaping, name))
    yield from words_of(f"{way}mtu", shaping.path_mtu_bytes)
    loss = shaping.loss
    if loss is None:
        return
    yield from words_of(f"{way}loss_law", loss.law)
    if loss.law == "random":
        yield from words_of(f"{way}loss", loss.share)
    elif loss.law == "index":
        yield from words_of(f"{way}loss_indices", loss.indices)
    else:
        for name in ("p", "r", "good", "bad"):
            yield from words_of(f"{way}loss_{name}", getattr(loss, name))
