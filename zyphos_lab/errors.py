"""The one exception tree of the Python side, with the exit code that each ends a command with.

    LabError                          1   something in the lab itself went wrong
    |- UsageError                     2   what the user typed or wrote cannot be used
    |  |- SpecError                   2   the experiment file, one Complaint per mistake
    |  |- UnitError                   2   text that is no duration, size, rate or fraction
    |  |- StatementError              2   an expectation's `that` which cannot be read
    |  `- StoreError                  2   a run folder that is missing, damaged or too new
    |- ExpectationError               3   an expectation or gate failed
    |- InconclusiveError              4   no verdict, where one was required
    |- MeasurementError               5   what was measured cannot be used
    |  |- TargetError                 5   the target died, never got ready, or could not start
    |  |- LoadError                   5   the load could not connect or got wrong answers
    |  |  `- GeneratorError           5   somebody else's load generator is not on this machine
    |  `- LinkError                   5   the link could not be put up
    `- Interrupted            130 / 143   SIGINT or SIGTERM; what was done is saved

A message is one line without a full stop. The command line prints it and nothing else: a traceback
shown to a user is a bug. What a machine cannot do is no exception but a reason in the record.
Imports nothing of the lab and nothing heavy.
"""

from __future__ import annotations

import signal
from collections.abc import Sequence
from dataclasses import dataclass

EXIT_OK = 0


class LabError(Exception):
    """Root of the tree; `exit_code` is what the command ends with, `hint` what may help."""

    exit_code: int = 1

    def __init__(self, message: str, hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint

    def __str__(self) -> str:
        return f"{self.message} ({self.hint})" if self.hint else self.message


class UsageError(LabError):
    """An option, argument or file that cannot be used as it stands."""

    exit_code = 2


@dataclass(frozen=True, slots=True)
class Complaint:
    """One mistake in an experiment file.

    `file` is the path as the user gave it, or the option (`--set a.b=c`); then line and column are
    0. Lines and columns count from 1.
    """

    file: str
    line: int
    column: int
    message: str
    hint: str = ""

    def __str__(self) -> str:
        place = f"{self.file}:{self.line}:{self.column}" if self.line else self.file
        return f"{place}: {self.message}" + (f" ({self.hint})" if self.hint else "")


class SpecError(UsageError):
    """Everything that is wrong with an experiment file, in the order of the file.

    `file`, `line`, `column`, `message` and `hint` are those of the first complaint; `str()` has
    one line each.
    """

    def __init__(self, complaints: Sequence[Complaint]) -> None:
        if not complaints:
            raise ValueError("a SpecError needs at least one complaint")
        first = complaints[0]
        super().__init__(first.message, first.hint)
        self.complaints = tuple(complaints)
        self.file, self.line, self.column = first.file, first.line, first.column

    def __str__(self) -> str:
        return "\n".join(str(complaint) for complaint in self.complaints)


class UnitError(UsageError, ValueError):
    """Text that is no duration, size, rate or fraction."""


class StatementError(UsageError, ValueError):
    """A statement that cannot be read; `offset` counts characters from its start."""

    def __init__(self, message: str, offset: int, hint: str = "") -> None:
        super().__init__(message, hint)
        self.offset = offset


class StoreError(UsageError):
    """A run folder that is missing, damaged, or written by a newer version."""


class ExpectationError(LabError):
    """An expectation of the experiment, or a gate asked for on the command line, does not hold."""

    exit_code = 3


class InconclusiveError(LabError):
    """A verdict was required and the data do not give one."""

    exit_code = 4


class MeasurementError(LabError):
    """A measurement could not be made, or what it gave cannot be used."""

    exit_code = 5


class TargetError(MeasurementError):
    """The target died, never got ready, or could not be started (port in use, no such program)."""


class LoadError(MeasurementError):
    """The load could not connect, got wrong answers, or broke off. `errc`: its own word."""

    def __init__(self, message: str, hint: str = "", errc: str = "") -> None:
        super().__init__(message, hint)
        self.errc = errc


class GeneratorError(LoadError):
    """Somebody else's load generator is not on this machine, or is not the program it should be."""


class LinkError(MeasurementError):
    """What should lie between client and server could not be put up."""


class Interrupted(LabError):  # noqa: N818 (a request to stop is no error)
    """The run was asked to stop by a signal: SIGINT ends with 130, SIGTERM with 143."""

    def __init__(self, message: str, signum: int = signal.SIGINT) -> None:
        super().__init__(message)
        self.signum = signum
        self.exit_code = 128 + signum
