"""What is said about how a run was done: scope, method, threats to validity, host, command.

Generated from the manifest and the trials, never from hope: a sentence stands here only when what
it says was done or was missing in this run.
"""

from __future__ import annotations

import json
import shlex
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import pandas as pd

from zyphos_lab import host as hosts
from zyphos_lab.calibrate.threat import threats as calibration_threats
from zyphos_lab.report import course, link_text
from zyphos_lab.report.words import floor_text
from zyphos_lab.stats import BLOCKS_MIN, Comparison, differs
from zyphos_lab.stats.signflip import EXACT_BLOCKS_MAX
from zyphos_lab.units import format_duration, format_quantity, parse_duration

CELLS_LISTED_MAX = 8
LAWS = {
    "closed": "closed loop",
    "constant": "constant rate",
    "poisson": "Poisson arrivals",
    "on-off": "arrivals on and off in turn",
    "ramp": "a rate that changes evenly",
    "trace": "arrivals from a file",
    "partly-open": "Poisson sessions",
}
LATENCY = (
    "Latency counts from the scheduled send; percentiles come from HDR histograms that are merged, "
    "never averaged; the unit of repetition is the start of the server, not the request."
)
SIMULATED = (
    "Times are those of the plain program; simulated counts are those of callgrind's machine, two "
    "calls that differ by n iterations, caches and predictors warm: exact, without interval."
)
SIMULATED_THREAT = (
    "A simulated machine: L1 of 32 KiB, last level of 8 MiB, simple branch prediction, no AVX-512: "
    "instructions are those that were executed, misses are what such a machine would miss. "
    "Instructions are no time: what they cost depends on the processor and on what runs beside."
)


def warned(told: str, verdict: str, evidence: bool, profile: str) -> str:
    """The sentence, behind what forbids to take it at its word."""
    if verdict == "INVALID":
        told = f"INVALID measurement, do not use: {told}"
    return told if evidence else f"Not evidence ({profile} profile): {told}"


def scope(manifest: Mapping[str, Any], frame: pd.DataFrame) -> str:
    """`loopback, virtual machine (kvm), 8 starts per cell, closed loop, 16 connections, ...`."""
    experiment = manifest["experiment"]
    load, repeat = experiment.get("load") or {}, experiment.get("repeat", {})
    law = str((load.get("arrival") or {}).get("law", "closed"))
    starts = frame.groupby("cell")["block"].nunique() if len(frame) else pd.Series([0])
    few, many = int(starts.min()), int(starts.max())
    loaded = [
        LAWS.get(law, law),
        _varied(experiment, "load.connections") or f"{load.get('connections', 16)} connections",
    ]
    parts = [
        " and ".join(link_text.kinds(manifest, frame)) if load else "pure code",
        machine(hosts.roles(manifest.get("host"))["server"]),
        f"{few if few == many else f'{few} to {many}'} starts per cell",
        f"window {duration(repeat.get('window', '1s'))}",
        *(loaded if load else []),
        kernel(hosts.roles(manifest.get("host"))["server"]),
    ]
    return ", ".join(part for part in parts if part)


def machine(host: Mapping[str, Any]) -> str:
    """`virtual machine (kvm)`, `bare metal`, or nothing where the fingerprint does not say."""
    kind = host.get("hypervisor")
    if kind is None:
        return ""
    return "bare metal" if kind == "none" else f"virtual machine ({kind})"


def kernel(host: Mapping[str, Any]) -> str:
    release = (host.get("kernel") or {}).get("release")
    return f"kernel {release}" if release else ""


def duration(value: Any) -> str:
    """A duration of the experiment file (text, or nanoseconds) for people."""
    return format_duration(value if isinstance(value, int | float) else parse_duration(str(value)))


