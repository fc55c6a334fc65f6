"""One run in short, for the command line."""

from __future__ import annotations

from typing import TYPE_CHECKING

from zyphos_lab.report.build import answer
from zyphos_lab.report.model import Answer

if TYPE_CHECKING:
    from zyphos_lab.store import Store


def show(store: Store) -> Answer:
    """What `zyphos-lab show` shows: the run's Answer."""
    return answer(store)
