"""The process that disturbs: it carries out what disturb.py orders, each step at its exact time.

`python -m zyphos_lab.disturber` says `ready`, reads one line of JSON, {"start_ns", "scene",
"steps": [{"kind", "at_ns", "for_ns", ...}]}, and prints one when all is done: {"events": [...]}.
When its standard input ends (the runner died, even by SIGKILL, or gave up) what it began is ended
at once.

Kinds: `stop` (SIGSTOP and SIGCONT to the trees below the scene's pids), `kill` (SIGKILL to one
process of them), `blackhole` (the link's path goes dark), `rebind` (its NAT forgets every
connection), `attack` (zyphos-attack in the run's own namespaces). It does not know experiments or
records, and imports little: the load is under way while it starts. Times are CLOCK_MONOTONIC, in
ns.
"""

from __future__ import annotations

import json
import os
import select
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from typing import TYPE_CHECKING, Any, Protocol

from zyphos_lab import blackhole, netns, proc
from zyphos_lab.child import monotonic_ns
from zyphos_lab.errors import LabError, LinkError
from zyphos_lab.netfilter import Netfilter

if TYPE_CHECKING:
    from zyphos_lab.spec.target_models import Family

TREE_ROUNDS = 5
LOOK_AHEAD_NS = 50_000_000
LOOK_NS = 1_000_000  # how often for who takes a killed process's place
FORGED = "198.19.0.0/16"  # sources of a SYN flood; see cpp/attack/attack.cpp

Step = Mapping[str, Any]
Event = dict[str, Any]


class Action(Protocol):
    """One step: made and prepared some time before `begin`, which has to be quick."""

    def prepare(self) -> None: ...

    def begin(self) -> None: ...

    def last(self, until_ns: int) -> bool:
        """What comes between `begin` and `end`; True when standard input has ended meanwhile."""
        return _abandoned(until_ns)

    def end(self) -> None:
        """Undoes what `begin` did, whatever came between."""

    def event(self, start_ns: int) -> Event:
        """What was really done, times from `start_ns` on."""


class Stop(Action):
    """Every process of the server's tree stands still."""

    def __init__(self, step: Step, scene: Mapping[str, Any]) -> None:
        self._pids: list[int] = scene["pids"]
        self._known: list[int] = []
        self._standing: list[int] = []
        self._stopped_ns = self._continued_ns = 0

    def prepare(self) -> None:
        self._known = [one.pid for one in members(self._pids)]  # takes milliseconds

    def begin(self) -> None:
        self._stopped_ns = monotonic_ns()
        self._standing = _stop(self._known, self._pids)

    def end(self) -> None:
        self._continued_ns = monotonic_ns()  # before: whom it wakes may take this CPU
        go_on(self._standing)

    def event(self, start_ns: int) -> Event:
        return {
            "what": "server",
            "stopped_ns": self._stopped_ns - start_ns,
            "continued_ns": self._continued_ns - start_ns,
            "processes": len(self._standing),
        }


class Kill(Action):
    """The busiest process of the server's tree that has no child: a worker, or all there is.

    `for` is how long is waited for another child of its parent, where that is the server's too.
    """

    def __init__(self, step: Step, scene: Mapping[str, Any]) -> None:
        self._pids: list[int] = scene["pids"]
        self._victim: proc.Process | None = None
        self._parent: int | None = None
        self._known: set[int] = set()
        self._killed = False
        self._killed_ns = 0
        self._followed_ns: int | None = None

    def prepare(self) -> None:
        there = members(self._pids)
        leaves = [one for one in there if not proc.children(one.pid)]
        self._victim = max(leaves, key=lambda one: proc.cpu_ns(one.pid) or 0, default=None)
        if self._victim is not None and self._victim.parent in {one.pid for one in there}:
            self._parent = self._victim.parent
            self._known = set(proc.children(self._parent))

    def begin(self) -> None:
        self._killed_ns = monotonic_ns()
        if self._victim is not None:
            with suppress(ProcessLookupError):
                os.kill(self._victim.pid, signal.SIGKILL)
                self._killed = True

    def last(self, until_ns: int) -> bool:
        """Over as soon as somebody has come."""
        while self._parent is not None and monotonic_ns() < until_ns:
            if set(proc.children(self._parent)) - self._known:
                self._followed_ns = monotonic_ns()
                return False
            if _abandoned(monotonic_ns() + LOOK_NS):
                return True
        return _abandoned(until_ns)

    def end(self) -> None:
        """Who is dead stays so."""

    def event(self, start_ns: int) -> Event:
        followed_ns = self._followed_ns
        return {
            "what": "server",
            "killed_ns": self._killed_ns - start_ns,
            "followed_ns": None if followed_ns is None else followed_ns - start_ns,
            "processes": int(self._killed),
        }


