"""The Answer on a terminal, from 80 columns up. Only shows; every number comes from the Answer."""

from __future__ import annotations

from collections.abc import Iterator

from rich.console import Console, RenderableType
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from zyphos_lab.report import observed
from zyphos_lab.report.capacity import against, rate_text
from zyphos_lab.report.lines import error_text, trips
from zyphos_lab.report.model import Answer, ExpectationResult, Remark, Stalled
from zyphos_lab.report.stall import SHOWN, tells
from zyphos_lab.report.views import Group, groups
from zyphos_lab.report.words import (
    aa_text,
    advice_text,
    beside_text,
    change_text,
    estimate_text,
    measured_text,
    ratio_text,
    value_text,
)
from zyphos_lab.stats import differs
from zyphos_lab.units import format_duration

WIDE = 120
COLOURS = {
    "VALID": "green",
    "DEGRADED": "yellow",
    "INVALID": "red",
    "PASS": "green",
    "FAIL": "red",
    "INCONCLUSIVE": "yellow",
}


def terminal(answer: Answer, console: Console) -> None:
    """Prints sentence, scope, table, expectations and verdict."""
    console.print()
    if not answer.evidence:
        console.print(Text(f"NOT EVIDENCE: {answer.profile} profile", style="bold red"))
    if answer.question:
        console.print(Text(answer.question, style="dim"))
    console.print(Text(answer.sentence, style="bold"))
    console.print(Text(answer.scope, style="dim"))
    if told := observed.headline(answer):
        console.print(Text(told, style="dim"))
    wide = console.width >= WIDE
    for title, table in _tables(answer, wide):
        console.print()
        if title:
            console.print(Text(title, style="bold"))
        console.print(table)
    _moved(answer, console)
    if answer.expectations:
        console.print()
    for expectation in answer.expectations:
        console.print(_expectation(expectation, answer))
    console.print()
    for line in _trust(answer):
        console.print(line)


def _tables(answer: Answer, wide: bool) -> Iterator[tuple[str, Table]]:
    """Each with its title, which may be wider than the table."""
    if answer.capacities:
        title = f"capacity: `{answer.capacities[0].slo}` holds"
        yield _marked(title, answer, "requests_per_second"), _capacities(answer)
    if answer.stalls:
        yield _marked("the stop, and who noticed it", answer, "latency_ns_p99"), _stalls(answer)
    if answer.lines:
        yield "lines: fixed + per unit", _lines(answer)
    if answer.rows and not answer.deltas:
        yield "", _measured(answer, wide)
    for group in groups(answer):
        yield _marked(group.title, answer, group.metric), _compared(answer, group, wide)


def _marked(title: str, answer: Answer, metric: str) -> str:
    """A table's title, with what the probes changed of what it shows."""
    return "  ".join(filter(None, (title, observed.mark_text(answer.observer(metric)))))


def _capacities(answer: Answer) -> Table:
    table = _table()
    table.add_column("where", overflow="fold")
    heads = "lower/s", "upper/s", f"against {answer.capacities[0].baseline_cell}"
    for head in heads:
        table.add_column(head, justify="right", no_wrap=True)
    table.add_column("")
    for one in answer.capacities:
        bounds = rate_text(one.lower_per_second), rate_text(one.upper_per_second)
        table.add_row(one.cell, *bounds, against(one, answer.capacities), one.reason)
    return table


def _lines(answer: Answer) -> Table:
    table = _table()
    for head in ("", "fixed", "per unit of", "", "off by"):
        table.add_column(head, overflow="fold")
    for one in answer.lines:
        place = " ".join((one.metric, *(f"{k}={v}" for k, v in one.conditions.items())))
        place = _marked(place, answer, one.metric)
        of, slope = one.factor, estimate_text(one.line.per_unit, one.unit)
        if one.round_trips:
            of, slope = "round trip", estimate_text(trips(one), "ratio")
        table.add_row(place, estimate_text(one.line.fixed, one.unit), of, slope,
                      error_text(one.line))  # fmt: skip
    return table


def _stalls(answer: Answer) -> Table:
    """What each stopped cell reported, under the truth."""
    table = _table()
    table.add_column("", overflow="fold")
    for name in SHOWN:
        table.add_column(name.replace("_", "."), justify="right", no_wrap=True)
    for place, one in enumerate(answer.stalls):
        if not place:
            truth = [Text(format_duration(one.truth_ns[name]), "bold") for name in SHOWN]
            table.add_row(Text("the truth", "bold"), *truth)
        table.add_row(one.label, *(_reported(one, name) for name in SHOWN))
    return table


def _reported(one: Stalled, name: str) -> Text:
    reported = one.reported_ns[name]
    if reported is None:
        return Text("-")
    missed = one.truth_ns[name] and not tells(one, name)
    return Text(format_duration(reported), "red" if missed else "")


def _table() -> Table:
    return Table(box=None, pad_edge=False, header_style="dim", padding=(0, 2, 0, 0))


