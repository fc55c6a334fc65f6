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
    BitRate,
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
from zyphos_lab.spec.link_models import Link
from zyphos_lab.spec.target_models import Family, Model, Protocol, Socket, Target

WritePattern = Literal["one", "two", "writev", "cork"]
SendCall = Literal["send", "write", "writev", "sendmsg", "zerocopy"]
Law = Literal["closed", "constant", "poisson", "on-off", "ramp", "trace", "partly-open"]
Order = Literal["adjacent_pairs", "blocks", "sequential"]
Probe = Literal[
    "syscalls",
    "syscall_latency",
    "tcp_info",
    "tcp_events",
    "sockets",
    "sched",
    "futex",
    "memory",
    "uring",
    "perf",
    "bpf_stats",
    "leaks",
    "descriptors",
    "ending",
    "steal",
    "rusage",
    "netstat",
    "host",
]
Tool = Literal["zyphos", "wrk", "h2load", "ab", "oha", "vegeta"]
Drops = Literal[
    "listen_drops", "softnet_drops", "socket_drops", "tun_dropped", "retransmits", "captured"
]
Failures = Literal["wrong_answers", "late_answers", "nothing_done", "target_failed"]
# What a path that goes dark, or a server that stands still, does to a window. Not the generator's
# limits: the ruler's own are no experiment's subject.
Unrest = Literal["censored", "not_stationary", "littles_law", "arrivals_off"]
Names = Annotated[tuple[Name, ...], Field(strict=False)]
Where = dict[str, Value]

# As zyphos-load has them.
Addresses = Annotated[int, Field(ge=1, le=250)]
Processes = Annotated[int, Field(ge=1, le=250)]
Mean = Annotated[float, Field(ge=1, le=1e12, strict=False)]

# Scheme, host, port ({port} is the target's) and path.
URL_PATTERN = r"^https?://[A-Za-z0-9_-]+(\.[A-Za-z0-9_-]+)*(:([0-9]{1,5}|\{port\}))?(/[!-~]*)?$"
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


class Resolver(Model):
    """The name server that a fetch asks: how long it takes, and how long its answers live."""

    delay_ns: Annotated[Duration, Field(alias="delay")] = 0
    ttl_ns: Annotated[Duration, Field(alias="ttl")] = 3_600_000_000_000


class Fetch(Model):
    """A URL to fetch, one time after the other, as a person's browser does (zyphos-fetch)."""

    url: Annotated[str, Field(pattern=URL_PATTERN)]
    dns: Literal["cold", "cached"] = "cold"
    connection: Literal["new", "reuse"] = "new"
    tls: Literal["1.2", "1.3"] | None = None
    session: Literal["new", "resumed", "early_data"] | None = None
    resolver: Resolver = Resolver()

    @property
    def secure(self) -> bool:
        return self.url.startswith("https:")

    @property
    def host(self) -> str:
        """The name of the URL's host."""
        return self.url.split("/")[2].partition(":")[0]

    @property
    def port(self) -> str:
        """As it is written; "" where it is not."""
        return self.url.split("/")[2].partition(":")[2]


class Ipc(Model):
    """Messages to a process of this machine, by something other than a network (zyphos-ipc)."""

    by: Literal[
        "pipe", "unix_stream", "unix_seqpacket", "unix_dgram", "eventfd", "futex", "spin"
    ]  # as cpp/ipc/options.h has them
    pattern: Literal["ping_pong", "stream"] = "ping_pong"
    buffer_bytes: Annotated[PositiveSize, Field(alias="buffer", le=1 << 30)] = 128 * 1024
    spins: Whole = 0


class Datagrams(Model):
    """UDP datagrams, numbered, each of which the target sends back (zyphos-datagram)."""

    in_flight: Annotated[int, Field(ge=1, le=4096)] = 64  # as cpp/datagram/options.h has them
    batch: Annotated[int, Field(ge=1, le=256)] = 32
    send: Literal["mmsg", "gso"] = "mmsg"


class ClientPool(Model):
    """How the load's connections are kept: dialed when a request needs one, `load.connections` at
    most, and taken again while they last.
    """

    waiting_max: Whole = 1024
    idle_timeout_ns: Annotated[PositiveDuration | None, Field(alias="idle_timeout")] = None
    check_after_ns: Annotated[Duration | None, Field(alias="check_after")] = None
    order: Literal["lifo", "fifo"] = "lifo"


class Load(Model):
    """What the load generator sends."""

    protocol: Protocol
    generator: AnyGenerator = "zyphos"
    family: Family | None = None
    connections: Count = 16
    addresses: Addresses = 1
    pool: ClientPool | None = None
    processes: Processes = 1
    threads: Count = 1
    cpus: Cpus = ()
    pipeline: Count = 1
    requests_per_connection: Count | None = None
    arrival: Arrival = Arrival()
    deadline_ns: Annotated[PositiveDuration, Field(alias="deadline")] = 1_000_000_000
    wire_timeout_ns: Annotated[PositiveDuration | None, Field(alias="wire_timeout")] = None
    poll: bool = False
    read_bits_per_second: Annotated[BitRate | None, Field(alias="read_rate")] = None
    kernel_timestamps: bool = False
    socket: Socket = Socket()
    message_bytes: PositiveSize = 64
    write_pattern: WritePattern = "one"
    send_call: SendCall = "send"
    method: Annotated[str, Field(pattern="^[A-Z]+$")] = "GET"
    path: Annotated[str, Field(pattern=r"^/\S*$")] = "/"
    headers: dict[str, str] = {}
    body: str | None = None
    body_bytes: Size | None = None
    check: Check = Check()
    requests: Requests | None = None
    order: Literal["weighted", "sequential"] = "weighted"
    fetch: Fetch | None = None
    ipc: Ipc | None = None
    datagrams: Datagrams | None = None

    @property
    def by_itself(self) -> bool:
        """Whether another program than a load generator makes it."""
        return any(one is not None for one in (self.fetch, self.ipc, self.datagrams))

    @property
    def ruler(self) -> Generator:
        """The generator, however it was named."""
        named = self.generator
        return named if isinstance(named, Generator) else Generator(tool=named)


