"""The experiment file as pydantic models: every key, its type and its default.

Only what one value can tell is checked here; what several must agree on stands in rules.py. Keys
keep the names of the file; fields that hold a time or a rate carry its unit (`deadline` is
`deadline_ns`). Models are frozen and may be shared between threads. docs/experiment.md is the
reference for people.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import AfterValidator, Discriminator, Field, Tag, model_validator

from zyphos_lab.errors import UnitError
from zyphos_lab.spec.fields import (
    Count,
    Cpus,
    Duration,
    DurationOrAuto,
    Fraction,
    Name,
    Paths,
    PositiveDuration,
    PositiveSize,
    Rate,
    Size,
    Texts,
    Value,
    Whole,
)
from zyphos_lab.spec.target_models import Model, Protocol, Socket, Target

WritePattern = Literal["one", "two", "writev", "cork"]
Law = Literal["closed", "constant", "poisson", "on-off", "ramp", "trace", "partly-open"]
Order = Literal["adjacent_pairs", "blocks", "sequential"]
Probe = Literal["syscalls", "tcp_info", "perf", "rusage", "netstat", "host"]
Tool = Literal["zyphos", "wrk", "h2load", "ab", "oha", "vegeta"]
Drops = Literal["listen_drops", "softnet_drops", "socket_drops", "retransmits"]
Names = Annotated[tuple[Name, ...], Field(strict=False)]
Where = dict[str, Value]

Mean = Annotated[float, Field(ge=1, le=1e12, strict=False)]

INTERVALS_MAX = 10_000  # as zyphos-load has it


class Arrival(Model):
    """When requests are sent: `closed` waits for answers, the others follow a schedule."""

    law: Law = "closed"
    think_ns: Annotated[Duration, Field(alias="think")] = 0
    rate_per_second: Annotated[Rate | None, Field(alias="rate")] = None
    offered: Annotated[Fraction, Field(gt=0)] | None = None
    on_ns: Annotated[PositiveDuration | None, Field(alias="on")] = None
    off_ns: Annotated[PositiveDuration | None, Field(alias="off")] = None
    from_per_second: Annotated[Rate | None, Field(alias="from")] = None
    to_per_second: Annotated[Rate | None, Field(alias="to")] = None
    file: Annotated[str, Field(min_length=1)] | None = None
    period_ns: Annotated[PositiveDuration | None, Field(alias="period")] = None
    requests_mean: Annotated[Mean | None, Field(alias="requests")] = None

    def mean_per_second(self) -> float | None:
        """Requests per second that it asks for; None where the file alone does not say."""
        if self.law == "ramp" and self.from_per_second and self.to_per_second:
            return (self.from_per_second + self.to_per_second) / 2
        if self.rate_per_second is None:
            return None
        return self.rate_per_second * (self.requests_mean or 1)


class Check(Model):
    """What a right answer is (http1)."""

    status: Annotated[int, Field(ge=100, le=599)] = 200
    body_bytes: Size | None = None
    body: str | None = None


class Listed(Model):
    """One of a list of requests (http1); `weight`: how often, against the others'."""

    weight: Annotated[float, Field(gt=0, le=1e9, strict=False)] = 1.0
    method: Annotated[str, Field(pattern="^[A-Z]+$")] = "GET"
    path: Annotated[str, Field(pattern=r"^/\S*$")] = "/"
    headers: dict[str, str] = {}
    body: str | None = None
    body_bytes: Size | None = None
    check: Check | None = None


def requests_kind(value: Any) -> str:
    """Tag of the two ways to give a list of requests."""
    return "<file>" if isinstance(value, str) else "<list>"


def _some(value: tuple[Listed, ...]) -> tuple[Listed, ...]:
    if not value:
        raise UnitError("an empty list asks for nothing")
    return value


ListOfRequests = Annotated[
    tuple[Listed, ...], Field(strict=False, max_length=1000), AfterValidator(_some)
]
Requests = Annotated[
    Annotated[str, Field(min_length=1), Tag("<file>")] | Annotated[ListOfRequests, Tag("<list>")],
    Discriminator(requests_kind),
]


class Generator(Model):
    """Whose program sends the load; `arguments` stand before the ones that the lab makes."""

    tool: Tool
    path: Annotated[str, Field(min_length=1)] | None = None
    arguments: Texts = ()


def generator_kind(value: Any) -> str:
    """Tag of the two ways to name a load generator."""
    return "<tool>" if isinstance(value, str) else "<mapping>"


AnyGenerator = Annotated[
    Annotated[Tool, Tag("<tool>")] | Annotated[Generator, Tag("<mapping>")],
    Discriminator(generator_kind),
]


class Load(Model):
    """What the load generator sends."""

    protocol: Protocol
    generator: AnyGenerator = "zyphos"
    connections: Count = 16
    threads: Count = 1
    cpus: Cpus = ()
    pipeline: Count = 1
    arrival: Arrival = Arrival()
    deadline_ns: Annotated[PositiveDuration, Field(alias="deadline")] = 1_000_000_000
    wire_timeout_ns: Annotated[PositiveDuration | None, Field(alias="wire_timeout")] = None
    poll: bool = False
    kernel_timestamps: bool = False
    socket: Socket = Socket()
    message_bytes: PositiveSize = 64
    write_pattern: WritePattern = "one"
    method: Annotated[str, Field(pattern="^[A-Z]+$")] = "GET"
    path: Annotated[str, Field(pattern=r"^/\S*$")] = "/"
    headers: dict[str, str] = {}
    body: str | None = None
    body_bytes: Size | None = None
    check: Check = Check()
    requests: Requests | None = None
    order: Literal["weighted", "sequential"] = "weighted"

    @property
    def ruler(self) -> Generator:
        """The generator, however it was named."""
        named = self.generator
        return named if isinstance(named, Generator) else Generator(tool=named)


