"""The whole matrix as a page: HTML without scripts or anything from elsewhere, or Markdown."""

from __future__ import annotations

from html import escape
from typing import get_args

from zyphos_lab.smuggle.matrix import Matrix, Pair, counted, found_hidden
from zyphos_lab.smuggle.pairs import Verdict
from zyphos_lab.smuggle.show import LEGEND, cell, verdict
from zyphos_lab.smuggle.technique import Technique, escaped

STYLE = (
    "body{font:14px sans-serif;margin:2em}table{border-collapse:collapse}"
    "td,th{border:1px solid #ccc;padding:2px 6px;text-align:left;white-space:nowrap}"
    "thead th{position:sticky;top:0;background:#fff}"
    ".refused{background:#e4f2e4}.took{background:#fff3cd}.hidden{background:#ffd9a0}"
    ".hit{background:#f5b5b5;font-weight:bold}"
)
BYTES_SHOWN = 200


def page(matrix: Matrix) -> str:
    """A row for each technique, a column for each server and pair."""
    columns: list[str | Pair] = [*matrix.readings, *matrix.passings]
    names = [one.name if isinstance(one, Pair) else one for one in columns]
    head = "".join(f"<th>{escape(one)}</th>" for one in ("class", "technique", *names))
    rows = "\n".join(_row(one, columns, matrix) for one in matrix.techniques)
    skipped = "".join(
        f"<p>skipped {escape(name)}: {escape(why)}</p>" for name, why in matrix.missing.items()
    )
    return (
        f'<!doctype html><html lang="en"><meta charset="utf-8"><title>smuggle</title>'
        f"<style>{STYLE}</style><h1>Request smuggling: who reads what</h1>"
        f"<p><b>{escape(verdict(matrix))}</b></p><p>{escape(LEGEND)}</p>{skipped}"
        f"<table><thead><tr>{head}</tr></thead><tbody>\n{rows}\n</tbody></table></html>\n"
    )


def _row(one: Technique, columns: list[str | Pair], matrix: Matrix) -> str:
    sent = escaped(one.data)
    title = escape(f"{one.what} ({one.clause}; {one.source})\n{sent[:BYTES_SHOWN]}", quote=True)
    cells = "".join(
        f'<td class="{_look(one, column, matrix)}">{escape(cell(one, column, matrix))}</td>'
        for column in columns
    )
    return f'<tr><td>{escape(one.kind)}</td><td title="{title}">{escape(one.name)}</td>{cells}</tr>'


def _look(one: Technique, column: str | Pair, matrix: Matrix) -> str:
    if isinstance(column, Pair):
        passing = matrix.passings[column].get(one.name)
        if passing is None:
            return ""
        return "hit" if passing.exploitable else "refused" if passing.refused else ""
    reading = matrix.readings[column][one.name]
    if reading.refused:
        return "refused"
    if one.safe != "refuse":
        return ""
    return "hidden" if found_hidden(reading) else "took"


MARKDOWN_HEAD = """# Request smuggling: who reads what

Written by `zyphos-lab smuggle --output docs/smuggling.md`. Techniques and where they come from:
`zyphos-lab smuggle --list`; what a strict reader refuses and by which clause:
[strictness.md](strictness.md). In the matrix, `1` is read as one request (`2`: two), `S`: the
request hidden in it was read as one of its own, `400`: refused, `wait`: more is waited for, `|`:
closed.
"""


def markdown(matrix: Matrix, versions: dict[str, str]) -> str:
    """Totals, then the matrix of servers: what is kept in docs/."""
    lines = [MARKDOWN_HEAD, f"**{verdict(matrix)}**\n"]
    lines += [f"- {name} {version}" for name, version in sorted(versions.items())]
    lines += [f"- skipped {name}: {why}" for name, why in matrix.missing.items()]
    lines += ["", *_pairs_table(matrix), "", *_servers_table(matrix)]
    return "\n".join(lines) + "\n"


def _pairs_table(matrix: Matrix) -> list[str]:
    verdicts = get_args(Verdict)
    rows = [["front end > server", *(one.replace("_", " ") for one in verdicts)]]
    for pair, found in matrix.passings.items():
        counts = counted(found.values())
        rows.append([pair.name, *(str(counts[one]) for one in verdicts)])
    return _table(rows)


def _servers_table(matrix: Matrix) -> list[str]:
    rows = [["class", "technique", *matrix.readings]]
    for one in matrix.techniques:
        cells = [cell(one, name, matrix).replace("|", "\\|") for name in matrix.readings]
        rows.append([one.kind, one.name, *cells])
    return _table(rows)


def _table(rows: list[list[str]]) -> list[str]:
    head, *others = (f"| {' | '.join(row)} |" for row in rows)
    return [head, f"|{'---|' * len(rows[0])}", *others]
