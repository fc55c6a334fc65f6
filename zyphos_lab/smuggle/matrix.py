"""The matrix: techniques against servers and pairs, and what follows from it. No I/O."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from itertools import combinations
from typing import Any

from zyphos_lab.smuggle.answers import Answer
from zyphos_lab.smuggle.pairs import Passing
from zyphos_lab.smuggle.reading import Reading
from zyphos_lab.smuggle.technique import CONTROL, SMUGGLED_TARGET, Technique, escaped

MODEL = "naive-"


@dataclass(frozen=True, slots=True)
class Pair:
    """A front end and the server behind it."""

    front: str
    back: str

    @property
    def name(self) -> str:
        return f"{self.front} > {self.back}"

    @property
    def is_model(self) -> bool:
        """The matrix's control: both are readers of ways.py."""
        return self.front.startswith(MODEL) and self.back.startswith(MODEL)


@dataclass(slots=True)
class Matrix:
    """`readings` by server, `passings` by pair, both by technique; `missing`: why one is not
    there, by name.
    """

    techniques: Sequence[Technique]
    readings: dict[str, dict[str, Reading]] = field(default_factory=dict)
    passings: dict[Pair, dict[str, Passing]] = field(default_factory=dict)
    missing: dict[str, str] = field(default_factory=dict)

    def attacks(self) -> list[Technique]:
        return [one for one in self.techniques if one.kind != CONTROL]

    def exploited(self, models: bool = False) -> list[tuple[Pair, Technique]]:
        """What succeeded, through real front ends or (`models`) through those of the control."""
        return [
            (pair, one)
            for pair, found in self.passings.items()
            for one in self.techniques
            if pair.is_model == models and one.name in found and found[one.name].exploitable
        ]

    def broken(self) -> list[str]:
        """Servers and pairs that do not read what every reader has to: they are not judged."""
        controls = [one.name for one in self.techniques if one.kind == CONTROL]
        servers = [
            name
            for name, found in self.readings.items()
            if any(found[one].refused for one in controls)
        ]
        pairs = [
            pair.name
            for pair, found in self.passings.items()
            if any(found[one].verdict != "agree" for one in controls)
        ]
        return servers + pairs

    def takes(self, server: str) -> list[Technique]:
        """What a strict reader refuses and this server reads as one request or more."""
        found = self.readings[server]
        return [one for one in self.techniques if one.safe == "refuse" and _took(found[one.name])]

    def disagreeing(self, name: str) -> list[tuple[str, str]]:
        """Servers that both took technique `name` and read other requests from it."""
        took = [(server, found[name]) for server, found in self.readings.items()]
        took = [(server, one) for server, one in took if _took(one)]
        return [
            (one, other) for (one, a), (other, b) in combinations(took, 2) if a.shape() != b.shape()
        ]


def _took(reading: Reading) -> bool:
    return any(one.status < 400 for one in reading.answers)


def found_hidden(reading: Reading) -> bool:
    """Whether the request inside was read as a request of its own."""
    return any(one.target == SMUGGLED_TARGET for one in reading.answers)


def counted(passings: Iterable[Passing]) -> Counter[str]:
    return Counter(one.verdict for one in passings)


def plain(matrix: Matrix) -> dict[str, Any]:
    """All of it, for JSON."""
    return {
        "techniques": [described(one) for one in matrix.techniques],
        "servers": {name: _server(name, matrix) for name in matrix.readings},
        "pairs": [_pair(pair, found) for pair, found in matrix.passings.items()],
        "missing": matrix.missing,
        "broken": matrix.broken(),
        "disagreements": {
            one.name: [list(two) for two in matrix.disagreeing(one.name)]
            for one in matrix.techniques
        },
        "exploited": len(matrix.exploited()),
        "exploited_control": len(matrix.exploited(models=True)),
    }


def _server(name: str, matrix: Matrix) -> dict[str, Any]:
    found = matrix.readings[name]
    return {
        "refused": sum(found[one.name].refused for one in matrix.attacks()),
        "took_what_is_to_be_refused": [one.name for one in matrix.takes(name)],
        "readings": {one: _reading(reading) for one, reading in found.items()},
    }


def _pair(pair: Pair, found: dict[str, Passing]) -> dict[str, Any]:
    return {
        "front": pair.front,
        "back": pair.back,
        "control": pair.is_model,
        "verdicts": dict(counted(found.values())),
        "exploited": [name for name, one in found.items() if one.exploitable],
        "passings": {name: _passing(one) for name, one in found.items()},
    }


def described(one: Technique) -> dict[str, Any]:
    """A technique as JSON has it."""
    names = ("name", "what", "rule", "clause", "source", "safe")
    return {
        **{name: getattr(one, name) for name in names},
        "class": one.kind,
        "readers": list(one.readers),
        "bytes": escaped(one.data),
    }


def _reading(reading: Reading) -> dict[str, Any]:
    return {
        "sign": reading.sign(),
        "end": reading.end,
        "answers": [_answer(one) for one in reading.answers],
    }


def _passing(passing: Passing) -> dict[str, Any]:
    return {
        "sign": passing.sign(),
        "verdict": passing.verdict,
        "front": [_answer(one) for one in passing.front],
        "back": [_answer(one) for one in passing.back],
        "victim": [_answer(one) for one in passing.victim],
        "arrived": [escaped(one) for one in passing.asked],
    }


def _answer(one: Answer) -> dict[str, Any]:
    return {"status": one.status, "read": one.read, "body_bytes": one.body_bytes}
