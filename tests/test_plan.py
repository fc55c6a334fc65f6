"""The order of a run: every cell once a block, contrasts adjacent, A/A doubled, seeded."""

import json
from collections import Counter
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from spec_samples import ECHO, HTTP
from zyphos_lab import plan, plan_notes, spec

SEEDS = st.integers(0, 2**32)


@pytest.fixture(scope="module")
def echo():
    """Read once: every example plans the same experiment with another seed."""
    return spec.loads(ECHO)


def order(made: plan.Plan) -> list[tuple[int, str, str]]:
    return [(one.block, one.cell.id, one.arm) for one in made.trials]


def codes(made: plan.Plan) -> set[str]:
    return {note.code for note in made.notes}


@given(SEEDS)
def test_every_cell_runs_once_in_each_block_and_aa_cells_twice(echo, seed):
    made = plan.make(echo, seed)
    arms = {(cell.id, "") for cell in echo.cells if cell.id not in made.aa_cells}
    arms |= {(cell, arm) for cell in made.aa_cells for arm in "AB"}
    wanted = {(block, *arm) for block in range(8) for arm in arms}
    assert len(made.aa_cells) == 1
    assert Counter(order(made)) == Counter(wanted)
    assert [one.trial for one in made.trials] == list(range(8 * 9))
    assert [one.start for one in made.trials] == [one.block for one in made.trials]


@given(SEEDS)
def test_arms_of_a_contrast_stand_next_to_each_other(echo, seed):
    made = plan.make(echo, seed)
    for block in range(8):
        cells = [one.cell.id for one in made.trials if one.block == block]
        runs = [cell for cell, after in pairwise([*cells, ""]) if cell != after]
        assert len(runs) == 8, "arms A and B are adjacent"
        for contrast in echo.contrasts:
            assert abs(runs.index(contrast.cell) - runs.index(contrast.baseline_cell)) == 1


def test_order_and_arms_are_random_and_seeded():
    experiment = spec.loads(ECHO)
    made = plan.make(experiment)
    assert made == plan.make(experiment, 42)
    assert order(made) != order(plan.make(experiment, 43))
    contrast = experiment.contrasts[0]
    firsts, aa_firsts, leaders = set(), set(), set()
    for block in range(8):
        inside = [one for one in made.trials if one.block == block]
        pair = [
            one.cell.id for one in inside if one.cell.id in (contrast.cell, contrast.baseline_cell)
        ]
        firsts.add(pair[0])
        aa_firsts.add(next(one.arm for one in inside if one.arm))
        leaders.add(inside[0].cell.id)
    assert len(firsts) == 2
    assert aa_firsts == {"A", "B"}
    assert len(leaders) > 2


def test_arms_of_a_block_share_the_schedule_of_the_load():
    made = plan.make(spec.loads(ECHO))
    seeds = {(one.block, one.seed) for one in made.trials}
    assert len(seeds) == 8
    assert len({seed for _, seed in seeds}) == 8


def test_other_orders():
    blocks = plan.make(spec.loads(ECHO, sets=["design.order=blocks"]))
    assert len(blocks.trials) == 72
    experiment = spec.loads(ECHO, sets=["design.order=sequential", "design.aa.cells=0"])
    made = plan.make(experiment)
    ids = [cell.id for cell in experiment.cells]
    assert [one.cell.id for one in made.trials] == ids * 8
    assert "sequential" in codes(made)


def test_groups_of_more_than_two_arms():
    more = "  third: {engine: thread, protocol: http1}\nload:\n"
    experiment = spec.loads(HTTP.replace("load:\n", more, 1), sets=["design.aa.cells=9"])
    made = plan.make(experiment)
    assert made.aa_cells == ("target=ours", "target=theirs", "target=third")
    assert len(made.trials) == 8 * 6


def test_contrasts_hold_those_of_the_file_and_one_per_aa_cell():
    experiment = spec.loads(ECHO, sets=["design.aa.cells=2"])
    made = plan.make(experiment)
    assert made.contrasts[:4] == experiment.contrasts
    for contrast, cell in zip(made.contrasts[4:], made.aa_cells, strict=True):
        assert (contrast.family, contrast.value, contrast.baseline) == ("aa", "B", "A")
        assert contrast.cell == contrast.baseline_cell == cell
        assert contrast.metrics == ("latency_ns_p50",)
        assert contrast.floor == 0.02


def test_time_is_counted_with_the_overhead():
    made = plan.make(spec.loads(ECHO, sets=["design.ceiling=false"]))
    assert made.estimated_seconds == pytest.approx(72 * 1.5)


@pytest.mark.parametrize(
    ("metric", "requests"),
    [
        ("latency_ns_p50", 20),
        ("latency_ns_p90", 100),
        ("latency_ns_p99", 1_000),
        ("service_ns_p99_9", 10_000),
        ("latency_ns_mean", 0),
        ("requests_per_second", 0),
    ],
)
def test_requests_that_a_quantile_needs(metric, requests):
    assert plan_notes.requests_needed(metric) == requests


def test_notes_say_what_cannot_be_concluded():
    assert codes(plan.make(spec.loads(ECHO))) >= {"requests_needed"}
    assert "too_few_starts" not in codes(plan.make(spec.loads(ECHO)))
    quick = codes(plan.make(spec.loads(ECHO, profile="quick")))
    assert quick >= {"too_few_starts", "no_evidence"}
    slow = spec.loads(ECHO, sets=["load.arrival={law: constant, rate: 10/s}"])
    [*few] = [note for note in plan.make(slow).notes if note.code == "too_few_requests"]
    assert len(few) == 8
    assert "10 requests per start are too few for latency_ns_p50" in few[0].message
    lonely = spec.loads(ECHO, only=["nodelay=false,write=two,ack=delayed"])
    left_out = [note.message for note in plan.make(lonely).notes if note.code == "left_out"]
    assert len(left_out) == 2
    two = "compare:\n  - {factor: ack, baseline: quick, metrics: [latency_ns_p99]}\n"
    crossed = plan.make(spec.loads(ECHO.replace("compare:\n", two)))
    assert "not_adjacent" in codes(crossed)


def test_notes_know_the_cpus_of_this_machine():
    missing = spec.loads(ECHO, sets=["load.cpus=[100000]"])
    assert "no_such_cpu" in codes(plan.make(missing))
    shared = spec.loads(ECHO, sets=["load.cpus=[0]", "targets.echo.cpus=[0]"])
    assert "shared_cpu" in codes(plan.make(shared))


def test_notes_know_the_congestion_controls_of_this_kernel(monkeypatch, tmp_path):
    monkeypatch.setattr(plan_notes, "CONGESTION", tmp_path / "listed")
    made = plan.make(spec.loads(ECHO))
    assert "no_such_congestion" not in codes(made)
    (tmp_path / "listed").write_text("reno bbr\n")
    assert "no_such_congestion" in codes(plan.make(spec.loads(ECHO)))
    (tmp_path / "listed").write_text("reno cubic\n")
    assert "no_such_congestion" not in codes(plan.make(spec.loads(ECHO)))


def test_description_is_plain_data():
    made = plan.make(spec.loads(ECHO, sets=["design.ceiling=false"]))
    described = json.loads(json.dumps(made.describe()))
    assert described["seed"] == 42
    assert described["estimated_seconds"] == 108
    assert len(described["cells"]) == 8
    assert described["order"][0] == {
        "trial": 0,
        "block": 0,
        "cell": made.trials[0].cell.id,
        "arm": made.trials[0].arm,
    }
    assert {note["code"] for note in described["notes"]} == codes(made)
