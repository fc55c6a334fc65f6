"""The kernel's changes of state beside the packets that caused them: matching, clocks, files."""

from __future__ import annotations

import os
import socket
import time
from collections.abc import Sequence
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import pytest

from zyphos_lab.errors import StoreError
from zyphos_lab.links.base import HERE
from zyphos_lab.packets import capture, frames, kernel_states, ladder, svg, text
from zyphos_lab.packets.connections import Connection, of_frames
from zyphos_lab.packets.kernel_states import Change, KernelStates
from zyphos_lab.packets.transitions import Transition, matched

PACKETS = Path(__file__).resolve().parent / "packets"
CLIENT = ("CLOSE", "SYN_SENT", "ESTABLISHED", "FIN_WAIT1", "FIN_WAIT2", "CLOSE")
SERVER = ("LISTEN", "SYN_RECV", "ESTABLISHED", "CLOSE_WAIT", "LAST_ACK", "CLOSE")
LATE_NS = 2_000  # a socket changes so long after what it received was captured


def orderly() -> Connection:
    """The client asks, is answered, and closes first."""
    return of_frames(frames.read(PACKETS / "http.pcapng").frames)[0]


def numbers(connection: Connection) -> dict[tuple[str, str], int]:
    """The packet of each change, by hand: handshake 1 to 3, the FINs and the last ACK."""
    fins = [one.number for one in connection.segments if "FIN" in one.packet.flag_names]
    last = connection.segments[-1].number
    after = fins[0] + 1  # the server's ACK of the client's FIN, maybe with its own
    return {
        ("client", "SYN_SENT"): 1, ("client", "ESTABLISHED"): 2, ("client", "FIN_WAIT1"): fins[0],
        ("client", "FIN_WAIT2"): after, ("client", "CLOSE"): after,
        ("server", "SYN_RECV"): 3, ("server", "ESTABLISHED"): 3, ("server", "CLOSE_WAIT"): fins[0],
        ("server", "LAST_ACK"): fins[1], ("server", "CLOSE"): last,
    }  # fmt: skip


def told(connection: Connection, late_ns: int = LATE_NS, far_ns: int = 0) -> tuple[Change, ...]:
    """What the kernel would tell of the connection; the server `far_ns` away from the capture."""
    sends = {"SYN_SENT", "FIN_WAIT1", "LAST_ACK"}
    changes = []
    for role, states, away_ns in (("client", CLIENT, 0), ("server", SERVER, far_ns)):
        ends = (connection.client, connection.server)
        local, remote = ends if role == "client" else ends[::-1]
        for before, after in pairwise(states):
            number = numbers(connection)[role, after]
            at_ns = connection.segments[number - 1].packet.time_ns
            at_ns += -late_ns - away_ns if after in sends else late_ns + away_ns
            own = (local[0], 0) if after == "SYN_SENT" else local
            socket_id = 1 if role == "client" else 2
            changes.append(Change(at_ns, socket_id, role, before, after, own, remote))
    return tuple(sorted(changes, key=lambda one: one.time_ns))


def by_state(found: Sequence[Transition]) -> dict[tuple[str, str], int | None]:
    return {(one.side, one.change.after): one.number for one in found}


def test_each_change_stands_beside_its_packet() -> None:
    one = orderly()
    found = matched(one, KernelStates(told(one), error_ns=100))
    assert by_state(found.transitions) == numbers(one)
    assert found.error_ns == 100 and found.far_error_ns == 0
    sends = {"SYN_SENT", "FIN_WAIT1", "LAST_ACK"}
    for change in found.transitions:
        assert change.between_ns is not None
        # What a side sends is captured after its change; FIN_WAIT2 and CLOSE have one packet.
        assert abs(change.between_ns) == LATE_NS
        assert (change.between_ns < 0) == (change.change.after in sends)


def test_the_far_side_is_half_a_round_trip_away() -> None:
    one = orderly()
    sent, back = (segment.since_ns for segment in one.segments[:2])
    way_ns = (back - sent) // 2
    found = matched(one, KernelStates(told(one, far_ns=way_ns), error_ns=100), far="server")
    assert by_state(found.transitions) == numbers(one)
    assert found.far_error_ns == way_ns + 100


def test_another_connection_s_sockets_are_not_taken() -> None:
    one = orderly()
    others = tuple(
        Change(change.time_ns, change.socket, change.role, change.before, change.after,
               ("10.0.0.9", change.local[1]), change.remote)
        for change in told(one)
    )  # fmt: skip
    found = matched(one, KernelStates(others))
    assert found.transitions == () and "no socket of this connection" in found.reason


def test_ports_that_come_again_belong_to_the_nearest_socket() -> None:
    one = orderly()
    earlier = tuple(
        Change(change.time_ns - 10**9 * 60, change.socket + 10, change.role, change.before,
               change.after, change.local, change.remote)
        for change in told(one)
    )  # fmt: skip
    found = matched(one, KernelStates((*earlier, *told(one))))
    assert {change.change.socket for change in found.transitions} == {1, 2}


def test_a_change_without_its_packet_says_so() -> None:
    one = orderly()
    short = Connection(one.number, one.protocol, one.client, one.server, one.segments[:3])
    found = matched(short, KernelStates(told(one)))
    missing = [change for change in found.transitions if change.change.after == "LAST_ACK"]
    assert [change.number for change in missing] == [None]
    assert missing[0].between_ns is None and ladder.between_text(missing[0]) == "-"


