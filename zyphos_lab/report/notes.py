"""What notebooks show: the Answer as frames, text and pictures, ready to be a cell's last line.

Public, so that a notebook stays short and says the same as page and terminal.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pandas as pd

from zyphos_lab.report import observed
from zyphos_lab.report.figures import Panels, forests, percentile_panels, timelines
from zyphos_lab.report.model import Answer, Column
from zyphos_lab.report.series_pictures import series_pictures
from zyphos_lab.report.views import groups
from zyphos_lab.report.words import (
    aa_text,
    beside_text,
    change_text,
    estimate_text,
    measured_text,
    ratio_text,
)

if TYPE_CHECKING:
    from zyphos_lab.store import Store

STYLE = (
    "<style>.zy{--grid:rgba(127,127,127,.35);--band:rgba(47,129,247,.18);--font:sans-serif}"
    ".zy svg{width:100%;height:auto;margin-bottom:12px}"
    ".zy .panels{display:grid;gap:12px;"
    "grid-template-columns:repeat(auto-fill,minmax(min(290px,100%),1fr))}"
    "</style>"
)


def headline(answer: Answer) -> str:
    """Question, sentence, scope and verdict as Markdown."""
    warning = "" if answer.evidence else f"**NOT EVIDENCE: {answer.profile} profile**\n\n"
    reasons = "".join(
        f"\n- {remark.severity} `{remark.code}`: {remark.message}" for remark in answer.reasons
    )
    told = observed.headline(answer)
    observer = f"{told}\n\n" if told else ""
    return (
        f"{warning}*{answer.question}*\n\n### {answer.sentence}\n\n{answer.scope}\n\n{observer}"
        f"**{answer.verdict}**, {answer.trials_done} of {answer.trials_planned} trials{reasons}"
    )


def comparisons(answer: Answer) -> pd.DataFrame:
    """One row per comparison, as the table of the report."""
    estimates = {row.cell: row.estimates for row in answer.rows}
    rows = []
    for group in groups(answer):
        for delta in group.deltas:
            c = delta.comparison
            rows.append(
                {
                    "metric": c.metric,
                    "change": f"{c.factor} {c.baseline} -> {c.value}",
                    "where": group.condition(delta) or "everywhere",
                    "baseline": estimate_text(estimates[c.baseline_cell][c.metric], delta.unit),
                    "value": estimate_text(estimates[c.cell][c.metric], delta.unit),
                    "ratio": ratio_text(c),
                    "verdict": change_text(c),
                    "observer": observed.mark_text(answer.observer(c.metric)),
                    "counters": beside_text(delta),
                }
            )
    return pd.DataFrame(rows)


def cells(answer: Answer) -> pd.DataFrame:
    """One row per cell: medians over starts with intervals."""
    rows = [
        {**row.factors, "trials": row.trials, "invalid": row.invalid}
        | {_head(answer, c): estimate_text(row.estimates[c.name], c.unit) for c in answer.columns}
        for row in answer.rows
    ]
    return pd.DataFrame(rows)


def _head(answer: Answer, column: Column) -> str:
    """`latency_ns_p50 (+1.3 % observer)`."""
    mark = observed.short_text(answer.observer(column.name))
    return f"{column.name} ({mark})" if mark else column.name


def expectations(answer: Answer) -> pd.DataFrame:
    """One row per expectation."""
    rows = [
        {
            "id": e.id,
            "that": e.that,
            "outcome": e.outcome,
            "measured": measured_text(e),
            "observer": ", ".join(
                observed.mark_text(answer.observer(name)) for name in observed.metrics_measured(e)
            ),
            "reason": e.reason,
        }
        for e in answer.expectations
    ]
    return pd.DataFrame(rows)


def pictures(kind: str, store: Store, answer: Answer) -> str:
    """HTML of the `forests`, `percentiles`, `series` or `timelines` of the run."""
    if kind == "percentiles":
        body = _panels(percentile_panels(store, answer))
    elif kind == "series":
        body = "".join(_panels(one.panels) for one in series_pictures(store, answer))
    else:
        made = forests(answer) if kind == "forests" else timelines(store, answer)
        body = "".join(picture.svg for picture in made)
    return f'{STYLE}<div class="zy">{body}</div>'


def _panels(panels: Panels) -> str:
    legend = " ".join(f'<b style="color:{colour}">{label}</b>' for label, colour in panels.legend)
    inner = "".join(f"<div>{picture.svg}</div>" for picture in panels.pictures)
    return f'<p>{legend}</p><div class="panels">{inner}</div><p>{panels.note}</p>'


def trust(answer: Answer) -> str:
    """A/A, remarks, what was not measured, method and threats as Markdown."""
    lines = [f"- A/A: {aa_text(c)}" for c in answer.aa]
    lines += [f"- {remark.message}" for remark in answer.remarks]
    lines += [f"- not measured: `{group}`: {reason}" for group, reason in answer.skipped.items()]
    threats = "\n".join(f"- {threat}" for threat in answer.threats)
    listed = "\n".join(lines)
    return (
        f"{listed}\n\n**Method.** {' '.join(answer.method)}\n\n**Threats to validity**\n\n{threats}"
        f"\n\nDo it again: `{answer.command}`"
    )
