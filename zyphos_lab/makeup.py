"""Blocks that the machine disturbed, and the blocks that are measured in their place.

A block is disturbed where one of its trials says so of the machine: the hypervisor, other work, a
limit, heat or memory (MACHINE). That is the host's evidence alone; what the block measured is not
looked at, so that leaving it out favours no result. It is left out whole, for all arms, and only
once another is measured in its place; in the store's tables its stage is `set_aside`. At most
`design.spare` of the blocks are made up for. Pure functions.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from zyphos_lab.record import INVALID, Row
from zyphos_lab.stage import MEASURE, SET_ASIDE, Note

MACHINE = frozenset({"steal", "throttled", "thermal", "other_load", "swap", "memory_stall"})


def disturbed(rows: Iterable[Row]) -> dict[int, list[Mapping[str, Any]]]:
    """By block the reasons of the machine against its trials; blocks without any are not there."""
    found: dict[int, list[Mapping[str, Any]]] = {}
    for row in rows:
        if reasons := [one for one in row.get("reasons", ()) if one["code"] in MACHINE]:
            found.setdefault(row["block"], []).extend(reasons)
    return found


def replaced(rows: Iterable[Row]) -> frozenset[int]:
    """The blocks in whose place others were measured."""
    given = (row.get("instead_of") for row in rows)
    return frozenset(int(block) for block in given if block is not None)


def counts_to(stage: str, trial: Mapping[str, Any], gone: frozenset[int]) -> str:
    """The stage that a trial counts to, which was run in `stage`; `gone`: blocks replaced."""
    return SET_ASIDE if stage == MEASURE and trial.get("block") in gone else stage


def wanted(rows: Sequence[Row], share: float) -> list[int]:
    """The disturbed blocks to be made up for next, the worst first, as far as `share` allows.

    `rows`: of stage `measure`, each of its blocks whole. Blocks that stand in another's place may
    be disturbed again, and count towards the share.
    """
    blocks = {row["block"] for row in rows}
    gone = replaced(rows)
    spent = len(gone)
    spare = int(share * (len(blocks) - spent)) - spent
    hit = {block: reasons for block, reasons in disturbed(rows).items() if block not in gone}
    fatal = {b for b, found in hit.items() if any(one["severity"] == INVALID for one in found)}
    return sorted(hit, key=lambda block: (block not in fatal, block))[: max(0, spare)]


def told(rows: Sequence[Row]) -> list[Note]:
    """What was set aside and why, and what was not made up for."""
    hit, gone = disturbed(rows), replaced(rows)
    if not gone:
        return []
    codes = Counter(one["code"] for block in gone for one in hit.get(block, ()))
    why = ", ".join(f"{code} in {count} trials" for code, count in codes.most_common())
    blocks = len({row["block"] for row in rows})
    text = f"{len(gone)} of {blocks} blocks were set aside and measured again, whatever they said: "
    text += f"the machine disturbed them ({why})"
    left = len(hit.keys() - gone)
    more = f"; {left} more count, disturbed as they are" if left else ""
    return [Note("set_aside", text + more)]
