"""What a run's journal lacks: damage and its verdict, and what was left out when it was kept."""

from __future__ import annotations

from typing import TYPE_CHECKING

from zyphos_lab.record import DEGRADED, VALID
from zyphos_lab.report.model import Remark
from zyphos_lab.store import damage_text
from zyphos_lab.store_seal import LEFT_OUT_CODE

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


def left_out(store: Store) -> list[Remark]:
    """What the journal's notes say was left out on purpose (store_seal.py)."""
    notes = (event for event in store.events() if event["event"] == "note")
    return [Remark(one["code"], one["message"]) for one in notes if one["code"] == LEFT_OUT_CODE]
