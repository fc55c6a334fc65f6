"""What a foreign generator said, as the result that zyphos-load would give.

What the tool does not report is left out, with the reason in `skipped`: never a zero.
"""

from __future__ import annotations

import base64
from typing import Any

from zyphos_lab.metrics import QUANTILES
from zyphos_lab.probes.native import core
from zyphos_lab.rulers.base import SECOND_NS, Job, Said, Samples
from zyphos_lab.rulers.found import Found
from zyphos_lab.spec.ruler_rules import law_run

LATENCY = "latency_ns"
WHO = "a foreign generator"


def result_of(
    said: Said, job: Job, found: Found, interval_ns: int, started_ns: int
) -> dict[str, Any]:
    """The `result` event of a window that began at `started_ns` (wall clock).

    `reported` are finished columns, `skipped` what is missing and why.
    """
    load, tool = job.load, found.adapter.name
    law = law_run(tool, load.arrival.law)
    asked = load.arrival.rate_per_second if law != "closed" else None
    per_second = said.done * SECOND_NS / said.run_ns
    return {
        "window_ns": job.window_ns,
        "connections": None if tool == "vegeta" and asked else load.connections,
        "requests_done": said.done,
        "requests_failed": said.failed,
        "errors": dict(said.errors),
        "requests_per_second": per_second,
        "rate_asked_per_second": asked,
        "rate_ratio": per_second / asked if asked else None,
        "client_threads": load.threads,
        "law": law,
        "histograms": {} if said.samples is None else {LATENCY: _encoded(said.samples.latency_ns)},
        "intervals": _intervals(said.samples, job, interval_ns, started_ns),
        "reported": {**_printed(said), "generator_version": found.version},
        "skipped": _skipped(said, tool, load.arrival.law, law),
    }


def _printed(said: Said) -> dict[str, float | None]:
    """Percentiles as the tool printed them, where it gave no single requests."""
    if said.samples is not None:
        return {}
    return {f"{LATENCY}_{name}": said.latency_ns.get(name) for name in QUANTILES}


def _encoded(latency_ns: Any) -> str:
    histogram = core().Histogram()
    histogram.record_array(latency_ns)
    return base64.b64encode(histogram.encode()).decode()


def _intervals(
    samples: Samples | None, job: Job, interval_ns: int, started_ns: int
) -> list[dict[str, Any]]:
    """Slices of the window by when a request began, as zyphos-load slices by when it was due.

    A tool ends as much after the window as it started late: that belongs to the last slice.
    """
    if samples is None:
        return []
    count = -(-job.window_ns // interval_ns)
    slots = ((samples.start_ns - started_ns) // interval_ns).clip(0, count - 1)
    found = []
    for slot in range(count):
        part = samples.latency_ns[slots == slot]
        slice_: dict[str, Any] = {"start_ns": slot * interval_ns, "requests_done": len(part)}
        if len(part):
            slice_[LATENCY] = _encoded(part)
        found.append(slice_)
    return found


def _skipped(said: Said, tool: str, asked_law: str, law: str) -> dict[str, str]:
    skipped = {
        "service_ns": f"{WHO} has one latency: latency_ns",
        "schedule_lag_ns": f"{WHO} does not say when a request was due",
        "requests_scheduled": f"{WHO} counts requests that were answered",
        "answers": f"{WHO} checks the status of an answer, nothing else",
    }
    if law != asked_law:
        skipped["rate_asked_per_second"] = f"{tool} knows no rate: it ran closed"
    if tool == "vegeta" and law != "closed":
        skipped["connections"] = "vegeta opens as many as it needs"
    if said.samples is None:
        skipped["single requests"] = f"not said by {tool}"
        missing = ", ".join(name for name in QUANTILES if name not in said.latency_ns)
        if missing:
            skipped[f"latency_ns {missing}"] = f"not said by {tool}"
    return skipped
