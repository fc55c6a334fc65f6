"""TLS's part of a connection's bytes, on captures of real TLS over loopback."""

from __future__ import annotations

import json
import shutil
import signal
import socket
import ssl
import subprocess
import threading
from dataclasses import replace
from pathlib import Path

import pytest

from zyphos_lab.native import program
from zyphos_lab.packets import frames, text, tls, tls_columns
from zyphos_lab.packets.connections import Connection, Segment, of_frames

SENT, ANSWERED = 1000, 40_000  # bytes of data: three records of the answer
PACKETS = Path(__file__).resolve().parent / "packets"


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Key and certificate in one file, for localhost."""
    if shutil.which("openssl") is None:
        pytest.skip("no openssl to make a certificate with")
    folder = tmp_path_factory.mktemp("tls")
    key, made = folder / "key.pem", folder / "made.pem"
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256",
         "-nodes", "-days", "1", "-subj", "/CN=localhost", "-keyout", key, "-out", made],
        check=True, capture_output=True, timeout=60,
    )  # fmt: skip
    both = folder / "both.pem"
    both.write_text(key.read_text() + made.read_text())
    return both


def captured(
    folder: Path, certificate: Path, version: ssl.TLSVersion, cipher: str = "", snap: int = 65536
) -> tuple[Path, Connection]:
    """One TLS connection: SENT bytes asked, ANSWERED answered, no close_notify."""
    server_side = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server_side.load_cert_chain(certificate)
    server_side.num_tickets = 0  # which would count as data
    client_side = ssl.create_default_context(cafile=str(certificate))
    client_side.check_hostname = False
    for context in (server_side, client_side):
        context.minimum_version = context.maximum_version = version
        if cipher:
            context.set_ciphers(cipher)
    file = folder / "tls.pcapng"
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
        words = [program("zyphos-capture"), f"port={port}", f"file={file}", f"snap_bytes={snap}"]
        capture = subprocess.Popen(words, stdout=subprocess.PIPE, text=True)
        assert capture.stdout is not None
        try:
            ready = json.loads(capture.stdout.readline())
            if ready["event"] != "ready":
                pytest.skip(ready["reason"])
            answering = threading.Thread(target=answer, args=(listener, server_side))
            answering.start()
            ask(port, client_side)
            answering.join(60)
            capture.send_signal(signal.SIGTERM)
            assert json.loads(capture.stdout.readline())["dropped"] == 0
        finally:
            capture.kill()
            capture.communicate()
    [one] = of_frames(frames.read(file).frames)
    return file, one


def answer(listener: socket.socket, context: ssl.SSLContext) -> None:
    plain, _ = listener.accept()
    with context.wrap_socket(plain, server_side=True) as one:
        read_exactly(one, SENT)
        one.sendall(b"a" * ANSWERED)


def ask(port: int, context: ssl.SSLContext) -> None:
    with (
        socket.create_connection(("127.0.0.1", port)) as plain,
        context.wrap_socket(plain, server_hostname="localhost") as one,
    ):
        one.sendall(b"q" * SENT)
        read_exactly(one, ANSWERED)


def read_exactly(one: ssl.SSLSocket, size: int) -> None:
    while size:
        part = one.recv(size)
        assert part
        size -= len(part)


def payload(one: Connection) -> int:
    """Of both streams: what TCP sent again (a slow host makes its timers fire) counts once."""
    return sum(length(one, from_client) for from_client in (True, False))


def length(one: Connection, from_client: bool) -> int:
    """Of the stream one way: its first byte's sequence number is 1."""
    own = (each for each in one.segments if each.from_client == from_client)
    return max(each.seq - 1 + each.length for each in own if each.length)


def parts(found: tls.TlsBytes) -> int:
    return (
        found.header_bytes + found.handshake_bytes + found.overhead_bytes + found.alert_bytes
        + found.application_bytes
    )  # fmt: skip


@pytest.mark.native
@pytest.mark.parametrize(
    ("version", "cipher", "name", "each"),
    [
        (ssl.TLSVersion.TLSv1_3, "", "TLS 1.3", 17),
        (ssl.TLSVersion.TLSv1_2, "ECDHE-ECDSA-AES128-GCM-SHA256", "TLS 1.2", 24),
        (ssl.TLSVersion.TLSv1_2, "ECDHE-ECDSA-CHACHA20-POLY1305", "TLS 1.2", 16),
    ],
)
def test_the_parts_are_those_of_the_connection(
    tmp_path: Path, certificate: Path, version: ssl.TLSVersion, cipher: str, name: str, each: int
) -> None:
    file, one = captured(tmp_path, certificate, version, cipher)
    found = tls.tls_bytes(one)
    assert found is not None and (found.version, found.reason) == (name, "")
    assert found.application_bytes == SENT + ANSWERED
    assert found.header_bytes == 5 * found.records
    assert parts(found) == payload(one)
    assert found.overhead_bytes % each == 0 and found.overhead_bytes >= (1 + 3) * each
    assert 400 < found.handshake_bytes < 4000
    [line] = text.tls_line(found)
    assert line.startswith(f"{name}, ") and f"application data {SENT + ANSWERED} B" in line
    judge(file, one, found)
    columns_are_the_parts(one, found)


