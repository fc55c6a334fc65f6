"""The doctor's report on a terminal, and as data."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from rich.console import Console
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from zyphos_lab.doctor.check import Check, State

STYLES: dict[State, str] = {"ok": "green", "missing": "red", "warn": "yellow", "info": "cyan"}
WIDE_COLUMNS = 120  # from here on the reason why stands in a column of its own


def as_data(checks: Sequence[Check]) -> list[dict[str, Any]]:
    """One mapping per check, for JSON."""
    rows = [asdict(check) for check in checks]
    return [{name: row[name] for name in row if name != "writes"} for row in rows]


def render(checks: Sequence[Check], console: Console) -> None:
    """A table of all checks, what settings were measured to cost, the commands that mend what is
    not ok, and one line of sums.
    """
    console.print(_table(checks, console.width >= WIDE_COLUMNS))
    _render_costs(checks, console)
    faults = [check for check in checks if check.fix and check.state != "info"]
    _render_fixes("To mend:", faults, console)
    ways = [check for check in checks if check.fix and check.state == "info"]
    _render_fixes("To try, no fault as it is:", ways, console)
    counts = Counter(check.state for check in checks)
    sums = ", ".join(f"{counts[state]} {state}" for state in STYLES if counts[state])
    console.print(Text(f"\n{sums}"))


def _table(checks: Sequence[Check], wide: bool) -> Table:
    table = Table(box=None, padding=(0, 2, 0, 0), pad_edge=False, header_style="bold")
    table.add_column("", no_wrap=True)
    table.add_column("what", no_wrap=True)
    table.add_column("found", overflow="fold", ratio=1)
    if wide:
        table.add_column("matters for", overflow="fold", ratio=1)
    for check in checks:
        style = STYLES[check.state]
        row = [Text(check.state, style), Text(check.subject), Text(check.value)]
        if wide:
            row.append(Text(check.why, "dim"))
        elif check.state in ("missing", "warn"):
            row[2].append(f"\n{check.why}", "dim")
        table.add_row(*row)
    return table


def _render_costs(checks: Sequence[Check], console: Console) -> None:
    """One line for each measurement, then what was not measured: commands, and reasons once."""
    told = [check for check in checks if check.measured or check.not_measured]
    if not told:
        return
    console.print(Text("\nWhat settings were measured to cost:", "bold"))
    for check in told:
        for one in check.measured:
            console.print(_line(f"{check.subject}: measured: {one.text}"))
    reasons: dict[str, list[str]] = {}
    for check in told:
        if check.not_measured:
            reasons.setdefault(check.not_measured, []).append(check.subject)
    for reason, subjects in reasons.items():
        console.print(_line(f"{', '.join(subjects)}: not measured: {reason}", "dim"))


def _line(text: str, style: str = "") -> Padding:
    """Indented, also where it goes on in another line."""
    return Padding(Text(text, style), (0, 0, 0, 2), expand=False)


def _render_fixes(title: str, checks: Sequence[Check], console: Console) -> None:
    if not checks:
        return
    console.print(Text(f"\n{title}", "bold"))
    for check in checks:
        console.print(Text(f"  {check.subject}", "dim"))
        # Never wrapped: a command has to survive being copied.
        console.print(Text(f"    {check.fix}"), soft_wrap=True)
