"""report.html: one self-contained file from the Answer and the run's histograms.

No script, no external resource; pictures are inline SVG. Only shows what the Answer holds.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from zyphos_lab.report import capacity, evidence, words
from zyphos_lab.report.marks import MARKS
from zyphos_lab.report.model import Answer
from zyphos_lab.report.views import groups
from zyphos_lab.stats import differs

if TYPE_CHECKING:
    from zyphos_lab.store import Store

REPORT_FILE = "report.html"
TEMPLATES = Path(__file__).parent / "templates"


def html(store: Store, answer: Answer) -> Path:
    """Writes report.html into the run's folder and returns its path."""
    from zyphos_lab.files import write_atomically

    path = store.path / REPORT_FILE
    write_atomically(path, render(store, answer))
    return path


def render(store: Store, answer: Answer) -> str:
    """The page as text."""
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    from zyphos_lab.report.figures import aa_forests, forests, percentile_panels, timelines
    from zyphos_lab.report.load_curves import load_pictures
    from zyphos_lab.report.shift import shift_panels
    from zyphos_lab.report.timeline import stall_pictures, window_timelines

    environment = Environment(
        loader=FileSystemLoader(TEMPLATES),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    return environment.get_template("report.html.j2").render(
        answer=answer,
        groups=groups(answer),
        estimates={row.cell: row.estimates for row in answer.rows},
        differs=differs,
        plain=evidence.PLAIN,
        meaning=evidence.meaning,
        evidence=evidence.lines,
        forests=forests(answer),
        aa_forests=aa_forests(answer),
        shifts=shift_panels(store, answer),
        panels=percentile_panels(store, answer),
        timelines=timelines(store, answer),
        stall_pictures=stall_pictures(answer),
        window_timelines=window_timelines(store, answer),
        load_pictures=load_pictures(store, answer),
        rate_text=capacity.rate_text,
        capacity_against=capacity.against,
        css=(TEMPLATES / "report.css").read_text(encoding="utf-8"),
        advice_text=words.advice_text,
        **MARKS,
    )