def _indented(text: str, style: str = "", by: int = 2) -> Padding:
    """Also where it goes on in another line."""
    return Padding(Text(text, style), (0, 0, 0, by), expand=False)


def _compared(answer: Answer, group: Group, wide: bool) -> Table:
    """One line per condition; intervals only where there is room for them."""
    table = _table()
    table.add_column("where", overflow="fold")
    table.add_column(group.baseline, justify="right", no_wrap=True)
    table.add_column(group.value, justify="right", no_wrap=True)
    if wide:
        table.add_column("ratio [95 %]", no_wrap=True)
    table.add_column("verdict", no_wrap=True)
    estimates = {row.cell: row.estimates for row in answer.rows}
    show = estimate_text if wide else value_text
    for delta in group.deltas:
        c = delta.comparison
        sides = [estimates[cell][c.metric] for cell in (c.baseline_cell, c.cell)]
        line = [Text(group.place(delta))]
        line += [Text(show(side, delta.unit)) for side in sides]
        line += [Text(ratio_text(c))] if wide else []
        line.append(Text(change_text(c), style="bold" if differs(c) else "dim"))
        table.add_row(*line)
    return table


def _moved(answer: Answer, console: Console) -> None:
    """The counters beside each difference and the share that they carry; of the others why there is
    no verdict and what would bring one, each once.
    """
    moved: dict[str, list[str]] = {}
    undecided: dict[str, list[str]] = {}
    deciding: dict[str, list[str]] = {}
    for group in groups(answer):
        for delta in group.deltas:
            c = delta.comparison
            change = f"{c.factor} {c.baseline} -> {c.value}"
            place = ": ".join(filter(None, (c.metric, group.condition(delta), change)))
            if text := beside_text(delta):
                told = moved if differs(c) else undecided
                told.setdefault(text, []).append(place)
            if text := advice_text(delta):
                deciding.setdefault(text, []).append(place)
    _places(console, "What moved with it (per request; share of the difference it carries)", moved)
    _reasons(console, undecided, len(answer.deltas))
    _places(console, "What would decide it", deciding)


def _places(console: Console, title: str, told: dict[str, list[str]]) -> None:
    if told:
        console.print()
        console.print(Text(title, "bold"))
    for text, places in told.items():
        for place in dict.fromkeys(places):
            console.print(_indented(place, "dim"))
        console.print(_indented(text, by=4))


def _reasons(console: Console, undecided: dict[str, list[str]], total: int) -> None:
    if undecided:
        console.print()
        console.print(Text("Why no verdict", "bold"))
    for text, places in undecided.items():
        several = f"{len(places)} of {total} comparisons"
        console.print(_indented(f"{places[0] if len(places) == 1 else several}: {text}"))


def _measured(answer: Answer, wide: bool) -> Table:
    """Without comparisons: one line per cell, one column per metric."""
    table = _table()
    table.add_column("cell", overflow="fold")
    show = estimate_text if wide else value_text
    for column in answer.columns:
        mark = observed.short_text(answer.observer(column.name))
        head = "\n".join(filter(None, (column.name, mark)))
        table.add_column(head, justify="right", no_wrap=True)
    for row in answer.rows:
        texts = [show(row.estimates[column.name], column.unit) for column in answer.columns]
        table.add_row(Text(row.cell), *(Text(text) for text in texts))
    return table


def _expectation(expectation: ExpectationResult, answer: Answer) -> Text:
    text = Text()
    text.append(f"{expectation.outcome} ", style=f"bold {COLOURS[expectation.outcome]}")
    text.append(f"{expectation.id}: {expectation.that}")
    text.append(f"  {measured_text(expectation)}", style="dim")
    for name in observed.metrics_measured(expectation):
        if mark := observed.short_text(answer.observer(name)):
            text.append(f"  {mark}", style="dim")
    if expectation.reason:
        text.append(f"  {expectation.reason}")
    return text


def _against_it(remark: Remark) -> Padding:
    """`DEGRADED other_load: other work took ...`."""
    text = Text()
    text.append(f"{remark.severity} ", style=COLOURS.get(remark.severity, ""))
    text.append(f"{remark.code}: ", style="bold")
    text.append(remark.message)
    return Padding(text, (0, 0, 0, 2), expand=False)


def _trust(answer: Answer) -> Iterator[RenderableType]:
    head = Text()
    head.append(answer.verdict, style=f"bold {COLOURS[answer.verdict]}")
    head.append(f"  {answer.trials_done} of {answer.trials_planned} trials")
    yield head
    yield from map(_against_it, answer.reasons)
    yield from (_indented(f"note: {remark.message}", "dim") for remark in answer.remarks)
    yield from (
        _indented(_marked(f"A/A: {aa_text(c)}", answer, c.metric), "dim") for c in answer.aa
    )
    for group, reason in answer.skipped.items():
        yield _indented(f"not measured: {group}: {reason}", "dim")
    if not answer.evidence:
        yield _indented(f"not evidence: {answer.profile} profile", "bold red")
