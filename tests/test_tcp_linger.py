"""docs/so_linger.md: every sentence links to an expectation of the experiment that tries it."""

from __future__ import annotations

import re
from pathlib import Path

from zyphos_lab import spec

ROOT = Path(__file__).resolve().parent.parent
PAGE = ROOT / "docs" / "so_linger.md"
FILE = ROOT / "experiments" / "tcp" / "linger.yaml"
SENTENCE = re.compile(r"- (.+?\.) \[`(\w+)`\]\((\S+)\)")


def test_every_sentence_of_the_guide_is_an_expectation() -> None:
    lines = PAGE.read_text(encoding="ascii").splitlines()
    tried = {one.id for one in spec.load(FILE).expectations if one.cases}
    said = [sentence(line) for line in lines[5:] if line and not line.startswith("#")]
    assert len(said) > 10
    assert set(said) == tried


def sentence(line: str) -> str:
    """The expectation that a line of the guide names."""
    found = SENTENCE.fullmatch(line)
    assert found, line
    assert (PAGE.parent / found[3]).resolve() == FILE
    return found[2]
