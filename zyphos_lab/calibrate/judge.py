"""Is what the ruler reports within its limits of the truth? Pure functions over one Reading.

Limits are METHOD.md's: the median within 50 us, p99 within 200 us, rates within 0.5 %, losses to
the request. The truth is the kernel's; whether the server itself kept its law is said beside it
and never held against the ruler. Nor is what any thread of this machine that sleeps would lose by
waking up, as far as a small client beside the ruler lost it too.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from zyphos_lab.calibrate import laws
from zyphos_lab.calibrate.bench import Disturbance, Reading
from zyphos_lab.calibrate.cases import (
    CAP_PER_SECOND,
    LOSS,
    STALL_AT_NS,
    STALL_FOR_NS,
    STALL_RATE_PER_SECOND,
    Case,
    Setup,
)
from zyphos_lab.calibrate.wire import Beside
from zyphos_lab.makeup import MACHINE
from zyphos_lab.spec.target_models import Delay

LIMITS_NS = {"p50": 50_000, "p99": 200_000}
QUANTILES = {"p50": 0.5, "p90": 0.9, "p99": 0.99, "p99_9": 0.999}
BUCKET_BITS = 11  # a bucket of cpp/metrics/histogram.h is 2^-11 to 2^-10 of its values wide
RATE_LIMIT = 0.005
LOSS_LIMIT_REQUESTS = 1
REPETITIONS = 3  # of a full calibration, at least; of a quick one 1
CURVE = (*(k / 100 for k in range(1, 100)), 0.995, 0.999)


@dataclass(frozen=True, slots=True)
class Point:
    """One figure: what was reported, what was true, how far they may be apart (None: not judged).

    `law_low`, `law_high`: what the law allows the truth to be. Units: nanoseconds of a quantile,
    per second of a rate, requests of a loss.
    """

    name: str
    reported: float
    truth: float
    law_low: float
    law_high: float
    limit: float | None

    @property
    def bias(self) -> float:
        return self.reported - self.truth

    @property
    def off(self) -> bool:
        return self.limit is not None and abs(self.bias) > self.limit

    @property
    def excess(self) -> float:
        """The bias in limits; 0 where it is not judged."""
        return 0.0 if self.limit is None else abs(self.bias) / self.limit

    @property
    def lawful(self) -> bool:
        """Whether the truth itself is what the law says, as exactly as the ruler is to be."""
        slack = self.limit or 0.0
        return self.limit is None or self.law_low - slack <= self.truth <= self.law_high + slack


@dataclass(frozen=True, slots=True)
class Judged:
    """One case of one protocol: its points, its curves (ns, over CURVE), and what disturbed it.

    `poll`: the ruler did not sleep while answers were awaited. `parts_ns` is what the median's
    difference consists of: sent late, wire, client. `wake_ns`: by quantile, what waking up cost a
    small client that slept; of a ruler that sleeps. It is the middle one of `repetitions`;
    `set_aside` more were disturbed by the machine and did not count.
    """

    protocol: str
    case: str
    title: str
    kind: str
    points: tuple[Point, ...]
    poll: bool
    reported_ns: tuple[int, ...] = ()
    truth_ns: tuple[int, ...] = ()
    parts_ns: Mapping[str, float] = field(default_factory=dict)
    wake_ns: Mapping[str, float] = field(default_factory=dict)
    disturbed: tuple[Disturbance, ...] = ()
    repetitions: int = 1
    set_aside: int = 0

    @property
    def off(self) -> bool:
        """Whether a figure is beyond its limit."""
        return any(point.off for point in self.points)

    @property
    def wrong(self) -> bool:
        """Whether that is the ruler's fault: more than waking up explains."""
        return any(point.off and not self._woken(point) for point in self.points)

    def _woken(self, point: Point) -> bool:
        beyond = point.bias - self.wake_ns.get(point.name, 0.0)
        return point.limit is not None and point.bias > 0 and beyond <= point.limit

    @property
    def lawful(self) -> bool:
        return all(point.lawful for point in self.points)

    @property
    def excess(self) -> float:
        return max(point.excess for point in self.points)


def judged(setup: Setup, reading: Reading, beside: Beside, planted_ns: int = 0) -> Judged:
    """Holds one reading against the truth; `planted_ns` is added to what the ruler reports."""
    case = setup.case
    points = _POINTS[case.kind](case, reading, planted_ns)
    timed = case.kind in ("latency", "stall")
    return Judged(
        setup.speech.protocol,
        case.name,
        case.title,
        case.kind,
        points,
        setup.poll,
        reported_ns=_curve(reading.latency, planted_ns) if timed else (),
        truth_ns=_curve(reading.truth, 0) if timed else (),
        parts_ns=_parts(reading, beside.wire_ns) if case.kind == "latency" else {},
        wake_ns={} if setup.poll or not timed else beside.wake_ns,
        disturbed=reading.disturbed,
    )


