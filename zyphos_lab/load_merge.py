"""The results of the processes that share a load, as the one result of the whole.

Counts add, histograms are merged, never their quantiles; rates and ratios follow from the sums.
How far what was sent is from the declared law is that of all arrivals together: no process knows it
of its own. Pure functions.
"""

from __future__ import annotations

import base64
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from zyphos_lab.errors import LoadError
from zyphos_lab.probes.native import core

Result = Mapping[str, Any]

ADDED = (
    *("requests_scheduled", "requests_sent", "requests_done", "requests_failed"),
    *("requests_censored", "requests_done_in_window", "requests_sent_in_window"),
    *("connections", "reconnects", "bytes_out", "bytes_in", "times_beyond_range"),
    *("client_cpu_ns", "client_threads_spin_ns", "client_threads", "client_threads_run_delay_ns"),
)
SEEN = "arrivals_seen"


def merged(results: Sequence[Result], words: Sequence[str], cpus: Sequence[int]) -> dict[str, Any]:
    """As zyphos-load says it of one. `words` are those that all were given, `cpus` where they ran.

    LoadError where they are not parts of one load: other windows, other intervals.
    """
    window_ns = max(one["window_ns"] for one in results)
    whole: dict[str, Any] = {
        "event": "result",
        "window_ns": window_ns,
        "interrupted": any(one["interrupted"] for one in results),
        **{name: _sum([one[name] for one in results]) for name in ADDED},
        **{
            name: _counted(one[name] for one in results) for name in ("errors", "connection_errors")
        },
    }
    whole["requests_per_second"] = _ratio(whole["requests_done_in_window"] * 1e9, window_ns)
    asked = results[0]["rate_asked_per_second"]  # of the whole: each was told it
    scheduled = whole["requests_scheduled"] if asked is not None else 0
    whole["rate_asked_per_second"] = asked
    whole["rate_ratio"] = _ratio(whole["requests_sent_in_window"], scheduled)
    whole |= _arrivals(results, words, window_ns) | _littles_law(results)
    # Threads that share a CPU cannot each fill one.
    threads = whole["client_threads"]
    whole["client_cores"] = min(threads, len(set(cpus))) if cpus else threads
    whole["histograms"] = _histograms([one["histograms"] for one in results])
    whole["intervals"] = _listed(results, "intervals")
    whole["entries"] = _listed(results, "entries")
    return whole


def _sum(values: Sequence[int | None]) -> int | None:
    """None where one is: a part is no sum."""
    known = [value for value in values if value is not None]
    return sum(known) if len(known) == len(values) else None


def _counted(counts: Any) -> dict[str, int]:
    whole: Counter[str] = Counter()
    for one in counts:
        whole.update(one)
    return dict(whole)


def _ratio(above: float, below: float) -> float | None:
    return above / below if below > 0 else None


def _arrivals(results: Sequence[Result], words: Sequence[str], window_ns: int) -> dict[str, Any]:
    seen = [one[SEEN] for one in results if SEEN in one]
    found: tuple[float | None, float | None, int] = (None, None, 0)
    if seen:  # not of the closed law
        found = core().arrivals_fit(words, window_ns, seen)
    return dict(
        zip(("arrivals_ks", "arrivals_ks_resolved", "arrivals_observed"), found, strict=True)
    )


def _littles_law(results: Sequence[Result]) -> dict[str, Any]:
    """L adds. Over lambda W, which adds too: each part's is its L over its own ratio."""
    means = [(one["requests_in_flight_mean"], one["little_ratio"]) for one in results]
    in_flight = sum(mean or 0.0 for mean, _ in means)
    expected = sum(mean / ratio for mean, ratio in means if mean and ratio)
    return {"requests_in_flight_mean": in_flight, "little_ratio": _ratio(in_flight, expected)}


def _histograms(parts: Sequence[Mapping[str, str]]) -> dict[str, str]:
    names = dict.fromkeys(name for one in parts for name in one)
    return {name: _added([one[name] for one in parts if name in one]) for name in names}


def _added(texts: Sequence[str]) -> str:
    whole = core().Histogram()
    for text in texts:
        whole.add(core().Histogram.decode(base64.b64decode(text)))
    return base64.b64encode(whole.encode()).decode("ascii")


def _listed(results: Sequence[Result], name: str) -> list[dict[str, Any]]:
    """Interval by interval, or entry by entry: each is {counts, start_ns, latency_ns}."""
    if len({len(one[name]) for one in results}) != 1:
        raise LoadError(f"load: its processes do not agree in their {name}")
    return [_one(parts, name) for parts in zip(*(one[name] for one in results), strict=True)]


def _one(parts: Sequence[Mapping[str, Any]], name: str) -> dict[str, Any]:
    if len({part.get("start_ns") for part in parts}) != 1:
        raise LoadError(f"load: its processes do not agree when their {name} begin")
    added = [key for key in parts[0] if key not in ("start_ns", "latency_ns")]
    return {
        **{key: parts[0][key] for key in ("start_ns",) if key in parts[0]},
        **{key: sum(part[key] for part in parts) for key in added},
        "latency_ns": _added([part["latency_ns"] for part in parts]),
    }
