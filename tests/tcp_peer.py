"""A TCP peer made by hand: it speaks raw segments over a TUN device to this kernel's TCP.

What it sends is exactly what a test says, when it says it, so that each state can be provoked and
held (as packetdrill does). It knows no retransmission, no windows and no options. Everything is in
a namespace of the test's own. IPv4. Source: RFC 9293 3.1, RFC 1071, tun(4) (networking/tuntap.rst).
"""

from __future__ import annotations

import fcntl
import os
import select
import socket
import struct
import subprocess
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from zyphos_lab import netns

FIN, SYN, RST, ACK = 0x01, 0x02, 0x04, 0x10
KERNEL, PEER = "10.99.0.1", "10.99.0.2"
DEVICE = "zyt0"
TUNSETIFF, IFF_TUN, IFF_NO_PI = 0x400454CA, 0x0001, 0x1000
PATIENCE_S = 10.0
WINDOW = 65535
HEADERS = 40


@dataclass(frozen=True, slots=True)
class Segment:
    """One segment of the kernel's; ports are the kernel's and the peer's."""

    kernel_port: int
    peer_port: int
    seq: int
    ack: int
    flags: int
    data: bytes

    @property
    def end(self) -> int:
        """The number after its last byte; SYN and FIN are one each."""
        size = len(self.data) + bool(self.flags & SYN) + bool(self.flags & FIN)
        return (self.seq + size) % 2**32


class Wire:
    """The TUN device, up, in the namespace at `path`: what the kernel sends is read here."""

    def __init__(self, path: str) -> None:
        with netns.entered(path):
            self._tun = os.open("/dev/net/tun", os.O_RDWR | os.O_CLOEXEC)
            request = struct.pack("16sH22x", DEVICE.encode(), IFF_TUN | IFF_NO_PI)
            fcntl.ioctl(self._tun, TUNSETIFF, request)
        name = Path(path).name
        for words in (f"addr add {KERNEL}/24 dev {DEVICE}", f"link set {DEVICE} up"):
            subprocess.run(["ip", "-n", name, *words.split()], check=True)

    def close(self) -> None:
        os.close(self._tun)

    def send(self, packet: bytes) -> None:
        os.write(self._tun, packet)

    def segment(self, timeout_s: float) -> Segment | None:
        """The next segment that the kernel sends; None when none comes in time."""
        give_up = time.monotonic() + timeout_s
        while (left := give_up - time.monotonic()) > 0:
            if select.select([self._tun], [], [], left)[0]:
                found = _parsed(os.read(self._tun, 65536))
                if found is not None:
                    return found
        return None


class Peer:
    """The far end of one connection: `kernel_port` is the kernel's."""

    def __init__(self, wire: Wire, port: int, kernel_port: int, window: int = WINDOW) -> None:
        self.port, self.kernel_port, self.window = port, kernel_port, window
        self.seq, self.ack = 1000, 0  # what it sends next, and what it acknowledges
        self._wire = wire

    def send(self, flags: int, data: bytes = b"") -> None:
        """One segment; data, FIN and SYN move its own numbers on."""
        header = struct.pack("!HHIIBBHHH", self.port, self.kernel_port, self.seq,
                             self.ack if flags & ACK else 0, 5 << 4, flags, self.window,
                             0, 0)  # fmt: skip
        addresses = socket.inet_aton(PEER) + socket.inet_aton(KERNEL)
        pseudo = addresses + struct.pack("!BBH", 0, socket.IPPROTO_TCP, len(header) + len(data))
        check = _checksum(pseudo + header + data)
        header = header[:16] + struct.pack("!H", check) + header[18:]
        self._wire.send(_ip_header(len(header) + len(data), addresses) + header + data)
        size = len(data) + bool(flags & SYN) + bool(flags & FIN)
        self.seq = (self.seq + size) % 2**32

    def expect(self, flags: int) -> Segment:
        """The kernel's next segment of this connection with all of `flags`, which the next ACK
        acknowledges. AssertionError when none comes."""
        give_up = time.monotonic() + PATIENCE_S
        while (left := give_up - time.monotonic()) > 0:
            found = self._wire.segment(left)
            if found is None or found.kernel_port != self.kernel_port:
                continue
            if found.peer_port == self.port and found.flags & flags == flags:
                self.ack = found.end
                return found
        raise AssertionError(f"the kernel sent no segment with flags {flags:#x}")

    def open(self) -> None:
        """Connects to the kernel's listener, all three ways."""
        self.send(SYN)
        self.expect(SYN | ACK)
        self.send(ACK)


@dataclass(slots=True)
class Place:
    """A namespace with a wire; `pid` is a process in it that does nothing."""

    namespace: str
    wire: Wire
    pid: int
    next_port: int = 20000

    def peer(self, kernel_port: int, window: int = WINDOW) -> Peer:
        """Another one for a listener of the kernel's."""
        self.next_port += 1
        return Peer(self.wire, self.next_port, kernel_port, window)

    def states(self, port: int) -> Counter[str]:
        """Of the kernel's connections on `port`, minisockets too, as /proc/net/tcp numbers them."""
        lines = Path(f"/proc/{self.pid}/net/tcp").read_text().splitlines()[1:]
        return Counter(line.split()[3] for line in lines if f":{port:04X} " in line)


@contextmanager
def wired(name: str) -> Iterator[Place]:
    """A namespace of this process's with a wire in it; skips where there can be none."""
    path = netns.FOLDER / f"{netns.mark()}-{name}"
    made = subprocess.run(["ip", "netns", "add", path.name], capture_output=True, text=True)
    if made.returncode != 0:
        pytest.skip(f"no network namespace can be made: {made.stderr.strip()}")
    try:
        if not os.path.exists("/dev/net/tun"):
            pytest.skip("/dev/net/tun is not there")
        wire = Wire(str(path))
        with netns.entered(str(path)):
            inside = subprocess.Popen(["cat"], stdin=subprocess.PIPE, stdout=subprocess.DEVNULL)
        try:
            yield Place(str(path), wire, inside.pid)
        finally:
            inside.communicate()
            wire.close()
    finally:
        netns.remove(path.name)


def eventually(condition: Callable[[], object], what: str) -> None:
    give_up = time.monotonic() + PATIENCE_S
    while not condition():
        assert time.monotonic() < give_up, f"never: {what}"
        time.sleep(0.001)


def _parsed(packet: bytes) -> Segment | None:
    if len(packet) < HEADERS or packet[0] >> 4 != 4 or packet[9] != socket.IPPROTO_TCP:
        return None
    tcp = packet[(packet[0] & 15) * 4 : struct.unpack("!H", packet[2:4])[0]]
    source, destination, seq, ack, offset, flags = struct.unpack("!HHIIBB", tcp[:14])
    return Segment(source, destination, seq, ack, flags & 0x3F, tcp[(offset >> 4) * 4 :])


def _ip_header(size: int, addresses: bytes) -> bytes:
    fixed = struct.pack("!BBHHHBBH", 0x45, 0, 20 + size, 0, 0, 64, socket.IPPROTO_TCP, 0)
    check = _checksum(fixed + addresses)
    return fixed[:10] + struct.pack("!H", check) + addresses


def _checksum(data: bytes) -> int:
    padded = data + b"\0" * (len(data) % 2)
    total = sum(struct.unpack(f"!{len(padded) // 2}H", padded))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return ~total & 0xFFFF
