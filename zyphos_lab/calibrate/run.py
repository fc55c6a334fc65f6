"""All cases of a calibration, one after the other, and what they come to.

Quick measures each case once and, while there is time, what was off twice more; full three times.
Of repetitions the middle one counts. Main thread only.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from zyphos_lab import child, signals
from zyphos_lab.calibrate.bench import Place, measure
from zyphos_lab.calibrate.cases import CASES, PROTOCOLS, Case, Speech
from zyphos_lab.calibrate.judge import Judged, judged, middle
from zyphos_lab.calibrate.wire import wire_ns
from zyphos_lab.errors import MeasurementError, UsageError

T = TypeVar("T")

REPETITIONS = 3
QUICK_S = 40.0  # from then on quick repeats nothing
EXTRA_S = 0.6  # of a measurement, beside its window: start, warm-up, drain, end

Told = Callable[[Judged, int, int], None]  # a case is judged: which, how many there are


@dataclass(frozen=True, slots=True)
class Wanted:
    """What to calibrate. `planted_ns` is what the ruler is made to report too much (for tests)."""

    quick: bool = False
    protocols: tuple[str, ...] = ()
    cases: tuple[str, ...] = ()
    cpus: tuple[int, ...] = ()
    seed: int = 1
    planted_ns: int = 0


def chosen(wanted: Wanted) -> list[tuple[Speech, Case]]:
    """The cases of every protocol that was asked for. UsageError for a name that is none."""
    speeches = _named({one.protocol: one for one in PROTOCOLS}, wanted.protocols)
    cases = _named({one.name: one for one in CASES}, wanted.cases)
    return [(speech, case) for speech in speeches for case in cases]


def _named(known: dict[str, T], names: Sequence[str]) -> list[T]:
    """Those of `known` that are named, in its order; all where nothing is."""
    for name in names:
        if name not in known:
            raise UsageError(f"there is no `{name}` to calibrate", f"known: {', '.join(known)}")
    return [one for name, one in known.items() if name in (names or known)]


def expected_seconds(wanted: Wanted) -> float:
    """How long it will take where nothing is measured again."""
    each = REPETITIONS if not wanted.quick else 1
    windows = [_window_ns(case, wanted) / 1e9 + EXTRA_S for _, case in chosen(wanted)]
    return each * sum(windows)


def calibrate(wanted: Wanted, folder: Path, tell: Told) -> list[Judged]:
    """Measures and judges. `folder` notes the children; MeasurementError when it cannot be done."""
    place = _place(wanted, folder)
    with signals.handled():
        try:
            return list(_all(wanted, place, tell))
        finally:
            with signals.deferred():
                child.sweep(folder)


def _place(wanted: Wanted, folder: Path) -> Place:
    cpus = wanted.cpus or tuple(sorted(os.sched_getaffinity(0)))[:2]
    if len(cpus) < 2:
        raise MeasurementError(
            "calibration needs two processors, one for the server and one for the ruler",
            "this process may use only one",
        )
    return Place(cpus[0], cpus[1], child.Children(folder))


def _all(wanted: Wanted, place: Place, tell: Told) -> Iterator[Judged]:
    todo = chosen(wanted)
    wires: dict[str, float | None] = {}
    began = time.monotonic()
    for number, (speech, case) in enumerate(todo, 1):
        if speech.protocol not in wires:
            wires[speech.protocol] = wire_ns(speech, place)

        def once(at: int, case: Case = case, speech: Speech = speech) -> Judged:
            window_ns = _window_ns(case, wanted)
            reading = measure(case, speech, window_ns, wanted.seed + at, place)
            wire = wires[speech.protocol]
            return judged(case, speech.protocol, reading, wire, wanted.planted_ns)

        found = middle(_repeated(once, wanted.quick, began))
        tell(found, number, len(todo))
        yield found


def _window_ns(case: Case, wanted: Wanted) -> int:
    return case.quick_ns if wanted.quick else case.full_ns


def _repeated(once: Callable[[int], Judged], quick: bool, began: float) -> Sequence[Judged]:
    found = [once(0)]
    while len(found) < REPETITIONS:
        late = time.monotonic() - began > QUICK_S
        if quick and (late or not any(one.off for one in found)):
            break
        found.append(once(len(found)))
    # Two would have no middle: the first decides.
    return found if len(found) == REPETITIONS else found[:1]
