"""Pilot, two-step sample size, budget and the order of several contrasts: what rows decide."""

from __future__ import annotations

import base64
import math
import random
from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest

from spec_samples import ECHO
from store_factory import encode
from zyphos_lab import pilot, plan, spec
from zyphos_lab.errors import SpecError
from zyphos_lab.measure import Measure
from zyphos_lab.order import distances
from zyphos_lab.pilot import Pilot
from zyphos_lab.record import Row
from zyphos_lab.spec import Experiment
from zyphos_lab.stage import Planned
from zyphos_lab.stats import half_width, sample_size

SECOND_NS = 1_000_000_000


def loads(*sets: str) -> Experiment:
    return spec.loads(ECHO, sets=["design.aa.cells=0", *sets])


def rows_of(trials: Sequence[Planned], **values: Any) -> list[Row]:
    return [
        {
            "trial": one.trial,
            "stage": one.stage,
            "block": one.block,
            "cell": one.cell.id,
            "arm": one.arm,
            "verdict": "VALID",
            "duration_ns": SECOND_NS,
            "window_ns": one.repeat.window_ns if one.repeat else SECOND_NS,
            **{name: made(one) for name, made in values.items()},
        }
        for one in trials
    ]


# --- pilot ----------------------------------------------------------------------------------------


def test_the_pilot_starts_again_what_has_not_settled() -> None:
    experiment = loads("repeat.warmup=auto")
    stage = Pilot(experiment, 7)
    slow, never = experiment.cells[2].id, experiment.cells[5].id

    def settled(one: Planned) -> int | None:
        if one.cell.id == never or (one.cell.id == slow and not one.block):
            return None
        return 1_203_000_000 if one.cell.id == slow else 0

    rows: list[Row] = []
    sizes = []
    while (added := stage.next(rows)) is not None:
        sizes.append((len(added), {one.repeat.window_ns for one in added if one.repeat}))
        rows += rows_of(added, settled_after_ns=settled)
    assert sizes == [(8, {4 * SECOND_NS}), (2, {8 * SECOND_NS}), (1, {16 * SECOND_NS})]
    found = pilot.found(rows)
    assert (found.warmup_ns, found.slowest) == (1_210_000_000, slow)
    assert list(found.unsettled) == [never]
    told = {note.code: note.message for note in stage.tell(rows)}
    assert "1.21 s" in told["warmup"]
    assert never in told["not_settled"]
    trials = Measure(experiment, 7).next(rows)
    assert trials is not None
    assert {one.repeat.warmup_ns for one in trials if one.repeat} == {found.warmup_ns}
    against = {one.cell.id for one in trials if one.against}
    assert against == {never}
    assert trials[0].entry()["warmup_ns"] == found.warmup_ns


def slices(levels: Sequence[float], seed: int = 3) -> list[dict[str, Any]]:
    noise = np.random.default_rng(seed)
    return [
        {
            "requests_done": int(1000 + noise.normal(0, 10)),
            "latency_ns": base64.b64encode(
                encode(np.maximum(1, level * noise.lognormal(0, 0.05, 200)).astype(np.int64))
            ).decode(),
        }
        for level in levels
    ]


def test_the_warmup_ends_where_latency_has_settled() -> None:
    cold = slices([150_000.0] * 20 + [50_000.0] * 60)
    assert pilot.settled_after_ns(cold, 50_000_000) == 20 * 50_000_000
    assert pilot.settled_after_ns(slices([50_000.0] * 80), 50_000_000) == 0
    drifting = slices([50_000.0 * 1.03**at for at in range(80)])
    assert pilot.settled_after_ns(drifting, 50_000_000) is None


# --- two steps and a budget -----------------------------------------------------------------------


def noisy(sd: float, seed: int = 5) -> Any:
    noise = random.Random(seed)
    return lambda one: 50_000 * math.exp(noise.gauss(0, sd))


def run(experiment: Experiment, sd: float) -> tuple[Measure, list[Row], list[int]]:
    """All rows of the stage, and how many blocks each extension had."""
    stage = Measure(experiment, 3)
    value = noisy(sd)
    rows: list[Row] = []
    blocks = []
    while (added := stage.next(rows)) is not None:
        blocks.append(len({one.block for one in added}))
        rows += rows_of(added, latency_ns_p50=value)
    return stage, rows, blocks


def test_exactly_as_many_starts_as_the_first_eight_say() -> None:
    experiment = loads("repeat.until=ci(p50) < 3%")
    stage, rows, blocks = run(experiment, 0.04)
    first = [row for row in rows if row["block"] < 8]
    needed = []
    for contrast in experiment.contrasts:
        of = {(row["cell"], row["block"]): math.log(row["latency_ns_p50"]) for row in first}
        logs = [of[contrast.cell, b] - of[contrast.baseline_cell, b] for b in range(8)]
        needed.append(sample_size(logs, 0.03))
    assert blocks == [8, max(needed) - 8]
    assert blocks[1] > 0
    assert {row["block"] for row in rows} == set(range(max(needed)))
    codes = {note.code: note.message for note in stage.tell(rows)}
    assert f"{max(needed)} starts follow from the first 8" in codes["until"]
    assert "budget" not in codes


