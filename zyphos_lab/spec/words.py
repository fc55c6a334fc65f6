"""A target and a load as the `key=value` words of our programs: zyphos-serve, zyphos-reference,
zyphos-load, zyphos-fetch, zyphos-ipc, zyphos-datagram.

Names are those of the experiment file, dotted for nesting; durations are whole nanoseconds,
switches `true|false`, lists comma separated. What is not set is not said: the program's default is
the system's.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from urllib.parse import SplitResult

from zyphos_lab.spec.families import bound
from zyphos_lab.spec.models import Arrival, Check, ClientPool, Listed, Load, Repeat
from zyphos_lab.spec.target_models import EngineTarget, Model, ReferenceTarget, Socket, Uring


def words_of(key: str, value: object) -> Iterator[str]:
    """`key=value`, or nothing for null and the empty list."""
    if value is None or value == ():
        return
    if isinstance(value, bool):
        value = str(value).lower()
    elif isinstance(value, tuple):
        value = ",".join(str(item) for item in value)
    elif isinstance(value, float):
        value = int(value) if value == int(value) else repr(value)
    yield f"{key}={value}"


def _socket_words(socket: Socket) -> Iterator[str]:
    for name in Socket.model_fields:
        yield from words_of(f"socket.{name}", getattr(socket, name))


def _place_words(target: EngineTarget | ReferenceTarget) -> Iterator[str]:
    yield from words_of("address", bound(target.address, target.family))
    yield from words_of("family", target.family)


def serve_words(target: EngineTarget, port: int = 0) -> list[str]:
    """Words for zyphos-serve. The runner adds `board_fd` itself."""
    names = ["engine", "protocol"]
    words = [word for name in names for word in words_of(name, getattr(target, name))]
    words += _place_words(target)
    names = ["threads", "cpus", "backlog"]
    names += ["idle_timeout_ns", "header_timeout_ns", "body_timeout_ns"]
    names += (
        ["message_bytes"] if target.protocol == "echo" else ["app", "response_bytes", "delay_ns"]
    )
    names += ["counter", "counter_steps"] if target.app == "counter" else []
    words += [word for name in names for word in words_of(name, getattr(target, name))]
    words += _nested("", target, ["timers", "locking", "hold_ns", "nest_bytes"])
    names = ["blocking", "stack_bytes", "silence_timeout_ns"]
    names += ["queue_max", "queue_order", "when_busy"]
    words += _nested("", target, names)
    names = ["descriptors_max", "threads_max", "when_full", "lingering_close"]
    words += _nested("", target, names)
    words += _nested("", target, ["parser", "scan", "strictness", "known_heads"])
    words += _nested("", target, ["trigger", "exclusive", "accepting", "hand_out"])
    words += _nested("", target, ["receives_per_turn"])
    words += _nested("", target, ["workers", "workers_max", "accept"])
    words += _nested("", target, ["steer", "recycle_requests"])
    if target.leak is not None:
        words += _nested("leak.", target.leak, ["every", "what"])
    words += _nested("uring.", target.uring, list(Uring.model_fields))
    return [*words, *words_of("port", port), *_socket_words(target.socket)]


def _nested(prefix: str, model: Model, names: Sequence[str]) -> Iterator[str]:
    """`prefix.name=value` of those that are more than their default."""
    for name in names:
        if getattr(model, name) != type(model).model_fields[name].default:
            yield from words_of(f"{prefix}{name}", getattr(model, name))


def reference_words(target: ReferenceTarget, port: int = 0) -> list[str]:
    """Words for zyphos-reference."""
    size = "message_bytes" if target.protocol == "echo" else "response_bytes"
    words = [*words_of("protocol", target.protocol), *_place_words(target)]
    for name in ("cpus", "backlog", size):
        words += words_of(name, getattr(target, name))
    asked = target.reference
    names = list(type(asked.delay).model_fields)
    words += _nested("delay.", asked.delay, names)
    words += _nested("", asked, ["work_ns", "rate_per_second", "busy_poll", "truth"])
    if asked.stall is not None:
        words += _nested("stall.", asked.stall, ["after_ns", "for_ns", "every_ns"])
    if asked.loss:
        words += [
            *words_of("loss.share", asked.loss),
            *words_of("loss.close", asked.loss_by == "close"),
        ]
    return [*words, *words_of("port", port)]


def _request_words(load: Load) -> Iterator[str]:
    """What a request of the load's protocol is, and what a right answer."""
    if load.protocol == "echo":
        yield from words_of("message_bytes", load.message_bytes)
        yield from words_of("write_pattern", load.write_pattern)
        if load.send_call != "send":
            yield from words_of("send_call", load.send_call)
        return
    if load.requests is None:
        for name in ("method", "path", "body", "body_bytes"):
            yield from words_of(name, getattr(load, name))
    for name, text in load.headers.items():
        yield from words_of(f"header.{name}", text)
    yield from _check_words("", load.check)
    if load.requests is not None:
        yield from words_of("order", load.order)
        yield from listed_words([one for one in load.requests if isinstance(one, Listed)])


