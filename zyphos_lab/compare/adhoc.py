"""An experiment made of command lines: the targets become the values of its one factor.

What it writes is an ordinary experiment file, so that everything that works on a run (resume,
report, notebook, compare) works on this one too. Does not know how it is run.
"""

from __future__ import annotations

import io
import os
import re
import shlex
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from zyphos_lab.errors import Complaint, SpecError, UsageError
from zyphos_lab.spec import Experiment, loads
from zyphos_lab.spec.source import read_value

FILE = "compare --target"
HEAD = "# Written by `zyphos-lab compare --target`: an experiment file like any other.\n"
METRICS = (
    "latency_ns_p50",
    "latency_ns_p99",
    "requests_per_second",
    "server_cpu_ns_per_request",
)
OWN = ("engine", "reference", "attach")
SHORT = {"rate": "arrival.rate", "law": "arrival.law", "think": "arrival.think"}


@dataclass(frozen=True, slots=True)
class Programs:
    """What the command line says of the targets and of what is sent to them."""

    targets: tuple[str, ...]
    names: tuple[str, ...] = ()
    load: tuple[str, ...] = ()
    starts: int = 8
    window: str = "1s"
    warmup: str = "200ms"
    port: int | None = None
    ready: str = "tcp"
    files: tuple[Path, ...] = ()
    cpus: tuple[int, ...] = ()
    metrics: tuple[str, ...] = METRICS
    floor: float = 0.01
    until: str = ""
    budget: str = ""


def experiment(asked: Programs) -> Experiment:
    """The experiment that compares the programs. UsageError, SpecError in the command's words."""
    if len(asked.targets) < 2:
        hint = "zyphos-lab compare --target A --target B"
        raise UsageError("one --target has nothing to be compared with: give another", hint)
    sets = list(_sets(asked))
    try:
        return loads(_text(asked, sets), FILE, None, tuple(sets))
    except SpecError as error:
        raise SpecError([_in_our_words(one) for one in error.complaints]) from None


def _in_our_words(complaint: Complaint) -> Complaint:
    file = complaint.file.replace("--set load.", "--load ")
    for name in ("until", "budget"):
        file = file.replace(f"--set repeat.{name}=", f"--{name} ")
    return replace(complaint, file=file)


def _sets(asked: Programs) -> Iterator[str]:
    """`--load 'connections=64 rate=1000/s'` as changes of the file."""
    words = [word for text in asked.load for word in shlex.split(text)]
    given = {word.partition("=")[0] for word in words}
    for word in words:
        key, equals, value = word.partition("=")
        if not equals:
            raise UsageError(f"--load {word}: no `=`", "--load 'connections=64 path=/x'")
        yield f"load.{SHORT.get(key, key)}={value}"
    if given & {"rate", "arrival.rate"} and not given & {"law", "arrival.law"}:
        yield "load.arrival.law=constant"
    yield from (
        f"repeat.{k}={v}" for k, v in (("until", asked.until), ("budget", asked.budget)) if v
    )


def _value(sets: Sequence[str], key: str, otherwise: Any) -> Any:
    """What `--load` says of a key."""
    found = [text.partition("=")[2] for text in sets if text.startswith(f"load.{key}=")]
    return read_value(found[-1], f"--load {key}").data if found else otherwise


def _threads(sets: Sequence[str]) -> int:
    """Those of the load; what is no number the experiment complains about."""
    found = _value(sets, "threads", 1)
    return found if isinstance(found, int) and found > 0 else 1


def _text(asked: Programs, sets: Sequence[str]) -> str:
    from ruamel.yaml import YAML

    protocol = _value(sets, "protocol", "http1")
    names = _names(asked)
    server, client = cpus_of(asked.cpus, _threads(sets))
    each = zip(names, asked.targets, strict=True)
    targets = {name: _target(asked, name, text, protocol, server) for name, text in each}
    do = "does" if len(names) == 2 else "do"
    document = {
        "schema": 1,
        "name": "compare",
        "question": f"How {do} {_listed(names[1:])} compare with {names[0]}?",
        "targets": targets,
        "load": {"protocol": protocol, **({"cpus": client} if client else {})},
        "factors": {"target": {"set": "target", "values": list(names)}},
        "compare": [
            {
                "factor": "target",
                "baseline": names[0],
                "metrics": list(asked.metrics),
                "floor": f"{100 * asked.floor:g}%",
            }
        ],
        "repeat": {"starts": asked.starts, "warmup": asked.warmup, "window": asked.window},
    }
    out = io.StringIO()
    yaml: Any = YAML(typ="safe", pure=True)
    yaml.default_flow_style = None
    yaml.sort_base_mapping_type_on_output = False
    yaml.width = 100
    yaml.dump(document, out)
    return HEAD + out.getvalue()


