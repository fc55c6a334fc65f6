"""Captured trials end to end: the runner, the record, `show --packets`, the report, no rights."""

import ctypes
import json
import re
import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from running import refused
from zyphos_lab.cli.main import run as command
from zyphos_lab.native import program
from zyphos_lab.packets import capture, frames, show
from zyphos_lab.packets.connections import Connection
from zyphos_lab.packets.transitions import Transition
from zyphos_lab.store import Store

NAME = "captured"
EXPERIMENT = """
schema: 1
name: captured
question: What is on the wire?
targets: {echo: {engine: epoll, protocol: echo, message_bytes: 64}}
load:
  protocol: echo
  message_bytes: 64
  connections: 2
  arrival: {law: closed, think: 1ms}
link: {kind: LINK}
repeat: {starts: 1, warmup: 0s, window: 150ms}
design: {ceiling: false%s}
evidence: false
capture: {%s}
"""


def ran(
    folder: Path, settings: str, design: str = "", link: str = "loopback", page: bool = False
) -> Store:
    """The run of one cell."""
    file = folder / "captured.yaml"
    text = EXPERIMENT.replace("LINK", link) % (design, settings)
    file.write_text(text, encoding="utf-8")
    results = folder / "results"
    words = ["run", str(file), "--results", str(results), "--no-notebook", "--force", "--json"]
    words += [] if page else ["--no-report"]
    assert command(words) in (0, 5)  # a busy machine may make trials INVALID: bytes stay bytes
    [path] = (results / NAME).iterdir()
    return Store.open(path)


def captured_row(store: Store, stage: str) -> dict[str, Any]:
    [row] = store.rows(stage)
    if row["capture_packets"] is None and "CAP_NET_RAW" in row["skipped"].get("capture", ""):
        pytest.skip(row["skipped"]["capture"])
    return row


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Store:
    return ran(tmp_path_factory.mktemp("captured"), "window: 100ms", page=True)


@pytest.mark.native
def test_an_extra_trial_is_captured_and_marked(store: Store) -> None:
    row = captured_row(store, "capture")
    assert row["verdict"] != "VALID"
    assert "captured" in [reason["code"] for reason in row["reasons"]]
    assert row["capture_dropped"] == 0 and row["capture_cpu_ns"] > 0
    capture_of_it = frames.read(capture.file_of(store.path, row["trial"]))
    assert len(capture_of_it.frames) == row["capture_packets"]
    assert capture_of_it.comment.startswith(f"trial {row['trial']}, ")


@pytest.mark.native
def test_the_measured_trial_is_not(store: Store) -> None:
    [row] = store.rows("measure")
    assert "capture_packets" not in row and "wire_bytes" not in row
    assert "captured" not in [reason["code"] for reason in row["reasons"]]
    assert not capture.file_of(store.path, row["trial"]).exists()


@pytest.mark.native
def test_connections_are_whole(store: Store) -> None:
    captured_row(store, "capture")
    found = show.captured(store)
    assert len(found.connections) == 2
    for one in found.connections:
        assert one.has_handshake
        assert show.drawn(found, one.number).rows[-1].server == "CLOSE"
    assert found.setting.message_bytes == 64


@pytest.mark.native
def test_rfc_9293_s_states_stand_in_order_beside_the_right_packets(store: Store) -> None:
    """The kernel's own changes of state, each beside the packet that caused it."""
    row = captured_row(store, "capture")
    found = show.captured(store)
    if found.states.reason:
        assert row["capture_states"] is None and row["skipped"]["capture_states"]
        pytest.skip(found.states.reason)
    assert row["capture_states"] == len(found.states.changes) > 0 and found.states.lost == 0
    for one in found.connections:
        kernel = found.kernel(one)
        begins(kernel.transitions, one)
        ends(kernel.transitions, one)
        for change in kernel.transitions:
            sent = change.change.after in ("SYN_SENT", "FIN_WAIT1", "LAST_ACK")
            assert -kernel.error_ns <= (change.between_ns or 0) * (-1 if sent else 1)


def flags(one: Connection, number: int | None) -> set[str]:
    assert number is not None
    return set(one.segments[number - 1].packet.flag_names)