def columns_are_the_parts(one: Connection, found: tls.TlsBytes) -> None:
    """Of a window that holds the whole connection; and of two that share it out."""
    begun, ended = one.begun_ns, one.segments[-1].packet.time_ns + 1
    row, reason = tls_columns.columns([one], begun, ended)
    assert reason == "" and set(row) == set(tls_columns.NAMES)
    assert row["wire_tls_bytes"] == payload(one) == parts(found)
    assert row["wire_tls_application_bytes"] == SENT + ANSWERED
    assert row["wire_tls_handshake_bytes"] == found.handshake_bytes
    assert row["wire_tls_overhead_bytes"] == found.overhead_bytes
    assert row["wire_tls_record_header_bytes"] == 5 * row["wire_tls_records"]
    told = row["wire_tls_handshake_records"] + row["wire_tls_application_records"]
    assert told <= row["wire_tls_records"] == found.records
    assert row["wire_tls_packets"] == sum(segment.length > 0 for segment in one.segments)
    for middle in {segment.packet.time_ns for segment in one.segments}:
        early, late = (tls_columns.columns([one], *ends)[0]
                       for ends in ((begun, middle), (middle, ended)))  # fmt: skip
        assert {name: early[name] + late[name] for name in row} == row


def judge(file: Path, one: Connection, found: tls.TlsBytes) -> None:
    """tshark counts the same records, with the same lengths."""
    if shutil.which("tshark") is None:
        return
    decode = f"tcp.port=={one.server[1]},tls"
    done = subprocess.run(
        ["tshark", "-r", file, "-d", decode, "-T", "fields", "-e", "tls.record.length"],
        capture_output=True, text=True, timeout=60, check=True,
    )  # fmt: skip
    lengths = [int(word) for word in done.stdout.replace(",", " ").split()]
    assert len(lengths) == found.records
    assert sum(lengths) + found.header_bytes == payload(one)


@pytest.mark.native
def test_what_was_cut_off_is_said(tmp_path: Path, certificate: Path) -> None:
    _, one = captured(tmp_path, certificate, ssl.TLSVersion.TLSv1_3, snap=80)
    found = tls.tls_bytes(one)
    assert found is not None and "snap_bytes" in found.reason
    assert parts(found) == 0
    [line] = text.tls_line(found)
    assert "not told" in line
    row, reason = tls_columns.columns([one], one.begun_ns, one.begun_ns + 10**12)
    assert set(row.values()) == {None} and "connection 1: " in reason and "snap_bytes" in reason


@pytest.mark.native
def test_what_tcp_sent_again_counts_once(tmp_path: Path, certificate: Path) -> None:
    _, one = captured(tmp_path, certificate, ssl.TLSVersion.TLSv1_3)
    last = [segment for segment in one.segments if segment.length][-1]
    again = replace(one, segments=[*one.segments, last])
    assert tls.tls_bytes(again) == tls.tls_bytes(one)
    assert payload(again) == payload(one)
    window = (one.begun_ns, one.begun_ns + 10**12)
    (once, _), (twice, reason) = (tls_columns.columns([each], *window) for each in (one, again))
    assert reason == "" and twice == {**once, "wire_tls_packets": once["wire_tls_packets"] + 1}


@pytest.mark.native
def test_a_record_that_the_capture_ends_in_counts_against_its_own_time_alone(
    tmp_path: Path, certificate: Path
) -> None:
    _, one = captured(tmp_path, certificate, ssl.TLSVersion.TLSv1_3)
    every = tls.parts_between(one, 0, 10**12)
    assert not isinstance(every, str)
    begun_ns = one.begun_ns + every[-1].at_ns
    torn = replace(one, segments=[without_the_last_byte(one, each) for each in one.segments])
    found, reason = tls_columns.columns([torn], one.begun_ns, begun_ns)
    before = [part for part in every if part.at_ns < every[-1].at_ns]
    assert reason == "" and found["wire_tls_records"] == len(before)
    found, reason = tls_columns.columns([torn], one.begun_ns, begun_ns + 1)
    assert "the capture ends within a record" in reason and set(found.values()) == {None}


def without_the_last_byte(one: Connection, segment: Segment) -> Segment:
    """Of what the server sends; it speaks last, and may have sent its last byte twice."""
    if (
        segment.from_client
        or not segment.length
        or segment.seq - 1 + segment.length < length(one, False)
    ):
        return segment
    packet = segment.packet
    cut = replace(packet, payload_bytes=packet.payload_bytes - 1, payload=packet.payload[:-1])
    return replace(segment, packet=cut)


@pytest.mark.parametrize("name", ["http", "nagle", "reset"])
def test_what_is_no_tls_has_none(name: str) -> None:
    for one in of_frames(frames.read(PACKETS / f"{name}.pcapng").frames):
        assert tls.tls_bytes(one) is None and text.tls_line(None) == []
        assert tls_columns.columns([one], one.begun_ns, one.begun_ns + 10**12) == ({}, "")
