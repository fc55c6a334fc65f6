"""Holds the tree to the rules of design and style, and shows for each rule that it can fail."""

from collections.abc import Callable
from pathlib import Path

import click
import pytest

from tidy import exceptions, includes, readme, sizes, text
from tidy.tree import Complaint, File, read_tree, sample

ROOT = Path(__file__).resolve().parent.parent
Check = Callable[[list[File]], list[Complaint]]

CHECKS: list[Check] = [
    includes.check_includes,
    includes.check_known_folders,
    includes.check_protocol_headers,
    sizes.check_file_size,
    sizes.check_functions,
    text.check_ascii,
    text.check_columns,
    text.check_whitespace,
    text.check_notes,
    text.check_places,
    text.check_top_level,
    readme.check_links,
]


@pytest.fixture(scope="module")
def tree() -> list[File]:
    return read_tree(ROOT)


@pytest.fixture(scope="module")
def complaints(tree: list[File]) -> dict[str, list[Complaint]]:
    return {check.__name__: check(tree) for check in CHECKS}


def show(found: list[Complaint]) -> str:
    return "\n" + "\n".join(map(str, sorted(found)))


@pytest.mark.parametrize("name", [check.__name__ for check in CHECKS])
def test_tree_is_tidy(name: str, complaints: dict[str, list[Complaint]]) -> None:
    left = exceptions.remaining(complaints[name], exceptions.EXCEPTIONS)
    assert not left, show(left)


def test_every_exception_is_needed(complaints: dict[str, list[Complaint]]) -> None:
    every = [complaint for found in complaints.values() for complaint in found]
    assert exceptions.unused(every, exceptions.EXCEPTIONS) == []
    assert all(len(exempt.reason) > 20 for exempt in exceptions.EXCEPTIONS)


# --- each check can fail --------------------------------------------------------------------------

LONG_BODY = "int f() {\n" + "  g();\n" * 60 + "}\n"
TANGLED = "def f(x):\n" + "".join(f"    if x == {n}:\n        return {n}\n" for n in range(12))
NOTE = "TO" + "DO"
PLACE = "/ho" + "me/somebody/lab"

BAD: list[tuple[Check, str, str, str]] = [
    (includes.check_includes, "cpp/load/a.cpp", '#include "engine/epoll.h"\n', "engine"),
    (includes.check_includes, "cpp/base/a.h", '#include "memory/ring.h"\n', "memory"),
    (includes.check_includes, "cpp/engine/a.cpp", '#include "protocol/http1/read.h"\n', "http1"),
    (includes.check_includes, "cpp/protocol/echo/a.h", '#include "net/socket.h"\n', "net"),
    (includes.check_includes, "cpp/protocol/echo/a.h", '#include "protocol/http1/x.h"\n', "http1"),
    (includes.check_includes, "cpp/load/a_test.cpp", '#include "engine/epoll.h"\n', "engine"),
    (includes.check_includes, "cpp/net/a.cpp", '#include "a.h"\n', "from cpp/ on"),
    (includes.check_includes, "cpp/net/a.cpp", '#include "x.skel.h"\n', "probe/ alone"),
    (includes.check_known_folders, "cpp/utils/a.h", "", "include table"),
    (includes.check_protocol_headers, "cpp/protocol/a.h", "#include <sys/socket.h>\n", "socket"),
    (includes.check_protocol_headers, "cpp/protocol/a.h", "#include <thread>\n", "thread"),
    (includes.check_protocol_headers, "cpp/protocol/b/a.cpp", "# include <chrono>\n", "chrono"),
    (sizes.check_file_size, "cpp/base/a.h", "//\n" * 501, "501 lines"),
    (sizes.check_functions, "cpp/base/a.cpp", LONG_BODY, "f: 62 lines"),
    (sizes.check_functions, "zyphos_lab/a.py", TANGLED, "complexity 13"),
    (text.check_ascii, "zyphos_lab/a.py", "# caf\u00e9\n", "\u00e9"),
    (text.check_columns, "cpp/base/a.h", "/" * 101 + "\n", "101 columns"),
    (text.check_whitespace, "cpp/base/a.h", "int a; \n", "blank"),
    (text.check_notes, "Makefile", f"# {NOTE}: later\n", NOTE),
    (text.check_places, "docs/a.md", f"see {PLACE}\n", "path"),
    (text.check_top_level, "src/a.py", "", "fixed list"),
    (readme.check_links, "docs/a.md", "see [b](../cpp/b.h) and [c](#c)\n", "no such file"),
]


