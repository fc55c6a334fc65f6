"""SQL over runs: right rows, one line for a wrong question, and tables that mend themselves."""

from __future__ import annotations

import csv
import json
import os
from pathlib import Path
from typing import Any

import pytest

import store_factory
from zyphos_lab import metrics, report
from zyphos_lab.cli.main import run
from zyphos_lab.query.session import VIEWS, Session
from zyphos_lab.store import JOURNAL, Store
from zyphos_lab.tables import file_of


@pytest.fixture(scope="module")
def results(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two runs of 8 starts, one of which has an answer."""
    folder = tmp_path_factory.mktemp("results")
    first = store_factory.make_store(folder, seed=1)
    report.write_answer(first, report.answer(first))
    store_factory.make_store(folder, seed=2, change=lambda row: row.update(requests_done=1.5))
    return folder


def ask(results: Path, capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, Any, str]:
    """Exit code, the JSON on stdout, stderr."""
    capsys.readouterr()
    code = run(["query", *arguments, "--json", "--results", str(results)])
    said = capsys.readouterr()
    return code, json.loads(said.out), said.err


def test_trials_of_all_runs(results: Path, capsys: pytest.CaptureFixture[str]) -> None:
    sql = "SELECT run, experiment, count(*) AS n, sum(requests_done) AS s FROM trials GROUP BY ALL"
    code, rows, error = ask(results, capsys, sql)
    assert code == 0 and not error
    assert [row["n"] for row in rows] == [136, 136]
    assert {row["experiment"] for row in rows} == {"tcp_nodelay"}
    assert 1.5 * 136 in [row["s"] for row in rows]
    one = rows[0]["run"]
    _, rows, _ = ask(results, capsys, sql, "--run", one)
    assert [row["run"] for row in rows] == [one]


def test_the_answers_numbers_are_those_of_answer_json(
    results: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    [path] = results.glob("*/*/answer.json")
    answer = json.loads(path.read_text())
    wanted = [delta["comparison"]["ratio"] for row in answer["rows"] for delta in row["deltas"]]
    _, rows, _ = ask(results, capsys, "SELECT ratio FROM contrasts WHERE family <> 'aa'")
    assert [row["ratio"] for row in rows] == wanted
    _, rows, _ = ask(results, capsys, "SELECT value, metric FROM estimates")
    assert [row["value"] for row in rows] == [
        estimate["value"] for row in answer["rows"] for estimate in row["estimates"].values()
    ]
    _, rows, _ = ask(results, capsys, "SELECT id, outcome FROM expectations")
    assert rows == [{"id": "stall", "outcome": "PASS"}]
    _, rows, _ = ask(results, capsys, "SELECT sentence, verdict FROM answers")
    assert rows == [{"sentence": answer["sentence"], "verdict": answer["verdict"]}]


def test_runs_and_events(results: Path, capsys: pytest.CaptureFixture[str]) -> None:
    _, rows, _ = ask(results, capsys, "SELECT status, trials_finished, hypervisor FROM runs")
    assert rows == [{"status": "complete", "trials_finished": 136, "hypervisor": "kvm"}] * 2
    _, rows, _ = ask(results, capsys, "SELECT event, max(trial) AS m FROM events GROUP BY event")
    assert rows == [{"event": "trial", "m": 135}]


@pytest.mark.parametrize(
    ("sql", "said"),
    [
        ("SELECT * FORM trials", 'SQL:1:15: syntax error at or near "trials"'),
        ("SELECT 1,\n  nothing FROM runs", "SQL:2:3: Referenced column"),
        ("SELECT latency_ns_p98 FROM trials", "did you mean `latency_ns_p99`"),
        ("SELECT * FROM trial", "did you mean `trials`?"),
        ("DROP TABLE trials", "DROP is not a question"),
        ("COPY runs TO 'x.csv'", "COPY is not a question"),
        ("SELECT 1; SELECT 2", "one statement, not 2"),
        ("", "one statement, not 0"),
    ],
)
def test_a_wrong_question_is_one_line(
    results: Path, capsys: pytest.CaptureFixture[str], sql: str, said: str
) -> None:
    assert run(["query", sql, "--results", str(results)]) == 2
    error = capsys.readouterr().err
    assert said in error and error.count("\n") == 1


def test_formats(results: Path, capsys: pytest.CaptureFixture[str]) -> None:
    question = ["query", "SELECT 'a|b' AS t, 2.5 AS n, NULL AS e", "--results", str(results)]
    assert run([*question, "--format", "md"]) == 0
    assert capsys.readouterr().out == "| t | n | e |\n| --- | ---: | --- |\n| a\\|b | 2.5 |  |\n"
    assert run([*question, "--format", "csv"]) == 0
    assert list(csv.reader(capsys.readouterr().out.splitlines())) == [
        ["t", "n", "e"],
        ["a|b", "2.5", ""],
    ]
    assert run(question) == 0
    assert capsys.readouterr().out == "t      n  e\n---  ---  -\na|b  2.5\n"


def test_schema_has_the_metrics_units(results: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["query", "--schema", "--json", "--results", str(results)]) == 0
    rows = json.loads(capsys.readouterr().out)
    assert {row["view"] for row in rows} == set(VIEWS)
    units = {row["column"]: row["unit"] for row in rows if row["view"] == "trials"}
    for name in ("latency_ns_p99", "requests_per_second"):
        assert units[name] == metrics.METRICS[name].unit
    with Session(list(results.glob("*/*")), print) as session:
        for view in VIEWS:
            told = [row["column"] for row in rows if row["view"] == view]
            assert [name for name, _ in session.columns(view)] == told


@pytest.mark.parametrize("name", ["trials", "histograms"])
@pytest.mark.parametrize("fault", ["gone", "cut", "flipped", "index"])
def test_a_broken_table_is_made_again_and_said(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], name: str, fault: str
) -> None:
    store = store_factory.make_store(tmp_path, starts=1)
    file = file_of(store.path, name)
    whole = file.read_bytes()
    middle = len(whole) // 2
    if fault == "gone":
        file.unlink()
    elif fault == "cut":
        file.write_bytes(whole[:middle])
    elif fault == "flipped":
        file.write_bytes(whole[:middle] + bytes([whole[middle] ^ 1]) + whole[middle + 1 :])
    else:
        (store.path / "tables.json").write_text("{")
    sql = f"SELECT count(*) AS n FROM {name}"
    code, rows, error = ask(tmp_path, capsys, sql)
    assert code == 0 and rows == [{"n": 17}]
    assert error.count("\n") == 1 and f"made again from {JOURNAL}" in error
    assert file.read_bytes() == whole
    _, rows, error = ask(tmp_path, capsys, sql)
    assert rows == [{"n": 17}] and not error


def test_a_torn_line_makes_no_table_old_and_no_journal_short(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    made = store_factory.make_store(tmp_path, starts=1)
    with (made.path / JOURNAL).open("ab") as journal:
        journal.write(b'{"event":"trial","row":')
    for _ in range(2):
        (made.path / "tables.json").unlink()
        code, rows, _ = ask(tmp_path, capsys, "SELECT count(*) AS n FROM trials")
        assert code == 0 and rows == [{"n": 17}]
    _, _, error = ask(tmp_path, capsys, "SELECT count(*) AS n FROM trials")
    assert not error
    Store.open(made.path, write=True).close()
    assert not Store.open(made.path).damaged


def test_a_run_under_way_is_read_and_left_alone(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    made = store_factory.make_store(tmp_path, starts=1)
    with Store.open(made.path, write=True) as store:
        store.note("interrupted", "a note makes the tables older than the journal")
        before = {file.name: os.stat(file).st_mtime_ns for file in made.path.iterdir()}
        code, rows, error = ask(tmp_path, capsys, "SELECT count(*) AS n FROM trials")
        assert code == 0 and rows == [{"n": 17}] and not error
        assert before == {file.name: os.stat(file).st_mtime_ns for file in made.path.iterdir()}


def test_a_damaged_manifest_or_answer_is_left_out_and_said(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    stores = [store_factory.make_store(tmp_path, starts=1, seed=seed) for seed in (1, 2)]
    for store in stores:
        report.write_answer(store, report.answer(store))
    (stores[0].path / "manifest.json").write_text('{"schema_version": 1, "exp')
    (stores[0].path / "answer.json").write_text("{}")
    for view in ("runs", "answers"):
        _, rows, error = ask(tmp_path, capsys, f"SELECT run FROM {view}")
        assert rows == [{"run": stores[1].run}]
        assert error.startswith(f"note: left out of {view}: ") and error.count("\n") == 1
