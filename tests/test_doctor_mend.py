"""`doctor --fix` and `--undo`: the true originals, whatever happened in between."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from zyphos_lab.cli.main import run
from zyphos_lab.doctor import Check, mend
from zyphos_lab.doctor.check import setting
from zyphos_lab.errors import UsageError

RANGE = "/proc/sys/net/ipv4/ip_local_port_range"


@pytest.fixture
def journal(tmp_path: Path) -> Path:
    return tmp_path / "state" / "doctor.json"


def advised(tmp_path: Path, **held: str) -> list[Check]:
    """One check for each name, which wants `new` in a file that holds something else."""
    for name, text in held.items():
        (tmp_path / name).write_text(text)
    return [setting(name, name, "old", "why", [str(tmp_path / name)], "new") for name in held]


def test_what_was_set_is_put_back_exactly(tmp_path: Path, journal: Path) -> None:
    checks = advised(tmp_path, one="5", two="32768\t60999\n", three="always [madvise] never")
    done = mend.fix(checks, journal)
    before = ["5", "32768 60999", "madvise"]
    assert [(one.before, one.after, one.refused) for one in done] == [
        (text, "new", "") for text in before
    ]
    again = mend.undo(journal)
    assert [(one.before, one.after) for one in again] == [("new", text) for text in before]
    assert not journal.exists() and mend.undo(journal) == []


def test_a_second_fix_still_knows_the_first_original(tmp_path: Path, journal: Path) -> None:
    checks = advised(tmp_path, one="5", two="6")
    mend.fix(checks[:1], journal)
    (tmp_path / "one").write_text("someone else's")
    mend.fix(checks, journal)
    mend.undo(journal)
    assert [(tmp_path / name).read_text() for name in ("one", "two")] == ["5", "6"]


def test_the_original_is_on_disk_before_anything_is_set(
    tmp_path: Path, journal: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    checks = advised(tmp_path, one="5")

    def killed(file: str, wanted: str) -> mend.Change:
        assert json.loads(journal.read_text())["originals"] == {file: "5"}
        raise KeyboardInterrupt

    with monkeypatch.context() as patched, pytest.raises(KeyboardInterrupt):
        patched.setattr(mend, "_set", killed)
        mend.fix(checks, journal)
    (tmp_path / "one").write_text("new")
    mend.undo(journal)
    assert (tmp_path / "one").read_text() == "5"


def test_a_refusal_is_told_and_the_journal_stays(tmp_path: Path, journal: Path) -> None:
    checks = advised(tmp_path, one="5")
    checks.append(setting("boot", "boot", "x", "why", [mend.BOOT_ID], "new"))
    told = mend.fix(checks, journal)
    assert [bool(one.refused) for one in told] == [False, True]
    assert any(one.refused for one in mend.undo(journal))
    assert journal.exists() and (tmp_path / "one").read_text() == "5"


def test_what_is_not_there_is_left_alone(tmp_path: Path, journal: Path) -> None:
    gone = setting("gone", "gone", "x", "why", [str(tmp_path / "gone")], "new")
    assert mend.fix([gone], journal) == [] and not (tmp_path / "gone").exists()


def test_another_boots_journal_is_void(tmp_path: Path, journal: Path) -> None:
    mend.fix(advised(tmp_path, one="5"), journal)
    said = json.loads(journal.read_text())
    journal.write_text(json.dumps(said | {"boot_id": "another"}))
    assert mend.undo(journal) == [] and (tmp_path / "one").read_text() == "new"


@pytest.mark.parametrize("text", ["", "{", "[]", '{"boot_id": "x"}'])
def test_a_damaged_journal_is_one_line(tmp_path: Path, journal: Path, text: str) -> None:
    journal.parent.mkdir()
    journal.write_text(text)
    with pytest.raises(UsageError, match="journal cannot be read"):
        mend.fix(advised(tmp_path, one="5"), journal)
    assert (tmp_path / "one").read_text() == "5"


@pytest.mark.parametrize(
    ("words", "complaint"),
    [
        (["--fix", "--undo"], "exclude each other"),
        (["thp"], "says what --fix shall set"),
        (["--fix", "nothing"], "no check is called 'nothing'"),
    ],
)
def test_bad_words_are_one_line(
    words: list[str], complaint: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["doctor", *words]) == 2
    error = capsys.readouterr().err
    assert complaint in error and error.count("\n") == 1


@pytest.mark.skipif(os.geteuid() != 0, reason="a network namespace of its own needs root")
@pytest.mark.skipif(shutil.which("unshare") is None, reason="no unshare(1)")
def test_a_real_setting_in_a_namespace_of_its_own(tmp_path: Path) -> None:
    here = Path(RANGE).read_text()
    lab = f"{Path(sys.executable).with_name('zyphos-lab')} doctor"
    script = f"""
        set -e; echo '40000 41000' > {RANGE}
        {lab} --fix ports; cat {RANGE}; {lab} --undo; cat {RANGE}"""
    done = subprocess.run(
        ["unshare", "--net", "sh", "-c", script],
        env={**os.environ, "XDG_STATE_HOME": str(tmp_path)},
        capture_output=True,
        text=True,
    )
    if "Operation not permitted" in done.stderr and "unshare" in done.stderr:
        pytest.skip(done.stderr.strip())
    assert done.returncode == 0, done.stderr
    assert [" ".join(line.split()) for line in done.stdout.splitlines()] == [
        f"{RANGE}: 40000 41000 -> 15000 65000",
        "15000 65000",
        f"{RANGE}: 15000 65000 -> 40000 41000",
        "40000 41000",
    ]
    assert Path(RANGE).read_text() == here
