"""The experiment file's targets as pydantic models, and what all models of it share.

See models.py, which holds the rest.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Discriminator, Field, Tag, model_validator

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

Engine = Literal["thread", "epoll", "uring"]
Protocol = Literal["echo", "http1"]
App = Literal["hello", "echo", "delay"]
StopSignal = Literal["SIGTERM", "SIGINT", "SIGQUIT", "SIGHUP", "SIGUSR1", "SIGUSR2", "SIGKILL"]

LOOPBACK = "127.0.0.1"


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
