"""Marks, causes of pauses, states and drawings, on captures of real traffic (tests/packets/)."""

import re
import xml.etree.ElementTree as ElementTree
from itertools import pairwise
from pathlib import Path

import pytest

from zyphos_lab.packets import bars, frames, ladder, layers, marks, pauses, states, svg, text
from zyphos_lab.packets.connections import Connection, of_frames
from zyphos_lab.packets.pauses import Setting

PACKETS = Path(__file__).resolve().parent / "packets"
NAMES = ("http", "loss", "nagle", "reset", "window")
SVG = "{http://www.w3.org/2000/svg}"


def of(name: str) -> list[Connection]:
    return of_frames(frames.read(PACKETS / f"{name}.pcapng").frames)


def kinds(connection: Connection, setting: Setting | None = None) -> list[str]:
    found = pauses.pauses(connection, marks.marks(connection.segments), setting)
    return [pause.kind for pause in found]


def drawn(name: str, rows: int = ladder.ROWS) -> ladder.Ladder:
    found = of(name)
    chosen = ladder.telling(found)
    assert chosen is not None
    return ladder.ladder(chosen, Setting(message_bytes=64 if name == "nagle" else None), rows)


# --- marks ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "connection", "mark", "times"),
    [
        ("nagle", 0, marks.DELAYED_ACK, 3),
        ("loss", 0, marks.RETRANSMISSION, 4),
        ("reset", 0, marks.RESET, 1),
        ("reset", 1, marks.RESET, 1),
        ("window", 0, marks.ZERO_WINDOW, 2),
        ("window", 0, marks.PROBE, 1),
        ("window", 0, marks.WINDOW_UPDATE, 1),
    ],
)
def test_what_is_remarkable_is_named(name: str, connection: int, mark: str, times: int) -> None:
    assert marks.marks(of(name)[connection].segments).count(mark) == times


def test_nothing_is_remarkable_about_a_plain_exchange() -> None:
    assert set(marks.marks(of("http")[0].segments)) == {""}


def test_the_original_of_a_retransmission_is_not_marked() -> None:
    segments = of("loss")[0].segments
    named = marks.marks(segments)
    first = named.index(marks.RETRANSMISSION)
    assert segments[first - 1].seq == segments[first].seq and not named[first - 1]


# --- causes ---------------------------------------------------------------------------------------


def test_nagle_is_named_where_it_holds() -> None:
    [one] = of("nagle")
    assert kinds(one).count("nagle") == 3
    found = pauses.pauses(one, marks.marks(one.segments), Setting(client_nodelay=False))
    held = [pause for pause in found if pause.kind == "nagle"]
    assert all(36e6 <= pause.length_ns <= 60e6 for pause in held)
    assert all("Nagle holds the client's 56 B" in pause.cause for pause in held)
    assert all("the server delays it" in pause.cause for pause in held)


def test_nagle_is_not_named_where_it_was_off() -> None:
    [one] = of("nagle")
    found = kinds(one, Setting(client_nodelay=True))
    assert "nagle" not in found and found.count("delayed_ack") == 3


def test_a_pause_for_want_of_data_is_the_application_s() -> None:
    assert kinds(of("nagle")[0]).count("client") >= 3


def test_timeouts_double() -> None:
    [one] = of("loss")
    found = pauses.pauses(one, marks.marks(one.segments))
    waits = [pause.length_ns for pause in found if pause.kind == "rto"]
    assert len(waits) == 4 and waits[0] >= 200e6
    assert all(1.9 < later / earlier < 2.1 for earlier, later in pairwise(waits[1:]))


def test_a_closed_window_is_the_reader_s_doing() -> None:
    found = kinds(of("window")[0])
    assert found[:3] == ["delayed_ack", "probe", "window"]


# --- states ---------------------------------------------------------------------------------------


def ends(connection: Connection) -> tuple[list[str], list[str]]:
    """The states that each end went through, without repetition."""
    known = states.states(connection.segments)
    sides = [one.client for one in known], [one.server for one in known]
    client, server = ([b for a, b in zip(["", *s], s, strict=False) if a != b] for s in sides)
    return client, server


@pytest.mark.parametrize("name", ["http", "nagle", "loss", "window"])
def test_an_orderly_connection_goes_through_its_states(name: str) -> None:
    client, server = ends(of(name)[0])
    assert client[:2] == ["SYN_SENT", "ESTABLISHED"] and client[-1] == "TIME_WAIT"
    assert server == ["SYN_RECV", "ESTABLISHED", "CLOSE_WAIT", "LAST_ACK", "CLOSE"]


def test_a_reset_closes_both_ends() -> None:
    aborted, refused = of("reset")
    assert ends(aborted) == (
        ["SYN_SENT", "ESTABLISHED", "CLOSE"],
        ["SYN_RECV", "ESTABLISHED", "CLOSE"],
    )
    assert ends(refused) == (["SYN_SENT", "CLOSE"], ["SYN_RECV", "CLOSE"])


