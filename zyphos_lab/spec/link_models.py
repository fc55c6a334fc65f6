"""The experiment file's `link` as pydantic models: what lies between client and server.

See models.py. Keys of one direction may stand at the link itself, for both, or in `forward` (client
to server) and `backward`, where they take the place of the common ones.
"""

from __future__ import annotations

import re
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, Field, model_validator

from zyphos_lab.errors import UnitError
from zyphos_lab.spec.fields import (
    FRACTION_PATTERN,
    BitRate,
    Count,
    Cpus,
    Duration,
    Fraction,
    PositiveDuration,
    PositiveSize,
    Value,
)
from zyphos_lab.spec.target_models import Family, Model

Direction = Literal["forward", "backward"]
LinkKind = Literal["loopback", "veth", "netem", "tun"]
Aqm = Literal["none", "codel", "pie", "red"]
JitterLaw = Literal["uniform", "normal", "pareto"]
DIRECTIONS: tuple[Direction, ...] = ("forward", "backward")
SYSCTL = re.compile(r"net(\.[A-Za-z0-9_-]+)+\Z")


class Loss(Model):
    """Which packets are lost; a plain fraction is law random with that `share`."""

    law: Literal["random", "gilbert-elliott", "index"] = "random"
    share: Fraction = 0.0
    p: Fraction | None = None
    r: Fraction | None = None
    good: Fraction = 0.0
    bad: Fraction = 1.0
    indices: Annotated[tuple[Count, ...], Field(strict=False)] = ()

    @property
    def expected(self) -> float | None:
        """Share of packets that is lost in the long run; None where it is not a share."""
        if self.law == "index":
            return None
        if self.law == "random":
            return self.share
        p, r = self.p or 0.0, self.r or 0.0
        return (r * self.good + p * self.bad) / (p + r) if p + r else self.good

    @model_validator(mode="before")
    @classmethod
    def _plain(cls, value: Any) -> Any:
        return {"share": value} if isinstance(value, str | int | float) else value

    @classmethod
    def __get_pydantic_json_schema__(cls, schema: Any, handler: Any) -> dict[str, Any]:
        text = {"type": ["string", "number"], "pattern": FRACTION_PATTERN, "minimum": 0}
        return {"anyOf": [text, handler(schema)]}


class Shaping(Model):
    """What becomes of packets in one direction; null is: as they come."""

    delay_ns: Annotated[Duration | None, Field(alias="delay")] = None
    jitter_ns: Annotated[Duration | None, Field(alias="jitter")] = None
    jitter_law: JitterLaw | None = None
    keep_order: bool | None = None
    rate_bits_per_second: Annotated[BitRate | None, Field(alias="rate")] = None
    queue_packets: Annotated[Count | None, Field(alias="queue")] = None
    queue_bytes: PositiveSize | None = None
    trace: Annotated[str | None, Field(min_length=1)] = None
    aqm: Aqm | None = None
    codel_target_ns: Annotated[PositiveDuration | None, Field(alias="codel_target")] = None
    codel_interval_ns: Annotated[PositiveDuration | None, Field(alias="codel_interval")] = None
    pie_target_ns: Annotated[PositiveDuration | None, Field(alias="pie_target")] = None
    pie_period_ns: Annotated[PositiveDuration | None, Field(alias="pie_period")] = None
    pie_burst_ns: Annotated[Duration | None, Field(alias="pie_burst")] = None
    red_min_packets: Annotated[Count | None, Field(alias="red_min")] = None
    red_max_packets: Annotated[Count | None, Field(alias="red_max")] = None
    red_probability: Fraction | None = None
    red_weight: Annotated[Fraction | None, Field(gt=0)] = None
    ecn: bool | None = None
    loss: Loss | None = None
    reorder: Fraction | None = None
    duplicate: Fraction | None = None
    corrupt: Fraction | None = None
    path_mtu_bytes: Annotated[Count | None, Field(alias="path_mtu")] = None

    @property
    def paced(self) -> bool:
        """Whether packets have to wait for one another."""
        return bool(self.rate_bits_per_second or self.trace)

    @property
    def lossy(self) -> bool:
        """Whether packets are lost on purpose, or may come in another order or twice."""
        lost = self.loss is not None and (self.loss.law != "random" or self.loss.share > 0)
        full = self.queue_packets or self.queue_bytes or self.path_mtu_bytes
        managed = self.aqm not in (None, "none")
        others = (self.jitter_ns, self.reorder, self.duplicate, self.corrupt)
        return lost or managed or bool(full) or any(others)


