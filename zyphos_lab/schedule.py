"""The schedule of a run as it grows: stage after stage, extension after extension.

Every extension is one journal event {"event": "plan", "stage", "trials"}. A resumed run computes
them again from the rows that were there then, and must come to the same.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from zyphos_lab.errors import StoreError
from zyphos_lab.record import Row
from zyphos_lab.stage import Planned, Stage

CHANGED = "the plan is no longer the one that this run was started with"
CHANGED_HINT = "resume with the same --only and the same version of zyphos-lab"


@dataclass(slots=True)
class Schedule:
    """What was scheduled so far. `trials` are numbered from 0 without gaps."""

    stages: Sequence[Stage]
    trials: list[Planned] = field(default_factory=list)
    _at: int = 0

    def extend(self, rows: Iterable[Row]) -> list[Planned] | None:
        """The next trials, all those before being recorded in `rows`; None when the run is over.

        Rows of trials that are not scheduled yet are not looked at.
        """
        known = len(self.trials)
        before = sorted((row for row in rows if row["trial"] < known), key=lambda row: row["trial"])
        while self._at < len(self.stages):
            stage = self.stages[self._at]
            chosen = stage.next(before)
            if chosen:
                added = [
                    replace(planned, trial=known + index, stage=stage.name)
                    for index, planned in enumerate(chosen)
                ]
                self.trials += added
                return added
            self._at += 1
        return None

    @property
    def over(self) -> Sequence[Stage]:
        """The stages that have ended."""
        return self.stages[: self._at]

    def expected(self) -> tuple[int, float]:
        """Trials and seconds of the stages that have not begun, as far as they are known."""
        begun = {planned.stage for planned in self.trials}
        ahead = [stage.outlook() for stage in self.stages if stage.name not in begun]
        return sum(one.trials for one in ahead), sum(one.seconds for one in ahead)


def plan_event(added: Sequence[Planned]) -> dict[str, Any]:
    """The journal's line on one extension."""
    trials = [planned.entry() for planned in added]
    event = {"event": "plan", "stage": added[0].stage, "trials": trials}
    plain: dict[str, Any] = json.loads(json.dumps(event))
    return plain


class Journalled:
    """What the journal says was scheduled, extension by extension."""

    def __init__(self, events: Iterable[dict[str, Any]]) -> None:
        self._events = {event["trials"][0]["trial"]: event for event in events}

    def holds(self, added: Sequence[Planned]) -> bool:
        """Whether this extension stands there. StoreError where another one does."""
        event = self._events.get(added[0].trial)
        if event is not None and event != plan_event(added):
            raise StoreError(CHANGED, CHANGED_HINT)
        return event is not None

    def check(self, stages: Sequence[Stage], rows: Sequence[Row]) -> None:
        """StoreError when these stages would schedule otherwise what the journal says.

        Looks no further than the first trial that is not recorded: what follows from it is not
        known. Cost: every extension computed once.
        """
        schedule = Schedule(stages)
        recorded = {row["trial"] for row in rows}
        while added := schedule.extend(rows):
            self.holds(added)
            if not recorded.issuperset(planned.trial for planned in added):
                return
        if max(self._events, default=-1) >= len(schedule.trials):
            raise StoreError(CHANGED, CHANGED_HINT)
