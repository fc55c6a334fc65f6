"""What a trial ran in, cheap enough to be read for every one: settings, programs, limits.

    taken = environment.take({"server": [pid], "client": [pid]})
    taken.id       short hash: the row's column `environment`
    taken.facts    {"host": ..., "server": ..., "client": ...}: once in the journal

Two trials with the same id ran in the same environment. Unlike the host's fingerprint this is about
what may change between two trials of one run: a sysctl, a governor, the target's binary. Some 2 ms;
a program's file is hashed once and then known by inode, size and time. Not thread-safe.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import tempfile
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from zyphos_lab import host, host_interfaces, netns
from zyphos_lab.child import FOLDER_PREFIX
from zyphos_lab.probes import processes
from zyphos_lab.probes.base import Role

Facts = dict[str, Any]

ID_DIGITS = 12
FILE_BYTES_MAX = 64 << 20
LIMITS = ("Max open files", "Max locked memory", "Max stack size", "Max processes")
CGROUP_FILES = ("cpu.max", "cpu.weight", "cpuset.cpus", "memory.max", "memory.high")
# What a program loads when it first needs it may be missing in one trial: no difference.
SEEN_OR_NOT = ("libraries", "files")
# What the kernel has loaded grows when a socket first asks for it.
NO_SETTINGS = ("net.ipv4.tcp_available_congestion_control",)

_hashes: dict[tuple[int, ...], str] = {}


@dataclass(frozen=True, slots=True)
class Environment:
    """Facts and their short hash."""

    id: str
    facts: Facts


def take(pids: Mapping[Role, Sequence[int]], root: str = "") -> Environment:
    """The environment now. `root` stands before /proc and /sys where settings are read."""
    facts: Facts = {"host": settings(root)}
    for role, roots in pids.items():
        facts[role] = _side(roots[0]) if roots else None
    text = json.dumps(facts, sort_keys=True)
    return Environment(hashlib.sha256(text.encode()).hexdigest()[:ID_DIGITS], facts)


def difference(a: Mapping[str, Any], b: Mapping[str, Any]) -> dict[str, tuple[Any, Any]]:
    """Where two environments differ: {"host.governor": (in a, in b)}."""
    return {
        name: pair
        for name, pair in host.diff(a, b).items()
        if not (None in pair and any(f".{part}." in name for part in SEEN_OR_NOT))
    }


def settings(root: str = "") -> Facts:
    """The machine's settings that bear on a trial."""
    cpu = f"{root}/sys/devices/system/cpu"
    governors = Path(cpu).glob("cpu[0-9]*/cpufreq/scaling_governor")
    huge = f"{root}/sys/kernel/mm/transparent_hugepage"
    return {
        "governor": sorted({text for path in governors if (text := host.read(path))}) or None,
        "turbo": host.turbo(cpu),
        "smt": host.read(f"{cpu}/smt/control"),
        "online": host.read(f"{cpu}/online"),
        "clock_source": host.read(
            f"{root}/sys/devices/system/clocksource/clocksource0/current_clocksource"
        ),
        "transparent_huge_pages": host.chosen(f"{huge}/enabled"),
        "huge_page_defrag": host.chosen(f"{huge}/defrag"),
        "mitigations": host.mitigations(cpu),
        "sysctls": {
            name: host.sysctl(name, root) for name in host.SYSCTLS if name not in NO_SETTINGS
        },
        "lo": host_interfaces.facts(),
    }


def _side(pid: int) -> Facts:
    """A side by its first process: program, what it maps and names, where and how it may run."""
    namespace = f"/proc/{pid}/ns/net"
    apart = _link(namespace) != _link("/proc/self/ns/net")
    network = _network(namespace) if apart else None
    return {
        "program": _program(f"/proc/{pid}/exe"),
        "libraries": _libraries(pid),
        "files": _named_files(pid),
        "cpus": sorted(processes.affinity(pid)),
        "scheduling": _scheduling(pid),
        "limits": _limits(pid),
        "cgroup": _cgroup(pid),
        "own_network_namespace": apart,
        "sysctls": network and network["sysctls"],
        "interfaces": network and network["interfaces"],
    }