def method(
    manifest: Mapping[str, Any], frame: pd.DataFrame, comparisons: Sequence[Comparison]
) -> Iterator[str]:
    """The method paragraph, one sentence each."""
    experiment = manifest["experiment"]
    design, repeat = experiment.get("design", {}), experiment.get("repeat", {})
    blocks = frame["block"].nunique()
    what = "server" if experiment.get("load") else "program"
    yield (
        f"{len(frame)} trials in {blocks} blocks; each trial is a fresh start of the {what}, "
        f"{course.warmup_text(manifest)} of warm-up and a measured window of "
        f"{duration(repeat.get('window', '1s'))}."
    )
    yield from course.sentences(manifest)
    yield _order_text(str(design.get("order", "adjacent_pairs")), manifest.get("seed"))
    if experiment.get("load"):
        yield LATENCY
        yield from link_text.sentences(frame)
    else:
        yield SIMULATED
    yield from _ceiling_text(frame)
    if comparisons:
        yield from _test_text(comparisons)
    if any(differs(c) for c in comparisons):
        yield (
            "Beside a difference stand the per-request counters that moved with it (sign-flip, "
            "adjusted over all counters) and the share that they carry: in its own unit, at a "
            "recorded cost, or at the cost that the run's other pairs of cells show. What moved "
            "with a difference need not be its cause."
        )
    yield (
        "A cell's value is the median over its starts, its interval (95 % or better) that of order "
        f"statistics, given from {BLOCKS_MIN} starts on."
    )


def _ceiling_text(frame: pd.DataFrame) -> Iterator[str]:
    """What the load alone could do, where that was measured."""
    names = ("ceiling_requests_per_second", "ceiling_ratio")
    if any(name not in frame or not frame[name].notna().any() for name in names):
        return
    ceiling, ratio = (frame[name] for name in names)
    least, most = (format_quantity(value, "per_second") for value in (ceiling.min(), ceiling.max()))
    yield (
        "Before the measurement each load was tried against a server that does nothing: "
        f"{least if least == most else f'{least} to {most}'}; a trial reached at most "
        f"{100 * ratio.max():.0f} % of that."
    )


def _order_text(order: str, seed: Any) -> str:
    texts = {
        "adjacent_pairs": "In each block the arms of a contrast run next to each other in random "
        "order, and the groups are shuffled; where several factors are compared each leads in turn "
        "and of some random orders the one with most neighbours is taken",
        "blocks": "Each block runs all cells in random order",
        "sequential": "The cells ran in the order of the file, not randomised",
    }
    return f"{texts.get(order, order)} (seed {seed})."


def _test_text(comparisons: Sequence[Comparison]) -> Iterator[str]:
    most = max(c.n for c in comparisons)
    how = "all sign combinations" if most <= EXACT_BLOCKS_MAX else "a seeded sample of signs"
    floors = sorted({c.floor for c in comparisons})
    families: dict[str, int] = {}
    for c in comparisons:
        families[c.family] = families.get(c.family, 0) + 1
    listed = ", ".join(f"{name} ({count} comparisons)" for name, count in families.items())
    yield (
        f"Arms are compared per block by log ratios with a sign-flip test ({how}); the 95 % "
        f"interval is its inversion; within a family ({listed}) step-down maxT adjusts for "
        "multiplicity."
    )
    yield (
        "A difference is told when the interval lies outside the practical floor of "
        f"{' or '.join(floor_text(f) for f in floors)} and survives its family; inside it is "
        f"'same'; else, and with fewer than {BLOCKS_MIN} blocks, 'cannot tell'."
    )