def test_a_state_that_is_set_again_is_no_transition() -> None:
    one = orderly()
    changes = told(one)
    again = next(change for change in changes if change.after == "LAST_ACK")
    changes += (replace(again, before="LAST_ACK", time_ns=again.time_ns + 1000),)
    found = matched(one, KernelStates(changes))
    assert by_state(found.transitions) == numbers(one) and len(found.transitions) == 10


def test_a_reset_ends_both() -> None:
    [aborted, _] = of_frames(frames.read(PACKETS / "reset.pcapng").frames)
    reset = next(one for one in aborted.segments if "RST" in one.packet.flag_names)
    changes = tuple(
        Change(reset.packet.time_ns + late_ns, at, role, "ESTABLISHED", "CLOSE", *ends)
        for at, (role, late_ns, ends) in enumerate((
            ("client", -3_000 if reset.from_client else 3_000, (aborted.client, aborted.server)),
            ("server", 3_000 if reset.from_client else -3_000, (aborted.server, aborted.client)),
        ))
    )  # fmt: skip
    found = matched(aborted, KernelStates(changes)).transitions
    assert {change.number for change in found} == {reset.number}


def test_the_ladder_has_the_kernel_s_times_and_the_table_all_of_them() -> None:
    one = orderly()
    kernel = matched(one, KernelStates(told(one), error_ns=100))
    drawn = ladder.ladder(one, kernel=kernel)
    first, second, third = drawn.rows[:3]
    assert (first.client, first.client_kernel) == ("SYN_SENT", "-2.00 us")
    assert (first.server, first.server_kernel) == ("SYN_RECV", "")  # a request, no socket yet
    assert (second.client, second.client_kernel) == ("ESTABLISHED", "+2.00 us")
    assert (third.server, third.server_kernel) == ("ESTABLISHED", "+2.00 us")
    entered = [row.client_kernel + row.server_kernel for row in drawn.rows]
    assert svg.svg(drawn).count("+2.00 us") == "".join(entered).count("+2.00 us") >= 4
    assert drawn.rows[-1].client == "TIME_WAIT" or drawn.rows[-2].client == "TIME_WAIT"
    waits = [row for row in drawn.rows if row.client == "TIME_WAIT"]
    assert [row.client_kernel for row in waits] == [""]  # it has no socket
    told_text = text.text(drawn, 100)
    assert "+2.00 us" in told_text and max(map(len, told_text.splitlines())) <= 100
    table = text.transitions(kernel)
    assert len(table) == 1 + 10 + 1
    assert "clocks agree within 100 ns" in table[-1]
    assert "FIN_WAIT2 and TIME_WAIT go on without a socket" in "\n".join(table)


def test_what_was_not_recorded_says_why(tmp_path: Path) -> None:
    states = kernel_states.load(tmp_path / "7.pcapng")
    found = matched(orderly(), states)
    assert text.transitions(found) == [f"the kernel's states: none: {kernel_states.NOT_RECORDED}"]


def test_states_are_kept_beside_their_packets(tmp_path: Path) -> None:
    states = KernelStates(told(orderly()), 120, 0)
    kernel_states.save(states, tmp_path / "7.pcapng")
    assert (tmp_path / "7.states.json").exists()
    assert kernel_states.load(tmp_path / "7.pcapng") == states
    (tmp_path / "7.states.json").write_text("{", encoding="utf-8")
    with pytest.raises(StoreError, match="cannot be read"):
        kernel_states.load(tmp_path / "7.pcapng")


def test_the_clocks_differ_by_what_both_say() -> None:
    found = kernel_states.clocks()
    assert 0 <= found.error_ns < 1_000_000
    early = time.clock_gettime_ns(time.CLOCK_MONOTONIC)
    wall = time.clock_gettime_ns(time.CLOCK_REALTIME)
    late = time.clock_gettime_ns(time.CLOCK_MONOTONIC)
    assert early <= wall - found.offset_ns + found.error_ns
    assert wall - found.offset_ns - found.error_ns <= late


@pytest.mark.core
@pytest.mark.parametrize("family", [socket.AF_INET, socket.AF_INET6])
def test_the_kernel_tells_a_connection_s_whole_life(family: socket.AddressFamily) -> None:
    host = "127.0.0.1" if family == socket.AF_INET else "::1"
    found, client, server = visited(family, host)
    if found.reason:
        pytest.skip(found.reason)
    assert found.lost == 0 and found.error_ns < 1_000_000
    for role, states in (("client", CLIENT), ("server", SERVER)):
        seen = [(one.before, one.after) for one in found.changes if one.role == role]
        assert seen == list(pairwise(states))
    named = {(one.role, one.local, one.remote) for one in found.changes if one.local[1]}
    assert named == {("client", client, server), ("server", server, client)}
    now_ns = time.time_ns()
    assert all(now_ns - 60e9 < one.time_ns <= now_ns for one in found.changes)


Place = tuple[str, int]


def visited(family: socket.AddressFamily, host: str) -> tuple[KernelStates, Place, Place]:
    """A connection that the client closes first; its states, and both ends."""
    with socket.socket(family) as listener:
        try:
            listener.bind((host, 0))
        except OSError as error:
            pytest.skip(f"no {host}: {error}")
        listener.listen()
        port = listener.getsockname()[1]
        watch = kernel_states.Watch(port, HERE)
        client = socket.create_connection((host, port))
        place = client.getsockname()[:2]
        server, _ = listener.accept()
        client.close()
        assert server.recv(1) == b""
        server.close()
        return watch.stop(), place, (host, port)  # its last ACK came before close returned


def test_namespaces_are_told_by_inode() -> None:
    assert kernel_states.namespaces(HERE) == [os.stat("/proc/self/ns/net").st_ino]
    assert capture.place_of(HERE).netns == ""
