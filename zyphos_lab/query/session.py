"""A DuckDB session over the runs: only the views that a query names are made, nothing is written.

`trials` and `histograms` read the Parquet files as they are; a table that is missing, damaged or
older than its journal is made again first (in the run's folder, or beside it where that is being
written to). Thread safety: one session, one thread.
"""

from __future__ import annotations

import difflib
import json
import re
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from zyphos_lab.errors import StoreError, UsageError
from zyphos_lab.query.views import RUN, SMALL, Column
from zyphos_lab.tables import HISTOGRAMS, TRIALS

if TYPE_CHECKING:
    import duckdb

LARGE = (TRIALS, HISTOGRAMS)
VIEWS = (*LARGE, *SMALL)
HISTOGRAM_COLUMNS: list[Column] = [
    *RUN,
    ("trial", "BIGINT", "count", "the trial"),
    ("metric", "VARCHAR", "", "latency_ns, service_ns, schedule_lag_ns, wire_ns, censored_ns"),
    ("interval", "BIGINT", "count", "slice of the window; null: the whole window"),
    ("encoded", "BLOB", "", "HdrHistogram V2 compressed, values in ns"),
]
_EVERY = re.compile(
    r"(?:,|\bselect|\bdistinct|\.)\s*\*|\b(?:columns|describe|summarize)\b", re.IGNORECASE
)
Say = Callable[[str], None]


class Session:
    """The runs as views. `say` gets one line for each thing that was mended or left out."""

    def __init__(self, runs: Sequence[Path], say: Say) -> None:
        import duckdb

        if not runs:
            raise StoreError("there is no run to ask")
        self.runs = list(runs)
        self._say = say
        self._made: set[str] = set()
        self._narrow = False
        self._folder: tempfile.TemporaryDirectory[str] | None = None
        self.connection = duckdb.connect(":memory:")

    def close(self) -> None:
        self.connection.close()
        if self._folder is not None:
            self._folder.cleanup()

    def __enter__(self) -> Session:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def ask(self, sql: str) -> tuple[list[str], list[tuple[Any, ...]]]:
        """Names of the columns, and the rows. UsageError of one line, with the place, if it is
        wrong.
        """
        import duckdb

        try:
            statements = self.connection.extract_statements(sql)
            _check(statements)
            for name in VIEWS:
                if re.search(rf"\b{name}\b", sql, re.IGNORECASE):
                    self.make(name, _words(sql))
            try:
                return self._execute(statements[0])
            except duckdb.BinderException:
                # With every column there it is told what was meant.
                if self._narrow:
                    self.connection.execute(f"DROP TABLE {TRIALS}")
                    self._made.discard(TRIALS)
                    self.make(TRIALS)
                return self._execute(statements[0])
        except duckdb.Error as error:
            raise _complaint(sql, error) from error

    def _execute(self, statement: duckdb.Statement) -> tuple[list[str], list[tuple[Any, ...]]]:
        done = self.connection.execute(statement)
        return [column[0] for column in done.description or ()], done.fetchall()

    def make(self, name: str, words: frozenset[str] = frozenset()) -> None:
        """The view `name`, once; of `trials` only the columns in `words`, if there are any."""
        if name in self._made:
            return
        self._made.add(name)
        if name in SMALL:
            self._make_small(name)
        else:
            self._make_large(name, words if name == TRIALS else frozenset())

    def columns(self, name: str) -> list[tuple[str, str]]:
        """Name and type of a view's columns."""
        self.make(name)
        found = self.connection.execute(f"DESCRIBE {name}").fetchall()
        return [(str(row[0]), str(row[1])) for row in found]

    def _make_small(self, name: str) -> None:
        columns, of = SMALL[name]
        rows: list[dict[str, Any]] = []
        for run in self.runs:
            try:
                rows += list(of(run))
            except StoreError as error:
                self._say(f"left out of {name}: {error}")
        shape = json.dumps([{column: kind for column, kind, *_ in columns}])
        self.connection.execute(
            f"CREATE TABLE {name} AS SELECT unnest(from_json(?, ?), recursive := true)",
            [json.dumps(rows), shape],
        )

    def _make_large(self, name: str, words: frozenset[str]) -> None:
        """A view; a table where only some of its hundreds of columns are wanted: twice as fast."""
        files = [str(file) for run in self.runs if (file := self._table(run, name))]
        if not files:
            raise StoreError(f"no run has {name}")
        listed = ", ".join("'" + file.replace("'", "''") + "'" for file in files)
        self._narrow = bool(words)
        wanted = (
            f"COLUMNS('(?i)^({'|'.join(sorted(words))})$')" if words else "* EXCLUDE (filename)"
        )
        self.connection.execute(
            f"CREATE {'TABLE' if words else 'VIEW'} {name} AS SELECT parse_path(filename)[-2] AS "
            f"run, parse_path(filename)[-3] AS experiment, {wanted} "
            f"FROM read_parquet([{listed}], union_by_name = true, filename = true)"
        )

    def _table(self, run: Path, name: str) -> Path | None:
        """The run's table, made again where it has to be; None where that cannot be done."""
        from zyphos_lab.query.mend import sound_table

        if self._folder is None:
            self._folder = tempfile.TemporaryDirectory(prefix="zyphos-lab-")
        try:
            return sound_table(run.resolve(), name, Path(self._folder.name), self._say)
        except StoreError as error:
            self._say(f"left out of {name}: {error}")
            return None


