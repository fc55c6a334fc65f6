"""What a report says of the ruler that its run was measured with: of the manifest's entry."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from zyphos_lab.units import format_duration

DAY_NS = 24 * 3600 * 1_000_000_000
COMMAND = "`zyphos-lab calibrate`"


def threat(known: Mapping[str, Any]) -> str:
    """One sentence about `manifest["calibration"]`, as calibrate.result.latest() gives it."""
    state = known["state"]
    if state == "none":
        return f"The ruler was not calibrated on this machine ({COMMAND})."
    if state == "foreign":
        return f"The ruler was calibrated on other machines only ({COMMAND})."
    days = known["age_ns"] / DAY_NS
    when = f"calibration {known['id']}, {days:.0f} days before this run"
    if state == "off":
        return f"The ruler was off when it was last calibrated here ({when})."
    if state == "stale":
        return f"The ruler was calibrated with another build or long ago ({when}); {_bias(known)}."
    return f"Latencies hold the ruler's own time: {_bias(known)} ({when})."


def _bias(known: Mapping[str, Any]) -> str:
    """`http1 +33 us in the median and +38 us at p99`, of each protocol."""
    parts = [
        f"{protocol} {_signed(bias['p50'])} in the median and {_signed(bias['p99'])} at p99"
        for protocol, bias in known["bias_ns"].items()
    ]
    return ", ".join(parts) or "no delay was measured"


def _signed(ns: float) -> str:
    return f"{'-' if ns < 0 else '+'}{format_duration(abs(ns))}"
