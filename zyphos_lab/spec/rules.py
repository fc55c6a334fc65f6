"""What the parts of a cell must agree on. Each rule yields complaints that point at the key to
change.

Rules see a cell whose every value is valid on its own. What depends on the machine (CPUs,
congestion control, programs) is no matter of the file: plan.py and the runner say it.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence

from zyphos_lab.errors import Complaint
from zyphos_lab.spec import (
    code_rules,
    datagram_rules,
    disturb_rules,
    families,
    fetch_rules,
    ipc_rules,
    link_rules,
    pool_rules,
    readiness_rules,
    ruler_rules,
    socket_rules,
    uring_rules,
)
from zyphos_lab.spec.cell import Cell
from zyphos_lab.spec.models import Listed
from zyphos_lab.spec.shape import meant, spelled
from zyphos_lab.spec.source import Mark, Path, Source
from zyphos_lab.spec.target_models import (
    CodeTarget,
    CommandTarget,
    EngineTarget,
    ReferenceTarget,
)

Found = Iterator[Complaint]

PLACEHOLDERS = ("{address}", "{port}", "{dir}", "{board}")
LOAD_KEYS = {
    "echo": ("message_bytes", "write_pattern", "send_call"),
    "http1": ("method", "path", "headers", "body", "body_bytes", "check", "requests", "order"),
}
ARRIVAL: Path = ("load", "arrival")
# What each law must have, and what it may have besides.
LAW_KEYS: dict[str, tuple[tuple[str, ...], tuple[str, ...]]] = {
    "closed": ((), ("think",)),
    "constant": (("rate",), ("offered",)),
    "poisson": (("rate",), ("offered",)),
    "on-off": (("rate", "on", "off"), ("offered",)),
    "ramp": (("from", "to"), ()),
    "trace": (("file",), ("period",)),
    "partly-open": (("rate", "requests"), ("think",)),
}
EXAMPLES = {
    "rate": "10000/s",
    "on": "100ms",
    "off": "100ms",
    "from": "100/s",
    "to": "1000/s",
    "file": "arrivals.txt",
    "requests": "5",
}
ARRIVAL_KEYS = tuple(
    dict.fromkeys(key for keys in LAW_KEYS.values() for key in (*keys[0], *keys[1]))
)
# Engines that have no number of threads to choose, and what they have.
FIXED_THREADS = {
    "thread": "a thread per connection",
    "sequential": "one thread",
    "prefork": "`workers` of one thread each",
}
BLOCKING = ("sequential", "thread", "pool")
WORKER_KEYS = ("workers", "workers_max", "accept", "steer", "recycle_requests")
# Key, field, the engines that it is for.
ENGINE_KEYS: tuple[tuple[str, str, Sequence[str]], ...] = (
    ("blocking", "blocking", BLOCKING),
    ("stack", "stack_bytes", ("thread", "pool")),
    ("silence_timeout", "silence_timeout_ns", ("sequential", "pool")),
    ("queue_max", "queue_max", ("pool",)),
    ("queue_order", "queue_order", ("pool",)),
    ("when_busy", "when_busy", ("pool",)),
    *((key, key, ("prefork",)) for key in WORKER_KEYS),
)
APP_KEYS = {
    **dict.fromkeys(("counter", "counter_steps"), "counter"),
    **dict.fromkeys(("locking", "hold"), "transfer"),
    "nest_bytes": "nest",
    "timers": "delay",
}
TARGET_KEYS = {
    "echo": ("message_bytes",),
    "http1": (
        *("app", "response_bytes", "delay", "timers", "counter", "counter_steps"),
        *("locking", "hold", "nest_bytes"),
        *("header_timeout", "body_timeout", "parser", "scan", "strictness"),
        "known_heads",
    ),
}

DELAY_KEYS = {
    "constant": ("delay",),
    "bimodal": ("delay", "slow", "share"),
    "pareto": ("scale", "shape", "most"),
}


def _given(source: Source, path: Path) -> bool:
    """Whether the cell says something at `path` (null says nothing)."""
    return source.at(path) is not None


def _foreign_keys(
    source: Source, owner: Path, protocol: str, table: dict[str, tuple[str, ...]]
) -> Found:
    """Keys that only another protocol knows."""
    for other, keys in table.items():
        for key in keys if other != protocol else ():
            if _given(source, (*owner, key)):
                message = f"`{key}` is for protocol {other}, this one speaks {protocol}"
                yield source.key_mark((*owner, key)).complaint(message)


def load_keys(cell: Cell, source: Source) -> Found:
    yield from _foreign_keys(source, ("load",), cell.load.protocol, LOAD_KEYS)


def target_keys(cell: Cell, source: Source) -> Found:
    if isinstance(cell.target, EngineTarget | ReferenceTarget):
        owner = ("targets", cell.target_name)
        yield from _foreign_keys(source, owner, cell.target.protocol, TARGET_KEYS)


def engine_keys(cell: Cell, source: Source) -> Found:
    """Keys that the chosen engine has no use for."""
    if not isinstance(cell.target, EngineTarget):
        return
    owner: Path = ("targets", cell.target_name)
    engine = cell.target.engine
    if engine in FIXED_THREADS and cell.target.threads != 1:
        message = f"engine {engine} has {FIXED_THREADS[engine]}, not a number of threads"
        yield source.key_mark((*owner, "threads")).complaint(message)
    for key, field, engines in ENGINE_KEYS:
        default = type(cell.target).model_fields[field].default
        if engine not in engines and getattr(cell.target, field) != default:
            message = f"`{key}` is for {_engines(engines)}, this is engine {engine}"
            yield source.key_mark((*owner, key)).complaint(message)


def _engines(names: Sequence[str]) -> str:
    return f"engine{'s' * (len(names) > 1)} {', '.join(names)}"


def app_keys(cell: Cell, source: Source) -> Found:
    """Keys that the chosen application has no use for."""
    if not isinstance(cell.target, EngineTarget):
        return
    owner: Path = ("targets", cell.target_name)
    if cell.target.app != "delay" and cell.target.delay_ns:
        message = f"`delay` is for app delay, this is app {cell.target.app}"
        yield source.key_mark((*owner, "delay")).complaint(message)
    for key, app in APP_KEYS.items():
        if cell.target.app != app and _given(source, (*owner, key)):
            message = f"`{key}` is for app {app}, this is app {cell.target.app}"
            yield source.key_mark((*owner, key)).complaint(message)
    if cell.target.parser in ("descent", "table") and _given(source, (*owner, "scan")):
        message = f"`scan` is for parser simd, this is parser {cell.target.parser}"
        yield source.key_mark((*owner, "scan")).complaint(message)


def reference_delay(cell: Cell, source: Source) -> Found:
    """Keys that the chosen law has no use for, and those that it needs."""
    if not isinstance(cell.target, ReferenceTarget):
        return
    delay = cell.target.reference.delay
    path: Path = ("targets", cell.target_name, "reference", "delay")
    used = DELAY_KEYS[delay.law]
    for key in ("delay", "slow", "share", "scale", "shape", "most"):
        if key not in used and _given(source, (*path, key)):
            yield source.key_mark((*path, key)).complaint(f"`{key}` is not for law {delay.law}")
    if delay.law == "bimodal" and delay.slow_ns < delay.delay_ns:
        yield source.mark((*path, "slow")).complaint("`slow` is below `delay`")
    if delay.law == "pareto" and not 0 < delay.scale_ns <= delay.most_ns:
        mark = source.owner_mark(path)
        yield mark.complaint("law pareto needs 0 < `scale` <= `most`", "such as 100us and 20ms")


def reference_stall(cell: Cell, source: Source) -> Found:
    stall = cell.target.reference.stall if isinstance(cell.target, ReferenceTarget) else None
    if stall is not None and 0 < stall.every_ns <= stall.for_ns:
        mark = source.mark(("targets", cell.target_name, "reference", "stall", "every"))
        yield mark.complaint("`every` is not longer than `for`: nothing would be answered")


def same_protocol(cell: Cell, source: Source) -> Found:
    target, load = cell.target, cell.load
    if not isinstance(target, EngineTarget | ReferenceTarget):
        return
    owner: Path = ("targets", cell.target_name)
    if target.protocol != load.protocol:
        message = (
            f"the load speaks {load.protocol} and the target `{cell.target_name}` {target.protocol}"
        )
        yield source.mark((*owner, "protocol")).complaint(message)
    elif load.protocol == "echo" and target.message_bytes != load.message_bytes:
        sizes = (
            f"{load.message_bytes} bytes and the target `{cell.target_name}` {target.message_bytes}"
        )
        where = ("load", "message_bytes")
        mark = source.mark(where if _given(source, where) else (*owner, "message_bytes"))
        hint = "set both: `[load.message_bytes, targets.*.message_bytes]`"
        yield mark.complaint(f"the load's messages have {sizes}", hint)


def arrival(cell: Cell, source: Source) -> Found:
    """What the law has no use for, and what it lacks."""
    law = cell.load.arrival.law
    needed, also = LAW_KEYS[law]
    given = [key for key in ARRIVAL_KEYS if _given(source, (*ARRIVAL, key))]
    for key in given:
        if key not in (*needed, *also) and (key != "think" or cell.load.arrival.think_ns):
            yield _not_of_law(source.key_mark((*ARRIVAL, key)), key, law)
    yield from _lacking(source, law, given)


def _not_of_law(mark: Mark, key: str, law: str) -> Complaint:
    if law == "closed" and key in ("rate", "offered"):
        message = "a closed load has no rate: it sends when an answer has come"
        return mark.complaint(message, "use `law: constant` or `law: poisson`")
    laws = [name for name, keys in LAW_KEYS.items() if key in (*keys[0], *keys[1])]
    return mark.complaint(f"`{key}` is for law {' and '.join(laws)}, this is {law}")


def _lacking(source: Source, law: str, given: list[str]) -> Found:
    needed, also = LAW_KEYS[law]
    have = {"rate" if key == "offered" and key in also else key for key in given}
    for key in needed:
        if key not in have:
            what = "a rate" if key == "rate" else f"`{key}`"
            hint = f"such as `{key}: {EXAMPLES[key]}`"
            yield source.mark((*ARRIVAL, "law")).complaint(f"law {law} needs {what}", hint)


def offered(cell: Cell, source: Source) -> Found:
    """A share of a capacity needs a search that finds it, and takes the place of a rate."""
    path: Path = ("load", "arrival")
    if not _given(source, (*path, "offered")):
        return
    mark = source.key_mark((*path, "offered"))
    if _given(source, (*path, "rate")):
        yield mark.complaint("`rate` already says how much is offered")
    if source.at(("search",)) is None:
        yield mark.complaint("a share of a capacity needs `search`, which finds the capacity")


def write_pattern(cell: Cell, source: Source) -> Found:
    load = cell.load
    if load.protocol == "echo" and load.pipeline > 1 and load.write_pattern != "one":
        message = f"write_pattern {load.write_pattern} does not go with pipeline {load.pipeline}"
        yield source.mark(("load", "pipeline")).complaint(message, "one message at a time is split")


def send_call(cell: Cell, source: Source) -> Found:
    """The call is that of a message in one piece; zero copy's end is told where stamps are."""
    load = cell.load
    if load.protocol != "echo" or load.send_call == "send":
        return
    mark = source.mark(("load", "send_call"))
    if load.write_pattern != "one":
        message = f"send_call {load.send_call} does not go with write_pattern {load.write_pattern}"
        yield mark.complaint(message, "`write_pattern: one`")
    if load.kernel_timestamps and load.send_call == "zerocopy":
        yield mark.complaint("send_call zerocopy does not go with kernel_timestamps")


