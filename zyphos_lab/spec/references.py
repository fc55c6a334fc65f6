"""What an experiment says about its cells: exclusions, contrasts, expectations; resolved and
checked.

Every name of a factor, label or metric in `exclude`, `compare` and `expect` is looked up here.
Resolved contrasts and expectations name cells by id, so that statistics and report need nothing of
the file.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from zyphos_lab import metrics
from zyphos_lab.errors import Complaint, StatementError
from zyphos_lab.spec.cell import id_of
from zyphos_lab.spec.factors import Dimension, label_of
from zyphos_lab.spec.fields import Value
from zyphos_lab.spec.models import Compare, Document, Expect, Outline
from zyphos_lab.spec.shape import meant
from zyphos_lab.spec.source import Mark, Path, Source
from zyphos_lab.spec.statement import Statement
from zyphos_lab.spec.statement_functions import RATIO
from zyphos_lab.spec.statement_parser import parse
from zyphos_lab.units import parse_quantity

Labels = Mapping[str, str]
POINTS_MIN = 3  # as stats/line.py has it


@dataclass(frozen=True, slots=True)
class Contrast:
    """Two cells that differ in one factor. `floor` is the practical floor as a fraction."""

    factor: str
    value: str
    baseline: str
    cell: str
    baseline_cell: str
    metrics: tuple[str, ...]
    family: str
    floor: float


@dataclass(frozen=True, slots=True)
class Case:
    """One cell that an expectation is about, and the one where it must fail.

    The baseline cells are those that `ratio()` divides by; None in an expectation without
    `compare`. `control` is None when `--only` left it out: the expectation is then inconclusive.
    """

    cell: str
    control: str | None
    baseline_cell: str | None = None
    control_baseline: str | None = None


@dataclass(frozen=True, slots=True)
class Expectation:
    """An expectation, resolved: `statement` holds in each case's cell and fails in its control."""

    id: str
    statement: Statement
    cases: tuple[Case, ...]


def _asking_for(probe: str) -> str:
    if probe == "bpftrace":
        return "name the script whose map it is under `bpftrace`"
    return f"add `{probe}` to `probes`"


class References:
    """Looks names up among the dimensions and gathers complaints about those that are not there."""

    def __init__(
        self, source: Source, dimensions: Sequence[Dimension], probes: Sequence[str]
    ) -> None:
        self.source = source
        self.dimensions = {dimension.name: dimension for dimension in dimensions}
        self.probes = probes
        self.complaints: list[Complaint] = []

    def complain(self, mark: Mark, message: str, hint: str = "", offset: int | None = None) -> None:
        self.complaints.append(mark.complaint(message, hint, offset))

    def where(self, path: Path, where: Mapping[str, Value]) -> dict[str, str]:
        """`where` as labels; what it names wrongly is complained about and left out."""
        found = {}
        for name, value in where.items():
            if self.has_factor(name, self.source.key_mark((*path, name))):
                label = self.label(name, value, self.source.mark((*path, name)))
                found.update({name: label} if label else {})
        return found

    def has_factor(self, name: str, mark: Mark) -> bool:
        known = name in self.dimensions
        if not known:
            self.complain(mark, f"there is no factor `{name}`", meant(name, self.dimensions))
        return known

    def label(self, factor: str, value: Value, mark: Mark) -> str | None:
        """Label of `value` of a factor that exists; None (and a complaint) where there is none."""
        dimension = self.dimensions[factor]
        label = label_of(value)
        if label in dimension.labels:
            return label
        same = [level.label for level in dimension.levels if level.part.data == value]
        hint = f"did you mean `{same[0]}`?" if same else meant(label, dimension.labels)
        self.complain(mark, f"the factor `{factor}` has no value `{label}`", hint)
        return None

    def metric(self, name: str, mark: Mark, offset: int | None = None) -> None:
        """Complains when `name` is no metric, is text, or needs a probe that is not asked for."""
        metric = metrics.lookup(name)
        if metric is None:
            close = metrics.suggest(name)
            hint = f"did you mean `{close}`?" if close else "docs/experiment.md lists the metrics"
            self.complain(mark, f"unknown metric `{name}`", hint, offset)
        elif metric.unit == "text":
            self.complain(mark, f"`{name}` is text and cannot be compared", "", offset)
        elif metric.probe and metric.probe not in self.probes:
            message = f"`{name}` comes from the probe {metric.probe}, which is not asked for"
            self.complain(mark, message, _asking_for(metric.probe), offset)

    def pair(
        self, path: Path, factor: str, value: Value, baseline: Value
    ) -> tuple[str, str] | None:
        """Labels of a value and its baseline; None when a name is wrong or they are the same."""
        if not self.has_factor(factor, self.source.mark((*path, "factor"))):
            return None
        first = self.label(factor, value, self.source.mark((*path, "value")))
        second = self.label(factor, baseline, self.source.mark((*path, "baseline")))
        if first and first == second:
            self.complain(self.source.mark((*path, "baseline")), f"`{first}` is its own baseline")
        return (first, second) if first and second and first != second else None


