"""One side of a comparison: the trials of a run, or the values of a saved baseline, and its facts.

Knows what a cell was asked to do (its load, factors applied), and what of it forbids a comparison.
Does not know statistics.
"""

from __future__ import annotations

import copy
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from zyphos_lab import host
from zyphos_lab.compare.model import Difference, Side
from zyphos_lab.stats import factor_columns, label

if TYPE_CHECKING:
    import pandas as pd

    from zyphos_lab.store import Store

RATE_TOLERANCE = 0.02
# What says what a run was about, and not what was done.
WORDS = ("name", "question", "answers", "expect", "compare", "profiles", "evidence", "schema")
SUBJECTS = ("machine", "network", "build", "experiment")
LINK = "link"  # key of an experiment: what it says of the two networks is no accident
Facts = Mapping[str, Any]


@dataclass(frozen=True)
class Source:
    """`frame`: one row per trial; `manifest`: experiment, host, build, seed of the run.

    `networks`: of each cell whose client or server has a network namespace of its own, both sides'
    settings (environment.networks).
    """

    side: Side
    frame: pd.DataFrame
    manifest: Facts
    networks: Facts = field(default_factory=dict)

    @property
    def experiment(self) -> Facts:
        return dict(self.manifest["experiment"])

    def asked(self) -> dict[str, Any]:
        """What the experiment did, without its words and conclusions."""
        return {key: value for key, value in self.experiment.items() if key not in WORDS}

    @property
    def seed(self) -> int:
        return int(self.manifest.get("seed") or 0)

    def cells(self) -> dict[str, dict[str, str]]:
        """Every cell that ran, with its factors' labels, in the order of the file."""
        names = factor_columns(self.frame)
        rows = self.frame.drop_duplicates("cell").to_dict("records")
        found = {str(r["cell"]): {n: label(r[f"factor_{n}"]) for n in names} for r in rows}
        return dict(sorted(found.items(), key=lambda item: self._place(item[1])))

    def _place(self, labels: Mapping[str, str]) -> list[int]:
        place = []
        for name, value in labels.items():
            declared = (self.experiment.get("factors") or {}).get(name, {}).get("values", ())
            known = [label(one) for one in declared]
            place.append(known.index(value) if value in known else len(known))
        return place


def of_store(store: Store, include_invalid: bool = False) -> Source:
    """A run. With `include_invalid` its INVALID trials count like others."""
    from zyphos_lab.report import confounded, networks, trust
    from zyphos_lab.report.build import usable
    from zyphos_lab.report.damage import with_damage

    manifest = store.manifest
    frame = usable(store.trials())
    verdict, reasons, _ = trust.judge(frame, manifest, [], [])
    verdict, reasons = with_damage(store, verdict, reasons)
    apart = networks.of_cells(confounded.environments(frame, store.environments()))
    if include_invalid:
        frame = with_invalid(frame)
    side = Side(
        kind="run",
        name=store.run,
        path=str(store.path),
        experiment=store.experiment,
        created=str(manifest.get("created", "")),
        verdict=verdict,
        reasons=tuple(reasons),
        evidence=bool(manifest.get("evidence", manifest["experiment"].get("evidence", True))),
    )
    return Source(side, frame, manifest, apart)


def with_invalid(frame: pd.DataFrame) -> pd.DataFrame:
    """The frame with what is INVALID counted like the rest."""
    counted = frame.copy()
    counted.loc[counted["verdict"] == "INVALID", "verdict"] = "DEGRADED"
    return counted


def find(results: Path, name: str, include_invalid: bool = False) -> Source:
    """What someone named on the command line: a baseline's file (`.json`), or a run."""
    from zyphos_lab import runs
    from zyphos_lab.compare import baseline
    from zyphos_lab.store import Store

    if name.endswith(".json"):
        return baseline.read(Path(name), include_invalid)
    return of_store(Store.open(runs.find(results, name)), include_invalid)


def load_of(experiment: Facts, labels: Mapping[str, str]) -> dict[str, Any]:
    """The load of one cell: that of the file with the cell's factors set."""
    tree = {"load": copy.deepcopy(experiment.get("load") or {})}
    for name, wanted in labels.items():
        factor = (experiment.get("factors") or {}).get(name, {})
        for path in _paths(factor.get("set", ())):
            if path.split(".")[0] == "load":
                _set(tree, path.split("."), _value(factor.get("values", ()), wanted))
    return dict(tree["load"])


