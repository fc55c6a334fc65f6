"""What one trial gave: its row, its histograms, its verdict, and how the columns are derived.

Every derived column (per request, ratio, percentile) that no probe gives is made here and nowhere
else. What the load's health says against a trial is health.py's. It does not know how a trial is
run nor where records are kept. Pure functions.
"""

from __future__ import annotations

import base64
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from zyphos_lab.board_metrics import RATES, RATIOS, SHARES_MOST
from zyphos_lab.metrics import PHASES, QUANTILES, TIMES, WIRE, lookup
from zyphos_lab.probes.native import core

Row = dict[str, Any]
Skipped = dict[str, str]

# Codes of trials that this machine cannot make at all: their cells are left out, and said to be.
NOT_HERE = ("generator_failed", "link_missing", "no_room", "target_missing")
VALID, DEGRADED, INVALID = "VALID", "DEGRADED", "INVALID"
FULL_CORE = 0.95  # share of its cores from which on a process is at its limit
EDGE_LATE_MAX = 0.02

# An unfinished request stands at its lower bound. Where it would matter by more than this that it
# took for ever, a value is itself a lower bound.
BOUND_TOLERANCE = 0.01

# Where the lower bounds of the unfinished are, in a result's histograms.
CENSORED = {
    "latency_ns": "censored_ns",
    "service_ns": "service_censored_ns",
    "schedule_lag_ns": "schedule_lag_censored_ns",
}
PROBABILITIES = {"p50": 0.5, "p90": 0.9, "p99": 0.99, "p99_9": 0.999}
RESULT_COLUMNS = (
    "window_ns",
    "connections",
    "requests_scheduled",
    "requests_sent",
    "requests_done",
    "requests_failed",
    "requests_censored",
    "requests_per_second",
    "rate_asked_per_second",
    "rate_ratio",
    "arrivals_ks",
    "arrivals_ks_resolved",
    "arrivals_observed",
    "requests_in_flight_mean",
    "little_ratio",
    "times_beyond_range",
    "client_threads",
    "client_threads_run_delay_ns",
    "client_threads_spin_ns",
    "client_cpu_ns",
)


@dataclass(frozen=True, slots=True)
class Reason:
    """Why a trial is not VALID: `severity` is the best verdict left, `evidence` the numbers."""

    severity: str
    code: str
    message: str
    evidence: Mapping[str, Any] = field(default_factory=dict)

    def as_dict(self) -> dict[str, Any]:
        return {"code": self.code, "severity": self.severity, "message": self.message,
                "evidence": dict(self.evidence)}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Record:
    """One trial: `row` has one entry per quantity (units in the names, None where it is missing).

    `histograms` maps a metric to base64 of an HdrHistogram V2 compressed; `intervals` lists the
    slices of the window, each {start_ns, requests_done, <metric>: base64}; `events` what was done
    to the trial on purpose, as disturb.py has it; `series` what probes saw over time, as
    probes.base.Series has it, from the window's start. `environment` is the full text of what the
    row's column of that name is the hash of. `said`: what a foreign generator that gives no single
    requests wrote, by file.
    """

    row: Row
    histograms: dict[str, str] = field(default_factory=dict)
    intervals: list[dict[str, Any]] = field(default_factory=list)
    events: list[dict[str, Any]] = field(default_factory=list)
    environment: dict[str, Any] | None = None
    series: list[dict[str, Any]] = field(default_factory=list)
    said: dict[str, str] = field(default_factory=dict)


def worst(reasons: Sequence[Reason]) -> str:
    """The verdict that these reasons leave."""
    found = {reason.severity for reason in reasons}
    return next((severity for severity in (INVALID, DEGRADED) if severity in found), VALID)


def nothing_measured() -> Row:
    """The load's columns of a trial that failed: all there, all None."""
    names = [f"{metric}_{suffix}" for metric in TIMES for suffix in QUANTILES]
    return dict.fromkeys([*RESULT_COLUMNS, *names, "environment"])


