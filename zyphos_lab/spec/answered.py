"""The ids of the roadmap that an experiment, and each of its expectations, says that it answers."""

from __future__ import annotations

from collections.abc import Iterator

from zyphos_lab import roadmap
from zyphos_lab.errors import Complaint
from zyphos_lab.spec.models import Document
from zyphos_lab.spec.source import Path, Source


def check(source: Source, document: Document | None) -> list[Complaint]:
    """A complaint for each id that is not on the roadmap."""
    named = list(_named(document)) if document is not None else []
    return [
        source.mark(path).complaint(f"`{name}` is not on the roadmap", roadmap.hint(name))
        for path, name in named
        if not roadmap.has(name)
    ]


def _named(document: Document) -> Iterator[tuple[Path, str]]:
    """Every id with its place in the file."""
    for at, name in enumerate(document.answers):
        yield ("answers", at), name
    for index, expect in enumerate(document.expect):
        for at, name in enumerate(expect.answers):
            yield ("expect", index, "answers", at), name
