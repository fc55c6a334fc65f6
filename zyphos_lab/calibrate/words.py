"""A calibration in words: one sentence that needs no statistics, and a line for each figure."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from zyphos_lab.calibrate.judge import LIMITS_NS, REPETITIONS, Judged, Point
from zyphos_lab.calibrate.result import Calibration
from zyphos_lab.units import format_count, format_duration

FIGURES = {
    "p50": "median",
    "p90": "90 % within",
    "p99": "99 % within",
    "p99_9": "99.9 % within",
    "rate": "answers per second",
    "lost": "requests lost",
    "requests": "requests",
}
PARTS = {
    "sent_late": "sent after its time",
    "wire": "on the wire, both ways",
    "client": "until the ruler has noticed and read the answer",
    "wire_and_client": "on the wire and until the ruler has read the answer",
}
SPAN = "50 us to 10 ms"
JUDGED = ("p50", "p99")
OFF_TOLD_MAX = 3
ADVICE = "use `load: {poll: true}` with a processor for the load alone"


def sentence(calibration: Calibration) -> str:
    """What the calibration says, to anyone."""
    wrong = sum(one.wrong for one in calibration.ruling)
    count = len(calibration.ruling)
    if calibration.verdict == "disturbed":
        return (
            "The ruler could not be judged: the machine was not quiet, and in "
            f"{len(calibration.wrong)} of {len(calibration.judged)} cases it did not report what "
            "was so."
        )
    if wrong:
        return f"The ruler is off: in {wrong} of {count} cases it does not report what was so."
    if calibration.off:
        return (
            "The ruler is off where its thread sleeps: in "
            f"{len(calibration.wrong)} of {len(calibration.asleep)} cases waking up does not "
            "explain what it reports."
        )
    return _good(calibration)


def _good(calibration: Calibration) -> str:
    count = len(calibration.ruling)
    biases = _constant_biases(calibration.ruling)
    if not calibration.polled and calibration.asleep_verdict != "good":
        return (
            "The ruler could only sleep here, and reports more than was so: by what waking up "
            "costs, and no more."
        )
    if not biases:
        return (
            f"The ruler is right: within its limits in the {count} case{'s'[: count != 1]} "
            "measured."
        )
    return (
        f"The ruler is right: typical waits, from {SPAN}, come out at most "
        f"{format_duration(max(biases))} off ({LIMITS_NS['p50'] / 1000:g} us are allowed)."
    )


def _offence(one: Judged, point: Point) -> str:
    way = "too much" if point.bias > 0 else "too little"
    way_of = "" if one.poll else ", asleep"
    return (
        f"{one.protocol}{way_of}, {one.title}: {FIGURES[point.name]} "
        f"{difference_text(point, signed=False)} {way} ({limit_text(point)} allowed)"
    )


def _constant_biases(judged: Sequence[Judged]) -> list[float]:
    """How far the medians of the constant delays are off, where all of them were measured."""
    by_case: dict[str, list[float]] = {}
    for one in judged:
        if one.case.startswith("constant_"):
            biases = [abs(point.bias) for point in one.points if point.name == "p50"]
            by_case.setdefault(one.case, []).extend(biases)
    whole = len(by_case) == 3
    return [bias for found in by_case.values() for bias in found] if whole else []


def second(calibration: Calibration) -> str:
    """What else holds, in one sentence; '' where there is nothing to add."""
    if calibration.off or any(one.off for one in calibration.ruling):
        return ""
    parts = [part for part in (_tail(calibration), *_others(calibration)) if part]
    text = "; ".join(parts)
    return text[:1].upper() + text[1:] + "." if text else ""


def _tail(calibration: Calibration) -> str:
    points = [point for one in calibration.ruling for point in one.points if point.name == "p99"]
    worst = max((abs(point.bias) for point in points), default=None)
    if worst is None:
        return ""
    return f"the slowest one in a hundred is right to within {format_duration(worst)}"


def _others(calibration: Calibration) -> Iterator[str]:
    """What was judged besides delays."""
    kinds = {one.kind for one in calibration.ruling}
    if "stall" in kinds:
        yield "a stop of 1 s is seen in every request that it held up"
    rates = [p for one in calibration.ruling if one.kind == "rate" for p in one.points]
    if rates:
        yield f"rates are right to {max(abs(p.bias) / p.truth for p in rates):.2%}"
    if "loss" in kinds:
        yield "no lost request is missed"


def asleep(calibration: Calibration) -> str:
    """What a thread that sleeps costs here, and what to do about it; '' where none slept."""
    if not calibration.asleep:
        return ""
    if not calibration.polled:
        return (
            "Only the ruler that sleeps was measured: polling needs a processor of its own, and "
            "server and ruler had one between them."
        )
    if calibration.asleep_verdict == "disturbed":
        return "What a ruler that sleeps adds could not be judged: the machine was not quiet."
    worst = max((point_of(one, "p50") for one in calibration.asleep), default=0.0)
    told = (
        "Unless told otherwise the ruler sleeps until an answer comes; here that adds up to "
        f"{format_duration(worst)} to a typical wait"
    )
    wakes = [one.wake_ns["p50"] for one in calibration.asleep if "p50" in one.wake_ns]
    if wakes:
        told += f" (any sleeping thread takes {format_duration(max(wakes))} to wake up)"
    over = sum(one.off for one in calibration.asleep)
    if not over:
        return f"{told}, which is within the limits."
    return (
        f"{told}, and in {over} of {len(calibration.asleep)} cases more than is allowed: {ADVICE}."
    )


def point_of(one: Judged, name: str) -> float:
    """How far this quantile is off, in nanoseconds."""
    return next(point.bias for point in one.points if point.name == name)


def value_text(point: Point, value: float) -> str:
    if point.name == "rate":
        return f"{value:.1f}/s"
    return f"{value:.0f}" if point.name in ("lost", "requests") else format_duration(value)


def difference_text(point: Point, signed: bool = True) -> str:
    sign = "" if not signed else "-" if point.bias < 0 else "+"
    amount = abs(point.bias)
    if point.name == "rate":
        return f"{sign}{amount / point.truth:.2%}" if point.truth else f"{sign}{amount:g}"
    counted = point.name in ("lost", "requests")
    return f"{sign}{format_count(amount) if counted else format_duration(amount)}"


def limit_text(point: Point) -> str:
    """What the difference may be; '' where it is not judged."""
    if point.limit is None:
        return ""
    if point.name == "rate":
        return f"{point.limit / point.truth:.1%}" if point.truth else "-"
    counted = point.name in ("lost", "requests")
    return format_count(point.limit) if counted else format_duration(point.limit)


def verdict_text(point: Point) -> str:
    return "" if point.limit is None else "OFF" if point.off else "ok"


def asleep_verdict_text(one: Judged) -> str:
    """Over the limits is no fault of the ruler's as long as waking up explains it."""
    return "OFF" if one.wrong else "over" if one.off else "ok"


