"""Derived tables that can be relied on: found whole, or made again from the journal."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from zyphos_lab import journal, tables
from zyphos_lab.errors import StoreError
from zyphos_lab.store import JOURNAL, Store, damage_text, is_locked


def sound_table(run: Path, name: str, spare: Path, say: Callable[[str], None]) -> Path | None:
    """A whole, up-to-date Parquet file of the run. None: it has no trial yet.

    Written in the run's folder; below `spare` where somebody writes to the run now, where it cannot
    be written, or where the journal is damaged and the other table may hold more than it does.
    StoreError where neither table nor journal is there.
    """
    final = tables.file_of(run, name)
    file = journal.file_of(run)
    why = tables.fault(run, name)
    if not why:
        return final
    if not file.exists():
        raise StoreError(f"{run}: {final.name} is {why}, and there is no {JOURNAL} to make it from")
    store = Store.open(run)
    if not store.rows():
        return None
    if is_locked(run):
        return _beside(store, name, spare)
    say(f"{final}: {why}; made again from {file.name}{_short_of(store)}")
    if store.damaged:
        return _beside(store, name, spare)
    try:
        store.derive()
    except StoreError:
        return _beside(store, name, spare)
    return final


def _short_of(store: Store) -> str:
    return ", ".join(["", *(f"but {damage_text(damage)}" for damage in store.damaged[:1])])


def _beside(store: Store, name: str, spare: Path) -> Path:
    """The tables in a folder of their own, with the names that a run's folder has."""
    place = spare / store.path.parent.name / store.path.name
    place.mkdir(parents=True, exist_ok=True)
    store.derive(place)
    return tables.file_of(place, name)
