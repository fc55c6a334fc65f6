"""The load's pool of connections: what the file may say, and what comes of it."""

from __future__ import annotations

from pathlib import Path

import pytest

from running import load, refused, served
from spec_samples import ECHO
from test_links_runs import run
from zyphos_lab import spec
from zyphos_lab.errors import SpecError

OPEN = "arrival: {law: constant, rate: 1000/s}"
QUICK = ("protocol=echo", "warmup_ns=0", "window_ns=200000000")
RATE = ("arrival.law=constant", "arrival.rate_per_second=1000")
EXPERIMENT = """
schema: 1
name: demo
question: What does dialing cost?
targets: {echo: {engine: epoll, protocol: echo}}
load:
  protocol: echo
  connections: 4
  arrival: {law: constant, rate: 500/s}
  deadline: 5s
factors:
  kept:
    set: load
    values:
      "yes": {protocol: echo, connections: 4, arrival: {law: constant, rate: 500/s}, pool: {}}
      "no":
        protocol: echo
        connections: 4
        arrival: {law: constant, rate: 500/s}
        pool: {check_after: 0s}
        requests_per_connection: 1
repeat: {starts: 1, warmup: 0s, window: 300ms}
"""


def sample(keys: str, arrival: str = OPEN) -> str:
    text = ECHO.replace("arrival: {law: closed}", arrival, 1)
    return text.replace("  connections: 4", f"  connections: 4\n  {keys}", 1)


def words_of(keys: str, arrival: str = OPEN) -> list[str]:
    experiment = spec.loads(sample(keys, arrival))
    return spec.load_words(
        experiment.cells[0].load, experiment.repeat, address="127.0.0.1", port=9, seed=7
    )


def test_what_is_said_reaches_the_program() -> None:
    plain = set(words_of("threads: 1"))
    assert set(words_of("pool: {}")) - plain == {"pool=true"}
    keys = "pool: {waiting_max: 3, idle_timeout: 2s, check_after: 0s, order: fifo}"
    assert set(words_of(keys)) - plain == {
        "pool=true",
        "pool.waiting_max=3",
        "pool.idle_timeout_ns=2000000000",
        "pool.check_after_ns=0",
        "pool.order=fifo",
    }


@pytest.mark.parametrize(
    ("keys", "arrival", "complaint"),
    [
        ("pool: {}", "arrival: {law: closed}", "a user of law closed keeps a connection"),
        ("pool: {}\n  pipeline: 2", OPEN, "a pool's connection serves one request at a time"),
        ("pool: {order: random}", OPEN, "`load.pool.order`"),
        ("pool: {}\n  generator: wrk", OPEN, "generator wrk knows no `pool`"),
    ],
)
def test_what_cannot_be_has_its_line(keys: str, arrival: str, complaint: str) -> None:
    with pytest.raises(SpecError) as caught:
        spec.loads(sample(keys, arrival))
    assert complaint in str(caught.value)


@pytest.mark.native
@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("pool=true",), "pool needs arrivals that wait for nobody, not arrival.law=closed"),
        (("pool=true", *RATE, "pipeline=2"), "pool needs pipeline=1"),
        (("pool.order=any",), "must be lifo or fifo"),
    ],
)
def test_the_program_refuses_in_one_line(words: tuple[str, ...], told: str) -> None:
    code, _, said = refused("zyphos-load", "port=1", *words)
    assert code == 2 and told in said and said.count("\n") == 1


@pytest.mark.native
def test_a_pool_dials_what_it_needs() -> None:
    with served("engine=epoll", "protocol=echo") as server:
        result = load(*QUICK, *RATE, "connections=50", "pool=true", f"port={server.port}")
    assert result["requests_done"] > 0 and result["requests_failed"] == 0
    assert result["connections"] == 50


@pytest.mark.native
@pytest.mark.core
def test_a_run_with_and_without_kept_connections(tmp_path: Path) -> None:
    done, store = run(tmp_path, EXPERIMENT)
    assert done.returncode in (0, 5), done.stderr
    rows = {row["cell"]: row for row in store.rows() if row["stage"] == "measure"}
    assert set(rows) == {"kept=yes", "kept=no"}
    for row in rows.values():
        assert row["requests_done"] > 0 and row["requests_failed"] == 0
    kept, fresh = rows["kept=yes"], rows["kept=no"]
    # Of one reading of the load's board: on a busy machine it is of a later window than the rows.
    assert kept["client_pool_reused"] >= 0.5 * kept["client_requests"] > 0
    assert fresh["client_pool_reused"] == 0
    assert fresh["client_connected"] >= 0.5 * fresh["client_requests"] > 0
