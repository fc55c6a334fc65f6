"""The README's picture, from a run's own answer: one line per condition, one dot per arm.

.venv/bin/python .ci/picture.py results/tcp_nodelay/RUN docs/tcp_nodelay.svg
"""

import sys
from pathlib import Path

import matplotlib

from zyphos_lab import report
from zyphos_lab.report.model import Answer
from zyphos_lab.report.plots import short_duration
from zyphos_lab.report.views import groups
from zyphos_lab.store import Store

COLOURS = ("#8a8f98", "#0b6bcb")
TICKS_NS = (1e4, 1e5, 1e6, 1e7, 1e8)


def draw(answer: Answer, path: Path) -> None:
    """Median with interval of both arms of the first comparison, per condition."""
    from matplotlib.figure import Figure

    group = groups(answer)[0]
    estimates = {row.cell: row.estimates for row in answer.rows}
    places = [group.condition(delta) for delta in group.deltas]
    figure = Figure(figsize=(8, 0.9 + 0.34 * len(places)), layout="constrained")
    axes = figure.add_subplot()
    for y, delta in enumerate(group.deltas):
        c = delta.comparison
        ends = []
        for cell, colour in zip((c.baseline_cell, c.cell), COLOURS, strict=True):
            one = estimates[cell][c.metric]
            ends.append(one.value)
            axes.plot([one.low, one.high], [y, y], color=colour, linewidth=5, alpha=0.35)
            axes.plot([one.value], [y], "o", color=colour, markersize=8)
        axes.plot(ends, [y, y], color="#c8ccd2", linewidth=1, zorder=0)
    first = group.deltas[0].comparison
    for value, colour in zip((first.baseline, first.value), COLOURS, strict=True):
        axes.plot([], [], "o", color=colour, markersize=8, label=f"{first.factor}={value}")
    axes.set_xscale("log")
    axes.set_xticks(TICKS_NS, [short_duration(ns) for ns in TICKS_NS])
    axes.set_xlim(TICKS_NS[0], TICKS_NS[-1])
    axes.set_yticks(range(len(places)), places)
    axes.invert_yaxis()
    axes.grid(axis="x", color="#e3e6ea")
    axes.set_title(answer.question, loc="left", fontsize=11)
    axes.set_xlabel(f"{group.metric} (bar: 95 % interval over the starts); run {answer.run}")
    axes.legend(loc="lower right", frameon=False)
    for side in ("top", "right", "left"):
        axes.spines[side].set_visible(False)
    figure.savefig(path, facecolor="white", metadata={"Date": None})


if __name__ == "__main__":
    matplotlib.rcParams["svg.hashsalt"] = "zyphos-lab"
    run, picture = map(Path, sys.argv[1:3])
    draw(report.answer(Store.open(run)), picture)
    print(picture)
