"""The experiment file as pydantic models: every key, its type and its default.

Only what one value can tell is checked here; what several must agree on stands in rules.py. Keys
keep the names of the file; fields that hold a time or a rate carry its unit (`deadline` is
`deadline_ns`). Models are frozen and may be shared between threads. docs/experiment.md is the
reference for people.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Discriminator, Field, Tag, model_validator

from zyphos_lab.errors import UnitError
from zyphos_lab.spec.fields import (
    DURATION_PATTERN,
    Address,
    Count,
    Cpus,
    Duration,
    Fraction,
    Name,
    Paths,
    Port,
    PortOrAuto,
    PositiveDuration,
    PositiveSize,
    Rate,
    Size,
    Texts,
    Value,
    Whole,
)

Engine = Literal["thread", "epoll", "uring"]
Protocol = Literal["echo", "http1"]
App = Literal["hello", "echo", "delay"]
WritePattern = Literal["one", "two", "writev", "cork"]
Law = Literal["closed", "constant", "poisson"]
Order = Literal["adjacent_pairs", "blocks", "sequential"]
Probe = Literal["syscalls", "tcp_info", "perf", "rusage", "netstat", "host"]
StopSignal = Literal["SIGTERM", "SIGINT", "SIGQUIT", "SIGHUP", "SIGUSR1", "SIGUSR2", "SIGKILL"]
Names = Annotated[tuple[Name, ...], Field(strict=False)]
Where = dict[str, Value]

LOOPBACK = "127.0.0.1"
INTERVALS_MAX = 10_000  # as zyphos-load has it


class Model(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)


class Socket(Model):
    """Socket options, as cpp/net/options.h names them; null leaves the system's default."""

    tcp_nodelay: bool | None = None
    tcp_quickack: bool | None = None
    tcp_congestion: Annotated[str, Field(min_length=1, max_length=15)] | None = None
    tcp_user_timeout_ms: Whole | None = None
    tcp_notsent_lowat: Size | None = None
    so_rcvbuf: PositiveSize | None = None
    so_sndbuf: PositiveSize | None = None
    so_linger: Whole | None = None
    so_keepalive: bool | None = None
    so_busy_poll: Whole | None = None


class EngineTarget(Model):
    """One of our own servers."""

    engine: Engine
    protocol: Protocol
    app: App = "hello"
    message_bytes: PositiveSize = 64
    response_bytes: Size = 13
    delay_ns: Annotated[Duration, Field(alias="delay")] = 0
    threads: Count = 1
    cpus: Cpus = ()
    address: Address = LOOPBACK
    idle_timeout_ns: Annotated[PositiveDuration | None, Field(alias="idle_timeout")] = None
    socket: Socket = Socket()


class Ready(Model):
    """When a named program counts as ready: exactly one of `http`, `tcp`, `log`."""

    http: Annotated[str, Field(pattern="^/")] | None = None
    tcp: Literal[True] | None = None
    log: Annotated[str, Field(min_length=1)] | None = None
    timeout_ns: Annotated[PositiveDuration, Field(alias="timeout")] = 10_000_000_000


class CommandTarget(Model):
    """Any program. In its texts `{port}` and `{dir}` (a fresh private folder) are filled in."""

    command: Annotated[Texts, Field(min_length=1)]
    port: PortOrAuto = "auto"
    address: Address = LOOPBACK
    ready: Ready = Ready(tcp=True)
    stop: StopSignal = "SIGTERM"
    cwd: str = "{dir}"
    env: dict[str, str] = {}
    files: dict[str, str] = {}
    cpus: Cpus = ()


class Delay(Model):
    """Law of the time from a request's arrival to its answer's leaving; `1ms` is a constant one."""

    law: Literal["constant", "bimodal", "pareto"] = "constant"
    delay_ns: Annotated[Duration, Field(alias="delay")] = 0
    slow_ns: Annotated[Duration, Field(alias="slow")] = 0
    share: Fraction = 0.0
    scale_ns: Annotated[Duration, Field(alias="scale")] = 0
    shape: Annotated[float, Field(gt=0, strict=False)] = 1.0
    most_ns: Annotated[Duration, Field(alias="most")] = 0

    @model_validator(mode="before")
    @classmethod
    def _plain(cls, value: Any) -> Any:
        return {"delay": value} if isinstance(value, str | int) else value

    @classmethod
    def __get_pydantic_json_schema__(cls, schema: Any, handler: Any) -> dict[str, Any]:
        text = {"type": ["string", "integer"], "pattern": DURATION_PATTERN, "maximum": 0}
        return {"anyOf": [text, handler(schema)]}


