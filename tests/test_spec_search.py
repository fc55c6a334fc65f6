"""`search` in an experiment file: which capacities it asks for, and what is wrong with it."""

from __future__ import annotations

import pytest

from spec_samples import pointed
from zyphos_lab import spec
from zyphos_lab.errors import SpecError

SEARCH = """\
schema: 1
name: sample
question: What can each engine do?
targets:
  server: {engine: epoll, protocol: http1}
load:
  protocol: http1
  connections: 8
  arrival: {law: poisson, offered: 50%}
factors:
  engine: {set: targets.server.engine, values: [epoll, uring, thread]}
  offered: {set: load.arrival.offered, values: [10%, 90%]}
compare:
  - {factor: engine, baseline: uring, metrics: [latency_ns_p50]}
search: {slo: latency_ns_p99 <= 2ms, width: 10%}
"""


def test_a_capacity_is_searched_once_per_cell_without_its_share() -> None:
    searched = spec.loads(SEARCH).searched
    assert searched is not None
    assert [cell.id for cell in searched.cells] == ["engine=epoll", "engine=uring", "engine=thread"]
    assert searched.of["engine=thread,offered=90%"] == "engine=thread"


def test_all_arms_are_offered_shares_of_the_baselines_capacity() -> None:
    searched = spec.loads(SEARCH).searched
    assert searched is not None
    assert set(searched.shares.values()) == {"engine=uring"}
    own = spec.loads(SEARCH.replace("width: 10%", "baseline: {engine: thread}")).searched
    assert own is not None
    assert set(own.shares.values()) == {"engine=thread"}


def test_without_a_contrast_each_arm_is_offered_its_own() -> None:
    text = SEARCH[: SEARCH.index("compare:")] + SEARCH[SEARCH.index("search:") :]
    searched = spec.loads(text).searched
    assert searched is not None
    assert searched.shares["engine=epoll,offered=10%"] == "engine=epoll"


def test_only_keeps_the_baseline_whose_capacity_is_shared_out() -> None:
    searched = spec.loads(SEARCH, only=("engine=epoll",)).searched
    assert searched is not None
    assert [cell.id for cell in searched.cells] == ["engine=epoll", "engine=uring"]


def test_no_search_no_capacities() -> None:
    text = SEARCH[: SEARCH.index("search:")].replace("offered: 50%", "rate: 100/s")
    text = text.replace("  offered: {set: load.arrival.offered, values: [10%, 90%]}\n", "")
    assert spec.loads(text).searched is None


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("search: {slo: latency_ns_p99 <= 2ms, width: 10%}", "# @", "needs `search`"),
        ("law: poisson, offered: 50%", "law: poisson, rate: 10/s, @offered: 50%", "already says"),
        ("slo: latency_ns_p99", "slo: @latency_p99", "unknown metric `latency_p99`"),
        ("slo: latency_ns_p99 <= 2ms", "slo: latency_ns_p99 @<= 2", "a time"),
        ("width: 10%", "@widht: 10%", "did you mean `width`"),
        ("width: 10%", "baseline: {@engin: epoll}", "there is no factor `engin`"),
        ("width: 10%", "baseline: {engine: @epol}", "has no value `epol`"),
        ("law: poisson, offered: 50%", "law: closed, @offered: 50%", "a closed load has no rate"),
    ],
)
def test_a_mistake_is_named_where_it_stands(old: str, new: str, message: str) -> None:
    text, line, column = pointed(SEARCH, old, new)
    with pytest.raises(SpecError) as raised:
        spec.loads(text)
    found = [c for c in raised.value.complaints if message in f"{c.message} {c.hint}"]
    assert found, str(raised.value)
    if "needs `search`" not in message:
        assert (found[0].line, found[0].column) == (line, column)
