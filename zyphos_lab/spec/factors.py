"""Factors: where each sets its values, and the data of a cell once they are set.

Works on the file's plain data (source.py), before models exist, so that what a factor sets is
validated like what is written in place, and a complaint about it points at the factor's value.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from zyphos_lab.errors import Complaint
from zyphos_lab.spec.fields import Value
from zyphos_lab.spec.models import Factor
from zyphos_lab.spec.shape import Shape, meant, shape_at, spelled, steps_of
from zyphos_lab.spec.source import Path, Source
from zyphos_lab.spec.target_models import target_kind

TARGET = "target"  # the path that picks a target by name
ROOTS = ("load", "targets", "link", "disturb")
LABEL = re.compile(r"[^\s,=]+\Z")


@dataclass(frozen=True, slots=True)
class Level:
    """One value of a factor: its label, what the record says, the part of the file that is set."""

    label: str
    value: Value
    part: Source


@dataclass(frozen=True, slots=True)
class Dimension:
    """A factor, resolved: its levels in order, the paths that they are set at (`()`: target)."""

    name: str
    levels: tuple[Level, ...]
    paths: tuple[Path, ...]

    def level(self, label: str) -> Level | None:
        return next((level for level in self.levels if level.label == label), None)

    @property
    def labels(self) -> tuple[str, ...]:
        return tuple(level.label for level in self.levels)


Choice = Mapping[str, Level]  # one level of each factor, by the factor's name


def label_of(value: object) -> str:
    """How a plain value is called in cell ids, `where`, `--only`: as the file spells it."""
    return str(value).lower() if isinstance(value, bool) else str(value)


def resolve(
    source: Source, factors: Mapping[str, Factor]
) -> tuple[list[Dimension], list[Complaint]]:
    """Dimensions of the factors (an implied `target` last), and complaints about them."""
    dimensions, complaints = [], []
    for name, factor in factors.items():
        paths, found = _paths(source, name, factor)
        complaints += found
        levels, found = _levels(source, name)
        complaints += found
        if () in paths:
            complaints += _unknown_targets(source, levels)
        dimensions.append(Dimension(name, tuple(levels), tuple(paths)))
    targets = source.data.get("targets")
    picked = any(TARGET in factor.set for factor in factors.values())
    if isinstance(targets, dict) and len(targets) > 1 and not picked:
        mark = source.key_mark(("targets",))
        levels = [Level(name, name, Source(name, {}, {(): mark})) for name in targets]
        dimensions.append(Dimension(TARGET, tuple(levels), ((),)))
        if TARGET in factors:
            message = "a factor called `target` has to set `target` when there are several targets"
            complaints.append(source.key_mark(("factors", TARGET)).complaint(message))
    return dimensions, complaints


def _levels(source: Source, name: str) -> tuple[list[Level], list[Complaint]]:
    """Levels of a factor; labels that repeat or do not fit a cell's id are complained about."""
    path: Path = ("factors", name, "values")
    values = source.at(path)
    labelled = isinstance(values, dict)
    pairs = values.items() if isinstance(values, dict) else enumerate(values)
    levels: dict[str, Level] = {}
    complaints = []
    for key, value in pairs:
        at: Path = (*path, key)
        label = str(key) if labelled else label_of(value)
        mark = source.key_mark(at) if labelled else source.mark(at)
        if label in levels:
            complaints.append(mark.complaint(f"`{spelled(path)}` has `{label}` twice"))
        if not LABEL.match(label):
            hint = "" if labelled else f"give it a label: `values: {{short: {value!r}}}`"
            message = f"`{label}` cannot name a cell: no spaces, commas or `=`"
            complaints.append(mark.complaint(message, hint))
        levels[label] = Level(label, label if labelled else value, source.part(at))
    return list(levels.values()), complaints


def _unknown_targets(source: Source, levels: list[Level]) -> Iterator[Complaint]:
    targets = source.data.get("targets") or {}
    for level in levels:
        if level.part.data not in targets:
            message = f"there is no target `{label_of(level.part.data)}`"
            yield level.part.mark(()).complaint(message, meant(str(level.part.data), targets))


def _paths(source: Source, name: str, factor: Factor) -> tuple[list[Path], list[Complaint]]:
    """The paths of a factor's `set`, `*` unfolded, and a complaint for each that leads nowhere."""
    paths: list[Path] = []
    complaints = []
    for at, text in enumerate(factor.set):
        base: Path = ("factors", name, "set")
        mark = source.mark((*base, at) if isinstance(source.at(base), list) else base)
        if text == TARGET:
            paths.append(())
            continue
        for path in _unfolded(source, text):
            wrong = wrong_path(source, path)
            if wrong:
                complaints.append(mark.complaint(f"`{text}` leads nowhere: {wrong[0]}", wrong[1]))
            else:
                paths.append(path)
    return paths, complaints


def _unfolded(source: Source, text: str) -> list[Path]:
    """The paths that a dotted path means: one for each target where it says `targets.*`."""
    steps = text.split(".")
    targets = source.data.get("targets")
    if steps[:2] == ["targets", "*"] and isinstance(targets, dict):
        if len(steps) == 2:
            return [("targets", name) for name in targets]
        rest = ".".join(steps[2:])
        return [steps_of(rest, source.data, ("targets", name)) for name in targets]
    return [steps_of(text, source.data)]


def wrong_path(
    source: Source, path: Path, roots: tuple[str, ...] = (*ROOTS, TARGET)
) -> tuple[str, str] | None:
    """Why nothing can be set at `path`, as message and hint; None when something can."""
    if path[0] not in roots:
        known = f"one of {', '.join(roots)}"
        hint = meant(str(path[0]), roots)
        return f"`{path[0]}` is not {known}", hint if hint.startswith("did") else ""
    targets = source.data.get("targets")
    if path[0] == "targets" and len(path) > 1 and isinstance(targets, dict):
        if path[1] not in targets:
            return f"there is no target `{path[1]}`", meant(str(path[1]), targets)
        if target_kind(targets[path[1]]) is None:
            return None  # no target at all, which is complained about where it stands
    for length in range(1, len(path) + 1):
        if shape_at(path[:length], source.data) is None:
            return _wrong_step(source, path[:length])
    return None


def _wrong_step(source: Source, path: Path) -> tuple[str, str]:
    """Message and hint for a path whose last step leads nowhere."""
    above = shape_at(path[:-1], source.data) or Shape({})
    place = spelled(path[:-1])
    if path[-1] == "socket" and path[0] == "targets":
        return f"the sockets of `{place}` are not ours to set", "it is not one of our engines"
    if not above.keys:
        return f"`{place}` has no parts", ""
    return f"`{place}` has no key `{path[-1]}`", meant(str(path[-1]), above.keys)


def choices(dimensions: list[Dimension]) -> Iterator[dict[str, Level]]:
    """Every combination of levels, the last factor varying fastest."""
    names = [dimension.name for dimension in dimensions]
    for levels in itertools.product(*(dimension.levels for dimension in dimensions)):
        yield dict(zip(names, levels, strict=True))


def applied(source: Source, dimensions: list[Dimension], choice: Choice) -> Source:
    """The file's data with the levels of `choice` set, marks included."""
    result = source
    for dimension in dimensions:
        for path in dimension.paths:
            result = result.put(path, choice[dimension.name].part) if path else result
    return result


def target_name(source: Source, dimensions: list[Dimension], choice: Choice) -> str:
    """Name of the target of a cell."""
    for dimension in dimensions:
        if () in dimension.paths:
            return str(choice[dimension.name].part.data)
    return str(next(iter(source.data["targets"])))
