"""What every target offers to a trial, and what the kinds share."""

from __future__ import annotations

import socket
from abc import ABC, abstractmethod
from typing import Protocol

from zyphos_lab.errors import TargetError

STOP_GRACE_S = 5.0


class Running(Protocol):
    """A target that is ready for requests. `may_end`: its end is what the trial is about."""

    may_end: bool

    @property
    def address(self) -> str: ...

    @property
    def port(self) -> int: ...

    def pids(self) -> list[int]:
        """Its whole process tree, as it is now."""

    def board(self) -> dict[str, int] | str:
        """The board's totals, or why there are none."""

    def check(self, wait_s: float = 0.0) -> None:
        """Raises TargetError when it is no longer alive and has to be, or ends within `wait_s`."""

    def stop(self) -> bool:
        """Ends it by its stop signal. Whether it had to be killed. Safe to repeat."""


class Target(ABC):
    """One entry of `targets`; TargetError messages begin with its name.

    `namespace` is the path of the network namespace that it runs in (None: the runner's).
    """

    def __init__(self, name: str, namespace: str | None = None) -> None:
        self.name = name
        self.namespace = namespace

    @abstractmethod
    def start(self) -> Running:
        """Starts it and waits until it is ready. TargetError, with nothing left running."""

    def error(self, message: str, hint: str = "") -> TargetError:
        return TargetError(f"target {self.name}: {message}", hint)


def family_of(address: str) -> socket.AddressFamily:
    return socket.AF_INET6 if ":" in address else socket.AF_INET


def can_connect(address: str, port: int, timeout_s: float) -> bool:
    try:
        with socket.create_connection((address, port), timeout=timeout_s):
            return True
    except OSError:
        return False
