"""CONFOUNDED: comparisons whose two sides did not run in the same environment.

A difference between the sides counts only where the contrast's factor is not what declared it: a
factor that sets a target's command may change its program, one that sets a socket option may not.
What a factor may change must still not change within one side. A confounded comparison keeps its
numbers and loses its verdict; the reason names what changed. Runs without environments (older ones)
pass as they are.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import pandas as pd

from zyphos_lab import environment
from zyphos_lab.report.model import Remark
from zyphos_lab.stats import CANNOT_TELL, Comparison

Facts = Mapping[str, Any]
Changes = dict[str, tuple[Any, Any]]

NAMED_MAX = 3
# Keys of a target (or of the load) that say which program runs and how it is set up.
PROGRAM = ("", "engine", "command", "attach", "reference", "env", "cwd", "files", "generator")
PLACE = (*PROGRAM, "cpus", "threads")
# Keys that set one thing of a side's environment.
LIMITS = {"descriptors_max": "limits.Max open files"}
SIDES = ("server", "client")
NETWORK = ("own_network_namespace", "sysctls", "interfaces")


@dataclass(frozen=True, slots=True)
class Environments:
    """What each trial ran in. `of` maps (cell, arm, block) to the facts of what is not INVALID."""

    of: Mapping[tuple[str, str, int], Facts]

    def side(self, cell: str, arm: str) -> dict[int, Facts]:
        """By block. Arm "" is what takes part in contrasts: the only trial of a block, or its A."""
        arms = ("", "A") if arm == "" else (arm,)
        return {block: facts for (c, a, block), facts in self.of.items() if c == cell and a in arms}


def environments(frame: pd.DataFrame, known: Mapping[str, Facts]) -> Environments:
    """Of the trials of `frame` whose environment is among the `known` ones."""
    found: dict[tuple[str, str, int], Facts] = {}
    if known and "environment" in frame:
        names = [n for n in ("cell", "arm", "block", "verdict", "environment") if n in frame]
        for row in frame[names].to_dict("records"):
            facts = known.get(str(row["environment"]))
            if facts is not None and row["verdict"] != "INVALID":
                key = (str(row["cell"]), str(row.get("arm") or ""), int(row["block"]))
                found[key] = facts
    return Environments(found)


def mark(
    comparisons: Sequence[Comparison], around: Environments, experiment: Mapping[str, Any]
) -> list[Comparison]:
    """The comparisons, the confounded ones without a verdict."""
    return [_marked(c, around, experiment) for c in comparisons]


def remarks(comparisons: Sequence[Comparison], around: Environments) -> list[Remark]:
    """What changed, for the run as a whole: between arms, and (to all arms alike) during it."""
    hit = [c for c in comparisons if c.reason.startswith("CONFOUNDED")]
    found = []
    if hit:
        places = "; ".join(dict.fromkeys(c.reason.removeprefix("CONFOUNDED: ") for c in hit))
        message = f"CONFOUNDED: {len(hit)} of {len(comparisons)} comparisons: {places}"
        found.append(Remark("confounded", message))
    changed = _during(around)
    if changed:
        message = f"the environment changed during the run: {text(changed)}"
        found.append(Remark("environment_changed", message))
    return found


def text(changes: Changes) -> str:
    """`host.governor performance -> powersave, ... and 2 more`."""
    named = [f"{name} {_shown(a)} -> {_shown(b)}" for name, (a, b) in changes.items()]
    more = len(named) - NAMED_MAX
    return ", ".join(named[:NAMED_MAX]) + (f" and {more} more" if more > 0 else "")


def _shown(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value)


def _marked(c: Comparison, around: Environments, experiment: Mapping[str, Any]) -> Comparison:
    aa = c.factor == "arm" and c.cell == c.baseline_cell
    arm = around.side(c.cell, c.value if aa else "")
    base = around.side(c.baseline_cell, c.baseline if aa else "")
    may = () if aa else _may_change(experiment, c.factor)
    changes, blocks = _between(arm, base, may)
    if not changes:
        return c
    where = f" in {len(blocks)} of {len(arm.keys() & base.keys())} blocks"
    reason = f"CONFOUNDED: {text(changes)} (baseline -> arm){where}"
    return replace(c, verdict=CANNOT_TELL, reason=reason)


def _between(
    arm: Mapping[int, Facts], base: Mapping[int, Facts], may: Iterable[str]
) -> tuple[Changes, set[int]]:
    """Undeclared differences within pairs, and declared things that changed within one side."""
    allowed = tuple(may)
    changes: Changes = {}
    blocks: set[int] = set()
    both = sorted(arm.keys() & base.keys())
    for block in both:
        for name, pair in environment.difference(base[block], arm[block]).items():
            steady = allowed and name.startswith(allowed)
            if not steady:
                changes.setdefault(name, pair)
                blocks.add(block)
    for side in (base, arm):
        for name, pair, block in _within(side, both):
            if allowed and name.startswith(allowed):
                changes.setdefault(name, pair)
                blocks.add(block)
    return changes, blocks


def _within(side: Mapping[int, Facts], blocks: Sequence[int]) -> Iterable[tuple[str, Any, int]]:
    """What is not in a block as it was in the first one."""
    for block in blocks[1:]:
        for name, pair in environment.difference(side[blocks[0]], side[block]).items():
            yield name, pair, block


def _during(around: Environments) -> Changes:
    """What changed within a cell over the run."""
    changes: Changes = {}
    for cell, arm in dict.fromkeys((cell, arm) for cell, arm, _ in around.of):
        side = around.side(cell, arm)
        for name, pair, _ in _within(side, sorted(side)):
            changes.setdefault(name, pair)
    return changes


def _may_change(experiment: Mapping[str, Any], factor: str) -> list[str]:
    """Beginnings of the names that `factor` may change by what it sets (undeclared: `target`)."""
    declared = (experiment.get("factors") or {}).get(factor)
    paths = ["target"] if declared is None else declared["set"]
    found: list[str] = []
    for path in [paths] if isinstance(paths, str) else paths:
        found += _changed_by(*_key(path))
    return found


def _changed_by(side: str, key: str) -> list[str]:
    """Of one path, as `_key` has it."""
    if side == "link":  # whose namespaces have settings of their own
        return [f"{end}.{what}" for end in SIDES for what in NETWORK]
    found: list[str] = []
    if side in SIDES and key in PLACE:
        found.append(f"{side}.cpus")
    if side in SIDES and key in LIMITS:
        found.append(f"{side}.{LIMITS[key]}")
    if side in SIDES and key in PROGRAM:
        found.append(f"{side}.")
    return found


def _key(path: str) -> tuple[str, str]:
    """(side, key within it) that a factor's path sets: `targets.*.cpus` is ("server", "cpus")."""
    words = path.split(".")
    if words[0] in ("target", "targets"):
        return "server", ".".join(words[2:3])
    if words[0] == "load":
        return "client", ".".join(words[1:2])
    return words[0], ""
