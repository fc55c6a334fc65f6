"""All cases of a calibration, one after the other, and what they come to.

Delays are measured twice, with a ruler that polls and with one that sleeps. Quick measures each
once, full three times; of repetitions the middle one counts. Those that the hypervisor or other
work disturbed are set aside and made up for. Where the ruler has the middle one wrong it is
measured again, up to seven times in all while there is time: on a quiet virtual machine one window
in ten has its slowest hundredth from the hypervisor (results/injected_delay), and what is the
ruler's own comes again. How often either was is said. Main thread only.
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
from zyphos_lab.calibrate.cases import CASES, PROTOCOLS, Case, Setup
from zyphos_lab.calibrate.judge import REPETITIONS, Judged, judged, middle, quiet
from zyphos_lab.calibrate.wire import Beside, beside
from zyphos_lab.errors import UsageError

T = TypeVar("T")

REPETITIONS_MAX = 7
QUICK_SPARE_S, SPARE_S = 10.0, 60.0  # when it has measured again so long, it does no more
EXTRA_S = 0.3  # of a measurement, beside its window: start, warm-up, drain, end

Once = Callable[[int], Judged]  # measures and judges a repetition, by its number
Told = Callable[[Judged, int, int], None]  # a case is judged: which, how many there are


@dataclass(frozen=True, slots=True)
class Wanted:
    """What to calibrate. `planted_ns` is what the ruler is made to report too much (for tests).

    `cpus`: the server's and the ruler's; one for both, or none: the first two that we may use.
    """

    quick: bool = False
    protocols: tuple[str, ...] = ()
    cases: tuple[str, ...] = ()
    cpus: tuple[int, ...] = ()
    seed: int = 1
    planted_ns: int = 0


def chosen(wanted: Wanted) -> list[Setup]:
    """The cases of every protocol that was asked for. UsageError for a name that is none.

    With one processor only the ruler that sleeps is measured: one that polls would starve the
    server.
    """
    speeches = _named({one.protocol: one for one in PROTOCOLS}, wanted.protocols)
    cases = _named({one.name: one for one in CASES}, wanted.cases)
    alone = len(cpus(wanted)) < 2
    return [
        Setup(speech, case, poll)
        for speech in speeches
        for case in cases
        for poll in ((False,) if alone else (True, False) if case.both_ways else (True,))
    ]


def cpus(wanted: Wanted) -> tuple[int, ...]:
    """The server's processor and the ruler's, or the one that they share."""
    return wanted.cpus or tuple(sorted(os.sched_getaffinity(0)))[:2]


def _named(known: dict[str, T], names: Sequence[str]) -> list[T]:
    """Those of `known` that are named, in its order; all where nothing is."""
    for name in names:
        if name not in known:
            raise UsageError(f"there is no `{name}` to calibrate", f"known: {', '.join(known)}")
    return [one for name, one in known.items() if name in (names or known)]


def expected_seconds(wanted: Wanted) -> float:
    """How long it will take where nothing is measured again."""
    windows = [_window_ns(one.case, wanted) / 1e9 + EXTRA_S for one in chosen(wanted)]
    return _least(wanted.quick) * sum(windows)


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
    server, *rest = cpus(wanted)
    return Place(server, rest[0] if rest else server, child.Children(folder))


def _all(wanted: Wanted, place: Place, tell: Told) -> Iterator[Judged]:
    todo = chosen(wanted)
    known: dict[str, Beside] = {}
    least, spare_s = _least(wanted.quick), QUICK_SPARE_S if wanted.quick else SPARE_S
    for number, setup in enumerate(todo, 1):
        protocol = setup.speech.protocol
        if protocol not in known:
            known[protocol] = beside(setup.speech, place)
        once = _measurement(wanted, setup, place, known[protocol])
        found, spent_s = _repeated(once, least, spare_s)
        spare_s -= spent_s
        tell(found, number, len(todo))
        yield found


def _measurement(wanted: Wanted, setup: Setup, place: Place, known: Beside) -> Once:
    """What measures and judges the repetition that it is given."""
    window_ns = _window_ns(setup.case, wanted)

    def once(at: int) -> Judged:
        reading = measure(setup, window_ns, wanted.seed + at, place)
        return judged(setup, reading, known, wanted.planted_ns)

    return once


def _least(quick: bool) -> int:
    return 1 if quick else REPETITIONS


def _window_ns(case: Case, wanted: Wanted) -> int:
    return case.quick_ns if wanted.quick else case.full_ns


def _repeated(once: Once, least: int, spare_s: float) -> tuple[Judged, float]:
    """The middle of all repetitions, and the seconds that more than `least` took."""
    found = [once(at) for at in range(least)]
    began = time.monotonic()
    while _wanting(found, least) and time.monotonic() - began < spare_s:
        found.append(once(len(found)))
    return middle(found), time.monotonic() - began


def _wanting(found: Sequence[Judged], least: int) -> bool:
    """Whether more may say more: too few were quiet, or the ruler has the middle one wrong."""
    count = len(quiet(found))
    return count < least or (count < REPETITIONS_MAX and middle(found).wrong)