def excluded(outline: Outline, names: References) -> list[dict[str, str]]:
    """The exclusions as labels."""
    found = []
    for at, where in enumerate(outline.exclude):
        labels = names.where(("exclude", at), where)
        if len(labels) == len(where) and labels:
            found.append(labels)
        elif not where:
            names.complain(names.source.mark(("exclude", at)), "this would exclude every cell")
    return found


def contrasts(outline: Outline, names: References, cells: Mapping[str, Labels]) -> list[Contrast]:
    """Every contrast of `compare`, over the cells (id to labels) that exist."""
    found = []
    for at, compare in enumerate(outline.compare):
        path: Path = ("compare", at)
        for index, name in enumerate(compare.metrics):
            names.metric(name, names.source.mark((*path, "metrics", index)))
        where = names.where((*path, "where"), compare.where)
        if not names.has_factor(compare.factor, names.source.mark((*path, "factor"))):
            continue
        baseline = names.label(
            compare.factor, compare.baseline, names.source.mark((*path, "baseline"))
        )
        if not baseline:
            continue
        family = list(_family(compare, baseline, where, cells))
        if not family and len(where) == len(compare.where):
            names.complain(
                names.source.owner_mark(path), f"nothing to compare over `{compare.factor}`"
            )
        found += family
    return found


def _family(
    compare: Compare, baseline: str, where: Labels, cells: Mapping[str, Labels]
) -> Iterator[Contrast]:
    for cell, labels in cells.items():
        other = id_of({**labels, compare.factor: baseline})
        value = labels[compare.factor]
        if value != baseline and other in cells and matches(labels, where):
            yield Contrast(
                compare.factor,
                value,
                baseline,
                cell,
                other,
                compare.metrics,
                compare.family,
                compare.floor,
            )


def fits(outline: Outline, names: References) -> None:
    """Complains about a line of `fit` through what is no number, or through nothing."""
    for at, fit in enumerate(outline.fit):
        path: Path = ("fit", at)
        names.metric(fit.metric, names.source.mark((*path, "metric")))
        names.where((*path, "where"), fit.where)
        mark = names.source.mark((*path, "factor"))
        if not names.has_factor(fit.factor, mark):
            continue
        labels = names.dimensions[fit.factor].labels
        wrong = [label for label in labels if parse_quantity(label) is None]
        if wrong:
            names.complain(mark, f"`{wrong[0]}` is no number: `{fit.factor}` makes no line")
        elif len(labels) < POINTS_MIN:
            names.complain(mark, f"a line wants {POINTS_MIN} values of `{fit.factor}`")


def self_check(document: Document | None, names: References) -> None:
    """Complains about metrics of `design.aa` that are none."""
    for at, name in enumerate(document.design.aa.metrics if document is not None else ()):
        names.metric(name, names.source.mark(("design", "aa", "metrics", at)))