class Disturbance(Model):
    """Something done to the trial on purpose: `stop` stands still for `for_ns`.

    `at_ns` counts from the start of the measured window.
    """

    at_ns: Annotated[Duration, Field(alias="at")]
    stop: Literal["server"]
    for_ns: Annotated[PositiveDuration, Field(alias="for")]


Disturbances = Annotated[tuple[Disturbance, ...], Field(strict=False)]


class Link(Model):
    """What lies between client and server."""

    kind: Literal["loopback"] = "loopback"


def values_kind(value: Any) -> str:
    """Tag of the two ways to write a factor's values."""
    return "<labels>" if isinstance(value, dict) else "<list>"


Values = Annotated[
    Annotated[list[Value], Field(min_length=1), Tag("<list>")]
    | Annotated[dict[str, Any], Field(min_length=1), Tag("<labels>")],
    Discriminator(values_kind),
]


class Factor(Model):
    """One thing that is varied: where its values go, and the values, plain or by label."""

    set: Paths
    values: Values


class Compare(Model):
    """A family of contrasts: every other value of `factor` against `baseline`."""

    factor: str
    baseline: Value
    metrics: Annotated[Texts, Field(min_length=1)]
    family: Name = "primary"
    floor: Fraction = 0.01
    where: Where = {}


class Ratio(Model):
    """The two values of a factor whose ratio an expectation is about."""

    factor: str
    value: Value
    baseline: Value


class Expect(Model):
    """A statement that has to hold in the cells of `where`, and to fail in the control cell."""

    id: Name
    where: Where = {}
    control: Annotated[Where, Field(min_length=1)]
    that: str
    compare: Ratio | None = None
    answers: Names = ()


class Repeat(Model):
    """How often and how long. A `warmup` of None (`auto`) is found by a pilot of `pilot`."""

    starts: Count = 8
    warmup_ns: Annotated[DurationOrAuto, Field(alias="warmup")] = 200_000_000
    window_ns: Annotated[PositiveDuration, Field(alias="window")] = 1_000_000_000
    interval_ns: Annotated[PositiveDuration, Field(alias="interval")] = 100_000_000
    pilot_ns: Annotated[PositiveDuration, Field(alias="pilot")] = 4_000_000_000
    until: Annotated[str, Field(min_length=1)] | None = None
    budget_ns: Annotated[PositiveDuration | None, Field(alias="budget")] = None

    @model_validator(mode="after")
    def _few_intervals(self) -> Repeat:
        if self.window_ns // self.interval_ns > INTERVALS_MAX:
            message = f"`interval` is too short: at most {INTERVALS_MAX} in a window"
            raise UnitError(message)
        return self


class SelfCheck(Model):
    """A/A: how many cells are also compared with themselves, in what, and how many raw p below
    5 % chance may give.
    """

    cells: Whole = 0
    metrics: Texts = ()
    floor: Fraction | None = None
    alarms: Whole | None = None


class Design(Model):
    """The order of the trials. `ceiling`: whether the load is first tried against a server that
    does nothing; `subject`: drops that the experiment is about, which speak against nothing.
    """

    order: Order = "adjacent_pairs"
    seed: Annotated[int, Field(ge=0, lt=2**63)] = 1
    aa: SelfCheck = SelfCheck()
    ceiling: bool | Literal["auto"] = "auto"
    subject: Annotated[tuple[Drops, ...], Field(strict=False)] = ()


class Search(Model):
    """A search for the highest load at which `slo` holds, before anything is measured."""

    slo: Annotated[str, Field(min_length=1)]
    width: Annotated[Fraction, Field(gt=0, lt=1)] = 0.05
    trials: Annotated[int, Field(ge=1, le=15)] = 3
    warmup_ns: Annotated[Duration, Field(alias="warmup")] = 200_000_000
    window_ns: Annotated[PositiveDuration, Field(alias="window")] = 1_000_000_000
    least_per_second: Annotated[Rate, Field(alias="least")] = 10.0
    most_per_second: Annotated[Rate | None, Field(alias="most")] = None
    baseline: Where = {}


class Outline(Model):
    """The part of an experiment that speaks of factors and metrics."""

    factors: dict[Name, Factor] = {}
    exclude: Annotated[tuple[Where, ...], Field(strict=False)] = ()
    compare: Annotated[tuple[Compare, ...], Field(strict=False)] = ()
    expect: Annotated[tuple[Expect, ...], Field(strict=False)] = ()


class Document(Outline):
    """A whole experiment file, its profile applied."""

    schema_version: Literal[1] = Field(alias="schema")
    name: Name
    question: str
    answers: Names = ()
    targets: Annotated[dict[Name, Target], Field(min_length=1)]
    load: Load
    link: Link = Link()
    disturb: Disturbances = ()
    search: Search | None = None
    repeat: Repeat = Repeat()
    design: Design = Design()
    probes: Annotated[tuple[Probe, ...], Field(strict=False)] = ("syscalls", "tcp_info", "rusage")
    evidence: bool = True
    profiles: dict[Name, dict[str, Any]] = {}
