"""Whom the techniques are sent to: our server by each parser, and other people's (peers.yaml).

Somebody else's that is not on this machine is left out, with the command that would get it.
"""

from __future__ import annotations

import glob
import os
import re
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, get_args

from zyphos_lab import host
from zyphos_lab.child import Children
from zyphos_lab.smuggle import naive
from zyphos_lab.smuggle.ways import READERS
from zyphos_lab.spec.target_models import Parser
from zyphos_lab.targets.command import CommandOptions, CommandTarget
from zyphos_lab.targets.ours import Ours

HERE = Path(__file__).resolve().parent
FOLDER_VARIABLE = "ZYPHOS_PEERS"
NUMBER = re.compile(r"\d+\.\d+[\w.+-]*")
VERSION_TIMEOUT_S = 20
OURS = "ours-"
LENIENT = "ours-lenient"
NAIVE = "naive-"
# Readers of ways.py that stand in the matrix as its control.
NAIVE_SERVERS = ("coding", "length")


@dataclass(frozen=True, slots=True)
class Peer:
    """A server, or with `{back}` in its configuration a front end."""

    name: str
    options: Mapping[str, Any]
    needs: str = ""
    install: str = ""
    version: tuple[str, ...] = ()  # the command that says it


def peers_folder() -> Path:
    """Where other people's packages are that no package manager of the system keeps."""
    default = Path.home() / ".cache" / "zyphos-lab" / "peers"
    return Path(os.environ.get(FOLDER_VARIABLE) or default)


def servers() -> dict[str, Peer]:
    """All that answer themselves, by name: ours, the models, other people's."""
    return {**{name: Peer(name, {}) for name in (*ours(), *models())}, **_file()["servers"]}


def fronts() -> dict[str, Peer]:
    """All that pass on, by name."""
    return {**{name: Peer(name, {}) for name in models()}, **_file()["fronts"]}


def ours() -> list[str]:
    return list(_ours())


def models() -> list[str]:
    """Those of the control: any two of them disagree."""
    return [f"{NAIVE}{name}" for name in NAIVE_SERVERS]


def real_fronts() -> list[str]:
    return list(_file()["fronts"])


def versions() -> dict[str, str]:
    """What other people's servers call themselves, of those that are here. Starts each once."""
    found = {}
    for peer in {**_file()["fronts"], **_file()["servers"]}.values():
        if not missing(peer) and peer.version:
            done = subprocess.run(
                peer.version, capture_output=True, text=True, timeout=VERSION_TIMEOUT_S, check=False
            )
            number = NUMBER.search(done.stdout + done.stderr)
            found[peer.name] = number[0] if number else "unknown"
    return found


def missing(peer: Peer) -> str:
    """Why it cannot be started here, with what would help; "" where it can."""
    if not peer.needs:
        return ""
    there = glob.glob(peer.needs) if "/" in peer.needs else host.which(peer.needs)
    return "" if there else f"not on this machine; get it by: {peer.install}"


@contextmanager
def started(peer: Peer, children: Children, back: int = 0) -> Iterator[int]:
    """Its port, while it runs. TargetError where it does not start."""
    if peer.name.startswith(NAIVE):
        ways = READERS[peer.name.removeprefix(NAIVE)]
        with naive.front(ways, back) if back else naive.server(ways) as port:
            yield port
        return
    running = _target(peer, children, back).start()
    try:
        yield running.port
    finally:
        running.stop()


def _target(peer: Peer, children: Children, back: int) -> Ours | CommandTarget:
    if peer.name.startswith(OURS):
        return Ours(peer.name, _ours()[peer.name], (), children)
    files = {
        name: text.replace("{back}", str(back)) for name, text in peer.options["files"].items()
    }
    options = CommandOptions(**{**peer.options, "files": files})
    return CommandTarget(peer.name, options, children)


def _ours() -> dict[str, list[str]]:
    """Words of zyphos-serve, by name."""
    words = ["engine=epoll", "protocol=http1", "app=report", "address=127.0.0.1", "port=0"]
    parsers = [one for one in get_args(Parser) if one != "best"]
    strict = {f"{OURS}{one}": [*words, f"parser={one}"] for one in parsers}
    return {**strict, LENIENT: [*words, "strictness=lenient"]}


@cache
def _file() -> dict[str, dict[str, Peer]]:
    from ruamel.yaml import YAML

    document = YAML(typ="safe").load((HERE / "peers.yaml").read_text(encoding="utf-8"))
    return {
        kind: {name: _peer(name, entry) for name, entry in document[kind].items()}
        for kind in ("servers", "fronts")
    }


def _peer(name: str, entry: Mapping[str, Any]) -> Peer:
    filled = {key: _filled(value) for key, value in entry.items()}
    command = filled.pop("command")
    needs = filled.pop("needs", command[0])
    install = filled.pop("install")
    version = tuple(filled.pop("version", ()))
    version = (host.which(version[0]) or version[0], *version[1:]) if version else ()
    path = host.which(command[0]) or command[0]
    return Peer(
        name, {"files": {}, **filled, "argv": [path, *command[1:]]}, needs, install, version
    )


def _filled(value: Any) -> Any:
    if isinstance(value, list):
        return [_filled(one) for one in value]
    if isinstance(value, dict):
        return {key: _filled(one) for key, one in value.items()}
    places = {"{servers}": str(HERE / "servers"), "{peers}": str(peers_folder())}
    for name, place in places.items():
        value = value.replace(name, place)
    return value
