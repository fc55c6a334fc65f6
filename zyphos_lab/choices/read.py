"""Reads choices: what experiment files mean to compare, and what their last runs found.

Runs that are no evidence, or INVALID, say nothing, as for the roadmap. What a file plans and a run
lacks is there without a comparison; what a run has and the file no longer plans is there too.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any

from zyphos_lab import runs as found_runs
from zyphos_lab.choices.model import Arm, Conditions, Regime, Subject
from zyphos_lab.errors import SpecError
from zyphos_lab.stats import Carrier, Comparison

Say = Callable[[str], None]
Place = tuple[Conditions, str, str]  # conditions, metric, baseline


@dataclass
class _Plan:
    """What is known of one experiment; `places` has each regime's values in order."""

    name: str
    question: str = ""
    file: str = ""
    run: str = ""
    date: str = ""
    verdict: str = ""
    places: dict[tuple[str, Place], dict[str, Arm]] = field(default_factory=dict)


def subjects(
    factors: Sequence[str], experiments: Path | None, runs: Sequence[Path], say: Say
) -> list[Subject]:
    """What is compared in any of `factors`: experiment by experiment, by name.

    Of each experiment the last of `runs` that counts; what cannot be read is said and left out.
    Without `experiments` nothing is missing: then only what runs have is known.
    Cost: reads every experiment file and every answer.json, no journal.
    """
    from zyphos_lab.query.views import that_count

    planned = _planned(factors, experiments, say) if experiments is not None else ()
    plans = {plan.name: plan for plan in planned}
    for run, manifest, answer in that_count(runs, say):
        _measured(plans, factors, run, manifest, answer)
    return [
        _subject(plan, factor)
        for name, plan in sorted(plans.items())
        for factor in dict.fromkeys(factor for factor, _ in plan.places)
    ]


def _planned(factors: Sequence[str], folder: Path, say: Say) -> Iterator[_Plan]:
    from ruamel.yaml import YAML
    from ruamel.yaml.error import YAMLError

    from zyphos_lab import spec

    for path in found_runs.experiments(folder):
        try:
            compared = YAML(typ="safe").load(path.read_text(encoding="utf-8")).get("compare") or ()
            if not any(entry.get("factor") in factors for entry in compared):
                continue
            yield _plan_of(spec.load(path), str(path), factors)
        except (OSError, ValueError, YAMLError, AttributeError, TypeError, SpecError):
            say(f"left out: {path} cannot be read (`zyphos-lab run {path} --plan` says why)")


def _plan_of(experiment: Any, file: str, factors: Sequence[str]) -> _Plan:
    plan = _Plan(experiment.name, experiment.question, file)
    labels = {cell.id: cell.labels for cell in experiment.cells}
    for contrast in experiment.contrasts:
        if contrast.factor not in factors:
            continue
        others = tuple((k, v) for k, v in labels[contrast.cell].items() if k != contrast.factor)
        for metric in contrast.metrics:
            arms = plan.places.setdefault(
                (contrast.factor, (others, metric, contrast.baseline)), {}
            )
            arms[contrast.value] = Arm(contrast.value, None)
    return plan


def _measured(
    plans: dict[str, _Plan],
    factors: Sequence[str],
    run: Path,
    manifest: dict[str, Any],
    answer: dict[str, Any],
) -> None:
    """Puts what the run found into its experiment's plan, in place of an earlier run's."""
    arms = [arm for arm in _arms(answer) if arm.comparison and arm.comparison.factor in factors]
    name = str(answer.get("experiment", manifest["experiment"]["name"]))
    if not arms and name not in plans:
        return
    plan = plans.setdefault(name, _Plan(name, str(answer.get("question", ""))))
    plan.run, plan.verdict = run.resolve().name, str(answer.get("verdict", ""))
    plan.date = str(manifest.get("created", ""))[:10]
    for values in plan.places.values():
        values.update({value: Arm(value, None) for value in values})
    for arm in arms:
        found = arm.comparison
        assert found is not None
        place = (found.conditions, found.metric, found.baseline)
        plan.places.setdefault((found.factor, place), {})[arm.value] = arm


def _arms(answer: dict[str, Any]) -> Iterator[Arm]:
    for row in answer.get("rows", ()):
        for delta in row.get("deltas", ()):
            told = _made(Comparison, delta["comparison"])
            carries = tuple(_made(Carrier, one) for one in delta.get("carries", ()))
            yield Arm(told.value, told, carries, delta.get("explained"))


def _made(kind: type[Any], told: dict[str, Any]) -> Any:
    """A dataclass from what answer.json has of it: lists are tuples again."""
    names = {one.name for one in fields(kind)}
    return kind(**{name: _tuples(value) for name, value in told.items() if name in names})


def _tuples(value: Any) -> Any:
    return tuple(_tuples(inner) for inner in value) if isinstance(value, list) else value


def _subject(plan: _Plan, factor: str) -> Subject:
    regimes = [
        Regime(conditions, metric, baseline, tuple(arms.values()))
        for (of, (conditions, metric, baseline)), arms in plan.places.items()
        if of == factor
    ]
    return Subject(
        experiment=plan.name,
        question=plan.question,
        file=plan.file,
        factor=factor,
        run=plan.run,
        date=plan.date,
        verdict=plan.verdict,
        regimes=tuple(regimes),
    )