def load_columns(result: Mapping[str, Any]) -> tuple[Row, Skipped, list[Reason]]:
    """What the load says of itself: counts, rates, percentiles, errors.

    A foreign generator's result has finished columns too (`reported`), and why others are missing.
    """
    reported = result.get("reported", {})
    row: Row = {name: result.get(name) for name in RESULT_COLUMNS}
    row["client_threads_busy_ratio"] = busy(result)
    row.update({f"error_{code}": count for code, count in result.get("errors", {}).items()})
    reasons: list[Reason] = []
    skipped: Skipped = {}
    for metric in _times(result):
        text = result["histograms"].get(metric)
        columns, censored = _percentiles(metric, text, result)
        row.update(columns)
        if columns[f"{metric}_p50"] is None and f"{metric}_p50" not in reported:
            skipped[metric] = "no request was finished" if text else "the load did not measure it"
        if censored:
            row.update({f"{name}_at_least": True for name in censored})
            reasons.append(_censored(metric, censored))
    for at, entry in enumerate(result.get("entries", [])):
        row.update(_entry(f"request_{at}", entry))
    return row | reported, skipped | result.get("skipped", {}), reasons


def _times(result: Mapping[str, Any]) -> list[str]:
    """The times of every load, and those that this one was asked for."""
    return [*TIMES, *(name for name in (*WIRE, *PHASES) if name in result["histograms"])]


def _entry(name: str, entry: Mapping[str, Any]) -> Row:
    """Columns of one of a list of requests; times are those of its good answers."""
    row: Row = {f"{name}_{how}": entry[f"requests_{how}"] for how in ("done", "failed", "censored")}
    values = _values(_decoded(entry["latency_ns"]), 0)
    return row | {f"{name}_latency_ns_{which}": values[which] for which in ("mean", "p50", "p99")}


def _percentiles(metric: str, text: str | None, result: Mapping[str, Any]) -> tuple[Row, list[str]]:
    """Columns of one histogram, and those of them that are only lower bounds."""
    done = _decoded(text)
    unfinished = _decoded(result["histograms"].get(CENSORED.get(metric, "")))
    every = done.copy()
    every.add(unfinished)
    lower = {f"{metric}_{name}": value for name, value in _values(every, 0).items()}
    if not unfinished.count:
        return lower, []
    upper = _values(done, unfinished.count)
    bounds = [
        f"{metric}_{name}"
        for name, most in upper.items()
        if most is None or most > lower[f"{metric}_{name}"] * (1 + BOUND_TOLERANCE)
    ]
    return lower, bounds


def _values(histogram: Any, beyond: int) -> dict[str, Any]:
    """Mean, extremes and quantiles as if `beyond` more observations lay above all others.

    None where there is nothing, or where one of those is what was asked for.
    """
    total = histogram.count + beyond
    values = {"mean": None if beyond else histogram.mean, "min": histogram.min}
    for name, q in PROBABILITIES.items():
        rank = q * total
        values[name] = (
            histogram.quantile(rank / histogram.count) if 0 < rank <= histogram.count else None
        )
    return {**values, "max": None if beyond else histogram.max}


def _decoded(text: str | None) -> Any:
    """A histogram; an empty one where there is none."""
    histogram = core().Histogram
    return histogram.decode(base64.b64decode(text)) if text else histogram()


def _censored(metric: str, columns: list[str]) -> Reason:
    message = f"unfinished requests: {', '.join(columns)} are lower bounds"
    return Reason(DEGRADED, "censored", message, {"metric": metric, "columns": columns})


def busy(result: Mapping[str, Any]) -> float | None:
    """Share of its cores that the load's work took: each of its threads has one, or several
    processes those that they are pinned to.

    Polls that find nothing, before a send or for an answer, are no work: they give way to it.
    """
    cpu_ns = result.get("client_cpu_ns")
    cores = result.get("client_cores") or result.get("client_threads")
    if not cpu_ns or not cores:
        return None
    spun_ns = result.get("client_threads_spin_ns") or 0
    return float(max(0, cpu_ns - spun_ns) / (cores * result["window_ns"]))