# What a cell whose target takes no load has in its place: this very object.
_NO_PROTOCOL: Any = "none"
NO_LOAD = Load.model_construct(protocol=_NO_PROTOCOL)


class Disturbance(Model):
    """Something done to the trial on purpose for `for_ns`: exactly one of stop, kill, link, attack.

    `at_ns` counts from the start of the measured window. `rebind` is done in a moment.
    """

    at_ns: Annotated[Duration, Field(alias="at")]
    stop: Literal["server"] | None = None
    kill: Literal["worker"] | None = None
    link: Literal["blackhole", "rebind"] | None = None
    direction: Literal["both", "forward", "backward"] | None = None
    attack: (
        Literal["syn_flood", "reset", "greedy", "slow_head", "slow_body", "slow_read"] | None
    ) = None
    connections: Count | None = None
    rate_per_second: Annotated[Rate | None, Field(alias="rate")] = None
    sequence: Literal["exact", "window", "blind"] | None = None
    filter: Literal["xdp"] | None = None
    for_ns: Annotated[PositiveDuration | None, Field(alias="for")] = None

    def step(self) -> dict[str, Any]:
        """As zyphos_lab/disturber.py takes it."""
        when = {"at_ns": self.at_ns, "for_ns": self.for_ns or 0}
        if self.link == "rebind":
            return {"kind": self.link, **when}
        if self.link is not None:
            return {"kind": self.link, **when, "direction": self.direction or "both"}
        if self.attack is not None:
            how = {"attack": self.attack, "rate": self.rate_per_second, "filter": self.filter}
            more = {"sequence": self.sequence or "exact", "connections": self.connections or 1}
            return {"kind": "attack", **when, **how, **more}
        return {"kind": "stop" if self.kill is None else "kill", **when}


Disturbances = Annotated[tuple[Disturbance, ...], Field(strict=False)]


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


class Fit(Model):
    """A line asked for: `metric` = fixed + per unit * the number that `factor` is, in each
    combination of the other factors.
    """

    id: Name
    factor: str
    metric: str
    where: Where = {}


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


class ObserverCost(Model):
    """Pairs of trials with and without the costly probes (system calls, perf), per cell; `auto`:
    8 in all where they take little of the run. `budget`: what probes may cost; more is DEGRADED.
    """

    pairs: Annotated[int, Field(ge=0, le=100)] | Literal["auto"] = "auto"
    budget: Fraction = 0.05


class Design(Model):
    """The order of the trials. `ceiling`: whether the load is first tried against a server that
    does nothing; `subject`: drops, failures and unrest that it is about, which speak against
    nothing;
    `spare`: the share of the blocks that may be measured again where the machine disturbed them.
    """

    order: Order = "adjacent_pairs"
    seed: Annotated[int, Field(ge=0, lt=2**63)] = 1
    aa: SelfCheck = SelfCheck()
    observer: ObserverCost = ObserverCost()
    ceiling: bool | Literal["auto"] = "auto"
    subject: Annotated[tuple[Drops | Failures | Unrest, ...], Field(strict=False)] = ()
    spare: Annotated[Fraction, Field(ge=0, le=1)] = 0.25


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


class Capture(Model):
    """Packets written into the run's folder: of extra trials, or (`measured`) of all measured ones.

    The first limit that is reached ends a trial's capture.
    """

    trials: Count = 1
    measured: bool = False
    packets: Count = 2000
    snap_bytes: Annotated[PositiveSize, Field(le=65536)] = 128
    file_bytes: PositiveSize = 64 << 20
    time_ns: Annotated[PositiveDuration, Field(alias="time")] = 60_000_000_000
    window_ns: Annotated[PositiveDuration, Field(alias="window")] = 500_000_000


class Outline(Model):
    """The part of an experiment that speaks of factors and metrics."""

    factors: dict[Name, Factor] = {}
    exclude: Annotated[tuple[Where, ...], Field(strict=False)] = ()
    compare: Annotated[tuple[Compare, ...], Field(strict=False)] = ()
    expect: Annotated[tuple[Expect, ...], Field(strict=False)] = ()
    fit: Annotated[tuple[Fit, ...], Field(strict=False)] = ()


class Document(Outline):
    """A whole experiment file, its profile applied."""

    schema_version: Literal[1] = Field(alias="schema")
    name: Name
    question: str
    answers: Names = ()
    targets: Annotated[dict[Name, Target], Field(min_length=1)]
    load: Load | None = None
    link: Link = Link()
    disturb: Disturbances = ()
    search: Search | None = None
    capture: Capture | None = None
    repeat: Repeat = Repeat()
    design: Design = Design()
    probes: Annotated[tuple[Probe, ...], Field(strict=False)] = ("syscalls", "tcp_info", "rusage")
    bpftrace: Paths = ()
    evidence: bool = True
    profiles: dict[Name, dict[str, Any]] = {}
