"""The numbers of a report once more, by SQL over the run's Parquet table.

Knows METHOD.md's rules and the columns of `trials`; uses nothing of zyphos_lab/stats or of what
makes the report. Units: those of the columns.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

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
        self._plain: dict[tuple[str, str], dict[int, float]] = {}
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

    def row(self, sql: str, values: Mapping[str, Any]) -> tuple[Any, ...]:
        """The one row that `sql` gives."""
        return tuple(self._connection.execute(sql, dict(values)).fetchall()[0])

    def rows(self, sql: str, values: Sequence[Any] = ()) -> list[tuple[Any, ...]]:
        """All rows."""
        return self._connection.execute(sql, list(values)).fetchall()

    def make(self, sql: str) -> None:
        """A table of the verification's own."""
        self._connection.execute(sql)

    @property
    def counted(self) -> str:
        """The condition of trials that count."""
        return self._measured()

    @property
    def of_measure(self) -> str:
        """The condition of trials that were measured, set aside or not."""
        known = "stage" in self._types
        return "coalesce(stage, 'measure') IN ('measure', 'set_aside')" if known else "true"

    def gone(self) -> set[int]:
        """The blocks in whose place others were measured."""
        if "instead_of" not in self._types:
            return set()
        found = self.rows("SELECT DISTINCT instead_of FROM trials WHERE instead_of IS NOT NULL")
        return {int(row[0]) for row in found}

    def limits(self) -> list[tuple[Any, ...]]:
        """(cell, what most of its trials say of whose cores were full; the first by name of as
        many).
        """
        if "limited_by" not in self._types:
            return []
        each = f"SELECT cell, limited_by, count(*) AS n FROM trials WHERE {self._measured()} "
        return self.rows(
            "SELECT cell, first(limited_by ORDER BY n DESC, limited_by) FROM "
            f"({each} AND limited_by IS NOT NULL GROUP BY ALL) GROUP BY cell ORDER BY cell"
        )

    def lost(self) -> list[tuple[Any, ...]]:
        """(arm, INVALID trials, trials); of A/A the arm's letter stands behind the cell."""
        arm = self._arm()
        name = f"cell || CASE WHEN {arm} = '' THEN '' ELSE ' (' || {arm} || ')' END"
        return self.rows(
            f"SELECT {name} AS name, count(*) FILTER (verdict = 'INVALID'), count(*) FROM trials "
            f"WHERE {self._measured()} GROUP BY name ORDER BY name"
        )

    def _measured(self) -> str:
        """Which trials count: those of stage `measure` for which no others stand in; older runs
        have no stages.
        """
        if "stage" not in self._types:
            return "true"
        if "instead_of" not in self._types:
            return "coalesce(stage, 'measure') = 'measure'"
        gone = "SELECT instead_of FROM trials WHERE instead_of IS NOT NULL"
        return f"stage IN ('measure', 'set_aside') AND block NOT IN ({gone})"

    def _arm(self) -> str:
        return "coalesce(arm, '')" if "arm" in self._types else "''"

    def _reading(self, metric: str) -> str:
        """SELECT of one metric: its value (null of an INVALID trial), and whether it is a bound."""
        usable, bound = self._value(metric)
        text = metric.replace("'", "''")
        return (
            f"SELECT cell, {self._arm()} AS arm, block, '{text}' AS metric, {usable} AS value, "
            f"{bound} AS at_least FROM trials WHERE {self._measured()}"
        )

    def _value(self, metric: str) -> tuple[str, str]:
        """Expressions for both."""
        name = _quoted(metric)
        value, bound = "NULL::DOUBLE", "false"
        if metric in self._types:
            value = f"{name}::DOUBLE"
            if self._types[metric] == "VARCHAR":
                value = f"TRY_CAST(replace({name}, '>=', '') AS DOUBLE)"
                bound = f"coalesce({name} LIKE '>=%', false)"
        if f"{metric}_at_least" in self._types:
            bound += f" OR coalesce(\"{metric}_at_least\"::VARCHAR = 'true', false)"
        return f"CASE WHEN verdict <> 'INVALID' AND isfinite({value}) THEN {value} END", bound

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
        name = _quoted(metric)
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

    def plain(self, cell: str, metric: str) -> dict[int, float]:
        """Block -> the metric, where it is a plain number."""
        key = (cell, metric)
        if key not in self._plain:
            rows = self._connection.execute(
                "SELECT block, value FROM blocks WHERE side = 'all' AND cell = ? AND metric = ? "
                "AND value IS NOT NULL AND NOT at_least",
                [cell, metric],
            ).fetchall()
            self._plain[key] = {int(block): float(value) for block, value in rows}
        return self._plain[key]

    def usable_blocks(self, cell: str) -> list[int]:
        """The starts of a cell that have a trial which is not INVALID; of A/A that is A's."""
        where = f"{self._measured()} AND {self._arm()} <> 'B' AND cell = ? AND verdict <> 'INVALID'"
        sql = f"SELECT DISTINCT block FROM trials WHERE {where} ORDER BY block"
        return [int(row[0]) for row in self._connection.execute(sql, [cell]).fetchall()]

    def rank(self, n: int) -> int:
        """How many of n starts may contradict their median; 0 where none may."""
        return int(self.one("SELECT r FROM ranks WHERE n = ?", [n]) or 0)

    @property
    def numeric(self) -> list[str]:
        """The columns of numbers."""
        return [name for name, kind in self._types.items() if kind in ("BIGINT", "DOUBLE")]

    def columns_by_block(self, names: Sequence[str]) -> dict[str, dict[int, NDArray[np.float64]]]:
        """Cell -> block -> the columns, medians over its trials; NaN where one has none."""
        quoted = (_quoted(name) for name in names)
        medians = [f"CASE WHEN count({c}) = count(*) THEN median({c}) END" for c in quoted]
        where = f"{self._measured()} AND {self._arm()} <> 'B' AND verdict <> 'INVALID'"
        rows = self._connection.execute(
            f"SELECT {', '.join(['cell', 'block', *medians])} FROM trials WHERE {where} "
            "GROUP BY cell, block ORDER BY cell, block"
        ).fetchall()
        found: dict[str, dict[int, NDArray[np.float64]]] = {}
        for cell, block, *values in rows:
            found.setdefault(cell, {})[int(block)] = np.array(values, dtype=np.float64)
        return found

    def factors(self) -> dict[str, tuple[str, ...]]:
        """Cell -> its factors' values, of the cells with a usable trial."""
        names = [_quoted(name) for name in self._types if name.startswith("factor_")]
        where = f"{self._measured()} AND verdict <> 'INVALID'"
        parts = ", ".join(["cell", *(f"any_value({name})::VARCHAR" for name in names)])
        rows = self._connection.execute(
            f"SELECT {parts} FROM trials WHERE {where} GROUP BY cell ORDER BY cell"
        ).fetchall()
        return {str(cell): tuple(str(value) for value in values) for cell, *values in rows}

    def paired(self, metric: str) -> list[tuple[str, float, float]]:
        """(cell, plain, instrumented) of every pair of stage `observer` that has both."""
        if "stage" not in self._types:
            return []
        value, bound = self._value(metric)
        side = (
            f"SELECT cell, block, {value} AS value FROM trials "
            f"WHERE stage = 'observer' AND NOT ({bound}) AND {self._arm()} = "
        )
        sql = f"SELECT cell, a.value, b.value FROM ({side} 'A') AS a JOIN ({side} 'B') AS b "
        where = "USING (cell, block) WHERE a.value > 0 AND b.value > 0 ORDER BY cell, block"
        return [
            (str(cell), a, b) for cell, a, b in self._connection.execute(sql + where).fetchall()
        ]

    def searched(self) -> dict[str, list[dict[str, Any]]]:
        """Cell -> its trials of stage `search` in order, whole rows with their reasons read."""
        if "stage" not in self._types:
            return {}
        asked = self._connection.execute(
            "SELECT * FROM trials WHERE stage = 'search' ORDER BY trial"
        )
        names = [str(one[0]) for one in asked.description or ()]
        found: dict[str, list[dict[str, Any]]] = {}
        for values in asked.fetchall():
            row = dict(zip(names, values, strict=True))
            found.setdefault(row["cell"], []).append({**row, "reasons": json.loads(row["reasons"])})
        return found


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'
