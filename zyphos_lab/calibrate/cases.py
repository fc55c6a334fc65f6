"""What is put before the ruler: known laws, for each protocol that the load generator speaks.

A new protocol is one more entry of PROTOCOLS. Plain data, as an experiment file would have it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

Kind = Literal["latency", "stall", "rate", "loss"]

RATE_PER_SECOND = 1000
STALL_RATE_PER_SECOND = 500
STALL_AT_NS = 500_000_000  # from the window's start
STALL_FOR_NS = 1_000_000_000
CAP_PER_SECOND = 2000
LOSS = 0.02


@dataclass(frozen=True, slots=True)
class Speech:
    """A protocol: its keys of the load and of the reference server, and one request as bytes."""

    protocol: str
    request: bytes
    load: Mapping[str, Any] = field(default_factory=dict)
    target: Mapping[str, Any] = field(default_factory=dict)


PROTOCOLS = (
    Speech("http1", b"GET / HTTP/1.1\r\nHost: reference\r\n\r\n"),
    Speech("echo", bytes(64), {"message_bytes": 64}, {"message_bytes": 64}),
)


@dataclass(frozen=True, slots=True)
class Case:
    """One law: `reference` and `load` are keys of an experiment file, times are windows."""

    name: str
    title: str
    kind: Kind
    reference: Mapping[str, Any]
    load: Mapping[str, Any]
    quick_ns: int = 1_000_000_000
    full_ns: int = 1_500_000_000

    @property
    def both_ways(self) -> bool:
        """Whether it is put before a ruler that polls and before one that sleeps.

        Delays are: what differs is how an answer is noticed. The others are counted once.
        """
        return self.kind == "latency"


@dataclass(frozen=True, slots=True)
class Setup:
    """One case of one protocol, before a ruler that polls while answers are awaited or sleeps."""

    speech: Speech
    case: Case
    poll: bool


def _open(rate: int, connections: int, **more: Any) -> dict[str, Any]:
    arrival = {"law": "constant", "rate": f"{rate}/s"}
    return {"arrival": arrival, "connections": connections, "deadline": "2s", **more}


BIMODAL = {"law": "bimodal", "delay": "200us", "slow": "5ms", "share": 0.05}
PARETO = {"law": "pareto", "scale": "200us", "shape": 1.5, "most": "20ms"}

CASES = (
    *(
        Case(
            f"constant_{delay}",
            f"every answer after {delay.replace('us', ' us').replace('ms', ' ms')}",
            "latency",
            {"delay": delay},
            _open(RATE_PER_SECOND, 64),
        )
        for delay in ("50us", "1ms", "10ms")
    ),
    Case(
        "bimodal",
        "95 % after 200 us, 5 % after 5 ms",
        "latency",
        {"delay": BIMODAL},
        _open(RATE_PER_SECOND, 64),
    ),
    Case(
        "heavy_tail",
        "Pareto from 200 us on, exponent 1.5, at most 20 ms",
        "latency",
        {"delay": PARETO},
        _open(RATE_PER_SECOND, 64),
    ),
    Case(
        # More connections than arrivals in the stall: none waits for a free one.
        "stall",
        "nothing is answered for 1 s, requests go on arriving",
        "stall",
        {"truth": True, "busy_poll": True},
        _open(STALL_RATE_PER_SECOND, 640),
        2_500_000_000,
        2_500_000_000,
    ),
    Case(
        "rate_cap",
        f"{CAP_PER_SECOND} answers a second and no more",
        "rate",
        {"rate": f"{CAP_PER_SECOND}/s"},
        {"arrival": {"law": "closed"}, "connections": 32, "deadline": "2s"},
    ),
    Case(
        "loss",
        f"{LOSS:.0%} of the requests are never answered",
        "loss",
        {"loss": LOSS, "busy_poll": True},
        _open(RATE_PER_SECOND, 128, wire_timeout="100ms"),
    ),
)