def kernel_timestamps(cell: Cell, source: Source) -> Found:
    """A stamp is of one request: with several under way nobody knows of which."""
    if cell.load.kernel_timestamps and cell.load.pipeline > 1:
        message = f"kernel_timestamps does not go with pipeline {cell.load.pipeline}"
        yield source.mark(("load", "kernel_timestamps")).complaint(message, "`pipeline: 1`")


def requests_per_connection(cell: Cell, source: Source) -> Found:
    """Whoever closes has to have all answers."""
    if cell.load.requests_per_connection is not None and cell.load.pipeline > 1:
        message = f"requests_per_connection does not go with pipeline {cell.load.pipeline}"
        yield source.mark(("load", "requests_per_connection")).complaint(message, "`pipeline: 1`")


def connections(cell: Cell, source: Source) -> Found:
    load = cell.load
    if load.connections < load.threads:
        message = f"{load.threads} threads cannot share {load.connections} connections"
        yield source.mark(("load", "threads")).complaint(message)
    elif load.connections < load.threads * load.processes:
        threads = f"of {load.threads} threads " if load.threads > 1 else ""
        message = f"{load.processes} processes {threads}cannot share {load.connections} connections"
        yield source.mark(("load", "processes")).complaint(message)


def listed(cell: Cell, source: Source) -> Found:
    """What a list of requests says in place of the load, and what only it can say."""
    path: Path = ("load", "requests")
    if cell.load.requests is None:
        if _given(source, ("load", "order")):
            mark = source.key_mark(("load", "order"))
            yield mark.complaint("`order` is that of `requests`, and there are none")
        return
    for key in ("method", "path", "body", "body_bytes"):
        if _given(source, ("load", key)):
            mark = source.key_mark(("load", key))
            yield mark.complaint(f"`{key}` belongs to each of `requests`, where there are any")
    for at, one in enumerate(cell.load.requests):
        if isinstance(one, Listed) and None not in (one.body, one.body_bytes):
            mark = source.key_mark((*path, at, "body_bytes"))
            yield mark.complaint("`body` and `body_bytes` exclude each other")
        if cell.load.order == "sequential" and _given(source, (*path, at, "weight")):
            mark = source.key_mark((*path, at, "weight"))
            yield mark.complaint("`weight` is for `order: weighted`, this is sequential")


