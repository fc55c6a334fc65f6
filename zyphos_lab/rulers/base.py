"""What an adapter to somebody else's load generator is, and what it gives back.

An adapter knows one tool: the command line that comes nearest to a `load` section, and how to read
what the tool says of itself. It starts nothing. Times are nanoseconds. What a tool calls latency is
taken as it is: that is what it is measured for.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from zyphos_lab.links.base import Ends
from zyphos_lab.spec.families import reached
from zyphos_lab.spec.models import Load

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from zyphos_lab.targets import Running

SECOND_NS = 1_000_000_000
LATENCY = ("mean", "min", "p50", "p90", "p99", "p99_9", "max")


def place_of(load: Load, running: Running, ends: Ends) -> str:
    """The address that the load connects to."""
    if ends.front_address is not None:
        return ends.front_address
    return reached(running.address, load.family, ends.server_address)


@dataclass(frozen=True, slots=True)
class Job:
    """What is to be sent: the load of a cell to `url` for `window_ns`, by `program`; `folder` is
    for its files."""

    program: str
    load: Load
    url: str
    window_ns: int
    folder: Path

    @property
    def seconds(self) -> int:
        """The window of a tool that counts in whole seconds."""
        return self.window_ns // SECOND_NS

    @property
    def arguments(self) -> tuple[str, ...]:
        """The experiment's own, which stand first."""
        return self.load.ruler.arguments

    @property
    def timeout_s(self) -> int:
        """Patience with one request, for a tool that wants whole seconds."""
        return max(1, math.ceil(self.load.deadline_ns / SECOND_NS))

    @property
    def rate_per_second(self) -> float | None:
        """The rate to ask for; None in a closed load."""
        return self.load.arrival.rate_per_second

    def body(self) -> bytes | None:
        """What every request carries."""
        if self.load.body is not None:
            return self.load.body.encode()
        return b"x" * self.load.body_bytes if self.load.body_bytes else None

    def headers(self) -> list[str]:
        return [f"{name}: {text}" for name, text in self.load.headers.items()]


@dataclass(frozen=True, slots=True)
class Samples:
    """Single requests: when each began (wall clock, since 1970) and how long it took."""

    start_ns: NDArray[np.int64]
    latency_ns: NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Said:
    """What a tool said of its run. `latency_ns` has what it printed (keys of LATENCY) where there
    are no `samples`; `run_ns` is its own time, `errors` its own kinds, `done` the right answers."""

    run_ns: int
    done: int
    failed: int
    errors: Mapping[str, int] = field(default_factory=dict)
    latency_ns: Mapping[str, float] = field(default_factory=dict)
    samples: Samples | None = None


class Adapter(Protocol):
    """One tool. `read` gets its standard output and raises ValueError when that is not its own."""

    @property
    def name(self) -> str: ...

    @property
    def package(self) -> str:
        """How to get it."""

    @property
    def version(self) -> Sequence[str]:
        """Arguments that make it say its version."""

    def words(self, job: Job) -> list[str]:
        """Its arguments; writes the files that they name into the job's folder."""

    def read(self, job: Job, text: str) -> Said:
        """What it said, once it has ended."""