def _network(namespace: str) -> Facts | None:
    """What `settings` says of the machine's network, of a side that has one of its own."""
    names = [name for name in host.SYSCTLS if name.startswith("net.") and name not in NO_SETTINGS]
    try:
        with netns.entered(namespace):
            sysctls = {name: host.sysctl(name) for name in names}
            return {"sysctls": sysctls, "interfaces": host_interfaces.of_namespace()}
    except OSError:
        return None


def networks(facts: Mapping[str, Any]) -> dict[str, Facts | None]:
    """The network of each side of a trial: its settings and interfaces, by role; None where it has
    a namespace of its own that could not be read.

    A side without one has the machine's. Nothing where neither has one: then the host's fingerprint
    tells of both.
    """
    sides = {role: facts.get(role) or {} for role in ("client", "server")}
    if not any(side.get("own_network_namespace") for side in sides.values()):
        return {}
    return {role: _network_of(side, facts.get("host") or {}) for role, side in sides.items()}


def _network_of(side: Mapping[str, Any], machine: Mapping[str, Any]) -> Facts | None:
    if side.get("own_network_namespace"):
        known = side.get("sysctls") is not None
        return {name: side.get(name) for name in ("sysctls", "interfaces")} if known else None
    every = (machine.get("sysctls") or {}).items()
    sysctls = {name: value for name, value in every if name.startswith("net.")}
    return {"sysctls": sysctls, "interfaces": {"lo": machine.get("lo")}}


def _program(path: str) -> str | None:
    """`name sha256` of the file that is running, also where another has taken its place since."""
    digest, name = _sha256(path), _link(path)
    return f"{Path(name.removesuffix(' (deleted)')).name} {digest}" if digest and name else None


def _sha256(path: str) -> str | None:
    """Of a regular file that can be read; None for others."""
    try:
        found = os.stat(path)
        key = (found.st_dev, found.st_ino, found.st_size, found.st_mtime_ns)
        if key not in _hashes:
            if found.st_size > FILE_BYTES_MAX:
                return None
            with open(path, "rb") as file:
                _hashes[key] = hashlib.file_digest(file, "sha256").hexdigest()[:16]
    except OSError:
        return None
    return _hashes[key]


def _libraries(pid: int) -> dict[str, str]:
    """The shared libraries that it has mapped, by name."""
    text = (processes.read(f"/proc/{pid}/maps") or b"").decode("utf-8", "replace")
    paths = set(re.findall(r"(/\S+\.so(?:\.[0-9.]+)?)$", text, re.MULTILINE))
    return _hashed(Path(path) for path in sorted(paths))


def _named_files(pid: int) -> dict[str, str]:
    """Files on its command line (the script of an interpreter, a configuration), by name.

    Those that the lab wrote itself are the experiment's own text, with the port of the day in it.
    """
    words = (processes.read(f"/proc/{pid}/cmdline") or b"").decode("utf-8", "replace").split("\0")
    own = str(Path(tempfile.gettempdir(), FOLDER_PREFIX))
    folder = _link(f"/proc/{pid}/cwd") or "/"
    paths = [Path(folder, word) for word in words[1:] if word]
    files = [path for path in paths if not str(path).startswith(own) and _is_file(path)]
    return _hashed(files)


def _hashed(paths: Iterable[Path]) -> dict[str, str]:
    """Name to hash, of those that can be read."""
    hashes = {path.name: _sha256(str(path)) for path in paths}
    return {name: digest for name, digest in hashes.items() if digest}


def _is_file(path: Path) -> bool:
    try:
        return path.is_file()
    except (OSError, ValueError):  # no path at all: too long, or with a null in it
        return False


def _link(path: str) -> str | None:
    try:
        return os.readlink(path)
    except OSError:
        return None


def _scheduling(pid: int) -> list[int] | None:
    """[policy, nice]."""
    try:
        return [os.sched_getscheduler(pid), os.getpriority(os.PRIO_PROCESS, pid)]
    except OSError:
        return None


def _limits(pid: int) -> dict[str, str]:
    """Soft limits, as /proc/PID/limits prints them."""
    lines = (processes.read(f"/proc/{pid}/limits") or b"").decode().splitlines()
    pairs = ((name, line) for line in lines for name in LIMITS if line.startswith(name))
    return {name: line[len(name) :].split()[0] for name, line in pairs}


def _cgroup(pid: int) -> dict[str, str | None]:
    folder = processes.cpu_cgroup(pid)
    return {name: host.read(f"{folder}/{name}") for name in CGROUP_FILES} if folder else {}