def body(cell: Cell, source: Source) -> Found:
    load = cell.load
    if load.body is not None and load.body_bytes is not None:
        mark = source.key_mark(("load", "body_bytes"))
        yield mark.complaint("`body` and `body_bytes` exclude each other")
    text, size = load.check.body, load.check.body_bytes
    if text is not None and size is not None and len(text.encode()) != size:
        message = f"`check.body` has {len(text.encode())} bytes, `check.body_bytes` says {size}"
        yield source.mark(("load", "check", "body_bytes")).complaint(message)


def cpus(cell: Cell, source: Source) -> Found:
    pinned: dict[Path, tuple[int, ...]] = {("load", "cpus"): cell.load.cpus}
    if isinstance(cell.target, EngineTarget | CommandTarget | ReferenceTarget | CodeTarget):
        pinned["targets", cell.target_name, "cpus"] = cell.target.cpus
    for path, listed in pinned.items():
        if len(set(listed)) != len(listed):
            yield source.mark(path).complaint(f"`{spelled(path)}` names a CPU twice")


def ready(cell: Cell, source: Source) -> Found:
    if not isinstance(cell.target, CommandTarget):
        return
    check, path = cell.target.ready, ("targets", cell.target_name, "ready")
    given = [name for name in ("http", "tcp", "log") if getattr(check, name) is not None]
    if len(given) != 1:
        message = f"`ready` needs exactly one of http, tcp, log; it has {len(given)}"
        yield source.owner_mark(path).complaint(message)
    if check.log is not None:
        try:
            re.compile(check.log)
        except re.error as error:
            mark = source.mark((*path, "log"))
            yield mark.complaint(f"`log` is not a regular expression: {error.msg}")


