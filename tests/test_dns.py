"""The small name server, zyphos-dns, as a program: judged by dig, and by what it refuses."""

from __future__ import annotations

import contextlib
import shutil
import signal
import socket
import subprocess
from collections.abc import Iterator

import pytest

from running import END_SECONDS, refused
from zyphos_lab.native import program

pytestmark = pytest.mark.native
DIG = shutil.which("dig")
needs_dig = pytest.mark.skipif(not DIG, reason="no dig here (apt: bind9-dnsutils)")
ZONE = ("record.www.zyphos.test=198.18.0.2", "record.www.zyphos.test=2001:db8::2")
# www.zyphos.test, type A, number 0x1234; what follows the number of the answer to it.
QUERY = (
    b"\x12\x34\x01\x00\x00\x01\x00\x00\x00\x00\x00\x00\x03www\x06zyphos\x04test\x00\x00\x01\x00\x01"
)
ANSWER = b"\x00\x00\x01\x2c\x00\x04\xc6\x12\x00\x02"  # 300 s, four bytes, 198.18.0.2


@contextlib.contextmanager
def serving(*words: str) -> Iterator[tuple[subprocess.Popen[str], int]]:
    command = [program("zyphos-dns"), "port=0", *words]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            line = process.stdout.readline()
            assert line.startswith("listening "), line
            yield process, int(line.rsplit(":", 1)[1])
        finally:
            process.kill()


def asked(port: int, datagram: bytes) -> bytes:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as client:
        client.settimeout(END_SECONDS)
        client.connect(("127.0.0.1", port))
        client.send(datagram)
        return client.recv(4096)


def dig(port: int, *words: str) -> str:
    command = [str(DIG), "@127.0.0.1", "-p", str(port), "+tries=1", *words]
    return subprocess.run(
        command, capture_output=True, text=True, check=True, timeout=END_SECONDS
    ).stdout


@needs_dig
def test_dig_finds_what_the_zone_has() -> None:
    with serving(*ZONE, "ttl_s=77") as (_, port):
        assert dig(port, "+short", "WWW.zyphos.test", "A") == "198.18.0.2\n"
        assert dig(port, "+short", "+noedns", "www.zyphos.test", "AAAA") == "2001:db8::2\n"
        whole = dig(port, "www.zyphos.test")
        assert "status: NOERROR" in whole and "flags: qr aa rd" in whole
        assert "EDNS: version: 0, flags:; udp: 1232" in whole
        assert whole.split("ANSWER SECTION:\n")[1].split()[:3] == ["www.zyphos.test.", "77", "IN"]
        assert "status: NXDOMAIN" in dig(port, "other.test")
        assert "status: REFUSED" in dig(port, "www.zyphos.test", "CH", "A")


def test_answers_before_and_after_rubbish() -> None:
    with serving(*ZONE) as (process, port):
        first = asked(port, QUERY)
        assert first[:2] == QUERY[:2] and first.endswith(ANSWER)
        assert asked(port, QUERY[:20])[3] & 0xF == 1  # FORMERR
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as client:
            for rubbish in (b"", b"\xff", first, bytes(4096)):
                client.sendto(rubbish, ("127.0.0.1", port))
        assert asked(port, QUERY) == first
        process.send_signal(signal.SIGTERM)
        assert process.wait(END_SECONDS) == 0


def test_a_slow_one_answers_each_in_its_order() -> None:
    client = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    with serving(*ZONE, "delay_ns=20000000") as (_, port), client:
        client.settimeout(END_SECONDS)
        client.connect(("127.0.0.1", port))
        for number in range(5):
            client.send(bytes([0, number]) + QUERY[2:])
        assert [client.recv(4096)[1] for _ in range(5)] == [0, 1, 2, 3, 4]


@pytest.mark.parametrize(
    ("word", "said"),
    [
        ("recrod.a=1.2.3.4", "unknown option 'recrod.a'"),
        ("record.a..b=1.2.3.4", "is no host name"),
        ("record.a=1.2.3", "not an IPv4 or IPv6 address: '1.2.3'"),
        ("address=localhost", "not an IPv4 or IPv6 address"),
    ],
)
def test_what_it_does_not_take(word: str, said: str) -> None:
    code, out, error = refused("zyphos-dns", word)
    assert (code, out) == (2, "") and said in error and error.count("\n") == 1