@pytest.mark.parametrize(("check", "path", "content", "said"), BAD)
def test_check_can_fail(check: Check, path: str, content: str, said: str) -> None:
    [complaint] = check(sample(**{path: content}))
    assert complaint.path.startswith(path.rpartition("/")[0].partition("/")[0])
    assert said in complaint.what


GOOD: list[tuple[str, str]] = [
    ("cpp/engine/a_test.cpp", '#include "protocol/http1/x.h"\n#include "app/hello.h"\n'),
    ("cpp/protocol/echo/a_test.cpp", '#include "testing/two_peers.h"\n#include <cstdio>\n'),
    ("cpp/load/a.cpp", '#include "protocol/http1/client.h"\n#include <chrono>\n'),
    ("cpp/binding/a.cpp", '#include "engine/epoll.h"\n'),
    ("cpp/probe/a.cpp", '#include "syscalls.skel.h"\n'),
]


@pytest.mark.parametrize(("path", "content"), GOOD)
def test_checks_let_the_allowed_pass(path: str, content: str) -> None:
    assert [c for check in CHECKS for c in check(sample(**{path: content}))] == []


def test_exceptions_cover_only_what_they_name() -> None:
    complaint = Complaint("cpp/a.cpp", 3, "complexity", "f: complexity 12, at most 10")
    right = exceptions.Exempt("complexity", "cpp/a.cpp", "f", "a dispatch table")
    wrong = exceptions.Exempt("complexity", "cpp/a.cpp", "g", "another function")
    assert exceptions.remaining([complaint], [right]) == []
    assert exceptions.remaining([complaint], [wrong]) == [complaint]
    assert exceptions.unused([complaint], [right, wrong]) == [wrong]


# --- the documents' commands ----------------------------------------------------------------------


def test_documented_commands_exist(tree: list[File]) -> None:
    from zyphos_lab.cli.main import cli

    judge = readme.Judge((ROOT / "Makefile").read_text(), cli, lambda p: (ROOT / p).exists())
    found = readme.check_commands(tree, judge)
    assert not found, show(found)


def test_readme_names_the_two_commands(tree: list[File]) -> None:
    [document] = [file for file in tree if file.path == "README.md"]
    lines = [" ".join(command.words) for command in readme.commands_of(document)]
    assert "make run" in lines and "make test" in lines


@pytest.fixture(scope="module")
def judge() -> readme.Judge:
    @click.group()
    def group() -> None: ...

    @group.command()
    @click.option("--seed", "-s")
    def run(seed: str) -> None: ...

    return readme.Judge("run: ## x\ntest: run\n", group, lambda path: path == "experiments/a.yaml")


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("make runn", "no target 'runn'"),
        ("zyphos-lab rum experiments/a.yaml", "no command 'rum'"),
        ("zyphos-lab run experiments/a.yaml --sed 1", "no option --sed"),
        ("zyphos-lab run experiments/b.yaml", "no such file"),
        ("cd x && mkae test", "unknown program 'mkae'"),
    ],
)
def test_command_check_can_fail(judge: readme.Judge, line: str, said: str) -> None:
    [complaint] = readme.check_commands(sample(**{"README.md": f"```sh\n{line}\n```\n"}), judge)
    assert said in complaint.what and complaint.line == 2


def test_command_check_lets_the_real_pass(judge: readme.Judge) -> None:
    block = "$ make run ARGS=-x\nSEED=1 zyphos-lab run experiments/a.yaml \\\n  --seed=3 -s 1\n"
    document = f"```sh\n{block}\n```\n\n```yaml\nmkae: it\n```\n"
    assert readme.check_commands(sample(**{"README.md": document}), judge) == []