def _paths(given: Any) -> Iterable[str]:
    return [given] if isinstance(given, str) else list(given)


def _value(values: Any, wanted: str) -> Any:
    """The declared value with this label."""
    if isinstance(values, Mapping):
        return values.get(wanted)
    return next((value for value in values if label(value) == wanted), None)


def _set(tree: dict[str, Any], path: list[str], value: Any) -> None:
    for key in path[:-1]:
        tree = tree.setdefault(key, {})
    tree[path[-1]] = value


def law_of(load: Facts) -> str:
    return str((load.get("arrival") or {}).get("law", "closed"))


def incomparable(a: Source, b: Source, cell_a: str, cell_b: str) -> str:
    """Why two cells must not be compared, as words; '' when they may be."""
    loads = [load_of(s.experiment, s.cells()[c]) for s, c in ((a, cell_a), (b, cell_b))]
    first, second = map(law_of, loads)
    if first != second:
        return f"different arrival laws are never compared: {first} against {second}"
    if a is b:  # within a run rate and generator may be what is varied
        return ""
    first, second = map(_generator, loads)
    if first != second:
        return f"different load generators: {first} against {second}"
    return _other_rate(_rate(a.frame, cell_a), _rate(b.frame, cell_b))


def _other_rate(first: float | None, second: float | None) -> str:
    """Whether the loads were asked for different rates, as words."""
    if not first or not second or abs(first / second - 1) <= RATE_TOLERANCE:
        return ""
    return f"different offered loads: {first:g}/s against {second:g}/s"


def _generator(load: Facts) -> str:
    given = load.get("generator") or "zyphos"
    return str(given.get("tool")) if isinstance(given, Mapping) else str(given)


def _rate(frame: pd.DataFrame, cell: str) -> float | None:
    """The rate that the cell's load was asked for; None where it has none."""
    if "rate_asked_per_second" not in frame:
        return None
    rates = frame.loc[frame["cell"] == cell, "rate_asked_per_second"].dropna()
    return float(rates.median()) if len(rates) else None


def differences(a: Source, b: Source) -> list[Difference]:
    """What differs in machine, networks, build and experiment of two runs, in this order."""
    found = [
        Difference("build" if _of_build(name) else "machine", name, *ends)
        for name, ends in host.difference(a.manifest.get("host"), b.manifest.get("host")).items()
    ]
    found += _packages(a, b)
    found += [Difference("network", name, *ends) for name, ends in _networks(a, b).items()]
    builds = [{"build": source.manifest.get("build")} for source in (a, b)]
    known = {one.name for one in found}
    for name, ends in host.diff(*builds).items():
        found += [Difference("build", name, *ends)] if name not in known else []
    files = [source.asked() for source in (a, b)]
    found += [Difference("experiment", name, *ends) for name, ends in host.diff(*files).items()]
    return sorted(found, key=lambda one: SUBJECTS.index(one.subject))


def _packages(a: Source, b: Source) -> list[Difference]:
    """Other versions of what both have measured; runs of before that was recorded say nothing."""
    one, other = (source.manifest.get("packages") or {} for source in (a, b))
    return [
        Difference("machine", f"packages.{name}", one[name], other[name])
        for name in sorted(one.keys() & other)
        if one[name] != other[name]
    ]


def _networks(a: Source, b: Source) -> dict[str, tuple[Any, Any]]:
    """Where the networks of a cell that both have differ; `client.sysctls.<name>`, once each."""
    found: dict[str, tuple[Any, Any]] = {}
    for cell in a.networks.keys() & b.networks.keys():
        found |= host.diff(a.networks[cell], b.networks[cell])
    return dict(sorted(found.items()))


def unasked(found: Iterable[Difference]) -> list[str]:
    """The names of what differs in machine and networks though neither experiment asked for it."""
    every = list(found)
    links = any(one.subject == "experiment" and one.name.split(".")[0] == LINK for one in every)
    subjects = ("machine",) if links else ("machine", "network")
    return [one.name for one in every if one.subject in subjects]


def _of_build(name: str) -> bool:
    """Whether a fact of a host is about the lab's own build, and not about the machine."""
    return bool({"build", "git"} & set(name.split(".")[:2]))
