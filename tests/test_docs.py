"""The pages that the program writes of itself are those that are committed (`make docs`)."""

import importlib.util
import re
from pathlib import Path
from types import ModuleType

import pytest

from zyphos_lab import record, runner, verdicts
from zyphos_lab.doctor import page as doctor_page

ROOT = Path(__file__).resolve().parent.parent


@pytest.fixture(scope="module")
def docs() -> ModuleType:
    spec = importlib.util.spec_from_file_location("docs_of_the_program", ROOT / ".ci" / "docs.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_commands_page_is_fresh(docs: ModuleType) -> None:
    assert docs.PAGE.read_text(encoding="utf-8") == docs.page(), "out of date: run `make docs`"


def test_verdicts_page_is_fresh(docs: ModuleType) -> None:
    page = docs.VERDICTS.read_text(encoding="utf-8")
    assert page == verdicts.page(), "out of date: run `make docs`"


def test_doctor_page_is_fresh(docs: ModuleType) -> None:
    page = docs.DOCTOR.read_text(encoding="utf-8")
    assert page == doctor_page.page(), "out of date: run `make docs`"


@pytest.mark.native
def test_strictness_page_is_fresh(docs: ModuleType) -> None:
    from zyphos_lab.smuggle import strictness

    page = docs.STRICTNESS.read_text(encoding="utf-8")
    assert page == strictness.page(), "out of date: run `make docs`"


def test_the_verdicts_page_has_every_code_in_the_sources() -> None:
    made = re.compile(r'(?:Reason\((?:\w+, )?|Remark\(|_reason\(\s*columns, )\s*"([a-z_]+)"')
    package = ROOT / "zyphos_lab"  # what compare says of two runs is its own
    sources = [path for path in package.rglob("*.py") if path.parent.name != "compare"]
    used = {code for path in sources for code in made.findall(path.read_text(encoding="utf-8"))}
    listed = {kind.code for kind in verdicts.KINDS}
    assert len(used) > 20
    assert used | set(runner.FAILED_CODES) | set(record.NOT_HERE) == listed


def test_page_has_every_command(docs: ModuleType) -> None:
    from zyphos_lab.cli.main import COMMANDS

    page = docs.page()
    assert all(f"## zyphos-lab {name}" in page for name in COMMANDS)


@pytest.mark.answers("e1")
def test_what_the_page_on_engines_names_exists() -> None:
    """Each `name()` of docs/reactor_and_proactor.md is one of our functions; links lead somewhere.
    Two of the systems' calls stand there with their arguments.
    """
    page = ROOT / "docs" / "reactor_and_proactor.md"
    text = page.read_text(encoding="ascii")
    folders = ("engine", "protocol")
    headers = [path for folder in folders for path in (ROOT / "cpp" / folder).glob("*.[hc]*")]
    sources = "\n".join(path.read_text(encoding="ascii") for path in headers)
    named = set(re.findall(r"`(?:\w+::)?(\w+)\([^`]*\)`", text)) - {"shutdown", "CancelIoEx"}
    assert {"submit_and_wait", "receive_once", "bury", "settle"} <= named
    assert [name for name in sorted(named) if not re.search(rf"\b{name}\(", sources)] == []
    links = re.findall(r"\]\(([^)#]+)\)", text)
    assert len(links) > 8
    assert [link for link in links if not (page.parent / link).exists()] == []


def test_what_the_method_page_names_exists() -> None:
    """Each `file::test` of docs/method.md stands in that file, each file is there."""
    page = (ROOT / "docs" / "method.md").read_text(encoding="utf-8")
    named = re.findall(r"`((?:tests|cpp|experiments)/[\w/.-]+)(?:::(\w+))?`", page)
    assert len(named) > 40
    missing = [
        f"{path}::{name}"
        for path, name in named
        if not (ROOT / path).is_file()
        or (name and not re.search(rf"\b{name}[(){{]", (ROOT / path).read_text(encoding="utf-8")))
    ]
    assert not missing
