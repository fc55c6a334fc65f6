"""A namespace's netfilter over netlink: counters of nftables, the table of connections (conntrack).

Made in the namespace that it is to ask; used from anywhere. Exact; a reading takes some 50 us.
Source: <linux/netfilter/nf_tables.h>, <linux/netfilter/nfnetlink_conntrack.h>,
net/netfilter/nf_conntrack_standalone.c. One thread.
"""

from __future__ import annotations

import os
import socket
import struct
from collections.abc import Iterator

NETLINK_NETFILTER = 12
NLM_F_REQUEST, NLM_F_ACK, NLM_F_DUMP = 0x1, 0x4, 0x300
NLMSG_ERROR, NLMSG_DONE = 2, 3
NFPROTO_INET = 1
GET_OBJECTS = 10 << 8 | 19  # NFNL_SUBSYS_NFTABLES, NFT_MSG_GETOBJ
DELETE_CONNECTIONS = 1 << 8 | 2  # NFNL_SUBSYS_CTNETLINK, IPCTNL_MSG_CT_DELETE
OBJECT_NAME, OBJECT_DATA, COUNTER_PACKETS = 2, 4, 2
HEADER = struct.Struct("=LHHLL")  # nlmsghdr: length, type, flags, sequence, port
FAMILY = struct.Struct("=BBH")  # nfgenmsg: family, version, resource
ATTRIBUTE = struct.Struct("=HH")
NESTED = 0x8000
STATISTICS = "/proc/thread-self/net/stat/nf_conntrack"


class Netfilter:
    """Of the network namespace that the thread is in when this is made. OSError without it."""

    def __init__(self) -> None:
        self._socket = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, NETLINK_NETFILTER)
        try:
            self._statistics = os.open(STATISTICS, os.O_RDONLY | os.O_CLOEXEC)
        except FileNotFoundError:  # CONFIG_NF_CONNTRACK_PROCFS is off
            self._statistics = -1

    def counters(self) -> dict[str, int]:
        """Packets that each named counter of any table has seen."""
        found = {}
        for message in self._ask(GET_OBJECTS, NLM_F_DUMP):
            held = dict(_attributes(message[FAMILY.size :]))
            counts = dict(_attributes(held[OBJECT_DATA]))
            name = held[OBJECT_NAME].rstrip(b"\0").decode("ascii")
            found[name] = int.from_bytes(counts[COUNTER_PACKETS], "big")
        return found

    def connections(self) -> dict[str, int] | None:
        """The table's statistics, summed over CPUs (`entries` is one number); None where the
        kernel does not show them.
        """
        if self._statistics < 0:
            return None
        names, *rows = os.pread(self._statistics, 1 << 16, 0).decode("ascii").splitlines()
        columns = zip(*([int(field, 16) for field in row.split()] for row in rows), strict=True)
        sums = dict(zip(names.split(), map(list, columns), strict=False))
        entries = sums.pop("entries")
        return {"entries": entries[0], **{name: sum(each) for name, each in sums.items()}}

    def forget(self) -> None:
        """Empties the table of connections, as a NAT that was started anew. OSError."""
        self._ask(DELETE_CONNECTIONS, NLM_F_ACK)

    def _ask(self, kind: int, flags: int) -> list[bytes]:
        """Sends one request; the answers' payloads."""
        length = HEADER.size + FAMILY.size
        head = HEADER.pack(length, kind, NLM_F_REQUEST | flags, 1, 0)
        self._socket.send(head + FAMILY.pack(NFPROTO_INET if flags == NLM_F_DUMP else 0, 0, 0))
        found: list[bytes] = []
        while True:
            data = self._socket.recv(1 << 16)
            while len(data) >= HEADER.size:
                size, answer, *_ = HEADER.unpack_from(data)
                payload = data[HEADER.size : size]
                if answer == NLMSG_ERROR:
                    error = -struct.unpack_from("=i", payload)[0]
                    if error:
                        raise OSError(error, os.strerror(error), "netfilter")
                if answer in (NLMSG_ERROR, NLMSG_DONE):
                    return found
                found.append(payload)
                data = data[(size + 3) & ~3 :]

    def close(self) -> None:
        """Safe to repeat."""
        self._socket.close()
        if self._statistics >= 0:
            os.close(self._statistics)
            self._statistics = -1


def _attributes(data: bytes) -> Iterator[tuple[int, bytes]]:
    while len(data) >= ATTRIBUTE.size:
        length, kind = ATTRIBUTE.unpack_from(data)
        yield kind & ~NESTED, data[ATTRIBUTE.size : length]
        data = data[max(ATTRIBUTE.size, (length + 3) & ~3) :]
