"""The capacity search against servers whose capacity is known, with and without noise."""

from __future__ import annotations

import math
import random
from collections.abc import Callable

import pytest

from zyphos_lab.capacity.search import (
    Bounds,
    Decision,
    Goal,
    Observation,
    Outcome,
    decide,
    rounded,
)

Server = Callable[[float], Outcome]


def search(server: Server, closed_rate: float, goal: Goal) -> tuple[Bounds, list[Observation]]:
    seen: list[Observation] = []
    for _ in range(10 * goal.trials_max):
        decision = decide(seen, closed_rate, goal)
        if decision.rate_per_second is None:
            return decision.bounds, seen
        seen.append(Observation(decision.rate_per_second, server(decision.rate_per_second)))
    raise AssertionError("the search does not end")


def exact(capacity: float) -> Server:
    return lambda rate: Outcome.HELD if rate <= capacity else Outcome.BROKEN


@pytest.mark.parametrize("capacity", [3.0, 170.0, 9_999.0, 50_000.0, 123_456.0, 2_000_000.0])
@pytest.mark.parametrize("width", [0.2, 0.05, 0.01])
def test_the_bounds_hold_the_capacity_and_are_as_close_as_asked(
    capacity: float, width: float
) -> None:
    bounds, _ = search(exact(capacity), 60_000.0, Goal(width=width))
    assert bounds.finished and bounds.reason == ""
    assert bounds.lower is not None and bounds.upper is not None
    assert bounds.lower <= capacity < bounds.upper
    assert bounds.width is not None and bounds.width <= width


def test_every_bound_was_tried_as_often_as_a_majority_takes() -> None:
    goal = Goal(trials=5)
    bounds, seen = search(exact(40_000.0), 60_000.0, goal)
    for rate in (bounds.lower, bounds.upper):
        assert sum(one.rate_per_second == rate for one in seen) == 3


def test_one_bad_trial_does_not_move_a_bound() -> None:
    capacity, spoilt = 40_000.0, iter([True])

    def server(rate: float) -> Outcome:
        if rate < capacity and next(spoilt, False):
            return Outcome.BROKEN
        return exact(capacity)(rate)

    bounds, _ = search(server, 48_000.0, Goal())
    assert bounds.lower is not None and bounds.upper is not None
    assert bounds.lower <= capacity < bounds.upper


@pytest.mark.parametrize("seed", range(40))
def test_a_noisy_server_is_bounded_where_it_is_neither_sure_to_hold_nor_to_break(seed: int) -> None:
    noise, capacity = random.Random(seed), 40_000.0

    def server(rate: float) -> Outcome:
        return exact(capacity * math.exp(noise.gauss(0, 0.03)))(rate)

    bounds, _ = search(server, 55_000.0, Goal(width=0.05))
    assert bounds.lower is not None and bounds.upper is not None, f"seed {seed}"
    assert bounds.lower < bounds.upper
    assert 0.88 * capacity < bounds.lower and bounds.upper < 1.12 * capacity, f"seed {seed}"


def test_a_lower_bound_lies_below_every_load_that_broke() -> None:
    """RFC 9971: what held above a load that did not is not relevant."""
    held, broken = Outcome.HELD, Outcome.BROKEN
    seen = [Observation(100, held)] * 2 + [Observation(60, broken)] * 2
    seen += [Observation(40, held)] * 2
    assert decide(seen, 100, Goal()).bounds.lower == 40
    assert decide(seen, 100, Goal()).bounds.upper == 60


def test_what_holds_at_the_most_that_may_be_tried_has_no_upper_bound() -> None:
    bounds, seen = search(exact(1e9), 60_000.0, Goal(most=100_000.0))
    assert bounds.upper is None and bounds.lower == 100_000.0
    assert "still holds" in bounds.reason
    assert max(one.rate_per_second for one in seen) == 100_000.0


def test_what_breaks_at_the_least_has_no_lower_bound() -> None:
    bounds, _ = search(exact(0.0), 60_000.0, Goal(least=500.0))
    assert bounds.lower is None and bounds.upper == 500.0
    assert "not even 500/s" in bounds.reason


def test_a_generator_at_its_limit_is_not_taken_for_the_server() -> None:
    def server(rate: float) -> Outcome:
        return Outcome.GENERATOR if rate > 70_000 else Outcome.HELD

    bounds, _ = search(server, 60_000.0, Goal())
    assert bounds.finished and "load generator was the limit" in bounds.reason
    assert bounds.lower is not None and bounds.lower <= 70_000


def test_trials_that_the_machine_spoils_end_the_search_with_the_reason() -> None:
    bounds, seen = search(lambda _: Outcome.VOID, 60_000.0, Goal())
    assert "spoilt by the machine" in bounds.reason
    assert len(seen) == 4


def test_the_search_is_bounded() -> None:
    flip = iter(range(10_000))

    def server(rate: float) -> Outcome:
        return Outcome.VOID if next(flip) % 2 else exact(41_234.0)(rate)

    bounds, seen = search(server, 60_000.0, Goal(width=0.001, trials_max=12))
    assert len(seen) == 12 and "12 trials" in bounds.reason


def test_the_next_load_follows_from_the_observations_alone() -> None:
    _, seen = search(exact(33_333.0), 60_000.0, Goal())
    for n, one in enumerate(seen):
        again: Decision = decide(seen[:n], 60_000.0, Goal())
        assert again.rate_per_second == one.rate_per_second


def test_rates_keep_the_digits_that_are_asked_of_the_load() -> None:
    assert rounded(123_456.789) == 123_500.0
    assert rounded(0.98765) == 0.9877
