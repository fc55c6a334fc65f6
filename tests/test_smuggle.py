"""Request smuggling: techniques as data, readers as models, and who reads what over real sockets.

Nothing here measures. A server that waits is told from one that answers by time, but only where it
is asked for what it waits for: a slow machine makes a test longer, not another.
"""

from __future__ import annotations

import json
import os
import re
import socket
from pathlib import Path

import pytest
from click.testing import CliRunner

from zyphos_lab.child import Children
from zyphos_lab.cli.main import cli
from zyphos_lab.errors import ExpectationError, UsageError
from zyphos_lab.smuggle import detect, peers, run
from zyphos_lab.smuggle.answers import Answer, answers, first_end
from zyphos_lab.smuggle.matrix import Matrix, Pair
from zyphos_lab.smuggle.reader import split
from zyphos_lab.smuggle.reading import Reading
from zyphos_lab.smuggle.technique import CONTROL, all_techniques, bytes_of, escaped, of_file
from zyphos_lab.smuggle.ways import READERS

ALL = {one.name: one for one in all_techniques()}
PATIENT_S = 20.0
CLASSIC = (CONTROL, "CL.TE", "TE.CL")


def test_there_are_many_techniques_and_each_has_a_name_and_a_source() -> None:
    assert len(all_techniques()) == len(ALL) > 100
    kinds = {one.kind for one in ALL.values()}
    assert kinds >= {"CL.TE", "TE.CL", "TE.TE", "CL.CL", "CL.0", "chunk", "line", "host", CONTROL}
    assert all(
        one.source and re.match(r"RFC (9110|9112|3986), ", one.clause) for one in ALL.values()
    )


@pytest.mark.parametrize("name", ALL)
def test_a_strict_reader_makes_of_a_technique_what_its_file_says(name: str) -> None:
    technique = ALL[name]
    found = split(technique.data, READERS["strict"])
    assert found.refused == technique.rule
    assert bool(found.rest) == (technique.safe == "wait")
    if technique.safe == "read":
        assert [one.target for one in found.messages] != []


@pytest.mark.parametrize("name", [name for name, one in ALL.items() if one.readers])
def test_two_readers_split_it_as_differently_as_its_file_says(name: str) -> None:
    one, other = (split(ALL[name].data, READERS[reader]) for reader in ALL[name].readers)
    assert one.shape() != other.shape(), escaped(ALL[name].data)


def test_the_block_of_a_file_is_the_bytes_that_are_sent() -> None:
    block = "POST / HTTP/1.1\nContent-Length: {rest}\nX: \\x0b\\0\\s\n\na{c*3}\\\n"
    wanted = b"POST / HTTP/1.1\r\nContent-Length: 4\r\nX: \x0b\0 \r\n\r\naccc"
    assert bytes_of(block) == wanted
    assert escaped(wanted) == r"POST / HTTP/1.1\r\nContent-Length: 4\r\nX: \x0b\0 \r\n\r\naccc"
    with pytest.raises(ValueError, match=r"no escape \\q"):
        bytes_of("\\q")


def test_a_file_of_techniques_that_does_not_read_is_said(tmp_path: Path) -> None:
    path = tmp_path / "mine.yaml"
    path.write_text(
        "class: x\ntechniques:\n  - {name: a, what: b, clause: c, source: d, send: e}\n"
    )
    with pytest.raises(UsageError, match=r"mine\.yaml: no file of techniques: 'rule'"):
        list(of_file(path))


