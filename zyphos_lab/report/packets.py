"""The packets of captured trials in a report: a ladder per cell, bytes on the wire by layer.

Drawn from the pcapng files each time, and so no part of the Answer: `report --verify` has nothing
stored to hold them against.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from zyphos_lab.errors import StoreError, UsageError
from zyphos_lab.packets import bars, show, svg
from zyphos_lab.packets.layers import LAYERS
from zyphos_lab.report.figures import Picture
from zyphos_lab.units import format_duration

if TYPE_CHECKING:
    from zyphos_lab.store import Store

LADDERS_MAX = 16
ROWS = 30


def ladders(store: Store) -> list[Picture]:
    """The first captured trial of each cell, its most telling connection."""
    found: dict[str, Picture] = {}
    rows = {int(row["trial"]): row for row in store.rows()}
    for trial in show.trials(store):
        cell = str(rows.get(trial, {}).get("cell", ""))
        if cell and cell not in found and len(found) < LADDERS_MAX:
            picture = _ladder(store, trial)
            if picture is not None:
                found[cell] = picture
    return list(found.values())


def _ladder(store: Store, trial: int) -> Picture | None:
    try:
        one = show.captured(store, trial)
        drawn = show.drawn(one, rows=ROWS)
    except (UsageError, StoreError):  # an empty or damaged capture: `show --packets` says why
        return None
    causes = [row.pause for row in drawn.rows if row.pause is not None and row.pause.kind]
    longest = max(causes, key=lambda pause: pause.length_ns, default=None)
    told = f": {format_duration(longest.length_ns)}, {longest.cause}" if longest else ""
    return Picture(f"{one.row['cell']}, trial {trial}{told}", svg.svg(drawn))


def layer_bars(store: Store) -> list[Picture]:
    """Bytes per request by layer of every cell for which they are known."""
    found: dict[str, dict[str, float]] = {}
    for row in store.rows():
        sizes = _per_request(row)
        if sizes is not None:
            found.setdefault(str(row["cell"]), sizes)
    if not found:
        return []
    what = "Bytes on the wire per request, by layer (first captured trial of a cell)"
    return [Picture("", bars.bars(list(found.items()), what))]


def _per_request(row: Mapping[str, Any]) -> dict[str, float] | None:
    values = {name: row.get(f"wire_{name}_bytes_per_request") for name in LAYERS}
    known = {name: float(value) for name, value in values.items() if value is not None}
    return _with_tls(row, known) if len(known) == len(LAYERS) else None


def _with_tls(row: Mapping[str, Any], known: dict[str, float]) -> dict[str, float]:
    """What TLS takes of the payload, where it speaks TLS, told apart from what is left."""
    names = ("handshake", "record_header", "overhead", "alert")
    found = [row.get(f"wire_tls_{name}_bytes_per_request") for name in names]
    sizes = [float(value) for value in found if value is not None]
    if len(sizes) < len(names):
        return known
    own = {"tls_handshake": sizes[0], "tls_records": sum(sizes[1:])}
    return {**known, **own, "payload": max(0.0, known["payload"] - sum(sizes))}
