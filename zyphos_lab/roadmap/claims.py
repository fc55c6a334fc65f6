"""Which tests say that they show an id of the roadmap. Their text is read; none of them is run.

In Python: `@pytest.mark.answers("m01.build.3")`. In C++ the last line above `TEST...(Suite, Case)`:
`// answers: m01.build.3, s1.4`. A claim says that the test asserts it, no more: that it holds is
CI's to say, and no number of a test is ever evidence. Knows no runs and no experiments.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from zyphos_lab import roadmap

FOLDERS = (Path("tests"), Path("cpp"))
MARKER = "pytest.mark.answers"
NATIVE = re.compile(
    r"^// answers: (?P<ids>.*)\n(?:(?:TYPED_)?TEST(?:_[PF])?\((?P<suite>\w+), (?P<case>\w+)\))?",
    re.M,
)


@dataclass(frozen=True, slots=True)
class Claim:
    """A test that shows `id`, or `mistake`: why what stands at `where` (file:line) shows nothing.
    `test`: `tests/test_serve.py::test_it`, `cpp/engine/drain_test.cpp::Drain.It`."""

    id: str
    test: str
    where: str
    mistake: str = ""


def claims(folders: Sequence[Path] = FOLDERS) -> Iterator[Claim]:
    """Every claim in the test files of `folders`, in the order of their names."""
    for folder in folders:
        for path in sorted((*folder.rglob("test_*.py"), *folder.rglob("*_test.cpp"))):
            try:
                text = path.read_text(encoding="utf-8")
                yield from (_python if path.suffix == ".py" else _native)(path, text)
            except (OSError, ValueError, SyntaxError) as failed:
                yield Claim("", "", str(path), f"cannot be read: {failed}")


def by_id(folders: Sequence[Path], say: Callable[[str], None]) -> dict[str, list[str]]:
    """Id (in its short form) -> the tests that show it; mistakes are said and left out."""
    found: dict[str, list[str]] = {}
    for claim in claims(folders):
        if claim.mistake:
            say(f"left out: {claim.where}: {claim.mistake}")
        elif claim.test not in found.setdefault(claim.id, []):
            found[claim.id].append(claim.test)
    return found


def _python(path: Path, text: str) -> Iterator[Claim]:
    if MARKER not in text:  # most files; parsing all of them would take a second
        return
    for function in ast.walk(ast.parse(text)):
        if isinstance(function, ast.FunctionDef):
            for mark in function.decorator_list:
                if isinstance(mark, ast.Call) and ast.unparse(mark.func) == MARKER:
                    test = function.name if function.name.startswith("test_") else ""
                    names = [ast.literal_eval(name) for name in mark.args]
                    yield from _claims(path, mark.lineno, test, names)


def _native(path: Path, text: str) -> Iterator[Claim]:
    for found in NATIVE.finditer(text):
        test = f"{found['suite']}.{found['case']}" if found["suite"] else ""
        line = text.count("\n", 0, found.start()) + 1
        yield from _claims(path, line, test, found["ids"].split(", "))


def _claims(path: Path, line: int, test: str, names: Sequence[str]) -> Iterator[Claim]:
    where = f"{path}:{line}"
    for name in names:
        if not test:
            yield Claim(name, "", where, "what follows is no test")
        elif not roadmap.has(name):
            mistake = f"`{name}` is not on the roadmap; {roadmap.hint(name)}"
            yield Claim(name, "", where, mistake)
        else:
            yield Claim(roadmap.short(name), f"{path}::{test}", where)
