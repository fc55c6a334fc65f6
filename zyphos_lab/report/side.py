"""Two runs side by side, and one run in short, as plain data for the command line.

Two runs were not interleaved: their cells are not paired, no test is made, and the difference of
their hosts stands first.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from zyphos_lab import host as hosts
from zyphos_lab.metrics import lookup
from zyphos_lab.report.build import answer, shown_metrics, usable
from zyphos_lab.report.model import Answer, plain
from zyphos_lab.report.texts import host_table
from zyphos_lab.stats import Estimate, estimate

if TYPE_CHECKING:
    import pandas as pd

    from zyphos_lab.store import Store

NOT_PAIRED = "runs not interleaved: not paired"


@dataclass(frozen=True)
class SideBySide:
    """One metric of one cell in both runs; `ratio` is b / a, None where it does not exist."""

    cell: str
    metric: str
    unit: str
    a: Estimate
    b: Estimate
    ratio: float | None


@dataclass(frozen=True)
class RunComparison:
    """`host` holds what differs: name -> (in a, in b); `only_a`, `only_b`: cells of one run."""

    a: str
    b: str
    note: str
    host: dict[str, tuple[str, str]]
    rows: tuple[SideBySide, ...]
    only_a: tuple[str, ...]
    only_b: tuple[str, ...]

    def as_dict(self) -> dict[str, Any]:
        """Safe for JSON."""
        return dict(plain(asdict(self)))


def compare(store_a: Store, store_b: Store) -> RunComparison:
    """The cells that both runs have, on the metrics that either compares; no INVALID trials."""
    stores = (store_a, store_b)
    frames = [usable(store.trials()) for store in stores]
    cells = [list(dict.fromkeys(str(cell) for cell in frame["cell"])) for frame in frames]
    both = [cell for cell in cells[0] if cell in cells[1]]
    return RunComparison(
        a=str(store_a.path),
        b=str(store_b.path),
        note=NOT_PAIRED,
        host=_host_difference(store_a, store_b),
        rows=tuple(_rows(stores, frames, both)),
        only_a=tuple(cell for cell in cells[0] if cell not in both),
        only_b=tuple(cell for cell in cells[1] if cell not in both),
    )


def _rows(
    stores: Sequence[Store], frames: Sequence[pd.DataFrame], cells: Sequence[str]
) -> Iterator[SideBySide]:
    shown = [shown_metrics(store.manifest["experiment"]) for store in stores]
    for cell in cells:
        for name in dict.fromkeys([*shown[0], *shown[1]]):
            yield _side_by_side(frames, cell, name)


def _side_by_side(frames: Sequence[pd.DataFrame], cell: str, name: str) -> SideBySide:
    a, b = (estimate(frame, cell, name) for frame in frames)
    metric = lookup(name)
    return SideBySide(cell, name, metric.unit if metric else "", a, b, _ratio(a, b))


def show(store: Store) -> Answer:
    """What `zyphos-lab show` shows: the run's Answer."""
    return answer(store)


def _ratio(a: Estimate, b: Estimate) -> float | None:
    if not a.value or b.value is None or a.at_least or b.at_least:
        return None
    return b.value / a.value


def _host_difference(store_a: Store, store_b: Store) -> dict[str, tuple[str, str]]:
    sides = [
        host_table(
            {**hosts.shown(store.manifest.get("host")), "build": store.manifest.get("build")}
        )
        for store in (store_a, store_b)
    ]
    names = dict.fromkeys([*sides[0], *sides[1]])
    found = {name: (sides[0].get(name, "-"), sides[1].get(name, "-")) for name in names}
    return {name: ends for name, ends in found.items() if ends[0] != ends[1]}
