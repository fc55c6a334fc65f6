"""What the load says against its own trial: wrong answers, a generator at its limit, arrivals off.

The ruler is doubted first: where the generator demonstrably held the rate or the latency back the
trial is INVALID, where it may have done so it is DEGRADED and the rate is a lower bound. Looks only
at columns; what is missing gives no reason. The thresholds stand here once; docs/verdicts.md lists
them. Pure functions.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

from zyphos_lab.record import DEGRADED, FULL_CORE, INVALID, Reason, Row

RATE_RATIO_MIN = 0.98
ARRIVALS_KS_MAX = 0.02
# Kolmogorov's 1 % point: below it a distance is what chance gives, whatever the law (n > 35).
KS_CHANCE = 1.63

# Share of the time of the load's threads that they were ready to run and had no CPU.
STARVED_DEGRADED, STARVED_INVALID = 0.10, 0.25
# Where more than half of the p99 passed before the request was sent, it is the generator's number.
LAG_SHARE_MAX = 0.5
LAG_NS_MIN = 1_000_000  # a shorter lag is a late wake-up, which any machine has

LITTLE_MAX = 0.05
WAITED = "client_threads_run_delay_ns"

LIMITS = ("generator_limit", "ceiling")  # codes that make the rate a lower bound


def load_reasons(row: Row, law: str, apart: bool = False) -> list[Reason]:
    """What the load's own health and its answers say against the trial.

    `apart`: load and target are pinned to different CPUs, so that it was not the target that the
    load's threads waited for.
    """
    limit = _closed_limit(row, apart) if law == "closed" else _open_limit(row)
    found = [_wrong_answers(row), limit, _arrivals(row), _littles_law(row)]
    return [reason for reason in found if reason is not None]


def mark_limits(row: Row, reasons: Sequence[Reason]) -> None:
    """A rate that the generator may have limited is a lower bound, and the row says so."""
    if any(reason.code in LIMITS for reason in reasons):
        row["requests_per_second_at_least"] = True


def starved(row: Row) -> float:
    """Share of the time of the load's threads that they waited for a CPU; 0 where not known."""
    delay_ns, threads = _waited_ns(row), row.get("client_threads")
    if not delay_ns or not threads or not row.get("window_ns"):
        return 0.0
    return float(delay_ns / (threads * row["window_ns"]))


def _waited_ns(row: Row) -> int | None:
    """Of its own threads as the load counts it; else of its whole process."""
    own = row.get("client_threads_run_delay_ns")
    return row.get("client_run_delay_ns") if own is None else own


def _server_full(row: Row) -> bool:
    """A server whose own cores are full cannot do more, whatever the load does."""
    return row.get("limited_by") in ("server", "both")


def _wrong_answers(row: Row) -> Reason | None:
    """An answer after its deadline is late, not wrong: the tail has its time, as the unfinished."""
    failed, done, late = row["requests_failed"], row["requests_done"], row.get("error_deadline")
    if failed and failed > (late or 0):
        errors = {name: row[name] for name in row if name.startswith("error_")}
        listed = ", ".join(f"{name.removeprefix('error_')} {errors[name]}" for name in errors)
        message = f"wrong answers: {failed} of {failed + done} requests failed ({listed})"
        return Reason(INVALID, "wrong_answers", message, {"requests_failed": failed, **errors})
    if not done:
        return Reason(INVALID, "nothing_done", "no request was answered within the window")
    if late:
        message = f"{late} of {failed + done} requests were answered after their deadline"
        return Reason(DEGRADED, "late_answers", message, {"error_deadline": late})
    return None


