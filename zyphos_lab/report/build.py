"""Makes the Answer of a run: the one source of terminal, page, notebook and answer.json.

Reads the store and nothing else; the same store gives the same Answer. Cost: under a second for
150 trials.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from zyphos_lab import host as hosts
from zyphos_lab.files import write_atomically
from zyphos_lab.metrics import lookup
from zyphos_lab.report import aa as aa_checks
from zyphos_lab.report import (
    capacity,
    confounded,
    counters,
    lines,
    networks,
    observed,
    stall,
    texts,
    trust,
)
from zyphos_lab.report.advise import advise
from zyphos_lab.report.damage import left_out, with_damage
from zyphos_lab.report.expectations import check, told_alone
from zyphos_lab.report.model import (
    Answer,
    CapacityResult,
    Column,
    Delta,
    ExpectationResult,
    Row,
    Stalled,
)
from zyphos_lab.report.sentence import against, findings, sentence
from zyphos_lab.stage import SEARCH
from zyphos_lab.stats import (
    Comparison,
    Contrast,
    compare,
    compare_self,
    differs,
    estimate,
    explain_all,
    explained,
    factor_columns,
    label,
)
from zyphos_lab.units import parse_fraction

if TYPE_CHECKING:
    import pandas as pd

    from zyphos_lab.store import Store

DEFAULT_METRICS = ("latency_ns_p50", "latency_ns_p99", "requests_per_second")
PRIMARY = "primary"
FLOOR_MIN = 0.01
ANSWER_FILE = "answer.json"


def answer(store: Store) -> Answer:
    """Everything that can be said of the run, finished or not. Never raises on odd values."""
    manifest = {**store.manifest, "plan": store.planned()}
    experiment, frame = manifest["experiment"], usable(store.trials())
    around = confounded.environments(frame, store.environments())
    comparisons = confounded.mark(_comparisons(frame, manifest), around, experiment)
    aa = confounded.mark(_aa(frame, experiment), around, experiment)
    changed = confounded.remarks([*comparisons, *aa], around)
    verdict, reasons, remarks = trust.judge(frame, manifest, comparisons, aa, changed)
    verdict, reasons = with_damage(store, verdict, reasons)
    deltas = _deltas(store, frame, comparisons)
    evidence, profile = _standing(manifest)
    capacities = capacity.capacities(experiment, store.rows(SEARCH))
    rows = tuple(_rows(frame, experiment, deltas))
    stalls = stall.stalls(frame, [row.cell for row in rows])
    fitted, expected = lines.results(experiment, frame), _expectations(frame, manifest, aa)
    alone = lines.sentence(fitted) or _alone(aa, experiment, expected)
    told = _told(deltas, experiment, capacities, stalls, alone)
    made = Answer(
        experiment=str(experiment["name"]),
        question=str(experiment.get("question", "")),
        answers=tuple(str(a) for a in experiment.get("answers", ())),
        run=store.path.resolve().name,
        path=str(store.path),
        profile=profile,
        evidence=evidence,
        status=str(manifest.get("status", "")),
        sentence=texts.warned(told, verdict, evidence, profile),
        findings=tuple(f"{finding.text()}." for finding in findings(deltas)),
        scope=texts.scope(manifest, frame),
        verdict=verdict,
        reasons=tuple(reasons),
        remarks=(*remarks, *left_out(store)),
        skipped=trust.skipped(frame),
        columns=tuple(map(_column, shown_metrics(experiment))),
        factors=tuple(factor_columns(frame)),
        rows=rows,
        expectations=expected,
        aa=tuple(aa),
        method=tuple(texts.method(manifest, frame, comparisons)),
        threats=tuple(texts.threats(manifest, frame, comparisons, aa)),
        host=texts.host_table(hosts.shown(manifest.get("host"))),
        command=texts.command(manifest),
        trials_planned=len(manifest.get("plan", ())),
        trials_done=len(frame),
        capacities=capacities,
        stalls=stalls,
        lines=fitted,
    )
    return observed.with_observer(networks.with_sides(made, around), experiment, store.rows())


def _comparisons(frame: pd.DataFrame, manifest: Mapping[str, Any]) -> list[Comparison]:
    seed = int(manifest.get("seed") or 0)
    return compare(frame, contrasts_of(manifest["experiment"]), seed=seed)


def write_answer(store: Store, made: Answer) -> Path:
    """answer.json in the run's folder: every number that is shown, with its unit beside it."""
    path = store.path / ANSWER_FILE
    write_atomically(path, json.dumps(made.as_dict(), indent=1, allow_nan=False) + "\n")
    return path


def contrasts_of(experiment: Mapping[str, Any]) -> list[Contrast]:
    """The experiment's `compare` as the statistics want it."""
    return [
        Contrast(
            factor=str(entry["factor"]),
            baseline=label(entry["baseline"]),
            metrics=tuple(str(name) for name in entry["metrics"]),
            family=str(entry.get("family", PRIMARY)),
            floor=parse_fraction(str(entry.get("floor", "1%"))),
            where=tuple((str(k), label(v)) for k, v in (entry.get("where") or {}).items()),
        )
        for entry in experiment.get("compare", ())
    ]


def shown_metrics(experiment: Mapping[str, Any]) -> list[str]:
    """The metrics that are compared, in order; a default set where nothing is."""
    names = [str(name) for entry in experiment.get("compare", ()) for name in entry["metrics"]]
    names += [] if names else aa_checks.settings(experiment).get("metrics") or []
    return list(dict.fromkeys(names)) or list(DEFAULT_METRICS)