def _texts(target: CommandTarget, path: Path) -> Iterator[tuple[Path, str]]:
    """Every text of a command target in which placeholders are filled in."""
    yield from ((((*path, "command", at)), text) for at, text in enumerate(target.command))
    yield from ((((*path, "env", name)), text) for name, text in target.env.items())
    yield from ((((*path, "files", name)), text) for name, text in target.files.items())
    yield (*path, "cwd"), target.cwd


def placeholders(cell: Cell, source: Source) -> Found:
    if not isinstance(cell.target, CommandTarget):
        return
    path = ("targets", cell.target_name)
    told = False
    for at, text in _texts(cell.target, path):
        told = told or "{port}" in text
        for word in dict.fromkeys(re.findall(r"\{[a-z_]+\}", text)):
            hint = meant(word, PLACEHOLDERS)
            if word not in PLACEHOLDERS and hint.startswith("did"):
                yield source.mark(at).complaint(f"unknown placeholder `{word}`", hint)
    if cell.target.port == "auto" and not told:
        message = f"nothing tells the program of target `{cell.target_name}` which port to use"
        hint = "put `{port}` into command, env or files, or give a fixed `port`"
        yield source.mark((*path, "command")).complaint(message, hint)


def file_names(cell: Cell, source: Source) -> Found:
    if not isinstance(cell.target, CommandTarget):
        return
    for name in cell.target.files:
        if name.startswith("/") or ".." in name.split("/") or not name:
            mark = source.key_mark(("targets", cell.target_name, "files", name))
            yield mark.complaint(f"`{name}` would lie outside the trial's folder")


RULES: tuple[Callable[[Cell, Source], Found], ...] = (
    load_keys,
    target_keys,
    engine_keys,
    readiness_rules.readiness,
    app_keys,
    reference_delay,
    reference_stall,
    same_protocol,
    arrival,
    offered,
    write_pattern,
    send_call,
    kernel_timestamps,
    requests_per_connection,
    connections,
    listed,
    body,
    cpus,
    ready,
    placeholders,
    file_names,
    disturb_rules.disturbances,
    ruler_rules.generator,
    fetch_rules.fetch,
    ipc_rules.ipc,
    *link_rules.RULES,
    datagram_rules.datagrams,
    *families.RULES,
    *socket_rules.RULES,
    pool_rules.pool,
    *code_rules.RULES,
    uring_rules.uring,
)


def check(cell: Cell, source: Source) -> list[Complaint]:
    """Everything in `cell` that does not fit together; `source` is the data it was made of."""
    return [complaint for rule in RULES for complaint in rule(cell, source)]
