"""How a run tells what it does: a live line on a terminal, plain lines elsewhere, or ndjson.

All of them write between trials only: a redraw within a measured window would take CPU time from
what is measured. Text goes to stderr, so that stdout stays for the answer; events go to stdout.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Sequence
from typing import IO, Any

from zyphos_lab.plan import Plan, trial_seconds
from zyphos_lab.record import Record
from zyphos_lab.runner import Progress
from zyphos_lab.schedule import Schedule
from zyphos_lab.stage import Note, Planned
from zyphos_lab.store import Store
from zyphos_lab.units import format_duration, format_rate

PLAIN_EVERY_S = 2.0


def make(as_json: bool) -> Progress:
    """The progress that suits where the output goes."""
    if as_json:
        return JsonProgress(sys.stdout)
    return LiveProgress() if sys.stderr.isatty() else PlainProgress(sys.stderr)


class Pace:
    """Where a run stands, and how long the rest will take.

    `total` counts the trials that are scheduled and those that later stages foresee.
    """

    def __init__(self) -> None:
        self.total = self.finished = 0
        self._left_s = 0.0  # as planned
        self._done_s = self._spent_s = 0.0  # of this session: as planned, and in fact
        self._each_s: dict[int, float] = {}
        self._begun_at = 0.0

    def start(self, plan: Plan, finished: int) -> None:
        self.finished = finished
        outlooks = [outlook for _, outlook in plan.stages]
        self.total = max(finished, sum(one.trials for one in outlooks))
        self._repeat = plan.repeat
        each_s = sum(one.seconds for one in outlooks) / max(1, self.total)
        self._left_s = (self.total - finished) * each_s

    def extend(self, schedule: Schedule) -> None:
        """The schedule has grown: what is known now takes the place of what was foreseen."""
        more, more_s = schedule.expected()
        self.total = len(schedule.trials) + more
        self._each_s = {one.trial: trial_seconds(one, self._repeat) for one in schedule.trials}
        undone = sorted(self._each_s)[self.finished :]
        self._left_s = sum(self._each_s[trial] for trial in undone) + more_s

    def begin(self) -> None:
        self._begun_at = time.monotonic()

    def step(self, planned: Planned) -> None:
        self.finished += 1
        each_s = self._each_s.get(planned.trial, 0.0)
        self._left_s -= each_s
        self._done_s += each_s
        self._spent_s += time.monotonic() - self._begun_at

    def eta_s(self) -> float:
        """By the plan, corrected by the pace of this session once there is one."""
        pace = self._spent_s / self._done_s if self._done_s else 1.0
        return max(0.0, self._left_s * pace)

    def eta_text(self) -> str:
        seconds = round(self.eta_s())
        return f"{seconds // 60}:{seconds % 60:02} left"


def figures(record: Record) -> str:
    """The running figures of one trial: `203k/s, p50 61.2 us, p99 103 us`, or what went wrong."""
    row = record.row
    parts = []
    if row["requests_per_second"] is not None:
        parts.append(format_rate(row["requests_per_second"]))
    for name in ("p50", "p99"):
        value = row.get(f"latency_ns_{name}")
        if value is not None:
            parts.append(f"{name} {format_duration(value)}")
    if row["verdict"] != "VALID":
        name = "message" if row["verdict"] == "INVALID" else "code"
        codes = ", ".join(dict.fromkeys(reason[name] for reason in row["reasons"]))
        parts.append(f"{row['verdict']} ({codes})")
    return ", ".join(parts)


def heading(store: Store, pace: Pace) -> str:
    done = f", {pace.finished} finished" if pace.finished else ""
    return f"{store.experiment}: {pace.total} trials{done}, {pace.eta_text()}; {store.path}"


class PlainProgress:
    """One line per trial at most, and not more often than every 2 s."""

    def __init__(self, out: IO[str]) -> None:
        self._out = out
        self._pace = Pace()
        self._written = 0.0

    def started(self, store: Store, plan: Plan, finished: int) -> None:
        self._pace.start(plan, finished)
        print(heading(store, self._pace), file=self._out, flush=True)

    def extended(self, added: Sequence[Planned], schedule: Schedule) -> None:
        self._pace.extend(schedule)

    def said(self, note: Note) -> None:
        print(f"note: {note.message}", file=self._out, flush=True)

    def trial_begins(self, planned: Planned) -> None:
        self._pace.begin()

    def trial_ended(self, planned: Planned, record: Record) -> None:
        pace = self._pace
        pace.step(planned)
        last = pace.finished == pace.total
        bad = record.row["verdict"] == "INVALID"
        if not last and not bad and time.monotonic() - self._written < PLAIN_EVERY_S:
            return
        self._written = time.monotonic()
        where = f"[{pace.finished}/{pace.total}] {planned.stage}, {planned.cell.id}"
        print(f"{where}: {figures(record)}; {pace.eta_text()}", file=self._out, flush=True)

    def stopped(self) -> None:
        return


class LiveProgress:
    """A bar, the cell under way and the figures of the last trial, on a terminal."""

    def __init__(self) -> None:
        from rich.console import Console
        from rich.live import Live

        self._pace = Pace()
        # Without auto_refresh: its thread would wake up within the measured windows.
        self._live = Live(console=Console(stderr=True), auto_refresh=False, transient=True)
        self._last = ""

    def started(self, store: Store, plan: Plan, finished: int) -> None:
        self._pace.start(plan, finished)
        self._live.console.print(heading(store, self._pace), highlight=False, soft_wrap=True)
        self._live.start()

    def extended(self, added: Sequence[Planned], schedule: Schedule) -> None:
        self._pace.extend(schedule)

    def said(self, note: Note) -> None:
        text = f"note: {note.message}"
        self._live.console.print(text, style="yellow", highlight=False, soft_wrap=True)

    def trial_begins(self, planned: Planned) -> None:
        from rich.console import Group
        from rich.progress_bar import ProgressBar
        from rich.table import Table
        from rich.text import Text

        pace = self._pace
        pace.begin()
        grid = Table.grid(padding=(0, 2))
        bar = ProgressBar(total=max(1, pace.total), completed=pace.finished, width=30)
        grid.add_row(
            bar,
            Text(f"{pace.finished + 1}/{pace.total}"),
            Text(pace.eta_text(), style="cyan"),
            Text(f"{planned.stage}:", style="dim"),
            Text(planned.cell.id, style="bold", no_wrap=True, overflow="ellipsis"),
        )
        last = Text(self._last, style="dim", no_wrap=True, overflow="ellipsis")
        self._live.update(Group(grid, last) if self._last else grid, refresh=True)

    def trial_ended(self, planned: Planned, record: Record) -> None:
        self._pace.step(planned)
        self._last = f"last: {planned.cell.id}: {figures(record)}"
        if record.row["verdict"] == "INVALID":
            text = (
                f"trial {planned.trial}, {planned.cell.id}: {record.row['reasons'][0]['message']}"
            )
            self._live.console.print(text, style="yellow", highlight=False, soft_wrap=True)

    def stopped(self) -> None:
        self._live.stop()


class JsonProgress:
    """One JSON object per line: run, then each trial (its row); cli/run adds the summary."""

    def __init__(self, out: IO[str]) -> None:
        self._out = out
        self._pace = Pace()

    def started(self, store: Store, plan: Plan, finished: int) -> None:
        self._pace.start(plan, finished)
        self._say({"event": "run", "path": str(store.path), "trials": self._pace.total,
                   "finished": finished, "eta_s": round(self._pace.eta_s(), 1)})  # fmt: skip

    def extended(self, added: Sequence[Planned], schedule: Schedule) -> None:
        self._pace.extend(schedule)

    def said(self, note: Note) -> None:
        self._say({"event": "note", "code": note.code, "message": note.message})

    def trial_begins(self, planned: Planned) -> None:
        self._pace.begin()

    def trial_ended(self, planned: Planned, record: Record) -> None:
        self._pace.step(planned)
        self._say({"event": "trial", "row": record.row, "finished": self._pace.finished,
                   "eta_s": round(self._pace.eta_s(), 1)})  # fmt: skip

    def stopped(self) -> None:
        return

    def _say(self, event: dict[str, Any]) -> None:
        print(json.dumps(event), file=self._out, flush=True)
