"""The numbers of a report once more, by SQL over the run's Parquet table.

Knows METHOD.md's rules and the columns of `trials`; uses nothing of zyphos_lab/stats or of what
makes the report. Units: those of the columns.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import duckdb

Comparison = Mapping[str, Any]
AA = "aa"
ALWAYS = "duration_ns"  # so that there is a reading where an answer tells none

# The order statistics that hold the median of n values with 95 %: the largest r for which
# 2 P(Bin(n, 1/2) <= r) <= 5 %.
RANKS = """
CREATE TABLE ranks AS
WITH steps AS (
  SELECT n, i, sum(exp(lgamma(n + 1) - lgamma(i + 1) - lgamma(n - i + 1) - n * ln(2.0)))
    OVER (PARTITION BY n ORDER BY i) AS below
  FROM range(1, {most} + 1) AS a(n), range(0, {most} + 1) AS b(i) WHERE i < (n + 1) // 2)
SELECT n, max(i) AS r FROM steps WHERE 2 * below <= 0.05 GROUP BY n
"""
# One number per start: the median of a block's trials, none where one of them has none.
BLOCKS = """
CREATE TABLE blocks AS
SELECT side, cell, metric, block,
  CASE WHEN count(value) = count(*) THEN median(value) END AS value, bool_or(at_least) AS at_least
FROM (
  SELECT 'all' AS side, * FROM readings WHERE arm <> 'B'
  UNION ALL SELECT arm AS side, * FROM readings WHERE arm IN ('A', 'B'))
GROUP BY side, cell, metric, block
"""
ESTIMATES = """
CREATE TABLE estimates AS
WITH ordered AS (
  SELECT *, row_number() OVER w - 1 AS position, count(*) OVER (PARTITION BY cell, metric) AS n,
    bool_or(at_least) OVER (PARTITION BY cell, metric) AS any_bound
  FROM blocks WHERE side = 'all' AND value IS NOT NULL
  WINDOW w AS (PARTITION BY cell, metric ORDER BY value, at_least))
SELECT cell, metric, any_value(ordered.n) AS n, median(value) AS value,
  max(CASE WHEN position = r AND NOT any_bound THEN value END) AS low,
  max(CASE WHEN position = ordered.n - 1 - r AND NOT any_bound THEN value END) AS high,
  min(value) AS smallest, max(value) AS largest,
  coalesce(bool_or(at_least) FILTER (
    position BETWEEN (ordered.n - 1) // 2 AND ordered.n // 2), false) AS at_least
FROM ordered LEFT JOIN ranks ON ranks.n = ordered.n GROUP BY cell, metric
"""
PAIRS = """
SELECT block, a.value AS arm, b.value AS base, coalesce(a.at_least OR b.at_least, false) AS bound
FROM (SELECT * FROM blocks WHERE side = $side AND cell = $cell AND metric = $metric) AS a
FULL JOIN (SELECT * FROM blocks WHERE side = $base_side AND cell = $base AND metric = $metric) AS b
USING (block) ORDER BY block
"""
# Of a counter beside a difference: over the blocks in which both cells have a usable trial.
MEDIANS = """
SELECT median(value) FILTER (cell = $base), median(value) FILTER (cell = $cell) FROM blocks
WHERE side = 'all' AND metric = $metric AND block IN (
  SELECT block FROM valid WHERE cell IN ($cell, $base) GROUP BY block HAVING count(*) = 2)
"""


class Numbers:
    """Every number that the report could show, from the view `trials` of `connection`."""

    def __init__(self, connection: duckdb.DuckDBPyConnection, metrics: Iterable[str]) -> None:
        self._connection = connection
        self._known: dict[tuple[str, str], dict[str, Any]] = {}
        described = connection.execute("DESCRIBE trials").fetchall()
        self._types = {str(row[0]): str(row[1]) for row in described}
        parts = [self._reading(metric) for metric in dict.fromkeys([ALWAYS, *metrics])]
        connection.execute(f"CREATE TABLE readings AS {' UNION ALL '.join(parts)}")
        connection.execute(BLOCKS)
        connection.execute(
            "CREATE TABLE valid AS SELECT DISTINCT cell, block FROM trials "
            f"WHERE {self._measured()} AND {self._arm()} <> 'B' AND verdict <> 'INVALID'"
        )
        most = self.one("SELECT max(c) FROM (SELECT count(*) AS c FROM blocks GROUP BY ALL)")
        starts = self.one("SELECT count(DISTINCT block) FROM blocks")
        connection.execute(RANKS.format(most=max(1, most or 0, starts or 0)))
        connection.execute(ESTIMATES)

    def one(self, sql: str, values: Sequence[Any] = ()) -> Any:
        """The first value of the first row."""
        row = self._connection.execute(sql, list(values)).fetchone()
        return None if row is None else row[0]

    def _measured(self) -> str:
        """Which trials count: those of stage `measure`; older runs have no stages."""
        return "coalesce(stage, 'measure') = 'measure'" if "stage" in self._types else "true"

    def _arm(self) -> str:
        return "coalesce(arm, '')" if "arm" in self._types else "''"

    def _reading(self, metric: str) -> str:
        """SELECT of one metric: its value (null of an INVALID trial), and whether it is a bound."""
        name = '"' + metric.replace('"', '""') + '"'
        value, bound = "NULL::DOUBLE", "false"
        if metric in self._types:
            value = f"{name}::DOUBLE"
            if self._types[metric] == "VARCHAR":
                value = f"TRY_CAST(replace({name}, '>=', '') AS DOUBLE)"
                bound = f"coalesce({name} LIKE '>=%', false)"
        if f"{metric}_at_least" in self._types:
            bound += f" OR coalesce(\"{metric}_at_least\"::VARCHAR = 'true', false)"
        arm = self._arm()
        usable = f"CASE WHEN verdict <> 'INVALID' AND isfinite({value}) THEN {value} END"
        text = metric.replace("'", "''")
        return (
            f"SELECT cell, {arm} AS arm, block, '{text}' AS metric, {usable} AS value, "
            f"{bound} AS at_least FROM trials WHERE {self._measured()}"
        )

    def estimate(self, cell: str, metric: str) -> dict[str, Any]:
        """n, value, low, high, smallest, largest, at_least; all None where nothing was measured."""
        names = ("n", "value", "low", "high", "smallest", "largest", "at_least")
        if not self._known:
            told = f"SELECT cell, metric, {', '.join(names)} FROM estimates"
            for of, what, *values in self._connection.execute(told).fetchall():
                self._known[of, what] = dict(zip(names, values, strict=True))
        nothing = dict(zip(names, (0, *[None] * 5, False), strict=True))
        return self._known.get((cell, metric), nothing)

    def median_of_all(self, cell: str, metric: str) -> float | None:
        """Of what is true of INVALID trials too: when the server was stopped."""
        name = '"' + metric.replace('"', '""') + '"'
        where = f"{self._measured()} AND cell = ? AND server_stopped_ns > 0"
        value: float | None = self.one(f"SELECT median({name}) FROM trials WHERE {where}", [cell])
        return value

    def trials(self, cell: str | None = None, verdict: str | None = None) -> int:
        """How many trials there are, of a cell, of a verdict."""
        where, values = [self._measured()], []
        for name, wanted in (("cell", cell), ("verdict", verdict)):
            if wanted is not None:
                where.append(f"{name} = ?")
                values.append(wanted)
        return int(self.one(f"SELECT count(*) FROM trials WHERE {' AND '.join(where)}", values))

    def log_ratios(self, comparison: Comparison) -> tuple[dict[int, float], int]:
        """Block -> log ratio (empty where there is none), and how many blocks were dropped."""
        arms = ("B", "A") if comparison["family"] == AA else ("all", "all")
        rows = self._connection.execute(
            PAIRS,
            {
                "side": arms[0],
                "base_side": arms[1],
                "cell": comparison["cell"],
                "base": comparison["baseline_cell"],
                "metric": comparison["metric"],
            },
        ).fetchall()
        whole = [row for row in rows if row[1] is not None and row[2] is not None]
        dropped = len(rows) - len(whole)
        if any(bound or arm <= 0 or base <= 0 for _, arm, base, bound in whole):
            return {}, dropped
        return {int(block): math.log(arm / base) for block, arm, base, _ in whole}, dropped

    def medians(self, cell: str, base: str, metric: str) -> tuple[float | None, float | None]:
        """The metric's medians in the baseline cell and in the cell, over the blocks of both."""
        values = {"cell": cell, "base": base, "metric": metric}
        row = self._connection.execute(MEDIANS, values).fetchone()
        return row or (None, None)

    def ratios(self, cell: str, base: str, metric: str) -> list[float]:
        """The metric over the baseline cell's, block by block, where both are plain numbers."""
        values = {"side": "all", "base_side": "all", "cell": cell, "base": base, "metric": metric}
        rows = self._connection.execute(PAIRS, values).fetchall()
        return [arm / low for _, arm, low, bound in rows if arm is not None and low and not bound]