def _listed(names: Sequence[str]) -> str:
    return " and ".join([*([", ".join(names[:-1])] if names[1:] else []), names[-1]])


def _names(asked: Programs) -> list[str]:
    """The names given, or the programs' own; equal ones are numbered."""
    if asked.names:
        if len(asked.names) != len(asked.targets):
            count = f"{len(asked.names)} --name for {len(asked.targets)} --target"
            raise UsageError(count, "one for each, in the same order, or none")
        if len(set(asked.names)) < len(asked.names):
            raise UsageError("two targets of the same --name")
        return list(asked.names)
    found: list[str] = []
    for text in asked.targets:
        name = plain = _program(text)
        while name in found:
            name = (
                f"{plain}-{found.count(name) + 1 + sum(n.startswith(f'{plain}-') for n in found)}"
            )
        found.append(name)
    return found


def _program(text: str) -> str:
    """`nginx` of `/usr/sbin/nginx -c x`, `epoll` of `engine:epoll`, `reference` of `reference:`."""
    kind, colon, rest = text.partition(":")
    if colon and kind in OWN:
        word = rest.partition(",")[0] if kind == "engine" else kind
    else:
        word = Path(words_of("--target", text)[0]).name
    return re.sub(r"[^A-Za-z0-9_.-]", "_", word).lstrip(".-") or "target"


def words_of(option: str, text: str) -> list[str]:
    """The words of a command line that stands in `option`."""
    try:
        words = shlex.split(text)
    except ValueError as error:
        raise UsageError(f"{option} {text}: {str(error).lower()}") from None
    if not words:
        raise UsageError(f"an empty {option}", f"{option} './mine --port {{port}}'")
    return words


def _target(
    asked: Programs, name: str, text: str, protocol: str, cpus: Sequence[int]
) -> dict[str, Any]:
    """The target's entry in the file."""
    pinned = {"cpus": list(cpus)} if cpus else {}
    kind, colon, rest = text.partition(":")
    if colon and kind in OWN:
        return _own(kind, rest, protocol, pinned)
    files = {path.name: _content(path) for path in asked.files}
    words = words_of("--target", text)
    placed = any("{port}" in one for one in (*words, *files.values()))
    if not placed and asked.port is None:
        hint = "put {port} into the command or a --file, or give --port"
        raise UsageError(f"--target {text}: on which port will it listen?", hint)
    return {
        "command": words,
        "port": "auto" if placed else asked.port,
        "ready": ready_of(asked.ready),
        "cwd": os.getcwd(),
        **({"files": files} if files else {}),
        **pinned,
    }


def _own(kind: str, rest: str, protocol: str, pinned: dict[str, Any]) -> dict[str, Any]:
    """`engine:epoll,app=delay,delay=1ms`, `reference:delay=1ms`, `attach:8080,pid=1234`."""
    parts = [part for part in rest.split(",") if part]
    first = parts.pop(0) if parts and "=" not in parts[0] else ""
    found: dict[str, Any] = {}
    for part in parts:
        key, equals, value = part.partition("=")
        if not equals:
            raise UsageError(f"--target {kind}:{rest}: no `=` in `{part}`")
        found[key] = read_value(value, f"--target {kind}:{rest}").data
    if kind == "engine":
        return {"engine": first, "protocol": protocol, **found, **pinned}
    if kind == "reference":
        return {"reference": found, "protocol": protocol, **pinned}
    port = {"port": read_value(first, f"--target {kind}:{rest}").data} if first else {}
    return {"attach": {**port, **found}}


def ready_of(text: str) -> dict[str, Any]:
    """What `--ready` says: `tcp`, `http:/health`, `log:REGEX`."""
    kind, colon, rest = text.partition(":")
    if kind == "tcp" and not colon:
        return {"tcp": True}
    if kind in ("http", "log") and rest:
        return {kind: rest}
    raise UsageError(f"--ready {text}: not known", "one of tcp, http:/path, log:REGEX")


def _content(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except OSError as error:
        raise UsageError(f"cannot read {path}: {(error.strerror or str(error)).lower()}") from None
    except UnicodeDecodeError:
        raise UsageError(f"cannot read {path}: it is not UTF-8 text") from None


def cpus_of(wanted: Sequence[int], threads: int) -> tuple[list[int], list[int]]:
    """CPUs of the targets and of the load: the load has the last ones, one per thread.

    Both empty (not pinned) where the machine has too few.
    """
    present = sorted(os.sched_getaffinity(0))
    if wanted:
        return list(wanted), [cpu for cpu in present if cpu not in wanted][-threads:]
    if threads >= len(present):
        return [], []
    return present[:-threads], present[-threads:]
