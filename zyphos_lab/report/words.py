"""Numbers and conditions as people read them. Knows units and no statistics."""

from __future__ import annotations

import re
from collections.abc import Sequence

from zyphos_lab.metrics import lookup
from zyphos_lab.report.counters import carriers_text
from zyphos_lab.report.model import Delta, ExpectationResult
from zyphos_lab.stats import Advice, Comparison, Estimate
from zyphos_lab.units import format_quantity

Conditions = tuple[tuple[str, str], ...]
QUANTILE = re.compile(
    r"(latency|service|schedule_lag|wire|first_byte)_ns_(mean|min|max|p[0-9_]+)\Z"
)
TIMES = {
    "latency": "latency",
    "service": "service time",
    "schedule_lag": "schedule lag",
    "wire": "time on the wire and in the server",
    "first_byte": "time to the first byte",
}
KNOWN = {
    "requests_per_second": "requests per second",
    "server_cpu_ns_per_request": "server CPU per request",
    "client_cpu_ns_per_request": "client CPU per request",
    "server_syscalls_per_request": "server system calls per request",
}


def metric_words(name: str) -> str:
    """`latency_ns_p50` -> `median latency`; a name without a phrase of its own stays as it is."""
    found = QUANTILE.match(name)
    if not found:
        return KNOWN.get(name, name)
    which = {"p50": "median", "mean": "mean", "min": "shortest", "max": "longest"}
    return f"{which.get(found[2], found[2].replace('_', '.'))} {TIMES[found[1]]}"


def significant(value: float) -> str:
    """Three significant digits, without an exponent."""
    return format_quantity(value, "ratio")


def bracket(value_text: str, low: float, high: float, unit: str) -> str:
    """`[43.7, 44.1]`, with units inside only where they are not those of `value_text`."""
    suffix = value_text.rpartition(" ")[2] if " " in value_text else ""
    ends = [format_quantity(end, unit) for end in (low, high)]
    if suffix and all(end.endswith(f" {suffix}") for end in ends):
        ends = [end.removesuffix(f" {suffix}") for end in ends]
    return f"[{ends[0]}, {ends[1]}]"


def value_text(estimate: Estimate, unit: str) -> str:
    """`43.9 ms`, `>= 1.00 s`, or `-` where there is no number."""
    if estimate.value is None:
        return "-"
    return (">= " if estimate.at_least else "") + format_quantity(estimate.value, unit)


def estimate_text(estimate: Estimate, unit: str) -> str:
    """`43.9 ms [43.7, 44.1]`; without an interval only the value."""
    text = value_text(estimate, unit)
    if unit == "simulated":
        return _simulated_text(estimate, text)
    if estimate.low is None or estimate.high is None:
        return text
    return f"{text} {bracket(text, estimate.low, estimate.high, unit)}"


def _simulated_text(estimate: Estimate, text: str) -> str:
    """`1358 exact, simulated` where starts agree; the range of what they gave where they do not."""
    if estimate.smallest is None or estimate.largest is None:
        return text
    if estimate.n < 2:
        return f"{text} simulated, one start"
    if estimate.smallest == estimate.largest:
        return f"{text} exact, simulated"
    ends = bracket(text, estimate.smallest, estimate.largest, "simulated")
    return f"{text} simulated, starts differ {ends}"


def times(factor: float) -> str:
    """`880x`."""
    return f"{significant(factor)}x"


def ratio_text(comparison: Comparison) -> str:
    """`0.00114 [0.00111, 0.00116]`, or `-`."""
    if comparison.ratio is None:
        return "-"
    text = _ratio(comparison.ratio)
    if comparison.low is None or comparison.high is None:
        return text
    return f"{text} [{_ratio(comparison.low)}, {_ratio(comparison.high)}]"


def _ratio(ratio: float) -> str:
    """Three significant digits; near 1, where the third decimal matters, three decimals."""
    return f"{ratio:.3f}" if 0.9 <= ratio < 1.1 else significant(ratio)


def change_text(comparison: Comparison) -> str:
    """What a difference amounts to: `880x faster`, `1.20x higher`; else the verdict."""
    if comparison.verdict == "same":
        return f"same within {floor_text(comparison.floor)}"
    if comparison.ratio is None or comparison.verdict == "cannot tell":
        return comparison.verdict
    return f"{times(size_of(comparison.ratio))} {verdict_word(comparison)}"


def verdict_word(comparison: Comparison) -> str:
    """The verdict in its metric's words: CPU time is less or more, not faster or slower."""
    if "cpu" not in comparison.metric:
        return comparison.verdict
    words = {"faster": "less", "lower": "less", "slower": "more", "higher": "more"}
    return words.get(comparison.verdict, comparison.verdict)


def varied(conditions: Sequence[Conditions]) -> list[str]:
    """The factors that do not have one value throughout."""
    return [name for name, values in _values(conditions).items() if len(values) > 1]


def conditions_text(comparison: Comparison, names: Sequence[str]) -> str:
    """`write=two ack=delayed`, of the factors in `names`."""
    return " ".join(f"{name}={value}" for name, value in comparison.conditions if name in names)