def matches(labels: Labels, where: Labels) -> bool:
    """Whether each factor in `where` has the label given there."""
    return all(labels.get(name) == label for name, label in where.items())


def expectations(
    outline: Outline, names: References, cells: Mapping[str, Labels]
) -> list[Expectation]:
    """Every expectation, over the cells (id to labels) that exist."""
    found = []
    seen: set[str] = set()
    for at, expect in enumerate(outline.expect):
        if expect.id in seen:
            mark = names.source.mark(("expect", at, "id"))
            names.complain(mark, f"two expectations are called `{expect.id}`")
        seen.add(expect.id)
        before = len(names.complaints)
        statement = _statement(at, expect, names)
        cases = _cases(at, expect, names, cells)
        if statement and len(names.complaints) == before:
            _check_control(at, statement, cases, names)
            found.append(Expectation(expect.id, statement, tuple(cases)))
    return found


def _statement(at: int, expect: Expect, names: References) -> Statement | None:
    mark = names.source.mark(("expect", at, "that"))
    try:
        statement = parse(expect.that, (RATIO,) if expect.compare else ())
    except StatementError as error:
        names.complain(mark, error.message, error.hint, error.offset)
        return None
    for name in (*statement.metrics, *statement.ratios):
        names.metric(name, mark, max(0, expect.that.find(name)))
    if expect.compare and not statement.ratios:
        names.complain(mark, "an expectation with `compare` speaks of `ratio(metric)`")
    return statement


def _cases(at: int, expect: Expect, names: References, cells: Mapping[str, Labels]) -> list[Case]:
    """The cases of an expectation; a control that does not exist is complained about."""
    path: Path = ("expect", at)
    before = len(names.complaints)
    where = names.where((*path, "where"), expect.where)
    control = names.where((*path, "control"), expect.control)
    ratio = expect.compare
    pair = ratio and names.pair((*path, "compare"), ratio.factor, ratio.value, ratio.baseline)
    if len(names.complaints) > before:
        return []
    against: dict[str, str] = {}
    if ratio and pair:
        where, against = {**where, ratio.factor: pair[0]}, {ratio.factor: pair[1]}
    cases = []
    for cell, labels in cells.items():
        if matches(labels, where):
            failing = {**labels, **control}
            base = id_of({**labels, **against}) if against else None
            control_base = id_of({**failing, **against}) if against else None
            cases.append(Case(cell, id_of(failing), base, control_base))
    if not cases:
        names.complain(names.source.owner_mark((*path, "where")), "no cell is meant by `where`")
        return []
    return _with_control(path, cases, names, cells)


def _with_control(
    path: Path, cases: list[Case], names: References, cells: Mapping[str, Labels]
) -> list[Case]:
    """The cases whose other cells exist: one at least, and none may be its own control."""
    mark = names.source.owner_mark((*path, "control"))
    if any(case.control == case.cell for case in cases):
        names.complain(mark, "the control is the cell itself", "it must differ in a factor")
        return []
    known = {None, *cells}
    whole = [
        case for case in cases if {case.control, case.baseline_cell, case.control_baseline} <= known
    ]
    if not whole:
        named = next(
            cell
            for cell in (cases[0].control, cases[0].baseline_cell, cases[0].control_baseline)
            if cell not in known
        )
        names.complain(mark, f"its cell `{named}` is excluded")
    return whole


def _check_control(at: int, statement: Statement, cases: Iterable[Case], names: References) -> None:
    """A control that is its own baseline has every ratio 1: the statement must be false then."""
    if statement.metrics or not any(case.control == case.control_baseline for case in cases):
        return
    if statement.holds({}, dict.fromkeys(statement.ratios, 1.0)):
        mark = names.source.owner_mark(("expect", at, "control"))
        message = "the control cannot fail: it is the baseline, and `that` holds at ratio 1"
        names.complain(mark, message, "use `>` or `<`, or another control")
