"""What a machine that others use does to a trial: no test fails for that.

Steal, throttling, other work and late edges make a trial INVALID, and a run that has nothing else
ends with 5; that is the program's right. What such a trial recorded is whole all the same, and
whatever else makes it INVALID is a finding. Knows no test.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from zyphos_lab.record import Reason
from zyphos_lab.store import Store

HOST = frozenset(
    {"steal", "throttled", "thermal", "other_load", "swap", "memory_stall", "edges_late"}
)
# A real load that found no CPU was the limit; the script of a fake one says so on purpose.
OF_THE_MACHINE = HOST | {"generator_limit"}
INVALID_RUN = 5


def codes(row: Mapping[str, Any], machine: frozenset[str] = HOST) -> list[str]:
    """The codes of what speaks against a trial and is not the machine's."""
    found = [reason["code"] for reason in row["reasons"]]
    return [code for code in found if code not in machine]


def quiet(
    against: Callable[..., list[Reason]], machine: frozenset[str] = HOST
) -> Callable[..., list[Reason]]:
    """What `zyphos_lab.trial._against` says of a trial, but for what the machine did to it."""
    return lambda *given: [one for one in against(*given) if one.code not in machine]


def assert_usable(row: Mapping[str, Any]) -> None:
    """Nothing but the machine speaks against it so much as to make it INVALID."""
    found = [one for one in row["reasons"] if one["severity"] == "INVALID"]
    assert {one["code"] for one in found} <= OF_THE_MACHINE, found


def assert_measured(code: int, store: Store, told: str = "") -> None:
    """The run ended well: with 0, or with 5 where the machine made trials INVALID."""
    assert code in (0, INVALID_RUN), told
    for row in store.rows():
        assert_usable(row)
    assert code == 0 or any(row["verdict"] == "INVALID" for row in store.rows()), told