class Stall(Model):
    """So long (`for`) nothing is answered, `after` the first request of all; again `every`."""

    after_ns: Annotated[Duration, Field(alias="after")] = 0
    for_ns: Annotated[PositiveDuration, Field(alias="for")]
    every_ns: Annotated[Duration, Field(alias="every")] = 0


class Reference(Model):
    """What the reference server does to requests; nothing at all is the no-op server."""

    delay: Delay = Delay()
    work_ns: Annotated[Duration, Field(alias="work")] = 0
    stall: Stall | None = None
    rate_per_second: Annotated[Rate | None, Field(alias="rate")] = None
    loss: Fraction = 0.0
    loss_by: Literal["silence", "close"] = "silence"
    busy_poll: bool | None = None
    truth: bool | None = None


class ReferenceTarget(Model):
    """The server of known truth, zyphos-reference."""

    reference: Reference
    protocol: Protocol
    message_bytes: PositiveSize = 64
    response_bytes: Size = 13
    cpus: Cpus = ()
    address: Address = LOOPBACK


class Attach(Model):
    """A server that already runs."""

    port: Port
    pid: Count
    address: Address = LOOPBACK


class AttachTarget(Model):
    """A server that already runs and is left alone."""

    attach: Attach


TARGET_KINDS: dict[str, type[EngineTarget | CommandTarget | AttachTarget | ReferenceTarget]] = {
    "engine": EngineTarget,
    "reference": ReferenceTarget,
    "command": CommandTarget,
    "attach": AttachTarget,
}


def target_kind(value: Any) -> str | None:
    """The key that says which kind of target `value` (mapping or model) is, as a tag `<key>`."""
    held = value if isinstance(value, dict) else getattr(value, "__dict__", {})
    return next((f"<{kind}>" for kind in TARGET_KINDS if kind in held), None)


Target = Annotated[
    Annotated[EngineTarget, Tag("<engine>")]
    | Annotated[CommandTarget, Tag("<command>")]
    | Annotated[AttachTarget, Tag("<attach>")]
    | Annotated[ReferenceTarget, Tag("<reference>")],
    Discriminator(target_kind),
]


class Arrival(Model):
    """When requests are sent: `closed` waits for answers, the others follow a schedule."""

    law: Law = "closed"
    think_ns: Annotated[Duration, Field(alias="think")] = 0
    rate_per_second: Annotated[Rate | None, Field(alias="rate")] = None
    offered: Annotated[Fraction, Field(gt=0)] | None = None


class Check(Model):
    """What a right answer is (http1)."""

    status: Annotated[int, Field(ge=100, le=599)] = 200
    body_bytes: Size | None = None
    body: str | None = None


class Load(Model):
    """What the load generator sends."""

    protocol: Protocol
    connections: Count = 16
    threads: Count = 1
    cpus: Cpus = ()
    pipeline: Count = 1
    arrival: Arrival = Arrival()
    deadline_ns: Annotated[PositiveDuration, Field(alias="deadline")] = 1_000_000_000
    wire_timeout_ns: Annotated[PositiveDuration | None, Field(alias="wire_timeout")] = None
    socket: Socket = Socket()
    message_bytes: PositiveSize = 64
    write_pattern: WritePattern = "one"
    method: Annotated[str, Field(pattern="^[A-Z]+$")] = "GET"
    path: Annotated[str, Field(pattern=r"^/\S*$")] = "/"
    headers: dict[str, str] = {}
    body: str | None = None
    body_bytes: Size | None = None
    check: Check = Check()


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


class Repeat(Model):
    """How often and how long."""

    starts: Count = 8
    warmup_ns: Annotated[Duration, Field(alias="warmup")] = 200_000_000
    window_ns: Annotated[PositiveDuration, Field(alias="window")] = 1_000_000_000
    interval_ns: Annotated[PositiveDuration, Field(alias="interval")] = 100_000_000

    @model_validator(mode="after")
    def _few_intervals(self) -> Repeat:
        if self.window_ns // self.interval_ns > INTERVALS_MAX:
            message = f"`interval` is too short: at most {INTERVALS_MAX} in a window"
            raise UnitError(message)
        return self


class SelfCheck(Model):
    """A/A: how many cells are also compared with themselves."""

    cells: Whole = 0


class Design(Model):
    """The order of the trials."""

    order: Order = "adjacent_pairs"
    seed: Annotated[int, Field(ge=0, lt=2**63)] = 1
    aa: SelfCheck = SelfCheck()


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