def _check_words(prefix: str, check: Check) -> Iterator[str]:
    for name in ("status", "body_bytes", "body"):
        yield from words_of(f"{prefix}check.{name}", getattr(check, name))


def listed_words(requests: Sequence[Listed]) -> Iterator[str]:
    """Words of a list of requests."""
    for at, one in enumerate(requests):
        for name in ("weight", "method", "path", "body", "body_bytes"):
            yield from words_of(f"request.{at}.{name}", getattr(one, name))
        for name, text in one.headers.items():
            yield from words_of(f"request.{at}.header.{name}", text)
        if one.check is not None:
            yield from _check_words(f"request.{at}.", one.check)


def arrival_words(arrival: Arrival) -> list[str]:
    """Words of the law: what was given, and for the closed law always its pause."""
    names = ["law", "rate_per_second", "on_ns", "off_ns", "from_per_second", "to_per_second"]
    names += ["file", "period_ns", "requests_mean"]
    words = [word for name in names for word in words_of(f"arrival.{name}", getattr(arrival, name))]
    if arrival.law == "closed" or arrival.think_ns:
        words += words_of("arrival.think_ns", arrival.think_ns)
    return words


def load_words(load: Load, repeat: Repeat, *, address: str, port: int, seed: int) -> list[str]:
    """Words for zyphos-load against `address`:`port`. The runner adds `board_fd` itself."""
    words = [
        word
        for name in (
            "protocol",
            "connections",
            "threads",
            "cpus",
            "pipeline",
            "requests_per_connection",
            "deadline_ns",
            "wire_timeout_ns",
            "read_bits_per_second",
        )
        for word in words_of(name, getattr(load, name))
    ]
    for name in ("poll", "kernel_timestamps"):
        words += words_of(name, getattr(load, name) or None)
    words += _nested("", load, ["addresses"])
    if load.pool is not None:
        words += ["pool=true", *_nested("pool.", load.pool, list(ClientPool.model_fields))]
    words += [*words_of("address", address), *words_of("port", port), *words_of("seed", seed)]
    words += arrival_words(load.arrival)
    for name in ("warmup_ns", "window_ns", "interval_ns"):
        words += words_of(name, getattr(repeat, name))
    return [*words, *_request_words(load), *_socket_words(load.socket)]


def fetch_words(load: Load, repeat: Repeat, url: SplitResult, *, seed: int) -> list[str]:
    """Words for zyphos-fetch; `url` is that of the load, with its port. Which name server it asks
    and whom it trusts is the runner's to add.
    """
    fetch = load.fetch
    if fetch is None:
        return []
    usual = 443 if fetch.secure else 80
    words = [f"name={url.hostname}", f"port={url.port or usual}"]
    words.append(f"path={url.path or '/'}{'?' * bool(url.query)}{url.query}")
    for name in ("dns", "connection"):
        words += words_of(name, getattr(fetch, name))
    words += words_of("tls", (fetch.tls or "1.3") if fetch.secure else "none")
    words += words_of("session", fetch.session)
    words += words_of("think_ns", load.arrival.think_ns)
    words += words_of("deadline_ns", load.deadline_ns)
    for name in ("status", "body_bytes"):
        words += words_of(f"check.{name}", getattr(load.check, name))
    for name in ("warmup_ns", "window_ns", "interval_ns"):
        words += words_of(name, getattr(repeat, name))
    return [*words, *words_of("seed", seed)]


def ipc_words(load: Load, repeat: Repeat, *, port: int) -> list[str]:
    """Words for zyphos-ipc as the side that asks; `port` is where the target waits."""
    if load.ipc is None:
        return []
    words = ["role=ask", *words_of("port", port)]
    for name in ("by", "pattern", "buffer_bytes", "spins"):
        words += words_of(name, getattr(load.ipc, name))
    for name in ("message_bytes", "deadline_ns"):
        words += words_of(name, getattr(load, name))
    for name in ("warmup_ns", "window_ns", "interval_ns"):
        words += words_of(name, getattr(repeat, name))
    return words


def datagram_words(load: Load, repeat: Repeat, *, address: str, port: int) -> list[str]:
    """Words for zyphos-datagram as the side that asks `address`:`port`."""
    if load.datagrams is None:
        return []
    words = ["role=ask", *words_of("address", address), *words_of("port", port)]
    for name in ("in_flight", "batch", "send"):
        words += words_of(name, getattr(load.datagrams, name))
    words += words_of("rate_per_second", load.arrival.rate_per_second)
    words += words_of("spin", load.poll or None)
    for name in ("message_bytes", "deadline_ns"):
        words += words_of(name, getattr(load, name))
    for name in ("warmup_ns", "window_ns", "interval_ns"):
        words += words_of(name, getattr(repeat, name))
    return words
