"""What a damaged journal means for the verdict of its run."""

from __future__ import annotations

from typing import TYPE_CHECKING

from zyphos_lab.record import DEGRADED, VALID
from zyphos_lab.report.model import Remark
from zyphos_lab.store import damage_text

if TYPE_CHECKING:
    from zyphos_lab.store import Store


def with_damage(store: Store, verdict: str, reasons: list[Remark]) -> tuple[str, list[Remark]]:
    """The verdict and its reasons with a reason for each damaged line: at best DEGRADED."""
    found = [
        Remark("journal_damaged", damage_text(damage), severity=DEGRADED)
        for damage in store.damaged
    ]
    worse = DEGRADED if found and verdict == VALID else verdict
    return worse, [*reasons, *found]
