"""Reasons and remarks of a report once more: how many trials, blocks and cells each of them counts.

By SQL over the reasons that stand in the column of each trial; the shares that decide which of them
lower the verdict are METHOD.md's. Knows nothing of what made them. What a stage of the run told is
quoted from the manifest; what else a remark says in words of its own is counted as not verified
where it holds numbers.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from zyphos_lab.report.verify_check import Check
from zyphos_lab.report.verify_page import misprints
from zyphos_lab.report.verify_sql import Numbers

Data = Mapping[str, Any]
OFTEN = 20  # a reason in more than 1 trial of so many lowers the run's verdict
WORDS = "numbers in the words of the remark {code}"
FULL = {"server": "the server's", "both": "the server's and the load's", "generator": "the load's"}
MACHINE = ("steal", "throttled", "thermal", "other_load", "swap", "memory_stall")
# What this machine has not is no unusable cell.
SKIPPED = ("generator_failed", "link_missing", "no_room", "target_missing")
NUMBER = re.compile(r"(?<![\w.])\d+(?![\w.]*[A-Za-z])")

REASONS = """
CREATE OR REPLACE TABLE given AS
SELECT trial, cell, block, counts, r->>'$.code' AS code, r->>'$.severity' AS severity,
  r->>'$.message' AS message, (r->'$.evidence')::VARCHAR AS evidence
FROM (SELECT trial, cell, block, {counts} AS counts, unnest(from_json(reasons, '["JSON"]')) AS r
  FROM trials WHERE {measured} OR {counts})