def middle(found: Sequence[Judged]) -> Judged:
    """Of repetitions the one whose worst figure is the median one, whole; of two middle ones the
    worse.

    Those that the machine disturbed do not count, unless it disturbed all.
    """
    counted = quiet(found) or found
    ranked = sorted(counted, key=lambda one: one.excess)
    chosen = ranked[len(ranked) // 2]
    aside = len(found) - len(counted)
    return replace(chosen, repetitions=len(counted), set_aside=aside)


def quiet(found: Sequence[Judged]) -> list[Judged]:
    """Those beside which the machine did nothing else: chosen without a look at their figures."""
    return [one for one in found if not any(d.code in MACHINE for d in one.disturbed)]


def _curve(histogram: Any, planted_ns: int) -> tuple[int, ...]:
    return tuple(histogram.quantile(q) + planted_ns for q in CURVE) if histogram.count else ()


def _parts(reading: Reading, wire_ns: float | None) -> dict[str, float]:
    """Medians: of the schedule's lag, and of what lies between the server and the client."""
    beyond = reading.service.quantile(0.5) - reading.truth.quantile(0.5)
    lag = float(reading.lag.quantile(0.5))
    if wire_ns is None:
        return {"sent_late": lag, "wire_and_client": beyond}
    return {"sent_late": lag, "wire": wire_ns, "client": beyond - wire_ns}


def _quantiles(
    reading: Reading, planted_ns: int, allowed: Callable[[float], laws.Band]
) -> tuple[Point, ...]:
    return tuple(
        Point(
            name,
            reading.latency.quantile(q) + planted_ns,
            reading.truth.quantile(q),
            *allowed(q),
            allowed_ns(name, reading.truth.quantile(q)),
        )
        for name, q in QUANTILES.items()
    )


def allowed_ns(name: str, truth_ns: int) -> float | None:
    """How far a quantile may be off; None where it is not judged.

    Both are read from histograms of three digits: where one of their buckets is wider than the
    limit (from some 0.3 s on) two values that are nearly the same may be a whole bucket apart.
    """
    limit = LIMITS_NS.get(name)
    if limit is None:
        return None
    bucket_ns = 1 << max(0, truth_ns.bit_length() - BUCKET_BITS)
    return limit + bucket_ns if bucket_ns > limit else limit


def _latency(case: Case, reading: Reading, planted_ns: int) -> tuple[Point, ...]:
    law = laws.delay_quantile(Delay.model_validate(case.reference["delay"]))
    count = reading.truth.count
    return _quantiles(reading, planted_ns, lambda q: laws.band(law, q, count))


def _stall(case: Case, reading: Reading, planted_ns: int) -> tuple[Point, ...]:
    window_ns = int(reading.result["window_ns"])
    law = laws.stall_quantile(STALL_RATE_PER_SECOND, window_ns, STALL_AT_NS, STALL_FOR_NS)
    count = reading.truth.count
    return _quantiles(reading, planted_ns, lambda q: laws.exact_band(law, q, count))


def _rate(case: Case, reading: Reading, planted_ns: int) -> tuple[Point, ...]:
    window_ns = reading.result["window_ns"]
    truth = reading.window["answers_in_window"] * 1e9 / window_ns
    reported = reading.result["requests_per_second"] * (1 + planted_ns / 1e9)
    limit = RATE_LIMIT * truth
    return (Point("rate", reported, truth, CAP_PER_SECOND, CAP_PER_SECOND, limit),)


def _loss(case: Case, reading: Reading, planted_ns: int) -> tuple[Point, ...]:
    result, cohort = reading.result, reading.cohort
    reported = result["requests_failed"] + result["requests_censored"]
    low, high = laws.binomial_band(LOSS, cohort["requests_received"])
    count = cohort["requests_received"]
    lost = float(cohort["requests_lost"])
    planted = planted_ns / 1_000_000
    return (
        Point("lost", reported + planted, lost, low * count, high * count, LOSS_LIMIT_REQUESTS),
        Point("requests", result["requests_scheduled"], count, count, count, LOSS_LIMIT_REQUESTS),
    )


_POINTS = {"latency": _latency, "stall": _stall, "rate": _rate, "loss": _loss}
