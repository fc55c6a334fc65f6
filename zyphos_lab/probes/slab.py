"""What the machine's TCP sockets take of the kernel's slabs (/proc/slabinfo, which root may read).

Knows no socket by itself and no side: a connection whose two ends are on this machine counts twice.
Source: slabinfo(5); fields are those of version 2.1.
"""

from __future__ import annotations

import os

# The socket, its inode and file, its place in an epoll set, and what stands for it before and
# after its life. The file's dentry is left out: its cache holds all the machine's names.
CACHES = ("TCP", "TCPv6", "sock_inode_cache", "filp", "eventpoll_epi", "eventpoll_pwq",
          "request_sock_TCP", "request_sock_TCPv6", "tw_sock_TCP", "tw_sock_TCPv6")  # fmt: skip
PAGE_BYTES = os.sysconf("SC_PAGE_SIZE")
NOT_TOLD = "/proc/slabinfo cannot be read: it needs root, and a kernel with slab statistics"


def socket_slab_bytes() -> int | None:
    """Bytes of whole slabs of these caches now; None where the kernel does not tell."""
    try:
        with open("/proc/slabinfo", encoding="ascii") as file:
            return counted(file.read())
    except OSError:
        return None


def counted(text: str) -> int | None:
    """The same of a slabinfo's text; None where it has no TCP in it."""
    rows = [line.split() for line in text.splitlines() if line.startswith(CACHES)]
    found = {row[0]: int(row[5]) * int(row[14]) for row in rows if row[0] in CACHES}
    return sum(found.values()) * PAGE_BYTES if "TCP" in found else None
