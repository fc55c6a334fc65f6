"""The findings as a page of Markdown for people, and as plain data for the record."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import Any

from zyphos_lab.stats.simulation.checks import Finding

SCHEMA_VERSION = 1
TITLES = {
    "false alarms": "How often a difference is seen where there is none (two arms, 8 starts each)",
    "families": "The same for 24 comparisons at once: any one of them counts",
    "coverage": "How often the 95 % interval holds the truth (a true ratio of 1.05)",
    "power": "How often a true slowdown is found",
    "two steps": "Sample size in two steps",
    "change points": "Warm-up and change points in dependent slices of one start",
    "counter-examples": "What other methods would have said of the same noise",
}


def record(findings: Sequence[Finding], seed: int) -> dict[str, Any]:
    """Everything, for statistics.json."""
    return {
        "schema": SCHEMA_VERSION,
        "sentence": sentence(findings),
        "seed": seed,
        "holds": all(f.holds is not False for f in findings),
        "findings": [
            {**dataclasses.asdict(f), "standard_error": round(f.error, 5), "holds": f.holds}
            for f in findings
        ],
    }


def sentence(findings: Sequence[Finding]) -> str:
    """For a reader without statistics."""
    ours = _worst(findings, "p of 5 % or less")
    others = _worst(findings, "a difference where there is none")
    if ours is None or others is None:
        return "Not all checks were run."
    broken = sum(f.holds is False for f in findings)
    kept = f" {broken} of the promises below are NOT kept." if broken else ""
    return (
        f"Comparing a server with itself, the lab's test sees a difference in {_percent(ours)} of "
        f"runs at worst, where 5 % were promised; common ways to compare see one in up to "
        f"{_percent(others)}.{kept}"
    )


def _worst(findings: Sequence[Finding], text: str) -> float | None:
    return max((f.share for f in findings if f.text.startswith(text)), default=None)


def markdown(findings: Sequence[Finding], seed: int, command: str) -> str:
    """The page; every number is one of `findings`."""
    lines = ["# Do the statistics keep their promises?", "", sentence(findings), ""]
    lines += [
        "Each line below comes from simulated runs in which the truth is known: the order of the "
        "trials is the real plan's, the verdict the real comparison's, only the server is replaced "
        "by a number with noise. A promise counts as kept within two standard errors.",
        "",
        f"Made by `{command}` (seed {seed}); the numbers are in `statistics.json`.",
    ]
    for group in dict.fromkeys(f.group for f in findings):
        lines += ["", f"## {TITLES.get(group, group)}", ""]
        lines += ["| what | simulated runs | share | promised | kept |", "|---|---:|---:|---:|---|"]
        lines += [_line(f) for f in findings if f.group == group]
    return "\n".join(lines) + "\n"


def _line(f: Finding) -> str:
    promised = ""
    if f.at_most is not None:
        promised = f"at most {_percent(f.at_most)}"
    elif f.at_least is not None:
        promised = f"at least {_percent(f.at_least)}"
    kept = {True: "yes", False: "**no**", None: ""}[f.holds]
    share = f"{_percent(f.share)} +- {100 * f.error:.1f}"
    return f"| {f.text} | {f.runs} | {share} | {promised} | {kept} |"


def _percent(share: float) -> str:
    return f"{100 * share:.3g} %"