def test_little_noise_needs_no_more_than_the_first_step() -> None:
    stage, rows, blocks = run(loads("repeat.until=ci(p50) < 3%"), 0.001)
    assert blocks == [8]
    assert [note.code for note in stage.tell(rows)] == ["until"]


def test_without_contrasts_of_the_metric_every_cell_counts() -> None:
    experiment = loads("repeat.until=ci(rate) < 20%")
    stage = Measure(experiment, 3)
    rows = rows_of(stage.next([]) or (), requests_per_second=noisy(0.2))
    more = stage.next(rows)
    assert more is not None
    worst = 0
    for cell in experiment.cells:
        logs = [math.log(r["requests_per_second"]) for r in rows if r["cell"] == cell.id]
        worst = max(worst, sample_size(logs, 0.2))
    assert max(one.block for one in more) + 1 == worst


def test_a_budget_caps_and_says_so() -> None:
    """8 cells of 1 s each: 8 s a block. 100 s allow 12 blocks."""
    stage, rows, blocks = run(loads("repeat.until=ci(p50) < 1%", "repeat.budget=100s"), 0.1)
    assert blocks == [8, 4]
    told = {note.code: note.message for note in stage.tell(rows)}
    assert "the budget of 1.67 min allowed 12 of the" in told["budget"]
    assert "was NOT reached by 4 of 4 intervals" in told["until_not_reached"]


def test_a_budget_alone_limits_the_starts() -> None:
    experiment = loads("repeat.budget=1min")
    made = plan.make(experiment)
    blocks = len({one.block for one in made.trials})
    assert blocks == int(60 / (8 * 1.5))
    assert {"too_few_starts"} <= {note.code for note in made.notes}


def test_what_was_reached_is_what_the_interval_says() -> None:
    experiment = loads("repeat.until=ci(p50) < 3%")
    stage, rows, _ = run(experiment, 0.02)
    logs = {(row["cell"], row["block"]): math.log(row["latency_ns_p50"]) for row in rows}
    blocks = sorted({row["block"] for row in rows})
    widths = [
        half_width([logs[one.cell, block] - logs[one.baseline_cell, block] for block in blocks])
        for one in experiment.contrasts
    ]
    missed = sum(width is None or width > 0.03 for width in widths)
    told = [note.message for note in stage.tell(rows) if note.code == "until_not_reached"]
    assert len(told) == bool(missed)
    assert all(f"by {missed} of 4" in message for message in told)


@pytest.mark.parametrize(
    ("until", "why"),
    [
        ("p99 < 3ms", "ci"),
        ("ci(p99) < 3", "%"),
        ("ci(p99) > 3%", "how narrow"),
        ("ci(p99) < 3% or ci(p50) < 3%", "how narrow"),
        ("ci(p98) < 3%", "p98"),
        ("ci(p99) < 300%", "how narrow"),
    ],
)
def test_what_until_cannot_mean(until: str, why: str) -> None:
    with pytest.raises(SpecError) as caught:
        loads(f"repeat.until={until}")
    assert why in str(caught.value)
    assert "Traceback" not in str(caught.value)


# --- order ----------------------------------------------------------------------------------------

CROSSED = ECHO.replace(
    "compare:\n", "compare:\n  - {factor: ack, baseline: quick, metrics: [latency_ns_p99]}\n"
)


def test_several_factors_lead_in_turn_and_most_arms_are_neighbours() -> None:
    experiment = spec.loads(CROSSED, sets=["design.aa.cells=0", "repeat.starts=40"])
    trials = plan.make(experiment).trials
    near: dict[str, list[bool]] = {}
    before: dict[str, list[bool]] = {}
    for block in range(40):
        cells = [one.cell for one in trials if one.block == block]
        assert sorted(cell.id for cell in cells) == sorted(cell.id for cell in experiment.cells)
        at = {cell.id: index for index, cell in enumerate(cells)}
        steps = distances(experiment.contrasts, cells)
        for found, step in zip(experiment.contrasts, steps, strict=True):
            near.setdefault(found.factor, []).append(step == 1)
            before.setdefault(found.factor, []).append(at[found.cell] < at[found.baseline_cell])
    assert set(near) == {"ack", "nodelay"}
    for factor in near:
        # Each leads in half of the blocks, where all of its arms are neighbours.
        assert sum(near[factor]) / len(near[factor]) > 0.55
        # Either arm is first as often: neither has the warmer machine.
        assert 0.4 < sum(before[factor]) / len(before[factor]) < 0.6
