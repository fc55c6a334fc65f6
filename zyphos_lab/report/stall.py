"""Stops of the server in the answer: what each cell reported of them, beside the truth.

The truth comes from the recorded times of the signals alone (disturb.py): the waits of requests
that come at a constant rate whatever the server does. What a load generator reports far below it,
it did not notice.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from zyphos_lab.report.model import Stalled
from zyphos_lab.stats import estimate
from zyphos_lab.units import format_duration

if TYPE_CHECKING:
    import pandas as pd

SHOWN = ("p50", "p90", "p99", "p99_9", "max")
NEAR = 0.1  # of the truth: what is reported within it tells it
VERDICTS = (True, False, None)
NOT_SO = "that is not what {} reports", "that is not what {} report"
TOLD, OFF = "p99", "p90"  # the sentence is about the first, and looks at the second beside it


def stalls(frame: pd.DataFrame, order: Sequence[str]) -> tuple[Stalled, ...]:
    """One per cell whose server was stopped; `order` has every cell's id."""
    if "server_stopped_ns" not in frame:
        return ()
    stopped = frame[frame["server_stopped_ns"].fillna(0) > 0]
    names = _varying(stopped)
    found = {
        str(cell): _stalled(frame, part, names)
        for cell, part in stopped.groupby("cell", sort=False)
    }
    return tuple(found[cell] for cell in order if cell in found)


def _varying(stopped: pd.DataFrame) -> list[str]:
    """The columns that tell the stopped cells apart."""
    factors = [str(name) for name in stopped.columns if str(name).startswith("factor_")]
    return [name for name in factors if stopped[name].nunique(dropna=False) > 1] or ["generator"]


def _stalled(frame: pd.DataFrame, part: pd.DataFrame, names: Sequence[str]) -> Stalled:
    """`part` are the trials of one cell. What the signals did is true of INVALID trials too."""
    first = part.iloc[0]
    cell = str(first["cell"])
    return Stalled(
        cell=cell,
        label=" ".join(str(first.get(name, "zyphos")) for name in names),
        law=str(first.get("law", "")),
        stopped_ns=float(part["server_stopped_ns"].median()),
        window_ns=float(part["window_ns"].median()),
        reported_ns={name: estimate(frame, cell, f"latency_ns_{name}").value for name in SHOWN},
        truth_ns={name: float(part[f"stall_ns_{name}"].median()) for name in SHOWN},
    )


def tells(one: Stalled, name: str) -> bool | None:
    """Whether a cell reports the truth at a quantile; None where it reports nothing."""
    reported = one.reported_ns[name]
    if reported is None:
        return None
    return abs(reported - one.truth_ns[name]) <= NEAR * one.truth_ns[name]


def sentence(found: Sequence[Stalled]) -> str:
    """Who reports the stop as it was, in words that need no statistics; '' without a stop."""
    if not found or not all(one.truth_ns[TOLD] for one in found):
        return ""
    right, wrong, silent = ([one for one in found if tells(one, TOLD) is x] for x in VERDICTS)
    shorter = [f"{one.label} ({format_duration(one.reported_ns[TOLD] or 0)})" for one in wrong]
    parts = [
        _said("that is what {} reports", "that is what {} report", _labels(right))
        + _elsewhere(right),
        _said(*(("{} does not", "{} do not") if right else NOT_SO), shorter),
        _said("nothing is known of {}", "nothing is known of {}", _labels(silent)),
    ]
    told = "; ".join(filter(None, parts))
    return f"{_opening(found[0])}. {told[:1].upper()}{told[1:]}."


def _opening(one: Stalled) -> str:
    return (
        f"The server stood still for {format_duration(one.stopped_ns)} of "
        f"{format_duration(one.window_ns)}: whoever asks at a steady pace waits "
        f"{format_duration(one.truth_ns[TOLD])} or longer one time in 100"
    )


def _labels(found: Sequence[Stalled]) -> list[str]:
    return [one.label for one in found]


def _said(singular: str, plural: str, names: Sequence[str]) -> str:
    return (singular if len(names) == 1 else plural).format(_listed(names)) if names else ""


def _elsewhere(right: Sequence[Stalled]) -> str:
    """Those that are wrong in another place."""
    texts = [
        f"{one.label} has {format_duration(one.reported_ns[OFF] or 0)} where one in 10 waits "
        f"{format_duration(one.truth_ns[OFF])}"
        for one in right
        if tells(one, OFF) is False and one.truth_ns[OFF]
    ]
    return f" ({'; '.join(texts)})" if texts else ""


def _listed(names: Sequence[str]) -> str:
    """`a`, `a and b`, `a, b and c`."""
    return " and ".join([*([", ".join(names[:-1])] if names[1:] else []), *names[-1:]])
