"""`zyphos-lab doctor`: what this machine can do, what spoils results on it, how to mend it.

checks()                    every Check, abilities first, settings with what runs measured them to
                            cost; some 0.2 s, changes nothing on the machine
render(checks, console)     as a table, for any width from 60 columns on
as_data(checks)             for --json
mend.fix(checks, journal)   sets what they advise, mend.undo(journal) puts it back
"""

from __future__ import annotations

from zyphos_lab import host
from zyphos_lab.doctor import abilities, measured, mend, settings
from zyphos_lab.doctor.check import Check, State
from zyphos_lab.doctor.render import as_data, render

__all__ = ["Check", "State", "as_data", "checks", "mend", "render"]


def checks() -> list[Check]:
    """All checks. Each ability is tried for real; nothing that is tried outlives the call."""
    costs = measured.with_costs(settings.checks(), measured.folders(), host.fingerprint())
    return [*abilities.checks(), *costs]
