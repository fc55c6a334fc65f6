"""Rows as text: a table for people, CSV, Markdown or JSON for others. Knows no SQL."""

from __future__ import annotations

import base64
import csv
import io
import json
import math
from collections.abc import Sequence
from decimal import Decimal
from typing import Any

Rows = Sequence[Sequence[Any]]
FORMATS = ("table", "csv", "json", "md")


def render(form: str, names: Sequence[str], rows: Rows) -> str:
    """The whole answer, without a last line break."""
    if form == "csv":
        return _csv(names, rows)
    if form == "json":
        return json.dumps(objects(names, rows), indent=1, allow_nan=False)
    texts = [[_text(value) for value in row] for row in rows]
    right = [any(_is_number(row[at]) for row in rows) for at in range(len(names))]
    return _markdown(names, texts, right) if form == "md" else _table(names, texts, right)


def objects(names: Sequence[str], rows: Rows) -> list[dict[str, Any]]:
    """One object per row; a blob is base64, what JSON cannot say is null or text."""
    return [dict(zip(names, map(_plain, row), strict=True)) for row in rows]


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        return {str(name): _plain(one) for name, one in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(one) for one in value]
    return _scalar(value)


def _scalar(value: Any) -> Any:
    if value is None or isinstance(value, bool | int | str):
        return value
    if isinstance(value, bytes):
        return base64.b64encode(value).decode()
    if isinstance(value, float | Decimal):
        return float(value) if math.isfinite(value) else None
    return str(value)


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float | Decimal) and not isinstance(value, bool)


def _text(value: Any) -> str:
    """For people: six digits, nothing for null, the size of a blob."""
    if value is None:
        return ""
    if isinstance(value, float | Decimal):
        value = float(value)
        return f"{value:.0f}" if value.is_integer() and abs(value) < 1e15 else f"{value:.6g}"
    if isinstance(value, bytes):
        return f"<{len(value)} bytes>"
    return " ".join(str(value).split())


def _csv(names: Sequence[str], rows: Rows) -> str:
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(names)
    writer.writerows([_plain(value) for value in row] for row in rows)
    return out.getvalue().rstrip("\n")


def _table(names: Sequence[str], texts: Rows, right: Sequence[bool]) -> str:
    widths = [max(map(len, column)) for column in zip(names, *texts, strict=True)]
    lines = [names, ["-" * width for width in widths], *texts]
    return "\n".join(
        "  ".join(_padded(*cell) for cell in zip(line, widths, right, strict=True)).rstrip()
        for line in lines
    )


def _padded(text: str, width: int, right: bool) -> str:
    return text.rjust(width) if right else text.ljust(width)


def _markdown(names: Sequence[str], texts: Rows, right: Sequence[bool]) -> str:
    rule = ["---:" if number else "---" for number in right]
    escaped = [[text.replace("|", "\\|") for text in row] for row in texts]
    return "\n".join(f"| {' | '.join(row)} |" for row in [list(names), rule, *escaped])
