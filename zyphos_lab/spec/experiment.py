"""An experiment, read and resolved: the file, one profile, `--set` and `--only` applied.

`load` is the way in. Everything in the file is checked before anything runs, every profile
included, and all complaints come at once as one SpecError. An Experiment is frozen and may be
shared between threads.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path as FilePath
from typing import Any

from pydantic import PrivateAttr, TypeAdapter, ValidationError

from zyphos_lab.errors import Complaint, SpecError, UsageError
from zyphos_lab.probes.bpftrace_script import Script
from zyphos_lab.spec import (
    answered,
    code_rules,
    factors,
    load_files,
    references,
    rules,
    searched,
    until,
)
from zyphos_lab.spec.cell import AnyTarget, Cell, id_of
from zyphos_lab.spec.complaints import complaints_of, in_order, shown
from zyphos_lab.spec.link_models import Link
from zyphos_lab.spec.models import NO_LOAD, Disturbance, Disturbances, Document, Load, Outline
from zyphos_lab.spec.only import chosen
from zyphos_lab.spec.overlay import (
    fixed_in_profiles,
    overridden,
    profile_names,
    unknown_profile,
    with_profile,
    with_sets,
)
from zyphos_lab.spec.references import Contrast, Expectation, References
from zyphos_lab.spec.searched import Searched
from zyphos_lab.spec.source import Mark, Path, Source, read
from zyphos_lab.spec.target_models import Target
from zyphos_lab.spec.until import Precision

SCHEMA = 1
CELLS_MAX = 10_000

_TARGET: TypeAdapter[AnyTarget] = TypeAdapter(Target)
_DISTURB: TypeAdapter[tuple[Disturbance, ...]] = TypeAdapter(Disturbances)
_EMPTY: Mapping[Path, Any] = {("link",): {}, ("disturb",): ()}  # where null is the default


@dataclass(frozen=True, slots=True)
class Request:
    """What an experiment was made of: enough to make it again (`loads(**request)`)."""

    text: str
    file: str
    profile: str | None = None
    sets: tuple[str, ...] = ()
    only: tuple[str, ...] = ()


class Experiment(Document):
    """A checked experiment: the file's keys, with each factor's first value set."""

    _request: Request = PrivateAttr()
    _source: Source = PrivateAttr()
    _cells: tuple[Cell, ...] = PrivateAttr(default=())
    _contrasts: tuple[Contrast, ...] = PrivateAttr(default=())
    _expectations: tuple[Expectation, ...] = PrivateAttr(default=())
    _searched: Searched | None = PrivateAttr(default=None)
    _scripts: tuple[Script, ...] = PrivateAttr(default=())
    _until: tuple[Precision, ...] = PrivateAttr(default=())

    @property
    def request(self) -> Request:
        return self._request

    @property
    def scripts(self) -> tuple[Script, ...]:
        """The bpftrace scripts that `bpftrace` names, as they were when the file was read."""
        return self._scripts

    @property
    def text(self) -> str:
        """The file as it was written."""
        return self._request.text

    @property
    def profile(self) -> str | None:
        return self._request.profile

    @property
    def data(self) -> dict[str, Any]:
        """The file as plain data, profile and `--set` applied: an experiment file again."""
        found: dict[str, Any] = self._source.data
        return found

    @property
    def positions(self) -> Mapping[Path, Mark]:
        """Where each value was written."""
        return self._source.values

    @property
    def cells(self) -> tuple[Cell, ...]:
        """The cells that run, in the order of the factors' values."""
        return self._cells

    @property
    def contrasts(self) -> tuple[Contrast, ...]:
        """The contrasts of `compare` both of whose cells run."""
        return self._contrasts

    @property
    def expectations(self) -> tuple[Expectation, ...]:
        """The expectations with a cell that runs."""
        return self._expectations

    @property
    def until(self) -> tuple[Precision, ...]:
        """How narrow which intervals have to be (`repeat.until`); empty where nothing is asked."""
        return self._until

    @property
    def searched(self) -> Searched | None:
        """The capacities that have to be found first; None without `search`."""
        return self._searched


@dataclass(slots=True)
class _Draft:
    """One variant of the file (a profile, or none) on its way to an experiment."""

    source: Source
    document: Document | None = None
    cells: dict[str, Cell] = field(default_factory=dict)
    contrasts: list[Contrast] = field(default_factory=list)
    expectations: list[Expectation] = field(default_factory=list)
    searched: Searched | None = None
    until: tuple[Precision, ...] = ()
    complaints: list[Complaint] = field(default_factory=list)
    set_paths: dict[Path, str] = field(default_factory=dict)  # path to the factor that sets it


