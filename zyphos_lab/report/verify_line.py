"""Lines of `fit` once more: the normal equations in SQL, block by block, and order statistics.

Uses nothing of what made them but the tables of verify_sql.Numbers.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from zyphos_lab.report.verify_check import Check
from zyphos_lab.report.verify_sql import Numbers

# x is scaled to at most 1, so that the sums keep their digits.
LINES = """
WITH points AS (SELECT unnest($cells) AS cell, unnest($xs) AS x),
scaled AS (SELECT cell, x / (SELECT max(abs(x)) FROM points) AS x FROM points),
whole AS (
  SELECT block FROM blocks JOIN points USING (cell)
  WHERE side = 'all' AND metric = $metric AND value > 0 AND NOT at_least
  GROUP BY block HAVING count(*) = (SELECT count(*) FROM points)),
sums AS (
  SELECT block, sum(1 / value ^ 2) AS s, sum(x / value ^ 2) AS sx, sum(x ^ 2 / value ^ 2) AS sxx,
    sum(1 / value) AS t, sum(x / value) AS tx, max(value) AS most
  FROM blocks JOIN scaled USING (cell) JOIN whole USING (block)
  WHERE side = 'all' AND metric = $metric GROUP BY block),
solved AS (
  SELECT most, (t * sxx - tx * sx) / (s * sxx - sx * sx) AS fixed,
    (s * tx - sx * t) / (s * sxx - sx * sx) AS slope FROM sums),
lines AS (
  SELECT CASE WHEN abs(fixed) < 1e-9 * most THEN 0 ELSE fixed END AS fixed,
    CASE WHEN abs(slope) < 1e-9 * most THEN 0 ELSE slope END
      / (SELECT max(abs(x)) FROM points) AS per_unit
  FROM solved),
parts AS (SELECT fixed, per_unit, per_unit / 2 AS round_trips FROM lines),
ordered AS (
  SELECT {part} AS value, row_number() OVER (ORDER BY {part}) - 1 AS position,
    count(*) OVER () AS n FROM parts)
SELECT median(value), max(CASE WHEN position = r THEN value END),
  max(CASE WHEN position = ordered.n - 1 - r THEN value END), min(value), max(value),
  count(*)
FROM ordered LEFT JOIN ranks ON ranks.n = ordered.n
"""
PARTS = ("fixed", "per_unit")
ON_THE_PAGE = (*PARTS, "round_trips")
POINTS_MIN = 3  # two points make a line that cannot be wrong


def of_line(
    numbers: Numbers, cells: Sequence[tuple[str, float]], metric: str, part: str
) -> dict[str, Any]:
    """value, low, high, smallest, largest and n of a part, as an estimate has it."""
    assert part in ON_THE_PAGE, part
    names = ("value", "low", "high", "smallest", "largest", "n")
    xs = [float(x) for _, x in cells]
    row: Sequence[Any] = (None, None, None, None, None, 0)
    if len(set(xs)) >= POINTS_MIN:
        values = {"cells": [cell for cell, _ in cells], "xs": xs, "metric": metric}
        row = numbers.row(LINES.format(part=part), values)
    return {**dict(zip(names, row, strict=True)), "at_least": False}


def hold(check: Check, numbers: Numbers, one: Mapping[str, Any]) -> None:
    """Both parts of a line of an answer, each point and how far the line is off."""
    line, place = one["line"], f"line {one['id']}"
    cells = [(point["cell"], point["x"]) for point in line["points"]]
    medians = []
    for point in line["points"]:
        found = numbers.estimate(point["cell"], one["metric"])
        check.estimate(f"{place} at {point['cell']}", point["measured"], found)
        medians.append((point["x"], found["value"]))
    if line["error_rms"] is None:
        return
    parts = [of_line(numbers, cells, one["metric"], part) for part in PARTS]
    for part, found in zip(PARTS, parts, strict=True):
        check.estimate(f"{place} {part}", line[part], found)
    ends = (parts[0]["value"], parts[1]["value"])
    for point in line["points"]:
        check.same(place, point["predicted"], ends[0] + ends[1] * point["x"])
    for name, value in zip(("error_rms", "error_max"), error(medians, ends), strict=True):
        check.same(f"{place} {name}", line[name], value)


def error(points: Sequence[tuple[float, float | None]], ends: tuple[Any, Any]) -> list[float]:
    """[rms, largest] relative distance of the line `ends` from `points` (x, median)."""
    off = [abs((ends[0] + ends[1] * x) / y - 1) for x, y in points if y]
    return [(sum(one * one for one in off) / len(off)) ** 0.5, max(off)]


def told_of_lines(answer: Mapping[str, Any]) -> Iterator[float | None]:
    """What a sentence may tell of the lines; each is verified where it stands in the table."""
    for one in answer.get("lines", ()):
        yield from (one["line"][part]["value"] for part in PARTS)
        yield from (one["line"][name] for name in ("error_rms", "error_max"))