class Blackhole(Action):
    """What one side or both send no longer arrives. The link's namespaces are the run's own."""

    def __init__(self, step: Step, scene: Mapping[str, Any]) -> None:
        receivers = {"forward": ["server"], "backward": ["client"], "both": ["server", "client"]}
        self._direction: str = step["direction"]
        self._paths = [scene["namespaces"][role] for role in receivers[self._direction]]
        self._interface: str = scene["interface"]
        self._family: Family = "ipv6" if ":" in (scene["address"] or "") else "ipv4"
        self._dark_ns = self._light_ns = 0

    def prepare(self) -> None:
        for path in self._paths:
            blackhole.prepare(path, self._interface, self._family)

    def begin(self) -> None:
        for path in self._paths:
            blackhole.dark(path, self._family)
        self._dark_ns = monotonic_ns()

    def end(self) -> None:
        self._light_ns = monotonic_ns()
        for path in self._paths:
            blackhole.clear(path, self._family)

    def event(self, start_ns: int) -> Event:
        return {
            "what": "link",
            "direction": self._direction,
            "dark_ns": self._dark_ns - start_ns,
            "light_ns": self._light_ns - start_ns,
        }


class Attack(Action):
    """zyphos-attack in the client's namespace, against the server: cpp/attack/attack.h."""

    def __init__(self, step: Step, scene: Mapping[str, Any]) -> None:
        self._step, self._scene = step, scene
        self._processes: list[subprocess.Popen[bytes]] = []
        self._begun_ns = self._ended_ns = 0
        self._done: dict[str, int] = {}

    def prepare(self) -> None:
        """The way back to forged sources ends at the client, who knows nothing of them."""
        server, client = (self._scene["namespaces"][role] for role in ("server", "client"))
        way = (self._scene["interface"], "via", self._scene["client_address"])
        blackhole.ip_in(server, ("route", "replace", FORGED, "dev", *way))
        self._processes = [self._started(self._step["attack"], client)]
        if self._step["filter"] is not None:
            self._processes.append(self._started("syn_filter", server))

    def _started(self, kind: str, namespace: str) -> subprocess.Popen[bytes]:
        step, scene = self._step, self._scene
        options = {
            "kind": kind,
            "sequence": step["sequence"],
            "rate": step["rate"],
            "connections": step["connections"],
            "start_ns": step["start_ns"],
            "for_ns": step["for_ns"],
            "address": scene["address"],
            "port": scene["port"],
            "netns": namespace,
            "interface": scene["interface"],
            "parent_death": "true",
        }
        words = [f"{name}={value}" for name, value in options.items()]
        pipe = subprocess.PIPE
        return subprocess.Popen([scene["program"], *words], stdout=pipe, stderr=pipe)

    def begin(self) -> None:
        self._begun_ns = monotonic_ns()

    def end(self) -> None:
        over = monotonic_ns() >= self._step["start_ns"] + self._step["for_ns"]
        for process in () if over else self._processes:
            process.terminate()
        for process in self._processes:
            out, error = process.communicate()
            if process.returncode != 0:
                raise LinkError(f"disturb: {error.decode('utf-8', 'replace').strip()}")
            for name, count in json.loads(out).items():
                self._done[name] = self._done.get(name, 0) + count
        self._ended_ns = monotonic_ns()
        blackhole.ip_in(self._scene["namespaces"]["server"], ("route", "del", FORGED))

    def event(self, start_ns: int) -> Event:
        return {
            "what": self._step["attack"],
            "begun_ns": self._begun_ns - start_ns,
            "ended_ns": self._ended_ns - start_ns,
            "packets_sent": self._done["sent"],
            "packets_failed": self._done["failed"],
            "packets_filtered": self._done["dropped"],
            "connections_ended": self._done["ended"],
        }


