"""Which counters carry a difference: frames where the truth is known because it was put in."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Mapping

import numpy as np
import pandas as pd
import pytest

from zyphos_lab.stats import (
    Carrier,
    Comparison,
    Contrast,
    compare,
    differs,
    explain,
    explain_all,
    explained,
)

SYSCALLS, WAKES = "server_syscalls_per_request", "server_wakeups_per_request"
SEGMENTS = "net_tcp_segs_out_per_request"
RUN_DELAY = "server_run_delay_ns_per_request"
METRIC = "latency_ns_p50"

Rule = Callable[[Mapping[str, int]], dict[str, float]]


def frame(
    rule: Rule, levels: tuple[int, ...] = (2, 3), seed: int = 1, noise: float = 0.005
) -> pd.DataFrame:
    """Factors a, b, ... with these numbers of values, 8 blocks; `rule` gives a cell's columns.

    Each value is multiplied by independent noise of this relative size.
    """
    print("seed", seed)
    random = np.random.default_rng(seed)
    rows = []
    for block, values in itertools.product(range(8), itertools.product(*map(range, levels))):
        cell = dict(zip("abc", values, strict=False))
        row = {name: x * np.exp(random.normal(0, noise)) for name, x in rule(cell).items()}
        labels = {f"factor_{name}": value for name, value in cell.items()}
        name = ",".join(f"{k}={v}" for k, v in cell.items())
        rows.append({"block": block, "cell": name, "verdict": "VALID", "arm": "", **labels, **row})
    return pd.DataFrame(rows)


def difference(data: pd.DataFrame, metric: str = METRIC, **where: int) -> Comparison:
    """a=1 against a=0 in this metric, where the other factors are so."""
    limits = tuple((name, str(value)) for name, value in where.items())
    [found] = compare(data, [Contrast("a", 0, (metric,), where=limits)])
    return found


def by_name(carriers: list[Carrier]) -> dict[str, Carrier]:
    return {carrier.name: carrier for carrier in carriers}


def test_a_count_carries_what_its_cost_elsewhere_says() -> None:
    """10 us a system call, seen wherever b changes them; a adds 3 calls and 30 us of its own."""

    def rule(cell: Mapping[str, int]) -> dict[str, float]:
        calls = 2.0 + 3.0 * cell["a"] + 2.0 * cell["b"]
        own = 30e3 * cell["a"]
        return {METRIC: 50e3 + 10e3 * calls + own, SYSCALLS: calls, WAKES: 1.0}

    data = frame(rule)
    carriers = explain(data, difference(data, b=0))
    assert [carrier.name for carrier in carriers] == [SYSCALLS]
    [calls] = carriers
    assert calls.basis == "estimated_cost"
    # All other pairs mix a's own cost in: 4 pairs of b alone at 10 us, 2 of a at 20 us a call.
    assert calls.share == pytest.approx(0.5, abs=0.2)
    assert calls.ratio == pytest.approx(2.5, rel=0.02)
    assert calls.low is not None and calls.high is not None
    assert calls.low < 2.5 < calls.high
    assert explained(carriers)


def test_a_count_that_is_the_whole_cause_carries_all() -> None:
    def rule(cell: Mapping[str, int]) -> dict[str, float]:
        calls = 2.0 + 3.0 * cell["a"] + 2.0 * cell["b"]
        return {METRIC: 20e3 + 10e3 * calls, SYSCALLS: calls, WAKES: 1.0 + cell["b"]}

    data = frame(rule)
    [calls] = explain(data, difference(data, b=1))
    assert (calls.name, calls.basis, calls.together) == (SYSCALLS, "estimated_cost", ())
    assert calls.share == pytest.approx(1.0, abs=0.05)


def test_where_nothing_moves_the_difference_is_unexplained() -> None:
    def rule(cell: Mapping[str, int]) -> dict[str, float]:
        return {METRIC: 50e3 + 20e3 * cell["a"], SYSCALLS: 2.0, WAKES: 1.0, RUN_DELAY: 300.0}

    data = frame(rule)
    found = difference(data, b=0)
    assert differs(found)
    assert explain(data, found) == []
    assert not explained([])


def test_a_confounded_pair_is_told_together() -> None:
    """Segments and calls move in step everywhere: neither can be called the carrier alone."""

    def rule(cell: Mapping[str, int]) -> dict[str, float]:
        calls = 2.0 + cell["a"] + cell["b"]
        return {METRIC: 20e3 + 10e3 * calls, SYSCALLS: calls, SEGMENTS: 2.0 * calls, WAKES: 1.0}

    data = frame(rule)
    found = by_name(explain(data, difference(data, b=0)))
    assert set(found) == {SYSCALLS, SEGMENTS}
    assert found[SYSCALLS].together == (SEGMENTS,)
    assert found[SEGMENTS].together == (SYSCALLS,)
    for carrier in found.values():
        assert carrier.share == pytest.approx(1.0, abs=0.1)


def test_within_one_pair_of_cells_no_cost_is_made_up() -> None:
    def rule(cell: Mapping[str, int]) -> dict[str, float]:
        return {METRIC: 50e3 + 30e3 * cell["a"], SYSCALLS: 2.0 + 3.0 * cell["a"]}

    data = frame(rule, levels=(2,))
    [calls] = explain(data, difference(data))
    assert (calls.share, calls.basis) == (None, "")
    assert calls.reason == "no other pair of cells tells what one costs"
    assert calls.most == 1.0  # 16 us a call would make 48 us of the 30
    assert explained([calls])


def test_a_cost_that_differs_from_pair_to_pair_is_not_used() -> None:
    """b moves the calls without any effect: what a's calls cost cannot be told from it."""

    def rule(cell: Mapping[str, int]) -> dict[str, float]:
        calls = 2.0 + 3.0 * cell["a"] + 3.0 * cell["b"]
        return {METRIC: 50e3 + 30e3 * cell["a"], SYSCALLS: calls}

    data = frame(rule)
    [calls] = explain(data, difference(data, b=0))
    assert calls.share is None
    assert calls.reason == "where it moves elsewhere, the metric does not follow it"


