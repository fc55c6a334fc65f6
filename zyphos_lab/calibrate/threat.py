"""What a report says of the ruler that its run was measured with: of the manifest's entry.

A ruler polls while answers are awaited (`load.poll`) or sleeps, and is not the same ruler then.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from zyphos_lab.spec.models import NO_LOAD
from zyphos_lab.units import format_duration

DAY_NS = 24 * 3600 * 1_000_000_000
COMMAND = "`zyphos-lab calibrate`"
CURE = "`load: {poll: true}` with a CPU of its own"
UNNAMED = "(cases not kept)"  # by calibrations of version 1
Used = Sequence[Sequence[Any]]  # pairs: protocol, whether the load polled


def used_by(loads: Sequence[Any]) -> list[list[Any]]:
    """Which of our rulers these loads (spec.Load) are measured with, for the manifest's `used`."""
    sent = [load for load in loads if load is not NO_LOAD and not load.by_itself]
    ours = [load for load in sent if load.ruler.tool == "zyphos"]
    return [list(pair) for pair in sorted({(load.protocol, load.poll) for load in ours})]


def threats(known: Mapping[str, Any], load: Mapping[str, Any]) -> Iterator[str]:
    """Sentences about `manifest["calibration"]`, as calibrate.result.latest() gives it.

    `load` is the experiment's; it stands in for the entry's `used` in runs from before that.
    """
    used = known.get("used", [[load.get("protocol"), bool(load.get("poll"))]])
    if not used:
        return
    state = known["state"]
    if state == "none":
        yield f"The ruler was not calibrated on this machine ({COMMAND})."
    elif state == "foreign":
        yield f"The ruler was calibrated on other machines only ({COMMAND})."
    else:
        yield from _known(known, used)


def _known(known: Mapping[str, Any], used: Used) -> Iterator[str]:
    days = known["age_ns"] / DAY_NS
    when = f"calibration {known['id']}, {days:.0f} days before this run"
    if known["state"] == "off":
        yield f"The ruler was off when it was last calibrated here ({when})."
    elif known["state"] == "stale":
        yield f"The ruler was calibrated with another build or long ago ({when})."
    for poll in sorted({bool(poll) for _, poll in used}):
        protocols = [protocol for protocol, polled in used if bool(polled) == poll]
        yield _polled(known, protocols, when) if poll else _asleep(known, protocols, when)


def _polled(known: Mapping[str, Any], protocols: Sequence[str], when: str) -> str:
    bias = _bias(known.get("polled_bias_ns", {}), protocols)
    if not bias:
        return f"The ruler that polls was not measured when it was last calibrated here ({when})."
    return f"Latencies hold the ruler's own time, which polled: {bias} ({when})."


def _asleep(known: Mapping[str, Any], protocols: Sequence[str], when: str) -> str:
    bias = _bias(known["bias_ns"], protocols) or "no delay was measured"
    over = known.get("asleep_off_cases") or {name: [UNNAMED] for name in protocols}
    cases = ", ".join(f"{name} {case}" for name in protocols for case in over.get(name, ()))
    if known.get("asleep_verdict", known["state"]) != "off" or not cases:
        return f"Latencies hold the ruler's own time: {bias} ({when})."
    polled = _bias(known.get("polled_bias_ns", {}), protocols)
    instead = f" ({polled} when it was calibrated)" if polled else ""
    return (
        f"Latencies hold the ruler's own waking up: {bias} as the middle of all cases, over its "
        f"limits in {cases} ({when}); {CURE} leaves it out{instead}."
    )


def _bias(bias_ns: Mapping[str, Mapping[str, float]], protocols: Sequence[str]) -> str:
    """`http1 +33 us in the median and +38 us at p99`, of each of these protocols that is known."""
    return ", ".join(
        f"{name} {_signed(bias_ns[name]['p50'])} in the median and {_signed(bias_ns[name]['p99'])}"
        " at p99"
        for name in protocols
        if name in bias_ns
    )


def _signed(ns: float) -> str:
    return f"{'-' if ns < 0 else '+'}{format_duration(abs(ns))}"
