"""results/index.html: every run by experiment, with its verdict, its first sentence and its page.

From manifests and answer.json alone; no journal is read and nothing is computed.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from zyphos_lab.errors import StoreError
from zyphos_lab.files import write_atomically
from zyphos_lab.query import views
from zyphos_lab.report.page import REPORT_FILE
from zyphos_lab.report.rendering import TEMPLATES, rendered

INDEX_FILE = "index.html"
SHORT_CHARACTERS = 240
Say = Callable[[str], None]


@dataclass(frozen=True)
class Entry:
    """One run: what the page shows of it. `page` is "" where there is no report."""

    run: str
    date: str
    profile: str
    evidence: bool
    verdict: str
    status: str
    trials: str
    sentence: str
    host: str
    page: str


@dataclass(frozen=True)
class Section:
    """The runs of one experiment, newest first."""

    experiment: str
    question: str
    entries: tuple[Entry, ...]


def write_index(results: Path, say: Say) -> Path:
    """Writes index.html into `results`; a damaged run is left out, and said."""
    found = sections(results, say)
    text = rendered(
        TEMPLATES / "index.html.j2",
        sections=found,
        pages=list(_others(results)),
        choices=_choices(results),
        count=sum(len(section.entries) for section in found),
    )
    path = results / INDEX_FILE
    write_atomically(path, text)
    return path


def sections(results: Path, say: Say) -> list[Section]:
    """By the experiments' names."""
    from zyphos_lab import runs

    found: dict[str, list[Entry]] = {}
    questions: dict[str, str] = {}
    for run in reversed(runs.all_runs(results)):
        try:
            [facts] = views.runs(run)
            answer = views.answer(run) or {}
        except StoreError as error:
            say(f"left out: {error}")
            continue
        name = str(facts["experiment"])
        questions.setdefault(name, str(facts["question"] or ""))
        found.setdefault(name, []).append(_entry(results, run, facts, answer))
    return [Section(name, questions[name], tuple(found[name])) for name in sorted(found)]


def _choices(results: Path) -> list[dict[str, Any]]:
    """When to use which engine: for each experiment that compares some, its table.

    What cannot be read is said by `sections` already.
    """
    from zyphos_lab import runs
    from zyphos_lab.choices import show, subjects

    return [
        {
            "experiment": subject.experiment,
            "standing": show.standing(subject),
            "heads": show.HEADS,
            "rows": list(show.rows(subject)),
            "remarks": list(show.remarks(subject)),
            "rule": show.RULE,
        }
        for subject in subjects(["engine"], None, runs.all_runs(results), lambda line: None)
    ]


def _others(results: Path) -> Iterator[str]:
    """Pages that are not of a run, such as a calibration's."""
    for page in sorted([*results.glob("*/*.html"), *results.glob("*/*/*.html")]):
        if page.name != REPORT_FILE:
            yield page.relative_to(results).as_posix()


def _entry(results: Path, run: Path, facts: views.Row, answer: views.Row) -> Entry:
    page = run / REPORT_FILE
    host = [facts["cpu"], facts["hypervisor"], facts["kernel"]]
    return Entry(
        run=str(facts["run"]),
        date=str(facts["created"] or "")[:16].replace("T", " "),
        profile=str(facts["profile"] or "default"),
        evidence=bool(facts["evidence"]),
        verdict=str(answer.get("verdict", "")),
        status=str(facts["status"]),
        trials=f"{facts['trials_finished']} of {facts['trials_planned']}",
        sentence=_short(str(answer.get("sentence", "no answer yet"))),
        host=", ".join(str(part) for part in host if part),
        page=os.path.relpath(page, results) if page.exists() else "",
    )


def _short(sentence: str) -> str:
    """As much of a long sentence as fits, up to a clause's end."""
    if len(sentence) <= SHORT_CHARACTERS:
        return sentence
    kept = sentence[:SHORT_CHARACTERS]
    return kept.rpartition("; " if "; " in kept else " ")[0] + " ..."