class Rebind(Action):
    """The link's NAT forgets every mapping; what is under way gets new ones, or none."""

    def __init__(self, step: Step, scene: Mapping[str, Any]) -> None:
        self._path: str = scene["namespaces"]["nat"]
        self._asked: Netfilter | None = None
        self._rebound_ns = 0

    def prepare(self) -> None:
        try:
            with netns.entered(self._path):
                self._asked = Netfilter()
        except OSError as error:
            raise LinkError(f"disturb: {error.filename}: {error.strerror}") from error

    def begin(self) -> None:
        assert self._asked is not None
        try:
            self._asked.forget()
        except OSError as error:
            raise LinkError(f"disturb: the NAT cannot forget: {error.strerror}") from error
        self._rebound_ns = monotonic_ns()

    def end(self) -> None:
        """What is forgotten stays so."""
        if self._asked is not None:
            self._asked.close()

    def event(self, start_ns: int) -> Event:
        return {"what": "link", "rebound_ns": self._rebound_ns - start_ns}


KINDS: dict[str, Callable[[Step, Mapping[str, Any]], Action]] = {
    "stop": Stop,
    "kill": Kill,
    "blackhole": Blackhole,
    "attack": Attack,
    "rebind": Rebind,
}


def members(pids: Sequence[int]) -> list[proc.Process]:
    """The trees below `pids`, with all that is in their sessions."""
    sessions = {one.session for one in map(proc.process, pids) if one is not None}
    found = {one.pid: one for pid in (*sessions, *pids) for one in proc.session(pid)}
    return list(found.values())


def go_on(pids: Sequence[int]) -> None:
    """SIGCONT to those that are still there."""
    for pid in pids:
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGCONT)


def _stop(known: Sequence[int], pids: Sequence[int]) -> list[int]:
    """Stops all of `known`, then what was born below `pids` meanwhile; whom it stopped."""
    stopped: dict[int, None] = {}
    new = list(known)
    for _ in range(TREE_ROUNDS):
        for pid in new:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGSTOP)
                stopped[pid] = None
        new = [one.pid for one in members(pids) if one.pid not in stopped]
        if not new:
            break
    return list(stopped)


def _abandoned(at_ns: int) -> bool:
    """Sleeps to `at_ns`; True, at once, when standard input has ended before."""
    while (left_ns := at_ns - monotonic_ns()) > 0:
        if select.select([0], [], [], left_ns / 1e9)[0] and not os.read(0, 4096):
            return True
    return False


def _carry_out(order: Mapping[str, Any]) -> Iterator[Event]:
    start_ns = int(order["start_ns"])
    for step in order["steps"]:
        at_ns = start_ns + step["at_ns"]
        action = KINDS[step["kind"]]({**step, "start_ns": at_ns}, order["scene"])
        if _abandoned(at_ns - LOOK_AHEAD_NS):
            return
        action.prepare()
        if _abandoned(at_ns):
            return
        try:
            action.begin()
            given_up = action.last(monotonic_ns() + step["for_ns"])
        finally:
            action.end()
        done = {name: step[name] for name in ("kind", "at_ns", "for_ns")}
        yield {**done, **action.event(start_ns)}
        if given_up:
            return


def _answer(order: Mapping[str, Any]) -> dict[str, Any]:
    events: list[Event] = []
    try:
        events.extend(_carry_out(order))
    except LabError as error:
        return {"events": events, "error": error.message}
    return {"events": events}


def main() -> None:
    """SIGTERM ends it the way any exception does."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    print("ready", flush=True)
    with os.fdopen(0, "rb", buffering=0, closefd=False) as unbuffered:
        line = unbuffered.readline()
    if line:
        print(json.dumps(_answer(json.loads(line))), flush=True)


if __name__ == "__main__":
    main()
