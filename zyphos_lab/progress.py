"""How a run tells what it does: a live line on a terminal, plain lines elsewhere, or ndjson.

All of them write between trials only: a redraw within a measured window would take CPU time from
what is measured. Text goes to stderr, so that stdout stays for the answer; events go to stdout.
"""

from __future__ import annotations

import json
import sys
import time
from typing import IO, Any

from zyphos_lab.plan import Plan, Planned
from zyphos_lab.record import Record
from zyphos_lab.runner import Progress
from zyphos_lab.store import Store
from zyphos_lab.units import format_duration, format_rate

PLAIN_EVERY_S = 2.0


def make(as_json: bool) -> Progress:
    """The progress that suits where the output goes."""
    if as_json:
        return JsonProgress(sys.stdout)
    return LiveProgress() if sys.stderr.isatty() else PlainProgress(sys.stderr)


class Pace:
    """Where a run stands, and how long the rest will take."""

    def __init__(self) -> None:
        self.total = self.finished = 0
        self._begun = time.monotonic()
        self._done_now = 0
        self._planned_s = 0.0

    def start(self, plan: Plan, finished: int) -> None:
        self.total, self.finished = len(plan.trials), finished
        self._planned_s = plan.estimated_seconds / max(1, self.total)
        self._begun, self._done_now = time.monotonic(), 0

    def step(self) -> None:
        self.finished += 1
        self._done_now += 1

    def eta_s(self) -> float:
        """By the pace of this session once there is one, by the plan before."""
        spent_s = time.monotonic() - self._begun
        each_s = spent_s / self._done_now if self._done_now else self._planned_s
        return (self.total - self.finished) * each_s

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

    def trial_begins(self, planned: Planned) -> None:
        return

    def trial_ended(self, planned: Planned, record: Record) -> None:
        pace = self._pace
        pace.step()
        last = pace.finished == pace.total
        bad = record.row["verdict"] == "INVALID"
        if not last and not bad and time.monotonic() - self._written < PLAIN_EVERY_S:
            return
        self._written = time.monotonic()
        line = f"[{pace.finished}/{pace.total}] {planned.cell.id}: {figures(record)}"
        print(f"{line}; {pace.eta_text()}", file=self._out, flush=True)

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

    def trial_begins(self, planned: Planned) -> None:
        from rich.console import Group
        from rich.progress_bar import ProgressBar
        from rich.table import Table
        from rich.text import Text

        pace = self._pace
        grid = Table.grid(padding=(0, 2))
        bar = ProgressBar(total=max(1, pace.total), completed=pace.finished, width=30)
        grid.add_row(
            bar,
            Text(f"{pace.finished + 1}/{pace.total}"),
            Text(pace.eta_text(), style="cyan"),
            Text(planned.cell.id, style="bold", no_wrap=True, overflow="ellipsis"),
        )
        last = Text(self._last, style="dim", no_wrap=True, overflow="ellipsis")
        self._live.update(Group(grid, last) if self._last else grid, refresh=True)

    def trial_ended(self, planned: Planned, record: Record) -> None:
        self._pace.step()
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
        self._say({"event": "run", "path": str(store.path), "trials": len(plan.trials),
                   "finished": finished, "eta_s": round(self._pace.eta_s(), 1)})  # fmt: skip

    def trial_begins(self, planned: Planned) -> None:
        return

    def trial_ended(self, planned: Planned, record: Record) -> None:
        self._pace.step()
        self._say({"event": "trial", "row": record.row, "finished": self._pace.finished,
                   "eta_s": round(self._pace.eta_s(), 1)})  # fmt: skip

    def stopped(self) -> None:
        return

    def _say(self, event: dict[str, Any]) -> None:
        print(json.dumps(event), file=self._out, flush=True)
