"""Sealing a complete run: its journal under gzip, for the runs that are kept for good.

Histograms are nine tenths of a journal and do not compress; where a run is kept for its rows alone
they are left out.

A run stays plain while it runs and after, so that a damaged byte costs one line; a sealed one loses
what stands behind the damage. Hence only copies that stand elsewhere too (in git) are sealed. This
file does not know git; `.ci/keep.py` does.
"""

from __future__ import annotations

from pathlib import Path

from zyphos_lab import journal, tables
from zyphos_lab.errors import StoreError
from zyphos_lab.files import replaced
from zyphos_lab.store import Store, damage_text, read_manifest

LEFT_OUT_CODE = "histograms_left_out"
LEFT_OUT = (
    "the histograms were left out when the run was kept: percentiles are those that each trial "
    "told, and there are no curves and no timeline"
)


def seal(run: Path, histograms: bool = True) -> Path:
    """Seals the run in folder `run`; the sealed journal. A sealed run stays as it is, unless it has
    histograms that are to go.

    `histograms`: False leaves them out for good, and a note in the journal says so: what the trials
    say of themselves (rows, with their percentiles) and what probes saw over time stays.

    The plain journal goes when the sealed one is on disk and inflates to the same bytes. StoreError
    where the run is not complete, is being written to, or its journal is damaged. Memory: the whole
    journal.
    """
    status = read_manifest(run)["status"]
    if status != "complete":
        raise StoreError(f"{run}: only a complete run is sealed, and this one is {status}")
    file = journal.file_of(run)
    if journal.is_sealed(file):
        found = Store.open(run)
        _sound(found)
        if histograms or LEFT_OUT_CODE in {event.get("code") for event in found.events()}:
            return file
        file = _plain(file)
    with Store.open(run, write=True) as store:
        _sound(store)
        if not histograms:
            store.note(LEFT_OUT_CODE, LEFT_OUT)
        elif tables.fault(run, tables.TRIALS):
            store.derive()
        sealed = _replace(file, histograms)
    if not histograms:
        Store.open(run).derive()
    return sealed


def _sound(store: Store) -> None:
    for damage in store.damaged:
        raise StoreError(f"{store.path}: {damage_text(damage)}", "a damaged run is not kept")


def _plain(sealed: Path) -> Path:
    """The sealed journal's text beside it, where a plain one counts until it is sealed again."""
    plain = sealed.with_suffix("")
    with replaced(plain) as temporary:
        temporary.write_bytes(journal.inflated(sealed.read_bytes())[0])
    return plain


def _replace(plain: Path, histograms: bool) -> Path:
    text = plain.read_bytes()
    if not histograms:
        text = journal.without_histograms(text)
    sealed = plain.with_name(plain.name + journal.SEALED)
    with replaced(sealed) as temporary:
        temporary.write_bytes(journal.sealed_bytes(text))
        if journal.inflated(temporary.read_bytes()) != (text, ""):
            raise StoreError(f"{sealed}: does not inflate to what was sealed")
    plain.unlink()
    return sealed
