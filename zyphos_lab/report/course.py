"""How the run went: the warm-up that was found, the starts that were computed, the trials lost.

Read from the manifest (what the stages told, in `told`) and the trials; knows no statistics.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import pandas as pd

from zyphos_lab.observer import OVER_BUDGET
from zyphos_lab.report.model import Remark
from zyphos_lab.spec.fields import AUTO
from zyphos_lab.units import format_duration, parse_duration

INVALID = "INVALID"
METHOD = ("warmup", "until")
GRAVE = (OVER_BUDGET,)  # they lower the verdict
ARMS_LISTED_MAX = 6


def told(manifest: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Code and message of everything that the stages said, in order."""
    stages = manifest.get("told") or {}
    return [(note["code"], note["message"]) for notes in stages.values() for note in notes]


def remarks(manifest: Mapping[str, Any]) -> list[Remark]:
    """What was asked for and not reached, and what arithmetic forbade and was forced."""
    beside = (*METHOD, *GRAVE)
    found = [Remark(code, text) for code, text in told(manifest) if code not in beside]
    forced = manifest.get("notes", ()) if manifest.get("forced") else ()
    return found + [
        Remark(f"forced_{note['code']}", f"forced: {note['message']}")
        for note in forced
        if note.get("refuses")
    ]


def grave(manifest: Mapping[str, Any]) -> list[Remark]:
    """What the stages found that speaks against the run."""
    return [Remark("observer_over_budget", text) for code, text in told(manifest) if code in GRAVE]


def sentences(manifest: Mapping[str, Any]) -> Iterator[str]:
    """For the method paragraph: how warm-up and number of starts were found."""
    for code, message in told(manifest):
        if code in METHOD:
            yield f"{message[0].upper()}{message[1:]}."


def warmup_text(manifest: Mapping[str, Any]) -> str:
    """`200 ms`; where it was found by a pilot the value found."""
    given = (manifest["experiment"].get("repeat") or {}).get("warmup", "200ms")
    if given != AUTO:
        return format_duration(parse_duration(str(given)))
    found = [trial["warmup_ns"] for trial in manifest.get("plan", ()) if "warmup_ns" in trial]
    return format_duration(found[0]) if found else "no time (nothing was measured)"


def lost_by_arm(frame: pd.DataFrame) -> str:
    """`nodelay=true 3 of 8, nodelay=false 0 of 8`: INVALID trials of each arm that lost any, and
    of how many lost none; blocks are dropped for all arms of a contrast, the cause has one.
    """
    if frame.empty:
        return ""
    arm = frame["cell"].astype(str)
    if "arm" in frame:
        arm += frame["arm"].fillna("").map(lambda name: f" ({name})" if name else "")
    bad = (frame["verdict"] == INVALID).groupby(arm, sort=False).agg(["sum", "count"])
    hit = bad[bad["sum"] > 0].sort_values("sum", ascending=False, kind="stable")
    if hit.empty:
        return ""
    listed = [
        f"{name} {lost} of {count}"
        for name, (lost, count) in zip(hit.index, hit.to_numpy().tolist(), strict=True)
    ]
    more = [f"{len(listed) - ARMS_LISTED_MAX} more arms"] * (len(listed) > ARMS_LISTED_MAX)
    spared = len(bad) - len(hit)
    others = [f"the other {spared} none"] * (spared > 0)
    return ", ".join([*listed[:ARMS_LISTED_MAX], *more, *others])
