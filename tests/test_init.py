"""`zyphos-lab init`: what it writes is read, planned and really run."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import pytest

from zyphos_lab import spec
from zyphos_lab.cli.main import run
from zyphos_lab.native import program
from zyphos_lab.spec import CommandTarget
from zyphos_lab.store import Store

# 5: this machine had too little time; what was asked for was done all the same.
QUICK = ["--profile", "quick", "--no-notebook", "--no-report"]
SHORT = ["--set", "repeat.starts=1", "--only", "connections=1"]


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def rows(name: str) -> list[dict[str, object]]:
    [path] = Path("results", name).iterdir()
    return Store.open(path).rows()


def test_without_options_it_runs_as_it_is(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["init"]) == 0
    assert "zyphos-lab run mine.yaml --plan" in capsys.readouterr().out
    assert run(["run", "mine.yaml", "--plan"]) == 0
    assert "4 cells x 8 starts" in capsys.readouterr().out
    assert run(["run", "mine.yaml", *QUICK, *SHORT]) in (0, 5)
    found = rows("mine")
    assert {row["target"] for row in found} == {"plain", "mine"}
    assert all(row["requests_done"] for row in found)


def test_ones_own_server_is_run(capsys: pytest.CaptureFixture[str]) -> None:
    words = [program("zyphos-serve"), "engine=thread", "protocol=http1", "port={port}"]
    given = ["--command", shlex.join(words), "--ready", "http:/health", "--path", "/items?a=1"]
    assert run(["init", "my server.yaml", *given]) == 0
    experiment = spec.load("my server.yaml")
    mine = experiment.targets["mine"]
    assert isinstance(mine, CommandTarget)
    assert (list(mine.command), mine.port, mine.ready.http) == (words, "auto", "/health")
    assert (experiment.name, experiment.load.path) == ("my_server", "/items?a=1")
    assert run(["run", "my server.yaml", *QUICK, *SHORT]) in (0, 5)
    mine_rows = [row for row in rows("my_server") if row["target"] == "mine"]
    assert mine_rows
    assert all(row["requests_done"] and not row["requests_failed"] for row in mine_rows)


def test_echo_and_a_fixed_port() -> None:
    assert (
        run(["init", "e.yaml", "--command", "./echo", "--port", "7000", "--protocol", "echo"]) == 0
    )
    experiment = spec.load("e.yaml")
    mine = experiment.targets["mine"]
    assert isinstance(mine, CommandTarget)
    assert (mine.port, mine.ready.tcp, mine.cwd) == (7000, True, ".")
    assert experiment.load.protocol == "echo"


def test_what_is_there_stays(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (here / "mine.yaml").write_text("precious")
    assert run(["init"]) == 2
    assert capsys.readouterr().err == (
        "zyphos-lab: mine.yaml is there already (give another name, or remove it)\n"
    )
    assert (here / "mine.yaml").read_text() == "precious"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--command", "./server"], "on which port will it listen?"),
        (["--command", "./server 'x"], "no closing quotation"),
        (["--command", ""], "an empty --command"),
        (["--command", "./s {port}", "--ready", "udp"], "one of tcp, http:/path, log:REGEX"),
        (["--command", "./s {port}", "--path", "items"], "mine.yaml:"),
        (["--port", "80"], "--port is about --command"),
        (["no/folder/x.yaml"], "cannot write no/folder/x.yaml"),
    ],
)
def test_bad_input_is_one_line_and_2(
    here: Path, capsys: pytest.CaptureFixture[str], arguments: list[str], message: str
) -> None:
    assert run(["init", *arguments]) == 2
    error = capsys.readouterr().err
    assert message in error
    assert len(error.splitlines()) == 1
    assert list(here.iterdir()) == []


def test_what_is_commented_out_is_right_too() -> None:
    assert run(["init"]) == 0
    lines = Path("mine.yaml").read_text(encoding="ascii").splitlines()
    start = next(i for i, line in enumerate(lines) if line.startswith("    engine: uring"))
    kept = lines[:start] + lines[start + 3 :]
    keys = "command|port|ready|stop|cwd|cpus|env|files|method|body|headers|until|budget"
    offered = rf"^( *)# (?=({keys}): )"
    text = "\n".join(re.sub(offered, r"\1", line) for line in kept)
    text = re.sub(r"^# (?=expect:|  )", "", text.partition("\nschema")[2], flags=re.MULTILINE)
    experiment = spec.loads(f"schema{text}")
    mine = experiment.targets["mine"]
    assert isinstance(mine, CommandTarget)
    assert (mine.env, list(mine.files)) == ({"LOG": "error"}, ["server.conf"])
    assert experiment.expect[0].id == "mine_is_quick"
    assert experiment.load.method == "POST"
    assert experiment.repeat.until == "ci(p99) < 3%"


def test_every_line_explains_or_is_short() -> None:
    """A key without a comment is one whose neighbour explains it; none is longer than a screen."""
    assert run(["init"]) == 0
    text = Path("mine.yaml").read_text(encoding="ascii")
    assert all(len(line) <= 100 for line in text.splitlines())
    assert text.count("#") > 40