def _outline(draft: _Draft) -> Outline | None:
    """Validates the whole draft; None when not even its factors can be read.

    Complaints about values that a factor sets are left to the cells.
    """
    draft.complaints += _as_written(draft.source)
    sample = _with_first_values(draft.source)
    try:
        draft.document = Document.model_validate(sample.data)
        return draft.document
    except ValidationError as error:
        draft.complaints += complaints_of(error, sample)
        bad = {found["loc"][0] for found in error.errors() if found["loc"]}
        draft.complaints += _other_values(draft.source)
    if "factors" in bad:
        return None
    kept = {key: draft.source.data[key] for key in Outline.model_fields if key in draft.source.data}
    return Outline.model_validate({key: value for key, value in kept.items() if key not in bad})


def _as_written(source: Source) -> list[Complaint]:
    """What is wrong before any factor is set; what is missing may come from a factor."""
    try:
        Document.model_validate(source.data)
    except ValidationError as error:
        return complaints_of(error, source, ignored=("missing", "union_tag_not_found"))
    return []


def _other_values(source: Source) -> list[Complaint]:
    """What is wrong with each factor's further values, for a file that gives no cells to check."""
    complaints: list[Complaint] = []
    dimensions = _dimensions(source)
    first = next(factors.choices(dimensions), {})
    for dimension in dimensions:
        for level in dimension.levels[1:]:
            sample = factors.applied(source, dimensions, {**first, dimension.name: level})
            try:
                Document.model_validate(sample.data)
            except ValidationError as error:
                complaints += complaints_of(error, sample)
    return complaints


def _dimensions(source: Source) -> list[factors.Dimension]:
    """The factors as far as they can be read; none when the file's `factors` cannot."""
    given = source.data.get("factors")
    try:
        outline = Outline.model_validate({"factors": given} if given is not None else {})
    except ValidationError:
        return []
    return factors.resolve(source, outline.factors)[0]


def _with_first_values(source: Source) -> Source:
    """The file with the first value of each factor set, where the factors make that possible."""
    dimensions = _dimensions(source)
    return factors.applied(source, dimensions, next(factors.choices(dimensions), {}))


def _load(value: Any) -> Load:
    """Whether there has to be one is for the rules to say: it is the target's matter."""
    return NO_LOAD if value is None else Load.model_validate(value)


def _cell(
    draft: _Draft, dimensions: list[factors.Dimension], choice: factors.Choice
) -> Cell | None:
    """The cell of one combination; None (and complaints) when it does not hold together."""
    try:
        source = load_files.inlined(factors.applied(draft.source, dimensions, choice))
    except SpecError as error:
        draft.complaints += error.complaints
        return None
    name = factors.target_name(source, dimensions, choice)
    parts: list[Any] = []
    for path, adapter in (
        (("targets", name), _TARGET.validate_python),
        (("load",), _load),
        (("link",), Link.model_validate),
        (("disturb",), _DISTURB.validate_python),
    ):
        try:
            value = source.at(path)
            parts.append(adapter(_EMPTY.get(path, value) if value is None else value))
        except ValidationError as error:
            draft.complaints += complaints_of(error, source, path)
    if len(parts) < 4:
        return None
    labels = {dimension: level.label for dimension, level in choice.items()}
    values = {dimension: level.value for dimension, level in choice.items()}
    try:
        parts[1:3] = load_files.located(parts[1], source), load_files.located_link(parts[2], source)
    except SpecError as error:
        draft.complaints += error.complaints
        return None
    parts[0] = code_rules.located(parts[0], name, source)
    cell = Cell(id_of(labels), values, labels, name, *parts)
    found = [*rules.check(cell, source), *load_files.trace(cell.load.arrival, source)]
    draft.complaints += found
    return None if found else cell


def _resolve(source: Source) -> _Draft:
    """All that can be known of one variant of the file, and all that is wrong with it."""
    draft = _Draft(source)
    outline = _outline(draft)
    if outline is None:
        return draft
    dimensions, complaints = factors.resolve(source, outline.factors)
    draft.complaints += complaints
    draft.set_paths = {path: one.name for one in dimensions for path in one.paths if path}
    names = References(source, dimensions, _probes(draft.document))
    references.fits(outline, names)
    labels = _labels(draft, outline, names, dimensions)
    if labels:
        draft.contrasts = references.contrasts(outline, names, labels)
        draft.expectations = references.expectations(outline, names, labels)
    if labels and draft.document and not complaints:
        _make_cells(draft, dimensions, labels)
        draft.searched = searched.resolve(
            draft.document.search, outline, names, dimensions, draft.cells
        )
    draft.until = until.resolve(draft.document, names)
    references.self_check(draft.document, names)
    draft.complaints += [*names.complaints, *answered.check(source, draft.document)]
    return draft


def _probes(document: Document | None) -> tuple[str, ...]:
    """What columns may come from."""
    if document is None:
        return tuple(Document.model_fields["probes"].default)
    return (*document.probes, load_files.BPFTRACE) if document.bpftrace else document.probes


