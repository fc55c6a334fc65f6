"""Every reason that can stand against a trial or a run: code, severity, threshold, meaning.

Thresholds are taken from where they are applied, so that this table cannot disagree with them;
docs/verdicts.md is written from it (`make docs`). Plain data.
"""

from __future__ import annotations

from dataclasses import dataclass

from zyphos_lab import ceiling, health, observer, pilot, record, stationarity
from zyphos_lab.probes import verdict

TRIAL, RUN = "trial", "run"


@dataclass(frozen=True, slots=True)
class Kind:
    """`severity` is the best verdict left; several where it depends on how much."""

    code: str
    about: str
    severity: str
    threshold: str
    meaning: str


def _share(fraction: float) -> str:
    return f"{100 * fraction:.3g} %"


def _two(degraded: float, invalid: float, of: str) -> str:
    return f"above {_share(degraded)} / {_share(invalid)} {of}"


BOTH = "DEGRADED / INVALID"

KINDS = (
    Kind("target_failed", TRIAL, "INVALID", "any", "the target did not start, or died"),
    Kind("load_failed", TRIAL, "INVALID", "any", "the load generator failed or never connected"),
    Kind(
        "code_disagrees",
        TRIAL,
        "DEGRADED",
        "any",
        "a code path gave another result under callgrind than when it ran plainly",
    ),
    Kind("link_failed", TRIAL, "INVALID", "any", "the link could not be put up, or broke"),
    Kind(
        "link_missing",
        TRIAL,
        "INVALID",
        "any",
        "this machine has no such link: the cell is left out, the others stand",
    ),
    Kind(
        "generator_failed",
        TRIAL,
        "INVALID",
        "any",
        "this machine has no such load generator: the cell is left out, the others stand",
    ),
    Kind(
        "target_missing",
        TRIAL,
        "INVALID",
        "any",
        "this machine has no such program (`package`): the cell is left out, the others stand",
    ),
    Kind(
        "no_room",
        TRIAL,
        "INVALID",
        "descriptors of a process, memory that is free",
        "this machine cannot hold so many connections: the cell is left out, the others stand",
    ),
    Kind("measurement_failed", TRIAL, "INVALID", "any", "the trial could not be made"),
    Kind("wrong_answers", TRIAL, "INVALID", "any", "requests failed or were answered wrongly"),
    Kind("late_answers", TRIAL, "DEGRADED", "any", "requests were answered after their deadline"),
    Kind("nothing_done", TRIAL, "INVALID", "no answer", "no request was answered in the window"),
    Kind(
        "generator_limit",
        TRIAL,
        BOTH,
        f"scheduled: rate ratio below {health.RATE_RATIO_MIN} (or more than "
        f"{_share(health.LAG_SHARE_MAX)} of p99 is schedule lag, and its threads starved); INVALID "
        f"where they waited for a CPU for {_share(health.STARVED_DEGRADED)} of the window. Closed: "
        f"threads {_share(record.FULL_CORE)} busy (not with polls that find nothing), or waited "
        f"for {_share(health.STARVED_DEGRADED)}; INVALID from {_share(health.STARVED_INVALID)} "
        "where load and target have own CPUs. Never "
        "while the server's own cores were full",
        "the generator may have been (DEGRADED) or was (INVALID) what limited rate or latency; the "
        "rate is printed as >=",
    ),
    Kind(
        "ceiling",
        TRIAL,
        "DEGRADED",
        f"above {_share(ceiling.RATIO_MAX)} of the rate that the same load reaches against the "
        "no-op server, unless the server's own cores were full",
        "the generator may be the limit; the rate is printed as >=",
    ),
    Kind(
        "arrivals_off",
        TRIAL,
        "DEGRADED",
        "Kolmogorov-Smirnov distance, beyond times moved by the 5 us of a send, above "
        f"{health.ARRIVALS_KS_MAX} (few requests: above "
        f"{health.KS_CHANCE} / sqrt(n))",
        "what was sent does not follow the declared arrival law",
    ),
    Kind(
        "littles_law",
        TRIAL,
        "DEGRADED",
        f"ratio off 1 by more than {health.LITTLE_MAX}, plus what the window's edges and "
        "unfinished requests can make",
        "requests under way do not fit rate x latency: times or counts are wrong",
    ),
    Kind(
        "not_stationary",
        TRIAL,
        "DEGRADED",
        f"a change by {_share(stationarity.FLOOR)} at {_share(stationarity.ALPHA)} significance",
        "latency (or, closed, the rate) changed within the window",
    ),
    Kind(
        "not_settled",
        TRIAL,
        "INVALID",
        f"`warmup: auto`: {pilot.TRIES_MAX} starts of the pilot, each watched twice as long",
        "rate or median latency of the arm never settled: it is not compared",
    ),
    Kind("censored", TRIAL, "DEGRADED", "any bound", "a quantile fell on unfinished requests: >="),
    Kind(
        "edges_late",
        TRIAL,
        BOTH,
        _two(record.EDGE_LATE_MAX, 1, "of the window"),
        "counters were read late: they are of another time than the requests",
    ),
    Kind(
        "steal",
        TRIAL,
        BOTH,
        _two(verdict.STEAL_DEGRADED, verdict.STEAL_INVALID, "of the window, worst CPU"),
        "the hypervisor took CPU time away",
    ),
    Kind(
        "throttled",
        TRIAL,
        BOTH,
        _two(verdict.THROTTLE_DEGRADED, verdict.THROTTLE_INVALID, "of the window"),
        "the control group's CPU limit held the trial back",
    ),
    Kind("thermal", TRIAL, "DEGRADED", "any", "a CPU was slowed down for its heat"),
    Kind(
        "other_load",
        TRIAL,
        "DEGRADED",
        f"above {_share(verdict.OTHER_LOAD_DEGRADED)} of a core on the trial's own CPUs",
        "other processes used them; the evidence names the busiest (pid, name, share of a core)",
    ),
    Kind(
        "runner_load",
        TRIAL,
        "DEGRADED",
        f"above {_share(verdict.OTHER_LOAD_DEGRADED)} of a core on the trial's own CPUs",
        "the runner itself used them: its probes sampled too often for so small a machine",
    ),
    Kind("swap", TRIAL, "DEGRADED", "any page", "memory was swapped"),
    Kind(
        "memory_stall",
        TRIAL,
        "DEGRADED",
        f"above {_share(verdict.MEMORY_STALL_DEGRADED)} of the window",
        "every task waited for memory (PSI)",
    ),
    Kind("captured", TRIAL, "DEGRADED", "any", "packets were captured meanwhile, which costs time"),
    Kind("listen_drops", TRIAL, "DEGRADED", "any", "connections were dropped at a listen queue"),
    Kind("softnet_drops", TRIAL, "DEGRADED", "any", "packets were dropped before any socket"),
    Kind("socket_drops", TRIAL, "DEGRADED", "any", "packets were dropped at a socket's full queue"),
    Kind(
        "tun_dropped",
        TRIAL,
        "DEGRADED",
        "any",
        "an emulated link (tun) lost packets which it was not asked to lose: its device's queue "
        "(`link.tx_queue`) was full because the emulator read too slowly, or it had no memory",
    ),
    Kind(
        "retransmits",
        TRIAL,
        "DEGRADED",
        f"above {_share(verdict.RETRANSMITS_DEGRADED)} of the segments sent, at least "
        f"{verdict.RETRANSMITS_MIN}",
        "TCP had to send segments again",
    ),
    Kind(
        "clock",
        TRIAL,
        "DEGRADED",
        f"source not {', '.join(verdict.CLOCK_SOURCES)}; steered by more than "
        f"{verdict.CLOCK_DRIFT_MAX * 1e6:.0f} ppm; wall clock set by more than "
        f"{verdict.CLOCK_STEP_NS / 1e6:.0f} ms; resolution above "
        f"{verdict.CLOCK_RESOLUTION_NS / 1e3:.0f} us",
        "the machine's clocks are slow, coarse, or were changed within the window",
    ),
    Kind(
        "observer",
        TRIAL,
        "DEGRADED",
        f"above {_share(verdict.OBSERVER_DEGRADED)} of the server's CPU",
        "counting system calls cost too much",
    ),
    Kind("no_trials", RUN, "INVALID", "none", "no trial was finished"),
    Kind("cell_without_valid_trial", RUN, "INVALID", "any cell", "every trial of it is INVALID"),
    Kind("incomplete", RUN, "DEGRADED", "any", "not all planned trials were run"),
    Kind("blocks_dropped", RUN, "DEGRADED", "any", "comparisons lost blocks to INVALID trials"),
    Kind(
        observer.OVER_BUDGET,
        RUN,
        "DEGRADED",
        "design.observer.budget (5 %)",
        "the costly probes are shown to change a metric by more than the budget, in pairs of "
        "trials with and without them",
    ),
    Kind("aa_differs", RUN, "DEGRADED", "any", "a cell differs from itself: the floor is not held"),
    Kind(
        "confounded",
        RUN,
        "DEGRADED",
        "any block",
        "CONFOUNDED: the environment differs between a contrast's arms in what its factor does not "
        "set, or its program changed on the way; such a comparison has no verdict",
    ),
    Kind(
        "environment_changed",
        RUN,
        "DEGRADED",
        "any",
        "settings or programs changed during the run, for all arms alike",
    ),
    Kind("journal_damaged", RUN, "DEGRADED", "any line", "a line of the journal cannot be read"),
    Kind(
        "limited_by",
        RUN,
        "remark",
        f"{_share(record.FULL_CORE)} of its cores",
        "whose cores were full; lowers nothing",
    ),
)

HEAD = """# Verdicts

Written by `make docs` from `zyphos_lab/verdicts.py`.

Every trial is VALID, DEGRADED or INVALID, with reasons as data: `{code, severity, message,
evidence}` in the row's column `reasons`, where `evidence` holds the numbers that it rests on.
INVALID trials take no part in statistics and drop their block. A run is INVALID where a cell has no
usable trial; it is DEGRADED by the reasons below that are about a run, and by any reason seen in
more than 1 trial of 20. What was not measured gives no reason: it stands in `skipped`. Drops,
failures and unfinished requests that an experiment is about are named in its `design.subject` and
speak against nothing.
"""


def page() -> str:
    """docs/verdicts.md."""
    parts = [HEAD]
    for about, title in ((TRIAL, "Against a trial"), (RUN, "Against a run")):
        parts.append(f"\n## {title}\n\n| code | severity | threshold | meaning |\n")
        parts.append("|---|---|---|---|\n")
        kinds = (kind for kind in KINDS if kind.about == about)
        parts += [f"| `{k.code}` | {k.severity} | {k.threshold} | {k.meaning} |\n" for k in kinds]
    return "".join(parts)
