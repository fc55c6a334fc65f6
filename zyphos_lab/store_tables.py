"""The journal's trials as Arrow tables. It does not know files."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pyarrow

JSON_COLUMNS = ("reasons", "skipped")


def trials_table(rows: list[dict[str, Any]]) -> pyarrow.Table:
    """One row per trial, ordered by `trial`; the columns are the union over all rows.

    `reasons` and `skipped` become JSON text, a column of mixed kinds (a factor with values `false`
    and `auto`) becomes text, and a column with no value at all is one of floats.
    """
    import pyarrow

    ordered = sorted(rows, key=lambda row: int(row["trial"]))
    names = list(dict.fromkeys(name for row in ordered for name in row))
    columns = {name: _column(name, [row.get(name) for row in ordered]) for name in names}
    return pyarrow.table(columns)


def histograms_table(trials: Iterable[dict[str, Any]]) -> pyarrow.Table:
    """Columns trial, metric, interval (null: the whole window), encoded (HdrHistogram V2
    compressed).
    """
    import pyarrow

    rows = [entry for event in trials for entry in _encoded(event)]
    schema = pyarrow.schema(
        [
            ("trial", pyarrow.int64()),
            ("metric", pyarrow.string()),
            ("interval", pyarrow.int64()),
            ("encoded", pyarrow.binary()),
        ]
    )
    return pyarrow.Table.from_pylist(rows, schema=schema)


def _encoded(event: dict[str, Any]) -> Iterable[dict[str, Any]]:
    trial = event["row"]["trial"]
    for metric, text in event["histograms"].items():
        yield _entry(trial, metric, None, text)
    for index, part in enumerate(event["intervals"]):
        for metric, text in part.items():
            if isinstance(text, str):
                yield _entry(trial, metric, index, text)


def _entry(trial: int, metric: str, interval: int | None, text: str) -> dict[str, Any]:
    return {
        "trial": trial,
        "metric": metric,
        "interval": interval,
        "encoded": base64.b64decode(text),
    }


def _column(name: str, values: list[Any]) -> pyarrow.Array:
    import pyarrow

    if name in JSON_COLUMNS:
        return pyarrow.array([json.dumps(value) for value in values], pyarrow.string())
    kinds = {type(value) for value in values if value is not None}
    if kinds == {bool}:
        return pyarrow.array(values, pyarrow.bool_())
    if kinds == {int}:
        return pyarrow.array(values, pyarrow.int64())
    if kinds <= {int, float}:
        return pyarrow.array(values, pyarrow.float64())
    return pyarrow.array([_text(value) for value in values], pyarrow.string())


def _text(value: Any) -> str | None:
    return value if value is None or isinstance(value, str) else json.dumps(value)
