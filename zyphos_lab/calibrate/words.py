"""A calibration in words: one sentence that needs no statistics, and a line for each figure."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from zyphos_lab.calibrate.judge import Judged, Point
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
    "client": "until the ruler has woken up and read the answer",
    "wire_and_client": "on the wire and until the ruler has read the answer",
}
SPAN = "50 us to 10 ms"
OFF_TOLD_MAX = 3


def sentence(calibration: Calibration) -> str:
    """What the calibration says, to anyone."""
    wrong = sum(one.off for one in calibration.judged)
    count = len(calibration.judged)
    if calibration.verdict == "disturbed":
        return (
            "The ruler could not be judged: the machine was not quiet, and in "
            f"{wrong} of {count} cases it did not report what was so."
        )
    if wrong:
        return f"The ruler is off: in {wrong} of {count} cases it does not report what was so."
    biases = _constant_biases(calibration.judged)
    if not biases:
        return f"The ruler is within its limits in the {count} case{'s'[: count != 1]} measured."
    return f"The ruler shows delays of {SPAN} to within {format_duration(max(biases))}."


def _offence(one: Judged, point: Point) -> str:
    way = "too much" if point.bias > 0 else "too little"
    return (
        f"{one.protocol}, {one.title}: {FIGURES[point.name]} "
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
    if calibration.off:
        return ""
    parts = [part for part in (_tail(calibration), *_others(calibration)) if part]
    text = "; ".join(parts)
    return text[:1].upper() + text[1:] + "." if text else ""


def _tail(calibration: Calibration) -> str:
    points = [point for one in calibration.judged for point in one.points if point.name == "p99"]
    worst = max((abs(point.bias) for point in points), default=None)
    if worst is None:
        return ""
    return f"the slowest one in a hundred is right to within {format_duration(worst)}"


def _others(calibration: Calibration) -> Iterator[str]:
    """What was judged besides delays."""
    kinds = {one.kind for one in calibration.judged}
    if "stall" in kinds:
        yield "a stop of 1 s is seen in every request that it held up"
    rates = [p for one in calibration.judged if one.kind == "rate" for p in one.points]
    if rates:
        yield f"rates are right to {max(abs(p.bias) / p.truth for p in rates):.2%}"
    if "loss" in kinds:
        yield "no lost request is missed"


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


def parts_text(one: Judged) -> str:
    """What the median's difference consists of."""
    shown = [f"{format_duration(ns)} {PARTS[name]}" for name, ns in one.parts_ns.items()]
    return ", ".join(shown)


def remarks(calibration: Calibration) -> Iterator[str]:
    """What else a reader has to know: the server off its law, disturbances, repetitions."""
    offenders = [(one, point) for one in calibration.judged for point in one.points if point.off]
    worst = sorted(offenders, key=lambda pair: pair[1].excess, reverse=True)
    yield from (_offence(*pair) for pair in worst[:OFF_TOLD_MAX])
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
