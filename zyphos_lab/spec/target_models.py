"""The experiment file's targets as pydantic models, and what all models of it share.

See models.py, which holds the rest.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Discriminator,
    Field,
    Tag,
    model_validator,
)

from zyphos_lab.spec.fields import (
    DURATION_PATTERN,
    Address,
    Count,
    Cpus,
    Duration,
    Fraction,
    Port,
    PortOrAuto,
    PositiveDuration,
    PositiveSize,
    Rate,
    Size,
    Texts,
    Whole,
)

Engine = Literal[
    "sequential", "thread", "pool", "select", "poll", "epoll", "coroutine", "uring", "prefork"
]
WhenBusy = Literal["wait", "reject_newest", "drop_oldest", "caller_runs"]
# As cpp/engine/readiness_options.h has them.
Trigger = Literal["level", "edge", "oneshot"]
Accepting = Literal["reuse_port", "shared", "acceptor"]
HandOut = Literal["round_robin", "least_connections"]
# As cpp/engine/prefork_options.h has them.
WorkerAccept = Literal["reuse_port", "inherited", "passed"]
Steer = Literal["hash", "cpu", "random"]
WhenFull = Literal["pause", "refuse", "spin"]
Protocol = Literal["echo", "http1"]
Family = Literal["ipv4", "ipv6"]  # versions of IP
Listens = Literal["ipv4", "ipv6", "dual"]  # as cpp/tool/listen_words.h has them
App = Literal["hello", "echo", "delay", "counter", "transfer", "nest", "report"]
Locking = Literal["given", "ranked", "retry"]  # as cpp/app/transfer.h has them
Clockwork = Literal["wheel", "rounds", "forgotten"]  # as cpp/app/bells.h has them
Counter = Literal["mutex", "atomic", "per_thread"]  # as cpp/app/tally.h has them
Parser = Literal["best", "descent", "table", "simd"]  # as cpp/protocol/http1/read.h has them
Strictness = Literal["strict", "lenient"]  # as cpp/protocol/http1/rule.h has them
# Kernels, as cpp/scan/kernel.h has them.
Scan = Literal["best", "scalar", "sse4.2", "avx2", "avx512"]
StopSignal = Literal["SIGTERM", "SIGINT", "SIGQUIT", "SIGHUP", "SIGUSR1", "SIGUSR2", "SIGKILL"]

Backlog = Annotated[int, Field(ge=1, lt=2**31)]  # what listen(2) takes
Entries = Annotated[int, Field(ge=1, le=32768)]  # what io_uring_setup(2) takes

LOOPBACK = "127.0.0.1"
HOST_PATTERN = r"^[A-Za-z0-9_-]+(\.[A-Za-z0-9_-]+)*$"


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
    tcp_keepidle: Annotated[int, Field(ge=1, le=32767)] | None = None
    tcp_keepintvl: Annotated[int, Field(ge=1, le=32767)] | None = None
    tcp_keepcnt: Annotated[int, Field(ge=1, le=127)] | None = None
    so_busy_poll: Whole | None = None
    so_prefer_busy_poll: bool | None = None
    so_busy_poll_budget: Annotated[int, Field(ge=1, le=65535)] | None = None
    tcp_fastopen: Backlog | None = None
    tcp_fastopen_connect: bool | None = None


class Leak(Model):
    """What a server forgets, on purpose, of one connection in `every`."""

    every: Count
    what: Literal["descriptor", "memory"] = "descriptor"


class Uring(Model):
    """Engine uring's switches, as cpp/engine/uring_options.h names them."""

    taskrun: Literal["defer", "coop", "none"] = "defer"
    single_issuer: bool = True
    registered_ring: bool = True
    multishot_accept: bool = True
    multishot_recv: bool = True
    buffer_ring: bool = True
    recv_bundles: bool = False
    incremental_buffers: bool = False
    poll_first: bool = False
    registered_files: bool = False
    send_zc_bytes: PositiveSize | None = None
    registered_buffers: bool = False
    link_recv: bool = False
    link_shutdown: bool = False
    send_apart: bool = False
    link_sends: bool = False
    skip_success: bool = False
    sqpoll: bool = False
    sqpoll_cpu: Whole | None = None
    sqpoll_idle_ns: Annotated[PositiveDuration, Field(alias="sqpoll_idle")] = 1_000_000
    submissions: Entries = 1024
    completions: Entries = 8192
    buffers: Annotated[int, Field(ge=1, le=32768)] = 256
    buffer_bytes: Annotated[Size, Field(ge=64, le=1 << 20)] = 16 * 1024