def test_times_carry_one_for_one_and_parts_come_after_causes() -> None:
    def rule(cell: Mapping[str, int]) -> dict[str, float]:
        return {
            METRIC: 50e3 + 20e3 * cell["a"],
            "service_ns_p50": 40e3 + 20e3 * cell["a"],
            "schedule_lag_ns_p50": 5e3,
            RUN_DELAY: 1e3 + 15e3 * cell["a"],
            "server_cpu_ns_per_request": 8e3 + 4e3 * cell["a"],
            "client_run_delay_ns_per_request": 1e3 + 9e6 * cell["a"],
        }

    data = frame(rule)
    carriers = explain(data, difference(data, b=0))
    assert [carrier.name for carrier in carriers] == [
        RUN_DELAY,
        "server_cpu_ns_per_request",
        "service_ns_p50",
        "client_run_delay_ns_per_request",
    ]
    shares = [carrier.share for carrier in carriers]
    assert shares[:3] == [pytest.approx(x, abs=0.05) for x in (0.75, 0.2, 1.0)]
    assert [carrier.part for carrier in carriers] == [False, False, True, False]
    assert shares[3] is None and "runs beside it" in carriers[3].reason
    assert all(carrier.basis == "one_for_one" for carrier in carriers[:3])


def test_parts_alone_explain_nothing() -> None:
    def rule(cell: Mapping[str, int]) -> dict[str, float]:
        return {METRIC: 50e3 + 20e3 * cell["a"], "service_ns_p50": 40e3 + 20e3 * cell["a"]}

    data = frame(rule)
    carriers = explain(data, difference(data, b=0))
    assert [carrier.part for carrier in carriers] == [True]
    assert not explained(carriers)


def test_a_delayed_ack_costs_its_timeout() -> None:
    def rule(cell: Mapping[str, int]) -> dict[str, float]:
        acks = 1.0 - cell["a"]
        return {
            METRIC: 50e3 + 43e6 * acks,
            "net_tcp_delayed_acks_per_request": acks,
            "server_tcp_ack_timeout_ns_mean": 40e6,
        }

    data = frame(rule)
    [acks] = explain(data, difference(data, b=0))
    assert (acks.basis, acks.value, acks.ratio) == ("known_cost", 0.0, None)
    assert acks.share == pytest.approx(40 / 43, abs=0.01)