def test_answers_are_read_as_they_come() -> None:
    data = (
        b"HTTP/1.1 100 Continue\r\n\r\n"
        b"HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\nread A /\n"
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
        b"8\r\nread B /\r\n2\r\n 7\r\n0\r\n\r\n"
        b"HTTP/1.1 200 OK\r\nContent-Length: 30\r\n\r\n"  # to HEAD
        b"HTTP/1.1 400 Bad\r\n\r\nread D / 1"
    )
    found = answers(data)
    assert found == [Answer(200, "A /"), Answer(200, "B /", 7), Answer(200), Answer(400)]
    assert data[first_end(data) :].startswith(b"HTTP/1.1 200 OK\r\nTransfer")
    assert answers(b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nabc") == []
    assert answers(b"read GET /\n") == [Answer(200, "GET /")]  # HTTP/0.9


@pytest.mark.parametrize(
    ("sign", "end", "found"),
    [
        ("1", "closed", ["/", "/after"]),
        ("1S", "closed", ["/", "/smuggled", "/after"]),
        ("2", "closed", ["/", "/second", "/after"]),
        ("1|", "closed", ["/"]),
        ("1 wait", "open", ["/"]),
        ("wait", "open", []),
        ("400", "closed", [400]),
        ("1S400", "closed", ["/", "/smuggled", 400]),
    ],
)
def test_a_reading_in_few_signs(sign: str, end: str, found: list[str | int]) -> None:
    said = tuple(
        Answer(one) if isinstance(one, int) else Answer(200, f"GET {one}") for one in found
    )
    reading = Reading(said, "open" if end == "open" else "closed")
    assert reading.sign() == sign
    assert reading.refused == (sign == "400")


def through(pair: Pair, folder: Path, kinds: tuple[str, ...] = CLASSIC) -> Matrix:
    """The matrix of one pair; a skip with the reason where one of the two is not here."""
    for peer in (peers.fronts()[pair.front], peers.servers()[pair.back]):
        if why := peers.missing(peer):
            pytest.skip(f"{peer.name}: {why}")
    chosen = [one for one in all_techniques() if one.kind in kinds]
    wanted = run.Wanted(chosen, [], [pair], PATIENT_S)
    matrix = run.run(wanted, Children(folder), lambda _: None)
    assert matrix.missing == {}
    assert matrix.broken() == []
    return matrix


def test_the_control_is_exploited_or_the_zeros_of_others_would_say_nothing(tmp_path: Path) -> None:
    pair = Pair("naive-length", "naive-coding")
    matrix = through(pair, tmp_path, (CONTROL, "CL.TE"))
    hit = {one.name for _, one in matrix.exploited(models=True)}
    assert hit == {one.name for one in ALL.values() if one.kind == "CL.TE"}
    found = matrix.passings[pair]["cl_te"]
    assert found.verdict == "hit"
    assert [one.read for one in found.victim] == ["GET /smuggled"]
    assert matrix.exploited() == []


@pytest.mark.native
@pytest.mark.parametrize("front", [one for one in peers.fronts() if "naive" not in one])
def test_no_classic_succeeds_through_a_real_front_end_to_ours(front: str, tmp_path: Path) -> None:
    matrix = through(Pair(front, "ours-simd"), tmp_path)
    assert matrix.exploited() == []


@pytest.mark.native
@pytest.mark.parametrize("name", [one for one in peers.servers() if one.startswith(peers.OURS)])
def test_ours_takes_nothing_that_a_strict_reader_refuses(name: str, tmp_path: Path) -> None:
    chosen = [one for one in all_techniques() if one.safe in ("read", "refuse")]
    matrix = run.run(run.Wanted(chosen, [name], [], PATIENT_S), Children(tmp_path), lambda _: None)
    assert matrix.missing == {}
    readings = matrix.readings[name]
    refused = {one for one, found in readings.items() if found.refused}
    assert refused == {one.name for one in chosen if one.safe == "refuse"}
    for one in chosen:
        wanted = len(split(one.data, READERS["strict"]).messages)
        if one.safe == "read":
            assert len(readings[one.name].shape()) == wanted + 1, one.name


@pytest.mark.native
def test_somebodys_own_server_is_asked_and_what_is_not_loopback_is_not(tmp_path: Path) -> None:
    runner = CliRunner()
    with peers.started(peers.servers()["ours-descent"], Children(tmp_path)) as port:
        url = f"http://127.0.0.1:{port}/"
        words = ["smuggle", url, "--technique", "te_cl", "--json"]
        found = json.loads(runner.invoke(cli, words, standalone_mode=False).stdout)
    assert found["servers"][url]["readings"]["te_cl"]["sign"] == "400"
    assert found["servers"][url]["took_what_is_to_be_refused"] == []
    refused = runner.invoke(cli, ["smuggle", "http://198.51.100.7/"], standalone_mode=False)
    assert "198.51.100.7 is not on loopback" in str(refused.exception)


@pytest.mark.native
def test_somebodys_own_front_end_passes_on_to_a_port_of_ours(tmp_path: Path) -> None:
    nginx = peers.fronts()["nginx"]
    if why := peers.missing(nginx):
        pytest.skip(f"nginx: {why}")
    with socket.create_server(("127.0.0.1", 0)) as free:
        behind = int(free.getsockname()[1])
    with peers.started(nginx, Children(tmp_path), behind) as port:
        words = ["smuggle", f"http://127.0.0.1:{port}/", "--behind", str(behind), "--json"]
        words += ["--back", "ours-simd", "--technique", "TE.CL", "--patience", f"{PATIENT_S:g}s"]
        found = json.loads(CliRunner().invoke(cli, words, standalone_mode=False).stdout)
    [pair] = found["pairs"]
    assert pair["exploited"] == []
    assert pair["verdicts"] == {"agree": 6, "refused": 2}
    assert pair["passings"]["plain"]["arrived"][0].startswith("GET / HTTP/1.1\\r\\nHost: ")


def test_the_list_of_techniques_and_names_that_there_are_not() -> None:
    runner = CliRunner()
    listed = runner.invoke(cli, ["smuggle", "--list", "--json"], standalone_mode=False)
    assert {one["name"] for one in json.loads(listed.stdout)} == set(ALL)
    for option, name in (("--technique", "cl_ta"), ("--server", "ngingx"), ("--front", "nginy")):
        wrong = runner.invoke(cli, ["smuggle", option, name], standalone_mode=False)
        assert isinstance(wrong.exception, UsageError)
        assert "did you mean" in str(wrong.exception)


def test_a_peer_that_is_not_here_is_skipped_with_what_gets_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(os.environ, peers.FOLDER_VARIABLE, str(tmp_path))
    peers._file.cache_clear()
    try:
        why = peers.missing(peers.servers()["go"])
    finally:
        peers._file.cache_clear()
    assert why.startswith("not on this machine; get it by: go build -o ")


def test_the_detector_finds_what_could_be_read_otherwise_and_who_reads_it_how() -> None:
    stream = b"".join(ALL[one].data for one in ("pipelined", "cl_te", "plain", "cl_0_post"))
    found = list(detect.detect(stream))
    assert [(one.kind, one.rule) for one in found] == [
        ("malformed", "length_and_coding"),
        ("hidden", ""),
    ]
    assert stream[found[0].offset :].startswith(ALL["cl_te"].data)
    reads = {name: detect.said(one) for names, one in found[0].splits for name in names}
    assert reads["strict"] == "refused: length_and_coding"
    assert reads["coding"].startswith("POST / @0 (chunked), GET /smuggled @")
    assert reads["length"].startswith("POST / @0 (length), GET / @")


@pytest.mark.parametrize("name", [name for name, one in ALL.items() if one.rule])
def test_the_detector_names_the_rule_of_every_technique(name: str) -> None:
    found = list(detect.detect(ALL["pipelined"].data + ALL[name].data))
    assert (found[0].offset, found[0].rule) == (len(ALL["pipelined"].data), ALL[name].rule)


def test_the_detector_is_silent_on_an_ordinary_stream_and_reads_standard_input() -> None:
    stream = ALL["plain"].data * 3 + b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhello"
    assert list(detect.detect(stream)) == []
    told = CliRunner().invoke(
        cli, ["smuggle", "--detect", "-", "--json"], input=ALL["te_cl"].data, standalone_mode=False
    )
    assert isinstance(told.exception, ExpectationError)
    assert json.loads(told.stdout)[0]["rule"] == "length_and_coding"


@pytest.mark.native
def test_our_server_counts_by_the_rules_that_techniques_name() -> None:
    from zyphos_lab._core import http1_rules, parse_request

    rules = {name: clause for name, clause, _, _ in http1_rules()}
    assert {one.rule for one in ALL.values()} - {""} <= set(rules)
    heads = [one for one in ALL.values() if one.kind != "chunk" and one.rule]
    other = {"host_disagrees", "request_line"}  # by the server, of what its parser reads
    early = {"0_cl_folded", "te_folded_value"}  # refused for being empty, before the fold comes
    for one in heads:
        if one.rule not in other and one.name not in early:
            assert parse_request(one.data)["rule"] == one.rule, one.name