def _make_cells(
    draft: _Draft, dimensions: list[factors.Dimension], labels: Mapping[str, Mapping[str, str]]
) -> None:
    """Adds the cells that `labels` has."""
    for choice in factors.choices(dimensions):
        if id_of({name: level.label for name, level in choice.items()}) in labels:
            cell = _cell(draft, dimensions, choice)
            draft.cells.update({cell.id: cell} if cell else {})


def _labels(
    draft: _Draft, outline: Outline, names: References, dimensions: list[factors.Dimension]
) -> dict[str, dict[str, str]]:
    """Id and labels of every cell not excluded; empty (and a complaint) when none is left."""
    count = 1
    for dimension in dimensions:
        count *= len(dimension.levels)
    if count > CELLS_MAX:
        mark = draft.source.key_mark(("factors",))
        draft.complaints.append(mark.complaint(f"{count} cells are more than {CELLS_MAX}"))
        return {}
    left_out = references.excluded(outline, names)
    found = {}
    for choice in factors.choices(dimensions):
        labels = {name: level.label for name, level in choice.items()}
        if not any(references.matches(labels, where) for where in left_out):
            found[id_of(labels)] = labels
    if not found:
        mark = draft.source.key_mark(("exclude",))
        draft.complaints.append(mark.complaint("no cell is left: `exclude` leaves out every one"))
    return found


def _check_version(source: Source) -> None:
    """Raises SpecError unless the file says `schema: 1`: no other schema can be judged."""
    given = source.data.get("schema")
    if given == SCHEMA and not isinstance(given, bool):
        return
    if given is None:
        complaint = source.mark(()).complaint(
            "the experiment lacks the key `schema`", "`schema: 1`"
        )
    else:
        message = f"schema {shown(given)} is not known: this version reads schema {SCHEMA}"
        complaint = source.mark(("schema",)).complaint(message)
    raise SpecError([complaint])


def _checked(source: Source, profile: str | None, sets: Sequence[str]) -> _Draft:
    """The variant asked for; raises SpecError with what is wrong with it or any other variant."""
    complaints = list(fixed_in_profiles(source))
    names = profile_names(source)
    if profile is not None and profile not in names:
        complaints.append(unknown_profile(source, profile))
    for variant in (None, *names):
        complaints += _resolve(with_profile(source, variant) if variant else source).complaints
    if complaints:
        raise SpecError(in_order(complaints))
    draft = _resolve(with_sets(with_profile(source, profile) if profile else source, sets))
    draft.complaints += overridden(draft.source, sets, draft.set_paths)
    if draft.complaints:
        raise SpecError(in_order(draft.complaints))
    return draft


def _kept(expectation: Expectation, ids: set[str]) -> Expectation | None:
    """`expectation` with the cases that run; a control that does not run becomes None."""
    cases = []
    for case in expectation.cases:
        if case.cell in ids and case.baseline_cell in {None, *ids}:
            runs = case.control in ids and case.control_baseline in {None, *ids}
            cases.append(case if runs else replace(case, control=None, control_baseline=None))
    return replace(expectation, cases=tuple(cases)) if cases else None


def loads(
    text: str,
    file: str = "experiment",
    profile: str | None = None,
    sets: Sequence[str] = (),
    only: Sequence[str] = (),
) -> Experiment:
    """The experiment in `text`; `file` is what complaints call it. Raises SpecError."""
    source = load_files.inlined(read(text, file))
    _check_version(source)
    draft = _checked(source, profile, sets)
    cells = chosen(draft.cells, only)
    ids = {cell.id for cell in cells}
    experiment = Experiment.model_validate(_with_first_values(draft.source).data)
    experiment._request = Request(text, file, profile, tuple(sets), tuple(only))
    experiment._source = draft.source
    experiment._scripts = load_files.scripts(experiment.bpftrace, draft.source)
    experiment._cells = tuple(cells)
    experiment._until = draft.until
    experiment._searched = draft.searched.only(ids) if draft.searched else None
    pairs = [found for found in draft.contrasts if {found.cell, found.baseline_cell} <= ids]
    experiment._contrasts = tuple(pairs)
    kept = (_kept(expectation, ids) for expectation in draft.expectations)
    experiment._expectations = tuple(expectation for expectation in kept if expectation)
    return experiment


def load(
    path: str | FilePath,
    profile: str | None = None,
    sets: Sequence[str] = (),
    only: Sequence[str] = (),
) -> Experiment:
    """The experiment in the file at `path`.

    `profile`: one of the file's profiles; `sets`: texts `a.b=value`; `only`: texts
    `factor=value[,...]` or ids of cells, of which any may match. Raises SpecError with every
    complaint, UsageError when the file cannot be read.
    """
    try:
        text = FilePath(path).read_text(encoding="utf-8")
    except OSError as error:
        raise UsageError(f"cannot read {path}: {(error.strerror or str(error)).lower()}") from None
    except UnicodeDecodeError:
        raise UsageError(f"cannot read {path}: it is not UTF-8 text") from None
    return loads(text, str(path), profile, sets, only)