class EngineTarget(Model):
    """One of our own servers."""

    engine: Engine
    protocol: Protocol
    app: App = "hello"
    message_bytes: PositiveSize = 64
    response_bytes: Size = 13
    delay_ns: Annotated[Duration, Field(alias="delay")] = 0
    timers: Clockwork | None = None
    counter: Counter = "mutex"
    counter_steps: Whole = 0
    locking: Locking = "given"
    hold_ns: Annotated[Duration, Field(alias="hold")] = 0
    nest_bytes: Size = 0
    parser: Parser = "best"
    scan: Scan = "best"
    strictness: Strictness = "strict"
    known_heads: bool = False
    threads: Count = 1
    cpus: Cpus = ()
    address: Address = LOOPBACK
    family: Listens | None = None
    backlog: Backlog | None = None
    idle_timeout_ns: Annotated[PositiveDuration | None, Field(alias="idle_timeout")] = None
    header_timeout_ns: Annotated[PositiveDuration | None, Field(alias="header_timeout")] = None
    body_timeout_ns: Annotated[PositiveDuration | None, Field(alias="body_timeout")] = None
    trigger: Trigger | None = None
    exclusive: bool = False
    accepting: Accepting = "reuse_port"
    hand_out: HandOut = "round_robin"
    receives_per_turn: Whole = 8
    workers: Annotated[int, Field(ge=1, le=256)] = 2
    workers_max: Annotated[int, Field(ge=0, le=256)] = 0
    accept: WorkerAccept = "reuse_port"
    steer: Steer = "hash"
    recycle_requests: Whole = 0
    blocking: bool = True
    stack_bytes: Annotated[Size, Field(alias="stack", ge=32 * 1024)] = 256 * 1024
    silence_timeout_ns: Annotated[Duration, Field(alias="silence_timeout")] = 10_000_000_000
    queue_max: Whole = 1024
    queue_order: Literal["fifo", "lifo"] = "fifo"
    when_busy: WhenBusy = "wait"
    descriptors_max: Annotated[int, Field(ge=16, le=1 << 20)] | None = None
    threads_max: Annotated[int, Field(ge=4, le=1 << 20)] | None = None
    when_full: WhenFull = "pause"
    lingering_close: bool = True
    leak: Leak | None = None
    uring: Uring = Uring()
    socket: Socket = Socket()


class Ready(Model):
    """When a named program counts as ready: exactly one of `http`, `tcp`, `log`."""

    http: Annotated[str, Field(pattern="^/")] | None = None
    tcp: Literal[True] | None = None
    log: Annotated[str, Field(min_length=1)] | None = None
    timeout_ns: Annotated[PositiveDuration, Field(alias="timeout")] = 10_000_000_000


class CommandTarget(Model):
    """Any program. `{address}`, `{port}` and `{dir}` (a fresh private folder) are filled in; in
    `command` `{board}`, too: a descriptor for a program of ours that takes `board_fd=`.

    `file_bytes`: files of so many random bytes, always the same.
    """

    command: Annotated[Texts, Field(min_length=1)]
    port: PortOrAuto = "auto"
    address: Address = LOOPBACK
    ready: Ready = Ready(tcp=True)
    stop: StopSignal = "SIGTERM"
    cwd: str = "{dir}"
    env: dict[str, str] = {}
    files: dict[str, str] = {}
    file_bytes: dict[str, Annotated[Size, Field(le=1 << 27)]] = {}
    certificate: Annotated[str, Field(pattern=HOST_PATTERN)] | None = None
    package: Annotated[str, Field(pattern="^[a-z0-9][a-z0-9+.-]+$")] | None = None  # Debian's
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
    backlog: Backlog | None = None
    cpus: Cpus = ()
    address: Address = LOOPBACK
    family: Listens | None = None


class Attach(Model):
    """A server that already runs."""

    port: Port
    pid: Count
    address: Address = LOOPBACK


class AttachTarget(Model):
    """A server that already runs and is left alone."""

    attach: Attach


class Piece(Model):
    """A part of a code path's input, so many times: text, hexadecimal digits, or a file's bytes."""

    text: str | None = None
    hex: Annotated[str, Field(pattern="^([0-9a-fA-F]{2})*$")] | None = None
    file: Annotated[str, Field(min_length=1)] | None = None
    times: Whole = 1


def _pieces(value: Any) -> Any:
    """A text is a piece, and a piece a list of one."""
    whole = value if isinstance(value, list | tuple) else [value]
    return [{"text": one} if isinstance(one, str) else one for one in whole]


class CodeTarget(Model):
    """A pure code path, run over and over on one input: no server, and no load.

    `code` is one of zyphos-code's, or with `library` the name of its function. `iterations`: those
    counted, and those between two looks at the clock.
    """

    code: Annotated[str, Field(pattern="^[A-Za-z_][A-Za-z0-9_]*$")]
    library: Annotated[str, Field(min_length=1)] | None = None
    input: Annotated[
        tuple[Piece, ...],
        BeforeValidator(_pieces, json_schema_input_type=str | Piece | list[str | Piece]),
        Field(strict=False),
    ] = ()
    iterations: Annotated[int, Field(ge=1, le=10**9)] = 1000
    counters: Literal["simulated", "none"] = "simulated"
    cpus: Cpus = ()


TARGET_KINDS: dict[
    str, type[EngineTarget | CommandTarget | AttachTarget | ReferenceTarget | CodeTarget]
] = {
    "engine": EngineTarget,
    "reference": ReferenceTarget,
    "command": CommandTarget,
    "attach": AttachTarget,
    "code": CodeTarget,
}


def target_kind(value: Any) -> str | None:
    """The key that says which kind of target `value` (mapping or model) is, as a tag `<key>`."""
    held = value if isinstance(value, dict) else getattr(value, "__dict__", {})
    return next((f"<{kind}>" for kind in TARGET_KINDS if kind in held), None)


Target = Annotated[
    Annotated[EngineTarget, Tag("<engine>")]
    | Annotated[CommandTarget, Tag("<command>")]
    | Annotated[AttachTarget, Tag("<attach>")]
    | Annotated[ReferenceTarget, Tag("<reference>")]
    | Annotated[CodeTarget, Tag("<code>")],
    Discriminator(target_kind),
]