def _open_limit(row: Row) -> Reason | None:
    """The generator as the limit of a scheduled load: the rate was missed, or sends were late.

    Late sends alone say nothing: where all connections wait for a slow server they are late too.
    """
    ratio, waited = row["rate_ratio"], starved(row)
    slow = ratio is not None and ratio < RATE_RATIO_MIN
    late = _lag_dominates(row)
    if not (slow or late) or _server_full(row):
        return None
    names = ("rate_ratio", WAITED, "schedule_lag_ns_p99", "latency_ns_p99")
    evidence = _evidence(row, *names, "limited_by")
    if waited >= STARVED_DEGRADED:
        what = (
            f"{ratio:.1%} of the asked rate" if slow else "most of the p99 is lateness of its own"
        )
        message = (
            f"the generator was the limit: its threads waited for a CPU for {waited:.0%} of the "
            f"window ({what})"
        )
        return Reason(INVALID, "generator_limit", message, evidence)
    if not slow:
        return None
    message = f"the asked rate was not reached ({ratio:.3f}): the generator may be the limit"
    return Reason(DEGRADED, "generator_limit", message, evidence)


def _lag_dominates(row: Row) -> bool:
    lag_ns, latency_ns = row.get("schedule_lag_ns_p99"), row.get("latency_ns_p99")
    if lag_ns is None or latency_ns is None:
        return False
    return bool(lag_ns > LAG_NS_MIN and lag_ns > LAG_SHARE_MAX * latency_ns)


def _closed_limit(row: Row, apart: bool) -> Reason | None:
    """Where this holds the rate is `>=`: the server might have done more."""
    if _server_full(row):
        return None
    waited, busy = starved(row), row["client_threads_busy_ratio"]
    evidence = _evidence(row, "client_threads_busy_ratio", WAITED, "limited_by")
    if apart and waited >= STARVED_INVALID:
        message = (
            f"the generator was the limit: its threads waited for a CPU for {waited:.0%} of the "
            "window, and not for the target's"
        )
        return Reason(INVALID, "generator_limit", message, evidence)
    if waited >= STARVED_DEGRADED:
        message = (
            f"the load's threads waited for a CPU for {waited:.0%} of the window: the generator "
            "may be the limit, rates are >="
        )
        return Reason(DEGRADED, "generator_limit", message, evidence)
    if busy is not None and busy >= FULL_CORE:
        message = (
            f"the load's threads were {busy:.0%} busy: the generator may be the limit, rates are >="
        )
        return Reason(DEGRADED, "generator_limit", message, evidence)
    return None


def _evidence(row: Row, *names: str) -> Row:
    return {name: row.get(name) for name in names}


def _arrivals(row: Row) -> Reason | None:
    """The law is judged beyond what a send takes: sends of one thread can't be nearer than that."""
    whole, sent = row["arrivals_ks"], row.get("arrivals_observed") or row["requests_sent"]
    resolved = row.get("arrivals_ks_resolved")
    distance = whole if resolved is None else resolved  # of a generator that does not tell it apart
    if distance is None or not sent:
        return None
    limit = max(ARRIVALS_KS_MAX, KS_CHANCE / math.sqrt(sent))
    if distance <= limit:
        return None
    message = f"what was sent is {distance:.3f} from the declared law (limit {limit:.3f})"
    evidence = _evidence(row, "arrivals_ks", "arrivals_ks_resolved") | {"limit": limit}
    return Reason(DEGRADED, "arrivals_off", message, evidence)


def _littles_law(row: Row) -> Reason | None:
    """Mean number under way against rate times mean time: the two are counted independently.

    At the window's edges one of them counts what the other leaves out: up to a long latency of the
    window on either side (a stall there), and what was never finished.
    """
    ratio, scheduled = row.get("little_ratio"), row.get("requests_scheduled")
    if ratio is None or not scheduled:
        return None
    edges = 2 * (row.get("latency_ns_p99") or 0) / row["window_ns"]
    limit = LITTLE_MAX + edges + (row.get("requests_censored") or 0) / scheduled
    if abs(ratio - 1) <= limit:
        return None
    message = (
        f"requests under way are {ratio:.2f} times rate x latency (Little's law: 1 within "
        f"{limit:.2f}): times or counts are wrong"
    )
    names = ("little_ratio", "requests_in_flight_mean", "requests_per_second", "latency_ns_p99")
    return Reason(DEGRADED, "littles_law", message, {**_evidence(row, *names), "limit": limit})
