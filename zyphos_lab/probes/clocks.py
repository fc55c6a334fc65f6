"""Whether the machine's clocks can be trusted over a window: source, resolution, drift, steps.

Everything is timed by CLOCK_MONOTONIC. Against CLOCK_MONOTONIC_RAW, which nobody steers, it shows
how much NTP bends a second; CLOCK_REALTIME against it shows a step of the wall clock, which times
of the kernel's packet stamps would take part in. Source: clock_gettime(2), adjtimex(2), sysfs.
"""

from __future__ import annotations

import time
from dataclasses import dataclass

from zyphos_lab.probes import processes
from zyphos_lab.probes.base import Columns

SOURCE = "/sys/devices/system/clocksource/clocksource0/current_clocksource"
TRIES = 5

COLUMNS = (
    "host_clock_source",
    "host_clock_resolution_ns",
    "host_clock_drift_ratio",
    "host_clock_step_ns",
    "host_clock_reading_ns",
)


@dataclass(frozen=True, slots=True)
class Clocks:
    """Three clocks at one moment, known to within `width_ns`."""

    monotonic_ns: int
    raw_ns: int
    realtime_ns: int
    width_ns: int


def read() -> Clocks:
    """The closest of a few readings: a preemption in the middle would look like a step."""
    return min((_once() for _ in range(TRIES)), key=lambda clocks: clocks.width_ns)


def _once() -> Clocks:
    before = time.clock_gettime_ns(time.CLOCK_MONOTONIC)
    raw = time.clock_gettime_ns(time.CLOCK_MONOTONIC_RAW)
    realtime = time.clock_gettime_ns(time.CLOCK_REALTIME)
    after = time.clock_gettime_ns(time.CLOCK_MONOTONIC)
    return Clocks((before + after) // 2, raw, realtime, after - before)


def columns(before: Clocks, after: Clocks) -> Columns:
    """What changed between two readings; `host_clock_reading_ns` is how exact that is."""
    monotonic = after.monotonic_ns - before.monotonic_ns
    raw = after.raw_ns - before.raw_ns
    source = processes.read(SOURCE)
    return {
        "host_clock_source": source.decode("ascii", "replace").strip() if source else None,
        "host_clock_resolution_ns": round(time.clock_getres(time.CLOCK_MONOTONIC) * 1e9),
        "host_clock_drift_ratio": (monotonic - raw) / raw if raw > 0 else None,
        "host_clock_step_ns": after.realtime_ns - before.realtime_ns - monotonic,
        "host_clock_reading_ns": before.width_ns + after.width_ns,
    }