# --- layers ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", NAMES)
def test_layers_and_phases_miss_no_byte(name: str) -> None:
    for one in of(name):
        whole = layers.layers(one.segments)
        parts = [layers.layers(part) for part in layers.phases(one).values()]
        assert sum(part.wire_bytes for part in parts) == whole.wire_bytes
        assert sum(whole.by_layer.values()) == whole.wire_bytes > 0


def test_bytes_of_one_get() -> None:
    """GET /hello, 40 bytes, over IPv6 with timestamps: 14 + 40 + 20 + 12 around it."""
    [one] = of("http")
    request = next(segment for segment in one.segments if segment.length)
    found = layers.layers([request])
    assert found.by_layer == {"link": 14, "ip": 40, "tcp": 20, "tcp_options": 12, "payload": 40}


# --- drawings -------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", NAMES)
def test_the_picture_is_whole_and_the_same_each_time(name: str) -> None:
    one = drawn(name)
    picture = svg.svg(one)
    assert picture == svg.svg(drawn(name))
    root = ElementTree.fromstring(picture)
    _, _, width, height = map(float, root.attrib["viewBox"].split())
    words = ["".join(element.itertext()) for element in root.iter(f"{SVG}text")]
    heads = [p for p in root.iter(f"{SVG}path") if p.get("class", "").endswith(" f")]
    assert len(heads) == len(one.rows)  # an arrow each
    assert {"client", "server"} <= set(words)
    for element in root.iter(f"{SVG}text"):
        assert 0 <= float(element.attrib["x"]) <= width
        assert 0 <= float(element.attrib["y"]) <= height


def test_time_runs_down() -> None:
    root = ElementTree.fromstring(svg.svg(drawn("nagle")))
    rows = [e for e in root.iter(f"{SVG}text") if e.get("class") == "t"]
    ys = [float(row.attrib["y"]) for row in rows]
    assert len(ys) == 27 and ys == sorted(ys) and min(b - a for a, b in pairwise(ys)) > 30


def test_long_pauses_are_cut_and_named() -> None:
    picture = svg.svg(drawn("loss"))
    words = " ".join(re.sub(r"<[^>]+>", " ", picture).split())
    assert "208 ms: retransmission timer (RTO) of the client" in words
    assert picture.count('class="cut"') >= 8  # both lifelines
    assert ElementTree.fromstring(picture).attrib["height"] < "2000"


def test_trouble_has_its_colour() -> None:
    assert svg.svg(drawn("reset")).count('class="b f"') == 1
    assert svg.svg(drawn("loss")).count('class="b f"') == 4
    assert 'class="b f"' not in svg.svg(drawn("http"))


def test_hostile_bytes_stay_words() -> None:
    one = drawn("http")
    segment = next(row.segment for row in one.rows if row.segment.length)
    hint = ladder.hint(segment, Setting())
    assert hint == "GET /hello HTTP/1.1 (40 B)"
    made = ladder.Ladder(one.connection, one.rows, 0, '<script>"&')
    assert "<script>" not in svg.svg(made)


def test_what_does_not_fit_is_counted() -> None:
    one = drawn("window", 20)
    assert len(one.rows) == 20
    left_out = sum(row.left_out for row in one.rows) + one.left_out_after
    assert left_out == 43 - 20
    assert f"{left_out} packets not drawn" in svg.svg(one)
    assert one.rows[-1].client == "" and one.rows[-2].client == "TIME_WAIT"


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("width", [20, 60, 80, 200, 300])
def test_the_text_fits_the_terminal(name: str, width: int) -> None:
    lines = text.text(drawn(name), width).splitlines()
    assert max(map(len, lines)) <= max(60, min(width, 200))
    arrows = [line for line in lines if "->" in line or "<-" in line]
    assert len(arrows) == len(drawn(name).rows)


def test_the_nagle_ladder_tells_the_whole_story() -> None:
    told = " ".join(text.text(drawn("nagle"), 120).split())
    for words in (
        "SYN, ACK", "message 2, bytes 1 to 8 of 64", "Nagle holds the client's 56 B until the ACK",
        "DELAYED ACK", "message 2, bytes 9 to 64 of 64", "answer 2 (64 B)", "FIN_WAIT1", "LAST_ACK",
    ):  # fmt: skip
        assert words in told


def test_bars_are_to_scale() -> None:
    sizes = {"link": 14.0, "ip": 20.0, "tcp": 20.0, "tcp_options": 12.0, "payload": 66.0}
    double = {name: 2 * value for name, value in sizes.items()}
    root = ElementTree.fromstring(bars.bars([("a", sizes), ("b", double)], "per request"))
    widths = [float(r.attrib["width"]) for r in root.iter(f"{SVG}rect") if r.get("height") == "16"]
    assert sum(widths[:5]) * 2 == pytest.approx(sum(widths[5:]), abs=1)
    assert widths[4] == pytest.approx(sum(widths[:4]), abs=1)
