"""Profiles and `--set`: what is laid over the file before it is read as an experiment."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from zyphos_lab.errors import Complaint, SpecError
from zyphos_lab.spec.factors import wrong_path
from zyphos_lab.spec.models import Document
from zyphos_lab.spec.shape import keys_of, meant, steps_of
from zyphos_lab.spec.source import Path, Source, read_value

FIXED = ("schema", "name", "profiles")
# A factor's values are replaced as a whole: merging two lists of labels is never what is meant.
WHOLE = frozenset({("factors", "*", "values")})


def with_profile(source: Source, name: str) -> Source:
    """The file with a profile laid over it."""
    overlay = source.part(("profiles", name))
    return source.merged(overlay, WHOLE) if isinstance(overlay.data, dict) else source


def profile_names(source: Source) -> list[str]:
    """The file's profiles, in order."""
    profiles = source.data.get("profiles")
    return list(profiles) if isinstance(profiles, dict) else []


def fixed_in_profiles(source: Source) -> Iterator[Complaint]:
    """Complaints about keys that a profile must not change."""
    for name in profile_names(source):
        body = source.data["profiles"][name]
        for key in FIXED if isinstance(body, dict) else ():
            if key in body:
                mark = source.key_mark(("profiles", name, key))
                yield mark.complaint(f"a profile cannot change `{key}`")


def unknown_profile(source: Source, name: str) -> Complaint:
    """The complaint about a profile that the file does not have."""
    known = profile_names(source)
    hint = meant(name, known) if known else "the file has no profiles"
    return Complaint(f"--profile {name}", 0, 0, f"there is no profile `{name}`", hint)


def with_sets(source: Source, sets: Sequence[str]) -> Source:
    """The file with each `path=value` set; raises SpecError with what is wrong with them."""
    complaints: list[Complaint] = []
    for text in sets:
        origin = f"--set {text}"
        path, equals, value = text.partition("=")
        steps = steps_of(path.strip(), source.data)
        roots = tuple(key for key in keys_of(Document) if key not in FIXED)
        wrong = wrong_path(source, steps, roots) if equals else ("no `=`", "path=value")
        if wrong:
            complaints.append(Complaint(origin, 0, 0, *wrong))
            continue
        try:
            source = source.put(steps, read_value(value, origin))
        except SpecError as error:
            complaints += error.complaints
    if complaints:
        raise SpecError(complaints)
    return source


def overridden(
    source: Source, sets: Sequence[str], set_paths: Mapping[Path, str]
) -> Iterator[Complaint]:
    """Complaints about `--set` of what a factor sets anyway: it would be lost without a word."""
    for text in sets:
        factor = set_paths.get(steps_of(text.partition("=")[0].strip(), source.data))
        if factor:
            message = f"the factor `{factor}` sets this in every cell"
            hint = f"`--only {factor}=...` chooses cells, `--set factors.{factor}.values` others"
            yield Complaint(f"--set {text}", 0, 0, message, hint)