def test_a_rate_is_taken_as_time_per_request() -> None:
    """10 us a request, 7 of them CPU; a takes 2 us of CPU away: 12.5 % more requests... and so."""

    def rule(cell: Mapping[str, int]) -> dict[str, float]:
        cpu = 10e3 - 2e3 * cell["a"]
        return {"requests_per_second": 1e9 / cpu, "server_cpu_ns_per_request": cpu}

    data = frame(rule)
    [cpu] = explain(data, difference(data, "requests_per_second", b=0))
    assert (cpu.name, cpu.basis) == ("server_cpu_ns_per_request", "one_for_one")
    assert cpu.share == pytest.approx(1.0, abs=0.05)


def test_system_calls_are_carried_by_their_kinds_and_the_other_side_stays_out() -> None:
    def rule(cell: Mapping[str, int]) -> dict[str, float]:
        writes = 1.0 + cell["a"]
        return {
            SYSCALLS: 2.0 + writes,
            "server_syscall_write_per_request": writes,
            "server_syscall_read_per_request": 2.0,
            "client_syscall_read_per_request": writes,
        }

    data = frame(rule)
    [writes] = explain(data, difference(data, SYSCALLS, b=0))
    assert (writes.name, writes.basis) == ("server_syscall_write_per_request", "one_for_one")
    assert writes.share == pytest.approx(1.0, abs=0.05)


def test_what_moved_the_other_way_is_told_last_and_explains_nothing() -> None:
    def rule(cell: Mapping[str, int]) -> dict[str, float]:
        return {METRIC: 50e3 + 20e3 * cell["a"], WAKES: 2.0 - cell["a"]}

    data = frame(rule)
    [wakes] = explain(data, difference(data, b=0))
    assert (wakes.reason, wakes.most, wakes.carries) == ("moved the other way", 0.0, False)
    assert not explained([wakes])


@pytest.mark.parametrize(("metric", "told"), [("latency_ns_p50", False), ("latency_ns_p99", True)])
def test_what_is_rare_may_move_a_tail_and_no_median(metric: str, told: bool) -> None:
    def rule(cell: Mapping[str, int]) -> dict[str, float]:
        lost = 0.02 * cell["a"]
        return {metric: 50e3 + 10e6 * lost, "server_tcp_retransmits_per_request": lost}

    data = frame(rule, levels=(2,))
    found = explain(data, difference(data, metric))
    assert bool(found) == told


def test_noise_in_150_counters_is_not_taken_for_a_cause() -> None:
    """A counter one-sided by chance in 8 blocks: 1 in 128; of 150 one would always be there."""
    named = 0
    for seed in range(20):

        def rule(cell: Mapping[str, int]) -> dict[str, float]:
            noise = {f"server_syscall_n{i}_per_request": 3.0 for i in range(150)}
            return {METRIC: 50e3 + 20e3 * cell["a"], **noise}

        data = frame(rule, levels=(2,), seed=seed, noise=0.1)
        named += bool(explain(data, difference(data)))
    assert named <= 4  # 5 % of 20 runs, and two standard errors


def test_invalid_trials_and_arms_b_stay_out() -> None:
    def rule(cell: Mapping[str, int]) -> dict[str, float]:
        return {METRIC: 50e3 + 20e3 * cell["a"], RUN_DELAY: 1e3 + 20e3 * cell["a"]}

    data = frame(rule, levels=(2,))
    bad = data.copy()
    bad[RUN_DELAY] = 1e12
    told = explain(data, difference(data))
    for column, value in (("verdict", "INVALID"), ("arm", "B")):
        spoiled = pd.concat([data, bad.assign(**{column: value})], ignore_index=True)
        assert explain(spoiled, difference(data)) == told


def test_nothing_to_explain() -> None:
    data = frame(lambda cell: {METRIC: 50e3, RUN_DELAY: 1e3 + cell["a"]}, levels=(2,))
    same = difference(data)
    assert not differs(same)
    assert explain_all(data, [same, same]) == [[], []]
    other = frame(lambda cell: {METRIC: 50e3 * (1 + cell["a"])}, levels=(2,))
    gone = other.drop(columns=METRIC)
    assert explain(gone, difference(other)) == []


def test_all_at_once_is_the_same_as_one_by_one() -> None:
    def rule(cell: Mapping[str, int]) -> dict[str, float]:
        calls = 2.0 + cell["a"] + cell["b"]
        return {METRIC: 20e3 + 10e3 * calls, SYSCALLS: calls}

    data = frame(rule)
    comparisons = compare(data, [Contrast("a", 0, (METRIC,)), Contrast("b", 0, (METRIC,))])
    assert explain_all(data, comparisons) == [explain(data, c) for c in comparisons]
