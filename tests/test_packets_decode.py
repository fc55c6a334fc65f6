"""Captures read and decoded: against what tshark says of the same file, and damaged files."""

import shutil
import struct
import subprocess
from pathlib import Path

import pytest

from zyphos_lab.errors import StoreError
from zyphos_lab.packets import connections, decode, frames

PACKETS = Path(__file__).resolve().parent / "packets"
FILES = sorted(PACKETS.glob("*.pcapng"))
NANOSECONDS = 1_000_000_000
# Of tshark: in nanoseconds, relative numbers and scaled windows as ours.
FIELDS = (
    "frame.time_epoch", "frame.len", "tcp.srcport", "tcp.dstport", "tcp.hdr_len", "tcp.len",
    "tcp.flags", "tcp.seq", "tcp.ack", "tcp.window_size", "tcp.stream",
)  # fmt: skip


def test_there_are_captures() -> None:
    assert [path.stem for path in FILES] == ["http", "loss", "nagle", "reset", "window"]


def said_by_tshark(path: Path) -> list[list[str]]:
    """The fields of each packet."""
    if shutil.which("tshark") is None:
        pytest.skip("tshark is not installed: apt-get install tshark")
    wanted = [word for name in FIELDS for word in ("-e", name)]
    done = subprocess.run(
        ["tshark", "-r", str(path), "-n", "-T", "fields", *wanted],
        capture_output=True, text=True, check=True, timeout=120,
    )  # fmt: skip
    return [line.split("\t") for line in done.stdout.splitlines()]


def said_by_us(path: Path) -> list[list[str]]:
    found = connections.of_frames(frames.read(path).frames)
    every = [(one.number - 1, segment) for one in found for segment in one.segments]
    every.sort(key=lambda pair: pair[1].packet.time_ns)
    return [_fields(stream, segment) for stream, segment in every]


def _fields(stream: int, segment: connections.Segment) -> list[str]:
    one = segment.packet
    seconds, rest = divmod(one.time_ns, NANOSECONDS)
    return [
        f"{seconds}.{rest:09}", str(one.wire_bytes), str(one.source_port),
        str(one.destination_port), str(one.transport_bytes + one.option_bytes),
        str(segment.length), f"0x{one.flags:04x}", str(segment.seq), str(segment.ack),
        str(segment.window_bytes), str(stream),
    ]  # fmt: skip


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_every_field_is_what_tshark_says(path: Path) -> None:
    told = said_by_tshark(path)
    assert len(told) > 5
    assert said_by_us(path) == told


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_the_layers_add_up(path: Path) -> None:
    for frame in frames.read(path).frames:
        one = decode.packet(frame)
        assert one is not None
        layers = (one.link_bytes, one.ip_bytes, one.transport_bytes, one.option_bytes)
        assert sum(layers) + one.payload_bytes == one.wire_bytes
        assert one.link_bytes == 14


def test_what_the_file_says_of_itself() -> None:
    capture = frames.read(PACKETS / "nagle.pcapng")
    assert capture.interfaces == ["lo"]
    assert capture.dropped == 0
    assert not any(frame.outgoing for frame in capture.frames)


def test_capinfos_finds_the_files_in_order() -> None:
    if shutil.which("capinfos") is None:
        pytest.skip("capinfos is not installed: apt-get install wireshark-common")
    for path in FILES:
        done = subprocess.run(
            ["capinfos", "-MotE", str(path)], capture_output=True, text=True, check=True, timeout=60
        )
        assert "Strict time order:   True" in done.stdout


def test_options_of_a_handshake() -> None:
    first = decode.packet(frames.read(PACKETS / "nagle.pcapng").frames[0])
    assert first is not None and first.flag_names == ("SYN",)
    assert first.options.mss == 65495 and first.options.window_scale == 10
    assert first.options.sack_permitted and first.options.timestamp is not None
    assert first.option_bytes == 20


def test_a_torn_file_says_where() -> None:
    whole = (PACKETS / "http.pcapng").read_bytes()
    with pytest.raises(ValueError, match=r"the block at byte .* is torn or damaged"):
        frames.parse(whole[:-10])


@pytest.mark.parametrize("data", [b"", b"no capture", b"\x0a\x0d\x0d\x0a" + b"\0" * 24])
def test_what_is_no_capture_is_one_line(tmp_path: Path, data: bytes) -> None:
    path = tmp_path / "x.pcapng"
    path.write_bytes(data)
    with pytest.raises(StoreError) as error:
        frames.read(path)
    assert "\n" not in str(error.value) and "no whole pcapng file" in str(error.value)


def test_every_cut_of_a_file_is_read_or_refused() -> None:
    whole = (PACKETS / "reset.pcapng").read_bytes()
    read = 0
    for size in range(0, len(whole), 3):
        try:
            read += len(frames.parse(whole[:size]).frames)
        except (ValueError, struct.error, IndexError):
            continue
    assert len(frames.parse(whole).frames) == 8


def test_every_cut_of_a_packet_is_read_or_left_out() -> None:
    frame = frames.read(PACKETS / "nagle.pcapng").frames[3]
    for size in range(len(frame.data)):
        cut = frames.Frame(frame.time_ns, frame.link_type, frame.wire_bytes, frame.data[:size])
        found = decode.packet(cut)
        # The TCP header's first 20 bytes and the network's tell all sizes.
        assert (found is None) == (size < 14 + 20 + 16)
        assert found is None or found.payload_bytes == 8


def test_udp_over_bare_ip() -> None:
    udp = struct.pack("!HHHH", 5000, 53, 8 + 5, 0) + b"hello"
    ip = struct.pack("!BBHHHBBH4s4s", 0x45, 0, 20 + len(udp), 1, 0, 64, 17, 0, b"\x0a\0\0\1",
                     b"\x0a\0\0\2")  # fmt: skip
    one = decode.packet(frames.Frame(1, decode.RAW, len(ip + udp), ip + udp))
    assert one is not None and one.protocol == "udp" and one.payload == b"hello"
    assert (one.source, one.destination_port, one.link_bytes) == ("10.0.0.1", 53, 0)


def test_other_protocols_are_left_out() -> None:
    arp = frames.Frame(1, decode.ETHERNET, 42, b"\0" * 12 + b"\x08\x06" + b"\0" * 28)
    assert decode.packet(arp) is None
    assert connections.of_frames([arp]) == []