"""


class Remarks:
    """Holds the reasons and remarks of an answer; `planned` trials, `compared`: (cell, n, dropped)
    of its comparisons.
    """

    def __init__(
        self,
        numbers: Numbers,
        manifest: Data,
        planned: int,
        compared: Sequence[tuple[str, int, int]],
    ) -> None:
        self._numbers, self._planned, self._compared = numbers, planned, compared
        self._told: Data = {}
        self._quoted = {note["message"] for note in _notes(manifest)}
        counts, measured = numbers.counted, numbers.of_measure
        numbers.make(REASONS.format(counts=counts, measured=measured))
        self._total = numbers.trials()

    def hold(self, check: Check, told: Data) -> None:
        """All of an answer, those that it leaves out with them."""
        self._told = told
        lowering = [one["code"] for one in told["reasons"]]
        counted = {
            one["code"]: one for one in (*told["reasons"], *told["remarks"]) if one["trials"]
        }
        found = dict(self._numbers.rows(
            "SELECT code, count(DISTINCT trial) FROM given WHERE counts GROUP BY code ORDER BY code"
        ))  # fmt: skip
        check.same("codes of the trials' reasons", sorted(counted) == sorted(found), True)
        for code, one in counted.items():
            count = found.get(code, 0)
            check.same(f"{code} trials", one["trials"], count)
            check.same(f"{code} lowers", code in lowering, count * OFTEN > self._total)
            self._example(check, one, count)
        self._limits(check, told["remarks"])
        for one in (*told["reasons"], *told["remarks"]):
            if not one["trials"] and one["code"] != "limited_by":
                self._whole(check, one)

    def _example(self, check: Check, one: Data, count: int) -> None:
        """The trial that stands for the others: it says this, and nothing worse is elsewhere."""
        code, evidence = one["code"], dict(one.get("evidence") or {})
        if "trial" not in evidence:
            return  # a report from before
        worst = "max(CASE severity WHEN 'INVALID' THEN 1 ELSE 0 END)"
        invalid = self._numbers.one(f"SELECT {worst} FROM given WHERE counts AND code = ?", [code])
        severity = "INVALID" if invalid else "DEGRADED"
        check.same(f"{code} severity", one["severity"], severity)
        said = self._numbers.rows(
            "SELECT severity, message, evidence FROM given WHERE counts AND code = ? AND trial = ?",
            [code, evidence.pop("trial")],
        )
        ending = f" (in {count} of {self._total} trials)"
        texts = [(found[0], found[1] + ending, json.loads(found[2] or "{}")) for found in said]
        mine = (one["severity"], one["message"], evidence)
        check.same(f"{code} example", mine if mine in texts else texts, mine)

    def _limits(self, check: Check, remarks: Sequence[Data]) -> None:
        """Whose cores were full, cell by cell: what most of its trials say."""
        told: dict[str, set[str]] = {}
        for one in remarks:
            if one["code"] == "limited_by":
                whose, _, cells = one["message"].removeprefix("full cores: ").partition(" in ")
                told[whose] = set(cells.split("; "))
        found: dict[str, set[str]] = {}
        for cell, limit in self._numbers.limits():
            if limit in FULL:
                found.setdefault(FULL[limit], set()).add(cell)
        check.same("full cores", told == found, True)
        check.verified += sum(map(len, found.values()))

    def _whole(self, check: Check, one: Data) -> None:
        """One about the run as a whole: each number of its message, in order."""
        code, message = one["code"], one["message"]
        hold = {
            "set_aside": self._set_aside,
            "blocks_dropped": self._dropped,
            "incomplete": self._incomplete,
            "cell_without_valid_trial": self._unusable,
            "confounded": self._confounded,
            "aa_differs": self._differs,
        }.get(code)
        if hold is None and message.removeprefix("forced: ") in self._quoted:
            check.verified += len(NUMBER.findall(message))
            return
        if hold is None:
            check.unverified[WORDS.format(code=code)] += len(NUMBER.findall(message))
            return
        for name, told, found in hold(message):
            check.same(f"{code} {name}", told, found)

    def _set_aside(self, message: str) -> Iterator[tuple[str, Any, Any]]:
        numbers = self._numbers
        gone = numbers.gone()
        blocks = numbers.one(f"SELECT count(DISTINCT block) FROM trials WHERE {numbers.of_measure}")
        head, _, rest = message.partition(":")
        yield "blocks", NUMBER.findall(head), [str(len(gone)), str(blocks)]
        hit = numbers.rows(
            f"SELECT block, code, count(*) FROM given WHERE code IN {MACHINE} GROUP BY block, code"
        )
        why: dict[str, int] = {}
        for block, code, count in hit:
            if block in gone:
                why[code] = why.get(code, 0) + count
        told = {code: int(count) for code, count in re.findall(r"(\w+) in (\d+) trials", rest)}
        yield "why", told, why
        left = re.search(r"; (\d+) more count", rest)
        yield "left", int(left[1]) if left else 0, len({row[0] for row in hit} - gone)

    def _dropped(self, message: str) -> Iterator[tuple[str, Any, Any]]:
        hit = [(cell, n, dropped) for cell, n, dropped in self._compared if dropped]
        head, _, arms = message.partition("; INVALID by arm: ")
        text = re.fullmatch(r"(\d+) .* at most (\d+) of (\d+) \((.*)\)", head)
        told = None if text is None else (text[4], int(text[3]) - int(text[2]), int(text[2]))
        yield "comparisons", text and int(text[1]), len(hit)
        most = max((dropped for _, _, dropped in hit), default=0)
        yield "most", told, told if told in hit and told[2] == most else f"{most} blocks"
        if arms:
            yield from self._by_arm(arms)

    def _by_arm(self, text: str) -> Iterator[tuple[str, Any, Any]]:
        """`NAME 3 of 8, ... , the other 2 none` of INVALID trials."""
        found = {str(name): (int(lost), int(count)) for name, lost, count in self._numbers.lost()}
        listed = re.findall(r"(?:^|, )(\S+(?: \(\w+\))?) (\d+) of (\d+)", text)
        for name, lost, count in listed:
            yield name, (int(lost), int(count)), found.get(name)
        more = re.search(r"(\d+) more arms", text)
        arms = len(listed) + (int(more[1]) if more else 0)
        yield "arms", arms, sum(lost > 0 for lost, _ in found.values())
        spared = re.search(r"the other (\d+) none", text)
        yield "spared", int(spared[1]) if spared else 0, sum(not one[0] for one in found.values())

    def _confounded(self, message: str) -> Iterator[tuple[str, Any, Any]]:
        every = [delta["comparison"] for row in self._told["rows"] for delta in row["deltas"]]
        every += self._told["aa"]
        hit = sum(one["reason"].startswith("CONFOUNDED") for one in every)
        yield "comparisons", NUMBER.findall(message)[:2], [str(hit), str(len(every))]

    def _differs(self, message: str) -> Iterator[tuple[str, Any, Any]]:
        ends = [one[name] for one in self._told["aa"] for name in ("ratio", "low", "high", "floor")]
        yield "numbers", misprints(message.partition(", ratio ")[2], ends), []

    def _incomplete(self, message: str) -> Iterator[tuple[str, Any, Any]]:
        told = [int(found) for found in NUMBER.findall(message)]
        yield "trials", told, [self._total, self._planned]

    def _unusable(self, message: str) -> Iterator[tuple[str, Any, Any]]:
        skipped = f"SELECT trial FROM given WHERE code IN {SKIPPED}"
        usable = f"verdict <> 'INVALID' OR (trial IN ({skipped}) AND NOT $all)"
        every = self._numbers.one(f"SELECT count(DISTINCT trial) FROM ({skipped})") == self._total
        rows = self._numbers.rows(
            f"SELECT cell FROM trials WHERE {self._numbers.counted} GROUP BY cell "
            f"HAVING NOT bool_or({usable.replace('$all', str(every).lower())})"
        )
        told = re.search(r"in (\d+) cells", message)
        yield "cells", told and int(told[1]), len(rows)


def _notes(manifest: Data) -> Iterator[Data]:
    """What the run's stages told, and what was said before it."""
    for notes in (manifest.get("told") or {}).values():
        yield from notes
    yield from manifest.get("notes") or ()