def wake_text(one: Judged, name: str) -> str:
    """What waking up cost beside the ruler, at this quantile."""
    return format_duration(one.wake_ns[name]) if name in one.wake_ns else "-"


def parts_text(one: Judged) -> str:
    """What the median's difference consists of."""
    shown = [f"{format_duration(ns)} {PARTS[name]}" for name, ns in one.parts_ns.items()]
    return ", ".join(shown)


def remarks(calibration: Calibration) -> Iterator[str]:
    """What else a reader has to know: the server off its law, disturbances, repetitions."""
    offenders = [(one, point) for one in calibration.wrong for point in one.points if point.off]
    worst = sorted(offenders, key=lambda pair: pair[1].excess, reverse=True)
    yield from (_offence(*pair) for pair in worst[:OFF_TOLD_MAX])
    yield from _again(calibration)
    yield from _unlawful(calibration)
    count = len(calibration.judged)
    found: dict[str, list[str]] = {}
    for one in calibration.judged:
        for disturbance in one.disturbed:
            found.setdefault(disturbance.code, []).append(disturbance.message)
    for messages in found.values():
        yield f"not quiet in {len(messages)} of {count} cases: {messages[0]}"
    if found and calibration.off:
        yield "calibrate again when nothing else runs"


def _again(calibration: Calibration) -> Iterator[str]:
    """Where repetitions were set aside, or the first were off and more were measured."""
    aside = [one.set_aside for one in calibration.judged if one.set_aside]
    if aside:
        yield (
            f"set aside, as the machine disturbed them, and made up for: {sum(aside)} measurements "
            f"of {len(aside)} of {len(calibration.judged)} cases"
        )
    least = 1 if calibration.quick else REPETITIONS
    found = [one for one in calibration.judged if one.repetitions > least]
    if found:
        most = max(one.repetitions for one in found)
        yield (
            f"measured again, as the ruler was off at first: {len(found)} of "
            f"{len(calibration.judged)} cases, up to {most} times; the middle one counts"
        )


def _unlawful(calibration: Calibration) -> Iterator[str]:
    """Where the server itself did not do as it was told."""
    found = [(one, p) for one in calibration.judged for p in one.points if not p.lawful]
    if not found:
        return
    one, point = found[0]
    low, high = (value_text(point, value) for value in (point.law_low, point.law_high))
    cases = len({(one.protocol, one.case) for one, _ in found})
    yield (
        f"in {cases} of {len(calibration.judged)} cases the server itself was off its law (first "
        f"{one.protocol}, {one.title}: {FIGURES[point.name]} {value_text(point, point.truth)}, by "
        f"law {low} to {high}); the ruler is held against what the kernel saw of it"
    )
