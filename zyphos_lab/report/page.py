"""report.html: one self-contained file from the Answer and the run's histograms.

No script, no external resource; pictures are inline SVG. Only shows what the Answer holds.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from markupsafe import Markup

from zyphos_lab.report import capacity, evidence, observed, words
from zyphos_lab.report.marks import MARKS, observer_mark
from zyphos_lab.report.model import Answer
from zyphos_lab.report.rendering import TEMPLATES, rendered
from zyphos_lab.report.views import groups
from zyphos_lab.stats import differs

if TYPE_CHECKING:
    from zyphos_lab.store import Store

REPORT_FILE = "report.html"
LATENCY = "latency_ns_p50"


def html(store: Store, answer: Answer) -> Path:
    """Writes report.html into the run's folder and returns its path."""
    from zyphos_lab.files import write_atomically

    path = store.path / REPORT_FILE
    write_atomically(path, render(store, answer))
    return path


def render(store: Store, answer: Answer) -> str:
    """The page as text."""
    from zyphos_lab.report.figures import aa_forests, forests, percentile_panels, timelines
    from zyphos_lab.report.line_pictures import line_pictures
    from zyphos_lab.report.lines import error_text
    from zyphos_lab.report.load_curves import load_pictures
    from zyphos_lab.report.packets import ladders, layer_bars
    from zyphos_lab.report.phases import phase_pictures
    from zyphos_lab.report.series_pictures import series_pictures
    from zyphos_lab.report.shift import shift_panels
    from zyphos_lab.report.timeline import stall_pictures, window_timelines

    return rendered(
        TEMPLATES / "report.html.j2",
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
        over_time=series_pictures(store, answer),
        ladders=ladders(store),
        layer_bars=layer_bars(store),
        phase_pictures=phase_pictures(store, answer),
        line_pictures=line_pictures(answer.lines),
        error_text=error_text,
        capacity_against=capacity.against,
        advice_text=words.advice_text,
        observed=observed,
        latency_observer=_latency_observer(answer),
        **MARKS,
    )


def _latency_observer(answer: Answer) -> Markup:
    """Beside figures of latency and of what probes saw: what the probes changed of its median."""
    mark = observer_mark(answer.observer(LATENCY))
    return Markup("{}: {}.").format(LATENCY, mark) if mark else mark
