"""The stages of a run: each decides its next trials from what is recorded, and from nothing else.

A run goes through its stages in order (ceiling, search, pilot, measure, observer, capture). A stage
is asked for more trials when all those it gave before are recorded, until it says None. As `next`
is pure, a resumed run that asks again gets the same schedule. Conclusions rest on the rows of stage
`measure` alone.
It does not know how a trial is run nor where rows are kept.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, Protocol, runtime_checkable

if TYPE_CHECKING:
    from zyphos_lab.record import Reason, Row
    from zyphos_lab.spec.cell import Cell
    from zyphos_lab.spec.models import Repeat

Arm = Literal["A", "B", ""]

CEILING, PILOT, SEARCH, MEASURE = "ceiling", "pilot", "search", "measure"
CAPTURE, OBSERVER = "capture", "observer"
SET_ASIDE = "set_aside"  # of `measure`, as the store gives it: see makeup.py
PLAIN: Arm = "A"  # of stage `observer`: without the costly probes, and with them
INSTRUMENTED: Arm = "B"


@dataclass(frozen=True, slots=True)
class Planned:
    """One trial to run. `arm` is A or B in an A/A cell; `seed` is the load's.

    `trial` counts all trials of the run; the schedule sets it, whatever the stage says. `repeat` is
    this trial's warm-up and window (None: the experiment's), `against` what lowers its verdict
    before it has begun, `instead_of` the block in whose place this one is measured. A stage that
    measures a cell of its own (another rate) gives it an id of its own.
    """

    trial: int
    block: int
    cell: Cell
    start: int
    arm: Arm
    seed: int
    stage: str = MEASURE
    repeat: Repeat | None = None
    against: tuple[Reason, ...] = ()
    instead_of: int | None = None

    def entry(self) -> dict[str, Any]:
        """As it stands in the journal: plain data, as JSON gives it back."""
        entry = {
            "trial": self.trial,
            "block": self.block,
            "cell": self.cell.id,
            "arm": self.arm,
            "factors": dict(self.cell.factors),
            "target": self.cell.target_name,
            "start": self.start,
            "seed": self.seed,
        }
        rate = self.cell.load.arrival.rate_per_second
        if rate is not None:
            entry["rate_per_second"] = rate
        if self.repeat is not None:
            entry["warmup_ns"] = self.repeat.warmup_ns
            entry["window_ns"] = self.repeat.window_ns
        if self.against:
            entry["against"] = [reason.code for reason in self.against]
        if self.instead_of is not None:
            entry["instead_of"] = self.instead_of
        return entry


@dataclass(frozen=True, slots=True)
class Outlook:
    """What a stage will do as far as it is known before anything ran, for `--plan` and progress."""

    trials: int
    seconds: float
    text: str = ""


class Stage(Protocol):
    """A part of a run; see the file's head. Deterministic: randomness is seeded."""

    @property
    def name(self) -> str: ...

    def outlook(self) -> Outlook:
        """How many trials it takes and how long, at least."""

    def next(self, rows: Sequence[Row]) -> Sequence[Planned] | None:
        """The next trials, given all rows so far (of every stage, in order); None: it is over."""


@dataclass(frozen=True, slots=True)
class Note:
    """Something to know about a run: a code for programs, a sentence for people.

    `refuses`: arithmetic forbids what was asked for, so that the run needs `--force`.
    """

    code: str
    message: str
    refuses: bool = False


@runtime_checkable
class Telling(Protocol):
    """A stage that has something to say when it is over."""

    def tell(self, rows: Sequence[Row]) -> Sequence[Note]:
        """What it found, given all rows so far; shown at once and kept in the manifest."""


def of_stage(rows: Iterable[Row], name: str) -> list[Row]:
    """The rows of one stage."""
    return [row for row in rows if row["stage"] == name]