def begins(changes: Sequence[Transition], one: Connection) -> None:
    """The handshake: SYN, SYN and ACK, ACK."""
    first = [(change.side, change.change.after, change.number) for change in changes[:4]]
    assert first == [("client", "SYN_SENT", 1), ("client", "ESTABLISHED", 2),
                     ("server", "SYN_RECV", 3), ("server", "ESTABLISHED", 3)]  # fmt: skip
    assert [flags(one, number) for number in (1, 2, 3)] == [{"SYN"}, {"SYN", "ACK"}, {"ACK"}]


def ends(changes: Sequence[Transition], one: Connection) -> None:
    """One side closes first, the other after it; each FIN is the cause of two changes."""
    states = {change.change.after: change for change in changes[4:]}
    assert set(states) == {"FIN_WAIT1", "FIN_WAIT2", "CLOSE_WAIT", "LAST_ACK", "CLOSE"}
    first, second = states["FIN_WAIT1"], states["LAST_ACK"]
    assert first.side != second.side and first.number == states["CLOSE_WAIT"].number
    assert "FIN" in flags(one, first.number) and "FIN" in flags(one, second.number)
    assert (first.number or 0) < (second.number or 0)


@pytest.mark.native
def test_the_ladder_shows_the_kernel_s_states(
    store: Store, capsys: pytest.CaptureFixture[str]
) -> None:
    captured_row(store, "capture")
    found = show.captured(store)
    if found.states.reason:
        pytest.skip(found.states.reason)
    assert command(["show", str(store.path), "--packets", "--connection", "1"]) == 0
    out = capsys.readouterr().out
    assert "SYN_RECV -> ESTABLISHED" in out and "clocks agree within" in out
    assert "Under a state: when the kernel entered it" in (store.path / "report.html").read_text(
        encoding="utf-8"
    )
    assert command(["show", str(store.path), "--packets", "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert told["states_lost"] == 0 and told["states_error_ns"] >= 0
    steps = told["connections"][0]["transitions"]
    assert [step["packet"] for step in steps[:4]] == [1, 2, 3, 3]
    assert {"since_ns", "side", "from", "to", "after_packet_ns", "error_ns"} <= set(steps[0])


@pytest.mark.native
def test_bytes_of_the_window_by_layer(store: Store) -> None:
    row = captured_row(store, "capture")
    layers = ("link", "ip", "tcp", "tcp_options", "payload")
    assert sum(row[f"wire_{name}_bytes"] for name in layers) == row["wire_bytes"] > 0
    assert row["wire_setup_bytes_per_connection"] == 74 + 74 + 66
    # Requests and answers of 64 bytes; one of each connection may lie across an edge.
    asked = row["requests_done"]
    assert abs(row["wire_payload_bytes"] - 128 * asked) <= 128 * 4
    assert row["wire_payload_bytes_per_request"] == row["wire_payload_bytes"] / asked


@pytest.mark.native
def test_show_prints_and_draws(store: Store, capsys: pytest.CaptureFixture[str]) -> None:
    row = captured_row(store, "capture")
    assert command(["show", str(store.path), "--packets"]) == 0
    out = capsys.readouterr().out
    # Which connection tells most is the machine's: it may have stalled one of the two.
    [number] = re.findall(rf"^all trial {row['trial']}, connection ([12])$", out, re.MULTILINE)
    picture = store.path / "packets" / f"{row['trial']}-{number}.svg"
    assert "SYN, ACK" in out and str(picture) in out
    assert picture.read_text(encoding="utf-8").startswith("<svg")
    assert command(["show", str(store.path), "--packets", str(row["trial"]), "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    packets = [packet for one in told["connections"] for packet in one["packets"]]
    assert len(packets) == row["capture_packets"]


@pytest.mark.native
@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--packets", "0"], "no packets of trial 0 (captured are: 1)"),
        (["--packets", "x"], "--packets x: not the number of a trial"),
        (["--packets", "1", "--connection", "9"], "trial 1 has connections 1 to 2"),
        (["--connection", "1"], "go with --packets"),
    ],
)
def test_mistakes_are_one_line(
    store: Store, words: list[str], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    captured_row(store, "capture")
    assert command(["show", str(store.path), *words]) == 2
    told = capsys.readouterr().err
    assert said in told and told.count("\n") == 1


@pytest.mark.native
def test_the_report_has_the_ladder_and_verifies(store: Store) -> None:
    captured_row(store, "capture")
    page = (store.path / "report.html").read_text(encoding="utf-8")
    assert "The packets" in page and 'class="zl"' in page and 'class="zb"' in page
    assert command(["report", str(store.path), "--verify"]) == 0


@pytest.mark.native
def test_measured_trials_are_captured_where_asked(tmp_path: Path) -> None:
    found = ran(tmp_path, "measured: true", ", subject: [captured]")
    row = captured_row(found, "measure")
    assert row["wire_bytes_per_request"] > 128
    assert "captured" not in [reason["code"] for reason in row["reasons"]]
    assert found.rows("capture") == []


@pytest.mark.native
def test_the_client_s_end_of_a_link_is_captured_inside_its_namespace(tmp_path: Path) -> None:
    found = ran(tmp_path, "window: 100ms", link="veth")
    if "link_missing" in [one["code"] for row in found.rows() for one in row["reasons"]]:
        pytest.skip("no network namespaces here")
    row = captured_row(found, "capture")
    packets = frames.read(capture.file_of(found.path, row["trial"]))
    assert packets.interfaces == ["zy0"]
    assert {frame.outgoing for frame in packets.frames} == {True, False}
    shown = show.captured(found)
    for one in shown.connections:
        assert one.client[0] != one.server[0] and one.mss(True) == 1460
        if not shown.states.reason:  # both namespaces' sockets; the server's are half a trip away
            kernel = shown.kernel(one)
            begins(kernel.transitions, one)
            assert kernel.far_error_ns > kernel.error_ns


@pytest.mark.native
def test_a_limit_that_cuts_the_window_leaves_no_bytes(tmp_path: Path) -> None:
    row = captured_row(ran(tmp_path, "packets: 10"), "capture")
    assert row["capture_packets"] == 10 and row["wire_bytes"] is None
    assert "limit: packets" in row["skipped"]["wire_bytes"]


@pytest.mark.native
def test_without_the_right_the_run_goes_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    place = capture.Place("zy-no-such")
    monkeypatch.setattr(capture, "place_of", lambda _: place)
    found = ran(tmp_path, "trials: 1")
    [row] = found.rows("capture")
    assert row["capture_packets"] is None
    known = ("zy-no-such", "CAP_NET_RAW")
    assert any(word in row["skipped"]["capture"] for word in known)
    assert row["requests_done"] > 0  # the trial itself was made
    told = found.manifest["told"]["capture"]
    assert [note["code"] for note in told] == ["no_capture"]
    assert command(["show", str(found.path), "--packets"]) == 2
    assert "no packets were captured in this run" in capsys.readouterr().err


@pytest.mark.native
def test_what_is_missing_is_said_with_how_to_get_it(tmp_path: Path) -> None:
    """Root loses CAP_NET_RAW for good before the program starts: prctl(PR_CAPBSET_DROP)."""
    libc = ctypes.CDLL(None, use_errno=True)
    done = subprocess.run(
        [program("zyphos-capture"), "port=1", f"file={tmp_path / 'x.pcapng'}", "time_ns=1"],
        capture_output=True,
        text=True,
        preexec_fn=lambda: libc.prctl(24, 13, 0, 0, 0),
        timeout=60,
    )
    assert done.returncode == 0 and done.stderr == ""
    event = json.loads(done.stdout)
    assert event["event"] == "skipped"
    assert "CAP_NET_RAW" in event["reason"] and "setcap" in event["reason"]


@pytest.mark.native
def test_mistakes_of_the_program_are_one_line(tmp_path: Path) -> None:
    for words, code, said in (
        (["prot=1"], 2, "did you mean 'port'?"),
        (["port=1"], 2, "file= says where to write"),
        (["file=x", "snap_bytes=70000"], 2, "snap_bytes is at most 65536"),
    ):
        found = refused("zyphos-capture", *words)
        assert found[0] == code and found[1] == "" and found[2].count("\n") == 1
        assert said in found[2]


def test_the_capture_keeps_off_the_server_s_processors(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(capture.proc, "cpus_online", lambda: {0, 1, 2})
    monkeypatch.setattr(capture.os, "sched_getaffinity", lambda _: {0, 1, 2})
    assert capture.cpus_beside([0], [1]) == (2,)
    assert capture.cpus_beside([0, 2], [1]) == (1,)
    assert capture.cpus_beside([0, 1, 2], [1]) == ()
    assert capture.cpus_beside([], []) == ()