def threats(
    manifest: Mapping[str, Any],
    frame: pd.DataFrame,
    comparisons: Sequence[Comparison],
    aa: Sequence[Comparison],
) -> Iterator[str]:
    """What a hostile reviewer could say about this run, and would be right to."""
    experiment, host = manifest["experiment"], hosts.roles(manifest.get("host"))["server"]
    load = experiment.get("load") or {}
    yield link_text.threat(manifest, frame) if load else SIMULATED_THREAT
    if machine(host).startswith("virtual"):
        yield (
            "A virtual machine: the hypervisor may take CPU time and makes wake-ups between "
            "virtual CPUs dear; tails (p99.9 and beyond) are the most affected."
        )
    if hosts.one_machine(manifest.get("host")):
        yield "One machine and one kernel: nothing here says how far the numbers carry to others."
    law = str((load.get("arrival") or {}).get("law", "closed"))
    if law == "closed" and load:
        yield (
            "Closed loop: each connection waits for its answer, so a slow server is asked less; "
            "latency is not comparable with that of an open loop at a fixed rate."
        )
    if "calibration" in manifest:
        yield from calibration_threats(manifest["calibration"], load)
    yield from _generator_threat(frame)
    yield from _observer_threat(frame)
    yield from _design_threats(experiment, comparisons, aa)


def _design_threats(
    experiment: Mapping[str, Any], comparisons: Sequence[Comparison], aa: Sequence[Comparison]
) -> Iterator[str]:
    if not aa:
        yield "No A/A contrast was part of this run: its noise floor was not measured."
    if any(c.dropped for c in comparisons):
        yield "Blocks were dropped: a bias, if what invalidated them depends on the arm."
    if (experiment.get("design") or {}).get("order") == "sequential":
        yield "Sequential order: drift of the machine counts as a difference."


def _observer_threat(frame: pd.DataFrame) -> Iterator[str]:
    """What counting cost the server, where it was counted: part of its CPU time."""
    column = "server_observer_bpf_ns_per_request"
    if column not in frame or not frame[column].notna().any():
        return
    medians = frame.groupby("cell", sort=True)[column].median().dropna()
    costs = "; ".join(f"{cell} {format_duration(ns)}" for cell, ns in medians.items())
    if len(medians) > CELLS_LISTED_MAX:
        costs = f"{format_duration(medians.min())} to {format_duration(medians.max())} by cell"
    yield (
        "System calls were counted in every trial, and the server's CPU per request includes what "
        f"that cost (estimated): {costs}."
    )


def _generator_threat(frame: pd.DataFrame) -> Iterator[str]:
    if "client_cpu_ratio" not in frame.columns:
        return
    busiest = frame["client_cpu_ratio"].max()
    if busiest > 0.9:
        yield (
            f"The load generator used up to {100 * busiest:.0f} % of a core: where requests per "
            "second are compared, it may be the limit and the numbers are lower bounds."
        )


def host_table(host: Mapping[str, Any]) -> dict[str, str]:
    """The fingerprint, flattened to `a.b: text`."""
    found: dict[str, str] = {}
    for key, value in host.items():
        if isinstance(value, Mapping):
            found |= {f"{key}.{inner}": text for inner, text in host_table(value).items()}
        else:
            found[str(key)] = value if isinstance(value, str) else json.dumps(value)
    return found


def command(manifest: Mapping[str, Any]) -> str:
    """The line that runs the experiment again."""
    if manifest.get("command"):
        return str(manifest["command"])
    experiment = manifest["experiment"]
    request = manifest.get("request") or {}
    file = request.get("file") or manifest.get("file") or f"experiments/{experiment['name']}.yaml"
    words = ["zyphos-lab", "run", str(file), "--seed", str(manifest.get("seed"))]
    profile = manifest.get("profile")
    if profile and profile != "default":
        words += ["--profile", str(profile)]
    words += ["--force"] * bool(manifest.get("forced"))
    for option, key in (("--set", "sets"), ("--only", "only")):
        for text in request.get(key) or ():
            words += [option, str(text)]
    return shlex.join(words)


def _varied(experiment: Mapping[str, Any], path: str) -> str:
    """`connections 1 to 64` where a factor sets `path`."""
    for name, factor in (experiment.get("factors") or {}).items():
        paths = factor["set"] if isinstance(factor["set"], list) else [factor["set"]]
        if path in paths:
            values = [str(value) for value in factor["values"]]
            return f"{name} {', '.join(values)}"
    return ""