def _sysctl(value: str) -> str:
    if not SYSCTL.match(value):
        hint = "net.core.*, net.ipv4.*: only `net.` belongs to a namespace"
        raise UnitError(f"`{value}` is no setting of a network namespace", hint)
    return value


Setting = Annotated[str, AfterValidator(_sysctl)]


class Sysctls(Model):
    """Kernel settings by name, written in the namespaces of both sides or of one."""

    both: dict[Setting, Value] = {}
    server: dict[Setting, Value] = {}
    client: dict[Setting, Value] = {}

    def of(self, role: str) -> dict[str, Value]:
        """Those of one side; its own take the place of the common ones."""
        own: dict[str, Value] = getattr(self, role)
        return {**self.both, **own}


def _whole_seconds(value: int) -> int:
    if value % 1_000_000_000:
        hint = "the kernel's table of connections counts in seconds"
        raise UnitError("has to be whole seconds, 1s or more", hint)
    return value


WholeSeconds = Annotated[PositiveDuration, AfterValidator(_whole_seconds)]


Port = Annotated[int, Field(ge=1, le=65535)]


class Forward(Model):
    """What comes from outside to a port of the router, TCP or UDP, goes on to the port `to`
    (default: the same) of whoever is behind it.
    """

    port: Port
    to: Port | None = None


class Nat(Model):
    """Translation of addresses by the router next to the side that it hides: the client, or the
    server, which is then reached by the first forwarded port.

    `unknown`: a TCP segment of a connection that it does not (any more) know gets a new mapping, or
    vanishes. `ports`: whether a new mapping gets a port of its own, or the client's where free.
    """

    hides: Literal["client", "server"] = "client"
    tcp_timeout_ns: Annotated[WholeSeconds | None, Field(alias="tcp_timeout")] = None
    udp_timeout_ns: Annotated[WholeSeconds | None, Field(alias="udp_timeout")] = None
    unknown: Literal["map", "drop"] = "map"
    ports: Literal["new", "kept"] = "new"
    forward: Annotated[tuple[Forward, ...], Field(strict=False)] = ()


class Routers(Model):
    """What all routers of the link do beside passing packets on.

    `mtu_bytes` is that of the wires between them; `icmp: drop`: nobody is told that a packet was
    larger ("fragmentation needed").
    """

    mtu_bytes: Annotated[int | None, Field(alias="mtu", ge=576, le=65535)] = None
    icmp: Literal["send", "drop"] = "send"
    clamp_mss: bool = False


class Link(Shaping):
    """What lies between client and server."""

    kind: LinkKind = "loopback"
    family: Family = "ipv4"
    mtu_bytes: Annotated[int | None, Field(alias="mtu", ge=576, le=65535)] = None
    offloads: bool | None = None
    hops: Annotated[int | None, Field(ge=0, le=8)] = None
    routers: Routers = Routers()
    nat: Nat | None = None
    cpus: Cpus = ()
    poll: bool = False
    tx_queue_packets: Annotated[Count | None, Field(alias="tx_queue")] = None
    forward: Shaping = Shaping()
    backward: Shaping = Shaping()
    sysctl: Sysctls = Sysctls()

    @property
    def router_count(self) -> int:
        """Routers between client and server: `hops`, but a NAT is one."""
        return self.hops if self.hops is not None else int(self.nat is not None)

    @property
    def nat_router(self) -> int | None:
        """Which of the routers translates addresses."""
        if self.nat is None:
            return None
        return 0 if self.nat.hides == "client" else self.router_count - 1

    @property
    def filters(self) -> bool:
        """Whether routers do more than pass packets on, which takes nftables."""
        return self.nat is not None or self.routers != Routers()

    @property
    def spoils(self) -> bool:
        """Whether segments have to be sent again because the link was asked to make it so."""
        black_hole = self.routers.mtu_bytes is not None or self.nat is not None
        return black_hole or any(self.shaping(direction).lossy for direction in DIRECTIONS)

    def shaping(self, direction: Direction) -> Shaping:
        """What holds in one direction, the common keys included."""
        own: Shaping = getattr(self, direction)
        names = Shaping.model_fields
        merged = {name: getattr(own, name) for name in names if getattr(own, name) is not None}
        common = {name: getattr(self, name) for name in names}
        return Shaping.model_construct(**{**common, **merged})