def limited_by(row: Row, server_cpus: int) -> str | None:
    """Whose cores were full: "server", "generator", "both", "neither"; None where it is not known.

    A server whose own cores are full cannot do more, however busy the load is beside it.
    `server_cpus` are those that it is pinned to; 0 (not pinned): it counts as not full.
    """
    generator, server_ns = row.get("client_threads_busy_ratio"), row.get("server_cpu_ns")
    if generator is None or server_ns is None:
        return None
    server = server_cpus > 0 and server_ns >= FULL_CORE * server_cpus * row["window_ns"]
    if generator >= FULL_CORE:
        return "both" if server else "generator"
    return "server" if server else "neither"


def edge_reasons(late_ns: Sequence[int], window_ns: int) -> list[Reason]:
    """Whether the counters were read at the window's edges: `late_ns` of the two readings."""
    if max(late_ns) <= EDGE_LATE_MAX * window_ns:
        return []
    message = f"counters were read up to {max(late_ns) / 1e6:.1f} ms after the window's edges"
    # A whole window late, the counters are of another time than the requests.
    severity = INVALID if max(late_ns) >= window_ns else DEGRADED
    return [Reason(severity, "edges_late", message, {"late_ns": list(late_ns)})]


def board_columns(
    side: str, before: Mapping[str, int] | str, after: Mapping[str, int] | str
) -> tuple[Row, Skipped]:
    """`<side>_<counter>` between the two readings; a text in place of one is why there is none."""
    for reading in (before, after):
        if isinstance(reading, str):
            return {}, {f"{side}_board": reading}
    assert not isinstance(before, str) and not isinstance(after, str)
    return {f"{side}_{name}": after[name] - before[name] for name in after}, {}


def requests_between_edges(row: Row) -> int:
    """What counters read at the edges are divided by: requests that ended between the readings.

    The load's board, read with them, knows; without one (`skipped` says so): those of the window.
    """
    return int(row.get("client_requests") or row.get("requests_done") or 0)


def derive(row: Row) -> None:
    """Adds `<name>_per_request`, ratios of the server's counters, CPU ratios where no probe did."""
    done = requests_between_edges(row)
    for name in list(row):
        metric = lookup(name)
        if metric is not None and metric.per_request:
            value = row[name]
            per_request = value / done if done and value is not None else None
            row.setdefault(f"{name}_per_request", per_request)
    row.setdefault("requests_error_ratio", _error_ratio(row))
    row |= _board_ratios(row) | _board_rates(row)
    window_ns = row.get("window_ns")
    for side in ("server", "client"):
        cpu_ns = row.get(f"{side}_cpu_ns")
        if cpu_ns is not None and window_ns:
            row.setdefault(f"{side}_cpu_ratio", cpu_ns / window_ns)


def _board_ratios(row: Row) -> Row:
    """What follows from the server's counters, where there are any; None where nothing is below."""
    ratios: Row = {}
    for name, (above, below) in RATIOS.items():
        if f"server_{above}" in row:
            over = row[f"server_{below}"]
            ratios[f"server_{name}"] = row[f"server_{above}"] / over if over else None
    for name, counters in SHARES_MOST.items():
        counts = [row[f"server_{one}"] for one in counters if f"server_{one}" in row]
        # No other engine has workers.
        if any(counts):
            ratios[f"server_{name}"] = max(counts) / sum(counts)
    return ratios


def _board_rates(row: Row) -> Row:
    """The server's counters per second of the window, where there are both."""
    window_ns = row.get("window_ns")
    counts = {name: row.get(f"server_{counter}") for name, counter in RATES.items()}
    return {
        f"server_{name}": 1e9 * count / window_ns
        for name, count in counts.items()
        if count is not None and window_ns
    }


def _error_ratio(row: Row) -> float | None:
    """Share of the window's requests that got no right answer in time."""
    scheduled = row.get("requests_scheduled")
    lost = [row.get(name) for name in ("requests_failed", "requests_censored")]
    return sum(n or 0 for n in lost) / scheduled if scheduled and None not in lost else None


def close(row: Row, reasons: Sequence[Reason], skipped: Skipped) -> Row:
    """The finished row: derived columns, verdict, reasons, and what is missing and why."""
    derive(row)
    row["verdict"] = worst(reasons)
    row["reasons"] = [reason.as_dict() for reason in reasons]
    row["skipped"] = skipped
    return row