def _words(sql: str) -> frozenset[str]:
    """Every name that the query could mean a column by; none where it asks for all columns."""
    bare = re.sub(r"count\s*\(\s*\*\s*\)", "", sql, flags=re.IGNORECASE)
    if _EVERY.search(bare) or not re.search(r"\bselect\b", bare, re.IGNORECASE):
        return frozenset()
    return frozenset({"trial", *(word.lower() for word in re.findall(r"\w+", bare))})


def _check(statements: Sequence[duckdb.Statement]) -> None:
    from duckdb import StatementType

    if len(statements) != 1:
        raise UsageError(f"one statement, not {len(statements)}")
    if statements[0].type not in (StatementType.SELECT, StatementType.EXPLAIN):
        raise UsageError(
            f"{statements[0].type.name} is not a question: runs are only read",
            "use SELECT, WITH or DESCRIBE",
        )


def _complaint(sql: str, error: Exception) -> UsageError:
    """`SQL:line:column: what is wrong (what may help)` of what DuckDB says."""
    text = str(error)
    message, _, rest = text.partition("\n")
    message = message.partition("Error: ")[2] or message
    place = re.search(r"LINE (\d+): (.*)\n( *)\^", rest)
    hint = ", ".join(re.findall(r'^(?:Candidate bindings|Did you mean)[^"]*(.*?)\??$', rest, re.M))
    missing = re.search(r"Table with name (\S+) does not exist", message)
    if missing:
        close = difflib.get_close_matches(missing[1].lower(), VIEWS, 1)
        hint = f'"{close[0]}"' if close else ""
        hint = hint or f"the views are {', '.join(VIEWS)}"
    if '"' in hint:
        hint = f"did you mean {hint.replace(chr(34), '`')}?"
    where = ""
    if place:
        column = len(place[3]) - len(f"LINE {place[1]}: ") + 1
        start = _shown_from(sql, int(place[1]), place[2])
        where = f"SQL:{place[1]}:{column + start}: "
    return UsageError(f"{where}{' '.join(message.split())}", hint)


def _shown_from(sql: str, line: int, excerpt: str) -> int:
    """Characters of the line before the excerpt that DuckDB shows of a long one."""
    if not excerpt.startswith("..."):
        return 0
    whole = sql.splitlines()[line - 1]
    return max(0, whole.find(excerpt.strip(".")[:20])) - 3