def usable(frame: pd.DataFrame) -> pd.DataFrame:
    """The frame with the columns that all of this relies on, also when no trial was finished."""
    for name in ("trial", "block", "cell", "target", "verdict"):
        if name not in frame.columns:
            frame[name] = "" if name == "target" else None
    return frame


def _standing(manifest: Mapping[str, Any]) -> tuple[bool, str]:
    """Whether the run is evidence, and the name of its profile."""
    evidence = bool(manifest.get("evidence", manifest["experiment"].get("evidence", True)))
    return evidence, str(manifest.get("profile") or "default")


def _expectations(
    frame: pd.DataFrame, manifest: Mapping[str, Any], aa: Sequence[Comparison]
) -> tuple[ExpectationResult, ...]:
    """Those of the file, then what is expected of A/A."""
    experiment, seed = manifest["experiment"], int(manifest.get("seed") or 0)
    declared = [check(frame, entry, seed) for entry in experiment.get("expect", ())]
    return (*declared, *aa_checks.expectation(aa, experiment))


def _alone(
    aa: Sequence[Comparison],
    experiment: Mapping[str, Any],
    expected: Sequence[ExpectationResult],
) -> str:
    """The answer of an experiment that compares cells with themselves only: what it expects, but
    where A/A is what it asks about (it says how many alarms there may be), or nothing else.
    """
    if experiment.get("expect") and aa_checks.settings(experiment).get("alarms") is None:
        return told_alone(expected)
    return aa_checks.sentence(aa, experiment) if aa else ""


def _told(
    deltas: Sequence[Delta],
    experiment: Mapping[str, Any],
    capacities: Sequence[CapacityResult],
    stalls: Sequence[Stalled],
    alone: str,
) -> str:
    """The answer in words: of stops, where there are any; of capacities before all else; `alone`
    where there is nothing else.
    """
    if alone and not (deltas or stalls or capacities):
        return alone
    told = stall.sentence(stalls) or _sentence(deltas, _first_family(experiment))
    return f"{capacity.sentence(capacities)} {told}" if capacities else told


def _sentence(deltas: Sequence[Delta], family: str) -> str:
    """Of the primary family; several arms of one factor all against their baseline."""
    primary = [delta for delta in deltas if delta.comparison.family == family]
    changes = {(d.comparison.factor, d.comparison.baseline) for d in primary}
    arms = {d.comparison.value for d in primary}
    if len(changes) == 1 and len(arms) > 1:
        return against(primary)
    return sentence(findings(deltas), findings(primary))


def _first_family(experiment: Mapping[str, Any]) -> str:
    families = [str(e.get("family", PRIMARY)) for e in experiment.get("compare", ())]
    return PRIMARY if PRIMARY in families or not families else families[0]


def _aa(frame: pd.DataFrame, experiment: Mapping[str, Any]) -> list[Comparison]:
    """B against A in every cell that has both, on metrics and floor of `design.aa`, or else of the
    first `compare`.
    """
    first, asked = contrasts_of(experiment)[:1], aa_checks.settings(experiment)
    metrics = asked.get("metrics") or [name for one in first for name in one.metrics]
    if not metrics or "arm" not in frame.columns:
        return []
    floor = next((one.floor for one in first), FLOOR_MIN)
    if asked.get("floor") is not None:
        floor = parse_fraction(str(asked["floor"]))
    cells = list(dict.fromkeys(str(cell) for cell in frame.loc[frame["arm"] == "B", "cell"]))
    return compare_self(frame, cells, [str(name) for name in metrics], floor)


def _column(name: str) -> Column:
    metric = lookup(name)
    if metric is None:
        return Column(name, "", "", "")
    return Column(name, metric.unit, metric.better, metric.text)


def _deltas(store: Store, frame: pd.DataFrame, comparisons: Sequence[Comparison]) -> list[Delta]:
    carriers = explain_all(frame, comparisons)
    advices = advise(store, frame, comparisons)
    return [
        Delta(
            comparison=c,
            unit=_column(c.metric).unit,
            baseline_value=estimate(frame, c.baseline_cell, c.metric).value,
            value=estimate(frame, c.cell, c.metric).value,
            carries=counters.kept(moved),
            explained=explained(moved) if differs(c) else None,
            advice=found,
        )
        for c, moved, found in zip(comparisons, carriers, advices, strict=True)
    ]


def _rows(frame: pd.DataFrame, experiment: Mapping[str, Any], deltas: Sequence[Delta]) -> list[Row]:
    metrics = shown_metrics(experiment)
    names = factor_columns(frame)
    rows = []
    for cell, part in frame.groupby("cell", sort=False):
        first = part.iloc[0]
        rows.append(
            Row(
                cell=str(cell),
                target=str(first["target"]),
                factors={name: label(first[f"factor_{name}"]) for name in names},
                trials=len(part),
                invalid=int((part["verdict"] == trust.INVALID).sum()),
                estimates={name: estimate(frame, str(cell), name) for name in metrics},
                deltas=tuple(d for d in deltas if d.comparison.cell == cell),
            )
        )
    return sorted(rows, key=lambda row: _order(row, experiment))


def _order(row: Row, experiment: Mapping[str, Any]) -> tuple[int, ...]:
    """The position of each factor's value in the file, the last factor varying slowest."""
    found = []
    for name, value in row.factors.items():
        factor = (experiment.get("factors") or {}).get(name, {})
        labels = [label(declared) for declared in factor.get("values", ())]
        found.append(labels.index(value) if value in labels else len(labels))
    return tuple(reversed(found))