def beside_text(delta: Delta) -> str:
    """What moved with a difference; for `cannot tell` the reason; else nothing."""
    if delta.explained is None:
        return delta.comparison.reason
    if not delta.explained:
        return "unexplained: no counter moved with it"
    return carriers_text(delta.carries)


def advice_text(delta: Delta) -> str:
    """What would decide it: `6 more starts would bring its interval from 4.1 % to 3 %; ...`."""
    found = delta.advice
    if found is None:
        return ""
    ends = f"its interval from {floor_text(found.half_width)} to {floor_text(found.target)}"
    starts = "start" if found.blocks_more == 1 else "starts"
    return f"{found.blocks_more} more {starts} would bring {ends}" + _window_text(found)


def _window_text(found: Advice) -> str:
    if found.start_share is None:
        return ""
    between = f"{100 * found.start_share:.0f} % of the variance lies between starts"
    if found.window_factor is None:
        return f"; longer windows would not: {between}"
    return f"; so would windows {times(found.window_factor)} as long: {between}"


def aa_text(c: Comparison) -> str:
    """One line on a cell that was compared with itself."""
    return f"{c.cell}, {c.metric}: ratio {ratio_text(c)}, {change_text(c)}" + (
        f" ({c.reason})" if c.reason else ""
    )


def measured_text(expectation: ExpectationResult) -> str:
    """`measured 43.9 ms; control failed as it must (50.0 us)`: of several cells what decides."""
    parts = []
    if (one := expectation.deciding) is not None:
        parts.append(f"measured {_measured(one.measured)}{of_several(expectation)}")
    if (control := expectation.control_deciding) is not None:
        how = {True: "failed as it must", False: "did NOT fail", None: "undecided"}
        parts.append(f"control {how[expectation.control_failed]} ({_measured(control.measured)})")
    return "; ".join(parts)


def _measured(measured: dict[str, Estimate]) -> str:
    return ", ".join(estimate_text(found, measured_unit(name)) for name, found in measured.items())


def of_several(expectation: ExpectationResult) -> str:
    """` in write=one, which decides of 4 cells`; '' where there is but one."""
    count = len(expectation.cells)
    return f" in {expectation.decides}, which decides of {count} cells" if count > 1 else ""


def measured_unit(name: str) -> str:
    """Unit of a metric, or of `ratio(metric)`."""
    metric = lookup(name)
    return "ratio" if name.startswith("ratio(") else metric.unit if metric else ""


def size_of(ratio: float) -> float:
    """A ratio as a factor of at least 1, whichever way it points."""
    return max(ratio, 1 / ratio)


def floor_text(floor: float) -> str:
    return f"{100 * floor:.3g} %"


def change_words(factor: str, value: str, baseline: str) -> str:
    """`Turning nodelay on`, `engine=epoll instead of nginx`."""
    if (baseline, value) == ("false", "true"):
        return f"Turning {factor} on"
    if (baseline, value) == ("true", "false"):
        return f"Turning {factor} off"
    return f"{factor}={value} instead of {baseline}"


def where_text(chosen: Sequence[Conditions], universe: Sequence[Conditions]) -> str:
    """The shortest description of `chosen` among `universe`; '' for all of it.

    A product of value sets (`write=two, ack=delayed`), everything but such a product, a few
    products, or at last how many of how many.
    """
    if not chosen or set(chosen) == set(universe):
        return ""
    rest = [conditions for conditions in universe if conditions not in set(chosen)]
    product = _product(chosen, universe)
    if product is not None:
        return f"where {product}"
    without = _product(rest, universe)
    if without is not None:
        return f"except where {without}"
    parts = _parts(chosen, universe)
    if parts is not None and len(parts) <= 3:
        return "where " + ", and where ".join(parts)
    return f"in {len(set(chosen))} of {len(set(universe))} cells"


def _product(chosen: Sequence[Conditions], universe: Sequence[Conditions]) -> str | None:
    """`a=1, b=x or y` when that describes exactly `chosen`."""
    allowed = _values(chosen)
    inside = {c for c in universe if all(value in allowed[name] for name, value in c)}
    if inside != set(chosen):
        return None
    everything = _values(universe)
    texts = [
        f"{name}={' or '.join(values)}"
        for name, values in allowed.items()
        if len(values) < len(everything[name])
    ]
    return ", ".join(texts)


def _parts(chosen: Sequence[Conditions], universe: Sequence[Conditions]) -> list[str] | None:
    """The fewest products, one per value of some factor, that together are `chosen`."""
    splits = []
    for name, values in _values(chosen).items():
        split = [[c for c in chosen if dict(c)[name] == value] for value in values]
        texts = [_product(part, universe) for part in split]
        if None not in texts:
            splits.append([text for text in texts if text])
    return min(splits, key=len, default=None)


def _values(conditions: Sequence[Conditions]) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for entry in conditions:
        for name, value in entry:
            if value not in found.setdefault(name, []):
                found[name].append(value)
    return found
